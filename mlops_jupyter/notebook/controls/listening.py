"""What the hub says by itself, told to every panel of this process over one connection.

A hub that is older, or away, says nothing: `Listener.live` is false then, and panels ask at their
own pace. Nothing is listened to while no panel is open.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter.types import MlopsError, NotFound

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub

Event = dict[str, Any]
Hear = Callable[[Event], None]

LOST: Event = {"event": "lost"}
"""Told when the hub's own events end."""
SILENCE = 40.0
"""Seconds without a word after which the line is taken for dead; a hub speaks every 15."""
_AGAIN = 2.0
_UNKNOWN_AGAIN = 60.0
"""Seconds until a hub that has no events is asked for them again; it may be another one then."""


class Listener:
    """Listens to the events that `open_events` gives, as long as there is somebody to tell."""

    def __init__(self, open_events: Callable[[], Iterator[Event]]) -> None:
        self._open = open_events
        self._hearers: list[Hear] = []
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._runs = False
        self._heard = float("-inf")

    @property
    def live(self) -> bool:
        """Whether changes are told, so that nobody needs to ask."""
        return time.monotonic() - self._heard < SILENCE

    def add(self, hear: Hear) -> Callable[[], None]:
        """Tell `hear` every event from now on, until the function that is returned is called.

        `hear` is called in the listener's thread and must return at once.
        """
        with self._lock:
            self._hearers.append(hear)
            if not self._runs:
                self._runs = True
                self._woken.clear()
                threading.Thread(target=self._listen, name="mlops-events", daemon=True).start()

        def leave() -> None:
            with self._lock:
                if hear in self._hearers:
                    self._hearers.remove(hear)
                if not self._hearers:
                    self._woken.set()

        return leave

    def _listen(self) -> None:
        while self._wanted():
            pause = self._hear_out()
            if self._heard > float("-inf"):
                self._heard = float("-inf")
                self._tell(LOST)
            self._woken.wait(pause)

    def _hear_out(self) -> float:
        """Pass on what the hub says until it falls silent; how long to wait before asking again."""
        try:
            for event in self._open():
                self._heard = time.monotonic()
                self._tell(event)
                if not self._hearers:
                    break
        except NotFound:
            return _UNKNOWN_AGAIN
        except MlopsError:
            pass
        return _AGAIN

    def _wanted(self) -> bool:
        with self._lock:
            self._runs = bool(self._hearers)
            if self._runs:
                self._woken.clear()
            return self._runs

    def _tell(self, event: Event) -> None:
        if not event.get("event"):
            return
        with self._lock:
            hearers = list(self._hearers)
        for hear in hearers:
            hear(event)


_listeners: dict[Path, Listener] = {}


def listener(hub: Hub) -> Listener:
    """The process's one listener to the hub of this state directory."""
    if hub.home not in _listeners:
        _listeners[hub.home] = Listener(hub.events)
    return _listeners[hub.home]
