"""Runs of notebooks: what there is, and the verbs on them.

What has not ended is in `running`: its queue, its processes, its end.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.engine import Connection

from mlops_jupyter.hub import records
from mlops_jupyter.hub.live_run import LiveRun
from mlops_jupyter.hub.run_store import RunFilter, summary
from mlops_jupyter.hub.running import Running
from mlops_jupyter.training.folder import RunFolder
from mlops_jupyter.training.parameters import json_values
from mlops_jupyter.training.queue import never_fits
from mlops_jupyter.training.secrets import exposed
from mlops_jupyter.types import (
    Caller,
    Conflict,
    InvalidRequest,
    MlopsError,
    NotFound,
    RunSpec,
    RunStatus,
    Unavailable,
    did_you_mean,
)

MAX_QUEUED = 100_000

Also = Callable[[Connection], object]


class Runs:
    """All runs of the hub and the verbs on them; `running` are those that have not ended."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._store = running.store
        self._folder = running.folder
        self.slots = running.slots
        self.on_end = running.on_end
        self.parallel = running.parallel

    # -- what there is ------------------------------------------------------------------------

    def get(self, run: str) -> RunStatus:
        """One run, by its id or a beginning of it that only one has; raise NotFound."""
        live = self._running.get(run)
        if live is not None:
            return live.described
        kept = self._store.get(run) if run else None
        if kept is not None:
            return kept
        near = self._store.beginning(run) if len(run) >= 2 and run.isalnum() else []
        if len(near) == 1:
            return self.get(near[0])
        raise NotFound(
            "There is no such run.",
            reason=f"Several begin with it: {', '.join(near[:5])}." if near else "",
            fix="%runs lists them.",
            code="no_such_run",
        )

    def page(self, wanted: RunFilter) -> tuple[list[Any], str | None]:
        """Runs that fit, newest first, and the cursor of the next page."""
        found, following = self._store.page(wanted)
        return [
            summary(live.described) if (live := self._running.get(run)) else kept
            for run, kept in found
        ], following

    def active(self) -> list[RunStatus]:
        """Runs that have not ended, oldest first."""
        return [live.described for live in self._running]

    def log(self, run: str, stream: str) -> Path:
        """The file with what the run's kernel printed to `stream`."""
        folder = self.folder(run)
        return folder.stderr if stream == "stderr" else folder.stdout

    def folder(self, run: str) -> RunFolder:
        """The folder of a run, which may be gone when the run was dropped from the history."""
        return RunFolder(self._folder / self.get(run).id)

    def artifact(self, run: str, name: str) -> Path:
        """The file that a run has kept under `name`; raise NotFound with the closest names."""
        status = self.get(run)
        known = {str(one["name"]): str(one["sha256"]) for one in status.record.get("artifacts", ())}
        if name not in known:
            raise NotFound(
                f"The run {status.id} has no artifact {ascii(name)[:60]}.",
                reason="" if known else "It has kept none.",
                fix=did_you_mean(name, known),
                code="no_such_artifact",
            )
        return self.folder(status.id).artifacts / known[name]

    # -- verbs --------------------------------------------------------------------------------

    def submit(
        self,
        spec: RunSpec,
        notebook: bytes,
        caller: Caller | None,
        *,
        values: Mapping[str, str] | None = None,
        record: dict[str, Any] | None = None,
        also: Also | None = None,
    ) -> RunStatus:
        """Put a run into the queue; durable on return.

        Parameters
        ----------
        notebook
            The bytes to execute.
        caller
            Who asks; None is a rule of the hub's own.
        values
            Secrets whose references were resolved where the caller is.
        record
            Facts known so far.
        also
            A further change of the state that is made with it or not at all.

        Raises
        ------
        InvalidRequest
            The machine could never hold it.
        AuditUnavailable
            The ledger cannot write; nothing is kept.
        Unavailable
            The disk is full.
        """
        reason = never_fits(spec.resources, self.slots)
        if reason:
            raise InvalidRequest(
                "The run asks for more than this machine has.",
                reason=reason,
                fix="Ask for less, or run it on a larger target.",
                code="never_fits",
            )
        if len(self._running) >= MAX_QUEUED:
            raise InvalidRequest(
                f"{MAX_QUEUED} runs are waiting already.",
                fix="Wait until some have ended, or cancel some.",
                code="queue_full",
            )
        run_id = secrets.token_hex(6)
        status = RunStatus(
            run_id,
            replace(spec, parameters=json_values(spec.parameters)),
            "queued",
            submitted_at=round(time.time(), 6),
            submitted_by=records.subject(caller),
            record={**(record or {}), **_warnings(spec)},
        )
        folder = self._make_folder(run_id, spec, notebook)
        try:
            self._store.save([status], [records.run("run.submit", status, caller)], also)
        except MlopsError:
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        live = LiveRun(status, folder, values or {})
        self._running.add(live)
        return live.described

    def _make_folder(self, run_id: str, spec: RunSpec, notebook: bytes) -> RunFolder:
        try:
            return RunFolder.make(self._folder, run_id, spec, notebook)
        except OSError as error:
            shutil.rmtree(self._folder / run_id, ignore_errors=True)
            raise Unavailable(
                "The run cannot be kept.",
                reason=f"{error.strerror or error}: {self._folder}.",
                fix="Make room on the disk of the hub's state directory, and run it again.",
                code="cannot_keep",
            ) from error

    def note(
        self,
        spec: RunSpec,
        state: Literal["skipped", "failed"],
        code: str,
        reason: str,
        *,
        also: Also | None = None,
    ) -> RunStatus:
        """Keep a run that was due and never came to be, and why; durable on return."""
        now = round(time.time(), 6)
        status = RunStatus(
            secrets.token_hex(6),
            spec,
            state,
            code,
            reason,
            submitted_at=now,
            submitted_by=records.subject(None),
            ended_at=now,
        )
        self._store.save([status], [records.run("run.end", status, None)], also)
        self._running.ended(status)
        return status

    def amend(self, status: RunStatus, *said: dict[str, Any]) -> None:
        """Keep what has become known of a run that has ended, with records that tell of it."""
        self._store.save([status], said)
        self._running.tell(status)

    def drop(self, ids: Sequence[str]) -> None:
        """Remove runs that have ended, with their folders; the ledger keeps its records."""
        gone = [run for run in ids if self._running.get(run) is None]
        if gone:
            self._store.forget(gone, [records.system("run.drop", runs=gone[:1000])])
            for run in gone:
                shutil.rmtree(self._folder / run, ignore_errors=True)

    def cancel(self, run: str, caller: Caller | None, reason: str = "") -> RunStatus:
        """Ask a run to end; one that is queued has ended on return.

        Raises
        ------
        Conflict
            It has ended already.
        """
        status = self.get(run)
        live = self._running.get(status.id)
        if live is None:
            raise Conflict(
                f"The run {status.id} has ended already.",
                reason=f"It is {status.state}.",
                code="run_ended",
            )
        who = records.subject(caller)
        live.cancelled_by = who
        said = records.run("run.cancel", live.status, caller)
        if live.status.state == "queued" and not live.starting:
            self._running.finish(
                live,
                replace(
                    live.status,
                    state="cancelled",
                    reason=reason or f"Cancelled by {who} before it started.",
                    ended_at=time.time(),
                ),
                [said],
            )
            return live.status
        self._store.save([live.status], [said])
        live.terminate()
        return live.described

    # -- as long as the hub goes on -----------------------------------------------------------

    def restore(self) -> None:
        """Take over the runs of the hub before."""
        self._running.restore()

    async def supervise(self) -> None:
        """Start what may start, and follow what runs, for ever."""
        await self._running.supervise()

    async def changed(self, seconds: float) -> None:
        """Wait until any run has changed, for `seconds` at most."""
        await self._running.changed(seconds)

    async def close(self) -> None:
        """Stop following; what runs goes on."""
        await self._running.close()


def _warnings(spec: RunSpec) -> dict[str, Any]:
    """What somebody should know of a run that is started all the same."""
    said = exposed(spec.secrets)
    return {"warnings": list(said)} if said else {}
