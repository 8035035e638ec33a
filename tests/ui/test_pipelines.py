"""A pipeline in the sidebar, and its calls in the explorer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from mlops_jupyter.client import Hub
from tests.pipelines import kit as models
from tests.pipelines.kit import Kit
from tests.ui import jobs, steps
from tests.ui.axe import serious_findings
from tests.ui.lab import Lab, jupyter, own_home

CLIPS = """\
langid
switch lang != "en":
    translate
moody
return lang, mood
"""
FORKED = """\
langid
switch lang != "en":
    translate
else:
    count
parallel:
    branch:
        moody
    branch:
        shout
return lang, mood, loud
"""


@dataclass(frozen=True)
class Press:
    """A JupyterLab, and a hub of its own with pipelines."""

    lab: Lab
    kit: Kit


@pytest.fixture(scope="module")
def press(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    """Endpoints, a pipeline that runs straight on, and one whose ways fork."""
    with own_home() as home, Hub.connect(home=home) as hub, jupyter(home) as lab:
        kit = Kit(hub, tmp_path_factory.mktemp("models"))
        kit.serve("langid", models.language, "text: string -> lang: string")
        kit.serve("translate", models.translated, "text: string -> text: string")
        kit.serve("count", models.length, "text: string -> n: long")
        kit.serve("shout", models.loud, "text: string -> loud: string")
        kit.serve("moody", models.moody, "text: string -> mood: string")
        kit.pipeline("clips", CLIPS)
        kit.pipeline("forked", FORKED)
        yield Press(lab, kit)


@pytest.fixture
def opened(page, browser, press):
    browser.run(_open, page, press)
    return page


def _open(page, press):
    page.goto(press.lab.url("lab?reset"))
    steps.panel(page)


def unfolded(page, name):
    """The card of a pipeline, its graph unfolded."""
    card = steps.endpoint(page, name)
    fold = card.get_by_role("button", name="Pipeline", exact=True)
    if fold.get_attribute("aria-expanded") == "false":
        fold.click()
    card.get_by_role("list", name="Steps").wait_for()
    return card


def step(card, name):
    """The box of a step, whose name begins with that of the step."""
    return card.get_by_role("list", name="Steps").get_by_role(
        "button", name=re.compile(rf"^{name}, ")
    )


def test_the_card_of_a_pipeline_unfolds_to_its_graph(opened, picture):
    card = unfolded(opened, "clips")
    nodes = card.get_by_role("list", name="Steps").get_by_role("listitem")
    expect(nodes).to_have_text(
        [
            re.compile(r"^takes text$"),
            re.compile(r"^langidv1"),
            re.compile(r'^switch lang != "en"$'),
            re.compile(r"^translatev1"),
            re.compile(r"^moodyv1"),
            re.compile(r"^gives lang, mood$"),
        ]
    )
    expect(card.locator("svg text")).to_have_text(["yes", "no"])
    picture(card, "pipeline")


def test_an_endpoint_that_is_no_pipeline_has_no_graph(opened):
    card = steps.endpoint(opened, "langid")
    expect(card.get_by_role("button", name="Call")).to_be_visible()
    expect(card.get_by_role("button", name="Pipeline", exact=True)).to_have_count(0)


def test_figures_follow_the_calls(opened, press, picture):
    card = unfolded(opened, "clips")
    press.kit.ask("clips", text=["hola", "hello"])
    expect(step(card, "langid")).to_contain_text(re.compile(r"p50 [\d.,]+ ms"))
    with pytest.raises(Exception, match="a bad day"):
        press.kit.ask("clips", text=["raise"])
    moody = step(card, "moody")
    expect(moody).to_contain_text("% failed")
    moody.focus()
    expect(card.get_by_text(re.compile("^Last error: .*a bad day"))).to_be_visible()
    expect(moody).to_have_accessible_name(re.compile("Last error: .*a bad day"))
    picture(card, "pipeline-failing")


def test_what_is_folded_is_not_read(opened, press):
    asked = []
    card = unfolded(opened, "clips")
    opened.on("request", lambda one: asked.append(one.url) if "/pipelines/" in one.url else None)
    with opened.expect_request("**/api/pipelines/clips"):
        press.kit.ask("clips", text=["hola"])
    card.get_by_role("button", name="Pipeline", exact=True).click()
    expect(card.get_by_role("list", name="Steps")).to_have_count(0)
    opened.wait_for_load_state("networkidle")
    asked.clear()
    # the card itself is read anew after a call, which is the time for the graph to be as well
    with opened.expect_response("**/api/endpoints"):
        press.kit.ask("clips", text=["hola"])
    assert asked == []


def test_a_step_leads_to_the_card_of_its_endpoint(opened):
    card = unfolded(opened, "clips")
    step(card, "translate").press("Enter")
    other = steps.endpoint(opened, "translate")
    expect(other).to_be_focused()
    expect(other).to_be_in_viewport()


def test_the_table_says_what_the_graph_draws(opened):
    card = unfolded(opened, "forked")
    card.get_by_text("As a table").click()
    table = card.get_by_role("table", name="Steps of forked")
    row = table.get_by_role("row", name=re.compile("^count"))
    expect(row.get_by_role("cell").nth(1)).to_have_text('lang != "en": no')


def test_at_250_pixels_it_fits_in_either_theme_and_tells_everybody_what_it_shows(opened, picture):
    jobs.sized(opened, 250)
    panel = steps.panel(opened)
    cards = [unfolded(opened, name) for name in ("clips", "forked")]
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        steps.use_theme(opened, theme)
        for name, card in zip(("clips", "forked"), cards, strict=True):
            assert steps.too_wide(card) == [], (name, theme)
            picture(card, f"pipeline-{name}-{theme.split()[1].lower()}")
        assert steps.unnamed(panel) == []
        assert serious_findings(opened, jobs.PANEL) == []


def test_the_record_of_a_call_shows_its_steps_as_a_tree(opened, press, picture):
    answer = press.kit.call("clips", text=["hello"])
    request = answer.headers["x-request-id"]
    root = press.kit.hub.record(request).record
    detail = steps.record(opened, root["id"])
    tree = detail.get_by_role("region", name="Steps of the call")
    outer = tree.get_by_role("listitem").first
    expect(outer.locator("[aria-current=true]")).to_have_text("clips")
    inner = outer.get_by_role("listitem")
    expect(inner).to_have_text(
        [
            re.compile(r"^langidlangid/1 · 200 · at [\d.]+ ms · [\d.]+ ms$"),
            re.compile(r"^translateskipped · at [\d.]+ ms$"),
            re.compile(r"^moodymoody/1 · 200 · at [\d.]+ ms · [\d.]+ ms$"),
        ]
    )
    picture(opened, "pipeline-record")
    tree.get_by_role("button", name="langid", exact=True).click()
    expect(tree.get_by_text("Step langid of a call of")).to_be_visible()
    expect(tree.locator("[aria-current=true]")).to_have_text("langid")
    tree.get_by_role("button", name="clips", exact=True).first.click()
    expect(tree.locator("[aria-current=true]")).to_have_text("clips")


def test_a_version_that_is_a_pipeline_says_so_and_is_drawn(opened):
    model = steps.model(opened, "forked")
    expect(model.get_by_text("pipeline", exact=True)).to_be_visible()
    steps.click_still(model.get_by_role("button", name="Version 1", exact=True))
    nodes = model.get_by_role("list", name="Steps").get_by_role("listitem")
    expect(nodes).to_have_count(8)
