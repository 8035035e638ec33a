"""The route that tells of changes as they happen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import msgspec

from mlops_jupyter.hub.notices import Notices
from mlops_jupyter.hub.routes import Call, Route
from mlops_jupyter.serving.messages import Response

BEAT_SECONDS = 15.0
"""After this long without an event an empty one says that the hub is still there."""

_MEDIA = "application/x-ndjson"


class EventRoutes:
    """The stream of changes.

    Parameters
    ----------
    look
        Notes how every endpoint is, so that a later change is told from it.
    hello
        Gives the first line.
    """

    def __init__(
        self, notices: Notices, look: Callable[[], None], hello: Callable[[], dict[str, Any]]
    ) -> None:
        self._notices = notices
        self._look = look
        self._hello = hello
        self._writing: set[asyncio.Task[Any]] = set()

    def routes(self) -> list[Route]:
        """The table's part."""
        return [
            Route("GET", "/events", "read", "Changes as they happen.", self._events, _MEDIA),
        ]

    def close(self) -> None:
        """End every stream; one whose reader takes nothing is cut."""
        self._notices.close()
        for task in self._writing:
            task.cancel()

    async def _events(self, _call: Call) -> Response:
        return Response(200, self._lines(), _MEDIA)

    async def _lines(self) -> AsyncIterator[bytes]:
        if not self._notices.heard:
            # while nobody listened nobody looked
            self._look()
        woken = asyncio.Event()
        listener = self._notices.listen(woken.set)
        task = asyncio.current_task()
        assert task is not None
        events: Iterable[dict[str, Any]] = (self._hello(),)
        try:
            while True:
                if events:
                    # stays in the set for as long as the reader does not take what was written
                    self._writing.add(task)
                    yield b"".join(msgspec.json.encode(event) + b"\n" for event in events)
                    self._writing.discard(task)
                if self._notices.closed:
                    return
                woken.clear()
                events = listener.take()
                if not events and not await _woken(woken, listener.wait()):
                    events = ({},)
        finally:
            self._writing.discard(task)
            self._notices.leave(listener)


async def _woken(woken: asyncio.Event, wait: float | None) -> bool:
    """Wait for an event, or until one that waits is due; false when nothing came at all."""
    try:
        async with asyncio.timeout(BEAT_SECONDS if wait is None else wait):
            await woken.wait()
    except TimeoutError:
        return wait is not None
    return True
