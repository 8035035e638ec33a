"""Summaries of blocks of records: which blocks can hold what a search looks for."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from mlops_jupyter.audit import schema

ZONE_RECORDS = 1024
NEEDLE_BYTES = 8
_COLUMNS = tuple(schema.record.c.keys())
_TIME, _ID = _COLUMNS.index("t_us"), _COLUMNS.index("id")
EQUAL = (
    "kind",
    "endpoint",
    "model",
    "version",
    "caller",
    "status",
    "failed",
    "request_id",
    "action",
    "phase",
)
"""Columns that can be searched by equality."""

_EQUAL_AT = tuple((name, _COLUMNS.index(name)) for name in EQUAL)
_ENDPOINT, _CALLER = _COLUMNS.index("endpoint"), _COLUMNS.index("caller")
_CHUNK = 256
_LONGEST_RANGE = 16
_WINDOW = 16

Span = tuple[int, int]


@functools.lru_cache(8192)
def needle(name: str, value: object) -> bytes:
    """What stands in a summary when `value` occurs in the column: 8 bytes of a SHA-256.

    A chance match costs the reading of a block and nothing else.
    """
    return sha256(f"{name}={value}".encode("utf-8", "replace")).digest()[:NEEDLE_BYTES]


def pair_needle(endpoint: str, caller: str) -> bytes:
    """What stands in a summary when this caller called this endpoint: the commonest question."""
    return needle("endpoint\ncaller", f"{endpoint}\n{caller}")


class Zone:
    """The summary of a block, collected as its rows come.

    A look back over the whole block cost ten times as much: by then its rows have left the
    processor's cache.
    """

    def __init__(self, block: int) -> None:
        self.block = block
        self.size = 0
        self._values: list[set[Any]] = [set() for _ in EQUAL]
        self._pairs: set[tuple[Any, Any]] = set()
        self._times: list[int] = []
        self._ids: list[str] = []

    @property
    def next(self) -> int:
        """Index of the row that comes next."""
        return self.block * ZONE_RECORDS + self.size

    @property
    def room(self) -> int:
        """How many rows are missing."""
        return ZONE_RECORDS - self.size

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Take in the next rows, at most `room`."""
        columns = list(zip(*rows, strict=True))
        if not columns:
            return
        self.size += len(rows)
        for values, (_, at) in zip(self._values, _EQUAL_AT, strict=True):
            values.update(columns[at])
        self._pairs.update(zip(columns[_ENDPOINT], columns[_CALLER], strict=True))
        _widen(self._times, columns[_TIME])
        _widen(self._ids, columns[_ID])

    def row(self) -> tuple[Any, ...]:
        """The `zone` table's row."""
        needles = [
            needle(name, value)
            for name, values in zip(EQUAL, self._values, strict=True)
            for value in values
            if value is not None
        ]
        needles += [
            pair_needle(endpoint, caller)
            for endpoint, caller in self._pairs
            if endpoint is not None and caller is not None
        ]
        times, ids = self._times or (None, None), self._ids or (None, None)
        return self.block, *times, *ids, b"".join(sorted(needles))


def _widen(bounds: list[Any], values: Sequence[Any]) -> None:
    """Let `bounds` (least and greatest, or nothing yet) enclose the values that are not None."""
    there = [value for value in values if value is not None]
    if there:
        bounds[:] = min([*bounds[:1], min(there)]), max([*bounds[1:], max(there)])


def zone_row(block: int, rows: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    """The `zone` table's row of a block of search columns."""
    zone = Zone(block)
    zone.add(rows)
    return zone.row()


def spans(
    connection: sa.Connection,
    needles: Iterable[bytes],
    bounds: Span,
    times: Span | None = None,
) -> Iterator[Span]:
    """Ranges of indexes within `bounds`, newest first, outside of which nothing can fit.

    An empty span tells how far the summaries have been read.
    """
    low, high = bounds
    wanted = list(needles)
    if not wanted and times is None:
        yield from _windows(low, high)
        return
    zone = schema.zone.c
    last = connection.execute(sa.select(sa.func.max(zone.block))).scalar()
    full = 0 if last is None else (last + 1) * ZONE_RECORDS
    if high > full:
        yield max(low, full), high
    block = min(full, high + ZONE_RECORDS - 1) // ZONE_RECORDS
    while block * ZONE_RECORDS > low:
        chunk = connection.execute(
            sa.select(zone.block, zone.t_min, zone.t_max, zone.summary)
            .where(zone.block < block, zone.block >= block - _CHUNK)
            .order_by(zone.block.desc())
        )
        fitting = [
            row.block
            for row in chunk
            if all(n in row.summary for n in wanted) and _overlaps(row.t_min, row.t_max, times)
        ]
        for first, end in _joined(fitting):
            span = max(low, first * ZONE_RECORDS), min(high, end * ZONE_RECORDS)
            if span[0] < span[1]:
                yield span
        block = max(0, block - _CHUNK)
        yield block * ZONE_RECORDS, block * ZONE_RECORDS


def blocks_of_id(connection: sa.Connection, name: str) -> list[Span]:
    """Ranges in which a record of this id can be, newest first; the tail without zones left out."""
    zone = schema.zone.c
    rows = connection.execute(
        sa.select(zone.block)
        .where(zone.id_min <= name, zone.id_max >= name)
        .order_by(zone.block.desc())
    )
    return [(row.block * ZONE_RECORDS, (row.block + 1) * ZONE_RECORDS) for row in rows]


def zoned_size(connection: sa.Connection) -> int:
    """How many records lie in blocks that have their summary."""
    last = connection.execute(sa.select(sa.func.max(schema.zone.c.block))).scalar()
    return 0 if last is None else (int(last) + 1) * ZONE_RECORDS


def _windows(low: int, high: int) -> Iterator[Span]:
    size = _WINDOW * ZONE_RECORDS
    while high > low:
        start = max(low, high - size)
        yield start, high
        high = start


def _overlaps(t_min: int | None, t_max: int | None, times: Span | None) -> bool:
    if times is None:
        return True
    return t_min is not None and t_max is not None and t_max >= times[0] and t_min <= times[1]


def _joined(blocks: list[int]) -> Iterator[Span]:
    """Neighbours of a falling sequence as ``[first, end)``, not too many at once."""
    end = first = None
    for block in blocks:
        if first is not None and end is not None:
            if block == first - 1 and end - block <= _LONGEST_RANGE:
                first = block
                continue
            yield first, end
        first, end = block, block + 1
    if first is not None and end is not None:
        yield first, end
