"""The next starts of a rule, as a form shows them before there is a schedule."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mlops_jupyter.types import InvalidRequest


def clocks(starts, zone):
    """What the clocks of a zone show at these moments."""
    return [f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%H:%M}" for at in starts]


def test_a_rule_tells_its_next_starts_in_its_time_zone(daemon):
    found = daemon.cron_starts("30 9 * * *", time_zone="Asia/Kolkata")
    assert clocks(found.starts, "Asia/Kolkata") == ["09:30"] * 3
    assert clocks(found.starts, "UTC") == ["04:00"] * 3
    assert found.starts[0] > time.time()
    assert (found.starts[1] - found.starts[0], found.offset_seconds) == (86_400, 0)
    assert len(daemon.cron_starts("* * * * *", count=7).starts) == 7


def test_jitter_is_said_and_is_in_the_starts(daemon):
    found = daemon.cron_starts("0 * * * *", name="nightly", jitter_seconds=1800)
    assert 0 < found.offset_seconds < 1800
    assert {at % 3600 for at in found.starts} == {found.offset_seconds}
    other = daemon.cron_starts("0 * * * *", name="weekly", jitter_seconds=1800)
    assert other.offset_seconds != found.offset_seconds


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"cron": "0 25 * * *"}, "invalid_cron"),
        ({"cron": "0 0 30 2 *"}, "never_fires"),
        ({"cron": ""}, "invalid_cron"),
        ({"cron": "@daily", "time_zone": "Mars/Olympus"}, "unknown_time_zone"),
        ({"cron": "@daily", "count": 0}, "invalid_query"),
        ({"cron": "@daily", "count": 101}, "invalid_query"),
        ({"cron": "@daily", "jitter_seconds": -1.0}, "invalid_query"),
    ],
)
def test_a_rule_that_cannot_be_says_which_part_is_wrong(daemon, asked, code):
    with pytest.raises(InvalidRequest) as refused:
        daemon.cron_starts(**asked)
    assert refused.value.code == code


def test_a_schedule_tells_the_starts_that_the_form_had_shown(daemon, notebook):
    asked = {"time_zone": "Europe/Berlin", "jitter_seconds": 600.0}
    shown = daemon.cron_starts("0 2 * * *", name="shown", **asked)
    made = daemon.save_schedule(notebook("1"), "0 2 * * *", name="shown", **asked)
    assert made.next_starts == shown.starts
    assert made.next_at == shown.starts[0]
    suspended = daemon.suspend_schedule("shown", suspended=True)
    assert (suspended.next_starts, suspended.next_at) == ((), None)
    daemon.delete_schedule("shown")
