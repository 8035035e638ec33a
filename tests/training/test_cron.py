"""Cron rules: what is refused and how it is said, when they fire, and what they are called.

`test_cron_oracle` compares with the library behind a Kubernetes CronJob.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mlops_jupyter.training.cron import due, next_after, parse, time_zone
from mlops_jupyter.training.cronwords import describe
from mlops_jupyter.types import InvalidRequest

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


def moment(text: str, zone: ZoneInfo = UTC, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def following(rule: str, after: str, zone: ZoneInfo = UTC) -> str:
    at = next_after(parse(rule), zone, moment(after, zone))
    assert at is not None
    return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("0 2 * * *", "2026-05-05 02:00"),
        ("*/15 * * * *", "2026-05-04 09:45"),
        ("31 9 * * *", "2026-05-04 09:31"),
        ("0 9 * * MON-fri", "2026-05-05 09:00"),
        ("0 0 1 jan ?", "2027-01-01 00:00"),
        ("@monthly", "2026-06-01 00:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        ("@every 1h30m", "2026-05-04 11:00"),
    ],
)
def test_the_next_start_is_after_the_moment(rule: str, expected: str) -> None:
    # a Monday
    assert following(rule, "2026-05-04 09:30") == expected


def test_day_of_month_or_day_of_week_where_both_are_given() -> None:
    assert following("0 0 13 * fri", "2026-02-13 12:00") == "2026-02-20 00:00"
    assert following("0 0 13 * fri", "2026-03-12 12:00") == "2026-03-13 00:00"
    assert following("0 0 */2 * fri", "2026-05-01 12:00") == "2026-05-03 00:00"


def test_a_fraction_of_a_second_is_before_the_next_one() -> None:
    at = moment("2026-05-04 09:30")
    assert next_after(parse("* * * * *"), UTC, at - 0.25) == at
    assert next_after(parse("* * * * *"), UTC, at) == at + 60


def test_a_time_that_spring_skips_does_not_fire() -> None:
    assert following("30 2 * * *", "2026-03-28 12:00", BERLIN) == "2026-03-30 02:30"
    assert following("0 * * * *", "2026-03-29 01:30", BERLIN) == "2026-03-29 03:00"


def test_an_hour_that_comes_twice_fires_as_in_a_cronjob() -> None:
    """Hourly rules fire in both, and so does a daily one: robfig/cron does not tell them apart."""
    rule, at, found = parse("30 2 * * *"), moment("2026-10-25 00:00", BERLIN), []
    for _ in range(3):
        following_one = next_after(rule, BERLIN, at)
        assert following_one is not None
        at = following_one
        found.append(at)
    first, second = (moment("2026-10-25 02:30", BERLIN, fold) for fold in (0, 1))
    assert second == first + 3600
    assert found == [first, second, moment("2026-10-26 02:30", BERLIN)]


def test_a_day_that_does_not_exist_is_passed_over() -> None:
    """Samoa went from 29 to 31 December 2011; robfig/cron itself would search for ever."""
    samoa = ZoneInfo("Pacific/Apia")
    assert following("0 12 30 * *", "2011-12-29 13:00", samoa) == "2012-01-30 12:00"
    assert following("0 12 9 9 *", "2011-12-29 13:00", samoa) == "2012-09-09 12:00"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("", "empty"),
        ("* * * *", "4 fields"),
        ("* * * * * *", "6 fields"),
        ("61 * * * *", "field 'minute' is not within 0 to 59"),
        ("* 24 * * *", "field 'hour'"),
        ("* * 0 * *", "field 'day of month'"),
        ("* * * 13 *", "field 'month'"),
        ("* * * * 7", "Sunday is 0"),
        ("* * * * fry", "Did you mean 'fri'"),
        ("*/0 * * * *", "step of 0"),
        ("30-10 * * * *", "begins after its end"),
        ("1-2-3 * * * *", "not a number"),
        ("* * * * 1#2", "not a number"),
        ("* * L * *", "not a number"),
        ("@dayly", "Did you mean '@daily'"),
        ("@reboot", "not known"),
        ("@every", "not known"),
        ("@every soon", "not a duration"),
        ("@every 5s", "once a minute"),
        ("@every 999999h", "ten years"),
        ("TZ=UTC * * * * *", "time zone beside the rule"),
        ("CRON_TZ=Europe/Berlin 0 2 * * *", "time zone beside the rule"),
        ("0 " * 1000, "over 1000 characters"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused_and_the_field_is_named(rule: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(rule)
    assert refused.value.code == "invalid_cron"
    assert said in str(refused.value)


@pytest.mark.parametrize("rule", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", ", * * * *", "0 0 31 feb ?"])
def test_a_rule_that_never_fires_is_refused(rule: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(rule)
    assert refused.value.code == "never_fires"


@pytest.mark.parametrize(
    "name", ["Europe/Berln", "", "Local", "../etc/passwd", "Europe", "\0", "/"]
)
def test_a_time_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        time_zone(name)
    assert refused.value.code == "unknown_time_zone"


def test_the_nearest_time_zone_is_proposed() -> None:
    with pytest.raises(InvalidRequest, match="Did you mean 'Europe/Berlin'"):
        time_zone("Europe/Berln")


def test_due_times_are_counted_from_the_end() -> None:
    rule, after = parse("*/10 * * * *"), moment("2026-05-04 00:00")
    first, last = due(rule, UTC, after, after + 3600, most=3)
    assert first == after + 600
    assert last == (after + 2400, after + 3000, after + 3600)
    assert due(rule, UTC, after, after + 599, most=3) == (None, ())
    assert due(rule, UTC, after, after - 9999, most=3) == (None, ())


@pytest.mark.parametrize("rule", ["@every 61s", "@every 7h", "0 0 29 2 *", "* * * * *"])
def test_due_times_of_a_century_are_those_that_a_walk_would_find(rule: str) -> None:
    until = moment("2026-05-04 00:00")
    _, last = due(parse(rule), UTC, -1_000_000_000.0, until, most=5)
    assert len(last) == 5
    assert list(last) == sorted(set(last))
    assert next_after(parse(rule), UTC, last[-2]) == last[-1]
    following_one = next_after(parse(rule), UTC, last[-1])
    assert following_one is not None
    assert following_one > until
    if rule.startswith("@every"):
        seconds = last[1] - last[0]
        assert (last[0] + 1_000_000_000) % seconds == 0


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("* * * * *", "every minute"),
        ("*/5 * * * *", "every 5 minutes"),
        ("*/7 * * * *", "*/7 * * * *"),
        ("0 * * * *", "every hour"),
        ("15 * * * *", "every hour at minute 15"),
        ("0 */6 * * *", "every 6 hours"),
        ("@daily", "every day at 00:00"),
        ("30 2 ? * *", "every day at 02:30"),
        ("0 9 * * 1-5", "Monday to Friday at 09:00"),
        ("0 9 * * sun", "every Sunday at 09:00"),
        ("0 9 * * 3", "every Wednesday at 09:00"),
        ("0 9 1 * *", "day 1 of every month at 09:00"),
        ("0 9 24 dec *", "24 December at 09:00"),
        ("@every 1h30m", "every 1 h 30 min"),
        ("0 9 13 * fri", "0 9 13 * fri"),
        ("0 9,17 * * *", "0 9,17 * * *"),
        ("*/10 9-17 * * 1-5", "*/10 9-17 * * 1-5"),
    ],
)
def test_common_rules_are_said_in_words(rule: str, words: str) -> None:
    assert describe(parse(rule)) == words
