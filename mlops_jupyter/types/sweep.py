"""Sweeps: sets of runs of one notebook over a space of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlops_jupyter.types.errors import InvalidRequest
from mlops_jupyter.types.run import RunSpec

Direction = Literal["maximize", "minimize"]
SearchKind = Literal["grid", "random", "optuna"]
SweepState = Literal["running", "succeeded", "failed", "cancelled"]
MAX_PARALLEL = 1000


@dataclass(frozen=True)
class SweepSpec:
    """What is searched, how, and for what.

    Attributes
    ----------
    run
        Every run of the sweep but for its parameters of `space`.
    space
        Dimensions as they are written: ``lr=0.1,0.01``, ``depth=3..6``, ``lr=0.001..0.1:log``.
    search, count, seed
        ``grid`` tries all points, ``random`` and ``optuna`` try `count` of them.
    parallel
        How many of its runs may go on at once.
    metric, direction
        What is compared; an empty metric compares nothing.
    """

    run: RunSpec
    space: tuple[str, ...]
    search: SearchKind = "grid"
    count: int | None = None
    seed: int = 0
    parallel: int = 1
    metric: str = ""
    direction: Direction = "maximize"

    def __post_init__(self) -> None:
        problem = ""
        if not self.space:
            problem = "A sweep needs at least one parameter, such as lr=0.1,0.01."
        elif self.search not in ("grid", "random", "optuna"):
            problem = "A search is grid, random or optuna."
        elif self.direction not in ("maximize", "minimize"):
            problem = "A metric is maximized or minimized."
        elif not 1 <= self.parallel <= MAX_PARALLEL:
            problem = f"From 1 to {MAX_PARALLEL} runs of a sweep can go on at once."
        elif self.search != "grid" and not self.count:
            problem = f"A {self.search} search needs the number of runs."
        elif self.search == "optuna" and not self.metric:
            problem = "Optuna needs a metric to go by."
        if problem:
            raise InvalidRequest(problem, code="invalid_sweep")


@dataclass(frozen=True)
class SweepStatus:
    """What is known of a sweep. Times are epoch seconds.

    Attributes
    ----------
    total, done, failed
        Runs it will have in all, those that have ended, and those of them without success.
    best_run, best_value
        The run with the best value of the metric so far.
    """

    id: str
    spec: SweepSpec
    state: SweepState = "running"
    reason: str = ""
    submitted_at: float = 0.0
    submitted_by: str = ""
    ended_at: float | None = None
    total: int = 0
    done: int = 0
    failed: int = 0
    best_run: str | None = None
    best_value: float | None = None
    mlflow_run_id: str | None = None

    @property
    def ended(self) -> bool:
        """Whether no further run will start or end."""
        return self.state != "running"
