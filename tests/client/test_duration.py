"""Durations and moments as people type them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.client import parse_duration, parse_moment
from mlops_jupyter.types import InvalidRequest

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90d", 90 * 86400),
        ("12h", 12 * 3600),
        ("30m", 1800),
        ("15s", 15),
        ("2w", 14 * 86400),
        ("1h30m", 5400),
        ("1d12h30m5s", 86400 + 12 * 3600 + 1800 + 5),
        (" 90D ", 90 * 86400),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "90", "d", "1.5h", "-1d", "1y", "1m1h", "1h1h", "0s", "0d", "1 h", "٣d", "1d\x00", "inf",
     "9" * 5000 + "d", "99999999w", "'; drop table", "1h" * 3],
)  # fmt: skip
def test_what_is_no_duration_says_what_is(text):
    with pytest.raises(InvalidRequest) as caught:
        parse_duration(text)
    assert caught.value.code == "invalid_duration"
    assert "90d" in caught.value.fix
    assert len(str(caught.value)) < 250


@given(st.text(max_size=30))
def test_any_text_is_a_duration_or_a_clear_error(text):
    try:
        assert parse_duration(text) > 0
    except InvalidRequest:
        pass


def test_a_duration_as_a_moment_is_that_long_ago():
    assert parse_moment("24h", NOW) == NOW - 86400
    assert parse_moment("0s", NOW) == NOW


def test_a_date_and_time_with_a_zone():
    expected = datetime(2026, 11, 23, 7, tzinfo=UTC).timestamp()
    assert parse_moment("2026-11-23T08:00+01:00", NOW) == expected
    assert parse_moment("2026-11-23T07:00:00Z", NOW) == expected


def test_a_time_without_a_zone_is_local():
    local = datetime(2026, 11, 23).timestamp()
    assert parse_moment("2026-11-23", NOW) == local
    assert parse_moment("2026-11-23 00:00", NOW) == local


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-11-23T25:00", "10", "\x00"])
def test_what_is_no_moment_says_what_is(text):
    with pytest.raises(InvalidRequest) as caught:
        parse_moment(text, NOW)
    assert caught.value.code == "invalid_moment"
