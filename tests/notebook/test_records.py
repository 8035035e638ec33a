"""A page of audit records as a list, as a table on the screen and as a pandas table."""

import json

import pytest

from mlops_jupyter.notebook.records import AuditRecord, AuditTable

from .facts import XSS, record
from .test_displays import Reader


def table(*records, **options):
    return AuditTable(records or [record()], size=99, **options)


def test_a_row_says_who_called_which_version_when_with_what_and_what_came_of_it():
    heading, row, caption = repr(table()).split("\n")
    assert heading.split() == [
        "when",
        "who",
        "what",
        "version",
        "rows",
        "in",
        "out",
        "result",
        "ms",
    ]
    for fact in (
        "2026-09-2", "user:alice", "prediction churn", "churn/3", "2.0 kB", "90 B", "200", "1.23",
    ):  # fmt: skip
        assert fact in row
    assert caption == "1 record; the ledger has 99"


def test_the_caption_says_what_was_asked_and_how_many_more_there_are():
    page = table(record(2), record(1), asked="churn", left="43", older=lambda: None)
    assert repr(page).endswith(
        "2 records (churn); … and 43 more: .next() or --limit 100; the ledger has 99"
    )


def test_no_match_is_not_told_as_a_number_of_matches():
    empty = AuditTable([], size=118, asked="failed")
    assert repr(empty) == "no record matches (failed); the ledger has 118"


def test_the_page_as_html_tells_how_the_caller_was_proven_and_the_commitments():
    page = Reader(table()._repr_html_())
    assert ("title", "proven by peer-credentials") in page.attributes
    assert ("title", f"commitment {'11' * 32}") in page.attributes


def test_a_failed_call_says_its_status_and_error():
    failed = record(status=500, error="model_error", error_class="ZeroDivisionError", output=None)
    page = table(failed)
    assert page[0].failed
    assert "500 model_error ZeroDivisionError" in repr(page)
    assert "--jp-error-color1" in page._repr_html_()


def test_a_control_record_says_its_action_and_whether_it_is_an_intent_only():
    changed = {"kind": "control", "phase": "outcome", "action": "deploy", "endpoint": "churn"}
    assert "deploy churn" in repr(table(changed))
    assert "deploy (intent) churn" in repr(table({**changed, "phase": "intent"}))


def test_it_is_a_list_of_records_that_read_as_dicts():
    page = table(record(2), record(1))
    assert len(page) == 2
    assert page[0]["index"] == 2
    assert [one["index"] for one in page[:1]] == [2]
    assert page.to_dict() == {"records": [record(2), record(1)], "size": 99, "more": False}


def test_the_next_page_is_asked_for_only_when_it_is_wanted():
    older = table(record(1))
    page = table(record(2), older=lambda: older)
    assert page.next() is older
    assert older.next() is None
    assert ".next()" in repr(page)


def test_it_becomes_a_pandas_table_with_times_in_utc():
    frame = table(record(2), {"kind": "gap", "index": 1, "t_wall_us": 5}).to_frame()
    assert list(frame["index"]) == [2, 1]
    assert str(frame["time"].dtype).endswith("UTC]")
    assert frame.loc[0, "caller"] == "user:alice"
    assert frame.loc[0, "latency_ms"] == pytest.approx(1.234)
    assert frame.loc[0, "input_bytes"] == 2048


def test_an_empty_page_has_the_same_columns():
    empty = AuditTable([]).to_frame()
    assert list(empty.columns) == list(table().to_frame().columns)
    assert repr(AuditTable([])) == "no record; the ledger has 0"


def test_what_is_not_indexed_yet_is_said():
    assert "the newest 1,200 not searched yet" in repr(table(behind=1200))


def test_a_record_in_full_shows_its_payloads_once_they_were_read():
    asked = []

    def fetch(key, side):
        asked.append((key, side))
        return b'{"predictions": [1]}'

    one = AuditRecord(record(), fetch)
    assert "predictions" not in repr(one)
    assert one.output() == b'{"predictions": [1]}'
    assert one.output() == b'{"predictions": [1]}'
    assert asked == [("0193-41", "output")], "each read is recorded, so it happens once"
    assert "predictions" in repr(one)
    assert "as it was sent: .output()" in repr(one)
    page = Reader(one._repr_html_())
    assert "details" in page.tags
    assert '{"predictions": [1]}' in page.text


def test_untrusted_records_and_payloads_stay_text():
    evil = record(endpoint=XSS, error=XSS, actor={"sub": XSS, "method": XSS}, detail={XSS: XSS})
    shown = AuditRecord(evil, None, {"input": XSS.encode() + b"\x1b[31m\xff"})
    for page in (Reader(shown._repr_html_()), Reader(table(evil)._repr_html_())):
        assert not {"script", "img"} & set(page.tags)
        assert "alert(1)" in page.text
    assert "\x1b" not in repr(shown)


@pytest.mark.parametrize("odd", [{}, {"actor": None, "model": "x", "input": 3, "rows": None}])
def test_a_record_with_missing_or_odd_parts_is_still_shown(odd):
    assert repr(AuditRecord(odd))
    assert table(odd).to_frame() is not None
    Reader(table(odd)._repr_html_())


def test_a_payload_of_no_known_form_is_told_by_its_size_and_digest_and_its_text_is_cut():
    one = AuditRecord(record(), None, {"input": b"x" * 10_000})
    assert "10,000 bytes, sha256 e4ee97ec2527" in repr(one)
    assert "xxx" not in repr(one)
    assert "5,904 more bytes" in Reader(one._repr_html_()).text


def test_one_row_reads_downwards_and_several_across():
    sent = {"dataframe_split": {"columns": ["a", "b"], "data": [[1.5, "x"]]}}
    one = AuditRecord(record(), None, {"input": json.dumps(sent).encode()})
    assert "  column  value\n  a       1.5\n  b       x\n" in repr(one)
    sent["dataframe_split"]["data"] *= 7
    many = AuditRecord(record(), None, {"input": json.dumps(sent).encode()})
    assert "    a  b\n  1.5  x\n" in repr(many)
    assert "… and 2 more rows" in repr(many)


def test_binary_data_is_never_shown_as_text():
    head = b'{"outputs":[{"name":"p","shape":[1],"datatype":"INT64",'
    data = head + b'"parameters":{"binary_data_size":8}}]}' + (1).to_bytes(8, "little")
    one = AuditRecord(record(), None, {"output": data})
    for shown in (repr(one), one._repr_html_()):
        assert "u0000" not in shown
    assert "  p\n  1\n" in repr(one)
