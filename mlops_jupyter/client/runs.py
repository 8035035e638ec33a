"""The client's methods on runs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlops_jupyter.client.calls import Calls, decode, plain
from mlops_jupyter.types import Resources, RunStatus

WAIT_SECONDS = 60.0
"""Longest time that one request waits; a longer wait is several."""

SLACK_SECONDS = 30.0
REBUILD_SECONDS = 1800.0
"""Longest wait for a recorded environment to be made again."""


@dataclass(frozen=True)
class RunPage:
    """Runs, newest first, without their cells and records; `next` is the next page's cursor."""

    runs: list[RunStatus] = field(default_factory=list)
    next: str | None = None


@dataclass(frozen=True)
class LogPart:
    """A part of a run's output: bytes `start` to `next`, the offset to go on from."""

    text: str = ""
    start: int = 0
    next: int = 0
    ended: bool = False


class RunCalls(Calls):
    """Runs of notebooks."""

    def run(
        self,
        notebook: str | Path,
        parameters: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> RunStatus:
        """Put a notebook into the hub's queue; answers as soon as it is there.

        Parameters
        ----------
        notebook
            Path; a copy of what it holds now is what runs.
        options
            As for :func:`run_body`.

        Raises
        ------
        InvalidRequest
            It is no notebook, or the parameters do not fit it.
        NotFound
            There is no such notebook.
        """
        body = run_body(notebook, parameters, **options)
        return self._send("POST", "/runs", RunStatus, body, repeatable=False)

    def runs(
        self,
        *,
        state: str | None = None,
        notebook: str | None = None,
        user: str | None = None,
        sweep: str | None = None,
        schedule: str | None = None,
        alone: bool = False,
        before: str | None = None,
        limit: int = 100,
    ) -> RunPage:
        """Runs, newest first.

        Parameters
        ----------
        state
            May be ``active`` for all that have not ended.
        alone
            Leave out the runs of sweeps.
        """
        query = {
            "state": state,
            "notebook": notebook,
            "user": user,
            "sweep": sweep,
            "schedule": schedule,
            "alone": "true" if alone else None,
            "before": before,
            "limit": limit,
        }
        return self._get("/runs", RunPage, query)

    def run_status(self, run: str) -> RunStatus:
        """One run with its cells and record; a unique beginning of its id is enough."""
        return self._get(_run(run), RunStatus)

    def wait_for_run(self, run: str, seconds: float | None = None) -> RunStatus:
        """Wait until a run has ended, or for `seconds`; how it stands then."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            left = WAIT_SECONDS if deadline is None else deadline - time.monotonic()
            wait = max(0.0, min(left, WAIT_SECONDS))
            response = self._connection.request(
                "GET", _run(run), query={"wait": f"{wait:g}"}, timeout=wait + SLACK_SECONDS
            )
            status = decode(response.content, RunStatus)
            if status.ended or (left <= WAIT_SECONDS and deadline is not None):
                return status

    def cancel_run(self, run: str, wait: float = 0.0) -> RunStatus:
        """End a run: its kernel is interrupted, and killed if it does not listen."""
        response = self._connection.request(
            "POST",
            f"{_run(run)}/cancel",
            query={"wait": f"{wait:g}"} if wait else None,
            json_body={},
            repeatable=False,
            timeout=wait + SLACK_SECONDS,
        )
        return decode(response.content, RunStatus)

    def rerun(self, run: str, kernel: str = "") -> RunStatus:
        """Run a recorded run again: its notebook, parameters, environment and data.

        Parameters
        ----------
        kernel
            Name of a kernelspec to use instead of the recorded environment.
        """
        path = f"{_run(run)}/rerun"
        body = {"kernel": kernel}
        response = self._connection.request(
            "POST", path, json_body=body, repeatable=False, timeout=REBUILD_SECONDS
        )
        return decode(response.content, RunStatus)

    def compare_runs(self, run: str, other: str, tolerance: float | None = None) -> dict[str, Any]:
        """How `other` compares with `run`: ``{kind, text, differences, close, …}``."""
        path = f"{_run(run)}/compare/{quote(other, safe='')}"
        response = self._connection.request(
            "GET", path, query={"tolerance": tolerance}, timeout=REBUILD_SECONDS
        )
        return decode(response.content, dict[str, Any])

    def run_log(
        self, run: str, stream: str = "stdout", offset: int = 0, before: int | None = None
    ) -> LogPart:
        """What the run's kernel printed to `stream`, from byte `offset` on, at most 256 KiB.

        Parameters
        ----------
        offset
            Negative for so many of the last bytes, from the beginning of a line on.
        before
            The byte at which the part ends at the latest.
        """
        query = {"stream": stream, "offset": offset, "before": before}
        return self._get(f"{_run(run)}/log", LogPart, query)

    def follow_log(self, run: str, stream: str = "stdout") -> Iterator[str]:
        """What the kernel prints, as it comes, until the run has ended."""
        offset = 0
        while True:
            part = self.run_log(run, stream, offset)
            offset = part.next
            if part.text:
                yield part.text
            elif part.ended:
                return
            else:
                time.sleep(0.2)

    def run_notebook(self, run: str, which: str = "output") -> bytes:
        """The executed notebook (``output``), the accepted one (``input``) or a page (``html``)."""
        return self._connection.request("GET", f"{_run(run)}/{quote(which, safe='')}").content

    def run_artifact(self, run: str, name: str) -> Iterator[bytes]:
        """A file that the run has kept, a part at a time."""
        with self._connection.stream(f"{_run(run)}/artifacts/{quote(name, safe='')}") as parts:
            yield from parts

    def notebook(self, path: str | Path) -> dict[str, Any]:
        """A notebook's kernel, language and declared parameters."""
        return self._get("/notebook", dict[str, Any], {"path": _absolute(path)})


def run_body(
    notebook: str | Path,
    parameters: Mapping[str, Any] | None = None,
    *,
    texts: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    kernel: str = "",
    folder: str | Path | None = None,
    output: str | Path | None = None,
    resources: Resources | None = None,
    cell_seconds: float | None = None,
    run_seconds: float | None = None,
    retries: int = 0,
    backoff_seconds: float = 10.0,
    notify: str = "",
) -> dict[str, Any]:
    """What is asked for when a notebook shall run, as the hub's API has it.

    Parameters
    ----------
    parameters, texts
        Values by name, and values as somebody typed them.
    secrets
        References by variable: ``env:NAME`` (of this process, else of the hub's), ``file:PATH``,
        ``keyring:SERVICE/USER``.
    folder
        Working directory of the kernel; default: the notebook's.
    output
        Where the executed notebook is copied to, too.
    cell_seconds, run_seconds
        Time limits.
    notify
        URL that is told of its end.
    """
    return {
        "notebook": _absolute(notebook),
        "parameters": dict(parameters or {}),
        "texts": dict(texts or {}),
        "secrets": dict(secrets or {}),
        "values": _known_here(secrets or {}),
        "environment": dict(environment or {}),
        "kernel": kernel,
        "folder": _absolute(folder) if folder else "",
        "output": _absolute(output) if output else None,
        "resources": plain(resources or Resources()),
        "cell_seconds": cell_seconds,
        "run_seconds": run_seconds,
        "retries": retries,
        "backoff_seconds": backoff_seconds,
        "notify": notify,
    }


def _absolute(path: str | Path) -> str:
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - links stay links


def _known_here(secrets: Mapping[str, str]) -> dict[str, str]:
    """Values of the references to environment variables that this process has."""
    found = {}
    for name, reference in secrets.items():
        kind, _, variable = reference.partition(":")
        if kind == "env" and variable in os.environ:
            found[name] = os.environ[variable]
    return found


def _run(run: str) -> str:
    return f"/runs/{quote(run, safe='')}"
