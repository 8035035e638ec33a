"""The ledger's tables, SQLAlchemy Core, for SQLite and PostgreSQL alike.

Only `bundle`, `payload` and `checkpoint` are evidence. `record` and `zone` are search columns: they
say nothing that the bundles' bytes do not say, are written with them, and can be rebuilt.

There are no secondary indexes: entering 128 records into five of them rewrites hundreds of pages.
A search reads the zones' summaries instead and skips blocks in which a wanted value does not occur.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()

# an INTEGER primary key is SQLite's row id: rows of the hot path need no other index
_Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("number", _Big, primary_key=True, autoincrement=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("origin", sa.Text, nullable=False, unique=True),
    sa.Column("vkey", sa.Text, nullable=False),
    sa.Column("t_us", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    comment="under which name and key the log is signed from record `first` on",
)

bundle = sa.Table(
    "audit_bundle",
    metadata,
    sa.Column("first", _Big, primary_key=True, autoincrement=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("t_us", sa.BigInteger, nullable=False),
    sa.Column("payloads", sa.BigInteger, nullable=False),
    sa.Column("codec", sa.Integer, nullable=False),
    sa.Column("tree", sa.LargeBinary, nullable=False),
    sa.Column("nodes", sa.LargeBinary, nullable=False),
    sa.Column("hashes", sa.LargeBinary, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    comment="one batch: exact leaf bytes, their hashes, the tree after them; "
    "`payloads` counts all payload rows up to and with this batch",
)

payload = sa.Table(
    "audit_payload",
    metadata,
    sa.Column("id", _Big, primary_key=True, autoincrement=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text),
    sa.Column("codec", sa.Integer, nullable=False),
    sa.Column("salts", sa.LargeBinary, nullable=False),
    sa.Column("ends", sa.LargeBinary, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    comment="payloads of one batch and scope, joined; key_id is null while they are not encrypted",
)

checkpoint = sa.Table(
    "audit_checkpoint",
    metadata,
    sa.Column("size", _Big, primary_key=True, autoincrement=False),
    sa.Column("origin", sa.Text, primary_key=True),
    sa.Column("t_us", sa.BigInteger, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)

record = sa.Table(
    "audit_record",
    metadata,
    sa.Column("idx", _Big, primary_key=True, autoincrement=False),
    sa.Column("t_us", sa.BigInteger),
    sa.Column("id", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("endpoint", sa.Text),
    sa.Column("model", sa.Text),
    sa.Column("version", sa.BigInteger),
    sa.Column("caller", sa.Text),
    sa.Column("status", sa.BigInteger),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("latency_us", sa.BigInteger),
    sa.Column("request_id", sa.Text),
    sa.Column("action", sa.Text),
    sa.Column("phase", sa.Text),
    sa.Column("intent", sa.Text),
)

zone = sa.Table(
    "audit_zone",
    metadata,
    sa.Column("block", _Big, primary_key=True, autoincrement=False),
    sa.Column("t_min", sa.BigInteger),
    sa.Column("t_max", sa.BigInteger),
    sa.Column("id_min", sa.Text),
    sa.Column("id_max", sa.Text),
    sa.Column("summary", sa.LargeBinary, nullable=False),
    comment="of each full block of 1024 records: bounds of time and id, and which values occur",
)

TABLES = [log, bundle, payload, checkpoint, record, zone]


class Statement:
    """A Core statement compiled once for a dialect and run on the driver's own cursor.

    Core costs about 15 us a run, more than SQLite itself takes for a row.
    """

    def __init__(self, statement: Any, dialect: sa.Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        positions = compiled.positiontup
        self.names: tuple[str, ...] = tuple(positions or compiled.params)
        self._positional = positions is not None

    def run(self, cursor: Any, *values: Any) -> Any:
        """Execute with values in the order of `names`; return the cursor."""
        cursor.execute(
            self._sql, values if self._positional else dict(zip(self.names, values, strict=True))
        )
        return cursor

    def run_many(self, cursor: Any, rows: list[tuple[Any, ...]]) -> None:
        """Execute once a row."""
        cursor.executemany(
            self._sql,
            rows if self._positional else [dict(zip(self.names, row, strict=True)) for row in rows],
        )
