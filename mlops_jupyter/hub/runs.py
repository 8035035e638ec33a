"""Runs of notebooks: accepted, queued, started when there is room, followed to their end.

Each run has a supervisor process of its own, which neither needs the hub nor ends with it. The hub
follows what it writes into the run's folder; one that starts finds the runs of the one before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.engine import Connection

from mlops_jupyter.hub import records
from mlops_jupyter.hub.live_run import LiveRun
from mlops_jupyter.hub.notices import Notices
from mlops_jupyter.hub.run_start import start_supervisor
from mlops_jupyter.hub.run_store import RunFilter, RunStore, summary
from mlops_jupyter.serving.gpus import GpuInventory
from mlops_jupyter.training.folder import RunFolder
from mlops_jupyter.training.parameters import json_values
from mlops_jupyter.training.queue import Slots, Waiting, choose, never_fits
from mlops_jupyter.training.runner import clear
from mlops_jupyter.types import (
    AuditUnavailable,
    Caller,
    Conflict,
    InvalidRequest,
    MlopsError,
    NotFound,
    RunSpec,
    RunStatus,
)

LOOK_SECONDS = 0.05
"""How often the events of running runs are read."""

QUEUE_SECONDS = 1.0
"""How often the queue is looked through when nothing has changed."""

RETRY_SECONDS = 2.0
"""Pause before a change that the ledger could not take is tried again."""

MAX_QUEUED = 100_000

_log = logging.getLogger(__name__)

Ended = Callable[[RunStatus], None]
Also = Callable[[Connection], object]


class Runs:
    """All runs of the hub and the verbs on them.

    Parameters
    ----------
    folder
        Where the runs' folders are.
    slots
        What the machine has for runs.
    environment
        Gives variables for the kernel of a run.
    lineage
        Finds out what a run that starts is made of; called in a thread, never raises.
    """

    def __init__(
        self,
        store: RunStore,
        folder: Path,
        notices: Notices,
        slots: Slots,
        gpus: GpuInventory,
        environment: Callable[[RunStatus], Mapping[str, str]] = lambda run: {},
        lineage: Callable[[RunStatus, Path], dict[str, Any]] = lambda run, folder: {},
    ) -> None:
        self._store = store
        self._folder = folder
        self._notices = notices
        self.slots = slots
        self._gpus = gpus
        self._environment = environment
        self._lineage = lineage
        self._live: dict[str, LiveRun] = {}
        self._woken = asyncio.Event()
        self._change = asyncio.Event()
        self._stale = True
        self._chosen_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_end: list[Ended] = []
        self.parallel: dict[str, int] = {}
        """How many runs of a sweep may go on at once, by its id."""

    # -- what there is ------------------------------------------------------------------------

    def get(self, run: str) -> RunStatus:
        """One run, by its id or a beginning of it that only one has; raise NotFound."""
        live = self._live.get(run)
        if live is not None:
            return self._described(live)
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
        live = self._live
        return [
            summary(self._described(live[run])) if run in live else kept for run, kept in found
        ], following

    def active(self) -> list[RunStatus]:
        """Runs that have not ended, oldest first."""
        return [self._described(live) for live in self._live.values()]

    def log(self, run: str, stream: str) -> Path:
        """The file with what the run's kernel printed to `stream`."""
        folder = self.folder(run)
        return folder.stderr if stream == "stderr" else folder.stdout

    def folder(self, run: str) -> RunFolder:
        """The folder of a run, which may be gone when the run was dropped from the history."""
        return RunFolder(self._folder / self.get(run).id)

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
        """
        reason = never_fits(spec.resources, self.slots)
        if reason:
            raise InvalidRequest(
                "The run asks for more than this machine has.",
                reason=reason,
                fix="Ask for less, or run it on a larger target.",
                code="never_fits",
            )
        if len(self._live) >= MAX_QUEUED:
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
            record=record or {},
        )
        folder = RunFolder.make(self._folder, run_id, spec, notebook)
        try:
            self._store.save([status], [records.run("run.submit", status, caller)], also)
        except MlopsError:
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        self._live[run_id] = LiveRun(status, folder, values or {})
        self._look_again()
        self._changed(status)
        return self._described(self._live[run_id])

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
        self._changed(status)
        for told in self.on_end:
            told(status)
        return status

    def amend(self, status: RunStatus, *said: dict[str, Any]) -> None:
        """Keep what has become known of a run that has ended, with records that tell of it."""
        self._store.save([status], said)
        self._changed(status)

    def drop(self, ids: Sequence[str]) -> None:
        """Remove runs that have ended, with their folders; the ledger keeps its records."""
        gone = [run for run in ids if run not in self._live]
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
        live = self._live.get(status.id)
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
            self._finish(
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
        return self._described(live)

    async def changed(self, seconds: float) -> None:
        """Wait until any run has changed, for `seconds` at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._change.wait()
        except TimeoutError:
            pass

    # -- the loop -----------------------------------------------------------------------------

    def restore(self) -> None:
        """Take over the runs of the hub before: go on with those that go on, end the others."""
        for status in self._store.unended():
            live = LiveRun(status, RunFolder(self._folder / status.id))
            self._live[status.id] = live
            if status.state != "queued":
                live.status = replace(status, state="starting")
                self._follow(live)

    async def supervise(self) -> None:
        """Start what may start, and follow what runs, for ever."""
        while True:
            self._woken.clear()
            try:
                self._start_waiting()
                for live in [one for one in self._live.values() if one.status.state != "queued"]:
                    self._follow(live)
            except AuditUnavailable as error:
                _log.warning("runs wait for the ledger: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                _log.exception("the runs' upkeep failed")
                await asyncio.sleep(RETRY_SECONDS)
            await self._wait()

    async def close(self) -> None:
        """Stop following; what runs goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _wait(self) -> None:
        going = any(live.status.state != "queued" for live in self._live.values())
        pause = LOOK_SECONDS if going else (QUEUE_SECONDS if self._live else None)
        try:
            async with asyncio.timeout(pause):
                await self._woken.wait()
        except TimeoutError:
            pass

    def _start_waiting(self) -> None:
        waiting = [live for live in self._live.values() if live.status.state == "queued"]
        now = time.monotonic()
        if not waiting or (not self._stale and now - self._chosen_at < QUEUE_SECONDS):
            return
        self._stale, self._chosen_at = False, now
        going = [
            self._asked(live)
            for live in self._live.values()
            if live.status.state != "queued" or live.starting
        ]
        asked = [self._asked(live) for live in waiting if not live.starting]
        choice = choose(asked, going, self.slots, time.time())
        for run, (place, reason) in choice.places.items():
            live = self._live[run]
            if (live.status.place, live.waits_because) != (place, reason):
                live.status, live.waits_because = replace(live.status, place=place), reason
                self._changed(live.status)
        for run in choice.start:
            self._start(self._live[run])

    def _start(self, live: LiveRun) -> None:
        if live.tried_at and time.monotonic() - live.tried_at < RETRY_SECONDS:
            return
        live.tried_at = time.monotonic()
        try:
            wanted = live.status.spec.resources.gpus
            live.gpus = self._gpus.claim(wanted) if wanted else ()
        except MlopsError as error:
            # endpoints have the others
            live.waits_because = str(error)
            return
        live.starting = True
        task = asyncio.get_running_loop().create_task(self._begin(live))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _begin(self, live: LiveRun) -> None:
        status = live.status
        variables = dict(self._environment(status))
        if status.spec.resources.gpus:
            variables["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        variables["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, live.gpus))
        try:
            live.process = await asyncio.to_thread(
                start_supervisor, live.folder, status.spec, live.values, variables
            )
            started = replace(
                status, state="starting", place=None, reason="", started_at=round(time.time(), 6)
            )
            self._store.save([started], [records.run("run.start", started, None)])
        except MlopsError as error:
            if live.process is not None:
                # it runs unrecorded until the ledger writes again: its start is in its folder
                _log.warning("the start of run %s is not recorded: %s", status.id, error)
                started = replace(status, state="starting", place=None, started_at=time.time())
            else:
                self._fail(live, error)
                return
        finally:
            live.starting = False
            live.values = {}
        live.status = started
        live.facts = asyncio.create_task(self._find_out(live))
        self._woken.set()
        self._changed(started)

    def _fail(self, live: LiveRun, error: MlopsError) -> None:
        self._finish(
            live,
            replace(
                live.status,
                state="failed",
                code=error.code,
                reason=str(error),
                place=None,
                ended_at=time.time(),
            ),
        )

    # -- following ----------------------------------------------------------------------------

    def _follow(self, live: LiveRun) -> None:
        """Apply what the run's processes have said since the last look."""
        if live.ended is not None:
            self._settle(live, live.ended)
            return
        status = live.look()
        if live.cancelled_by:
            live.terminate()
        if status.state == "lost":
            asyncio.get_running_loop().run_in_executor(None, clear, status.id)
        if status is live.status:
            return
        if status.ended:
            self._settle(live, status)
        else:
            if status.state != live.status.state:
                # what the list is asked for by; the ledger has its own records
                self._store.save([status], ())
            live.status = status
            self._changed(status)

    def _settle(self, live: LiveRun, status: RunStatus) -> None:
        """End a run, once it is known what it was made of."""
        live.ended = status
        if live.facts is None or live.facts.done():
            self._finish(live, replace(status, record={**status.record, **live.known}))

    async def _find_out(self, live: LiveRun) -> None:
        """Find out what a run is made of, and keep it: the next hub could not any more."""
        live.known = await asyncio.to_thread(self._lineage, live.status, live.folder.path)
        live.status = replace(live.status, record={**live.status.record, **live.known})
        with contextlib.suppress(AuditUnavailable):
            if live.ended is None:
                self._store.save([live.status], ())
        self._woken.set()

    def _finish(
        self, live: LiveRun, status: RunStatus, before: Iterable[dict[str, Any]] = ()
    ) -> None:
        """Keep the end of a run; raises AuditUnavailable while the ledger cannot write."""
        self._store.save([status], [*before, records.run("run.end", status, None)])
        live.status = status
        self._gpus.release(live.gpus)
        self._live.pop(status.id, None)
        self._look_again()
        self._changed(status)
        for told in self.on_end:
            told(status)

    def _asked(self, live: LiveRun) -> Waiting:
        status = live.status
        sweep = status.spec.sweep
        return Waiting(
            status.id,
            user=status.submitted_by,
            group=sweep,
            resources=status.spec.resources,
            submitted_at=status.submitted_at,
            group_limit=self.parallel.get(sweep) if sweep else None,
            name=status.name,
        )

    def _look_again(self) -> None:
        """Let the loop look through the queue at once."""
        self._stale = True
        self._woken.set()

    def _described(self, live: LiveRun) -> RunStatus:
        status = live.status
        if status.state == "queued" and live.waits_because:
            return replace(status, reason=live.waits_because)
        return status

    def _changed(self, status: RunStatus) -> None:
        self._notices.run(status.id, status.state)
        change, self._change = self._change, asyncio.Event()
        change.set()
