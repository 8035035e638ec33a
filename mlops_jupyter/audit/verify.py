"""Does the ledger still say what was written? Everything is checked, nothing sampled."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from mlops_jupyter.audit import schema
from mlops_jupyter.audit.columns import indexed_size
from mlops_jupyter.audit.engine import open_reader
from mlops_jupyter.audit.note import Checkpoint, InvalidNote, Verifier
from mlops_jupyter.audit.replay import (
    MOST_PROBLEMS,
    WRONG_SUMMARY,
    Problem,
    Replay,
    Result,
    Task,
)
from mlops_jupyter.audit.stored import tree_size
from mlops_jupyter.audit.zones import ZONE_RECORDS, zone_row
from mlops_jupyter.types.errors import AuditUnavailable

_REPLAY = "from mlops_jupyter.audit.replay import main; main()"
_PARALLEL_OVER = 50_000
"""Records from which a second process is worth its start."""


@dataclass
class Report:
    """The outcome of :func:`verify`.

    Attributes
    ----------
    problems
        Sorted by index, the first bad one first; at most 1000 are kept.
    checked
        How many `records`, `payloads`, `checkpoints` and `columns` were checked, `signed` (records
        that a valid signature covers; later ones can still be rewritten unnoticed), and `key`:
        ``given``, or ``ledger's own`` when the verifier key came from the ledger itself, which
        proves less.
    """

    size: int
    seconds: float = 0.0
    problems: list[Problem] = field(default_factory=list)
    checked: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def records_per_second(self) -> float:
        """The speed of this run."""
        return self.size / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The answer of ``POST /audit/verify``."""
        return {
            "ok": self.ok,
            "size": self.size,
            "seconds": round(self.seconds, 3),
            "records_per_second": round(self.records_per_second),
            "problems": [{"index": p.index, "what": p.what} for p in self.problems],
            "checked": self.checked,
        }


@dataclass(frozen=True)
class _Signed:
    """A checkpoint whose signature is valid; `kept` when it came from outside the ledger."""

    checkpoint: Checkpoint
    kept: bool


def verify(
    source: str | Path | sa.Engine,
    vkey: str | None = None,
    against: str | None = None,
    *,
    payloads: bool = True,
    processes: int | None = None,
) -> Report:
    """Check every record, the tree, every checkpoint, every search column and every payload.

    Parameters
    ----------
    source
        The database file, or an engine on it (then one process does the work).
    vkey
        Verifier key, or several separated by spaces when the log changed its name. Without one the
        key that the ledger names is used, which finds accidents and not forgers.
    against
        A signed checkpoint of this log that was kept elsewhere. Only this finds a ledger that was
        cut, put back from an old copy, or rewritten by somebody who has the signing key.
    processes
        None takes one a processor for large ledgers; 0 works in this process.

    Returns
    -------
    Report
        Problems are found, not raised. Raises AuditUnavailable when there is no ledger to read.
    """
    started = time.monotonic()
    path = None if isinstance(source, sa.Engine) else Path(source)
    with _opened(source) as engine, engine.connect() as connection:
        schema_there = sa.inspect(connection).has_table(schema.bundle.name)
        if not schema_there:
            raise AuditUnavailable("There is no ledger in this database.")
        size, indexed = tree_size(connection), indexed_size(connection)
        report = Report(size)
        signed = _signed_checkpoints(connection, report, vkey, against)
        sizes = sorted({s.checkpoint.size for s in signed if s.checkpoint.size <= size})
        count = _process_count(size, processes) if path is not None else 0
        whole = Task(0, size, min(indexed, size), sizes, payloads)
        if path is not None and count > 1:
            tasks = _cut(connection, count, whole)
            with ThreadPoolExecutor(len(tasks)) as pool:
                done = list(pool.map(functools.partial(_run_apart, path), tasks))
            _check_edges(connection, report, tasks)
        else:
            done = [Replay(connection, whole).run()]
        _check_strays(connection, report, whole)
        if payloads:
            _check_payload_count(connection, report, done[-1].payload_rows)
    roots: dict[int, str] = {}
    for result in done:
        roots.update(result.roots)
        report.problems += result.problems
    _check_roots(report, signed, roots)
    report.checked |= {
        "records": size,
        "columns": min(indexed, size),
        "payloads": sum(result.payloads for result in done),
        "checkpoints": len(signed),
    }
    report.problems = sorted(set(report.problems))[:MOST_PROBLEMS]
    report.seconds = time.monotonic() - started
    return report


@contextmanager
def _opened(source: str | Path | sa.Engine) -> Iterator[sa.Engine]:
    engine = source if isinstance(source, sa.Engine) else open_reader(source)
    try:
        yield engine
    except sa.exc.DBAPIError as error:
        raise AuditUnavailable(
            "The ledger cannot be read.",
            reason=f"{error.orig}.",
            fix="Check that the file is the hub's database, and the disk.",
        ) from error
    finally:
        if engine is not source:
            engine.dispose()


# -- checkpoints ------------------------------------------------------------------------------


def _signed_checkpoints(
    connection: sa.Connection, report: Report, vkey: str | None, against: str | None
) -> list[_Signed]:
    """All checkpoints with a valid signature; what is wrong with the others goes to the report."""
    known = _verifiers(connection, report, vkey)
    table = schema.checkpoint.c
    found = []
    rows = connection.execute(
        sa.select(table.size, table.origin, table.note).order_by(table.size, table.t_us)
    )
    for row in rows:
        try:
            checkpoint = _open(row.note, known)
            if (checkpoint.size, checkpoint.origin) != (row.size, row.origin):
                raise InvalidNote("Its columns differ from what was signed.")
        except InvalidNote as error:
            report.problems.append(
                Problem(row.size, f"the checkpoint of {row.size} records is not valid: {error}")
            )
            continue
        found.append(_Signed(checkpoint, kept=False))
    report.checked["signed"] = max((s.checkpoint.size for s in found), default=0)
    if against is not None:
        try:
            found.append(_Signed(_open(against, known), kept=True))
        except InvalidNote as error:
            report.problems.append(Problem(0, f"the kept checkpoint is not this log's: {error}"))
    return found


def _verifiers(connection: sa.Connection, report: Report, vkey: str | None) -> dict[str, Verifier]:
    table = schema.log.c
    rows = connection.execute(
        sa.select(table.first, table.origin, table.vkey).order_by(table.number)
    ).all()
    report.checked["key"] = "given" if vkey else "ledger's own"
    if vkey:
        given = {v.name: v for v in map(Verifier.parse, vkey.split())}
        for row in rows:
            if row.origin not in given:
                report.problems.append(
                    Problem(
                        row.first,
                        f"from record {row.first} on the log is signed under the name "
                        f"{row.origin!a}, whose key was not given",
                    )
                )
        return given
    found = {}
    for row in rows:
        try:
            found[row.origin] = Verifier.parse(row.vkey)
        except InvalidNote as error:
            report.problems.append(Problem(row.first, f"the log's verifier key: {error}"))
    return found


def _open(note: str, known: dict[str, Verifier]) -> Checkpoint:
    origin = note.partition("\n")[0]
    if origin not in known:
        raise InvalidNote("It is signed under a name whose key is not known.")
    return Checkpoint.open(note, known[origin])


def _check_roots(report: Report, signed: list[_Signed], roots: dict[int, str]) -> None:
    good_of: dict[str, list[int]] = {}
    for item in sorted(signed, key=lambda item: item.checkpoint.size):
        size, origin = item.checkpoint.size, item.checkpoint.origin
        good = max((smaller for smaller in good_of.get(origin, ()) if smaller < size), default=0)
        which = "kept" if item.kept else "signed"
        if size > report.size:
            what = (
                f"the {which} checkpoint covers {size} records and the ledger has {report.size}: "
                "it was cut, or put back from an old copy"
            )
            report.problems.append(Problem(report.size, what))
        elif roots.get(size) == item.checkpoint.root.hex():
            good_of.setdefault(origin, []).append(size)
        else:
            what = (
                f"records {good} to {size - 1} are not those that the {which} checkpoint of "
                f"{size} records covers"
            )
            report.problems.append(Problem(good, what))


# -- search columns and payloads as a whole ---------------------------------------------------


def _check_strays(connection: sa.Connection, report: Report, whole: Task) -> None:
    """Search columns and summaries beyond the records."""
    record, zone = schema.record.c, schema.zone.c
    full = whole.indexed // ZONE_RECORDS
    for found in (
        sa.select(record.idx).where(sa.or_(record.idx >= whole.high, record.idx < 0)),
        sa.select(zone.block * ZONE_RECORDS).where(sa.or_(zone.block >= full, zone.block < 0)),
    ):
        for (index,) in connection.execute(found.limit(MOST_PROBLEMS)):
            report.problems.append(Problem(index, "there are search columns and no record"))


def _check_edges(connection: sa.Connection, report: Report, tasks: list[Task]) -> None:
    """The summaries of blocks that lie in two tasks."""
    record = schema.record
    for block in {task.low // ZONE_RECORDS for task in tasks if task.low % ZONE_RECORDS}:
        low = block * ZONE_RECORDS
        rows = connection.execute(
            sa.select(record)
            .where(record.c.idx >= low, record.c.idx < low + ZONE_RECORDS)
            .order_by(record.c.idx)
        ).fetchall()
        kept = connection.execute(sa.select(schema.zone).where(schema.zone.c.block == block))
        if len(rows) == ZONE_RECORDS and zone_row(block, rows) != tuple(kept.first() or ()):
            report.problems.append(Problem(low, WRONG_SUMMARY))


def _check_payload_count(connection: sa.Connection, report: Report, rows: int) -> None:
    number = schema.payload.c.id
    strays = connection.execute(
        sa.select(sa.func.count()).where(sa.or_(number < 0, number >= rows))
    ).scalar()
    if strays:
        report.problems.append(Problem(report.size, f"{strays} payload rows belong to no record"))


# -- processes --------------------------------------------------------------------------------


def _process_count(size: int, wanted: int | None) -> int:
    if wanted is not None:
        return wanted
    return min(os.cpu_count() or 1, 8) if size >= _PARALLEL_OVER else 0


def _cut(connection: sa.Connection, count: int, whole: Task) -> list[Task]:
    """Tasks of about equal length, cut where bundles begin."""
    first = schema.bundle.c.first
    edges = [0]
    for part in range(1, count):
        edge = connection.execute(
            sa.select(sa.func.min(first)).where(first >= whole.high * part // count)
        ).scalar()
        if edge is not None and edges[-1] < edge < whole.high:
            edges.append(int(edge))
    edges.append(whole.high)
    tasks = []
    for low, high in pairwise(edges):
        sizes = [size for size in whole.sizes if low < size <= high or size == low == 0]
        tasks.append(Task(low, high, whole.indexed, sizes, whole.payloads))
    return tasks


def _run_apart(path: Path, task: Task) -> Result:
    done = subprocess.run(
        # -P: a file of the working directory must not stand in for a library
        [sys.executable, "-P", "-c", _REPLAY, str(path)],
        input=msgspec.json.encode(task),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise AuditUnavailable(
            "A process that verifies the ledger failed.",
            reason=done.stderr.decode(errors="replace").strip()[-500:],
            fix="Try again with processes=0.",
        )
    return msgspec.json.decode(done.stdout, type=Result)
