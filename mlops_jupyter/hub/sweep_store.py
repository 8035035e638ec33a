"""The sweeps that the hub keeps, in the same file as the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Boolean, Column, Float, MetaData, Table, Text, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection, Engine

from mlops_jupyter.audit import Entry, Ledger
from mlops_jupyter.types import SweepStatus

metadata = MetaData()
_sweep = Table(
    "sweep",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ended", Boolean, nullable=False),
    Column("submitted_at", Float, nullable=False),
    Column("status", Text, nullable=False),
)


class SweepStore:
    """Reads and writes the table; the only writer is the hub's loop thread."""

    def __init__(self, engine: Engine, reader: Engine, ledger: Ledger) -> None:
        metadata.create_all(engine)
        self._reader = reader
        self._ledger = ledger

    def save(self, status: SweepStatus, record: dict[str, Any]) -> None:
        """Keep a sweep as it is now, with the record that tells of it."""
        self._ledger.append([Entry(record)], also=self.change(status))

    def change(self, status: SweepStatus) -> Callable[[Connection], None]:
        """The change that keeps a sweep as it is now."""

        def write(connection: Connection) -> None:
            statement = upsert(_sweep).values(
                id=status.id,
                ended=status.ended,
                submitted_at=status.submitted_at,
                status=msgspec.json.encode(status).decode(),
            )
            changed = {name: statement.excluded[name] for name in ("ended", "status")}
            connection.execute(statement.on_conflict_do_update(["id"], set_=changed))

        return write

    def get(self, sweep: str) -> SweepStatus | None:
        """One sweep, or None."""
        with self._reader.connect() as connection:
            text = connection.execute(select(_sweep.c.status).where(_sweep.c.id == sweep)).scalar()
        return None if text is None else msgspec.json.decode(text, type=SweepStatus)

    def all(self, *, unended: bool = False, limit: int = 1000) -> list[SweepStatus]:
        """Sweeps, newest first; or those only that go on."""
        query = select(_sweep.c.status).order_by(_sweep.c.submitted_at.desc()).limit(limit)
        if unended:
            query = query.where(_sweep.c.ended.is_(False))
        with self._reader.connect() as connection:
            texts = connection.execute(query).scalars().all()
        return [msgspec.json.decode(text, type=SweepStatus) for text in texts]
