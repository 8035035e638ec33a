"""Why a commit failed, in words, and how many records it cost."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from mlops_jupyter.audit.batch import Entry
from mlops_jupyter.types.errors import AuditUnavailable


@dataclass(frozen=True, slots=True)
class Outage:
    """One way in which a ledger cannot write; `word` stands in gap records."""

    word: str
    reason: str
    fix: str

    def error(self) -> AuditUnavailable:
        """What the caller of a strict endpoint is told."""
        return AuditUnavailable(
            "The audit record could not be written, so there is no answer.",
            reason=self.reason,
            fix=self.fix,
        )


FULL = Outage(
    "disk_full",
    "The disk that holds the ledger is full.",
    "Free some space; the ledger goes on by itself.",
)
LOCKED = Outage(
    "locked",
    "Another program holds a lock on the ledger's database.",
    "Wait for the backup to end, or make backups with 'VACUUM INTO' or the SQLite backup API.",
)
READ_ONLY = Outage(
    "read_only",
    "The ledger's database cannot be written.",
    "Make the disk and the state directory writable; the ledger goes on by itself.",
)
BROKEN = Outage(
    "io_error",
    "Writing the ledger's database failed.",
    "Check the disk and the hub's log; 'mlops-jupyter audit verify' tells what is intact.",
)
OTHER_WRITER = Outage(
    "other_writer",
    "Another process has written to this ledger.",
    "Stop the second hub; one ledger has one writer.",
)
LOST = Outage(
    "database_lost",
    "The ledger's database file is gone, or another stands in its place.",
    "Put the file back; if it is a copy, stop the hub first and start it again after.",
)
DAMAGED = Outage(
    "damaged",
    "The ledger's last batch is damaged.",
    "Run 'mlops-jupyter audit verify' to see how far it is intact, and put back a backup.",
)


def outage_of(error: BaseException) -> Outage | None:
    """The outage behind a database error, or None when it is an error of another kind."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    if isinstance(cause, sa.exc.TimeoutError):
        return LOCKED
    kinds = {type(cause).__name__} | {base.__name__ for base in type(cause).__mro__}
    if kinds & {"IntegrityError", "ProgrammingError", "DataError", "NotSupportedError"}:
        return None
    if "DatabaseError" not in kinds:
        return None
    # without the extended code
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    return _BY_CODE.get(code, BROKEN)


_BY_CODE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: READ_ONLY,
}


@dataclass(slots=True)
class Losses:
    """Records that were not written, by reason, until a `gap` record says so."""

    _counts: dict[str, list[int]] = field(default_factory=dict)

    def add(self, count: int, reason: str) -> None:
        """Count `count` records lost for `reason`."""
        now = time.time_ns() // 1000
        total = self._counts.setdefault(reason, [0, now, now])
        total[0] += count
        total[2] = now

    def __bool__(self) -> bool:
        return bool(self._counts)

    def take(self) -> dict[str, list[int]]:
        """Hand over what was counted, and count from zero."""
        taken, self._counts = self._counts, {}
        return taken

    def put_back(self, taken: dict[str, list[int]]) -> None:
        """The gap records of `taken` could not be written: count them again."""
        for reason, (count, since, until) in taken.items():
            total = self._counts.setdefault(reason, [0, since, until])
            total[0] += count
            total[1] = min(total[1], since)
            total[2] = max(total[2], until)


def gap_entries(taken: dict[str, list[int]]) -> list[Entry]:
    """A `gap` record for each reason: a record that is missing leaves a record."""
    entries = []
    for reason, (count, since, until) in taken.items():
        detail: dict[str, Any] = {
            "dropped": count,
            "reason": reason,
            "since_us": since,
            "until_us": until,
        }
        entries.append(Entry({"kind": "gap", "action": "audit.gap", "detail": detail}))
    return entries
