"""Which queued run starts: fair shares of a machine, a visible place, and a reason to wait.

The least-served user comes first; of one user's runs those of the sweep that has the least running,
where all runs that belong to no sweep count as one; then the oldest. Whoever stands first and does
not fit lets others pass, for `PATIENCE_SECONDS`; after that nothing takes what it waits for.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlops_jupyter.types import Resources

PATIENCE_SECONDS = 60.0
"""How long a run that stands first can be passed by others."""

_EPSILON = 1e-9


@dataclass(frozen=True)
class Waiting:
    """A run that waits, or one that goes on.

    Attributes
    ----------
    group
        Id of its sweep; None for a single run.
    submitted_at, not_before
        Epoch seconds; a retry is not started before the latter.
    group_limit
        How many runs of its sweep may go at once; None is no bound.
    name
        What it is called in the reasons of others.
    """

    run_id: str
    user: str
    group: str | None
    resources: Resources
    submitted_at: float
    not_before: float = 0.0
    group_limit: int | None = None
    name: str = ""

    def __str__(self) -> str:
        return f"'{self.name or self.run_id}' of {self.user}"


@dataclass(frozen=True)
class Slots:
    """What the machine has for runs."""

    cpus: float
    memory_bytes: int
    gpus: int


@dataclass(frozen=True)
class Choice:
    """What starts now, in this order; place (from 1) and reason of each run that waits on."""

    start: tuple[str, ...]
    places: dict[str, tuple[int, str]]


def never_fits(resources: Resources, slots: Slots) -> str:
    """Return a sentence where a run asks for more than the machine has; else an empty string."""
    for unit, asked in _amounts(resources).items():
        there = _amounts(slots)[unit]
        if asked > there + _EPSILON:
            return f"It asks for {_said(unit, asked)}; this machine has {_said(unit, there)}."
    return ""


def choose(
    waiting: Sequence[Waiting], running: Sequence[Waiting], slots: Slots, now: float
) -> Choice:
    """Decide what starts at `now` (epoch seconds), and where the others stand."""
    ready, held_back = _ready(waiting, running, now)
    room = _Room(slots, running)
    start: list[str] = []
    places: dict[str, tuple[int, str]] = {}
    first: Waiting | None = None
    for run in in_turn(ready, running, slots):
        reason = room.shortage(run)
        if not reason and first and now >= _waits_since(first) + PATIENCE_SECONDS:
            reason = room.delay(run, first)
        if not reason:
            room.take(run)
            start.append(run.run_id)
            continue
        first = first or run
        places[run.run_id] = (len(places) + 1, reason)
    for run, reason in held_back:
        places[run.run_id] = (len(places) + 1, reason)
    return Choice(tuple(start), places)


def in_turn(
    waiting: Iterable[Waiting], running: Iterable[Waiting], slots: Slots
) -> tuple[Waiting, ...]:
    """Return all of `waiting`, each in its turn if those before it were served."""
    share: dict[str, float] = defaultdict(float)
    going: Counter[tuple[str, str | None]] = Counter()
    for run in running:
        share[run.user] += _dominant_share(run.resources, slots)
        going[run.user, run.group] += 1
    queues: dict[tuple[str, str | None], list[Waiting]] = defaultdict(list)
    for run in sorted(waiting, key=_age, reverse=True):
        queues[run.user, run.group].append(run)

    # the oldest is at the end of each queue
    groups: dict[str, list[tuple[int, tuple[float, str], str | None]]] = defaultdict(list)
    for (user, group), queue in queues.items():
        heapq.heappush(groups[user], (going[user, group], _age(queue[-1]), group))
    users = [(share[user], turns[0][1], user) for user, turns in groups.items()]
    heapq.heapify(users)
    served: list[Waiting] = []
    while users:
        _, _, user = heapq.heappop(users)
        count, _, group = heapq.heappop(groups[user])
        queue = queues[user, group]
        run = queue.pop()
        served.append(run)
        share[user] += _dominant_share(run.resources, slots)
        if queue:
            heapq.heappush(groups[user], (count + 1, _age(queue[-1]), group))
        if groups[user]:
            heapq.heappush(users, (share[user], groups[user][0][1], user))
    return tuple(served)


def _ready(
    waiting: Sequence[Waiting], running: Sequence[Waiting], now: float
) -> tuple[list[Waiting], list[tuple[Waiting, str]]]:
    """Part off those that would not start on an empty machine, each with its reason."""
    going = Counter(run.group for run in running)
    ready: list[Waiting] = []
    held_back: list[tuple[Waiting, str]] = []
    for run in sorted(waiting, key=_age):
        limit = run.group_limit
        if run.not_before > now:
            wait = max(1, round(run.not_before - now))
            held_back.append((run, f"Waits {wait} s before it is tried again."))
        elif run.group is not None and limit is not None and going[run.group] >= limit:
            runs = "run goes" if limit == 1 else "runs go"
            held_back.append((run, f"Waits for its sweep, of which {limit} {runs} at once."))
        else:
            going[run.group] += 1
            ready.append(run)
    return ready, held_back


class _Room:
    """What is free, and who has the rest."""

    def __init__(self, slots: Slots, running: Sequence[Waiting]) -> None:
        self._slots = slots
        self._free = _amounts(slots)
        self._holders: list[Waiting] = []
        for run in running:
            self.take(run)

    def take(self, run: Waiting) -> None:
        """Give `run` what it asks for."""
        for unit, asked in _amounts(run.resources).items():
            self._free[unit] -= asked
        self._holders.append(run)

    def shortage(self, run: Waiting) -> str:
        """Say why `run` cannot start; an empty string where it can."""
        for unit, asked in _amounts(run.resources).items():
            free = max(self._free[unit], 0)
            if asked and asked > free + _EPSILON:
                left = f"{_said(unit, free)} free" if free > _EPSILON else "none is free"
                return f"Waits for {_said(unit, asked)}: {left}{self._users_of(unit)}."
        return ""

    def delay(self, run: Waiting, first: Waiting) -> str:
        """Say what `run` would take of what `first` has waited for long enough."""
        needed = _amounts(first.resources)
        for unit, asked in _amounts(run.resources).items():
            if asked and needed[unit] and asked > self._free[unit] - needed[unit] + _EPSILON:
                return f"Waits for {first}, which is next and needs {_said(unit, needed[unit])}."
        return ""

    def _users_of(self, unit: str) -> str:
        holders = [str(run) for run in self._holders if _amounts(run.resources)[unit]]
        if not holders:
            return ""
        others = len(holders) - 2
        shown = holders[:2] if others <= 0 else [*holders[:2], f"{others} more"]
        listed = " and ".join((", ".join(shown[:-1]), shown[-1])) if len(shown) > 1 else shown[0]
        return f", used by {listed}"


def _age(run: Waiting) -> tuple[float, str]:
    return run.submitted_at, run.run_id


def _waits_since(run: Waiting) -> float:
    return max(run.submitted_at, run.not_before)


def _amounts(of: Resources | Slots) -> dict[str, float]:
    return {"core": of.cpus, "GB": of.memory_bytes / 2**30, "GPU": of.gpus}


def _dominant_share(resources: Resources, slots: Slots) -> float:
    """Largest part of the machine that a run takes of anything (dominant resource fairness)."""
    there = _amounts(slots)
    return max(
        asked / there[unit] if there[unit] else 0.0 for unit, asked in _amounts(resources).items()
    )


def _said(unit: str, amount: float) -> str:
    if unit == "GB":
        return f"{amount:.3g} GB of memory"
    return f"{amount:g} {unit}" + ("" if amount == 1 else "s")
