"""The one place that writes bundles: a batch with all that belongs to it in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
import zstandard

from mlops_jupyter.audit import schema
from mlops_jupyter.audit.batch import Batch, Entry, encode_batch, join_leaves, split_leaves
from mlops_jupyter.audit.columns import Columns, discard_columns, indexed_size
from mlops_jupyter.audit.engine import database_path, driver_connection, unsynced
from mlops_jupyter.audit.outage import DAMAGED, LOCKED, LOST, OTHER_WRITER, Outage, outage_of
from mlops_jupyter.audit.payloads import Recent
from mlops_jupyter.audit.record import Uuid7
from mlops_jupyter.audit.schema import Statement
from mlops_jupyter.audit.stored import root_at
from mlops_jupyter.audit.tree import Frontier, Node, pack_nodes

Also = Callable[[sa.Connection], object]


@dataclass(frozen=True, slots=True)
class Range:
    """Where appended entries stand: indexes `first` to `first` + `count` - 1, and their ids."""

    first: int
    count: int
    ids: tuple[str, ...]


class CommitFailed(Exception):
    """Nothing of the batch counts as written."""

    def __init__(self, outage: Outage) -> None:
        super().__init__(outage.reason)
        self.outage = outage


class Writer:
    """The tree in memory and the statements that extend it on disk.

    Attributes
    ----------
    tree
        The committed tree.
    stale
        True after a commit whose outcome is not known: :meth:`load` before the next.
    indexed
        How many records have their search columns. Usually all; fewer after somebody deleted some,
        and then new ones wait too, for the columns have no holes.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._bundle = Statement(sa.insert(schema.bundle), engine.dialect)
        self._payload = Statement(sa.insert(schema.payload), engine.dialect)
        self._columns = Columns(engine.dialect)
        self._names = Uuid7()
        self._recent = Recent()
        self._payload_rows = 0
        self._path = database_path(engine)
        self._file: tuple[int, int] | None = None
        self._driver: Any = None
        self._closed = engine.dialect.loaded_dbapi.ProgrammingError
        self.tree = Frontier()
        self.stale = True
        self.indexed = 0

    def load(self) -> None:
        """Open the database anew and read where the log stands, from its last bundle.

        Raises CommitFailed when the database no longer holds what was committed before.
        """
        self._check_file()
        # after a failed sync the connection's idea of what is on disk cannot be trusted
        self._engine.dispose()
        table = schema.bundle.c
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(
                    table.first + table["count"],
                    table.tree,
                    table.codec,
                    table.data,
                )
                .order_by(table.first.desc())
                .limit(1)
            ).first()
            if not self._is_here(connection):
                raise CommitFailed(LOST)
            self._driver = driver_connection(connection)
            last_payload = connection.execute(sa.select(sa.func.max(schema.payload.c.id))).scalar()
        self._recent = Recent()
        # rows without a batch are for verify to tell; here they must not be in the way
        self._payload_rows = 0 if last_payload is None else int(last_payload) + 1
        if row is None:
            self.tree = Frontier()
        else:
            size, tree, codec, data = row
            try:
                self.tree = Frontier.from_bytes(size, tree)
            except ValueError:
                raise CommitFailed(DAMAGED) from None
            self._names.stay_after(_last_name(codec, data))
        self._file = self._identify()
        self._find_indexed()
        self.stale = False

    def _find_indexed(self) -> None:
        self._columns.forget()
        with self._engine.begin() as connection:
            indexed = indexed_size(connection)
            if indexed > self.tree.size:
                # columns without records would stand in the way of those to come
                discard_columns(connection, self.tree.size)
        self.indexed = min(indexed, self.tree.size)

    def index_pending(self, limit: int) -> int:
        """Write the search columns of at most `limit` records that lack them; return how many."""
        start = self.indexed
        stop = min(start + limit, self.tree.size)
        if stop == start:
            return 0
        try:
            with (
                self._engine.connect() as connection,
                unsynced(connection),
                connection.begin(),
            ):
                self.indexed = self._columns.fill(connection, start, stop)
        except BaseException as error:
            self.indexed = start
            self._columns.forget()
            outage = outage_of(error)
            if outage is None:
                raise
            self.stale = self.stale or outage is not LOCKED
        return self.indexed - start

    def commit(self, entries: Sequence[Entry], origin: str, also: Also | None) -> Range:
        """Write a batch; it is on disk when this returns. Raises CommitFailed when it is not."""
        self._check_file()
        batch = encode_batch(entries, origin, self._names, self._recent, self._payload_rows)
        tree, nodes = self.tree.extended(batch.hashes)
        stage = "write"
        try:
            if also is None:
                self._commit_quickly(batch, tree, nodes)
            else:
                with self._engine.begin() as connection:
                    if entries:
                        self._write(driver_connection(connection).cursor(), batch, tree, nodes)
                    stage = "also"
                    also(connection)
                    stage = "commit"
        except BaseException as error:
            self._columns.forget()
            outage = outage_of(error)
            self.stale = outage is not LOCKED and (outage is not None or stage != "also")
            if outage is not None:
                raise CommitFailed(outage) from error
            if stage == "write" and _is_taken(error):
                raise CommitFailed(OTHER_WRITER) from error
            raise
        first = self.tree.size
        if self.indexed == first:
            self.indexed = tree.size
        self.tree = tree
        self._payload_rows = batch.payloads.next_id
        self._recent.add(batch.payloads.stored)
        return Range(first, len(entries), tuple(batch.ids))

    def _commit_quickly(self, batch: Batch, tree: Frontier, nodes: list[Node]) -> None:
        """A transaction of our own statements only, without the connection pool's bookkeeping.

        The engine has one connection, and it is free: everything that writes does so in one turn
        of one thread.
        """
        try:
            cursor = self._driver.cursor()
        except self._closed:
            # the pool has dropped the connection since
            with self._engine.connect() as connection:
                self._driver = driver_connection(connection)
            cursor = self._driver.cursor()
        driver, dialect = self._driver, self._engine.dialect
        cursor.execute("BEGIN")
        try:
            if batch.leaves:
                self._write(cursor, batch, tree, nodes)
            dialect.do_commit(driver)
        except BaseException:
            dialect.do_rollback(driver)
            raise

    def _identify(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            raise CommitFailed(LOST) from None
        return found.st_dev, found.st_ino

    def _check_file(self) -> None:
        """SQLite writes to a deleted file without a word; raise CommitFailed instead."""
        if self._file is not None and self._identify() != self._file:
            self.stale = True
            raise CommitFailed(LOST)

    def _is_here(self, connection: sa.Connection) -> bool:
        if self.tree.size == 0:
            return True
        try:
            return root_at(connection, self.tree.size) == self.tree.root()
        except (LookupError, ValueError):
            return False

    def _write(self, cursor: Any, batch: Batch, tree: Frontier, nodes: list[Node]) -> None:
        codec, data = join_leaves(batch.leaves, self._compressor)
        self._bundle.run(
            cursor,
            self.tree.size,
            len(batch.leaves),
            time.time_ns() // 1000,
            batch.payloads.next_id,
            codec,
            tree.to_bytes(),
            pack_nodes(nodes),
            b"".join(batch.hashes),
            data,
        )
        for row in batch.payloads.rows(self._compressor):
            self._payload.run(cursor, *row)
        if self.indexed == self.tree.size:
            self._columns.add(cursor, self.tree.size, batch.leaves)


def _last_name(codec: int, data: bytes) -> str:
    try:
        names = [orjson.loads(leaf).get("id") for leaf in split_leaves(codec, data)]
    except (ValueError, AttributeError):
        return ""
    return max((name for name in names if isinstance(name, str)), default="")


def _is_taken(error: BaseException) -> bool:
    return any(base.__name__ == "IntegrityError" for base in type(error).__mro__)
