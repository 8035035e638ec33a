"""A schedule does what a CronJob with the same fields does, and says what it gave up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.training.schedule import (
    MOST_MISSED,
    Skipped,
    decide,
    jitter,
    next_start,
    next_starts,
)
from mlops_jupyter.types import RunSpec, ScheduleSpec

HOURLY = ScheduleSpec("nightly", "0 * * * *", RunSpec("/home/ada/fit.ipynb"))


def at(text: str) -> float:
    return datetime.fromisoformat(f"2026-05-04T{text}").replace(tzinfo=UTC).timestamp()


def codes(skipped: tuple[Skipped, ...]) -> list[tuple[float, str]]:
    return [(one.at, one.code) for one in skipped]


def test_nothing_is_started_before_it_is_due() -> None:
    decision = decide(HOURLY, at("01:00"), (), at("01:59:59"))
    assert decision.start is None
    assert decision.wait_until == at("02:00")
    assert decision.skipped == ()


def test_what_is_due_is_started_once() -> None:
    decision = decide(HOURLY, at("01:00"), (), at("02:00"))
    assert decision.start == at("02:00")
    assert decision.last_scheduled == at("02:00")
    assert decision.wait_until == at("03:00")
    again = decide(HOURLY, decision.last_scheduled, ("r1",), at("02:00"))
    assert again.start is None


def test_of_several_missed_starts_the_latest_is_made_up() -> None:
    decision = decide(HOURLY, at("01:00"), (), at("05:30"))
    assert decision.start == at("05:00")
    assert codes(decision.skipped) == [(at(f"0{hour}:00"), "missed") for hour in (2, 3, 4)]


def test_more_than_a_hundred_missed_starts_are_told_as_a_span_and_the_latest_is_made_up() -> None:
    minutely = replace(HOURLY, cron="* * * * *")
    decision = decide(minutely, 0.0, (), at("05:30"))
    assert decision.start == at("05:30")
    assert len(decision.skipped) == MOST_MISSED
    span = decision.skipped[0]
    assert (span.at, span.until) == (60.0, decision.skipped[1].at - 60)


def test_a_start_is_given_up_when_the_deadline_is_over() -> None:
    spec = replace(HOURLY, starting_deadline_seconds=600)
    assert decide(spec, at("01:00"), (), at("02:09:59")).start == at("02:00")
    late = decide(spec, at("01:00"), (), at("02:10"))
    assert late.start is None
    assert codes(late.skipped) == [(at("02:00"), "too_late")]
    assert late.last_scheduled == at("02:00")
    assert "600 s" in late.skipped[0].reason


def test_allow_starts_beside_the_run_before() -> None:
    decision = decide(HOURLY, at("01:00"), ("r1", "r2"), at("02:00"))
    assert (decision.start, decision.replace) == (at("02:00"), ())


def test_replace_cancels_the_runs_before() -> None:
    spec = replace(HOURLY, concurrency="Replace")
    decision = decide(spec, at("01:00"), ("r1", "r2"), at("02:00"))
    assert (decision.start, decision.replace) == (at("02:00"), ("r1", "r2"))


def test_forbid_keeps_a_start_back_until_the_run_before_ends() -> None:
    """CronJob's meaning: the start is late, not lost, where there is no deadline."""
    spec = replace(HOURLY, concurrency="Forbid")
    waits = decide(spec, at("01:00"), ("r1",), at("02:00"))
    assert (waits.start, waits.skipped, waits.wait_until) == (None, (), at("03:00"))
    assert "r1" in waits.reason
    assert decide(spec, waits.last_scheduled, (), at("02:40")).start == at("02:00")


def test_forbid_gives_a_start_up_when_the_next_is_due() -> None:
    spec = replace(HOURLY, concurrency="Forbid")
    waits = decide(spec, at("01:00"), ("r1",), at("04:10"))
    assert codes(waits.skipped) == [
        (at("02:00"), "still_running"),
        (at("03:00"), "still_running"),
    ]
    ended = decide(spec, waits.last_scheduled, (), at("04:20"))
    assert (ended.start, ended.skipped) == (at("04:00"), ())


def test_forbid_gives_a_start_up_when_the_deadline_is_over() -> None:
    spec = replace(HOURLY, concurrency="Forbid", starting_deadline_seconds=600)
    waits = decide(spec, at("01:00"), ("r1",), at("02:00"))
    assert waits.wait_until == at("02:10")
    over = decide(spec, waits.last_scheduled, ("r1",), at("02:10"))
    assert codes(over.skipped) == [(at("02:00"), "still_running")]
    assert decide(spec, over.last_scheduled, (), at("02:20")).start is None


def test_a_suspended_schedule_starts_nothing_and_the_latest_when_it_is_resumed() -> None:
    spec = replace(HOURLY, suspended=True)
    waits = decide(spec, at("01:00"), (), at("03:30"))
    assert waits.start is None
    assert codes(waits.skipped) == [(at("02:00"), "suspended")]
    resumed = decide(HOURLY, waits.last_scheduled, (), at("03:40"))
    assert (resumed.start, resumed.skipped) == (at("03:00"), ())


def test_a_resumed_schedule_makes_nothing_up_past_the_deadline() -> None:
    spec = replace(HOURLY, suspended=True, starting_deadline_seconds=60)
    waits = decide(spec, at("01:00"), (), at("03:30"))
    assert codes(waits.skipped) == [(at("02:00"), "suspended"), (at("03:00"), "suspended")]
    resumed = replace(spec, suspended=False)
    assert decide(resumed, waits.last_scheduled, (), at("03:40")).start is None


def test_a_clock_that_is_set_back_starts_nothing_twice() -> None:
    decision = decide(HOURLY, at("05:00"), (), at("03:10"))
    assert decision.start is None
    assert decision.wait_until == at("06:00")
    assert "set back" in decision.reason


def test_jitter_puts_every_start_off_by_the_same_part() -> None:
    spec = replace(HOURLY, jitter_seconds=600)
    offset = jitter("nightly", 600)
    assert 0 < offset < 600
    assert offset != jitter("weekly", 600)
    assert next_start(spec, at("01:00")) == at("02:00") + offset
    assert decide(spec, at("01:00"), (), at("02:00") + offset - 1).start is None
    decision = decide(spec, at("01:00"), (), at("02:00") + offset)
    assert (decision.start, decision.wait_until) == (at("02:00"), at("03:00") + offset)


def test_time_zones_decide_when_it_is_two_o_clock() -> None:
    berlin = replace(HOURLY, cron="0 2 * * *", time_zone="Europe/Berlin")
    assert decide(berlin, at("00:00") - 3600, (), at("00:00")).start == at("00:00")


def test_a_start_in_the_hour_that_spring_skips_does_not_happen_that_day() -> None:
    berlin = replace(HOURLY, cron="30 2 * * *", time_zone="Europe/Berlin")
    before = datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()
    # 29 March has no 02:30
    assert next_start(berlin, before) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC).timestamp()


def test_a_deadline_of_0_starts_nothing_as_in_a_cronjob_and_says_so() -> None:
    spec = replace(HOURLY, starting_deadline_seconds=0)
    assert "starts nothing" in decide(spec, at("01:00"), (), at("01:30")).reason
    due = decide(spec, at("01:00"), (), at("02:00"))
    assert due.start is None
    assert codes(due.skipped) == [(at("02:00"), "too_late")]
    assert "starts nothing" in due.reason
    second = replace(spec, starting_deadline_seconds=1)
    assert decide(second, at("01:00"), (), at("02:00")).start == at("02:00")
    assert decide(second, at("01:00"), (), at("01:30")).reason == ""


specs = st.builds(
    ScheduleSpec,
    name=st.sampled_from(["a", "b", "nightly"]),
    cron=st.sampled_from(["* * * * *", "*/7 1-3 * * *", "@every 61s", "30 2 * * *", "0 0 1 * 1"]),
    run=st.just(HOURLY.run),
    time_zone=st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    concurrency=st.sampled_from(["Allow", "Forbid", "Replace"]),
    starting_deadline_seconds=st.none() | st.sampled_from([0, 1, 100, 5000]),
    jitter_seconds=st.sampled_from([0, 90, 4000]),
)
# 26 October 2025, around the end of summer time
moments = st.floats(1_761_350_000, 1_761_530_000, allow_nan=False)
steps = st.lists(
    st.tuples(st.floats(-5000, 20_000, allow_nan=False), st.booleans(), st.booleans()),
    max_size=25,
)


@settings(deadline=None)
@given(specs, moments, steps)
def test_every_due_time_is_started_or_skipped_once(
    spec: ScheduleSpec, created: float, history: list[tuple[float, bool, bool]]
) -> None:
    last, now = created, created
    settled: list[float] = []
    spans: list[tuple[float, float]] = []
    for step, suspended, active in history:
        now += step
        decision = decide(replace(spec, suspended=suspended), last, ("r1",) if active else (), now)
        for skipped in decision.skipped:
            if skipped.until is None:
                settled.append(skipped.at)
            else:
                spans.append((skipped.at, skipped.until))
        if decision.start is not None:
            assert not suspended
            assert last < decision.start <= now
            settled.append(decision.start)
        assert decision.last_scheduled >= last
        assert decision.wait_until is None or decision.wait_until > now
        last = decision.last_scheduled
    assert settled == sorted(set(settled))
    # nothing that is due up to the last settled time is missing
    due_at, expected = next_start(replace(spec, jitter_seconds=0), created), []
    while due_at is not None and due_at <= last:
        if not any(start <= due_at <= end for start, end in spans):
            expected.append(due_at)
        due_at = next_start(replace(spec, jitter_seconds=0), due_at)
    assert settled == expected


@settings(deadline=None)
@given(specs, moments)
def test_asking_when_told_to_starts_what_is_due(spec: ScheduleSpec, created: float) -> None:
    wait = decide(spec, created, (), created).wait_until
    assert wait is not None
    decision = decide(spec, created, (), wait)
    if spec.starting_deadline_seconds == 0:
        assert codes(decision.skipped)[0][1] == "too_late"
    else:
        assert decision.start is not None
        assert decision.skipped == ()


@pytest.mark.parametrize("policy", ["Allow", "Forbid", "Replace"])
def test_a_century_of_missed_minutes_is_decided_at_once(policy: str) -> None:
    spec = replace(HOURLY, cron="* * * * *", concurrency=policy)  # type: ignore[arg-type]
    decision = decide(spec, -2_000_000_000.0, ("r1",), 4_000_000_000.0)
    assert len(decision.skipped) == MOST_MISSED


def test_the_next_starts_are_those_that_come_one_after_the_other() -> None:
    jittered = replace(HOURLY, jitter_seconds=600)
    offset = jitter("nightly", 600)
    starts = next_starts("0 * * * *", "UTC", offset, at("01:30"), 3)
    assert starts == tuple(at(f"0{hour}:00") + offset for hour in (2, 3, 4))
    assert starts[0] == next_start(jittered, at("01:30"))


def test_next_starts_may_be_years_apart() -> None:
    leap_days = next_starts("0 0 29 2 *", "UTC", 0, at("00:00"), 3)
    assert [datetime.fromtimestamp(one, UTC).year for one in leap_days] == [2028, 2032, 2036]


def test_the_night_that_has_no_half_past_two_is_left_out_of_the_next_starts() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()
    starts = next_starts("30 2 * * *", "Europe/Berlin", 0, before, 2)
    assert [datetime.fromtimestamp(one, UTC).day for one in starts] == [30, 31]
