"""What a schedule has to do now: the decision of Kubernetes' CronJob controller, as a function.

Source: ``syncCronJob`` in kubernetes/pkg/controller/cronjob/cronjob_controllerv2.go and
``mostRecentScheduleTime`` beside it. Of several missed starts the latest alone is made up, if it is
within the deadline. A start that is kept back, by ``Forbid`` or while suspended, stays due until
the next one is: it happens late when the run before ends, or when the schedule is resumed. Unlike
the controller, which drops them, this one reports each start that is given up.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mlops_jupyter.training.cron import due, next_after, parse, time_zone
from mlops_jupyter.types import ScheduleSpec

MOST_MISSED = 100
"""So many missed starts are reported one by one; all before them as one span."""

SkipCode = Literal["suspended", "still_running", "too_late", "missed"]


@dataclass(frozen=True)
class Skipped:
    """A time at which nothing was started, and never will be.

    Attributes
    ----------
    at
        The scheduled time, epoch seconds.
    code, reason
        A word for why, and one sentence.
    until
        Where many were missed: all scheduled times from `at` up to this one; None for `at` alone.
    """

    at: float
    code: SkipCode
    reason: str
    until: float | None = None


@dataclass(frozen=True)
class Decision:
    """What to do now, and when to ask again. Times are epoch seconds.

    Attributes
    ----------
    start
        The scheduled time for which a run is to be started now; None for no run.
    replace
        Ids of runs to be cancelled first.
    skipped
        What was given up, oldest first, each reported once.
    last_scheduled
        What the next question has to be asked with: all up to it has been started or skipped.
    wait_until
        When to ask again, if nothing changes before; None where the rule never fires again.
    reason
        One sentence where something that is due is kept back.
    """

    start: float | None
    replace: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    last_scheduled: float
    wait_until: float | None
    reason: str = ""


def jitter(name: str, seconds: float) -> float:
    """Return by how many whole seconds, below `seconds`, starts of the schedule are put off."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 * seconds // 1


def next_start(spec: ScheduleSpec, after: float) -> float | None:
    """Return when a run starts next, jitter included, if nothing keeps it back."""
    offset = jitter(spec.name, spec.jitter_seconds)
    return next(iter(next_starts(spec.cron, spec.time_zone, offset, after, 1)), None)


def next_starts(cron: str, zone: str, offset: float, after: float, count: int) -> tuple[float, ...]:
    """Return the next times at which a rule starts something, at most `count` of them.

    Parameters
    ----------
    zone
        IANA name of the time zone in which the rule is meant.
    offset
        By how many seconds each start is put off (see `jitter`).

    Raises InvalidRequest where the rule or the time zone cannot be read.
    """
    rule, place = parse(cron), time_zone(zone)
    starts: list[float] = []
    at = next_after(rule, place, after)
    while at is not None and len(starts) < count:
        starts.append(at + offset)
        at = next_after(rule, place, at)
    return tuple(starts)


def decide(
    spec: ScheduleSpec, last_scheduled: float, active: Sequence[str], now: float
) -> Decision:
    """Decide what `spec` has to do at `now`.

    Parameters
    ----------
    last_scheduled
        From the decision before, or when the schedule was made.
    active
        Ids of its runs that have not ended.
    now
        Epoch seconds. A clock that was set back starts nothing a second time.

    Raises InvalidRequest where the rule or the time zone cannot be read.
    """
    rule, zone = parse(spec.cron), time_zone(spec.time_zone)
    offset = jitter(spec.name, spec.jitter_seconds)
    clock = now - offset
    first, times = due(rule, zone, last_scheduled, clock, MOST_MISSED + 1)
    if first is None or not times:
        reason = _never_in_time(spec)
        if last_scheduled > now:
            reason = "The clock was set back: what was due since then has been started already."
        return Decision(None, (), (), last_scheduled, next_start(spec, last_scheduled), reason)
    *missed, latest = times
    kept_back = _kept_back(spec, active)
    skipped = _passed_over(spec, first, missed, kept_back)
    following = next_start(spec, latest)
    deadline = spec.starting_deadline_seconds
    expires = math.inf if deadline is None else latest + deadline + offset
    if now >= expires:
        reason = f"The start was {clock - latest:.0f} s late; the deadline is {deadline:.0f} s."
        given_up = Skipped(latest, *(kept_back or ("too_late", reason)))
        return Decision(None, (), (*skipped, given_up), latest, following, _never_in_time(spec))
    if kept_back:
        # it stays due, so what is settled ends before it
        settled = missed[-1] if missed else last_scheduled
        again = min(expires, math.inf if following is None else following)
        wait_until = None if math.isinf(again) else again
        return Decision(None, (), skipped, settled, wait_until, kept_back[1])
    replace = tuple(active) if spec.concurrency == "Replace" else ()
    return Decision(latest, replace, skipped, latest, following)


def _never_in_time(spec: ScheduleSpec) -> str:
    """A CronJob may have a deadline of 0, too, whose controller then finds no start in time."""
    if spec.starting_deadline_seconds == 0:
        return "It starts nothing: a starting deadline of 0 s is over before anything can start."
    return ""


def _kept_back(spec: ScheduleSpec, active: Sequence[str]) -> tuple[SkipCode, str] | None:
    if spec.suspended:
        return "suspended", "The schedule is suspended."
    if spec.concurrency == "Forbid" and active:
        return "still_running", f"The run before, {active[0]}, is still going."
    return None


def _passed_over(
    spec: ScheduleSpec, first: float, missed: list[float], kept_back: tuple[SkipCode, str] | None
) -> tuple[Skipped, ...]:
    """Report all due times but the latest; those before the last `MOST_MISSED` as one span."""
    made_up = "Nothing was there to start it in time; of several missed starts the latest is kept."
    code, reason = kept_back or ("missed", made_up)
    skipped = tuple(Skipped(at, code, reason) for at in missed)
    if missed and first < missed[0]:
        span = Skipped(first, code, reason, until=missed[0])
        skipped = (span, *skipped[1:])
    return skipped
