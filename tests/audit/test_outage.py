"""When the ledger cannot write: nothing is half written, the loss is recorded, it goes on."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_jupyter.audit import Entry, Payload, open_engine
from mlops_jupyter.types.errors import AuditUnavailable
from tests.audit.conftest import Home, prediction


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def big(number: int) -> Entry:
    entry = prediction(number)
    entry.input = Payload(os.urandom(200_000), "application/octet-stream")
    return entry


def fill_up(home: Home) -> int:
    """Append until it is refused; return how many were written."""
    for number in range(1000):
        size = home.ledger.size
        try:
            home.ledger.append([big(number)])
        except AuditUnavailable as error:
            assert error.code == "audit_unavailable"
            assert error.status == 503
            assert "full" in error.reason
            return size
    raise AssertionError("the disk did not fill up")


def records(home: Home, action: str) -> list[dict]:
    return [r for r in home.query().search(limit=1000).records if r.get("action") == action]


def test_a_full_disk_refuses_records_and_goes_on_when_there_is_room(
    small_disk: Path, make_home: Callable[..., Home]
) -> None:
    home = make_home(small_disk / "home", ballast_bytes=1 << 20)
    other = small_disk / "other"
    other.write_bytes(bytes(1 << 20))
    written = fill_up(home)
    assert not home.ledger.status()["ok"]
    assert "full" in home.ledger.status()["reason"]
    assert home.ledger.size == written + 1, "the failure itself is recorded"
    for number in range(3):
        with pytest.raises(AuditUnavailable):
            home.ledger.append([prediction(number), prediction(number)])
    assert home.ledger.size == written + 1

    with pytest.raises(AuditUnavailable):
        home.ledger.append([prediction(0)], also=lambda _: pytest.fail("not inside a transaction"))
    other.unlink()
    # what was freed is less than twice the ballast until the WAL is folded in: free more
    make_room(small_disk)
    where = home.ledger.append([prediction(9)])
    assert home.ledger.status()["ok"]
    assert where.count == 1
    assert where.first == written + 2
    (gap,) = records(home, "audit.gap")
    assert gap["detail"]["reason"] == "disk_full"
    assert gap["detail"]["dropped"] == 8
    (failure,) = records(home, "audit.unavailable")
    assert failure["index"] == written
    assert home.verify(home.ledger.checkpoint()).problems == []
    assert (home.folder / "hub.db.ballast").stat().st_size == 1 << 20


def make_room(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)


def test_a_database_at_its_size_limit_refuses_and_recovers(home: Home) -> None:
    home.fill(3)
    with home.engine.connect() as connection:
        driver = connection.connection.driver_connection
        pages = driver.execute("PRAGMA page_count").fetchone()[0]
    limit_pages(home, pages + 2)
    fill_up(home)
    size = home.ledger.size
    with pytest.raises(AuditUnavailable):
        home.ledger.append([big(0)])
    assert home.ledger.size == size
    limit_pages(home, 1 << 30)
    home.ledger.append([prediction(1)])
    assert home.ledger.status()["ok"]
    assert records(home, "audit.gap")[0]["detail"]["reason"] == "disk_full"
    assert home.verify().problems == []


def limit_pages(home: Home, pages: int) -> None:
    """Set now and for every connection made later."""
    from sqlalchemy import event

    @event.listens_for(home.engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    home.engine.dispose()


def test_nothing_of_a_refused_batch_is_in_the_log(home: Home) -> None:
    home.fill(5)
    before = home.ledger.checkpoint()
    with home.engine.connect() as connection:
        pages = connection.connection.driver_connection.execute("PRAGMA page_count").fetchone()[0]
    limit_pages(home, pages)
    with pytest.raises(AuditUnavailable):
        home.ledger.append([big(i) for i in range(10)])
    assert [leaf for _, leaf in home.query().each() if b"latency" in leaf][5:] == []
    assert home.verify(before).ok


@pytest.mark.parametrize("lock", ["BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"])
def test_a_database_locked_by_a_backup_is_refused_shortly_and_then_goes_on(
    home: Home, lock: str
) -> None:
    home.fill(2)
    backup = sqlite3.connect(home.path, isolation_level=None)
    backup.execute(lock)
    started = time.monotonic()
    with pytest.raises(AuditUnavailable, match="lock"):
        home.ledger.append([prediction(2)])
    first = time.monotonic() - started
    started = time.monotonic()
    for _ in range(20):
        with pytest.raises(AuditUnavailable):
            home.ledger.append([prediction(2)])
    assert first < 2, "the loop is not held up for long"
    assert (time.monotonic() - started) / 20 < 0.1, "and not at all while the lock lasts"
    assert home.ledger.index_pending(10) == 0
    assert home.ledger.sign_if_due(float("inf")) is None
    assert home.ledger.checkpoint().split("\n")[1] == "2"
    backup.execute("ROLLBACK")
    home.ledger.append([prediction(3)])
    assert home.ledger.status()["ok"]
    (gap,) = records(home, "audit.gap")
    assert gap["detail"]["reason"] == "locked"
    assert gap["detail"]["dropped"] == 21
    assert home.verify(home.ledger.checkpoint()).ok
    backup.close()


def test_a_backup_that_only_reads_is_not_in_the_way(home: Home) -> None:
    home.fill(2)
    reader = sqlite3.connect(home.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM audit_bundle").fetchone()
    home.fill(2)
    reader.execute("ROLLBACK")
    copy = sqlite3.connect(home.folder / "copy.db")
    reader.backup(copy)
    copy.close()
    reader.close()
    home.fill(2)
    assert home.ledger.size == 6


def test_a_commit_that_fails_is_not_trusted_and_the_database_is_opened_anew(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.fill(2)
    refuse_commits(home, monkeypatch, after_commit=False)
    with pytest.raises(AuditUnavailable, match="failed"):
        home.ledger.append([prediction(2)])
    monkeypatch.undo()
    assert home.ledger.append([prediction(3)]).first == 3
    assert records(home, "audit.gap")[0]["index"] == 2
    assert home.verify(home.ledger.checkpoint()).ok


def test_a_commit_that_succeeded_though_it_said_it_failed_is_taken_over(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.fill(2)
    refuse_commits(home, monkeypatch, after_commit=True)
    with pytest.raises(AuditUnavailable):
        home.ledger.append([prediction(2)])
    assert home.ledger.size == 2
    monkeypatch.undo()
    where = home.ledger.append([prediction(3)])
    assert where.first == 4, "the batch of doubtful fate is there, then the gap, then this"
    assert home.verify(home.ledger.checkpoint()).ok


def refuse_commits(home: Home, monkeypatch: pytest.MonkeyPatch, *, after_commit: bool) -> None:
    """What a disk that fails to sync does; no file system at hand can be told to."""
    real = home.engine.dialect.do_commit

    def fail(connection: object) -> None:
        if after_commit:
            real(connection)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    monkeypatch.setattr(home.engine.dialect, "do_commit", fail)


def test_a_database_that_became_read_only_is_refused_and_goes_on(home: Home) -> None:
    home.fill(2)
    with home.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA query_only=ON")
    with pytest.raises(AuditUnavailable):
        home.ledger.append([prediction(2)])
    home.ledger.append([prediction(3)])
    assert home.ledger.status()["ok"]
    assert home.verify().ok


def test_opening_while_the_database_is_locked_works_when_nothing_has_to_be_written(
    home: Home,
) -> None:
    home.fill(1)
    home.stop()
    backup = sqlite3.connect(home.path, isolation_level=None)
    backup.execute("BEGIN EXCLUSIVE")
    home.start()
    with pytest.raises(AuditUnavailable, match="lock"):
        home.ledger.append([prediction(1)])
    backup.execute("ROLLBACK")
    backup.close()
    home.fill(1)
    assert home.verify(home.ledger.checkpoint()).ok


def test_opening_while_the_database_is_locked_says_so_when_it_must_write(home: Home) -> None:
    home.fill(1)
    home.stop()
    for file in home.keys.iterdir():
        file.unlink()
    backup = sqlite3.connect(home.path, isolation_level=None)
    backup.execute("BEGIN EXCLUSIVE")
    with pytest.raises(AuditUnavailable, match="lock"):
        home.start()
    backup.execute("ROLLBACK")
    backup.close()
    home.engine.dispose()
    home.start()
    assert home.ledger.size == 2


def test_a_checkpoint_that_is_due_while_the_database_is_locked_is_signed_later(home: Home) -> None:
    home.fill(2)
    backup = sqlite3.connect(home.path, isolation_level=None)
    backup.execute("BEGIN IMMEDIATE")
    assert home.ledger.sign_if_due(float("inf")) is None
    backup.execute("ROLLBACK")
    backup.close()
    home.ledger.close()
    assert len(home.query().checkpoints()) == 1


def test_a_deleted_database_is_noticed_and_taken_up_again_when_it_is_back(home: Home) -> None:
    home.fill(2)
    home.path.rename(home.folder / "away.db")
    for _ in range(2):
        with pytest.raises(AuditUnavailable, match="gone"):
            home.ledger.append([prediction(2)])
    assert not home.path.exists(), "no empty database takes its place"
    (home.folder / "away.db").rename(home.path)
    home.ledger.append([prediction(3)])
    assert records(home, "audit.gap")[0]["detail"]["reason"] == "database_lost"
    assert home.verify(home.ledger.checkpoint()).ok


def test_another_file_in_the_databases_place_is_not_written_to(home: Home) -> None:
    home.fill(2)
    home.stop()
    copy = home.path.read_bytes()
    home.start()
    home.fill(2)
    home.path.unlink()
    home.path.write_bytes(copy)
    for _ in range(2):
        with pytest.raises(AuditUnavailable, match="another stands in its place"):
            home.ledger.append([prediction(2)])


def test_a_transaction_left_open_is_an_outage_and_no_crash(home: Home) -> None:
    home.fill(1)
    with home.engine.begin(), pytest.raises(AuditUnavailable):
        home.ledger.append([prediction(1)])
    home.fill(1)
    assert home.verify().ok


@pytest.mark.parametrize(
    "damage", ["tree = x'00'", "count = 1152921504606846976", "data = x'00', codec = 1"]
)
def test_a_damaged_end_of_the_log_is_named_or_passed_over_and_never_a_crash(
    home: Home, damage: str
) -> None:
    home.fill(3, 3)
    home.stop()
    home.tamper(f"UPDATE audit_bundle SET {damage} WHERE first = 3")
    assert not home.verify().ok
    try:
        home.start()
    except AuditUnavailable as error:
        assert "damaged" in error.reason
    else:
        home.fill(1)
        assert home.ledger.index_pending(10) <= 10


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    from mlops_jupyter.audit import Ledger

    (tmp_path / "hub.db").write_text("this is no database, " * 1000)
    engine = open_engine(tmp_path / "hub.db")
    with pytest.raises(AuditUnavailable):
        Ledger.open(engine, tmp_path / "keys")
    engine.dispose()
