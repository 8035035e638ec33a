"""The sidebar and the explorer fit, in either theme, and tell everybody what they show."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui import facts, steps
from tests.ui.axe import serious_findings

PANEL = "#mlops-jupyter-panel"
EXPLORER = "#mlops-jupyter-explorer"
LONG = "a-name-that-is-as-long-as-names-of-endpoints-may-be-here-12345"
IS_WHOLE = "text => text.parentElement.scrollWidth <= text.parentElement.clientWidth"
THEMES = ("JupyterLab Light", "JupyterLab Dark")


@pytest.fixture(scope="module")
def busy(workshop):
    """The workshop with something in each section, and calls that go on."""
    facts.deploy(workshop.hub, "churn", scaling="elastic:1-3")
    workshop.hub.traffic("churn", {1: 90, 2: 10})
    facts.deploy(workshop.hub, "churn-nightly", version=2, scaling="serverless:0-2")
    facts.call(workshop.hub, "churn", b"this is not JSON")
    with facts.callers(workshop.lab.home, "churn"):
        yield workshop


def resize(page, width) -> None:
    """Make the sidebar so many pixels wide."""
    box = page.locator(PANEL).bounding_box()
    page.mouse.move(box["x"] - 3, 500)
    page.mouse.down()
    page.mouse.move(box["x"] - 3 + box["width"] - width, 500, steps=5)
    page.mouse.up()


def what_is_wrong(page, panel) -> list[str]:
    return [*steps.too_wide(panel), *steps.unnamed(panel), *serious_findings(page, PANEL)]


def test_the_explorer_with_a_record_has_no_findings_in_either_theme(page, busy, picture):
    page.goto(busy.lab.url("lab?reset"))
    steps.panel(page)
    steps.explorer(page)
    for side in ("left", "right"):
        page.evaluate(
            "id => window.jupyterapp.commands.execute(id)", f"application:toggle-{side}-area"
        )
    record = facts.call(busy.hub, "churn")
    shown = steps.record(page, record)
    for side in ("request", "answer"):
        shown.get_by_role("button", name=f"Read the {side}").click()
    expect(shown.get_by_role("region", name="Answer").last).to_contain_text("predictions")
    table = page.get_by_role("grid")
    for fact in ("churn-nightly", "400 invalid_json", "Catalogue version"):
        assert table.get_by_text(fact, exact=True).first.evaluate(IS_WHOLE), fact
    for theme in THEMES:
        steps.use_theme(page, theme)
        assert serious_findings(page, EXPLORER) == []
        assert steps.unnamed(page.get_by_role("tabpanel", name="Audit history")) == []
        picture(page.locator(EXPLORER), f"explorer-{theme.split()[1].lower()}")


def test_the_sidebar_has_four_sections_without_findings_in_either_theme(page, busy, picture):
    page.set_viewport_size({"width": 1280, "height": 1300})
    page.goto(busy.lab.url("lab?reset"))
    panel = steps.panel(page)
    expect(panel.get_by_role("heading", level=2)).to_have_text(list(steps.SECTIONS))
    steps.unfold_all(page)
    steps.model(page, "churn")
    expect(panel.get_by_role("img", name="Milliseconds of the slowest").first).to_be_visible()
    for theme in THEMES:
        steps.use_theme(page, theme)
        assert what_is_wrong(page, panel) == []
        picture(panel, f"sidebar-{theme.split()[1].lower()}")


def test_at_250_pixels_nothing_is_cut_off_and_nothing_scrolls_sideways(page, busy, picture):
    facts.deploy(busy.hub, LONG)
    page.set_viewport_size({"width": 1280, "height": 2400})
    page.goto(busy.lab.url("lab?reset"))
    panel = steps.panel(page)
    steps.unfold_all(page)
    expect(panel.get_by_text("a-name-that-is-as-long").first).to_be_visible()
    actions = steps.endpoint(page, "churn").get_by_role("group").get_by_role("button")
    for width in (400, 250):
        resize(page, width)
        assert abs(panel.bounding_box()["width"] - width) <= 10
        for theme in THEMES:
            steps.use_theme(page, theme)
            assert what_is_wrong(page, panel) == [], (width, theme)
            picture(panel, f"sidebar-{width}-{theme.split()[1].lower()}")
        assert len({button.bounding_box()["y"] for button in actions.all()}) == 1


def test_at_250_pixels_every_form_fits_and_names_its_controls(page, busy, picture):
    page.goto(busy.lab.url("lab?reset"))
    panel = steps.panel(page)
    resize(page, 250)
    card = steps.endpoint(page, "churn")
    for form in ("Traffic", "Versions", "Call", "Scale"):
        steps.action(card, form)
        steps.settled(page)
        assert what_is_wrong(page, panel) == [], form
        picture(card, f"form-{form.lower()}")
    for mode in ("Fixed", "Elastic", "Serverless"):
        card.get_by_role("radio", name=mode).check()
        assert what_is_wrong(page, panel) == [], mode
    model = steps.model(page, "churn")
    model.get_by_role("button", name="Version 2", exact=True).click()
    model.get_by_role("button", name="Deploy version 1").click()
    expect(model.get_by_role("form", name="Deploy version 1")).to_be_visible()
    assert what_is_wrong(page, panel) == []
    picture(model, "form-deploy")
    history = steps.section(page, "Audit history")
    history.get_by_role("button", name="Filter", exact=True).click()
    assert what_is_wrong(page, panel) == []
    picture(history, "form-filter")


def test_notebook_7_has_the_sidebar_too(page, busy, notebook7, picture):
    (notebook7.notebooks / "empty.ipynb").write_text(steps.EMPTY_NOTEBOOK)
    page.goto(notebook7.url("notebooks/empty.ipynb"))
    steps.loaded(page)
    page.evaluate("void window.jupyterapp.commands.execute('mlops:open-panel')")
    panel = page.get_by_role("region", name="MLOps", exact=True)
    panel.wait_for()
    expect(panel.get_by_role("heading", level=2)).to_have_text(list(steps.SECTIONS))
    card = steps.endpoint(page, "churn-nightly")
    steps.action(card, "Scale")
    card.get_by_role("radio", name="Fixed").check()
    card.get_by_role("button", name="Apply").click()
    expect(card.get_by_text("Fixed: 1 replica", exact=True)).to_be_visible()
    expect(card.get_by_text("1 desired · 1 ready · 0 pending")).to_be_visible(timeout=30_000)
    picture(page, "notebook-7")
