"""One byte string for one Python value: tagged, so that 1, 1.0, True and "1" differ.

Used for what no fixed-width or text buffer can hold: mixed columns, lists, dicts, decimals, dates.
"""

from __future__ import annotations

import datetime
import decimal
import math
import struct
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_MISSING = b"-"
_CHUNK = 65_536


class UnknownCell(TypeError):
    """A value of a type whose content is not defined; the text names the type only."""


def encode_cells(values: Iterable[Any]) -> Iterator[bytes]:
    """Encode `values` one after another, joined to chunks of some 64 KiB."""
    parts: list[bytes] = []
    size = 0
    for value in values:
        part = encode_cell(value)
        parts.append(part)
        size += len(part)
        if size >= _CHUNK:
            yield b"".join(parts)
            parts, size = [], 0
    yield b"".join(parts)


def encode_cell(value: Any) -> bytes:
    """Encode one value; raise :class:`UnknownCell` for a type without defined content."""
    encoder = _ENCODERS.get(type(value))
    if encoder is not None:
        return encoder(value)
    if type(value).__name__ in ("NAType", "NaTType"):
        return _MISSING
    for kind, by_kind in _ENCODERS.items():
        if isinstance(value, kind):
            return by_kind(value)
    name = f"{type(value).__module__}.{type(value).__name__}"
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        # numpy scalars and arrays, by their dtype, shape and elements
        shape = getattr(value, "shape", ())
        head = f"{value.dtype}{tuple(shape)}".encode()
        if not shape and value.dtype.kind in "fc" and value != value:  # noqa: PLR0124
            return _MISSING
        if not shape and value.dtype.kind in "mM":
            return _sized(b"t", head + str(value).encode())
        return _sized(b"n", head) + encode_cell(value.tolist())
    raise UnknownCell(f"A value of type {name}")


def _sized(tag: bytes, content: bytes) -> bytes:
    return tag + struct.pack("<Q", len(content)) + content


def _float(value: float) -> bytes:
    return _MISSING if math.isnan(value) else b"f" + struct.pack("<d", value)


def _list(value: Iterable[Any]) -> bytes:
    return _sized(b"l", b"".join(encode_cell(item) for item in value))


def _set(value: Iterable[Any]) -> bytes:
    return _sized(b"e", b"".join(sorted(encode_cell(item) for item in value)))


def _dict(value: dict[Any, Any]) -> bytes:
    """Encode a mapping by content: the order of its keys does not count."""
    items = sorted((encode_cell(key), encode_cell(item)) for key, item in value.items())
    return _sized(b"m", b"".join(key + item for key, item in items))


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: _MISSING,
    bool: lambda value: b"B1" if value else b"B0",
    int: lambda value: _sized(b"i", b"%d" % value),
    float: _float,
    complex: lambda value: b"c" + struct.pack("<dd", value.real, value.imag),
    str: lambda value: _sized(b"s", value.encode("utf-8", "surrogatepass")),
    bytes: lambda value: _sized(b"b", bytes(value)),
    bytearray: lambda value: _sized(b"b", bytes(value)),
    decimal.Decimal: lambda value: _sized(b"d", str(value).encode()),
    datetime.datetime: lambda value: _sized(b"T", value.isoformat().encode()),
    datetime.date: lambda value: _sized(b"D", value.isoformat().encode()),
    datetime.time: lambda value: _sized(b"H", value.isoformat().encode()),
    datetime.timedelta: lambda value: _sized(
        b"P", b"%d %d %d" % (value.days, value.seconds, value.microseconds)
    ),
    uuid.UUID: lambda value: _sized(b"u", value.bytes),
    list: _list,
    tuple: _list,
    set: _set,
    frozenset: _set,
    dict: _dict,
}
