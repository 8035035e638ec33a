from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.audit import (
    AuditQuery,
    Entry,
    Filters,
    Ledger,
    Payload,
    Receipt,
    Verifier,
    export,
    export_parquet,
    open_engine,
)
from mlops_jupyter.audit import query as query_module
from mlops_jupyter.types.errors import InvalidRequest, NotFound
from tests.audit.conftest import Home, prediction

START = 1_790_000_000_000_000
FIELDS: list[dict[str, Any]] = [
    {
        "kind": "control" if i % 501 == 7 else "prediction",
        "action": "deploy" if i % 501 == 7 else None,
        "endpoint": ("churn", "fraud", "eta")[i % 3],
        "actor": {"sub": "user:rare" if i == 1300 else f"app:{i % 5}"},
        "model": {"name": "churn", "version": 1 + i % 2},
        "status": 500 if i % 97 == 0 else 200,
        "error": "model_error" if i % 97 == 0 else None,
        "request_id": f"Req-{i}" if i % 10 == 0 else None,
        # the clock is set back in the middle
        "t_wall_us": START + i * 1000 - (500_000 if 1000 <= i < 1400 else 0),
    }
    for i in range(2600)
]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> AuditQuery:
    folder = tmp_path_factory.mktemp("searched")
    engine = open_engine(folder / "hub.db")
    ledger = Ledger.open(engine, folder / "keys", ballast_bytes=0)
    entries = [Entry({k: v for k, v in fields.items() if v is not None}) for fields in FIELDS]
    for at in range(0, len(entries), 100):
        ledger.append(entries[at : at + 100])
    return Home(folder, engine, ledger).query()


def wanted(filters: Filters) -> list[int]:
    """The same search, in Python."""

    def fits(i: int) -> bool:
        f = FIELDS[i]
        text = (
            " ".join(str(f.get(n) or "") for n in ("endpoint", "error", "request_id", "action"))
            + f["model"]["name"]
            + f["actor"]["sub"]
        )
        return all(
            (
                filters.endpoint in (None, f["endpoint"]),
                filters.model in (None, f["model"]["name"]),
                filters.version in (None, f["model"]["version"]),
                filters.caller in (None, f["actor"]["sub"]),
                filters.kind in (None, f["kind"]),
                filters.action in (None, f["action"]),
                filters.status in (None, f["status"]),
                filters.request_id in (None, f["request_id"]),
                not filters.failed or f["error"] is not None,
                filters.since is None or f["t_wall_us"] >= filters.since,
                filters.until is None or f["t_wall_us"] <= filters.until,
                filters.before is None or i < filters.before,
                filters.text is None or filters.text.lower() in text.lower(),
            )
        )

    return [i for i in range(len(FIELDS) - 1, -1, -1) if fits(i)]


FILTERS = st.builds(
    Filters,
    endpoint=st.sampled_from([None, None, "churn", "fraud", "nothing"]),
    model=st.sampled_from([None, None, "churn", "other"]),
    version=st.sampled_from([None, None, 1, 2, 3]),
    caller=st.sampled_from([None, None, "app:1", "user:rare", "app:9"]),
    kind=st.sampled_from([None, None, "prediction", "control"]),
    action=st.sampled_from([None, None, None, "deploy"]),
    status=st.sampled_from([None, None, 200, 500]),
    request_id=st.sampled_from([None, None, None, "Req-1200", "req-1200"]),
    failed=st.sampled_from([False, False, True]),
    since=st.none() | st.integers(START - 10, START + 2_700_000),
    until=st.none() | st.integers(START - 10, START + 2_700_000),
    before=st.none() | st.integers(0, 3000),
    text=st.sampled_from([None, None, None, "REQ-12", "%", "_", "rare"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FILTERS, st.integers(1, 60))
def test_a_search_finds_exactly_what_fits_newest_first(
    searched: AuditQuery, filters: Filters, limit: int
) -> None:
    page = searched.search(filters, limit=limit)
    right = wanted(filters)
    assert [r["index"] for r in page.records] == right[:limit]
    assert (page.size, page.indexed) == (2600, 2600)
    if page.next is None:
        assert len(right) <= limit
    else:
        assert set(wanted(filters)[:limit]) | {i for i in right if i < page.next} == set(right)


@settings(max_examples=60, deadline=None)
@given(FILTERS)
def test_an_export_holds_exactly_what_fits_oldest_first(
    searched: AuditQuery, filters: Filters
) -> None:
    assert [index for index, _ in searched.each(filters)] == wanted(filters)[::-1]


def test_paging_by_cursor_sees_every_record_once(searched: AuditQuery) -> None:
    seen: list[int] = []
    cursor = None
    while True:
        page = searched.search(Filters(endpoint="fraud", before=cursor), limit=70)
        seen += [r["index"] for r in page.records]
        cursor = page.next
        if cursor is None:
            break
    assert seen == wanted(Filters(endpoint="fraud"))


def test_a_long_search_is_cut_into_pages_of_bounded_time(
    searched: AuditQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_module, "SCAN_SECONDS", 0.0)
    found: list[int] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        page = searched.search(Filters(text="user:rare", caller="user:rare", before=cursor))
        found += [r["index"] for r in page.records]
        cursor, pages = page.next, pages + 1
    assert found == [1300]
    assert pages > 1


def test_records_that_are_not_indexed_yet_are_announced(home: Home) -> None:
    home.fill(15)
    home.stop()
    home.tamper("DELETE FROM audit_record WHERE idx >= 10")
    home.start()
    query = home.query()
    page = query.search()
    assert (page.size, page.indexed, len(page.records)) == (15, 10, 10)


def test_a_record_is_found_by_id_and_by_index_indexed_or_not(home: Home) -> None:
    early = home.ledger.append([prediction(i) for i in range(1500)])
    query = home.query()
    late = home.ledger.append([prediction(i) for i in range(10)])
    for where, offset in ((early, 0), (early, 1023), (early, 1024), (early, 1499), (late, 3)):
        index = where.first + offset
        assert query.show(where.ids[offset])["index"] == index
        assert query.show(index) == query.show(str(index)) == query.show(where.ids[offset])


@pytest.mark.parametrize(
    "key", [-1, 99, "99", "", "nobody", "' OR 1=1 --", "é", "x" * 500, "9" * 30, "\x00", "%"]
)
def test_a_record_that_does_not_exist_is_not_found(home: Home, key: str | int) -> None:
    home.fill(3)
    query = home.query()
    for read in (query.show, query.leaf, lambda k: query.payload(k, "input")):
        with pytest.raises(NotFound):
            read(key)


@pytest.mark.parametrize(
    "filters",
    [
        {"endpoint": "x" * 300},
        {"caller": "\ud800"},
        {"text": "a\0"},
        {"status": -1},
        {"since": 2**63},
        {"before": 2**100},
        {"version": -5},
    ],
)
def test_filters_out_of_range_are_refused(filters: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        Filters(**filters)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_between_one_and_a_thousand_records(searched: AuditQuery, limit: int) -> None:
    with pytest.raises(InvalidRequest):
        searched.search(limit=limit)


@pytest.mark.parametrize("value", ["' OR '1'='1", '"; DROP TABLE audit_record; --', "%"])
def test_filters_are_values_and_never_code(searched: AuditQuery, value: str) -> None:
    for name in ("endpoint", "caller", "kind", "request_id", "text"):
        assert searched.search(Filters(**{name: value})).records == []
    assert searched.size == 2600


def test_payloads_are_read_with_their_type_and_checked(home: Home) -> None:
    home.fill(3)
    query = home.query()
    payload = query.payload(2, "input")
    assert (payload.data, payload.content_type) == (b'{"inputs": [2]}', "application/json")
    assert query.payload(2, "output").data == b'{"outputs": [0]}'
    home.tamper(
        "UPDATE audit_payload SET codec = 0, "
        "data = CAST(replace(CAST(data AS TEXT), '[2]', '[3]') AS BLOB)"
    )
    with pytest.raises(ValueError, match="not what the record commits to"):
        query.payload(2, "input")


def test_a_payload_that_was_not_kept_can_still_be_compared(home: Home) -> None:
    entry = prediction(1)
    entry.input = Payload(b"exact bytes", "t", keep=False)
    entry.output = None
    home.ledger.append([entry])
    query = home.query()
    with pytest.raises(NotFound, match="not kept"):
        query.payload(0, "input")
    assert query.matches(0, "input", b"exact bytes")
    assert not query.matches(0, "input", b"other bytes")
    for side in ("output", "id", "kind"):
        with pytest.raises(NotFound):
            query.payload(0, side)


def test_intents_without_an_outcome_are_listed_indexed_or_not(home: Home) -> None:
    def control(phase: str, **fields: Any) -> str:
        entry = Entry({"kind": "control", "action": "deploy", "phase": phase, **fields})
        return home.ledger.append([entry]).ids[0]

    done = control("intent")
    lost = control("intent")
    control("outcome", intent=done)
    home.fill(1100)
    query = home.query()
    assert [r["id"] for r in query.open_intents()] == [lost]
    late_done, late_lost = control("intent"), control("intent")
    control("outcome", intent=late_done)
    control("outcome", intent=lost)
    assert [r["id"] for r in query.open_intents()] == [late_lost]
    assert [r["id"] for r in home.query().open_intents()] == [late_lost]
    assert query.open_intents(since=home.ledger.size) == []


def test_receipts_and_proofs_are_read_without_the_writer(home: Home) -> None:
    home.fill(5, 5)
    note, vkey = home.ledger.checkpoint(), home.ledger.vkey
    where = home.ledger.append([prediction(11)])
    query = home.query()
    assert query.vkey() == vkey
    receipt = Receipt.parse(query.receipt(7, note))
    assert receipt.verify(query.leaf(7)[1], Verifier.parse(vkey)).size == 10
    with pytest.raises(NotFound):
        query.receipt(where.ids[0], note)
    with pytest.raises(NotFound):
        query.consistency(5, 99)
    with pytest.raises(NotFound):
        query.root(99)


def test_json_lines_are_the_exact_bytes(home: Home) -> None:
    home.fill(3, 4)
    query = home.query()
    lines = b"".join(export(query.each(), "jsonl")).split(b"\n")
    assert lines.pop() == b""
    assert lines == [query.leaf(i)[1] for i in range(7)]


@pytest.mark.parametrize(
    "evil", ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"]
)
def test_csv_cells_cannot_be_run_by_a_spreadsheet(home: Home, evil: str) -> None:
    home.ledger.append([prediction(0, request_id=evil)])
    text = b"".join(export(home.query().each(), "csv")).decode()
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["request_id"] == "'" + evil
    assert all(cell[:1] not in ("=", "+", "-", "@", "\t", "\r") for cell in row.values())
    assert orjson.loads(row["record"])["request_id"] == evil


def test_csv_keeps_quotes_newlines_and_absent_values(home: Home) -> None:
    home.ledger.append([Entry({"kind": "control", "request_id": 'a"b,\nc', "shadow": True})])
    text = b"".join(export(home.query().each(), "csv")).decode()
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert (row["request_id"], row["shadow"], row["endpoint"]) == ('a"b,\nc', "true", "")
    assert row["index"] == "0"


def test_parquet_has_typed_columns(home: Home) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    home.fill(5)
    home.ledger.append([Entry({"kind": "control", "status": "odd", "endpoint": {"a": 1}})])
    path = home.folder / "records.parquet"
    assert export_parquet(home.query().each(), path) == 6
    table = parquet.read_table(path).to_pylist()
    assert [row["index"] for row in table] == list(range(6))
    assert (table[4]["model.version"], table[4]["endpoint"]) == (3, "churn")
    assert (table[5]["status"], table[5]["endpoint"]) == (None, '{"a":1}')


def test_an_unknown_export_format_is_refused(searched: AuditQuery) -> None:
    with pytest.raises(InvalidRequest):
        export(searched.each(), "exe")


def test_an_export_goes_on_while_the_log_grows(home: Home) -> None:
    home.fill(5000)
    rows = home.query().each()
    assert next(rows)[0] == 0
    home.fill(10)
    assert sum(1 for _ in rows) == 4999


def test_records_of_unexpected_types_are_searchable_by_what_is_left(
    make_home: Callable[..., Home],
) -> None:
    home = make_home()
    odd = {"kind": "control", "status": "oops", "model": "churn", "actor": None, "endpoint": 7}
    home.ledger.append([Entry(odd), Entry({"kind": "control", "model": {"version": "3"}})])
    assert len(home.query().search(Filters(kind="control")).records) == 2
    assert home.verify().ok
