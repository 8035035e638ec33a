from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.audit import (
    Checkpoint,
    Entry,
    InvalidRecord,
    Ledger,
    Payload,
    Receipt,
    Verifier,
    open_engine,
    open_reader,
)
from mlops_jupyter.audit.tree import extends
from mlops_jupyter.types.errors import AuditUnavailable
from tests.audit.conftest import Home, prediction


def opened(home: Home) -> Checkpoint:
    return Checkpoint.open(home.ledger.checkpoint(), Verifier.parse(home.ledger.vkey))


def test_a_record_carries_what_was_given_and_what_the_ledger_adds(home: Home) -> None:
    before = time.time_ns() // 1000
    where = home.ledger.append([prediction(1, request_id="from-client")])
    after = time.time_ns() // 1000
    shown = home.query().show(where.first)
    record = shown["record"]
    assert (shown["index"], shown["log"]) == (0, home.ledger.origin)
    assert record["v"] == 1
    assert record["id"] == where.ids[0]
    assert uuid.UUID(record["id"]).version == 7
    assert before <= record["t_wall_us"] <= after
    assert record["t_mono_us"] <= time.monotonic_ns() // 1000
    assert record["request_id"] == "from-client"
    assert record["endpoint"] == "churn"
    assert set(record["input"]) == {"commit", "bytes", "type", "ref"}


def test_indexes_are_contiguous_over_batches_and_restarts(home: Home) -> None:
    found = []
    for size in (1, 64, 3):
        where = home.ledger.append([prediction(i) for i in range(size)])
        found += range(where.first, where.first + where.count)
    home.stop()
    home.start()
    found.append(home.ledger.append([prediction(0)]).first)
    assert found == list(range(69))


def test_an_id_and_times_that_are_given_are_kept(home: Home) -> None:
    given_ = {"id": "01a20000-0000-7000-8000-000000000001", "t_wall_us": 5, "t_mono_us": 6}
    where = home.ledger.append([Entry({"kind": "system", **given_}), Entry({"kind": "system"})])
    record = home.query().show(0)["record"]
    assert where.ids[0] == given_["id"]
    assert {name: record[name] for name in given_} == given_
    assert uuid.UUID(where.ids[1]).version == 7


def test_what_the_ledger_says_of_itself_cannot_be_overruled_by_an_entry(home: Home) -> None:
    home.ledger.append([Entry({"kind": "system", "log": "someone/else", "v": 9})])
    record = home.query().show(0)["record"]
    assert (record["log"], record["v"]) == (home.ledger.origin, 1)


def test_an_empty_append_writes_nothing(home: Home) -> None:
    assert home.ledger.append([]) == home.ledger.append([])
    assert home.ledger.size == 0


def test_order_is_the_index_when_the_clock_is_set_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = home.ledger.append([prediction(0)])
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 3600 * 10**9)
    second = home.ledger.append([prediction(1)])
    home.stop()
    home.start()
    third = home.ledger.append([prediction(2)])
    assert [first.first, second.first, third.first] == [0, 1, 2]
    assert first.ids < second.ids < third.ids
    times = [r["t_wall_us"] for r in home.query().search().records]
    assert times[2] > times[1]
    assert home.verify(home.ledger.checkpoint()).ok


def test_what_also_writes_commits_with_the_records_or_not_at_all(home: Home) -> None:
    table = sa.Table("state", sa.MetaData(), sa.Column("name", sa.Text, primary_key=True))
    table.create(home.engine)

    def save(connection: sa.Connection) -> None:
        connection.execute(sa.insert(table).values(name="churn"))

    home.ledger.append([prediction(0)], also=save)
    with pytest.raises(sa.exc.IntegrityError):
        home.ledger.append([prediction(1)], also=save)
    assert home.ledger.size == 1
    home.ledger.append([prediction(2)])
    with home.engine.connect() as connection:
        assert connection.execute(sa.select(table)).all() == [("churn",)]
    assert home.verify().ok


def test_also_alone_is_a_transaction_too(home: Home) -> None:
    table = sa.Table("state", sa.MetaData(), sa.Column("name", sa.Text))
    home.ledger.append([], also=table.create)
    assert sa.inspect(home.engine).has_table("state")
    assert home.ledger.size == 0


def test_an_exception_of_also_rolls_back_and_passes_through(home: Home) -> None:
    def refuse(_: sa.Connection) -> None:
        raise KeyError("somebody else was first")

    with pytest.raises(KeyError):
        home.ledger.append([prediction(0)], also=refuse)
    assert home.ledger.append([prediction(1)]).first == 0
    assert home.verify().ok


def test_an_entry_that_cannot_be_recorded_keeps_its_batch_out(home: Home) -> None:
    with pytest.raises(InvalidRecord) as caught:
        home.ledger.append([prediction(0), Entry({"kind": "system", "weight": 1.5})])
    assert caught.value.position == 1
    assert home.ledger.size == 0
    assert home.ledger.append([prediction(1)]).first == 0


def test_the_checkpoint_follows_the_log_and_each_extends_the_one_before(home: Home) -> None:
    earlier = opened(home)
    assert earlier.size == 0
    for size in (1, 2, 300, 64):
        home.fill(size)
        later = opened(home)
        assert later.size == home.ledger.size
        proof = home.query().consistency(earlier.size, later.size)
        assert extends(earlier.size, later.size, earlier.root, later.root, proof)
        earlier = later


def test_receipts_prove_records_of_every_age(home: Home) -> None:
    home.fill(1, 1, 700, 64, 300, 5)
    verifier = Verifier.parse(home.ledger.vkey)
    query = home.query()
    for index in [0, 1, 2, 255, 256, 701, 702, 1023, 1024, 1070]:
        receipt = Receipt.parse(home.ledger.receipt(index))
        checkpoint = receipt.verify(query.leaf(index)[1], verifier)
        assert (receipt.index, checkpoint.size) == (index, 1071)
    for index in (-1, 1071):
        with pytest.raises(LookupError):
            home.ledger.receipt(index)


def test_a_log_keeps_its_name_and_key_over_restarts(make_home: Callable[..., Home]) -> None:
    home = make_home(origin="example.com/audit")
    vkey = home.ledger.vkey
    home.fill(3)
    home.stop()
    home.options = {"origin": "example.com/other"}
    home.start()
    assert home.ledger.origin == "example.com/audit"
    assert home.ledger.vkey == vkey
    assert vkey.startswith("example.com/audit+")


def test_a_name_that_signed_records_of_a_lost_database_is_not_used_again(
    make_home: Callable[..., Home],
) -> None:
    home = make_home(origin="example.com/audit")
    home.fill(3)
    home.stop()
    for file in home.folder.glob("hub.db*"):
        file.unlink()
    home.start()
    assert home.ledger.origin != "example.com/audit"


def test_a_log_without_a_given_name_gets_one_that_no_other_has(
    make_home: Callable[..., Home],
) -> None:
    names = {make_home().ledger.origin for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("mlops-jupyter/") for name in names)


def test_keys_and_database_are_for_their_owner_alone(home: Home) -> None:
    home.ledger.checkpoint()
    home.fill(1)
    assert stat.S_IMODE(home.keys.stat().st_mode) == 0o700
    files = [*home.keys.iterdir(), *home.folder.glob("hub.db*")]
    assert len(files) >= 5
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_checkpoint_is_kept_at_close_and_after_a_crash_at_open(home: Home) -> None:
    home.fill(5)
    home.stop()
    assert [Checkpoint.parse(n.partition("\n\n")[0] + "\n").size for n in notes(home)] == [5]
    home.start()
    home.fill(5)
    home.engine.dispose()
    home.start()
    assert len(notes(home)) == 2
    assert home.verify().checked["signed"] == 10


def notes(home: Home) -> list[str]:
    return home.query().checkpoints() if home.ledger else []


def test_checkpoints_are_kept_when_due_and_the_log_has_grown(home: Home) -> None:
    soon = time.monotonic() + 61
    home.fill(2)
    assert home.ledger.sign_if_due(soon - 60) is None
    assert home.ledger.sign_if_due(soon) == home.ledger.checkpoint()
    assert home.ledger.sign_if_due(soon + 61) is None
    home.fill(1)
    assert home.ledger.sign_if_due(soon + 100) is None
    assert home.ledger.sign_if_due(soon + 200) is not None
    assert len(home.query().checkpoints()) == 2


def test_a_database_put_back_from_an_old_copy_goes_on_under_a_new_name(home: Home) -> None:
    home.fill(5)
    home.stop()
    old_copy = home.path.read_bytes()
    home.start()
    home.fill(5)
    old_key, kept = home.ledger.vkey, home.ledger.checkpoint()
    home.stop()
    home.path.write_bytes(old_copy)
    home.start()
    assert home.ledger.vkey != old_key
    record = home.query().show(5)["record"]
    assert record["action"] == "audit.new_identity"
    assert record["detail"]["size"] == 5
    assert record["detail"]["signed_size"] == 10
    home.fill(20)
    assert not home.verify(kept).ok
    both = f"{old_key} {home.ledger.vkey}"
    from mlops_jupyter.audit import verify

    assert verify(home.path, both).ok
    problems = verify(home.path, both, kept).problems
    assert problems[0].what.startswith("records 5 to 9 are not those")


def test_a_database_that_was_rewritten_goes_on_under_a_new_name(home: Home) -> None:
    home.fill(3, 3)
    home.stop()
    home.tamper("DELETE FROM audit_bundle WHERE first = 3")
    home.tamper("DELETE FROM audit_checkpoint")
    home.start()
    home.fill(3)
    record = home.query().show(3)["record"]
    assert "older than the checkpoint signed last" in record["detail"]["reason"]


def test_a_lost_key_means_a_new_name_and_a_record_of_it(home: Home) -> None:
    home.fill(5)
    home.stop()
    for file in home.keys.iterdir():
        file.unlink()
    home.start()
    record = home.query().show(5)["record"]
    assert record["action"] == "audit.new_identity"
    assert "key was missing" in record["detail"]["reason"]
    assert home.ledger.origin != record["detail"]["previous"]


def test_dropped_records_leave_a_record(home: Home) -> None:
    home.ledger.count_dropped(3)
    home.ledger.count_dropped(4)
    home.ledger.count_dropped(1, "shutdown")
    where = home.ledger.append([prediction(0), prediction(1)])
    query = home.query()
    assert (where.first, where.count, len(where.ids)) == (2, 2, 2)
    assert query.show(where.ids[0])["index"] == 2
    gaps = [query.show(i)["record"] for i in (0, 1)]
    assert [gap["kind"] for gap in gaps] == ["gap", "gap"]
    assert [(g["detail"]["reason"], g["detail"]["dropped"]) for g in gaps] == [
        ("queue_full", 7),
        ("shutdown", 1),
    ]
    assert gaps[0]["detail"]["since_us"] <= gaps[0]["detail"]["until_us"]
    home.ledger.append([prediction(2)])
    assert home.ledger.size == 5


def test_a_gap_that_nothing_follows_is_written_at_close(home: Home) -> None:
    home.ledger.count_dropped(2)
    home.ledger.close()
    assert home.query().show(0)["record"]["detail"]["dropped"] == 2


def test_a_gap_is_not_forgotten_when_its_batch_is_refused(home: Home) -> None:
    home.ledger.count_dropped(2)
    with pytest.raises(InvalidRecord):
        home.ledger.append([Entry({"kind": 1.5})])
    home.ledger.append([prediction(0)])
    assert home.query().show(0)["record"]["detail"]["dropped"] == 2


def test_search_columns_are_written_with_the_records(home: Home) -> None:
    home.fill(300, 800)
    assert home.ledger.indexed == home.ledger.size == 1100
    assert home.verify().checked["columns"] == 1100


def test_search_columns_of_a_refused_batch_leave_no_trace(home: Home) -> None:
    home.fill(1000)

    def refuse(connection: sa.Connection) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        home.ledger.append([prediction(i) for i in range(100)], also=refuse)
    home.fill(50)
    assert home.ledger.indexed == home.ledger.size == 1050
    assert home.verify().ok


def test_deleted_search_columns_are_made_anew_in_bounded_steps(home: Home) -> None:
    home.fill(1500, 1500)
    home.stop()
    home.tamper("DELETE FROM audit_record WHERE idx >= 1300")
    home.tamper("DELETE FROM audit_zone WHERE block >= 1")
    home.start()
    assert home.ledger.indexed == 1300
    home.fill(10)
    assert home.ledger.indexed == 1300, "new records wait: the columns have no holes"
    assert [home.ledger.index_pending(1000) for _ in range(3)] == [1000, 710, 0]
    home.fill(100)
    assert home.ledger.indexed == home.ledger.size == 3110
    assert home.verify().ok


def test_another_writer_is_noticed_and_nothing_forks(
    home: Home, make_home: Callable[..., Home]
) -> None:
    home.fill(2)
    other = make_home(home.folder)
    other.fill(3)
    with pytest.raises(AuditUnavailable, match="Another process"):
        home.ledger.append([prediction(0)])
    home.ledger.append([prediction(1)])
    with pytest.raises(AuditUnavailable):
        other.ledger.append([prediction(0)])
    assert home.ledger.size == 7
    assert home.verify().ok


def test_the_status_tells_size_place_and_health(home: Home) -> None:
    home.fill(3)
    home.ledger.checkpoint()
    status = home.ledger.status()
    assert status["origin"] == home.ledger.origin
    assert (status["size"], status["indexed"], status["checkpoint_size"]) == (3, 3, 3)
    assert status["bytes"] > 4096
    assert (status["ok"], status["reason"]) == (True, "")


def test_the_second_connection_of_the_writing_engine_is_refused(home: Home) -> None:
    with home.engine.connect(), pytest.raises(sa.exc.TimeoutError):
        home.engine.connect()


def test_readers_cannot_write_and_see_one_state(home: Home) -> None:
    home.fill(2)
    reader = open_reader(home.path)
    with reader.connect() as connection:
        with pytest.raises(sa.exc.OperationalError):
            connection.execute(sa.text("DELETE FROM audit_bundle"))
        count = sa.text("SELECT count(*) FROM audit_bundle")
        assert connection.execute(count).scalar() == 1
        home.fill(2)
        assert connection.execute(count).scalar() == 1
    reader.dispose()


def test_a_ledger_that_does_not_exist_is_not_made_by_a_reader(tmp_path: Path) -> None:
    with pytest.raises(AuditUnavailable, match="There is no ledger"):
        open_reader(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(AuditUnavailable, match="cannot be opened for writing"):
        open_engine(tmp_path / "hub.db")


def test_a_state_directory_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuditUnavailable, match="cannot be opened for writing"):
        open_engine(tmp_path / "missing" / "hub.db")


def test_a_keys_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file")
    engine = open_engine(tmp_path / "hub.db")
    with pytest.raises(AuditUnavailable, match="keys cannot be used"):
        Ledger.open(engine, tmp_path / "keys")
    engine.dispose()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.lists(
            st.tuples(
                st.text(max_size=30),
                st.binary(max_size=2000),
                st.booleans(),
                st.integers(0, 2**53 - 1),
            ),
            min_size=1,
            max_size=20,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_was_appended_can_be_read_back_and_verified(
    batches: list[list[tuple[str, bytes, bool, int]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    engine = open_engine(folder / "hub.db")
    ledger = Ledger.open(engine, folder / "keys", ballast_bytes=0)
    home = Home(folder, engine, ledger)
    written = []
    for batch in batches:
        entries = [
            Entry(
                {"kind": "prediction", "endpoint": text, "request_id": text, "latency_us": number},
                Payload(data, "t", keep),
            )
            for text, data, keep, number in batch
        ]
        where = ledger.append(entries)
        written += [(where.first + i, item) for i, item in enumerate(batch)]
    query = home.query()
    for index, (text, data, keep, number) in written:
        record = query.show(index)["record"]
        assert (record["endpoint"], record["latency_us"]) == (text, number)
        assert query.matches(index, "input", data)
        assert not query.matches(index, "input", data + b"!")
        if keep:
            assert query.payload(index, "input").data == data
    assert home.verify(ledger.checkpoint()).problems == []
    engine.dispose()


def test_the_room_is_imported_without_numeric_libraries() -> None:
    code = (
        "import sys; import mlops_jupyter.audit; "
        "print([m for m in ('numpy', 'pandas', 'pyarrow', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_the_exact_bytes_of_a_record_are_one_canonical_line(home: Home) -> None:
    home.fill(1)
    _, leaf = home.query().leaf(0)
    assert leaf == orjson.dumps(orjson.loads(leaf), option=orjson.OPT_SORT_KEYS)
    assert b"\n" not in leaf
