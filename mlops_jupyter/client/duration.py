"""Durations and moments as people type them: ``90d``, ``1h30m``, ``2026-11-23T08:00+01:00``."""

from __future__ import annotations

import itertools
import re
from datetime import datetime

from mlops_jupyter.types import InvalidRequest

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:[0-9]{1,9}[wdhms])+")
_PART = re.compile(r"([0-9]+)([wdhms])")
LONGEST = 100 * 365 * 86_400
"""Seconds; a longer duration is taken for a typing error."""


def parse_duration(text: str) -> int:
    """Seconds of ``90d``, ``12h``, ``30m``, ``15s``, ``2w``, ``1h30m``; each unit once, falling.

    Raises
    ------
    InvalidRequest
        It is something else, zero, or over a hundred years.
    """
    seconds = _seconds(text.strip().lower())
    if seconds is None or not 0 < seconds <= LONGEST:
        raise InvalidRequest(
            f"{ascii(text)[:40]} is not a duration.",
            reason="A duration is a number and a unit (w, d, h, m or s), over 0.",
            fix="Write e.g. 90d, 12h, 30m, 15s or 1h30m.",
            code="invalid_duration",
        )
    return seconds


def parse_moment(text: str, now: float) -> float:
    """Epoch seconds of a moment: a duration before `now`, or an ISO 8601 date and time.

    A time without a zone is in the local zone of this computer.

    Raises
    ------
    InvalidRequest
        It is neither.
    """
    seconds = _seconds(text.strip().lower())
    if seconds is not None:
        return now - min(seconds, LONGEST)
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest(
            f"{ascii(text)[:40]} is not a moment.",
            reason="A moment is a duration before now, or an ISO 8601 date and time.",
            fix="Write e.g. 24h, 7d, 2026-11-23 or 2026-11-23T08:00+01:00.",
            code="invalid_moment",
        ) from None


def _seconds(text: str) -> int | None:
    if not _DURATION.fullmatch(text):
        return None
    parts = _PART.findall(text)
    ranks = [list(_UNITS).index(unit) for _, unit in parts]
    if any(later <= earlier for earlier, later in itertools.pairwise(ranks)):
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in parts)
