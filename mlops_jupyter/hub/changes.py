"""Changes to endpoints: one at a time at each, never without an intent and an outcome record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from mlops_jupyter.hub import records
from mlops_jupyter.hub.state import State, StoredEndpoint, revision_conflict
from mlops_jupyter.types import (
    Caller,
    Conflict,
    MlopsError,
    ModelVersion,
    Unavailable,
    check_name,
)

_SHOWN = 2000
"""Characters of an error's sentences that go into a record."""

_log = logging.getLogger(__name__)


@dataclass
class Change:
    """One attempt to change an endpoint: by whom, against which revision, and how far it came.

    `accepted` is set once the intent is recorded; `intent` is that record's id.
    """

    action: str
    caller: Caller
    name: str
    revision: int | None = None
    intent: str | None = None
    accepted: asyncio.Event = field(default_factory=asyncio.Event)


class Changes:
    """Runs changes.

    Parameters
    ----------
    revision_of
        Gives an endpoint's present revision; 0 for one that is not there.
    look
        Called with an endpoint's name when a change of it began, went on or ended.
    """

    def __init__(
        self, state: State, revision_of: Callable[[str], int], look: Callable[[str], None]
    ) -> None:
        self._state = state
        self._revision_of = revision_of
        self._look = look
        self._held: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def under_way(self, name: str) -> str:
        """The change that is under way at an endpoint, as a verb, or an empty string."""
        return self._held.get(name, "")

    async def run(
        self, change: Change, work: Callable[[], Awaitable[None]], wait: float | None = None
    ) -> None:
        """Do `work` as `change`; raise why it failed.

        Without `wait` until it is done; with it until it is accepted and `wait` seconds have
        passed. The work goes on when the caller has gone or does not wait for it.

        Raises
        ------
        Conflict
            Another change is under way, or the revision is not the present one.
        """
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._attempt(change, work))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        if wait is None:
            await asyncio.shield(task)
            return
        accepted = loop.create_task(change.accepted.wait())
        try:
            await asyncio.wait({task, accepted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            accepted.cancel()
        if not task.done() and wait > 0:
            await asyncio.wait({task}, timeout=wait)
        if task.done():
            await task

    async def close(self) -> None:
        """Refuse further changes and give up those under way; their outcome is recorded."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def record_intent(
        self, change: Change, wanted: StoredEndpoint, version: ModelVersion, *, keep: bool
    ) -> None:
        """Record what is about to be done; with `keep`, what is wanted is kept with it."""
        record = _described("intent", change, wanted, version)
        if keep:
            change.intent = self._state.save_endpoint(replace(wanted, served=False), record)
        else:
            change.intent = self._state.record(record)

    def record_outcome(
        self, change: Change, wanted: StoredEndpoint, version: ModelVersion, *, keep: bool
    ) -> None:
        """Record that it was done; with `keep`, what was wanted is kept with it."""
        record = {**_described("outcome", change, wanted, version), "status": 200}
        if keep:
            self._state.save_endpoint(wanted, record)
        else:
            self._state.mark_served(change.name, record)

    async def _attempt(self, change: Change, work: Callable[[], Awaitable[None]]) -> None:
        try:
            self._hold(change)
            try:
                self._look(change.name)
                await work()
                _log.info("%s of endpoint %s: done", change.action, change.name)
            finally:
                del self._held[change.name]
                self._look(change.name)
        except asyncio.CancelledError:
            stopping = _stopping()
            self._record_failure(change, stopping)
            raise stopping from None
        except MlopsError as error:
            self._record_failure(change, error)
            raise
        except Exception as fault:
            _log.exception("%s of endpoint %s failed", change.action, change.name)
            failure = MlopsError(
                f"The hub failed to {change.action} '{change.name}'.",
                reason=f"{type(fault).__name__}: {fault}",
                fix="This is a fault of the hub; see its log: mlops-jupyter hub logs.",
            )
            self._record_failure(change, failure)
            raise failure from fault

    def _hold(self, change: Change) -> None:
        check_name(change.name, "endpoint name")
        if self._stopping:
            raise _stopping()
        present = self._revision_of(change.name)
        if under_way := self._held.get(change.name):
            raise Conflict(
                f"Endpoint '{change.name}' is being changed.",
                reason=f"A {under_way} is under way; its present revision is {present}.",
                fix="Wait until it is done, look at the endpoint, and try again.",
                code="change_under_way",
            )
        if change.revision is not None and change.revision != present:
            raise revision_conflict(change.name, present)
        self._held[change.name] = change.action

    def _record_failure(self, change: Change, error: MlopsError) -> None:
        record = records.control(
            "outcome",
            change.action,
            change.caller,
            change.name[:80],
            intent=change.intent,
            status=error.status,
            error=error.code,
            detail={"message": error.message[:_SHOWN], "reason": error.reason[:_SHOWN]},
        )
        _log.warning("%s of endpoint %a: %s", change.action, change.name[:80], error)
        try:
            self._state.record(record)
        except MlopsError:
            # an intent without an outcome is closed as unknown at the next start
            _log.warning("the outcome of %s %s is not recorded", change.action, change.name)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # nobody may be waiting for the outcome: it is in the records and in the status
            task.exception()


def _described(
    phase: str, change: Change, wanted: StoredEndpoint, version: ModelVersion
) -> dict[str, Any]:
    detail = {**records.desired(wanted.spec), "revision": wanted.spec.revision}
    return records.control(
        phase,
        change.action,
        change.caller,
        change.name,
        model=records.model(version),
        detail=detail,
        intent=change.intent,
    )


def _stopping() -> Unavailable:
    return Unavailable("The hub is stopping.", fix="Try again.", code="stopping")
