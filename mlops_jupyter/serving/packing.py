"""JSON values to packed bytes and back, for every leaf type.

Packing is that of ``types/datatypes.py``: little-endian, BYTES with lengths. What a type takes:

- floating: numbers and null (NaN). A whole number that the type cannot hold exactly is refused,
  since rounding would change it silently; a decimal fraction is rounded to the nearest, as always.
- integer: whole numbers within range, also when written ``3.0``.
- boolean: true, false, and 0 and 1.
- text: text and null (missing).

Strings are never read as numbers, nor true and false as 1 and 0. Every function raises
:class:`~mlops_jupyter.serving.misfit.Misfit` for the first value that does not fit.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from mlops_jupyter.serving.misfit import Misfit, first_not
from mlops_jupyter.types.datatypes import ITEM_SIZES, MISSING_LENGTH, STRUCT_CODES

_EXACT = 2**53
_NAN = float("nan")
_NONE = type(None)
_FLOAT = {float}
_INT = {int}
_BOOL = {bool}
_NUMBERS = frozenset((float, int))
_NUMBERS_OR_NULL = frozenset((float, int, _NONE))
_BOOL_LIKE = frozenset((bool, int))
_TEXT_OR_NULL = frozenset((str, _NONE))
_MISSING = MISSING_LENGTH.to_bytes(4, "little")
_FLOATING = ("FP16", "FP32", "FP64")

INTEGER_RANGES = {
    f"{sign}INT{bits}": (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for sign in ("", "U")
    for bits in (8, 16, 32, 64)
}
"""Smallest and largest value of every integer datatype."""

_WORDS = {"FP16": "a 16-bit float", "FP32": "a 32-bit float", "FP64": "a double"}


@lru_cache(maxsize=1024)
def packer(code: str, count: int) -> Callable[..., bytes]:
    """The cached pack function for `count` little-endian elements of a struct code."""
    return struct.Struct(f"<{count}{code}").pack


@lru_cache(maxsize=1024)
def unpacker(code: str, count: int) -> Callable[[bytes], tuple[Any, ...]]:
    """The cached unpack function for `count` little-endian elements of a struct code."""
    return struct.Struct(f"<{count}{code}").unpack


# -- numbers --------------------------------------------------------------------------------------


def pack_doubles(values: Sequence[Any]) -> bytes:
    """Numbers and nulls as float64."""
    if set(map(type, values)) != _FLOAT:
        return pack_floats("FP64", values)
    return packer("d", len(values))(*values)


def pack_floats(datatype: str, values: Sequence[Any]) -> bytes:
    """Numbers and nulls as FP16, FP32 or FP64."""
    code = STRUCT_CODES[datatype]
    kinds = set(map(type, values))
    if kinds == _FLOAT:
        floats: Sequence[float] = values
    elif kinds <= _NUMBERS_OR_NULL:
        floats = [
            value
            if type(value) is float
            else _NAN
            if value is None
            else _exact_float(index, value, datatype)
            for index, value in enumerate(values)
        ]
    else:
        raise first_not(list(values), _NUMBERS_OR_NULL)
    try:
        return packer(code, len(floats))(*floats)
    except OverflowError:
        for index, value in enumerate(floats):
            try:
                packer(code, 1)(value)
            except OverflowError:
                raise Misfit(index, f"is out of the range of {_WORDS[datatype]}") from None
        raise  # pragma: no cover - one of them must overflow


def _exact_float(index: int, value: int, datatype: str) -> float:
    if datatype == "FP64" and -_EXACT <= value <= _EXACT:
        return float(value)
    problem = f"is a whole number that {_WORDS[datatype]} cannot hold exactly"
    try:
        code = STRUCT_CODES[datatype]
        (held,) = unpacker(code, 1)(packer(code, 1)(float(value)))
    except OverflowError:
        raise Misfit(index, problem) from None
    if int(held) != value:
        raise Misfit(index, problem)
    return float(value)


def pack_integers(datatype: str, values: Sequence[Any]) -> bytes:
    """Whole numbers as an INT or UINT datatype."""
    kinds = set(map(type, values))
    whole: Sequence[int] = values
    if kinds != _INT and kinds:
        if not kinds <= _NUMBERS:
            raise first_not(list(values), _NUMBERS)
        whole = [
            value if type(value) is int else _whole(index, value)
            for index, value in enumerate(values)
        ]
    try:
        return packer(STRUCT_CODES[datatype], len(whole))(*whole)
    except struct.error:
        low, high = INTEGER_RANGES[datatype]
        index = next(i for i, value in enumerate(whole) if not low <= value <= high)
        raise Misfit(index, f"is out of the range {low} to {high}") from None


def _whole(index: int, value: float) -> int:
    if not value.is_integer():
        raise Misfit(index, "is a number with a fraction")
    return int(value)


def pack_booleans(values: Sequence[Any]) -> bytes:
    """true, false, 0 and 1 as one byte each."""
    kinds = set(map(type, values))
    if kinds != _BOOL:
        if not kinds <= _BOOL_LIKE:
            raise first_not(list(values), _BOOL_LIKE)
        for index, value in enumerate(values):
            if value not in (0, 1):
                raise Misfit(index, "is a number other than 0 and 1")
    return bytes(values)


# -- text and bytes -------------------------------------------------------------------------------


def pack_texts(values: Sequence[Any]) -> bytes:
    """Text as UTF-8 with 4-byte lengths; null is missing."""
    if not set(map(type, values)) <= _TEXT_OR_NULL:
        raise first_not(list(values), _TEXT_OR_NULL)
    return pack_bytes([None if value is None else value.encode() for value in values])


def pack_base64(values: Sequence[Any]) -> bytes:
    """Base64 text (RFC 4648, line breaks allowed) as bytes with 4-byte lengths."""
    if not set(map(type, values)) <= _TEXT_OR_NULL:
        raise first_not(list(values), _TEXT_OR_NULL)
    decoded: list[bytes | None] = []
    for index, value in enumerate(values):
        if value is None:
            decoded.append(None)
            continue
        try:
            decoded.append(base64.b64decode("".join(value.split()), validate=True))
        except (binascii.Error, ValueError):
            raise Misfit(index, "is text that is not base64") from None
    return pack_bytes(decoded)


def to_base64(item: bytes) -> str:
    """Base64 text of bytes (RFC 4648, one line)."""
    return base64.b64encode(item).decode("ascii")


def pack_bytes(items: Iterable[bytes | None]) -> bytes:
    """Byte strings with 4-byte lengths; None is missing."""
    return b"".join(
        chain.from_iterable(
            (_MISSING,) if item is None else (len(item).to_bytes(4, "little"), item)
            for item in items
        )
    )


def walk_bytes(data: bytes, start: int = 0, count: int | None = None) -> tuple[list[int], int]:
    """Where each of `count` length-prefixed elements starts, and where the last one ends.

    Without `count` the whole buffer is walked. Raises Misfit when the lengths do not add up.
    """
    starts: list[int] = []
    total = len(data)
    while len(starts) != count if count is not None else start < total:
        if start + 4 > total:
            raise Misfit(len(starts), "is cut off")
        starts.append(start)
        length = int.from_bytes(data[start : start + 4], "little")
        start += 4 if length == MISSING_LENGTH else 4 + length
        if start > total:
            raise Misfit(len(starts) - 1, "is longer than the buffer")
    return starts, start


def unpack_bytes(data: bytes) -> list[bytes | None]:
    """The elements of a BYTES buffer; raises Misfit when the lengths do not add up."""
    starts, end = walk_bytes(data)
    bounds = zip(starts, [*starts, end][1:], strict=True)
    return [
        None if data[start : start + 4] == _MISSING else data[start + 4 : stop]
        for start, stop in bounds
    ]


# -- by datatype ----------------------------------------------------------------------------------


def pack(datatype: str, values: Sequence[Any]) -> bytes:
    """JSON values as elements of any datatype of the protocol; BYTES takes text."""
    if datatype == "FP64":
        return pack_doubles(values)
    if datatype in _FLOATING:
        return pack_floats(datatype, values)
    if datatype == "BOOL":
        return pack_booleans(values)
    if datatype == "BYTES":
        return pack_texts(values)
    return pack_integers(datatype, values)


def unpack(datatype: str, data: bytes) -> Sequence[Any]:
    """The elements of a buffer: numbers, booleans, or for BYTES bytes and None."""
    if datatype == "BYTES":
        return unpack_bytes(data)
    return unpacker(STRUCT_CODES[datatype], len(data) // ITEM_SIZES[datatype])(data)


def unpack_texts(data: bytes) -> list[str | None]:
    """The elements of a BYTES buffer as text; raises Misfit for what is not UTF-8."""
    texts: list[str | None] = []
    for index, item in enumerate(unpack_bytes(data)):
        try:
            texts.append(None if item is None else item.decode())
        except UnicodeDecodeError:
            raise Misfit(index, "is not UTF-8") from None
    return texts
