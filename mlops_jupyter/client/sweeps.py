"""The client's methods on sweeps and schedules."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlops_jupyter.client.calls import Calls
from mlops_jupyter.client.runs import run_body
from mlops_jupyter.types import ScheduleStatus, SweepStatus

_LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class CronStarts:
    """The next starts, epoch seconds; `offset_seconds` of jitter are in them."""

    starts: tuple[float, ...] = ()
    offset_seconds: float = 0.0


class SweepCalls(Calls):
    """Sets of runs over parameters."""

    def start_sweep(
        self,
        notebook: str | Path,
        space: Sequence[str],
        *,
        metric: str = "",
        direction: str = "maximize",
        search: str = "grid",
        count: int | None = None,
        seed: int = 0,
        parallel: int = 1,
        **options: Any,
    ) -> SweepStatus:
        """Run a notebook for each point of a space; see `mlops_jupyter.types.SweepSpec`.

        Parameters
        ----------
        options
            As for :func:`mlops_jupyter.client.runs.run_body`.
        """
        body = {
            "run": run_body(notebook, **options),
            "space": list(space),
            "metric": metric,
            "direction": direction,
            "search": search,
            "count": count,
            "seed": seed,
            "parallel": parallel,
        }
        return self._send("POST", "/sweeps", SweepStatus, body, repeatable=False)

    def sweeps(self) -> list[SweepStatus]:
        """All sweeps, newest first."""
        return self._get("/sweeps", list[SweepStatus])

    def sweep(self, sweep: str) -> SweepStatus:
        """One sweep."""
        return self._get(_sweep(sweep), SweepStatus)

    def wait_for_sweep(self, sweep: str, seconds: float) -> SweepStatus:
        """Wait until all runs of a sweep have ended, or for `seconds`."""
        deadline = time.monotonic() + seconds
        while not (status := self.sweep(sweep)).ended and time.monotonic() < deadline:
            time.sleep(min(_LOOK_SECONDS, seconds))
        return status

    def cancel_sweep(self, sweep: str) -> SweepStatus:
        """End a sweep and all its runs."""
        return self._send("POST", f"{_sweep(sweep)}/cancel", SweepStatus, {}, repeatable=False)


class ScheduleCalls(Calls):
    """Cron rules that start runs."""

    def save_schedule(
        self,
        notebook: str | Path,
        cron: str,
        *,
        name: str | None = None,
        time_zone: str = "UTC",
        parameters: Mapping[str, Any] | None = None,
        concurrency: str = "Allow",
        starting_deadline_seconds: float | None = None,
        suspended: bool = False,
        jitter_seconds: float = 0.0,
        pinned: bool = False,
        succeeded_history: int = 100,
        failed_history: int = 100,
        revision: int | None = None,
        **options: Any,
    ) -> ScheduleStatus:
        """Make or replace a schedule; see `mlops_jupyter.types.ScheduleSpec`.

        Parameters
        ----------
        name
            The notebook's name without its ending if not given.
        revision
            Refuse with Conflict if the schedule is at another one by now; 0 is none yet.
        options
            As for :func:`mlops_jupyter.client.runs.run_body`.
        """
        run = run_body(notebook, parameters, **options)
        # nobody is there to give them when it starts something
        run["values"] = {}
        body = {
            "run": run,
            "cron": cron,
            "time_zone": time_zone,
            "concurrency": concurrency,
            "starting_deadline_seconds": starting_deadline_seconds,
            "suspended": suspended,
            "jitter_seconds": jitter_seconds,
            "pinned": pinned,
            "succeeded_history": succeeded_history,
            "failed_history": failed_history,
            "revision": revision,
        }
        return self._send("PUT", _schedule(name or _name_of(notebook)), ScheduleStatus, body)

    def schedules(self) -> list[ScheduleStatus]:
        """All schedules by name."""
        return self._get("/schedules", list[ScheduleStatus])

    def schedule(self, name: str) -> ScheduleStatus:
        """One schedule."""
        return self._get(_schedule(name), ScheduleStatus)

    def cron_starts(
        self,
        cron: str,
        *,
        time_zone: str = "UTC",
        name: str = "",
        jitter_seconds: float = 0.0,
        count: int = 3,
    ) -> CronStarts:
        """When a cron rule would start something next; `name` decides on its part of the jitter."""
        query = {
            "cron": cron,
            "time_zone": time_zone,
            "name": name,
            "jitter_seconds": jitter_seconds,
            "count": count,
        }
        return self._get("/cron", CronStarts, query)

    def suspend_schedule(self, name: str, *, suspended: bool) -> ScheduleStatus:
        """Let a schedule start nothing for now, or start runs again."""
        verb = "suspend" if suspended else "resume"
        return self._send("POST", f"{_schedule(name)}/{verb}", ScheduleStatus, {})

    def trigger_schedule(self, name: str) -> ScheduleStatus:
        """Start a run of a schedule now, beside its rule."""
        path = f"{_schedule(name)}/trigger"
        return self._send("POST", path, ScheduleStatus, {}, repeatable=False)

    def delete_schedule(self, name: str) -> None:
        """Remove a schedule; its runs stay."""
        self._connection.request("DELETE", _schedule(name))


def _name_of(notebook: str | Path) -> str:
    stem = Path(notebook).name.removesuffix(".ipynb").lower()
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in stem)
    return name.strip("._-")[:63] or "schedule"


def _sweep(sweep: str) -> str:
    return f"/sweeps/{quote(sweep, safe='')}"


def _schedule(name: str) -> str:
    return f"/schedules/{quote(name, safe='')}"
