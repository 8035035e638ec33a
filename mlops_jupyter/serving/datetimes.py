"""ISO 8601 text to nanoseconds since 1970, as pandas reads it, without pandas.

Taken: ``2024-05-17``, ``2024-05-17T10:00``, ``2024-05-17 10:00:00.123456789``, the last two with an
optional ``Z`` or offset. A time with an offset becomes UTC without a zone, a time without one stays
as it is: MLflow's datetime type knows no zones (its own server takes offsets in some shapes and
refuses them in others). Other orders, as in ``01/02/2024``, can be read in two ways: refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from mlops_jupyter.serving.misfit import Misfit, kind_of
from mlops_jupyter.serving.packing import packer
from mlops_jupyter.types.datatypes import MISSING_TIME

_EPOCH = datetime(1970, 1, 1)
_PATTERN = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_LIMIT = 2**63


def pack_datetimes(values: Sequence[Any]) -> bytes:
    """ISO 8601 texts, whole numbers (nanoseconds) and nulls (missing) as int64 nanoseconds."""
    return packer("q", len(values))(*[_nanoseconds(i, value) for i, value in enumerate(values)])


def _nanoseconds(index: int, value: Any) -> int:
    if value is None:
        return MISSING_TIME
    if type(value) is int:
        nanoseconds = value
    elif type(value) is str:
        nanoseconds = parse(value, index)
    else:
        raise Misfit(index, f"is {kind_of(value)}")
    if not -_LIMIT < nanoseconds < _LIMIT:
        raise Misfit(index, "is a date outside 1677-09-22 to 2262-04-11")
    return nanoseconds


def parse(text: str, index: int = 0) -> int:
    """Nanoseconds since 1970-01-01 of an ISO 8601 text; raises Misfit with `index`."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise Misfit(index, "is text that is not an ISO 8601 date")
    day, clock, seconds, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(
            f"{day}T{clock or '00:00'}:{seconds or '00'}{_offset(zone)}"
        )
        if zone is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise Misfit(index, "is a date or time that does not exist") from None
    elapsed = moment - _EPOCH
    whole = (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000_000
    return whole + int((fraction or "0").ljust(9, "0"))


def _offset(zone: str | None) -> str:
    if zone is None or zone == "Z":
        return "+00:00" if zone else ""
    return f"{zone[:3]}:{zone[-2:] if len(zone) > 3 else '00'}"


def write(nanoseconds: int, zone: str | None = None) -> str:
    """ISO 8601 text as ``pandas.Timestamp.isoformat`` writes it, in `zone` when there is one."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    moment = _EPOCH + timedelta(seconds=seconds)
    offset = ""
    if zone is not None:
        aware = moment.replace(tzinfo=UTC).astimezone(_zone(zone))
        moment = aware.replace(tzinfo=None)
        offset = aware.isoformat()[19:]
    digits = f"{fraction:09}"
    if not fraction:
        tail = ""
    elif digits.endswith("000"):
        tail = f".{digits[:6]}"
    else:
        tail = f".{digits}"
    return f"{moment.isoformat()}{tail}{offset}"


def _zone(name: str) -> tzinfo:
    """A time zone by its IANA name or as ``UTC+02:00``; UTC when it is not known here."""
    if match := re.fullmatch(r"(?:UTC)?([+-])(\d\d):(\d\d)", name, re.ASCII):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-offset if match[1] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
