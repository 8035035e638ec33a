"""Going over a range of the ledger again, hash by hash; a process of its own for large ledgers.

:func:`main` is that process: it reads a :class:`Task` as JSON and writes a :class:`Result`.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from mlops_jupyter.audit import schema
from mlops_jupyter.audit.batch import split_leaves
from mlops_jupyter.audit.columns import Row, SeenWhole, Side, row_of, see
from mlops_jupyter.audit.engine import driver_connection, open_reader
from mlops_jupyter.audit.payloads import SALT_BYTES, PayloadRow, parse_ref
from mlops_jupyter.audit.schema import Statement
from mlops_jupyter.audit.tree import HASH_BYTES, Frontier, pack_nodes
from mlops_jupyter.audit.zones import ZONE_RECORDS, Zone

MOST_PROBLEMS = 1000
WRONG_SUMMARY = "the summary for search differs from the records of its block"
_GROUP = 8
"""Batches read at a time: what is compared shall still be in the processor's cache."""

_CACHED_PAYLOADS = 100_000


class Task(msgspec.Struct):
    """Check records `low` to `high` - 1, both at the edge of a bundle.

    `sizes` are those whose roots are wanted; `indexed` records have search columns.
    """

    low: int
    high: int
    indexed: int
    sizes: list[int]
    payloads: bool = True


class Problem(msgspec.Struct, frozen=True, order=True):
    """What is wrong, and at which record it shows."""

    index: int
    what: str


@dataclass
class Result:
    """What a replay found. `roots` are hex by size; `payload_rows` counts rows up to `high`."""

    problems: list[Problem] = field(default_factory=list)
    roots: dict[int, str] = field(default_factory=dict)
    payloads: int = 0
    payload_rows: int = 0


_bundle, _record, _payload = schema.bundle.c, schema.record.c, schema.payload.c
_PREVIOUS = sa.select(_bundle.first + _bundle["count"], _bundle.tree, _bundle.payloads).where(
    _bundle.first
    == sa.select(sa.func.max(_bundle.first))
    .where(_bundle.first < sa.bindparam("low"))
    .scalar_subquery()
)
_BUNDLES = (
    sa.select(
        _bundle.first,
        _bundle["count"],
        _bundle.payloads,
        _bundle.codec,
        _bundle.tree,
        _bundle.nodes,
        _bundle.hashes,
        _bundle.data,
    )
    .where(_bundle.first >= sa.bindparam("low"), _bundle.first < sa.bindparam("high"))
    .order_by(_bundle.first)
)
_RECORDS = (
    sa.select(schema.record)
    .where(_record.idx >= sa.bindparam("low"), _record.idx < sa.bindparam("high"))
    .order_by(_record.idx)
)
_PAYLOADS = sa.select(
    _payload.id, _payload.scope, _payload.codec, _payload.salts, _payload.ends, _payload.data
).where(_payload.id >= sa.bindparam("low"), _payload.id < sa.bindparam("high"))
_ZONE = sa.select(schema.zone).where(schema.zone.c.block == sa.bindparam("number"))


class _Kept:
    """Search columns as they are kept, in order, to be compared with what they should be."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self._at = 0
        self._by_index: dict[int, Row] | None = None

    def differing(self, rows: list[Row]) -> list[tuple[int, Row | None]]:
        """Index and kept row (None: there is none) of those that are not kept like this."""
        end = self._at + len(rows)
        if self._by_index is None:
            if self._rows[self._at : end] == rows:
                self._at = end
                return []
            self._by_index = {row[0]: row for row in self._rows[self._at :]}
        kept = [(row, self._by_index.pop(row[0], None)) for row in rows]
        return [(row[0], found) for row, found in kept if found != row]

    def left(self) -> list[int]:
        """Indexes of the rows that nothing was compared with."""
        if self._by_index is None:
            return [row[0] for row in self._rows[self._at :]]
        return list(self._by_index)


class Replay:
    """One pass over a task's records on one read-only connection."""

    def __init__(self, connection: sa.Connection, task: Task) -> None:
        dialect = connection.dialect
        self._driver = driver_connection(connection)
        self._error = dialect.loaded_dbapi.DatabaseError
        self._previous = Statement(_PREVIOUS, dialect)
        self._bundles = Statement(_BUNDLES, dialect)
        self._records = Statement(_RECORDS, dialect)
        self._payloads = Statement(_PAYLOADS, dialect)
        self._zone = Statement(_ZONE, dialect)
        self._task = task
        self._sizes = sorted(task.sizes, reverse=True)
        self._stored: dict[str, tuple[str, int]] = {}
        self._stored_before: dict[str, tuple[str, int]] = {}
        self._unused: dict[int, set[str]] = {}
        self._unreadable: dict[int, str] = {}
        self._next = task.low
        self._open_zone: Zone | None = None
        self._next_payload = 0
        self._tree: Frontier | None = None
        self.result = Result()

    def run(self) -> Result:
        """Check everything; problems are in the result, never raised."""
        try:
            self._replay()
        except self._error as error:
            self._problem(self._next, f"the database cannot be read from here on: {error}")
        self.result.payload_rows = self._next_payload
        return self.result

    def _replay(self) -> None:
        task = self._task
        before = self._previous.run(self._driver.cursor(), task.low).fetchone()
        size, tree, self._next_payload = before or (0, b"", 0)
        self._tree = _frontier(size, tree) if size == task.low else None
        if task.low == 0 and self._sizes and self._sizes[-1] == 0:
            self.result.roots[self._sizes.pop()] = Frontier().root().hex()
        cursor = self._bundles.run(self._driver.cursor(), task.low, task.high)
        while group := cursor.fetchmany(_GROUP):
            self._check_group(group)
        self._check_gap(task.high)

    def _problem(self, index: int, what: str) -> None:
        if len(self.result.problems) < MOST_PROBLEMS:
            self.result.problems.append(Problem(index, what))

    def _check_group(self, group: Sequence[Any]) -> None:
        low, high = group[0][0], min(group[-1][0] + group[-1][1], self._task.indexed)
        found = self._records.run(self._driver.cursor(), low, high).fetchall()
        columns = _Kept(found)
        if self._task.payloads:
            self._unused.clear()
            self._read_payloads(self._next_payload, group[-1][2])
        for bundle in group:
            self._check_bundle(bundle, columns)
        for index in columns.left():
            self._problem(index, "there are search columns and no record")

    def _check_gap(self, first: int) -> None:
        if first > self._next:
            last = first - 1
            which = f"record {last} is" if last == self._next else f"records up to {last} are"
            self._problem(self._next, f"{which} missing")
            self._tree = None
        elif first < self._next:
            self._problem(first, "a second batch claims this index")
            self._tree = None

    def _check_bundle(self, bundle: Sequence[Any], columns: _Kept) -> None:
        first, count, payloads, codec, tree, nodes, stored, data = bundle
        self._check_gap(first)
        self._next = first + count
        if len(stored) != count * HASH_BYTES or count < 1:
            self._problem(first, "the batch's hashes do not fit its number of records")
        leaves = self._leaves(first, count, codec, data)
        hashes = self._check_leaves(first, leaves, stored)
        self._check_tree(first, count, hashes, tree, nodes)
        seen = [see(leaf) for leaf in leaves]
        self._check_columns(first, seen, columns)
        if self._task.payloads:
            self._check_payloads(first, seen, payloads)
        self._next_payload = payloads

    def _leaves(self, first: int, count: int, codec: int, data: bytes) -> list[bytes]:
        try:
            leaves = split_leaves(codec, data)
        except ValueError as error:
            self._problem(first, f"the batch cannot be read: {error}")
            return []
        if len(leaves) != count:
            self._problem(first, f"the batch holds {len(leaves)} records and says {count}")
            return []
        return leaves

    def _check_leaves(self, first: int, leaves: list[bytes], stored: bytes) -> list[bytes]:
        """The batch's hashes as stored, compared with those of its records."""
        own = [sha256(b"\0" + leaf).digest() for leaf in leaves]
        if b"".join(own) == stored:
            return own
        hashes = [stored[at : at + HASH_BYTES] for at in range(0, len(stored), HASH_BYTES)]
        for index, (mine, theirs) in enumerate(zip(own, hashes, strict=False), first):
            if mine != theirs:
                self._problem(index, "the record is not the one that was written")
        return hashes

    def _check_tree(
        self, first: int, count: int, hashes: list[bytes], tree: bytes, nodes: bytes
    ) -> None:
        """Follow the tree; after a fault go on from what is stored, to tell where faults end."""
        last = first + count
        stored = _frontier(last, tree)
        if stored is None:
            self._problem(first, "the batch's tree does not fit its place")
        if self._tree is not None:
            self._take_roots(first, last if stored is None else last - 1, hashes, self._tree)
            own, completed = self._tree.extended(hashes)
            if stored != own:
                self._problem(
                    first,
                    "the tree does not follow from the records: this batch or one before it "
                    "was changed, moved, inserted or deleted",
                )
            elif pack_nodes(completed) != nodes:
                self._problem(first, "the batch's kept tree nodes are wrong")
        if stored is not None:
            self._take_roots(last, last, [], stored)
        self._tree = stored

    def _take_roots(self, first: int, last: int, hashes: list[bytes], tree: Frontier) -> None:
        while self._sizes and self._sizes[-1] < first:
            self._sizes.pop()
        while self._sizes and self._sizes[-1] <= last:
            size = self._sizes.pop()
            self.result.roots[size] = tree.extended(hashes[: size - first])[0].root().hex()

    def _check_columns(self, first: int, seen: list[SeenWhole], columns: _Kept) -> None:
        indexed = max(min(len(seen), self._task.indexed - first), 0)
        rows = list(map(row_of, range(first, first + indexed), seen))
        for index, found in columns.differing(rows):
            self._problem(
                index,
                "the search columns are missing"
                if found is None
                else "the search columns differ from the record",
            )
        self._check_zones(first, rows)

    def _check_zones(self, first: int, rows: list[Row]) -> None:
        """Compare summaries; that of a block which begins before the task is left to `verify`."""
        while rows:
            zone = self._open_zone
            if zone is None or zone.next != first:
                block, before = divmod(first, ZONE_RECORDS)
                zone = self._open_zone = Zone(block) if before == 0 else None
            room = ZONE_RECORDS - first % ZONE_RECORDS
            if zone is not None:
                zone.add(rows[:room])
                if not zone.room:
                    self._check_zone(zone)
                    self._open_zone = None
            first += len(rows[:room])
            rows = rows[room:]

    def _check_zone(self, zone: Zone) -> None:
        kept = self._zone.run(self._driver.cursor(), zone.block).fetchone()
        if kept is None or tuple(kept) != zone.row():
            self._problem(zone.block * ZONE_RECORDS, WRONG_SUMMARY)

    # -- payloads -----------------------------------------------------------------------------

    def _read_payloads(self, low: int, high: int) -> None:
        """Recompute the commitments of payload rows low..high-1."""
        if len(self._stored) > _CACHED_PAYLOADS:
            self._stored_before, self._stored = self._stored, {}
        for number, *columns in self._payloads.run(self._driver.cursor(), low, high):
            try:
                stored = _commitments(number, columns)
            except ValueError as error:
                self._unreadable[number] = str(error)
                continue
            self._stored.update(stored)
            self._unused[number] = set(stored)

    def _check_payloads(self, first: int, seen: list[SeenWhole], payloads: int) -> None:
        used = []
        for index, record in enumerate(seen, first):
            if record.input is not None:
                used.append(self._check_side(index, "input", record.input))
            if record.output is not None:
                used.append(self._check_side(index, "output", record.output))
        self.result.payloads += len(used)
        made = payloads - self._next_payload
        if seen and not 0 <= made <= 2 * len(seen):
            self._problem(first, "the batch's count of payload rows is wrong")
            return
        for number in range(self._next_payload, payloads) if seen else ():
            stored = self._unused.pop(number, None)
            if stored is not None:
                idle = stored.difference(used)
                if idle:
                    self._problem(first, f"{len(idle)} payloads of row {number} have no record")
            elif number not in self._unreadable:
                self._problem(first, f"payload row {number} of the batch is missing")

    def _check_side(self, index: int, name: str, side: Side) -> str:
        ref = side.ref or side.salt or ""
        said = self._stored.get(ref) or self._stored_before.get(ref) or self._look_up(ref)
        if said is None:
            self._problem(index, f"the {name} cannot be read: {self._why(ref)}")
        elif side.ref is not None and (said[0] != side.commit or said[1] != side.bytes):
            self._problem(index, f"the {name} is not the one that the record commits to")
        return ref

    def _look_up(self, ref: str) -> tuple[str, int] | None:
        try:
            number, _ = parse_ref(ref)
        except ValueError:
            return None
        if number not in self._unreadable:
            self._read_payloads(number, number + 1)
        return self._stored.get(ref)

    def _why(self, ref: str) -> str:
        try:
            number, _ = parse_ref(ref)
        except ValueError as error:
            return str(error)
        return self._unreadable.get(number, "it is missing")


def _frontier(size: int, tree: bytes) -> Frontier | None:
    try:
        return Frontier.from_bytes(size, tree)
    except ValueError:
        return None


def _commitments(number: int, columns: list[Any]) -> dict[str, tuple[str, int]]:
    """``{ref: (commit, bytes)}`` of a payload row; raise ValueError when it is damaged."""
    row = PayloadRow.read(*columns)
    data, salts = memoryview(row.data), row.salts
    found = {}
    start = at = 0
    for slot, end in enumerate(row.ends):
        digest = sha256(salts[at : at + SALT_BYTES])
        digest.update(data[start:end])
        found[f"{number}/{slot}"] = digest.hexdigest(), end - start
        start = end
        at += SALT_BYTES
    return found


def main() -> None:
    """Run the task on standard input against the database named on the command line."""
    # nothing here is cyclic, and looking for cycles takes a tenth of the time
    gc.disable()
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    with open_reader(Path(sys.argv[1])).connect() as connection:
        result = Replay(connection, task).run()
    sys.stdout.buffer.write(msgspec.json.encode(result))
