"""The sidebar fits, in either theme, and tells everybody what it shows."""

from __future__ import annotations

import pytest

from tests.ui import facts, steps
from tests.ui.axe import serious_findings

PANEL = "#mlops-jupyter-panel"


@pytest.fixture(scope="package")
def busy(workshop):
    """The workshop with something in each section."""
    facts.deploy(workshop.hub, "churn")
    facts.deploy(workshop.hub, "a-name-that-is-as-long-as-names-of-endpoints-may-be-here-12345")
    for _ in range(20):
        facts.call(workshop.hub, "churn")
    facts.call(workshop.hub, "churn", b"this is not JSON")
    return workshop


def narrow(page) -> None:
    """Make the sidebar 250 px wide."""
    box = page.locator(PANEL).bounding_box()
    page.mouse.move(box["x"] - 3, 500)
    page.mouse.down()
    page.mouse.move(box["x"] - 3 + box["width"] - 250, 500, steps=5)
    page.mouse.up()


def test_the_sidebar_has_four_sections(page, busy, picture):
    page.goto(busy.lab.url("lab?reset"))
    panel = steps.panel(page)
    for name in steps.SECTIONS:
        assert steps.section(page, name).is_visible()
    assert panel.get_by_role("heading", level=2).all_text_contents() == list(steps.SECTIONS)
    steps.settled(page)
    picture(page, "sidebar")


def test_at_250_pixels_nothing_is_cut_off_and_nothing_scrolls_sideways(page, busy, picture):
    page.goto(busy.lab.url("lab?reset"))
    panel = steps.panel(page)
    narrow(page)
    assert 240 <= panel.bounding_box()["width"] <= 256
    steps.unfold_all(page)
    picture(page, "sidebar-250")
    wrong = steps.too_wide(panel)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_serious(page, busy, picture, theme):
    page.goto(busy.lab.url("lab?reset"))
    steps.panel(page)
    steps.use_theme(page, theme)
    steps.unfold_all(page)
    assert serious_findings(page, PANEL) == []
    picture(page, f"sidebar-{theme.split()[1].lower()}")


def test_every_control_has_a_name_for_a_screen_reader(page, busy):
    page.goto(busy.lab.url("lab?reset"))
    panel = steps.panel(page)
    steps.unfold_all(page)
    assert steps.unnamed(panel) == []


def test_notebook_7_shows_the_sidebar_too(page, busy, notebook7, picture):
    (notebook7.notebooks / "empty.ipynb").write_text(steps.EMPTY_NOTEBOOK)
    page.goto(notebook7.url("notebooks/empty.ipynb"))
    steps.loaded(page)
    page.evaluate("void window.jupyterapp.commands.execute('mlops:open-panel')")
    panel = page.get_by_role("region", name="MLOps", exact=True)
    panel.wait_for()
    assert panel.get_by_role("heading", level=2).all_text_contents() == list(steps.SECTIONS)
    steps.section(page, "Endpoints").get_by_text("churn", exact=True).first.wait_for()
    picture(page, "notebook-7")
