"""Amounts of memory as people write them."""

from __future__ import annotations

from mlops_jupyter.types import InvalidRequest

_UNITS = {"K": 10, "M": 20, "G": 30, "T": 40}


def bytes_of(text: int | str) -> int:
    """``4G``, ``512M``, ``4GiB`` or a number as bytes; raise InvalidRequest otherwise."""
    if isinstance(text, int):
        return text
    number, power = text.strip().removesuffix("B").removesuffix("i"), 0
    if number[-1:].upper() in _UNITS:
        number, power = number[:-1], _UNITS[number[-1].upper()]
    try:
        return int(float(number) * 2**power)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"{text[:40]!r} is not an amount of memory.",
            fix="Write e.g. 512M or 4G.",
            code="invalid_resources",
        ) from None
