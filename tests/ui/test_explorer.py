"""The audit history in a tab: table, detail, payloads, export."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from playwright.sync_api import expect

from tests.ui import facts, steps


@pytest.fixture(scope="module")
def told(workshop):
    """The workshop with calls whose payloads are of all kinds; records by what they are."""
    hub = workshop.hub
    facts.deploy(hub, "told")
    rows = ",".join(["[1.25, 2.5, 3.75]"] * 290_000)
    large = b'{"dataframe_split": {"columns": ["tenure", "spend", "calls"], "data": [%b]}}'
    records = {
        "usual": facts.call(hub, "told"),
        "large": facts.call(hub, "told", large % rows.encode()),
        "markup": facts.call(hub, "told", facts.MARKUP.encode() + facts.SCRIPT.encode()),
        "not UTF-8": facts.call(hub, "told", b'{"inputs": "caf\xe9 caf\xe9 and some more text"}'),
        "binary": facts.call(hub, "told", bytes(range(256)) * 20),
    }
    return workshop, records


def detail(page, told, what):
    """The detail of a record."""
    _, records = told
    return steps.record(page, records[what])


def test_a_row_of_the_history_opens_its_detail(sidebar, told):
    workshop, _ = told
    steps.history(sidebar).get_by_role("option", name=re.compile("^Call, told.*200")).last.click()
    shown = sidebar.get_by_role("complementary", name="Record")
    expect(shown.get_by_text("told").first).to_be_visible()
    shown.get_by_role("button", name="Read the request").click()
    expect(shown.get_by_role("region", name="Request").last).to_contain_text('"tenure"')
    (read, *_) = facts.records(workshop.hub, action="payload.read")
    assert read["detail"]["side"] == "input"


def test_a_detail_has_the_lineage_and_the_receipt(sidebar, told):
    workshop, records = told
    shown = detail(sidebar, told, "usual")
    lineage = shown.get_by_role("region", name="Lineage")
    expect(lineage.get_by_role("button", name=re.compile("train.ipynb"))).to_be_visible()
    with sidebar.expect_download() as coming:
        shown.get_by_role("button", name="Download the receipt").click()
    text = coming.value.path().read_text("utf-8")
    assert text.startswith("c2sp.org/tlog-proof")
    (record,) = [r for r in facts.records(workshop.hub) if r["id"] == records["usual"]]
    assert f"index {record['index']}" in text


def test_a_payload_of_5_mb_is_shown_in_part_and_downloaded_whole(sidebar, told):
    shown = detail(sidebar, told, "large")
    shown.get_by_role("button", name="Read the request").click()
    request = shown.get_by_role("region", name="Request").first
    expect(request.get_by_text(re.compile(r"The first .* of 5\.\d MB"))).to_be_visible()
    with sidebar.expect_download() as coming:
        request.get_by_role("button", name="Download").click()
    assert len(json.loads(coming.value.path().read_bytes())["dataframe_split"]["data"]) == 290_000


def test_payloads_of_any_bytes_are_text(sidebar, told):
    shown = detail(sidebar, told, "markup")
    shown.get_by_role("button", name="Read the request").click()
    expect(shown.get_by_role("region", name="Request").last).to_contain_text("<script")
    assert sidebar.evaluate("[window.planted, document.querySelector('.planted')]") == [None, None]
    shown = detail(sidebar, told, "not UTF-8")
    shown.get_by_role("button", name="Read the request").click()
    expect(shown.get_by_text("Some bytes are not UTF-8")).to_be_visible()
    expect(shown.get_by_role("region", name="Request").last).to_contain_text("caf\ufffd")
    shown = detail(sidebar, told, "binary")
    shown.get_by_role("button", name="Read the request").click()
    expect(shown.get_by_text("Binary, shown in hexadecimal.")).to_be_visible()
    expect(shown.get_by_role("region", name="Request").last).to_contain_text(
        "00000010  10 11 12 13"
    )


def test_what_the_filter_leaves_is_exported(sidebar, told):
    workshop, _ = told
    shown = steps.explorer(sidebar)
    shown.get_by_role("combobox", name="Kind").select_option("Calls")
    shown.get_by_label("Endpoint").fill("told")
    wanted = {str(r["id"]) for r in facts.records(workshop.hub, endpoint="told", kind="prediction")}
    expect(shown.get_by_role("row")).to_have_count(len(wanted) + 1)
    for form in ("JSON Lines", "CSV", "Parquet"):
        with sidebar.expect_download() as coming:
            shown.get_by_role("group", name="Export").get_by_role("link", name=form).click()
        assert read_export(form, coming.value.path().read_bytes()) == wanted, form


def read_export(form, content):
    """Ids of the records of an export."""
    if form == "JSON Lines":
        return {json.loads(line)["id"] for line in content.splitlines()}
    if form == "CSV":
        return {row["id"] for row in csv.DictReader(io.StringIO(content.decode()))}
    import pyarrow.parquet

    return set(pyarrow.parquet.read_table(io.BytesIO(content)).column("id").to_pylist())


def test_the_table_is_walked_and_a_record_opened_and_closed_with_the_keyboard(sidebar, told):
    grid = steps.explorer(sidebar).get_by_role("grid")
    grid.focus()
    sidebar.keyboard.press("ArrowDown")
    sidebar.keyboard.press("ArrowDown")
    sidebar.keyboard.press("Enter")
    shown = sidebar.get_by_role("complementary", name="Record")
    expect(shown.get_by_role("heading", level=2)).to_be_focused()
    sidebar.keyboard.press("Escape")
    expect(shown).to_have_count(0)
    expect(grid).to_be_focused()
