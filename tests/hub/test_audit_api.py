"""The ledger over HTTP: checks that leave a trace, records in short, Parquet."""

import io
import json

import pytest

from mlops_jupyter.client import Hub


@pytest.fixture
def fresh(tmp_path):
    with Hub.connect(home=tmp_path) as hub:
        yield hub
        hub.stop()


def test_what_a_verification_found_is_recorded_and_can_be_asked_for(fresh):
    assert fresh.verification() is None
    report = fresh.verify()
    last = fresh.verification()
    assert (last.ok, last.size, last.problems) == (True, report.size, 0)
    record = fresh.record(last.index).record
    assert (record["kind"], record["action"]) == ("access", "audit.verify")
    assert record["actor"]["sub"] == fresh.whoami().subject
    assert record["detail"] == {"ok": True, "size": report.size, "problems": 0}
    assert last.at == pytest.approx(record["t_wall_us"] / 1e6)


def test_a_verification_that_fails_is_the_newest_and_says_what_came_first(fresh):
    fresh.verify()
    report = fresh.verify(against="no checkpoint")
    last = fresh.verification()
    assert (last.ok, last.problems) == (False, len(report.problems))
    detail = fresh.record(last.index).record["detail"]
    assert detail["first_problem"]["what"] == report.problems[0].what
    fresh.verify()
    assert fresh.verification().ok


def test_a_client_cannot_report_a_verification_of_its_own(http, local):
    body = {"action": "audit.verify", "detail": {"ok": True}}
    assert http.post("/audit/events", json=body, headers=local).status_code == 422


def test_records_in_short_leave_out_what_a_row_does_not_show(daemon):
    logged = daemon.event(
        "register", {"note": "x"}, code={"git": "abc"}, data={"rows": 3}, model={"name": "churn"}
    )
    (whole,) = daemon.records(kind="control", limit=1).records
    (short,) = daemon.records(kind="control", limit=1, fields="summary").records
    assert whole["id"] == short["id"] == logged.id
    assert set(whole) - set(short) == {"code", "data"}
    assert {key: whole[key] for key in short} == short


def test_only_the_two_ways_of_showing_records_are_known(http, local):
    assert http.get("/audit/records?fields=some", headers=local).status_code == 400


def test_an_export_by_columns_is_read_by_others(daemon, http, local):
    parquet = pytest.importorskip("pyarrow.parquet")
    logged = daemon.event("note", {"text": "here"})
    data = b"".join(daemon.export("parquet", kind="control"))
    rows = parquet.read_table(io.BytesIO(data)).to_pylist()
    assert rows[-1]["id"] == logged.id
    assert json.loads(rows[-1]["record"])["detail"]["text"] == "here"
    head = http.get("/audit/export?format=parquet&kind=gap", headers=local).headers
    assert head["content-type"] == "application/vnd.apache.parquet"


def test_an_unknown_export_form_is_refused(http, local):
    assert http.get("/audit/export?format=exe", headers=local).status_code == 400


@pytest.mark.parametrize("seconds", ["0", "4", "3601", "-5", "x", "1e9", "300.5"])
def test_a_history_of_an_impossible_length_is_refused(http, local, seconds):
    answer = http.get(f"/endpoints/churn/history?seconds={seconds}", headers=local)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query")


def test_the_history_of_an_endpoint_that_is_not_there_is_404(http, local):
    answer = http.get("/endpoints/nowhere/history", headers=local)
    assert (answer.status_code, answer.json()["code"]) == (404, "endpoint_not_found")
