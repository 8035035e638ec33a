"""The schedules that the hub keeps, in the same file as the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Column, Float, Integer, MetaData, Table, Text, delete, insert, select, update
from sqlalchemy.engine import Connection, Engine

from mlops_jupyter.audit import Entry, Ledger
from mlops_jupyter.types import Conflict, ScheduleSpec

metadata = MetaData()
_schedule = Table(
    "schedule",
    metadata,
    Column("name", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("spec", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("last_scheduled", Float, nullable=False),
    Column("last_at", Float),
    Column("last_run", Text),
)


@dataclass(frozen=True)
class StoredSchedule:
    """A schedule as it is kept; up to `last_scheduled` every due time was started or skipped."""

    spec: ScheduleSpec
    revision: int
    created_at: float
    created_by: str
    last_scheduled: float
    last_at: float | None = None
    last_run: str | None = None


class ScheduleStore:
    """Reads and writes the table; the only writer is the hub's loop thread."""

    def __init__(self, engine: Engine, reader: Engine, ledger: Ledger) -> None:
        metadata.create_all(engine)
        self._reader = reader
        self._ledger = ledger

    def all(self) -> list[StoredSchedule]:
        """Every schedule, by name."""
        with self._reader.connect() as connection:
            rows = connection.execute(select(_schedule).order_by(_schedule.c.name)).all()
        return [
            StoredSchedule(
                msgspec.json.decode(row.spec, type=ScheduleSpec),
                row.revision,
                row.created_at,
                row.created_by,
                row.last_scheduled,
                row.last_at,
                row.last_run,
            )
            for row in rows
        ]

    def save(self, stored: StoredSchedule, record: dict[str, Any]) -> None:
        """Keep a schedule and its record, if the revision is still the one before.

        Raises
        ------
        Conflict
            It is not.
        """
        row = {
            "revision": stored.revision,
            "spec": msgspec.json.encode(stored.spec).decode(),
            "created_at": stored.created_at,
            "created_by": stored.created_by,
            "last_scheduled": stored.last_scheduled,
            "last_at": stored.last_at,
            "last_run": stored.last_run,
        }
        name = stored.spec.name

        def write(connection: Connection) -> None:
            present = connection.execute(
                select(_schedule.c.revision).where(_schedule.c.name == name)
            ).scalar()
            if (present or 0) != stored.revision - 1:
                raise schedule_conflict(name, present or 0)
            if present is None:
                connection.execute(insert(_schedule).values(name=name, **row))
            else:
                connection.execute(update(_schedule).where(_schedule.c.name == name).values(**row))

        self._ledger.append([Entry(record)], also=write)

    def forget(self, name: str, record: dict[str, Any]) -> None:
        """Remove a schedule, with the record that tells of it."""
        statement = delete(_schedule).where(_schedule.c.name == name)
        self._ledger.append([Entry(record)], also=lambda connection: connection.execute(statement))

    def claim(
        self, name: str, before: float, after: float, run: str | None = None
    ) -> Callable[[Connection], None]:
        """A change that moves `last_scheduled` from `before` to `after`, or raises Conflict.

        Made in the transaction that keeps the run, it is what lets one of several hubs start it.
        """

        def write(connection: Connection) -> None:
            values: dict[str, Any] = {"last_scheduled": after, "last_at": after}
            if run is not None:
                values["last_run"] = run
            statement = (
                update(_schedule)
                .where(_schedule.c.name == name, _schedule.c.last_scheduled == before)
                .values(**values)
            )
            if connection.execute(statement).rowcount != 1:
                raise Conflict(
                    f"Another hub has taken this start of '{name}', or the schedule has changed.",
                    code="schedule_taken",
                )

        return write


def schedule_conflict(name: str, present: int) -> Conflict:
    """The error of a change that was made against another revision than the present one."""
    return Conflict(
        f"Schedule '{name}' has changed since you looked.",
        reason=f"Its present revision is {present}.",
        fix="Look at it again, and repeat the change if you still want it.",
        code="revision_conflict",
    )
