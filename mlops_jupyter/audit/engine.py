"""How SQLite is opened: one connection that writes and checkpoints, readers that cannot write.

SQLite 3.7.0 to 3.51.2 can corrupt a database when one connection resets the WAL while another
checkpoints; with exactly one writing and checkpointing connection that cannot happen.
All SQL that only SQLite understands is in this file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import QueuePool

from mlops_jupyter.types.errors import AuditUnavailable

BUSY_MS = 200
"""How long a commit waits for a lock. It blocks the hub's loop, so it is short."""

PAGE_BYTES = 8192
CHECKPOINT_PAGES = 2048
"""16 MB: fewer, and measured not slower, than with 4 MB; what waits for one is the slowest call."""
_SETTINGS = (
    f"PRAGMA page_size={PAGE_BYTES}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}",
    "PRAGMA journal_size_limit=67108864",
    f"PRAGMA busy_timeout={BUSY_MS}",
)


def open_engine(path: str | Path) -> sa.Engine:
    """The one writing engine of a database file: a single connection, WAL, every commit synced.

    The file is made with mode 0600. A second connection asked for while the first is in use waits
    for half a second and then fails, so nothing else can write by accident.
    """
    path = Path(path)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise AuditUnavailable(
            "The hub's database cannot be opened for writing.",
            reason=f"{error.strerror}: {path}.",
            fix="Make the state directory writable, or set MLOPS_JUPYTER_HOME to one that is.",
        ) from None
    engine = sa.create_engine(
        f"sqlite:///{path}", poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.5
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for setting in _SETTINGS:
            connection.execute(setting)

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        driver_connection(connection).execute("BEGIN")

    return engine


def open_reader(path: str | Path) -> sa.Engine:
    """An engine that can only read the database file; safe to use from several threads."""
    path = Path(path).resolve()
    if not path.is_file():
        raise AuditUnavailable(
            "There is no ledger.",
            reason=f"No file {path}.",
            fix="Start the hub, or check the path.",
        )

    def connect() -> sqlite3.Connection:
        uri = f"file:{quote(str(path))}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=5)
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            wal = path.with_name(path.name + "-wal")
            if wal.exists() and wal.stat().st_size:
                raise
            # a copy in a folder that cannot be written has no place for the -shm file
            connection = sqlite3.connect(
                uri + "&immutable=1", uri=True, check_same_thread=False, timeout=5
            )
        connection.execute("PRAGMA query_only=ON")
        connection.isolation_level = None
        return connection

    engine = sa.create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=4, max_overflow=12
    )

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # what one reader sees does not change between its statements
        driver_connection(connection).execute("BEGIN")

    return engine


def driver_connection(connection: sa.Connection) -> Any:
    """The driver's own connection below SQLAlchemy's."""
    return connection.connection.driver_connection


def database_path(engine: sa.Engine) -> Path | None:
    """The engine's database file, or None for a server or a database in memory."""
    if engine.dialect.name != "sqlite" or engine.url.database in (None, "", ":memory:"):
        return None
    return Path(str(engine.url.database))


def set_busy_wait(connection: sa.Connection, milliseconds: int) -> None:
    """How long statements of this connection wait for another's lock."""
    if connection.dialect.name == "sqlite":
        driver_connection(connection).execute(f"PRAGMA busy_timeout={milliseconds:d}")
    else:
        driver_connection(connection).execute(f"SET lock_timeout = {milliseconds:d}")


@contextmanager
def unsynced(connection: sa.Connection) -> Iterator[None]:
    """Commits inside are consistent and not awaited on disk: for what can be derived again."""
    if connection.dialect.name != "sqlite":
        driver_connection(connection).execute("SET synchronous_commit = off")
        try:
            yield
        finally:
            driver_connection(connection).execute("SET synchronous_commit = on")
        return
    driver_connection(connection).execute("PRAGMA synchronous=NORMAL")
    try:
        yield
    finally:
        driver_connection(connection).execute("PRAGMA synchronous=FULL")
