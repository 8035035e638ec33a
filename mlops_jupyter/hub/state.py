"""What is wanted: endpoints, catalogued versions and settings, in the same file as the ledger.

Every change commits in one transaction with the record that tells of it, so that neither a crash
nor a full disk can leave one without the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection, Engine

from mlops_jupyter.audit import Entry, Ledger
from mlops_jupyter.types import Conflict, EndpointSpec, ModelVersion, Traffic

HISTORY = 50
"""How many earlier traffics an endpoint remembers for rollback."""

metadata = MetaData()
_endpoint = Table(
    "endpoint",
    metadata,
    Column("name", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("spec", Text, nullable=False),
    Column("served", Boolean, nullable=False),
    Column("history", Text, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("updated_by", Text, nullable=False),
)
_model_version = Table(
    "model_version",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("description", Text, nullable=False),
)
_setting = Table(
    "setting",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


@dataclass(frozen=True)
class Served:
    """A model with the traffic over its versions: what rollback goes back to."""

    model: str
    traffic: Traffic


@dataclass(frozen=True)
class StoredEndpoint:
    """An endpoint as it is kept.

    `served` tells whether the present traffic ever answered; `history` holds what did before,
    newest last.
    """

    spec: EndpointSpec
    served: bool = False
    history: tuple[Served, ...] = ()
    updated_at: float = 0.0
    updated_by: str = ""

    @property
    def refs(self) -> set[tuple[str, int]]:
        """Model and number of the versions that it serves, and of those that a rollback needs."""
        now = Served(self.spec.model, self.spec.traffic)
        return {
            (one.model, version)
            for one in (now, *self.history[-1:])
            for version in one.traffic.versions
        }

    def changed(self, spec: EndpointSpec, by: str, *, served: bool) -> StoredEndpoint:
        """The same endpoint with `spec` and the next revision; what it replaces is remembered."""
        before = Served(self.spec.model, self.spec.traffic)
        history = self.history
        replaced = before != Served(spec.model, spec.traffic) or not spec.deployed
        if self.served and replaced:
            history = (*history, before)[-HISTORY:]
        return StoredEndpoint(
            replace(spec, revision=self.spec.revision + 1),
            served and spec.deployed,
            history,
            round(time.time(), 6),
            by,
        )

    def rolled_back(self, by: str, *, served: bool) -> StoredEndpoint:
        """The same endpoint with the newest entry of its history; each call goes one step back."""
        *history, before = self.history
        spec = replace(
            self.spec,
            model=before.model,
            traffic=before.traffic,
            deployed=True,
            revision=self.spec.revision + 1,
        )
        return StoredEndpoint(spec, served, tuple(history), round(time.time(), 6), by)


class State:
    """Reads and writes the tables; the only writer is the hub's loop thread.

    Parameters
    ----------
    engine
        The hub's one writing engine, which is also the ledger's.
    reader
        An engine that only reads the same database.
    """

    def __init__(self, engine: Engine, reader: Engine, ledger: Ledger) -> None:
        metadata.create_all(engine)
        self._reader = reader
        self._ledger = ledger

    def endpoints(self) -> list[StoredEndpoint]:
        """Every endpoint ever deployed, by name."""
        with self._reader.connect() as connection:
            rows = connection.execute(select(_endpoint).order_by(_endpoint.c.name)).all()
        return [
            StoredEndpoint(
                msgspec.json.decode(row.spec, type=EndpointSpec),
                row.served,
                msgspec.json.decode(row.history, type=tuple[Served, ...]),
                row.updated_us / 1e6,
                row.updated_by,
            )
            for row in rows
        ]

    def save_endpoint(self, stored: StoredEndpoint, record: dict[str, Any]) -> str:
        """Keep `stored` and its record, if the revision is still the one before; the record's id.

        Raises
        ------
        Conflict
            The kept revision is not the one that `stored` follows.
        AuditUnavailable
            The ledger cannot write; nothing is kept.
        """

        def write(connection: Connection) -> None:
            row = {
                "revision": stored.spec.revision,
                "spec": msgspec.json.encode(stored.spec).decode(),
                "served": stored.served,
                "history": msgspec.json.encode(stored.history).decode(),
                "updated_us": round(stored.updated_at * 1e6),
                "updated_by": stored.updated_by,
            }
            name, before = stored.spec.name, stored.spec.revision - 1
            present = connection.execute(
                select(_endpoint.c.revision).where(_endpoint.c.name == name)
            ).scalar()
            if (present or 0) != before:
                raise revision_conflict(name, present or 0)
            if present is None:
                connection.execute(insert(_endpoint).values(name=name, **row))
            else:
                connection.execute(update(_endpoint).where(_endpoint.c.name == name).values(**row))

        return self.record(record, write)

    def mark_served(self, name: str, record: dict[str, Any]) -> str:
        """Note that the endpoint's present traffic answers, with its record; the record's id."""

        def write(connection: Connection) -> None:
            statement = update(_endpoint).where(_endpoint.c.name == name).values(served=True)
            connection.execute(statement)

        return self.record(record, write)

    def versions(self, model: str | None = None) -> list[ModelVersion]:
        """Catalogued versions, by model and version."""
        query = select(_model_version.c.description)
        if model is not None:
            query = query.where(_model_version.c.model == model)
        query = query.order_by(_model_version.c.model, _model_version.c.version)
        with self._reader.connect() as connection:
            texts: Iterable[str] = connection.execute(query).scalars().all()
        return [msgspec.json.decode(text, type=ModelVersion) for text in texts]

    def version(self, model: str, version: int) -> ModelVersion | None:
        """One catalogued version, or None."""
        query = select(_model_version.c.description).where(
            _model_version.c.model == model, _model_version.c.version == version
        )
        with self._reader.connect() as connection:
            text = connection.execute(query).scalar()
        return None if text is None else msgspec.json.decode(text, type=ModelVersion)

    def save_version(self, version: ModelVersion, record: dict[str, Any]) -> str:
        """Catalogue a version, or where it is found now, with its record; the record's id."""

        def write(connection: Connection) -> None:
            description = msgspec.json.encode(version).decode()
            statement = upsert(_model_version).values(
                model=version.model, version=version.version, description=description
            )
            statement = statement.on_conflict_do_update(
                ["model", "version"], set_={"description": description}
            )
            connection.execute(statement)

        return self.record(record, write)

    def setting(self, key: str) -> str | None:
        """A kept setting of the hub itself, or None."""
        with self._reader.connect() as connection:
            return connection.execute(
                select(_setting.c.value).where(_setting.c.key == key)
            ).scalar()

    def save_setting(self, key: str, value: str) -> None:
        """Keep a setting; settings are conveniences and leave no record."""
        statement = upsert(_setting).values(key=key, value=value)
        statement = statement.on_conflict_do_update(["key"], set_={"value": value})
        self._ledger.append([], also=lambda connection: connection.execute(statement))

    def record(
        self, record: dict[str, Any], also: Callable[[Connection], Any] | None = None
    ) -> str:
        """Append one record, durable on return, and give its id."""
        return str(self._ledger.append([Entry(record)], also=also).ids[0])


def revision_conflict(name: str, present: int) -> Conflict:
    """The error of a change that was made against another revision than the present one."""
    return Conflict(
        f"Endpoint '{name}' has changed since you looked.",
        reason=f"Its present revision is {present}.",
        fix="Look at it again, and repeat the change if you still want it.",
        code="revision_conflict",
    )
