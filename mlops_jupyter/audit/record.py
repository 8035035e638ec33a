"""A record's bytes: one canonical JSON object, and the UUIDv7 that names it.

Keys are ASCII and sorted; values are strings, whole numbers within 53 bits, true, false, null,
lists and objects of these: so the bytes are those of RFC 8785 (JCS). There are no floats, because
their text is where canonical forms differ.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterable
from itertools import chain
from typing import Any

import orjson

from mlops_jupyter.types.errors import InvalidRequest

MAX_RECORD_BYTES = 65_535
"""An entry's length is 16 bits in C2SP tlog-tiles."""

MAX_DEPTH = 64
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER | orjson.OPT_PASSTHROUGH_SUBCLASS
_SCALARS = frozenset((str, int, bool, type(None)))
_PLAIN = _SCALARS | {dict}
_BIGGEST = 2**53 - 1
_LOW = (1 << 62) - 1
_VARIANT = 1 << 63


class InvalidRecord(InvalidRequest):
    """An entry cannot be written as a record; `position` is its place in the batch."""

    code = "invalid_record"
    position = 0


def encode(record: dict[str, Any]) -> bytes:
    """The bytes of one record; raise InvalidRecord when it has no canonical form or is too long.

    Lone surrogates (from file names, mostly) are written as escaped text: UTF-8 has no form for
    them.
    """
    return encode_all([record], is_plain([record]))[0]


def encode_all(records: list[dict[str, Any]], plain: bool) -> list[bytes]:
    """The bytes of each record, as :func:`encode`; `position` of the error tells which is bad.

    `plain` is what :func:`is_plain` says of the parts that are not our own.
    """
    dumps = orjson.dumps
    if plain:
        try:
            encoded = [dumps(record, None, _OPTIONS) for record in records]
        except TypeError:
            pass
        else:
            if len(max(encoded, key=len, default=b"")) <= MAX_RECORD_BYTES and (
                all(map(bytes.isascii, encoded)) or all(map(_ascii_keys, records))
            ):
                return encoded
    return [_encode_slowly(record, position) for position, record in enumerate(records)]


def is_plain(records: Iterable[dict[str, Any]]) -> bool:
    """Whether there are only strings, whole numbers, bools, nulls and objects: the usual case."""
    values = list(chain.from_iterable(map(dict.values, records)))
    for _ in range(MAX_DEPTH):
        types = set(map(type, values))
        if dict not in types:
            return types <= _SCALARS
        if not types <= _PLAIN:
            return False
        # callers and models are mostly one object for many records
        nested = {id(value): value for value in values if value.__class__ is dict}
        values = list(chain.from_iterable(map(dict.values, nested.values())))
    return False


def _ascii_keys(record: dict[str, Any]) -> bool:
    return all(
        key.isascii() and (value.__class__ is not dict or _ascii_keys(value))
        for key, value in record.items()
    )


def _encode_slowly(record: dict[str, Any], position: int) -> bytes:
    try:
        data = orjson.dumps(_checked(record, "record", MAX_DEPTH), None, _OPTIONS)
        if len(data) > MAX_RECORD_BYTES:
            raise InvalidRecord(
                "A record is too long.",
                reason=f"It has {len(data)} bytes and may have {MAX_RECORD_BYTES}.",
                fix="Put what is large into a payload, and its digest into the record.",
            )
    except InvalidRecord as error:
        error.position = position
        raise
    return data


def _checked(value: Any, path: str, depth: int) -> Any:
    if depth == 0:
        raise InvalidRecord("A record is nested too deep.", reason=f"At {path[:80]}.")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # str() drops a subclass such as an enumeration's member
        return str.__str__(value).encode("utf-8", "backslashreplace").decode()
    if isinstance(value, int):
        if abs(value) > _BIGGEST:
            raise InvalidRecord("A number of the record is past 53 bits.", reason=f"At {path}.")
        return int(value)
    if isinstance(value, (list, tuple)):
        return [_checked(item, f"{path}[{i}]", depth - 1) for i, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or not key.isascii():
                raise InvalidRecord(
                    "A key of the record is not an ASCII string.", reason=f"In {path}."
                )
        return {key: _checked(item, f"{path}.{key}", depth - 1) for key, item in value.items()}
    raise InvalidRecord(
        "A value of the record is neither string, whole number, bool, null, list nor object.",
        reason=f"At {path} there is a {type(value).__name__}.",
        fix="Write fractions as whole numbers of a smaller unit, such as microseconds.",
    )


class Uuid7:
    """Names of records, RFC 9562 section 5.7: each greater than the one before, whatever the clock.

    A name never tells the next one.
    """

    def __init__(self) -> None:
        self._last = 0

    def stay_after(self, name: str) -> None:
        """Give out only names greater than `name` from now on."""
        self._last = max(self._last, _uuid7_number(name))

    def take(self, count: int) -> list[str]:
        """The next `count` names."""
        number = (time.time_ns() // 1_000_000) << 74 | int.from_bytes(os.urandom(9)) >> 1
        if number <= self._last:
            number = self._last + 1
        names = []
        high, head = -1, ""
        # steps are random so that a name does not tell its neighbour
        for step in struct.unpack(f"{count}I", os.urandom(4 * count)):
            number += 1 + step
            if number >> 62 != high:
                high = number >> 62
                head = f"{high >> 28:08x}-{high >> 12 & 0xFFFF:04x}-7{high & 0xFFF:03x}-"
            low = f"{number & _LOW | _VARIANT:016x}"
            names.append(f"{head}{low[:4]}-{low[4:]}")
        self._last = number
        return names


def _uuid7_number(name: str) -> int:
    digits = name.replace("-", "")
    try:
        value = int(digits, 16) if len(digits) == 32 and digits[12] == "7" else 0
    except ValueError:
        return 0
    ms, middle, low = value >> 80, value >> 64 & 0xFFF, value & _LOW
    return (ms << 12 | middle) << 62 | low
