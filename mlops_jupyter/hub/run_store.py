"""The runs that the hub knows, in the same file as the ledger.

What a run does while it lasts is in its folder's events; here is written only what changes its
state, in one transaction with the record that tells of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection, Engine

from mlops_jupyter.audit import Entry, Ledger
from mlops_jupyter.types import END_STATES, CellProgress, RunStatus

metadata = MetaData()
_run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("notebook", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("sweep", Text),
    Column("schedule", Text),
    Column("submitted_us", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("run_by_time", "submitted_us", "id"),
    Index("run_by_state", "state", "submitted_us"),
    Index("run_by_sweep", "sweep", "submitted_us"),
    Index("run_by_schedule", "schedule", "submitted_us"),
)


class _Detail(msgspec.Struct):
    """What a list of runs does without."""

    cells: tuple[CellProgress, ...]
    record: dict[str, Any]


class RunFilter(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which runs, newest first.

    `state` is one state, or ``active`` for all that have not ended; `alone` leaves out the runs
    of sweeps; `before` is the cursor of a page.
    """

    state: str | None = None
    notebook: str | None = None
    user: str | None = None
    sweep: str | None = None
    schedule: str | None = None
    alone: bool = False
    before: str | None = None
    limit: int = 100


class RunStore:
    """Reads and writes the table; the only writer is the hub's loop thread."""

    def __init__(self, engine: Engine, reader: Engine, ledger: Ledger) -> None:
        metadata.create_all(engine)
        self._reader = reader
        self._ledger = ledger

    def save(
        self,
        runs: Sequence[RunStatus],
        entries: Iterable[dict[str, Any]],
        also: Callable[[Connection], object] | None = None,
    ) -> None:
        """Keep `runs` as they are now, the records that tell of it, and `also`: all or nothing."""
        rows = [_row(run) for run in runs]

        def write(connection: Connection) -> None:
            if also is not None:
                also(connection)
            statement = upsert(_run)
            changed = {name: statement.excluded[name] for name in ("state", "status", "detail")}
            statement = statement.on_conflict_do_update(["id"], set_=changed)
            connection.execute(statement, rows)

        self._ledger.append([Entry(entry) for entry in entries], also=write)

    def forget(self, ids: Sequence[str], entries: Iterable[dict[str, Any]]) -> None:
        """Drop runs; the ledger keeps what it says of them."""

        def write(connection: Connection) -> None:
            connection.execute(delete(_run).where(_run.c.id.in_(ids)))

        self._ledger.append([Entry(entry) for entry in entries], also=write)

    def get(self, run: str) -> RunStatus | None:
        """One run with its cells and record."""
        query = select(_run.c.status, _run.c.detail).where(_run.c.id == run)
        with self._reader.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _read(row.status, row.detail)

    def beginning(self, text: str, limit: int = 9) -> list[str]:
        """Ids that begin with `text`."""
        query = select(_run.c.id).where(_run.c.id >= text, _run.c.id < text + "\x7f").limit(limit)
        with self._reader.connect() as connection:
            return list(connection.execute(query).scalars())

    def unended(self) -> list[RunStatus]:
        """Runs that have not ended, oldest first, with their details."""
        query = (
            select(_run.c.status, _run.c.detail)
            .where(_run.c.state.not_in(END_STATES))
            .order_by(_run.c.submitted_us, _run.c.id)
        )
        with self._reader.connect() as connection:
            return [_read(*row) for row in connection.execute(query)]

    def page(self, wanted: RunFilter) -> tuple[list[tuple[str, msgspec.Raw]], str | None]:
        """``(id, status as JSON without its details)`` of a page, and the next one's cursor."""
        query = select(_run.c.id, _run.c.submitted_us, _run.c.status)
        if wanted.state == "active":
            query = query.where(_run.c.state.not_in(END_STATES))
        elif wanted.state is not None:
            query = query.where(_run.c.state == wanted.state)
        for column in ("notebook", "user", "sweep", "schedule"):
            value = getattr(wanted, column)
            if value is not None:
                query = query.where(_run.c[column] == value)
        if wanted.alone:
            query = query.where(_run.c.sweep.is_(None))
        if wanted.before is not None:
            at, _, name = wanted.before.partition("-")
            moment = int(at)
            query = query.where(
                (_run.c.submitted_us < moment)
                | ((_run.c.submitted_us == moment) & (_run.c.id < name))
            )
        query = query.order_by(_run.c.submitted_us.desc(), _run.c.id.desc()).limit(wanted.limit)
        with self._reader.connect() as connection:
            rows = connection.execute(query).all()
        following = f"{rows[-1].submitted_us}-{rows[-1].id}" if len(rows) == wanted.limit else None
        return [(row.id, msgspec.Raw(row.status.encode())) for row in rows], following

    def older(self, schedule: str, states: Sequence[str], keep: int) -> list[str]:
        """Ids of a schedule's runs in `states` beyond the newest `keep`."""
        query = (
            select(_run.c.id)
            .where(_run.c.schedule == schedule, _run.c.state.in_(states))
            .order_by(_run.c.submitted_us.desc(), _run.c.id.desc())
            .limit(-1)
            .offset(keep)
        )
        with self._reader.connect() as connection:
            return list(connection.execute(query).scalars())


def summary(run: RunStatus) -> RunStatus:
    """A run without what a list does without; of its record the verdict on a repeat is left."""
    verdict = run.record.get("verdict")
    return replace(run, cells=(), record={"verdict": verdict} if verdict else {})


def _row(run: RunStatus) -> dict[str, Any]:
    return {
        "id": run.id,
        "state": run.state,
        "notebook": run.name,
        "user": run.submitted_by,
        "sweep": run.spec.sweep,
        "schedule": run.spec.trigger.of if run.spec.trigger.kind == "schedule" else None,
        "submitted_us": round(run.submitted_at * 1e6),
        "status": msgspec.json.encode(summary(run)).decode(),
        "detail": msgspec.json.encode(_Detail(run.cells, run.record)).decode(),
    }


def _read(status: str, detail: str) -> RunStatus:
    more = msgspec.json.decode(detail, type=_Detail)
    kept = msgspec.json.decode(status, type=RunStatus)
    return replace(kept, cells=more.cells, record=more.record)
