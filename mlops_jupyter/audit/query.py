"""Reading the ledger: search, one record, its payloads, open intents. From any thread."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from mlops_jupyter.audit import schema
from mlops_jupyter.audit.columns import indexed_size, see
from mlops_jupyter.audit.filters import Filters
from mlops_jupyter.audit.payloads import PayloadRow, commitment, parse_ref
from mlops_jupyter.audit.receipt import Receipt
from mlops_jupyter.audit.stored import (
    StoredNodes,
    each_leaf,
    read_leaf,
    read_leaves,
    root_at,
    tree_size,
)
from mlops_jupyter.audit.tree import consistency_proof, leaf_hash
from mlops_jupyter.audit.zones import Span, blocks_of_id, needle, spans, zoned_size
from mlops_jupyter.types.errors import InvalidRequest, NotFound

MAX_PAGE = 1000
SCAN_SECONDS = 0.12
"""A page stops looking after this time, and its cursor goes on from there."""

_EXPORT_WINDOW = 1 << 12
_TAIL = 100_000


@dataclass(frozen=True)
class Page:
    """Records, newest first, as ``{index, ...record}``.

    `next` is the cursor of the following page (``before=next``), None at the end. A page may hold
    fewer records than asked for, even none, and still have a next one: a search for something rare
    is cut into pages of bounded time. `indexed` of `size` records can be found by search so far.
    """

    records: list[dict[str, Any]]
    next: int | None
    size: int
    indexed: int


@dataclass(frozen=True)
class StoredPayload:
    """The bytes of an input or output, checked against the record's commitment."""

    data: bytes
    content_type: str


class AuditQuery:
    """All reads, over an engine of :func:`mlops_jupyter.audit.engine.open_reader`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @property
    def size(self) -> int:
        """How many records are committed."""
        with self._engine.connect() as connection:
            return tree_size(connection)

    def search(self, filters: Filters | None = None, *, limit: int = 50) -> Page:
        """The newest records that fit all filters; see :class:`Page` on how it is cut."""
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidRequest(
                f"A page cannot have {limit} records.", fix=f"Ask for 1 to {MAX_PAGE}."
            )
        filters = filters or Filters()
        with self._engine.connect() as connection:
            size, indexed = tree_size(connection), indexed_size(connection)
            found, following = _newest(connection, filters, indexed, limit)
            records = _shown(connection, found)
        return Page(records, following, size, indexed)

    def each(self, filters: Filters | None = None) -> Iterator[tuple[int, bytes]]:
        """``(index, exact bytes)`` of all records that fit, oldest first.

        With no filters this is the whole log, search columns or not. No connection is held between
        pieces, so a slow reader keeps nothing open.
        """
        filters = filters or Filters()
        everything = filters == Filters()
        with self._engine.connect() as connection:
            size = tree_size(connection) if everything else indexed_size(connection)
            parts = list(_spans(connection, filters, size))
        for low, high in reversed(parts):
            for start in range(low, high, _EXPORT_WINDOW):
                stop = min(start + _EXPORT_WINDOW, high)
                with self._engine.connect() as connection:
                    if everything:
                        piece = list(each_leaf(connection, start, stop))
                    else:
                        found = _matching(connection, filters, start, stop)
                        piece = list(read_leaves(connection, found))
                yield from piece

    def show(self, key: str | int) -> dict[str, Any]:
        """``{record, index, log, leaf}`` of a record by id or index; raise NotFound."""
        index, leaf = self.leaf(key)
        record = orjson.loads(leaf)
        return {
            "record": record,
            "index": index,
            "log": record.get("log"),
            "leaf": leaf_hash(leaf).hex(),
        }

    def leaf(self, key: str | int) -> tuple[int, bytes]:
        """``(index, exact bytes)`` of a record by id or index; raise NotFound."""
        with self._engine.connect() as connection:
            index = _index_of(connection, key)
            try:
                return index, read_leaf(connection, index)
            except LookupError:
                raise _no_record() from None

    def payload(self, key: str | int, side: str) -> StoredPayload:
        """The payload ``input`` or ``output`` of a record.

        Raises NotFound when the record has none or did not keep it, and ValueError when the stored
        bytes are not those that the record commits to.
        """
        said = self._side(key, side)
        if "ref" not in said:
            raise NotFound(
                f"The record's {side} was not kept.",
                reason="The endpoint's audit level was 'metadata': only its digest is recorded.",
                fix="Use level 'full' to keep the payloads of later calls.",
            )
        salt, data = self._slot(said["ref"])
        if commitment(salt, data) != said.get("commit"):
            raise ValueError(f"the stored {side} is not what the record commits to")
        return StoredPayload(data, str(said.get("type", "")))

    def matches(self, key: str | int, side: str, data: bytes) -> bool:
        """Whether `data` is what went in or came out, be it kept or only its digest."""
        said = self._side(key, side)
        salt, _ = self._slot(said.get("ref", said.get("salt")))
        return commitment(salt, data) == said.get("commit")

    def open_intents(self, since: int = 0) -> list[dict[str, Any]]:
        """Control intents from record `since` on without outcome, as ``{index, ...record}``.

        Complete whether or not the search columns have caught up.
        """
        record = schema.record.c
        with self._engine.connect() as connection:
            indexed, size = indexed_size(connection), tree_size(connection)
            found: set[tuple[int, str, str, str | None]] = set()
            for phase in ("intent", "outcome"):
                looked = [needle("phase", phase)]
                for low, high in spans(connection, looked, (min(since, indexed), indexed)):
                    rows = connection.execute(
                        sa.select(record.idx, record.id, record.phase, record.intent).where(
                            record.idx >= low, record.idx < high, record.phase == phase
                        )
                    )
                    found |= {(row[0], row[1], row[2], row[3]) for row in rows}
            for index, leaf in each_leaf(connection, max(indexed, since), size):
                seen = see(leaf)
                if seen.phase is not None:
                    found.add((index, seen.id or "", seen.phase, seen.intent))
            closed = {intent for _, _, phase, intent in found if phase == "outcome"}
            left = [
                index for index, name, phase, _ in found if phase == "intent" and name not in closed
            ]
            return _shown(connection, sorted(left))

    def checkpoints(self) -> list[str]:
        """The signed checkpoints kept in the ledger, oldest first."""
        table = schema.checkpoint.c
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(table.note).order_by(table.size, table.t_us))
            return [str(row.note) for row in rows]

    def vkey(self) -> str:
        """The verifier key that the ledger itself names: trust it only if you know it otherwise."""
        table = schema.log.c
        with self._engine.connect() as connection:
            found = connection.execute(
                sa.select(table.vkey).order_by(table.number.desc()).limit(1)
            ).scalar()
        if found is None:
            raise NotFound("There is no ledger in this database.")
        return str(found)

    def receipt(self, key: str | int, note: str) -> str:
        """The proof of a record under a checkpoint of this log (C2SP tlog-proof)."""
        index, _ = self.leaf(key)
        with self._engine.connect() as connection:
            try:
                return str(Receipt.make(index, note, StoredNodes(connection)))
            except (LookupError, ValueError) as error:
                raise NotFound(
                    "The checkpoint does not cover the record.", reason=str(error)
                ) from None

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the log of `new` records begins with that of `old` (RFC 6962 2.1.2)."""
        with self._engine.connect() as connection:
            try:
                return consistency_proof(old, new, StoredNodes(connection))
            except (LookupError, ValueError) as error:
                raise NotFound("There is no such proof.", reason=str(error)) from None

    def root(self, size: int) -> bytes:
        """The root that the log had with `size` records; raise NotFound when it is shorter."""
        with self._engine.connect() as connection:
            try:
                return root_at(connection, size)
            except LookupError as error:
                raise NotFound("The log is not that long.", reason=str(error)) from None

    def _side(self, key: str | int, side: str) -> dict[str, Any]:
        said = orjson.loads(self.leaf(key)[1]).get(side) if side in ("input", "output") else None
        if not isinstance(said, dict):
            raise NotFound(f"The record has no {side if side in ('input', 'output') else 'such'}.")
        return said

    def _slot(self, ref: Any) -> tuple[bytes, bytes]:
        number, slot = parse_ref(str(ref))
        table = schema.payload.c
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(table.scope, table.codec, table.salts, table.ends, table.data).where(
                    table.id == number
                )
            ).first()
        if row is None:
            raise NotFound("The payload is gone from the ledger.", reason="Its row is missing.")
        return PayloadRow.read(*row).slot(slot)


def _spans(connection: sa.Connection, filters: Filters, size: int) -> Iterator[Span]:
    high = size if filters.before is None else min(size, filters.before)
    return spans(connection, filters.needles(), (0, high), filters.times())


def _newest(
    connection: sa.Connection, filters: Filters, indexed: int, limit: int
) -> tuple[list[int], int | None]:
    """Indexes that fit, newest first, and the cursor to go on from."""
    record = schema.record.c
    wanted = filters.conditions()
    found: list[int] = []
    started = time.monotonic()
    for low, high in _spans(connection, filters, indexed):
        if low < high:
            rows = connection.execute(
                sa.select(record.idx)
                .where(record.idx >= low, record.idx < high, *wanted)
                .order_by(record.idx.desc())
                .limit(limit - len(found))
            )
            found += [row.idx for row in rows]
        if len(found) == limit:
            return found, found[-1] or None
        if low and time.monotonic() - started > SCAN_SECONDS:
            return found, low
    return found, None


def _matching(connection: sa.Connection, filters: Filters, low: int, high: int) -> list[int]:
    record = schema.record.c
    rows = connection.execute(
        sa.select(record.idx)
        .where(record.idx >= low, record.idx < high, *filters.conditions())
        .order_by(record.idx)
    )
    return [row.idx for row in rows]


def _shown(connection: sa.Connection, indexes: list[int]) -> list[dict[str, Any]]:
    leaves = dict(read_leaves(connection, indexes))
    return [{"index": index, **orjson.loads(leaves[index])} for index in indexes]


def _index_of(connection: sa.Connection, key: str | int) -> int:
    if isinstance(key, int) or (key.isdecimal() and key.isascii() and len(key) < 19):
        return int(key)
    if len(key) > 128 or not key.isascii():
        raise _no_record()
    record = schema.record.c
    indexed, size = indexed_size(connection), tree_size(connection)
    for low, high in [(zoned_size(connection), indexed), *blocks_of_id(connection, key)]:
        index = connection.execute(
            sa.select(sa.func.min(record.idx)).where(
                record.idx >= low, record.idx < high, record.id == key
            )
        ).scalar()
        if index is not None:
            return int(index)
    needed = key.encode()
    for position, leaf in each_leaf(connection, max(indexed, size - _TAIL), size):
        if needed in leaf and see(leaf).id == key:
            return position
    raise _no_record()


def _no_record() -> NotFound:
    return NotFound(
        "There is no such record.",
        fix="Records are named by id or index; 'mlops-jupyter audit search' lists them.",
    )
