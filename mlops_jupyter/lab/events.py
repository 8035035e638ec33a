"""What changes in the hub, told through Jupyter's own event stream.

The pages of all users listen to that stream already. It carries names and sizes only; what lies
behind them is asked for through the proxy, under each user's own rights.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from mlops_jupyter.lab.link import Ask, Link
from mlops_jupyter.types import MlopsError, NotFound

PATH = "/events"
SCHEMA_ID = "https://events.mlops-jupyter.org/changed/v1"
SCHEMA: dict[str, Any] = {
    "$id": SCHEMA_ID,
    "version": "1",
    "title": "Something changed in the hub of mlops-jupyter",
    "description": "What changed, so that a page can ask for it again.",
    "personal-data": False,
    "type": "object",
    "required": ["what"],
    "properties": {
        "what": {
            "type": "string",
            "enum": [
                "endpoint",
                "records",
                "version",
                "run",
                "sweep",
                "schedule",
                "hub",
                "pulse",
            ],
            "title": "What changed",
            "description": "hub: it started, stopped or was lost, so that anything may differ; "
            "pulse: nothing did, and whatever will is going to be told.",
        },
        "name": {
            "type": "string",
            "title": "Name",
            "description": "The endpoint, the model of a version, the run, sweep or schedule.",
        },
        "state": {
            "type": "string",
            "title": "State",
            "description": "The run's state now.",
        },
        "size": {
            "type": "integer",
            "title": "Size",
            "description": "How many records the ledger has now.",
        },
    },
    "additionalProperties": False,
}

_NAMED = {
    "endpoint": "name",
    "version": "model",
    "run": "id",
    "sweep": "id",
    "schedule": "name",
}
"""What changes, and how the hub's event names it."""

INTEREST_SECONDS = 600.0
"""For how long after the last request somebody is thought to look."""

SILENCE_SECONDS = 45.0
"""The hub says something every 15 s; after three times nothing it is lost."""

LOOK_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 15.0

_log = logging.getLogger(__name__)


class Events:
    """One task that listens to the hub while somebody looks; it never starts a hub.

    Parameters
    ----------
    emit
        Puts one event into Jupyter's stream.
    """

    def __init__(
        self,
        link: Link,
        emit: Callable[[dict[str, Any]], None],
        *,
        interest: float = INTEREST_SECONDS,
    ) -> None:
        self.flowing = False
        self._link = link
        self._emit = emit
        self._interest = interest
        self._asked_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    def asked(self) -> None:
        """Somebody looks: listen, for a while."""
        self._asked_at = asyncio.get_running_loop().time()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._forward())

    def hub_changed(self) -> None:
        """A hub was started or stopped from here."""
        self._emit({"what": "hub"})
        self._wake.set()

    async def close(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _wanted(self) -> bool:
        return asyncio.get_running_loop().time() - self._asked_at < self._interest

    async def _forward(self) -> None:
        pause = 0.5
        while self._wanted():
            heard = False
            try:
                listening = self._link.lines(Ask("GET", PATH), SILENCE_SECONDS)
                async with contextlib.aclosing(listening) as lines:
                    async for line in lines:
                        heard = self._hear(line) or heard
                        if not self._wanted():
                            return
            except NotFound:
                # a hub without events: pages poll, and are told when another hub comes
                await self._until_another()
            except MlopsError as error:
                _log.debug("no events from the hub: %s", error.code)
            finally:
                if self.flowing:
                    self.flowing = False
                    self._emit({"what": "hub"})
            pause = 0.5 if heard else min(pause * 2, LONGEST_PAUSE_SECONDS)
            await self._pause(pause)
            await self._until_running()

    def _hear(self, line: str) -> bool:
        """Pass one line on; whether it was one."""
        try:
            said = json.loads(line)
        except ValueError:
            return False
        if not isinstance(said, dict):
            return False
        if not self.flowing:
            self.flowing = True
            self._emit({"what": "hub"})
        if (event := event_of(said)) is not None:
            self._emit(event)
        return True

    async def _until_running(self) -> None:
        """Wait for a hub to appear, however it is started."""
        while self._wanted() and await self._running() is None:
            await self._pause(LOOK_SECONDS)

    async def _until_another(self) -> None:
        before = await self._running()
        while self._wanted() and await self._running() == before:
            await self._pause(LOOK_SECONDS)
        self._emit({"what": "hub"})

    async def _running(self) -> Any:
        try:
            return await self._link.running()
        except MlopsError:
            return None

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)


def event_of(said: Mapping[str, Any]) -> dict[str, Any] | None:
    """Jupyter's event for a line of the hub's, or None for one that means nothing to a page."""
    if not said:
        return {"what": "pulse"}
    what, size = said.get("event"), said.get("size")
    if what == "records":
        return {"what": what, "size": size} if isinstance(size, int) else None
    name = said.get(_NAMED.get(str(what), ""))
    if not isinstance(name, str):
        return None
    event = {"what": what, "name": name}
    if what == "run":
        event["state"] = str(said.get("state", ""))
    return event
