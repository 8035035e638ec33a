"""What went in and came out: kept apart from the records, joined and compressed by batch.

A record commits to SHA-256(salt || bytes) and names where the bytes are (row and slot), which tells
nothing about them. Salts live with the payloads, so when both are gone, or the key that will one
day encrypt both, the commitment cannot be matched by guessing.
"""

from __future__ import annotations

import os
import struct
import threading
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import zstandard

from mlops_jupyter.types.errors import TooLarge

SALT_BYTES = 16
ROW_BYTES = 1 << 20
"""Payloads are joined up to this many bytes, so that one can be read without many others."""

MAX_PAYLOAD_BYTES = 512 << 20
COMPRESS_OVER = 1024
RAW, ZSTD = 0, 1


@dataclass(slots=True)
class Payload:
    """Bytes of an input or output.

    Attributes
    ----------
    keep
        False (level ``metadata``): only the commitment, the size and the salt are recorded, so that
        somebody who has the bytes can still prove that these were the ones.
    """

    data: bytes
    content_type: str
    keep: bool = True


def pack(data: bytes, compressor: zstandard.ZstdCompressor) -> tuple[int, bytes]:
    """``(codec, bytes)``: compressed when that is worth it."""
    if len(data) > COMPRESS_OVER:
        packed = compressor.compress(data)
        if len(packed) < len(data):
            return ZSTD, packed
    return RAW, data


def unpack(codec: int, data: bytes) -> bytes:
    """What :func:`pack` packed; raise ValueError when it cannot have been."""
    if codec == RAW:
        return data
    if codec != ZSTD:
        raise ValueError("the bytes are packed in an unknown way")
    try:
        if zstandard.frame_content_size(data) > MAX_PAYLOAD_BYTES:
            raise ValueError("the compressed bytes are too many")
        return _decompressor().decompress(data)
    except zstandard.ZstdError:
        raise ValueError("the compressed bytes are damaged") from None


_of_thread = threading.local()


def _decompressor() -> zstandard.ZstdDecompressor:
    """One a thread: making one takes longer than using it."""
    found: zstandard.ZstdDecompressor | None = getattr(_of_thread, "decompressor", None)
    if found is None:
        found = _of_thread.decompressor = zstandard.ZstdDecompressor()
    return found


def _too_large(size: int) -> TooLarge:
    return TooLarge(
        "A payload is too large for the audit.",
        reason=f"It has {size} bytes and may have {MAX_PAYLOAD_BYTES}.",
        fix="Send fewer rows a call, or set the endpoint's audit level to metadata.",
    )


def commitment(salt: bytes, data: bytes) -> str:
    """SHA-256(salt || data), hex."""
    return sha256(salt + data).hexdigest()


Key = tuple[str, int, int]
"""Scope, size and a quick hash of a payload: equal bytes have equal keys, not the reverse."""

_STEP = 7
"""The quick hash looks at every seventh byte: the numbers that tell rows apart are longer."""


class Recent:
    """Where payloads stored lately are, so that a repeated one is stored once.

    Keeps two generations of at most `limit` payloads, not their bytes: whether a find is the same
    payload is decided by its salted commitment.
    """

    def __init__(self, limit: int = 512) -> None:
        self._limit = limit
        self._young: dict[Key, tuple[str, bytes, str]] = {}
        self._old: dict[Key, tuple[str, bytes, str]] = {}

    def find(self, key: Key) -> tuple[str, bytes, str] | None:
        """``(ref, salt, commit)`` of a payload with this key."""
        return self._young.get(key) or self._old.get(key)

    def add(self, stored: dict[Key, tuple[str, bytes, str]]) -> None:
        """Remember what a committed batch stored."""
        self._young.update(stored)
        if len(self._young) > self._limit:
            self._old, self._young = self._young, {}


@dataclass(slots=True)
class _Row:
    id: int
    scope: str
    parts: list[bytes] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    salts: list[bytes] = field(default_factory=list)
    size: int = 0


class PayloadBatch:
    """The payloads of one batch on their way into rows.

    Parameters
    ----------
    first_id
        The id that the batch's first payload row gets.
    most
        How many payloads there can be.
    """

    def __init__(self, first_id: int, recent: Recent, most: int) -> None:
        self.stored: dict[Key, tuple[str, bytes, str]] = {}
        self._recent = recent
        self._next_id = first_id
        self._open: dict[str, _Row] = {}
        self._rows: list[_Row] = []
        self._salts = os.urandom(SALT_BYTES * most)
        self._at = 0

    def add(self, scope: str, payload: Payload) -> dict[str, Any]:
        """Take a payload in; return what the record says about it."""
        data = payload.data
        size = len(data)
        keep = payload.keep
        if keep:
            if size > MAX_PAYLOAD_BYTES:
                raise _too_large(size)
            key = (scope, size, hash(data[::_STEP]))
            known = self.stored.get(key) or self._recent.find(key)
            if known is not None and sha256(known[1] + data).hexdigest() == known[2]:
                return {
                    "bytes": size,
                    "commit": known[2],
                    "ref": known[0],
                    "type": payload.content_type,
                }
        row = self._open.get(scope)
        if row is None or (row.size and row.size + size > ROW_BYTES):
            row = self._row(scope)
        at = self._at
        self._at = at + SALT_BYTES
        salt = self._salts[at : at + SALT_BYTES]
        commit = sha256(salt + data).hexdigest()
        ends = row.ends
        ref = f"{row.id}/{len(ends)}"
        row.salts.append(salt)
        if not keep:
            ends.append(row.size)
            return {"bytes": size, "commit": commit, "salt": ref, "type": payload.content_type}
        row.parts.append(data)
        row.size += size
        ends.append(row.size)
        self.stored[key] = ref, salt, commit
        return {"bytes": size, "commit": commit, "ref": ref, "type": payload.content_type}

    def _row(self, scope: str) -> _Row:
        row = self._open[scope] = _Row(self._next_id, scope)
        self._next_id += 1
        self._rows.append(row)
        return row

    @property
    def next_id(self) -> int:
        """The id of the first payload row after this batch."""
        return self._next_id

    def rows(self, compressor: zstandard.ZstdCompressor) -> list[tuple[Any, ...]]:
        """Rows for the `payload` table: id, scope, key_id, codec, salts, ends, data."""
        rows = []
        for row in self._rows:
            codec, data = pack(b"".join(row.parts), compressor)
            ends = struct.pack(f"<{len(row.ends)}I", *row.ends)
            rows.append((row.id, row.scope, None, codec, b"".join(row.salts), ends, data))
        return rows


@dataclass(frozen=True, slots=True)
class PayloadRow:
    """A payload row as read back."""

    scope: str
    salts: bytes
    ends: tuple[int, ...]
    data: bytes

    @classmethod
    def read(cls, scope: str, codec: int, salts: bytes, ends: bytes, data: bytes) -> PayloadRow:
        """Unpack a row's columns; raise ValueError when they do not fit each other."""
        whole = unpack(codec, data)
        count = len(ends) // 4
        if len(ends) % 4 or len(salts) != SALT_BYTES * count:
            raise ValueError("the salts or offsets are cut")
        bounds = struct.unpack(f"<{count}I", ends)
        if list(bounds) != sorted(bounds) or (bounds[-1] if bounds else 0) != len(whole):
            raise ValueError("the offsets do not fit the bytes")
        return cls(scope, salts, bounds, whole)

    def slot(self, number: int) -> tuple[bytes, bytes]:
        """``(salt, bytes)`` of one payload; raise ValueError when there is no such slot."""
        if not 0 <= number < len(self.ends):
            raise ValueError("there is no such payload in the row")
        start = self.ends[number - 1] if number else 0
        salt = self.salts[number * SALT_BYTES : (number + 1) * SALT_BYTES]
        return salt, self.data[start : self.ends[number]]


def parse_ref(ref: str) -> tuple[int, int]:
    """``(row, slot)`` of a reference; raise ValueError when it is malformed."""
    row, slash, slot = ref.partition("/")
    if not (slash and row.isdecimal() and slot.isdecimal() and len(ref) < 40):
        raise ValueError("the payload reference is malformed")
    return int(row), int(slot)
