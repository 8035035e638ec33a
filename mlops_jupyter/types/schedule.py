"""Schedules: cron rules that start runs, with the meaning of a Kubernetes CronJob."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlops_jupyter.types.errors import InvalidRequest
from mlops_jupyter.types.names import check_name
from mlops_jupyter.types.run import RunSpec

ConcurrencyPolicy = Literal["Allow", "Forbid", "Replace"]
MAX_HISTORY = 10_000


@dataclass(frozen=True)
class ScheduleSpec:
    """A rule that starts runs; the fields mean what those of ``batch/v1 CronJob`` mean.

    Attributes
    ----------
    cron
        Five fields, or ``@hourly`` and its like.
    time_zone
        IANA name.
    run
        What to start; its notebook is read anew at each start unless `pinned`.
    pinned
        Whether the copy made when the schedule was made is run, whatever becomes of the file.
    concurrency
        What happens when a run of this schedule is still going: ``Allow`` both, ``Forbid`` the new
        one, ``Replace`` the old one.
    starting_deadline_seconds
        How late a start may be; None is any time.
    suspended
        Whether it starts nothing for now.
    jitter_seconds
        Each start is put off by a part of this, the same part for the same schedule.
    succeeded_history, failed_history
        How many ended runs are kept.
    """

    name: str
    cron: str
    run: RunSpec
    time_zone: str = "UTC"
    pinned: bool = False
    concurrency: ConcurrencyPolicy = "Allow"
    starting_deadline_seconds: float | None = None
    suspended: bool = False
    jitter_seconds: float = 0.0
    succeeded_history: int = 100
    failed_history: int = 100

    def __post_init__(self) -> None:
        check_name(self.name, "schedule name")
        problem = ""
        if self.concurrency not in ("Allow", "Forbid", "Replace"):
            problem = "The concurrency policy must be Allow, Forbid or Replace."
        elif self.starting_deadline_seconds is not None and self.starting_deadline_seconds < 0:
            problem = "The starting deadline cannot be negative."
        elif not 0 <= self.jitter_seconds <= 86_400:
            problem = "The jitter must be 0 s to a day."
        elif not all(0 <= n <= MAX_HISTORY for n in (self.succeeded_history, self.failed_history)):
            problem = f"The history limits must be 0 to {MAX_HISTORY}."
        if problem:
            raise InvalidRequest(problem, code="invalid_schedule")


@dataclass(frozen=True)
class ScheduleStatus:
    """A schedule and what it has done. Times are epoch seconds.

    Attributes
    ----------
    next_at
        The next start; None while suspended, or when the rule never fires.
    next_starts
        The next three starts, of which `next_at` is the first.
    last_at, last_run, last_state
        The last time that was due, the run that it started (None where it was skipped), and how
        that run stands.
    active
        Ids of its runs that have not ended.
    reason
        One sentence where something keeps it from starting.
    """

    spec: ScheduleSpec
    revision: int = 1
    created_at: float = 0.0
    created_by: str = ""
    next_at: float | None = None
    next_starts: tuple[float, ...] = ()
    last_at: float | None = None
    last_run: str | None = None
    last_state: str | None = None
    active: tuple[str, ...] = ()
    reason: str = ""
