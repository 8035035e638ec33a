"""Records as lines and in full: aligned, cut, and with hostile words that stay words."""

from __future__ import annotations

import json
import re

import pytest

from mlops_jupyter.notebook.audit_table import (
    Filters,
    caption,
    cut,
    detail,
    filters_of,
    head,
    line,
)
from mlops_jupyter.notebook.records import AuditRecord, AuditTable
from mlops_jupyter.types import InvalidRequest

from .facts import XSS, record
from .test_displays import Reader

EVIL = "\x1b[31m\u202eevil\x07\u2028\ud800"
BLANK = "\u00a0"


def hostile(words):
    return AuditRecord(
        record(
            actor={"sub": f"app:{words}", "method": words},
            endpoint=words,
            action=words,
            model={"name": words, "version": words, "digest": words},
            error=words,
            error_class=words,
            request_id=words,
            on_behalf_of={"sub": words},
            code={"notebook": words, "git": words},
            detail={words: [words]},
        )
    )


def test_a_line_has_the_facts_under_their_columns():
    shown = line(AuditRecord(record(41, action="predict")))
    for fact in ("41", "user:alice", f"predict{BLANK}churn", "churn/3", "200", "1.23"):
        assert fact in shown
    assert shown.index("user:alice") == head().index("who")
    assert shown.index("churn/3") == head().index("version")


def test_lines_of_one_list_are_told_apart_by_their_record():
    assert line(AuditRecord(record(1))) != line(AuditRecord(record(2)))


def test_what_failed_is_marked_by_more_than_a_colour():
    assert "✗" in line(AuditRecord(record(status=422, error="invalid_input")))
    assert "✗" not in line(AuditRecord(record()))


@pytest.mark.parametrize("words", [XSS, EVIL, "x" * 10_000, "", "  \t\n", "日本語" * 40])
def test_hostile_names_leave_the_columns_where_they_are(words):
    shown = line(hostile(words))
    assert len(shown) <= len(head()) + 10
    assert not re.search("[\x00-\x1f\u202a-\u202e\u2028\ud800-\udfff]", shown)
    assert " " not in shown, "a list folds plain blanks"


@pytest.mark.parametrize("words", [XSS, EVIL, "x" * 10_000])
def test_a_record_in_full_is_well_formed_and_its_words_stay_words(words):
    payload = json.dumps({"instances": [words]}).encode("utf-8", "surrogatepass")
    shown = detail(hostile(words), {"input": payload, "output": payload})
    page = Reader(shown)
    assert not {"script", "img"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2028\ud800-\udfff]", shown)
    assert len(shown) < 60_000


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff\xfe\x00binary", b"\x80" * 100, b"{" * 5_000_000, b'"' + b"a" * 5_000_000],
)
def test_payloads_of_any_bytes_and_size_are_shown_short(payload):
    shown = detail(AuditRecord(record()), {"input": payload, "output": payload})
    Reader(shown)
    assert len(shown) < 40_000


def test_request_and_answer_are_shown_as_they_were_sent():
    shown = detail(AuditRecord(record()), {"input": b'{"a": "<b>"}', "output": b"[1.5]"})
    page = Reader(shown)
    assert '{"a": "<b>"}' in page.text
    assert "[1.5]" in page.text
    assert "&lt;b&gt;" in shown


def test_an_empty_record_is_no_error():
    assert line(AuditRecord({})).strip()
    Reader(detail(AuditRecord({}), {}))
    odd = {"actor": 7, "model": [], "code": "x", "latency_us": "slow", "input": None}
    assert line(AuditRecord(odd))
    Reader(detail(AuditRecord(odd), {}))


def test_a_long_text_keeps_its_beginning():
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcd", 4) == "abcd"


def test_filters_are_asked_as_typed_and_empty_ones_are_not():
    typed = Filters(endpoint=" churn ", status="404", failed=True, since="24h")
    assert typed.asked() == {
        "name": "churn", "by": None, "status": 404, "failed": True, "since": "24h",
        "until": None, "text": None,
    }  # fmt: skip
    assert not any(Filters().asked().values())


@pytest.mark.parametrize("status", ["abc", "99", "1000", "٢٠٠", "200; DROP", "-1"])
def test_a_status_that_is_none_is_refused_with_a_fix(status):
    with pytest.raises(InvalidRequest, match=r"is not a status.*Write an HTTP status"):
        Filters(status=status).asked()


def test_what_was_asked_for_fills_the_fields_and_the_rest_is_kept():
    given = {"by": "alice", "since": 1_790_000_000, "kind": "prediction", "limit": 5, "text": None}
    filters, others = filters_of("churn", given)
    assert (filters.endpoint, filters.caller) == ("churn", "alice")
    assert filters.since == "2026-09-21T14:13:20.000Z"
    assert others == {"kind": "prediction", "limit": 5}


def test_a_search_that_says_nothing_of_time_is_that_of_the_last_day():
    assert filters_of(None, {})[0].since == "24h"
    assert filters_of(None, {"since": None})[0].since == ""


def test_the_caption_counts_and_names_what_the_fields_do_not_show():
    words = caption(AuditTable([record()], size=1_234_567), 2, {"kind": "prediction"})
    assert words.startswith("1 record · page 2 · kind prediction · the ledger has 1,234,567")
    assert caption(AuditTable([], size=1), 1, {}).startswith("no record matches")
