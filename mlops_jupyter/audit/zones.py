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


def zone_row(block: int, rows: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    """The `zone` table's row of a full block of search columns."""
    by_column = list(zip(*rows, strict=True))
    times = [time for time in by_column[_TIME] if time is not None]
    ids = [name for name in by_column[_ID] if name is not None]
    needles = [
        needle(name, value)
        for name, at in _EQUAL_AT
        for value in set(by_column[at])
        if value is not None
    ]
    needles += [
        pair_needle(endpoint, caller)
        for endpoint, caller in set(zip(by_column[_ENDPOINT], by_column[_CALLER], strict=True))
        if endpoint is not None and caller is not None
    ]
    return (
        block,
        min(times, default=None),
        max(times, default=None),
        min(ids, default=None),
        max(ids, default=None),
        b"".join(sorted(needles)),
    )


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
