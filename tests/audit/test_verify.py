from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from mlops_jupyter.audit import Checkpoint, Verifier, verify
from mlops_jupyter.audit.batch import join_leaves, split_leaves
from mlops_jupyter.audit.note import Signer
from mlops_jupyter.audit.payloads import PayloadRow
from mlops_jupyter.audit.tree import Frontier, leaf_hash, pack_nodes
from mlops_jupyter.types.errors import AuditUnavailable
from tests.audit.conftest import Home

COMPRESSOR = zstandard.ZstdCompressor()


@pytest.fixture
def filled(make_home: Callable[..., Home]) -> Home:
    """Ten batches of ten records each with search columns, signed at 50 and at the end, stopped."""
    home = make_home()
    home.fill(10, 10, 10, 10, 10)
    home.ledger.sign_if_due(float("inf"))
    home.fill(10, 10, 10, 10, 10)
    home.stop()
    return home


def problems(home: Home, against: str | None = None) -> list[tuple[int, str]]:
    report = home.verify(against)
    assert report.ok is (not report.problems)
    assert [p.index for p in report.problems] == sorted(p.index for p in report.problems)
    return [(p.index, p.what) for p in report.problems]


def read_bundle(home: Home, first: int) -> list[bytes]:
    connection = sqlite3.connect(home.path)
    row = connection.execute(
        "SELECT codec, data FROM audit_bundle WHERE first = ?", (first,)
    ).fetchone()
    connection.close()
    return split_leaves(*row)


def write_bundle(home: Home, first: int, leaves: list[bytes], *, hashes: bool = False) -> None:
    codec, data = join_leaves(leaves, COMPRESSOR)
    home.tamper("UPDATE audit_bundle SET codec=?, data=? WHERE first=?", codec, data, first)
    if hashes:
        joined = b"".join(map(leaf_hash, leaves))
        home.tamper("UPDATE audit_bundle SET hashes=? WHERE first=?", joined, first)


def recompute(home: Home) -> None:
    """What a forger without the key does last: make every hash fit the records again."""
    connection = sqlite3.connect(home.path)
    rows = connection.execute("SELECT first, codec, data FROM audit_bundle ORDER BY first")
    tree = Frontier()
    for first, codec, data in rows.fetchall():
        hashes = list(map(leaf_hash, split_leaves(codec, data)))
        tree, nodes = tree.extended(hashes)
        connection.execute(
            "UPDATE audit_bundle SET hashes=?, tree=?, nodes=? WHERE first=?",
            (b"".join(hashes), tree.to_bytes(), pack_nodes(nodes), first),
        )
    connection.commit()
    connection.close()


def test_an_untouched_ledger_has_no_problems(filled: Home) -> None:
    report = filled.verify(filled.ledger.checkpoint())
    assert report.problems == []
    assert report.checked == {
        "key": "given",
        "signed": 100,
        "records": 100,
        "columns": 100,
        "payloads": 200,
        "checkpoints": 3,
    }
    answer = report.to_dict()
    assert (answer["ok"], answer["size"], answer["problems"]) == (True, 100, [])
    assert answer["records_per_second"] > 0


def test_an_empty_ledger_has_no_problems(home: Home) -> None:
    assert problems(home, home.ledger.checkpoint()) == []


def test_without_a_key_the_ledgers_own_is_used_and_the_report_says_so(filled: Home) -> None:
    report = verify(filled.path)
    assert report.ok
    assert report.checked["key"] == "ledger's own"


def test_a_ledger_that_is_being_written_to_is_verified_as_far_as_it_was(home: Home) -> None:
    home.fill(10)
    report = verify(home.path, home.ledger.vkey)
    home.fill(10)
    assert (report.ok, report.size) == (True, 10)
    assert home.verify().size == 20


def test_two_processes_find_what_one_finds(make_home: Callable[..., Home]) -> None:
    home = make_home()
    home.fill(700, 700, 700, 700)
    home.ledger.sign_if_due(float("inf"))
    home.fill(700)
    home.stop()
    assert home.verify(processes=2).problems == []
    leaves = read_bundle(home, 2100)
    leaves[3] = leaves[3].replace(b"churn", b"fraud")
    write_bundle(home, 2100, leaves)
    home.tamper("UPDATE audit_zone SET summary = x'00' WHERE block IN (0, 2)")
    alone = home.verify(processes=0)
    assert [p.index for p in alone.problems] == [0, 2048, 2103, 2103]
    assert home.verify(processes=2).problems == alone.problems


def test_an_edited_record_is_named(filled: Home) -> None:
    leaves = read_bundle(filled, 20)
    leaves[7] = leaves[7].replace(b'"status":200', b'"status":201')
    write_bundle(filled, 20, leaves)
    found = problems(filled)
    assert found[0] == (27, "the record is not the one that was written")
    assert {index for index, _ in found} == {27}


def test_an_edited_record_with_its_own_hash_recomputed_is_found(filled: Home) -> None:
    leaves = read_bundle(filled, 20)
    leaves[7] = leaves[7].replace(b'"status":200', b'"status":201')
    write_bundle(filled, 20, leaves, hashes=True)
    assert problems(filled)[0][0] == 20
    assert "the tree does not follow" in problems(filled)[0][1]


def test_an_edited_record_with_all_hashes_recomputed_contradicts_the_signature(
    filled: Home,
) -> None:
    leaves = read_bundle(filled, 60)
    leaves[7] = leaves[7].replace(b'"status":200', b'"status":201')
    write_bundle(filled, 60, leaves)
    recompute(filled)
    assert problems(filled)[0] == (
        50,
        "records 50 to 99 are not those that the signed checkpoint of 100 records covers",
    )


def test_history_rewritten_with_the_key_is_found_by_a_kept_checkpoint(filled: Home) -> None:
    kept = filled.ledger.checkpoint()
    leaves = read_bundle(filled, 60)
    leaves[7] = leaves[7].replace(b'"status":200', b'"status":404')
    write_bundle(filled, 60, leaves)
    recompute(filled)
    filled.tamper("DELETE FROM audit_record")
    filled.tamper("DELETE FROM audit_checkpoint WHERE size = 100")
    (key,) = filled.keys.glob("*.key")
    root = filled.query().root(100)
    note = Signer.parse(key.read_text()).sign(Checkpoint(filled.ledger.origin, 100, root).to_text())
    filled.tamper("INSERT INTO audit_checkpoint VALUES (100, ?, 0, ?)", filled.ledger.origin, note)
    assert problems(filled) == [], "with the key, and no anchor, a rewrite cannot be found"
    assert problems(filled, kept) == [
        (50, "records 50 to 99 are not those that the kept checkpoint of 100 records covers")
    ]


def test_a_deleted_batch_is_named(filled: Home) -> None:
    filled.tamper("DELETE FROM audit_bundle WHERE first = 30")
    assert problems(filled)[0] == (30, "records up to 39 are missing")


def test_the_first_batch_deleted_is_named(filled: Home) -> None:
    filled.tamper("DELETE FROM audit_bundle WHERE first = 0")
    assert problems(filled)[0] == (0, "records up to 9 are missing")


def test_a_deleted_record_is_named(filled: Home) -> None:
    leaves = read_bundle(filled, 20)
    write_bundle(filled, 20, leaves[:4] + leaves[5:])
    assert (20, "the batch holds 9 records and says 10") in problems(filled)


def test_a_deleted_record_with_all_numbers_and_hashes_recomputed_is_found(filled: Home) -> None:
    leaves = read_bundle(filled, 90)
    write_bundle(filled, 90, leaves[:9])
    filled.tamper("UPDATE audit_bundle SET count = 9 WHERE first = 90")
    recompute(filled)
    found = problems(filled)
    assert any("was cut, or put back from an old copy" in what for _, what in found)


def test_reordered_records_are_named(filled: Home) -> None:
    leaves = read_bundle(filled, 20)
    leaves[2], leaves[3] = leaves[3], leaves[2]
    write_bundle(filled, 20, leaves)
    assert {index for index, _ in problems(filled)} == {22, 23}


def test_swapped_batches_are_found(filled: Home) -> None:
    filled.tamper("UPDATE audit_bundle SET first = -1 WHERE first = 30")
    filled.tamper("UPDATE audit_bundle SET first = 30 WHERE first = 50")
    filled.tamper("UPDATE audit_bundle SET first = 50 WHERE first = -1")
    assert problems(filled)[0][0] == 30


def test_swapped_batches_with_all_hashes_recomputed_contradict_the_signature(
    filled: Home,
) -> None:
    third, fifth = read_bundle(filled, 20), read_bundle(filled, 40)
    write_bundle(filled, 20, fifth)
    write_bundle(filled, 40, third)
    recompute(filled)
    assert problems(filled)[0][0] == 0
    assert "signed checkpoint of 50" in problems(filled)[0][1]


def test_an_inserted_record_is_found(filled: Home) -> None:
    leaves = read_bundle(filled, 20)
    write_bundle(filled, 20, [*leaves, leaves[0]])
    assert (20, "the batch holds 11 records and says 10") in problems(filled)


def test_an_inserted_batch_is_found(filled: Home) -> None:
    filled.tamper(
        "INSERT INTO audit_bundle SELECT 25, count, t_us, payloads, codec, tree, nodes, hashes, "
        "data FROM audit_bundle WHERE first = 20"
    )
    assert (25, "a second batch claims this index") in problems(filled)


def test_a_batch_appended_without_the_key_is_not_covered_by_a_signature(filled: Home) -> None:
    filled.tamper(
        "INSERT INTO audit_bundle SELECT 100, count, t_us, payloads, codec, tree, nodes, hashes, "
        "data FROM audit_bundle WHERE first = 90"
    )
    recompute(filled)
    assert filled.verify().checked["signed"] == 100
    assert filled.verify().size == 110


def test_a_cut_ledger_is_found_by_its_own_checkpoint(filled: Home) -> None:
    filled.tamper("DELETE FROM audit_bundle WHERE first >= 80")
    found = problems(filled)
    assert (80, "there are search columns and no record") in found
    assert any(index == 80 and "it was cut" in what for index, what in found)


def test_a_cut_ledger_whose_traces_were_removed_is_found_by_a_kept_checkpoint(
    filled: Home,
) -> None:
    kept = filled.ledger.checkpoint()
    connection = sqlite3.connect(filled.path)
    (rows,) = connection.execute("SELECT payloads FROM audit_bundle WHERE first = 70").fetchone()
    connection.close()
    filled.tamper("DELETE FROM audit_bundle WHERE first >= 80")
    filled.tamper("DELETE FROM audit_checkpoint WHERE size > 80")
    filled.tamper("DELETE FROM audit_record WHERE idx >= 80")
    filled.tamper("DELETE FROM audit_payload WHERE id >= ?", rows)
    assert problems(filled) == []
    assert problems(filled, kept) == [
        (
            80,
            "the kept checkpoint covers 100 records and the ledger has 80: it was cut, or put "
            "back from an old copy",
        )
    ]


def test_an_old_copy_put_back_is_found_by_a_kept_checkpoint(home: Home) -> None:
    home.fill(5)
    home.stop()
    shutil.copy(home.path, home.folder / "old.db")
    home.start()
    home.fill(5)
    kept = home.ledger.checkpoint()
    home.stop()
    shutil.copy(home.folder / "old.db", home.path)
    assert problems(home) == []
    assert problems(home, kept)[0][0] == 5


def test_edited_search_columns_are_named(filled: Home) -> None:
    filled.tamper("UPDATE audit_record SET caller = 'user:mallory' WHERE idx = 42")
    filled.tamper("UPDATE audit_record SET status = NULL WHERE idx = 43")
    filled.tamper("DELETE FROM audit_record WHERE idx = 44")
    filled.tamper("INSERT INTO audit_record (idx, failed) VALUES (200, 0)")
    assert problems(filled) == [
        (42, "the search columns differ from the record"),
        (43, "the search columns differ from the record"),
        (44, "the search columns are missing"),
        (200, "there are search columns and no record"),
    ]


def test_an_edited_summary_that_would_hide_records_from_search_is_named(home: Home) -> None:
    home.fill(1024, 1024, 10)
    home.stop()
    home.tamper("UPDATE audit_zone SET t_max = 0 WHERE block = 1")
    assert problems(home) == [
        (1024, "the summary for search differs from the records of its block")
    ]
    home.tamper("DELETE FROM audit_zone WHERE block = 1")
    assert problems(home)[0][0] == 1024
    home.tamper("INSERT INTO audit_zone (block, summary) VALUES (9, x'')")
    assert problems(home)[-1][0] == 9 * 1024


def payload_row(home: Home, number: int) -> PayloadRow:
    connection = sqlite3.connect(home.path)
    row = connection.execute(
        "SELECT scope, codec, salts, ends, data FROM audit_payload WHERE id = ?", (number,)
    ).fetchone()
    connection.close()
    return PayloadRow.read(*row)


def test_an_edited_payload_is_named(filled: Home) -> None:
    row = payload_row(filled, 3)
    changed = row.data.replace(b"[35]", b"[36]")
    filled.tamper("UPDATE audit_payload SET codec = 0, data = ? WHERE id = 3", changed)
    assert problems(filled) == [(35, "the input is not the one that the record commits to")]
    assert verify(filled.path, filled.ledger.vkey, payloads=False).ok


def test_a_payload_with_another_salt_is_named(filled: Home) -> None:
    salts = payload_row(filled, 3).salts
    filled.tamper(
        "UPDATE audit_payload SET salts = ? WHERE id = 3", salts[:16] + bytes(16) + salts[32:]
    )
    assert len(problems(filled)) == 1


def test_a_deleted_payload_is_named(filled: Home) -> None:
    filled.tamper("DELETE FROM audit_payload WHERE id = 3")
    found = problems(filled)
    assert (30, "the input cannot be read: it is missing") in found
    assert (30, "payload row 3 of the batch is missing") in found


def test_a_damaged_payload_is_named(filled: Home) -> None:
    filled.tamper("UPDATE audit_payload SET data = x'28b52ffd00', codec = 1 WHERE id = 3")
    assert problems(filled)[0][0] == 30
    assert "cannot be read" in problems(filled)[0][1]


def test_payloads_without_a_record_are_found(filled: Home) -> None:
    filled.tamper(
        "INSERT INTO audit_payload SELECT 900, scope, key_id, codec, salts, ends, data "
        "FROM audit_payload WHERE id = 3"
    )
    assert problems(filled) == [(100, "1 payload rows belong to no record")]


def test_a_payload_that_is_slipped_into_a_row_is_found(filled: Home) -> None:
    row = payload_row(filled, 3)
    ends = b"".join(end.to_bytes(4, "little") for end in (*row.ends, row.ends[-1] + 4))
    filled.tamper(
        "UPDATE audit_payload SET codec = 0, data = ?, ends = ?, salts = ? WHERE id = 3",
        row.data + b"evil",
        ends,
        row.salts + bytes(16),
    )
    assert problems(filled) == [(30, "1 payloads of row 3 have no record")]


def test_an_edited_checkpoint_is_named(filled: Home) -> None:
    # the whole line: the log's name beside it may hold the same digits
    filled.tamper(
        "UPDATE audit_checkpoint SET note = replace(note, char(10) || '50' || char(10), "
        "char(10) || '51' || char(10)) WHERE size = 50"
    )
    assert problems(filled)[0][0] == 50
    assert "signature is wrong" in problems(filled)[0][1]


def test_a_checkpoint_under_another_size_is_named(filled: Home) -> None:
    filled.tamper("UPDATE audit_checkpoint SET size = 40 WHERE size = 50")
    assert "differ from what was signed" in problems(filled)[0][1]


def test_a_ledger_signed_by_another_key_is_named(
    filled: Home, make_home: Callable[..., Home]
) -> None:
    other = make_home(origin=filled.ledger.origin)
    report = verify(filled.path, other.ledger.vkey)
    assert [p.index for p in report.problems] == [50, 100]
    stranger = make_home()
    report = verify(filled.path, stranger.ledger.vkey)
    assert "whose key was not given" in report.problems[0].what


def test_a_kept_checkpoint_of_another_log_is_refused(
    filled: Home, make_home: Callable[..., Home]
) -> None:
    other = make_home()
    assert "not this log's" in problems(filled, other.ledger.checkpoint())[0][1]
    assert "not this log's" in problems(filled, "nonsense")[0][1]


def test_a_kept_checkpoint_between_two_batches_that_were_merged_is_still_checked(
    home: Home,
) -> None:
    home.fill(5)
    kept = home.ledger.checkpoint()
    home.fill(5)
    home.stop()
    leaves = read_bundle(home, 0) + read_bundle(home, 5)
    home.tamper("DELETE FROM audit_bundle WHERE first = 5")
    home.tamper("UPDATE audit_bundle SET count = 10, payloads = 2 WHERE first = 0")
    write_bundle(home, 0, leaves)
    recompute(home)
    assert home.verify(kept).ok, "the same records in the same order are the same log"


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("data", b"\x28\xb5\x2f\xfd", "cannot be read"),
        ("codec", 7, "cannot be read"),
        ("hashes", b"", "do not fit"),
        ("tree", b"", "does not fit"),
        ("nodes", b"\0" * 41, "nodes are wrong"),
        ("count", 0, "do not fit"),
        ("payloads", 0, "payload"),
        ("payloads", 1 << 60, "payload"),
        ("count", 1 << 60, "do not fit"),
    ],
)
def test_a_damaged_column_is_a_problem_and_no_crash(
    filled: Home, column: str, value: object, what: str
) -> None:
    filled.tamper(f"UPDATE audit_bundle SET {column} = ? WHERE first = 40", value)
    found = problems(filled)
    assert any(what in text for index, text in found if 40 <= index <= 50)


def test_at_most_a_thousand_problems_are_kept(home: Home) -> None:
    home.fill(1500)
    home.stop()
    home.tamper("UPDATE audit_record SET kind = 'x'")
    assert len(problems(home)) == 1000


def test_a_database_without_a_ledger_is_an_error_and_no_success(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    with pytest.raises(AuditUnavailable, match="no ledger"):
        verify(tmp_path / "empty.db")
    (tmp_path / "text.db").write_text("this is not a database at all")
    with pytest.raises(AuditUnavailable):
        verify(tmp_path / "text.db")


def test_a_copy_in_a_folder_that_cannot_be_written_can_be_verified(filled: Home) -> None:
    copy = filled.folder / "copy"
    copy.mkdir()
    shutil.copy(filled.path, copy / "hub.db")
    copy.chmod(0o500)
    assert verify(copy / "hub.db", filled.ledger.vkey, filled.ledger.checkpoint()).ok
    copy.chmod(0o700)


def test_the_report_names_the_key_of_a_verifier_that_can_be_parsed(filled: Home) -> None:
    assert Verifier.parse(filled.ledger.vkey).name == filled.ledger.origin


def test_a_damaged_page_of_the_file_is_a_problem_and_no_crash(filled: Home) -> None:
    connection = sqlite3.connect(filled.path)
    (root,) = connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = 'audit_payload'"
    ).fetchone()
    connection.close()
    with filled.path.open("r+b") as file:
        file.seek((root - 1) * 8192)
        file.write(b"\xff" * 8192)
    assert "the database cannot be read" in problems_or_reason(filled)


def problems_or_reason(home: Home) -> str:
    try:
        return "\n".join(what for _, what in problems(home))
    except AuditUnavailable as error:
        return f"the database cannot be read: {error}"
