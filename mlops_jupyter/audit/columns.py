"""The search columns: what of a record's bytes can be searched by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson
import sqlalchemy as sa

from mlops_jupyter.audit import schema
from mlops_jupyter.audit.batch import split_leaves
from mlops_jupyter.audit.engine import driver_connection
from mlops_jupyter.audit.schema import Statement
from mlops_jupyter.audit.zones import ZONE_RECORDS, Zone

Row = tuple[Any, ...]


class _Actor(msgspec.Struct):
    sub: str | None = None


class _Model(msgspec.Struct):
    name: str | None = None
    version: int | None = None


class Side(msgspec.Struct):
    """What a record says about a payload."""

    commit: str | None = None
    bytes: int | None = None
    ref: str | None = None
    salt: str | None = None


class Seen(msgspec.Struct):
    """What is read of a record's bytes."""

    t_wall_us: int | None = None
    id: str | None = None
    kind: str | None = None
    endpoint: str | None = None
    model: _Model | None = None
    actor: _Actor | None = None
    status: int | None = None
    error: str | None = None
    latency_us: int | None = None
    request_id: str | None = None
    action: str | None = None
    phase: str | None = None
    intent: str | None = None


class SeenWhole(Seen):
    """The same with the payloads."""

    input: Side | None = None
    output: Side | None = None


_decode = msgspec.json.Decoder(Seen).decode
_decode_whole = msgspec.json.Decoder(SeenWhole).decode
_NOBODY = _Actor()
_NOTHING = _Model()


def search_row(index: int, leaf: bytes) -> Row:
    """The search columns of a record, in the order of the `record` table.

    A field of an unexpected type counts as absent; a leaf that is not JSON has no columns.
    """
    try:
        seen = _decode(leaf)
    except (msgspec.DecodeError, UnicodeDecodeError):
        seen = _lenient(leaf)
    return row_of(index, seen)


def see(leaf: bytes) -> SeenWhole:
    """A record with its payloads; fields of an unexpected type count as absent."""
    try:
        return _decode_whole(leaf)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _lenient(leaf)


def row_of(index: int, seen: Seen) -> Row:
    """The search columns, in the order of the `record` table."""
    model = seen.model or _NOTHING
    status, error = seen.status, seen.error
    return (
        index,
        seen.t_wall_us,
        seen.id,
        seen.kind,
        seen.endpoint,
        model.name,
        model.version,
        (seen.actor or _NOBODY).sub,
        status,
        1 if error is not None or (status is not None and status >= 400) else 0,
        error,
        seen.latency_us,
        seen.request_id,
        seen.action,
        seen.phase,
        seen.intent,
    )


def _lenient(leaf: bytes) -> SeenWhole:
    try:
        record = orjson.loads(leaf)
    except ValueError:
        return SeenWhole()
    if not isinstance(record, dict):
        return SeenWhole()
    fields: dict[str, Any] = {}
    for name, kind in Seen.__annotations__.items():
        value = record.get(name)
        if "_Actor" in kind and isinstance(value, dict):
            fields[name] = _Actor(_text(value.get("sub")))
        elif "_Model" in kind and isinstance(value, dict):
            fields[name] = _Model(_text(value.get("name")), _number(value.get("version")))
        elif "_" not in kind:
            fields[name] = _number(value) if "int" in kind else _text(value)
    for name in ("input", "output"):
        value = record.get(name)
        if isinstance(value, dict):
            fields[name] = Side(
                _text(value.get("commit")),
                _number(value.get("bytes")),
                _text(value.get("ref")),
                _text(value.get("salt")),
            )
    return SeenWhole(**fields)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return value if fits else None


class Columns:
    """Writes the search columns in the order of the records; where it stands is in the table."""

    def __init__(self, dialect: sa.Dialect) -> None:
        table = schema.bundle.c
        wanted = (table.first, table["count"], table.codec, table.data)
        self._covering = Statement(
            sa.select(*wanted).where(
                table.first
                == sa.select(sa.func.max(table.first))
                .where(table.first <= sa.bindparam("at"))
                .scalar_subquery()
            ),
            dialect,
        )
        self._after = Statement(
            sa.select(*wanted)
            .where(table.first > sa.bindparam("at"), table.first < sa.bindparam("stop"))
            .order_by(table.first),
            dialect,
        )
        record = schema.record.c
        self._since = Statement(
            sa.select(schema.record)
            .where(record.idx >= sa.bindparam("low"), record.idx < sa.bindparam("high"))
            .order_by(record.idx),
            dialect,
        )
        self._insert = Statement(sa.insert(schema.record), dialect)
        self._insert_zone = Statement(sa.insert(schema.zone), dialect)
        self._zone: Zone | None = None  # of the open block

    def forget(self) -> None:
        """Read the open block from the database again: what was written last may not be there."""
        self._zone = None

    def fill(self, connection: sa.Connection, start: int, stop: int) -> int:
        """Write the columns of records start..stop-1 from their bundles; return the next index.

        A damaged bundle gets rows without content, so that one fault hides nothing after it.
        """
        cursor = driver_connection(connection).cursor()
        bundles = self._covering.run(cursor, start).fetchall()
        bundles += self._after.run(cursor, start, stop).fetchall()
        leaves: list[bytes] = []
        for first, count, codec, data in bundles:
            low, high = max(start - first, 0), min(stop - first, count)
            leaves += _leaves(codec, data, count, high)[low:high]
        self.add(cursor, start, leaves)
        return start + len(leaves)

    def add(self, cursor: Any, start: int, leaves: Sequence[bytes]) -> None:
        """Write the columns of these records, the first of which has index `start`."""
        rows = list(map(search_row, range(start, start + len(leaves)), leaves))
        self._insert.run_many(cursor, rows)
        self._fill_zones(cursor, start, rows)

    def _fill_zones(self, cursor: Any, start: int, rows: list[Row]) -> None:
        zone = self._zone
        if zone is None or zone.next != start:
            zone = Zone(start // ZONE_RECORDS)
            zone.add(self._since.run(cursor, zone.next, start).fetchall())
        while len(rows) >= zone.room:
            rest = rows[zone.room :]
            zone.add(rows[: zone.room])
            self._insert_zone.run(cursor, *zone.row())
            rows, zone = rest, Zone(zone.block + 1)
        zone.add(rows)
        self._zone = zone


def _leaves(codec: int, data: bytes, count: int, needed: int) -> list[bytes]:
    try:
        leaves = split_leaves(codec, data)
    except ValueError:
        leaves = []
    return leaves if len(leaves) == count else [b""] * needed


def indexed_size(connection: sa.Connection) -> int:
    """How many records have their search columns."""
    highest = connection.execute(sa.select(sa.func.max(schema.record.c.idx))).scalar()
    return 0 if highest is None else int(highest) + 1


def discard_columns(connection: sa.Connection, start: int) -> None:
    """Delete the search columns of records from `start` on, with the summaries they are in."""
    connection.execute(sa.delete(schema.record).where(schema.record.c.idx >= start))
    connection.execute(sa.delete(schema.zone).where(schema.zone.c.block >= start // ZONE_RECORDS))
