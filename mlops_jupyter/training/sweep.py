"""Sweeps: which points of a space are tried, and which run is the best."""

from __future__ import annotations

import importlib
import json
import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from mlops_jupyter.training.space import (
    MAX_POINTS,
    Dimension,
    Point,
    Space,
    Values,
    draw,
    grid,
    invalid_sweep,
    key_of,
    parse_space,
    shown,
)
from mlops_jupyter.types import InvalidRequest, did_you_mean

__all__ = ["Objective", "Search", "Trial", "best", "open_search", "parse_space"]


@dataclass(frozen=True)
class Objective:
    """What makes a run the best: the largest or the smallest value of a metric."""

    metric: str
    direction: Literal["maximize", "minimize"] = "maximize"

    def is_better(self, value: float, other: float) -> bool:
        """Whether `value` is better than `other`."""
        return value > other if self.direction == "maximize" else value < other


@dataclass(frozen=True)
class Trial:
    """A run of a sweep, its point, and the value of the metric once it has one."""

    run_id: str
    point: Point
    value: float | None = None
    ended: bool = False


def best(trials: Iterable[Trial], objective: Objective) -> Trial | None:
    """Return the trial with the best value, the first of equals; NaN and infinity never win."""
    found: tuple[float, Trial] | None = None
    for trial in trials:
        if trial.value is None or not math.isfinite(trial.value):
            continue
        if found is None or objective.is_better(trial.value, found[0]):
            found = trial.value, trial
    return None if found is None else found[1]


class Search(Protocol):
    """Says which point is tried next.

    Attributes
    ----------
    names
        The parameters that it sets.
    total
        How many points it will ask for.
    learns
        Whether the next point depends on how the ones before did.
    """

    names: tuple[str, ...]
    total: int
    learns: bool

    @property
    def exhausted(self) -> bool:
        """Whether `ask` has no further point."""

    def ask(self) -> Point | None:
        """Return the next point; None after the last."""

    def tell(self, trial: Trial) -> None:
        """Learn how a point did that was asked for or replayed."""

    def replay(self, point: Point) -> None:
        """Take a point for asked for, as it was before a restart."""


class ListedSearch:
    """A search whose points are all known from the beginning."""

    learns = False

    def __init__(self, names: tuple[str, ...], points: Sequence[Point]) -> None:
        self.names = names
        self.total = len(points)
        self._points = {key_of(point): point for point in points}

    @property
    def exhausted(self) -> bool:
        """Whether `ask` has no further point."""
        return not self._points

    def ask(self) -> Point | None:
        """Return the next point; None after the last."""
        return self._points.pop(next(iter(self._points))) if self._points else None

    def tell(self, trial: Trial) -> None:
        """Learn nothing."""

    def replay(self, point: Point) -> None:
        """Take a point for asked for."""
        self._points.pop(key_of(point), None)


class OptunaSearch:
    """A search by Optuna's tree-structured Parzen estimator, which learns from every run."""

    learns = True

    def __init__(self, space: Space, count: int, seed: int, objective: Objective) -> None:
        self._optuna = _import_optuna()
        self.names = tuple(dimension.name for dimension in space)
        self.total = count
        self._asked = 0
        self._distributions = {one.name: self._distribution(one) for one in space}
        self._study = self._optuna.create_study(
            direction=objective.direction, sampler=self._optuna.samplers.TPESampler(seed=seed)
        )
        # by point: one that comes twice has two trials
        self._open: dict[str, deque[Any]] = defaultdict(deque)

    @property
    def exhausted(self) -> bool:
        """Whether `ask` has no further point."""
        return self._asked >= self.total

    def ask(self) -> Point | None:
        """Return the next point; None after the last."""
        if self.exhausted:
            return None
        trial = self._study.ask(self._distributions)
        point = {name: _unboxed(trial.params[name]) for name in self.names}
        self._open[key_of(point)].append(trial)
        self._asked += 1
        return point

    def tell(self, trial: Trial) -> None:
        """Learn how a point did; a run without a finite value failed."""
        waiting = self._open[key_of(trial.point)]
        if not waiting:
            return
        if trial.value is None or not math.isfinite(trial.value):
            self._study.tell(waiting.popleft(), state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(waiting.popleft(), trial.value)

    def replay(self, point: Point) -> None:
        """Take a point for asked for."""
        self._study.enqueue_trial({name: _boxed(value) for name, value in point.items()})
        trial = self._study.ask(self._distributions)
        self._open[key_of(point)].append(trial)
        self._asked += 1

    def _distribution(self, dimension: Dimension) -> Any:
        distributions = self._optuna.distributions
        if isinstance(dimension, Values):
            return distributions.CategoricalDistribution([_boxed(one) for one in dimension])
        if dimension.whole:
            return distributions.IntDistribution(
                int(dimension.low), int(dimension.high), log=dimension.log
            )
        return distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def open_search(
    kind: str, space: Space, *, count: int | None, seed: int, objective: Objective
) -> Search:
    """Return the search ``grid``, ``random`` or ``optuna``.

    Raises InvalidRequest ``invalid_sweep``, or ``optuna_missing``.
    """
    if kind not in _SEARCHES:
        raise invalid_sweep(f"There is no search {shown(kind)}", did_you_mean(kind, _SEARCHES))
    return _SEARCHES[kind](space, count, seed, objective)


def _open_grid(space: Space, count: int | None, _seed: int, _objective: Objective) -> Search:
    if count is not None:
        raise invalid_sweep("A grid tries all points", "Leave out the count, or search at random.")
    return ListedSearch(tuple(one.name for one in space), grid(space))


def _open_random(space: Space, count: int | None, seed: int, _objective: Objective) -> Search:
    names = tuple(one.name for one in space)
    return ListedSearch(names, draw(space, _counted(count), seed))


def _open_optuna(space: Space, count: int | None, seed: int, objective: Objective) -> Search:
    return OptunaSearch(space, _counted(count), seed, objective)


_SEARCHES: Mapping[str, Callable[[Space, int | None, int, Objective], Search]] = {
    "grid": _open_grid,
    "random": _open_random,
    "optuna": _open_optuna,
}


def _counted(count: int | None) -> int:
    if count is None or not 1 <= count <= MAX_POINTS:
        raise invalid_sweep(f"Such a search needs the number of points, 1 to {MAX_POINTS}")
    return count


def _import_optuna() -> Any:
    try:
        optuna = importlib.import_module("optuna")
    except ImportError as error:
        raise InvalidRequest(
            "The search 'optuna' is not there.",
            reason="Optuna is not installed where the hub runs.",
            fix="pip install mlops-jupyter[optuna], or search at random.",
            code="optuna_missing",
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _boxed(value: Any) -> Any:
    """Optuna's choices are plain values; others go as JSON behind a mark."""
    return "\0" + json.dumps(value) if isinstance(value, (list, dict)) else value


def _unboxed(value: Any) -> Any:
    boxed = isinstance(value, str) and value.startswith("\0")
    return json.loads(value[1:]) if boxed else value
