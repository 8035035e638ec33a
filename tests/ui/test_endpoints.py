"""What people do with endpoints in the sidebar."""

from __future__ import annotations

import contextlib
import json

import psutil
import pytest
from playwright.sync_api import expect

from mlops_jupyter.client import Hub
from mlops_jupyter.client.home import running_hub
from mlops_jupyter.types import ScalingPolicy
from tests.ui import facts, steps


@pytest.fixture(scope="module")
def desk(workshop):
    """The workshop with an endpoint of each test's own."""
    for name in ("scaled", "promoted", "raced", "keyed", "tried", "cut"):
        facts.deploy(workshop.hub, name)
    return workshop


def spec_of(hub, name):
    return hub.status(name).spec


def test_the_slider_scales_and_the_replicas_follow(sidebar, desk, picture):
    card = steps.endpoint(sidebar, "scaled")
    steps.action(card, "Scale")
    steps.slide(card.get_by_role("slider", name="Replicas, by slider"), 3)
    card.get_by_role("button", name="Apply").click()
    expect(card.get_by_text("3 desired · 3 ready · 0 pending")).to_be_visible(timeout=30_000)
    assert desk.hub.status("scaled").spec.scaling.min == 3
    picture(sidebar, "scaling")


def test_zero_replicas_are_asked_about_first(sidebar, desk):
    card = steps.endpoint(sidebar, "scaled")
    before = spec_of(desk.hub, "scaled").scaling
    steps.action(card, "Scale")
    card.get_by_role("radio", name="Serverless").check()
    card.get_by_role("button", name="Apply").click()
    question = sidebar.get_by_role("dialog")
    expect(question).to_contain_text("Let scaled go to zero?")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_have_count(0)
    assert spec_of(desk.hub, "scaled").scaling == before
    card.get_by_role("button", name="Apply").click()
    sidebar.get_by_role("dialog").get_by_role("button", name="Go to Zero").click()
    expect(card.get_by_role("status").filter(has_text="Scaling changed")).to_be_visible()
    assert spec_of(desk.hub, "scaled").scaling.mode == "serverless"


def test_the_fewest_replicas_cannot_pass_the_most(sidebar, desk):
    card = steps.endpoint(sidebar, "tried")
    steps.action(card, "Scale")
    card.get_by_role("radio", name="Elastic").check()
    card.get_by_role("spinbutton", name="Fewest").fill("7")
    assert int(card.get_by_role("spinbutton", name="Most").input_value()) >= 7


def test_a_version_is_promoted_and_rolled_back(sidebar, desk, picture):
    card = steps.endpoint(sidebar, "promoted")
    steps.action(card, "Versions")
    card.get_by_role("button", name="Promote").click()
    expect(card.get_by_text("v2 100 %")).to_be_visible(timeout=30_000)
    assert dict(spec_of(desk.hub, "promoted").traffic.weights) == {2: 100}
    picture(sidebar, "promoted")
    back = card.get_by_role("button", name="Roll back to version 1")
    expect(back).to_be_enabled(timeout=30_000)
    back.click()
    expect(card.get_by_text("v1 100 %")).to_be_visible(timeout=30_000)
    assert dict(spec_of(desk.hub, "promoted").traffic.weights) == {1: 100}


def test_the_form_made_from_the_signature_calls_the_endpoint(sidebar, desk):
    card = steps.endpoint(sidebar, "tried")
    steps.action(card, "Call")
    for name, value in {"tenure": "3", "spend": "40.5", "calls": "9"}.items():
        card.get_by_role("spinbutton", name=name).fill(value)
    card.get_by_role("button", name="Try it").click()
    expect(card.get_by_label("Answer")).to_contain_text('"predictions"')
    (newest, *_) = facts.records(desk.hub, endpoint="tried")
    assert newest["status"] == 200


def test_of_two_tabs_the_later_one_is_told_what_the_first_one_did(page, browser, desk):
    other = browser.page()
    with contextlib.closing(other):
        for tab in (page, other):
            tab.goto(desk.lab.url("lab?reset"))
            steps.panel(tab)
            card = steps.endpoint(tab, "raced")
            steps.action(card, "Scale")
            steps.slide(card.get_by_role("slider", name="Replicas, by slider"), 2)
        card.get_by_role("button", name="Apply").click()
        expect(card.get_by_text("Fixed: 2 replicas", exact=True)).to_be_visible()
    card = steps.endpoint(page, "raced")
    steps.slide(card.get_by_role("slider", name="Replicas, by slider"), 4)
    expect(card.get_by_text("The endpoint was changed while you were editing")).to_be_visible()
    card.get_by_role("button", name="Use the present values").click()
    expect(card.get_by_role("slider", name="Replicas, by slider")).to_have_value("2")


def test_of_two_users_the_later_one_is_refused_and_shown_the_fresh_state(sidebar, desk):
    card = steps.endpoint(sidebar, "raced")
    steps.action(card, "Scale")
    bob = {"sub": "user:bob", "method": "jupyterhub"}

    def meanwhile(route):
        with Hub.connect(home=desk.lab.home, on_behalf_of=bob) as other:
            other.scale("raced", ScalingPolicy.parse("fixed:1"))
        route.continue_()

    sidebar.route("**/mlops/api/endpoints/raced/scale", meanwhile)
    steps.slide(card.get_by_role("slider", name="Replicas, by slider"), 5)
    with sidebar.expect_response("**/endpoints/raced/scale") as refused:
        card.get_by_role("button", name="Apply").click()
    assert refused.value.status == 409
    expect(card.get_by_text("user:bob changed this endpoint")).to_be_visible()
    expect(card.get_by_text("Fixed: 1 replica", exact=True)).to_be_visible()
    assert spec_of(desk.hub, "raced").scaling.min == 1


def test_everything_works_with_the_keyboard_alone(sidebar, desk):
    more = spec_of(desk.hub, "keyed").scaling.min + 1
    panel = sidebar.get_by_role("region", name="MLOps", exact=True)
    card = steps.endpoint(sidebar, "keyed")
    expect(card).to_be_visible()
    steps.calm(sidebar)
    sidebar.get_by_role("region", name="Endpoints").get_by_role(
        "button", name="Endpoints", exact=True
    ).focus()
    steps.tab_to(sidebar, card.get_by_role("button", name="Scale"))
    sidebar.keyboard.press("Enter")
    steps.tab_to(sidebar, card.get_by_role("slider", name="Replicas, by slider"))
    sidebar.keyboard.press("ArrowRight")
    steps.tab_to(sidebar, card.get_by_role("button", name="Apply"))
    sidebar.keyboard.press("Enter")
    expect(card.get_by_text(f"Fixed: {more} replicas", exact=True)).to_be_visible()
    assert spec_of(desk.hub, "keyed").scaling.min == more
    assert panel.is_visible()


def test_a_hub_that_is_killed_comes_back_without_a_hand(sidebar, desk):
    card = steps.endpoint(sidebar, "tried")
    expect(card.get_by_text("ready", exact=True)).to_be_visible()
    killed = steps.kill_hub(desk.lab.home)
    again = facts.eventually(lambda: running_hub(desk.lab.home), 30)
    assert again is not None and again.pid != killed
    expect(card.get_by_text("ready", exact=True)).to_be_visible(timeout=30_000)
    steps.action(card, "Scale")
    steps.slide(card.get_by_role("slider", name="Replicas, by slider"), 2)
    card.get_by_role("button", name="Apply").click()
    expect(card.get_by_text("Fixed: 2 replicas", exact=True)).to_be_visible(timeout=30_000)


def test_a_change_that_the_end_of_the_hub_cut_off_is_said_and_can_be_made_again(sidebar, desk):
    more = spec_of(desk.hub, "cut").scaling.min + 1
    card = steps.endpoint(sidebar, "cut")
    steps.action(card, "Scale")
    steps.slide(card.get_by_role("slider", name="Replicas, by slider"), more)
    psutil.Process(running_hub(desk.lab.home).pid).suspend()
    with sidebar.expect_request("**/endpoints/cut/scale"):
        card.get_by_role("button", name="Apply").click()
    # a later question has reached the hub and waited in vain, so the change has reached it, too
    said = sidebar.evaluate("fetch('/mlops/status').then(answer => answer.json())")
    assert said["hub"]["state"] == "failed", said
    steps.kill_hub(desk.lab.home)
    expect(card.get_by_role("alert")).to_be_visible(timeout=30_000)
    expect(card.get_by_role("slider", name="Replicas, by slider")).to_have_value(str(more))
    expect(card.get_by_text("ready", exact=True)).to_be_visible(timeout=30_000)
    card.get_by_role("button", name="Apply").click()
    expect(card.get_by_text(f"Fixed: {more} replicas", exact=True)).to_be_visible(timeout=30_000)


def test_a_hub_that_is_stopped_says_so_in_each_section_and_starts_again(sidebar, desk, picture):
    panel = sidebar.get_by_role("region", name="MLOps", exact=True)
    hub = steps.section(sidebar, "Hub")
    hub.get_by_role("button", name="Stop the Hub").click()
    sidebar.get_by_role("dialog").get_by_role("button", name="Stop the Hub").click()
    expect(hub.get_by_text("The hub does not run")).to_be_visible(timeout=30_000)
    said = steps.section(sidebar, "Endpoints").get_by_text("The hub is stopped")
    expect(said).to_be_visible()
    expect(panel.get_by_text("undefined")).to_have_count(0)
    # reading again does not start it
    with sidebar.expect_response("**/mlops/api/endpoints"):
        sidebar.get_by_role("button", name="Refresh endpoints").click()
    expect(said).to_be_visible()
    assert running_hub(desk.lab.home) is None
    picture(sidebar, "stopped")
    hub.get_by_role("button", name="Start the Hub").click()
    expect(hub.get_by_text("The hub runs.")).to_be_visible(timeout=30_000)
    expect(said).to_have_count(0)
    expect(steps.endpoint(sidebar, "tried").get_by_text("ready", exact=True)).to_be_visible(
        timeout=30_000
    )


def test_a_hub_that_does_not_answer_for_a_while_is_waited_for(page, desk):
    page.goto(desk.lab.url("lab?reset"))
    steps.loaded(page)
    process = psutil.Process(running_hub(desk.lab.home).pid)
    process.suspend()
    try:
        steps.panel(page)
        expect(page.get_by_text("Reading the endpoints")).to_be_visible()
    finally:
        process.resume()
    expect(steps.endpoint(page, "tried")).to_be_visible(timeout=30_000)


def test_a_hub_that_is_silent_is_said_after_ten_seconds_and_found_again(page, desk):
    page.goto(desk.lab.url("lab?reset"))
    steps.panel(page)
    card = steps.endpoint(page, "tried")
    expect(card).to_be_visible()
    # what is still being read would be waited for first
    page.wait_for_load_state("networkidle")
    process = psutil.Process(running_hub(desk.lab.home).pid)
    process.suspend()
    try:
        page.get_by_role("button", name="Refresh endpoints").click()
        endpoints = steps.section(page, "Endpoints")
        expect(endpoints.get_by_role("alert")).to_contain_text("silent for 10 s", timeout=30_000)
        # what was known stays
        expect(card).to_be_visible()
    finally:
        process.resume()
    endpoints.get_by_role("button", name="Try again").click()
    expect(endpoints.get_by_role("alert")).to_have_count(0)


def test_a_hub_of_another_version_is_named_and_nothing_is_asked_of_it(page, desk):
    lock = desk.lab.home / "hub.lock"
    ours = lock.read_text()
    lock.write_text(json.dumps({**json.loads(ours), "version": "0.0.1"}))
    try:
        page.goto(desk.lab.url("lab?reset"))
        steps.panel(page)
        hub = steps.section(page, "Hub")
        expect(hub.get_by_text("A hub of another version runs.")).to_be_visible()
        expect(steps.section(page, "Endpoints").get_by_text("It is 0.0.1").first).to_be_visible()
    finally:
        lock.write_text(ours)
