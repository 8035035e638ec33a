"""Cron rules with the meaning of a Kubernetes CronJob: what is accepted, and when they fire.

CronJob reads its rules with github.com/robfig/cron v3; `next_after` is that library's algorithm,
so that a rule fires at the same instants here and on a cluster, in both changes of the clock too:
a time that does not exist does not fire, an hour that comes twice fires as robfig has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from mlops_jupyter.types import InvalidRequest, did_you_mean

MAX_LENGTH = 1000
MIN_EVERY_SECONDS = 60
MAX_EVERY_SECONDS = 10 * 366 * 86_400
YEARS_AHEAD = 5
"""A rule that does not fire within five years never does, to robfig and to us."""

_STAR = 1 << 63
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_NUMBER = re.compile(r"\+?[0-9]{1,18}")
_EPOCH_DAY = date(1970, 1, 1).toordinal()
# 29 February comes within five years of it
_BEFORE_LEAP_YEAR = int(datetime(2023, 1, 1, tzinfo=UTC).timestamp())


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: dict[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field("month", 1, 12, {name: n for n, name in enumerate(MONTHS, start=1)}),
    _Field("day of week", 0, 6, {name: n for n, name in enumerate(DAYS)}),
)


@dataclass(frozen=True)
class Cron:
    """Five fields, each a set of bits; the highest bit says that the field held a star."""

    text: str
    minute: int
    hour: int
    day: int
    month: int
    weekday: int


@dataclass(frozen=True)
class Every:
    """A fixed time between two starts, ``@every 1h30m``; `seconds` are whole ones."""

    text: str
    seconds: int


Rule = Cron | Every


@lru_cache(maxsize=1024)
def parse(text: str) -> Rule:
    """Read a rule as ``spec.schedule`` of a CronJob.

    Raises InvalidRequest ``invalid_cron``, which names the field, or ``never_fires``.
    """
    text = text.strip()
    if not text or len(text) > MAX_LENGTH:
        raise _invalid("it is empty" if not text else f"it is over {MAX_LENGTH} characters")
    if "TZ" in text:
        raise InvalidRequest(
            "A cron rule cannot hold a time zone.",
            reason="Kubernetes refuses TZ= and CRON_TZ= in a CronJob's schedule.",
            fix="Give the time zone beside the rule, such as 'Europe/Berlin'.",
            code="invalid_cron",
        )
    if text.startswith("@every "):
        return Every(text, _every_seconds(text.removeprefix("@every ")))
    fields = DESCRIPTORS.get(text, text).split()
    if text.startswith("@") and text not in DESCRIPTORS:
        raise _invalid(f"{_shown(text)} is not known", did_you_mean(text, DESCRIPTORS))
    if len(fields) != len(_FIELDS):
        raise _invalid(f"it has {len(fields)} fields instead of five")
    bits = [_parse_field(part, field) for part, field in zip(fields, _FIELDS, strict=True)]
    rule = Cron(text, *bits)
    if not all(bits) or _Search(rule, ZoneInfo("UTC"), _BEFORE_LEAP_YEAR).run() is None:
        raise InvalidRequest(
            "The cron rule never fires.",
            reason="No date has such a day of month in such a month.",
            fix="Check the third and fourth field; '0 2 28 2 *' is 28 February at 02:00.",
            code="never_fires",
        )
    return rule


def time_zone(name: str) -> ZoneInfo:
    """Return the zone with this IANA name; InvalidRequest ``unknown_time_zone`` otherwise."""
    try:
        # both mean another zone on another machine
        if name.lower() in ("local", "localtime"):
            raise ValueError
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidRequest(
            f"{_shown(name)} is not a time zone.",
            reason=did_you_mean(name, available_timezones()) if len(name) < 64 else "",
            fix="Write an IANA name such as 'Europe/Berlin' or 'UTC'.",
            code="unknown_time_zone",
        ) from error


def next_after(rule: Rule, zone: ZoneInfo, moment: float) -> float | None:
    """Return when the rule fires next, strictly after `moment`; both in epoch seconds.

    None where it does not fire within five years.
    """
    second = int(moment // 1)
    if isinstance(rule, Every):
        return float(second + rule.seconds)
    found = _Search(rule, zone, second).run()
    return None if found is None else float(found)


def due(
    rule: Rule, zone: ZoneInfo, after: float, until: float, most: int
) -> tuple[float | None, tuple[float, ...]]:
    """Return the first time in ``(after, until]`` at which the rule fires, and the last ones.

    At most `most` last ones, oldest first; a century of minutes costs no more than a day of them.
    """
    first = next_after(rule, zone, after)
    if first is None or first > until:
        return None, ()
    window = 3600.0
    while True:
        start = after if until - window <= after else _aligned(rule, after, until - window)
        times = tuple(_between(rule, zone, start, until))
        if len(times) >= most or start == after:
            return first, times[-most:]
        window *= 4


def _between(rule: Rule, zone: ZoneInfo, after: float, until: float) -> Iterator[float]:
    at = next_after(rule, zone, after)
    while at is not None and at <= until:
        yield at
        at = next_after(rule, zone, at)


def _aligned(rule: Rule, after: float, moment: float) -> float:
    """Return a moment not after `moment` from which `rule` goes on as it does from `after`."""
    if isinstance(rule, Every):
        second = after // 1
        return second + (moment - second) // rule.seconds * rule.seconds
    return moment


def _invalid(why: str, fix: str = "") -> InvalidRequest:
    return InvalidRequest(
        f"The cron rule cannot be read: {why}.",
        reason="A rule is minute, hour, day of month, month and day of week, or such as '@daily'.",
        fix=fix or "'0 2 * * *' is every day at 02:00, '*/15 9-17 * * mon-fri' works too.",
        code="invalid_cron",
    )


def _shown(text: str) -> str:
    shown = ascii(text)
    return shown if len(shown) <= 40 else shown[:40] + "…"


def _is_int(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _parse_field(text: str, field: _Field) -> int:
    bits = 0
    for part in filter(None, text.split(",")):
        bits |= _parse_range(part, field)
    return bits


def _parse_range(text: str, field: _Field) -> int:
    """Read ``*``, ``5``, ``5-9``, ``mon-fri``, each with ``/step``; ``5/10`` goes on to the end."""
    span, slash, step_text = text.partition("/")
    low, hyphen, high = span.partition("-")
    step = _parse_number(step_text, text, field, named=False) if slash else 1
    star = low in ("*", "?")
    if star:
        start, end = field.low, field.high
    else:
        start = _parse_number(low, text, field)
        end = _parse_number(high, text, field) if hyphen else start
        if slash and not hyphen:
            end = field.high
    problem = ""
    if step == 0:
        problem = "has a step of 0"
    elif start < field.low or end > field.high:
        problem = f"is not within {field.low} to {field.high}"
        problem += "; Sunday is 0" if field.name == "day of week" else ""
    elif start > end:
        problem = "begins after its end"
    if problem:
        raise _invalid(f"{_shown(text)} of field '{field.name}' {problem}")
    bits = sum(1 << n for n in range(start, end + 1, step))
    return bits | (_STAR if star and step == 1 else 0)


def _parse_number(text: str, part: str, field: _Field, *, named: bool = True) -> int:
    if named and text.lower() in field.names:
        return field.names[text.lower()]
    if not _is_int(text):
        fix = did_you_mean(text.lower(), field.names) if text else ""
        raise _invalid(f"{_shown(part)} of field '{field.name}' is not a number", fix)
    return int(text)


def _every_seconds(text: str) -> int:
    """Read a duration as Go writes it: ``1h30m``, ``1.5h``, ``90s``."""
    parts = re.findall(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|ms|h|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.removeprefix("+"):
        raise _invalid(f"{_shown(text)} is not a duration", "Write '@every 90m' or '@every 6h'.")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not MIN_EVERY_SECONDS <= seconds <= MAX_EVERY_SECONDS:
        raise _invalid(
            f"{_shown(text)} is not within a minute and ten years",
            "A CronJob starts at most once a minute.",
        )
    return int(seconds)


class _Search:
    """The next instant of five fields, as robfig/cron's ``SpecSchedule.Next`` finds it.

    Months, days, hours, minutes and seconds are stepped through in turn; a unit that wraps around
    sends the search back to the months. The oddities are kept: they decide what happens where the
    clock changes.
    """

    def __init__(self, rule: Cron, zone: ZoneInfo, after: int) -> None:
        self.rule = rule
        self.zone = zone
        self.at = after + 1
        self.moved = False

    def run(self) -> int | None:
        """Return epoch seconds, or None where nothing fits within five years."""
        last_year = self._local.year + YEARS_AHEAD
        while self._local.year <= last_year:
            wrapped = self._months() or self._days() or self._hours() or self._minutes()
            if not wrapped and not self._seconds():
                return self.at
        return None

    def _months(self) -> bool:
        while not self.rule.month >> (local := self._local).month & 1:
            if not self.moved:
                local = self._move(_instant(local.year, local.month, 1, 0, 0, 0, self.zone))
            month = local.month + 1
            clock = (local.hour, local.minute, local.second)
            local = self._move(_instant(local.year, month, local.day, *clock, self.zone))
            if local.month == 1:
                return True
        return False

    def _days(self) -> bool:
        while not _day_matches(self.rule, local := self._local):
            if not self.moved:
                local = self._move(_instant(*local.timetuple()[:3], 0, 0, 0, self.zone))
            before, day = self.at, local.day + 1
            clock = (local.hour, local.minute, local.second)
            local = self._move(_instant(local.year, local.month, day, *clock, self.zone))
            # where midnight does not exist, the day begins at 01:00 or at 23:00 of the day before
            if local.hour:
                hours = 24 - local.hour if local.hour > 12 else -local.hour
                local = self._move(self.at + hours * 3600)
            # where a whole day does not exist (Samoa, 30 December 2011), robfig would never end
            if self.at <= before:
                local = self._move(before + 86_400)
            if local.day == 1:
                return True
        return False

    def _hours(self) -> bool:
        while not self.rule.hour >> (local := self._local).hour & 1:
            if not self.moved:
                self._move(_instant(*local.timetuple()[:4], 0, 0, self.zone))
            if self._move(self.at + 3600).hour == 0:
                return True
        return False

    def _minutes(self) -> bool:
        while not self.rule.minute >> self._local.minute & 1:
            if not self.moved:
                self.at -= self.at % 60
            if self._move(self.at + 60).minute == 0:
                return True
        return False

    def _seconds(self) -> bool:
        second = self._local.second
        if second:
            self._move(self.at + 60 - second)
        return second != 0

    @property
    def _local(self) -> datetime:
        return datetime.fromtimestamp(self.at, self.zone)

    def _move(self, at: int) -> datetime:
        self.at, self.moved = at, True
        return self._local


def _day_matches(rule: Cron, local: datetime) -> bool:
    """Cron's rule: both fields where one of them is a star, else either."""
    day = bool(rule.day >> local.day & 1)
    weekday = bool(rule.weekday >> local.isoweekday() % 7 & 1)
    either = not (rule.day & _STAR or rule.weekday & _STAR)
    return day or weekday if either else day and weekday


def _instant(
    year: int, month: int, day: int, hour: int, minute: int, second: int, zone: ZoneInfo
) -> int:
    """Epoch seconds of a local time, as Go's ``time.Date``: months and days may overflow.

    A time that the zone skips or repeats gets the offset that Go would give it.
    """
    start = date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
    days = start.toordinal() + day - 1 - _EPOCH_DAY
    naive = days * 86_400 + hour * 3600 + minute * 60 + second
    return naive - _offset(naive - _offset(naive, zone), zone)


def _offset(at: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(at, zone).utcoffset() or timedelta()
    return offset // timedelta(seconds=1)
