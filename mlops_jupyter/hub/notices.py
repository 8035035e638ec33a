"""What has changed, for whoever listens: coalesced, bounded, and waiting for nobody.

Who changes something notes it here. A listener has at most one waiting event for each thing that
can change, so one that does not take them holds little, and finds the newest state when it does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import monotonic
from typing import Any

STEP_SECONDS = 0.25
"""Least time between two events about the same thing."""

RUN_STEP_SECONDS = 0.1
"""The same for a run, whose end somebody waits for."""

Event = dict[str, Any]
Subject = tuple[str, str]

_RECORDS: Subject = ("records", "")


class Listener:
    """The events that one listener has yet to take.

    Parameters
    ----------
    wake
        Called when an event waits about something of which none did.
    """

    def __init__(self, wake: Callable[[], object], clock: Callable[[], float]) -> None:
        self.wake = wake
        self._clock = clock
        self._waiting: dict[Subject, Event] = {}
        self._told: dict[Subject, float] = {}

    def note(self, subject: Subject, event: Event) -> None:
        """Keep `event` in place of an earlier one about `subject`."""
        # no second wake for what waits already: calls by the thousand make four wakes a second
        first = subject not in self._waiting
        self._waiting[subject] = event
        if first:
            self.wake()

    def take(self) -> list[Event]:
        """The events that may be told now; those told of a moment ago wait for their time."""
        now = self._clock()
        self._told = {one: at for one, at in self._told.items() if now - at < _step(one)}
        due = [subject for subject in self._waiting if subject not in self._told]
        self._told.update(dict.fromkeys(due, now))
        return [self._waiting.pop(subject) for subject in due]

    def wait(self) -> float | None:
        """Seconds until `take` has something; None when nothing waits."""
        if not self._waiting:
            return None
        due = min(self._told.get(subject, 0.0) + _step(subject) for subject in self._waiting)
        return max(due - self._clock(), 0.0)


def _step(subject: Subject) -> float:
    return RUN_STEP_SECONDS if subject[0] == "run" else STEP_SECONDS


class Notices:
    """Takes notes of changes and keeps them for every listener. For one thread."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._listeners: set[Listener] = set()
        self._facts: dict[str, Hashable] = {}
        self.closed = False

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def listen(self, wake: Callable[[], object]) -> Listener:
        """A new listener, which hears what is noted from now on; `leave` ends it."""
        listener = Listener(wake, self._clock)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Note nothing more for `listener`."""
        self._listeners.discard(listener)

    def close(self) -> None:
        """Say that no more will come."""
        self.closed = True
        for listener in self._listeners:
            listener.wake()

    def endpoint(self, name: str, facts: Hashable) -> None:
        """An endpoint is as `facts` say; an event only if they are not those of last time."""
        if self._facts.get(name) != facts:
            self._facts[name] = facts
            self._note(("endpoint", name), {"event": "endpoint", "name": name})

    def records(self, size: int) -> None:
        """The ledger has grown to `size` records."""
        if self._listeners:
            self._note(_RECORDS, {"event": "records", "size": size})

    def version(self, model: str) -> None:
        """A version of `model` was catalogued, or what is known of one has changed."""
        self._note(("version", model), {"event": "version", "model": model})

    def run(self, run: str, state: str) -> None:
        """A run has changed; what has not ended is told of as ``running`` or ``queued``."""
        if self._listeners:
            self._note(("run", run), {"event": "run", "id": run, "state": state})

    def sweep(self, sweep: str) -> None:
        """A run of a sweep has ended, or the sweep has."""
        self._note(("sweep", sweep), {"event": "sweep", "id": sweep})

    def schedule(self, name: str) -> None:
        """A schedule has changed, or has started something."""
        self._note(("schedule", name), {"event": "schedule", "name": name})

    def _note(self, subject: Subject, event: Event) -> None:
        for listener in self._listeners:
            listener.note(subject, event)
