"""The audit history: what happens appears, can be found, looked into, kept and checked."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.ui import facts, notebooks, steps


@pytest.fixture(scope="module")
def called(workshop):
    """The workshop with an endpoint that was called well and badly."""
    facts.deploy(workshop.hub, "called")
    facts.call(workshop.hub, "called")
    facts.call(workshop.hub, "called", b"this is not JSON")
    return workshop


def test_a_call_from_a_notebook_cell_appears_without_a_reload(page, called, picture):
    cell = "one = customers.head(1)\n%predict called one"
    path = called.lab.notebooks / "call.ipynb"
    notebooks.write(path, ["%load_ext mlops_jupyter\n" + notebooks.DATA, cell])
    notebooks.open_notebook(page, called.lab, "call.ipynb")
    steps.panel(page)
    rows = steps.history(page)
    expect(rows.get_by_role("option").first).to_be_visible()
    before = len(facts.records(called.hub, endpoint="called", kind="prediction"))
    top = rows.get_by_role("option").first.get_attribute("id")
    notebooks.execute(page, "notebook:run-all-cells")
    newest = rows.get_by_role("option", name=re.compile("^Call, called, churn.1")).first
    expect(newest).not_to_have_id(top, timeout=20_000)
    assert len(facts.records(called.hub, endpoint="called", kind="prediction")) == before + 1
    picture(page, "history")


def test_the_history_is_filtered_by_endpoint_and_by_failure(sidebar, called):
    rows = steps.history(sidebar)
    audit = steps.section(sidebar, "Audit history")
    steps.press(audit.get_by_role("button", name="Filter", exact=True))
    audit.get_by_role("searchbox", name="Endpoint").or_(
        audit.get_by_role("combobox", name="Endpoint")
    ).fill("called")
    audit.get_by_role("combobox", name="Status").select_option("Failed")
    expect(rows.get_by_role("option")).to_have_count(1)
    expect(rows.get_by_role("option")).to_have_accessible_name(re.compile("called.*400"))
    audit.get_by_role("button", name="Clear filter").click()
    expect(rows.get_by_role("option").nth(1)).to_be_visible()


def test_a_filter_that_nothing_fits_says_so(sidebar, called):
    audit = steps.section(sidebar, "Audit history")
    steps.press(audit.get_by_role("button", name="Filter", exact=True))
    audit.get_by_role("searchbox", name="Text in names").fill("nothing is called like this")
    expect(audit.get_by_text("No record fits the filter.")).to_be_visible()
    audit.get_by_role("button", name="Clear filter").first.click()
    expect(steps.history(sidebar).get_by_role("option").first).to_be_visible()


def test_the_badge_says_what_verify_found_and_when(sidebar, called, picture):
    audit = steps.section(sidebar, "Audit history")
    steps.click_still(audit.get_by_role("button", name="Verify now"))
    expect(audit.get_by_text(re.compile("records hold together"))).to_be_visible(timeout=30_000)
    badge = audit.get_by_role("button", name=re.compile("records verified"))
    expect(badge).to_be_visible()
    picture(sidebar, "verified")
    (record, *_) = facts.records(called.hub, action="audit.verify")
    assert record["detail"]["ok"] is True
    assert json.dumps(record["detail"]["size"]) in badge.inner_text().replace(",", "")


def test_rows_are_chosen_with_the_keyboard(sidebar, called):
    rows = steps.history(sidebar)
    rows.get_by_role("option").first.wait_for()
    rows.focus()
    sidebar.keyboard.press("ArrowDown")
    sidebar.keyboard.press("ArrowDown")
    chosen = rows.get_by_role("option", selected=True)
    expect(chosen).to_have_count(1)
    assert chosen.get_attribute("id") == rows.get_attribute("aria-activedescendant")
