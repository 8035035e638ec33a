"""The ledger: what was recorded stays, in order, and can be proved.

Records of a batch become one row, and the tree's new state stands in that row, so a commit is a
few inserts. What can go wrong when writing is handled here too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mlops_jupyter.audit import schema
from mlops_jupyter.audit.ballast import Ballast
from mlops_jupyter.audit.batch import Entry
from mlops_jupyter.audit.engine import BUSY_MS, database_path, set_busy_wait
from mlops_jupyter.audit.identity import Identity
from mlops_jupyter.audit.outage import FULL, LOCKED, Losses, Outage, gap_entries, outage_of
from mlops_jupyter.audit.receipt import Receipt
from mlops_jupyter.audit.stored import StoredNodes
from mlops_jupyter.audit.writer import Also, CommitFailed, Range, Writer


class Ledger:
    """One log, one writer, one thread. Made by :meth:`open`.

    Attributes
    ----------
    grown
        Called with the new size after each append; it must be quick and raise nothing.
    """

    grown: Callable[[int], object] | None = None

    def __init__(
        self, engine: sa.Engine, identity: Identity, ballast: Ballast, checkpoint_seconds: float
    ) -> None:
        self._engine = engine
        self._identity = identity
        self._ballast = ballast
        self._checkpoint_seconds = checkpoint_seconds
        self._sign_at = time.monotonic() + checkpoint_seconds
        self._writer = Writer(engine)
        self._writer.load()
        self._losses = Losses()
        self._outage: Outage | None = None

    @classmethod
    def open(
        cls,
        engine: sa.Engine,
        keys_dir: Path,
        origin: str | None = None,
        *,
        checkpoint_seconds: float = 60.0,
        ballast_bytes: int = 4 << 20,
    ) -> Ledger:
        """Open the ledger in the engine's database, or make it.

        Parameters
        ----------
        engine
            The hub's one writing engine, see :func:`mlops_jupyter.audit.engine.open_engine`.
        keys_dir
            Folder of the signing keys.
        origin
            Name of a new log, ``mlops-jupyter/<host>/<random>`` when None. A log keeps its name.
        checkpoint_seconds
            How often :meth:`sign_if_due` signs.
        ballast_bytes
            Room reserved beside the database so that a full disk can be recorded.

        Raises
        ------
        AuditUnavailable
            Database or keys cannot be used.
        """
        path = database_path(engine)
        ballast = Ballast(path and path.with_name(path.name + ".ballast"), ballast_bytes)
        try:
            schema.metadata.create_all(engine, tables=schema.TABLES)
            identity = Identity.open(engine, Path(keys_dir), origin)
            ledger = cls(engine, identity, ballast, checkpoint_seconds)
            ballast.fill()
            if identity.news:
                ledger.append([Entry(identity.news)])
            ledger._persist_checkpoint()
        except (CommitFailed, sa.exc.DBAPIError) as error:
            outage = error.outage if isinstance(error, CommitFailed) else outage_of(error)
            if outage is None:
                raise
            raise outage.error() from error
        return ledger

    # -- writing ------------------------------------------------------------------------------

    def append(self, entries: Sequence[Entry], also: Also | None = None) -> Range:
        """Write entries; they are on disk when this returns.

        Parameters
        ----------
        also
            Called with the connection inside the transaction: what it writes and the records become
            durable together or not at all. What it raises passes through.

        Raises
        ------
        AuditUnavailable
            Nothing was written. The ledger goes on by itself as soon as it can.
        InvalidRecord, TooLarge
            An entry cannot be recorded; nothing was written.
        """
        if self._outage is not None or self._writer.stale:
            self._try_again(len(entries))
        lost = self._losses.take()
        gaps = gap_entries(lost)
        if not entries and not gaps and also is None:
            return Range(self.size, 0, ())
        try:
            written = self._writer.commit([*gaps, *entries], self.origin, also)
        except BaseException as error:
            self._losses.put_back(lost)
            if not isinstance(error, CommitFailed):
                raise
            self._fail(error.outage, len(entries))
            raise error.outage.error() from error
        if self._outage is not None:
            self._end_outage()
        if self.grown is not None:
            self.grown(self.size)
        return Range(written.first + len(gaps), len(entries), written.ids[len(gaps) :])

    def count_dropped(self, count: int, reason: str = "queue_full") -> None:
        """Mode ``async``: `count` records were given up; the next append writes a `gap` record."""
        self._losses.add(count, reason)

    def close(self) -> None:
        """Write outstanding gaps and search columns, and sign; the engine stays open."""
        self.append([])
        while self.index_pending(10_000):
            pass
        self._persist_checkpoint()

    # -- proofs -------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How many records are committed."""
        return self._writer.tree.size

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._identity.origin

    @property
    def vkey(self) -> str:
        """The verifier key, C2SP signed-note: hand it to whoever shall check the log."""
        return str(self._identity.verifier)

    def checkpoint(self) -> str:
        """The signed checkpoint of the log as it is now (C2SP tlog-checkpoint)."""
        return self._identity.sign(self.size, self._writer.tree.root())

    def sign_if_due(self, now: float | None = None) -> str | None:
        """Sign and keep a checkpoint in the database when the last is old and the log has grown.

        `now` is on the clock of :func:`time.monotonic`, in seconds.
        """
        now = time.monotonic() if now is None else now
        if now < self._sign_at or self._outage is not None:
            return None
        self._sign_at = now + self._checkpoint_seconds
        return self._persist_checkpoint()

    def receipt(self, index: int) -> str:
        """The proof of one record under the present checkpoint (C2SP tlog-proof).

        Raises LookupError when there is no such record.
        """
        if not 0 <= index < self.size:
            raise LookupError(f"there is no record {index}")
        note = self.checkpoint()
        with self._engine.connect() as connection:
            return str(Receipt.make(index, note, StoredNodes(connection)))

    def _persist_checkpoint(self) -> str | None:
        try:
            if self._identity.persisted_size(self._engine) >= self.size:
                return None
            return self._identity.persist(self._engine, self.size, self._writer.tree.root())
        except sa.exc.SQLAlchemyError as error:
            if outage_of(error) is None:
                raise
            # the next one covers what this one would have
            return None

    # -- search columns and state -------------------------------------------------------------

    @property
    def indexed(self) -> int:
        """How many records can be searched."""
        return self._writer.indexed

    def index_pending(self, limit: int = 128) -> int:
        """Write the search columns of at most `limit` records that lack them; return how many.

        Records get theirs when they are committed; this makes up for lost ones.
        """
        return 0 if self._outage is not None else self._writer.index_pending(limit)

    def status(self) -> dict[str, Any]:
        """``{origin, size, indexed, checkpoint_size, bytes, ok, reason}``."""
        path = database_path(self._engine)
        files = (path, path.with_name(path.name + "-wal")) if path else ()
        return {
            "origin": self.origin,
            "size": self.size,
            "indexed": self.indexed,
            "checkpoint_size": self._identity.signed_size,
            "bytes": sum(file.stat().st_size for file in files if file.exists()),
            "ok": self._outage is None,
            "reason": self._outage.reason if self._outage else "",
        }

    # -- outages ------------------------------------------------------------------------------

    def _fail(self, outage: Outage, count: int) -> None:
        self._losses.add(count, outage.word)
        first_time = self._outage is not outage
        self._outage = outage
        if outage is LOCKED and first_time:
            # the loop waited once; from now on it only looks
            self._wait_for_locks(0)
        if outage is FULL and first_time:
            self._ballast.release()
            self._record_outage(outage)

    def _record_outage(self, outage: Outage) -> None:
        detail = {"reason": outage.word}
        entry = Entry({"kind": "system", "action": "audit.unavailable", "detail": detail})
        try:
            self._writer.load()
            self._writer.commit([entry], self.origin, None)
        except (CommitFailed, sa.exc.SQLAlchemyError):
            self._writer.stale = True

    def _try_again(self, count: int) -> None:
        outage = self._outage
        if outage is FULL and not self._ballast.fill():
            self._losses.add(count, outage.word)
            raise outage.error()
        if not self._writer.stale:
            return
        try:
            self._writer.load()
        except (CommitFailed, sa.exc.SQLAlchemyError) as error:
            self._writer.stale = True
            outage = error.outage if isinstance(error, CommitFailed) else outage_of(error)
            if outage is None:
                raise
            self._outage = outage
            self._losses.add(count, outage.word)
            raise outage.error() from error

    def _end_outage(self) -> None:
        if self._outage is LOCKED:
            self._wait_for_locks(BUSY_MS)
        self._outage = None

    def _wait_for_locks(self, milliseconds: int) -> None:
        try:
            with self._engine.connect() as connection:
                set_busy_wait(connection, milliseconds)
        except sa.exc.SQLAlchemyError:
            # a connection made later waits for BUSY_MS, which is only slower
            return
