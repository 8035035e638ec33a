from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings

from mlops_jupyter.audit import (
    AuditQuery,
    Entry,
    Ledger,
    Payload,
    Report,
    open_engine,
    open_reader,
    verify,
)

# a busy machine is no failure
settings.register_profile("audit", deadline=None)
settings.load_profile("audit")


def prediction(number: int, **fields: Any) -> Entry:
    """An entry as the gateway makes it; `number` makes it differ from the others."""
    record = {
        "kind": "prediction",
        "endpoint": "churn",
        "actor": {"sub": "app:billing", "kind": "app", "method": "api-token", "token_id": "t1"},
        "model": {"name": "churn", "version": 3, "digest": "ab" * 32, "env": "cd" * 32},
        "status": 200,
        "latency_us": 1000 + number,
        "mode": "strict",
        "level": "full",
        "rows": 1,
        **fields,
    }
    return Entry(
        record,
        Payload(b'{"inputs": [%d]}' % number, "application/json"),
        Payload(b'{"outputs": [%d]}' % (number % 2), "application/json"),
    )


@dataclass
class Home:
    """A ledger on disk with everything that belongs to it."""

    folder: Path
    engine: sa.Engine
    ledger: Ledger
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / "hub.db"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    def fill(self, *batches: int, **fields: Any) -> None:
        """Append batches of these sizes."""
        for size in batches:
            start = self.ledger.size
            self.ledger.append([prediction(start + i, **fields) for i in range(size)])

    def query(self) -> AuditQuery:
        """A reader."""
        return AuditQuery(open_reader(self.path))

    def stop(self) -> None:
        """Close everything, so that the file alone holds the ledger."""
        self.ledger.close()
        self.engine.dispose()

    def start(self) -> None:
        """Open it again."""
        self.engine = open_engine(self.path)
        self.ledger = Ledger.open(self.engine, self.keys, **self.options)

    def verify(self, against: str | None = None, **options: Any) -> Report:
        """Check it with the key that this ledger had when it was made."""
        return verify(self.path, self.ledger.vkey, against, **options)

    def tamper(self, sql: str, *values: Any) -> None:
        """Change the database behind the ledger's back."""
        connection = sqlite3.connect(self.path)
        with connection:
            assert connection.execute(sql, values).rowcount != 0, "the tampering changed nothing"
        connection.close()


@pytest.fixture
def make_home(tmp_path: Path) -> Iterator[Callable[..., Home]]:
    made: list[Home] = []

    def make(folder: Path | None = None, **options: Any) -> Home:
        folder = folder or tmp_path / f"home{len(made)}"
        folder.mkdir(exist_ok=True)
        options = {"ballast_bytes": 1 << 16, **options}
        engine = open_engine(folder / "hub.db")
        home = Home(folder, engine, Ledger.open(engine, folder / "keys", **options), options)
        made.append(home)
        return home

    yield make
    for home in made:
        home.engine.dispose()


@pytest.fixture
def home(make_home: Callable[..., Home]) -> Home:
    return make_home()
