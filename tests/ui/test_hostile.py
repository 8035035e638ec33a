"""Names and notes that somebody else wrote do nothing but be read."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from mlops_jupyter.client import Hub
from tests.ui import facts, steps

PLANTED = """
() => [
  window.planted,
  document.querySelectorAll('.planted, img[src=x], a[href^=javascript]').length,
  document.querySelectorAll('#mlops-jupyter-panel [data-commandlinker-command]').length,
  document.body.dataset.jpThemeName,
]
"""


@pytest.fixture(scope="module")
def infested(workshop):
    """The workshop after hostile names came in by every door that is open."""
    for name in (*facts.HOSTILE, facts.REVERSED.replace("\0", "")):
        facts.report(workshop.hub, name[:5000])
    facts.deploy(workshop.hub, "visited")
    for name in (facts.MARKUP, facts.SCRIPT, facts.MARKDOWN):
        who = {"sub": name, "method": "jupyterhub"}
        with Hub.connect(home=workshop.lab.home, on_behalf_of=who) as visitor:
            facts.call(visitor, "visited")
    version = workshop.hub.versions("churn")[0]
    workshop.hub.add_version(facts.disguised(version, facts.MARKUP + facts.COMMAND))
    return workshop


def test_hostile_names_are_shown_as_text_and_do_nothing(page, infested, picture):
    page.goto(infested.lab.url("lab?reset"))
    panel = steps.panel(page)
    rows = steps.history(page)
    expect(rows.get_by_text('<img src="x"').first).to_be_visible()
    steps.unfold_all(page)
    for shown in panel.get_by_text("data-commandlinker-command").all()[:5]:
        shown.click(timeout=2_000, force=True)
    models = steps.model(page, "disguised")
    steps.click_still(models.get_by_role("button", name="Version 1", exact=True))
    expect(models.get_by_text('<img src="x"').first).to_be_visible()
    picture(page, "hostile")
    assert page.evaluate(PLANTED) == [None, 0, 0, "JupyterLab Light"]
    wrong = steps.too_wide(panel)
    assert not wrong, "\n".join(wrong)


def test_what_turns_the_writing_direction_is_written_out(sidebar, infested):
    panel = sidebar.get_by_role("region", name="MLOps", exact=True)
    rows = steps.history(sidebar)
    expect(rows.get_by_role("option").first).to_be_visible()
    steps.unfold_all(sidebar)
    text = panel.evaluate("element => element.textContent")
    assert not set(text) & set("\u202e\u202c\u2066")


def test_a_name_of_10_kb_does_not_stretch_the_page(sidebar, infested):
    panel = sidebar.get_by_role("region", name="MLOps", exact=True)
    rows = steps.history(sidebar)
    expect(rows.get_by_role("option", name="LLLLLLLL").first).to_be_visible()
    heights = {row.bounding_box()["height"] for row in rows.get_by_role("option").all()[:20]}
    assert len(heights) == 1
    assert panel.evaluate("element => element.scrollWidth <= element.clientWidth")


def test_hostile_names_do_nothing_in_the_explorer_either(sidebar, infested):
    shown = steps.explorer(sidebar)
    shown.get_by_label("Model").fill(facts.MARKUP)
    row = shown.get_by_role("row").nth(1)
    expect(row).to_contain_text('<img src="x"')
    # its right half may lie below the detail
    row.click(position={"x": 20, "y": 10})
    record = sidebar.get_by_role("complementary", name="Record")
    expect(record).to_contain_text('<img src="x"')
    shown.get_by_label("Model").fill("")
    shown.get_by_label("Text in names").fill("data-commandlinker")
    expect(row).to_contain_text("data-commandlinker-command")
    row.click(position={"x": 20, "y": 10})
    expect(record).to_contain_text("data-commandlinker-command")
    record.get_by_text("data-commandlinker-command").first.click()
    assert sidebar.evaluate(PLANTED) == [None, 0, 0, "JupyterLab Light"]
    assert sidebar.locator("[data-commandlinker-command*=theme]").count() == 0
