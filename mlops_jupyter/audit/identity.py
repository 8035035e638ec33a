"""Under which name and key a log is signed, and the signing.

A log never signs two checkpoints that contradict each other. When that can no longer be known for
its name (the key is gone, or the database is older than what was signed last), it goes on under a
new name and key, and a record says why.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mlops_jupyter.audit import schema
from mlops_jupyter.audit.keys import Keys, new_origin
from mlops_jupyter.audit.note import Checkpoint, Signer
from mlops_jupyter.audit.stored import root_at, tree_size


class Identity:
    """The name and key that sign a log now.

    Attributes
    ----------
    news
        A record for the ledger when name and key had to change, else None.
    """

    def __init__(
        self, keys: Keys, signer: Signer, last: Checkpoint | None, news: dict[str, Any] | None
    ) -> None:
        self._keys = keys
        self._signer = signer
        self.verifier = signer.verifier
        self.news = news
        self.signed_size = last.size if last else 0
        self._note: tuple[int, str] | None = None

    @classmethod
    def open(cls, engine: sa.Engine, keys_dir: Path, origin: str | None) -> Identity:
        """Read the log's identity, or make one; see the module on when it changes."""
        keys = Keys(keys_dir)
        with engine.begin() as connection:
            table = schema.log.c
            row = connection.execute(
                sa.select(table.number, table.origin).order_by(table.number.desc()).limit(1)
            ).first()
            if row is None:
                signer = _first_signer(keys, origin or new_origin())
                _announce(connection, 0, signer, "created")
                return cls(keys, signer, None, None)
            known = keys.load(row.origin)
            last = keys.last_signed(known) if known else None
            reason = _contradiction(connection, known, last)
            if known is not None and not reason:
                return cls(keys, known, last, None)
            signer = keys.create(new_origin())
            _announce(connection, row.number + 1, signer, reason)
            detail = {
                "reason": reason,
                "previous": row.origin,
                "size": tree_size(connection),
                "signed_size": last.size if last else None,
            }
            news = {"kind": "system", "action": "audit.new_identity", "detail": detail}
            return cls(keys, signer, None, news)

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._signer.name

    def sign(self, size: int, root: bytes) -> str:
        """The signed checkpoint of this tree, durable and grown from all signed before."""
        if self._note is None or self._note[0] != size:
            note = self._signer.sign(Checkpoint(self.origin, size, root).to_text())
            self._keys.remember(self._signer, note)
            self._note = size, note
            self.signed_size = size
        return self._note[1]

    def persist(self, engine: sa.Engine, size: int, root: bytes) -> str:
        """Sign and write the checkpoint into the ledger's database too, unless it stands there."""
        note = self.sign(size, root)
        if self.persisted_size(engine) < size:
            with engine.begin() as connection:
                connection.execute(
                    sa.insert(schema.checkpoint).values(
                        size=size, origin=self.origin, t_us=time.time_ns() // 1000, note=note
                    )
                )
        return note

    def persisted_size(self, engine: sa.Engine) -> int:
        """The size of this identity's last checkpoint in the database."""
        table = schema.checkpoint.c
        with engine.connect() as connection:
            size = connection.execute(
                sa.select(sa.func.max(table.size)).where(table.origin == self.origin)
            ).scalar()
        return int(size or 0)


def _first_signer(keys: Keys, origin: str) -> Signer:
    known = keys.load(origin)
    if known is None:
        return keys.create(origin)
    last = keys.last_signed(known)
    # a name that has signed records which this new database does not hold cannot sign it
    return known if last is None or last.size == 0 else keys.create(new_origin())


def _contradiction(
    connection: sa.Connection, signer: Signer | None, last: Checkpoint | None
) -> str:
    if signer is None:
        return "The signing key was missing."
    if last is None:
        return ""
    size = tree_size(connection)
    if size < last.size:
        return "The database is older than the checkpoint signed last."
    try:
        same = root_at(connection, last.size) == last.root
    except (LookupError, ValueError):
        same = False
    return "" if same else "The database differs from the checkpoint signed last."


def _announce(connection: sa.Connection, number: int, signer: Signer, reason: str) -> None:
    connection.execute(
        sa.insert(schema.log).values(
            number=number,
            first=tree_size(connection),
            origin=signer.name,
            vkey=str(signer.verifier),
            t_us=time.time_ns() // 1000,
            reason=reason,
        )
    )
