"""The runs that have not ended: started when there is room, followed to their end.

Each run has a supervisor process of its own, which neither needs the hub nor ends with it. The hub
follows what it writes into the run's folder; one that starts finds the runs of the one before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_jupyter.hub import records
from mlops_jupyter.hub.live_run import LiveRun
from mlops_jupyter.hub.notices import Notices
from mlops_jupyter.hub.run_start import start_supervisor
from mlops_jupyter.hub.run_store import RunStore
from mlops_jupyter.serving.gpus import GpuInventory
from mlops_jupyter.training.folder import RunFolder
from mlops_jupyter.training.queue import Slots, Waiting, choose
from mlops_jupyter.training.runner import clear
from mlops_jupyter.types import AuditUnavailable, MlopsError, RunStatus

LOOK_SECONDS = 0.05
"""How often the events of running runs are read."""

QUEUE_SECONDS = 1.0
"""How often the queue is looked through when nothing has changed."""

RETRY_SECONDS = 2.0
"""Pause before a change that the ledger could not take is tried again."""

_log = logging.getLogger(__name__)

Ended = Callable[[RunStatus], None]


class Running:
    """The queue and the runs that go on.

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
        self.store = store
        self.folder = folder
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

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[LiveRun]:
        """All of them, oldest first."""
        return iter(list(self._live.values()))

    def get(self, run: str) -> LiveRun | None:
        """One of them by its whole id."""
        return self._live.get(run)

    def add(self, live: LiveRun) -> None:
        """Let a run that was accepted wait for its turn."""
        self._live[live.status.id] = live
        self._look_again()
        self.tell(live.status)

    def finish(
        self, live: LiveRun, status: RunStatus, before: Iterable[dict[str, Any]] = ()
    ) -> None:
        """Keep the end of a run; raises AuditUnavailable while the ledger cannot write."""
        self.store.save([status], [*before, records.run("run.end", status, None)])
        live.status = status
        self._release(live)
        self._live.pop(status.id, None)
        self._look_again()
        self.ended(status)

    def ended(self, status: RunStatus) -> None:
        """Tell everybody of the end of a run, which is kept already."""
        self.tell(status)
        for told in self.on_end:
            told(status)

    def tell(self, status: RunStatus) -> None:
        """Tell those who wait, and those who listen, that a run has changed."""
        self._notices.run(status.id, status.state)
        change, self._change = self._change, asyncio.Event()
        change.set()

    async def changed(self, seconds: float) -> None:
        """Wait until any run has changed, for `seconds` at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._change.wait()
        except TimeoutError:
            pass

    def restore(self) -> None:
        """Take over the runs of the hub before: go on with those that go on, end the others."""
        for status in self.store.unended():
            live = LiveRun(status, RunFolder(self.folder / status.id))
            self._live[status.id] = live
            # a hub may have been killed between the start of a run and its record
            if status.state != "queued" or live.folder.supervisor_file.exists():
                live.gpus = self._gpus.reclaim(live.devices())
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
                self.tell(live.status)
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
            self.store.save([started], [records.run("run.start", started, None)])
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
        live.status, live.values = started, {}
        live.facts = asyncio.create_task(self._find_out(live))
        self._woken.set()
        self.tell(started)

    def _fail(self, live: LiveRun, error: MlopsError) -> None:
        self._release(live)
        failed = replace(
            live.status,
            state="failed",
            code=error.code,
            reason=str(error),
            place=None,
            ended_at=time.time(),
        )
        # where it cannot be kept, the start is tried again
        with contextlib.suppress(AuditUnavailable):
            self.finish(live, failed)

    def _release(self, live: LiveRun) -> None:
        self._gpus.release(live.gpus)
        live.gpus = ()

    # -- following ----------------------------------------------------------------------------

    def _follow(self, live: LiveRun) -> None:
        """Apply what the run's processes have said since the last look."""
        if live.ended is not None:
            self._settle(live, live.ended)
            return
        status = live.look()
        if live.cancelled_by:
            live.terminate()
        if status is live.status:
            return
        if status.ended:
            self._settle(live, status)
        else:
            if status.state != live.status.state:
                # what the list is asked for by; the ledger has its own records
                self.store.save([status], ())
            live.status = status
            self.tell(status)

    def _settle(self, live: LiveRun, status: RunStatus) -> None:
        """End a run, once it is known what it was made of and nothing of it is left."""
        live.ended = status
        if status.state == "lost" and live.cleared is None:
            live.cleared = asyncio.create_task(self._clear(live))
        if all(task is None or task.done() for task in (live.facts, live.cleared)):
            self.finish(live, replace(status, record={**status.record, **live.known}))

    async def _clear(self, live: LiveRun) -> None:
        """End what a supervisor has left: it has the run's GPUs until then."""
        await asyncio.to_thread(clear, live.status.id)
        self._woken.set()

    async def _find_out(self, live: LiveRun) -> None:
        """Find out what a run is made of, and keep it: the next hub could not any more."""
        live.known = await asyncio.to_thread(self._lineage, live.status, live.folder.path)
        live.status = replace(live.status, record={**live.status.record, **live.known})
        with contextlib.suppress(AuditUnavailable):
            if live.ended is None:
                self.store.save([live.status], ())
        self._woken.set()

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
