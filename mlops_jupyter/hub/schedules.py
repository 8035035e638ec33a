"""Schedules: cron rules that start runs, as a Kubernetes CronJob would.

What is to be done is decided by `mlops_jupyter.training.schedule`; here it is done, once: a start
is claimed in the transaction that keeps its run.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mlops_jupyter.hub import records
from mlops_jupyter.hub.notices import Notices
from mlops_jupyter.hub.run_store import RunStore
from mlops_jupyter.hub.runs import Runs
from mlops_jupyter.hub.schedule_store import ScheduleStore, StoredSchedule, schedule_conflict
from mlops_jupyter.hub.submission import Submission, prepare
from mlops_jupyter.training.folder import write_atomically
from mlops_jupyter.training.schedule import Skipped, decide, jitter, next_start, next_starts
from mlops_jupyter.types import (
    Caller,
    Conflict,
    InvalidRequest,
    MlopsError,
    NotFound,
    RunStatus,
    ScheduleSpec,
    ScheduleStatus,
    Trigger,
    check_name,
    did_you_mean,
)

STARTS = 3
"""So many starts are told ahead."""

LOOK_SECONDS = 10.0
"""Longest pause between two looks at the clock, which somebody may set."""

_BAD = ("failed", "timed_out", "lost", "cancelled", "skipped")

_log = logging.getLogger(__name__)


class Schedules:
    """All schedules of the hub and the verbs on them.

    Parameters
    ----------
    notebooks
        Folder of the copies that pinned schedules run, by digest.
    clock
        Gives the time of day, epoch seconds.
    """

    def __init__(
        self,
        store: ScheduleStore,
        runs: Runs,
        run_store: RunStore,
        notices: Notices,
        notebooks: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._runs = runs
        self._run_store = run_store
        self._notices = notices
        self._notebooks = notebooks
        self._clock = clock
        self._kept = {one.spec.name: one for one in store.all()}
        self._waits: dict[str, tuple[float | None, str]] = {}
        self._woken = asyncio.Event()
        runs.on_end.append(self._run_ended)

    # -- what there is ------------------------------------------------------------------------

    def all(self) -> list[ScheduleStatus]:
        """Every schedule, by name."""
        return [self.status(name) for name in sorted(self._kept)]

    def status(self, name: str) -> ScheduleStatus:
        """One schedule; raise NotFound with the closest names otherwise."""
        stored = self._get(name)
        spec = stored.spec
        last = self._last(stored)
        starts = () if spec.suspended else _starts(spec, stored.last_scheduled)
        return ScheduleStatus(
            spec,
            stored.revision,
            stored.created_at,
            stored.created_by,
            next_at=starts[0] if starts else None,
            next_starts=starts,
            last_at=stored.last_at,
            last_run=stored.last_run,
            last_state=last.state if last else None,
            active=tuple(self._active(name)),
            reason=self._waits.get(name, (None, ""))[1],
        )

    # -- verbs --------------------------------------------------------------------------------

    async def save(
        self, spec: ScheduleSpec, texts: dict[str, str], caller: Caller, revision: int | None
    ) -> ScheduleStatus:
        """Make or replace a schedule; its notebook and parameters are checked now.

        Raises
        ------
        InvalidRequest
            The rule, the zone or the parameters are wrong, or the rule never fires.
        Conflict
            Its revision is another one than `revision` by now.
        """
        present = self._kept.get(spec.name)
        at = present.revision if present else 0
        if revision is not None and revision != at:
            raise schedule_conflict(spec.name, at)
        now = self._clock()
        if next_start(spec, now) is None:
            raise InvalidRequest(
                f"The rule {spec.cron!a} never fires.",
                reason="No date fits all of its fields.",
                fix="Check the day of the month against the month.",
                code="never_fires",
            )
        prepared = await asyncio.to_thread(prepare, spec.run, texts, "schedule")
        run = replace(prepared.spec, trigger=Trigger("schedule", spec.name))
        if spec.pinned:
            await asyncio.to_thread(self._pin, run.notebook_sha256, prepared.copy)
        stored = StoredSchedule(
            replace(spec, run=run),
            at + 1,
            present.created_at if present else now,
            present.created_by if present else records.subject(caller),
            # a rule that is changed begins anew: what the old one has missed is past
            now,
            present.last_at if present else None,
            present.last_run if present else None,
        )
        self._keep(stored, "schedule.save", caller)
        return self.status(spec.name)

    def suspend(self, name: str, suspended: bool, caller: Caller) -> ScheduleStatus:
        """Let a schedule start nothing for now, or start runs again."""
        stored = self._get(name)
        if stored.spec.suspended != suspended:
            spec = replace(stored.spec, suspended=suspended)
            changed = replace(stored, spec=spec, revision=stored.revision + 1)
            self._keep(changed, "schedule.suspend" if suspended else "schedule.resume", caller)
        return self.status(name)

    async def trigger(self, name: str, caller: Caller) -> RunStatus:
        """Start a run of a schedule now, beside its rule."""
        one = await asyncio.to_thread(self._prepared, self._get(name).spec)
        return self._runs.submit(one.spec, one.copy, caller, record=one.record)

    def delete(self, name: str, caller: Caller) -> None:
        """Remove a schedule; its runs stay."""
        self._get(name)
        record = records.control("outcome", "schedule.delete", caller, status=200)
        self._store.forget(name, {**record, "detail": {"schedule": name}})
        del self._kept[name]
        self._waits.pop(name, None)
        self._notices.schedule(name)

    # -- the loop -----------------------------------------------------------------------------

    async def keep_time(self) -> None:
        """Start what is due, for ever."""
        while True:
            self._woken.clear()
            for name in list(self._kept):
                try:
                    await self.look(name)
                except Conflict as error:
                    _log.info("%s", error)
                except MlopsError as error:
                    _log.warning("schedule %s: %s", name, error)
                except Exception:
                    _log.exception("schedule %s cannot be followed", name)
            await self._wait()

    async def _wait(self) -> None:
        times = [at for at, _ in self._waits.values() if at is not None]
        pause = max(0.0, min(times, default=float("inf")) - self._clock())
        try:
            async with asyncio.timeout(min(pause, LOOK_SECONDS) if self._kept else None):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def look(self, name: str) -> None:
        """Do what is due for one schedule now.

        Raises
        ------
        Conflict
            Another hub has done it.
        """
        stored = self._kept.get(name)
        if stored is None:
            return
        try:
            await self._act(name, stored)
        except Conflict:
            self._reload()
            raise

    async def _act(self, name: str, stored: StoredSchedule) -> None:
        active = self._active(name)
        decision = decide(stored.spec, stored.last_scheduled, active, self._clock())
        for skipped in decision.skipped:
            stored = self._skip(stored, skipped)
        if decision.start is not None:
            for run in decision.replace:
                self._runs.cancel(run, None, f"Replaced by the next run of schedule '{name}'.")
            stored = await self._start(stored, decision.start)
        before = self._waits.get(name)
        self._waits[name] = (decision.wait_until, decision.reason)
        if decision.skipped or decision.start is not None or before != self._waits[name]:
            self._notices.schedule(name)

    def _skip(self, stored: StoredSchedule, skipped: Skipped) -> StoredSchedule:
        name, at = stored.spec.name, skipped.until or skipped.at
        claim = self._store.claim(name, stored.last_scheduled, at)
        self._runs.note(stored.spec.run, "skipped", skipped.code, skipped.reason, also=claim)
        return self._took(replace(stored, last_scheduled=at, last_at=at))

    async def _start(self, stored: StoredSchedule, at: float) -> StoredSchedule:
        name = stored.spec.name
        claim = self._store.claim(name, stored.last_scheduled, at)
        try:
            one = await asyncio.to_thread(self._prepared, stored.spec)
        except MlopsError as error:
            status = self._runs.note(stored.spec.run, "failed", error.code, str(error), also=claim)
        else:
            record = {**one.record, "scheduled_at": at}
            status = self._runs.submit(one.spec, one.copy, None, record=record, also=claim)
        return self._took(replace(stored, last_scheduled=at, last_at=at, last_run=status.id))

    # -- parts --------------------------------------------------------------------------------

    def _prepared(self, spec: ScheduleSpec) -> Submission:
        """The run of a schedule, its notebook read anew unless it is pinned; blocks."""
        copy_path = self._notebooks / f"{spec.run.notebook_sha256}.ipynb"
        if spec.pinned and copy_path.exists():
            return Submission(spec.run, copy_path.read_bytes(), {"pinned": True})
        return prepare(spec.run, None, "schedule")

    def _pin(self, digest: str, copy: bytes) -> None:
        self._notebooks.mkdir(mode=0o700, exist_ok=True)
        write_atomically(self._notebooks / f"{digest}.ipynb", copy)

    def _took(self, stored: StoredSchedule) -> StoredSchedule:
        self._kept[stored.spec.name] = stored
        return stored

    def _keep(self, stored: StoredSchedule, action: str, caller: Caller) -> None:
        spec = stored.spec
        record = records.control("outcome", action, caller, status=200)
        detail = {
            "schedule": spec.name,
            "cron": spec.cron,
            "time_zone": spec.time_zone,
            "notebook": spec.run.notebook,
            "suspended": spec.suspended,
            "revision": stored.revision,
        }
        self._store.save(stored, {**record, "detail": detail})
        self._took(stored)
        self._waits.pop(spec.name, None)
        self._woken.set()
        self._notices.schedule(spec.name)

    def _get(self, name: str) -> StoredSchedule:
        check_name(name, "schedule name")
        if name not in self._kept:
            raise NotFound(
                f"There is no schedule '{name}'.",
                fix=f"{did_you_mean(name, self._kept)} %schedule lists them.".strip(),
                code="no_such_schedule",
            )
        return self._kept[name]

    def _active(self, name: str) -> list[str]:
        return [
            run.id
            for run in self._runs.active()
            if run.spec.trigger.kind == "schedule" and run.spec.trigger.of == name
        ]

    def _last(self, stored: StoredSchedule) -> RunStatus | None:
        if stored.last_run is None:
            return None
        try:
            return self._runs.get(stored.last_run)
        except NotFound:
            return None

    def _reload(self) -> None:
        self._kept = {one.spec.name: one for one in self._store.all()}

    def _run_ended(self, run: RunStatus) -> None:
        """Look again at the schedule whose run has ended, and keep no more runs than it wants."""
        name = run.spec.trigger.of
        if run.spec.trigger.kind != "schedule" or name not in self._kept:
            return
        self._woken.set()
        self._notices.schedule(name)
        spec = self._kept[name].spec
        self._runs.drop(
            [
                *self._run_store.older(name, ("succeeded",), spec.succeeded_history),
                *self._run_store.older(name, _BAD, spec.failed_history),
            ]
        )


def _starts(spec: ScheduleSpec, after: float) -> tuple[float, ...]:
    offset = jitter(spec.name, spec.jitter_seconds)
    return next_starts(spec.cron, spec.time_zone, offset, after, STARTS)
