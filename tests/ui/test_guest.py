"""Somebody who may only read, on a hub with 500 endpoints."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.ui import steps
from tests.ui.lab import TOKEN

LACKS = re.compile("lack the right")


def test_what_he_may_not_do_is_off_and_says_why(page, guest, picture):
    page.goto(guest.lab.url("lab?reset"))
    steps.panel(page)
    card = steps.endpoint(page, "churn-000")
    steps.action(card, "Scale")
    expect(card.get_by_role("button", name="Apply")).to_be_disabled()
    expect(card.get_by_text(LACKS).first).to_be_visible()
    expect(card.get_by_role("button", name="Undeploy")).to_be_disabled()
    expect(card.get_by_role("button", name="Undeploy")).to_have_attribute("title", LACKS)
    deploy = steps.section(page, "Models").get_by_role("button", name="Deploy version 1")
    expect(deploy).to_be_disabled()
    expect(deploy).to_have_attribute("title", LACKS)
    stop = steps.section(page, "Hub").get_by_role("button", name="Stop the Hub")
    expect(stop).to_be_disabled()
    expect(stop).to_have_attribute("title", LACKS)
    picture(page, "guest")


@pytest.mark.parametrize(
    "path",
    [
        "/mlops/api/endpoints/churn-000/undeploy",
        "/mlops/api/endpoints/churn-000/scale",
        "/mlops/endpoints/churn-000/promote",
        "/mlops/api/endpoints/churn-000/invocations",
        "/mlops/hub/stop",
    ],
)
def test_the_server_refuses_him_all_the_same(guest, path):
    headers = {"Authorization": f"token {TOKEN}"}
    address = f"http://127.0.0.1:{guest.lab.port}{path}"
    answer = httpx.post(address, json={}, headers=headers, trust_env=False)
    assert answer.status_code == 403
    said = answer.json()
    assert said["message"] and said["reason"] and said["fix"]
    assert guest.hub.status("churn-000").spec.deployed


def test_500_endpoints_are_there_and_found_by_name(page, guest, picture):
    page.goto(guest.lab.url("lab?reset"))
    steps.loaded(page)
    steps.panel(page)
    endpoints = steps.section(page, "Endpoints")
    expect(endpoints.get_by_role("article").first).to_be_visible()
    assert endpoints.get_by_role("listitem").count() == 500
    # which is why it takes no time: only what is near is made
    assert endpoints.get_by_role("article").count() < 50
    picture(page, "many")
    page.get_by_role("searchbox", name="Filter endpoints").fill("churn-377")
    expect(endpoints.get_by_role("article")).to_have_count(1)
    expect(endpoints.get_by_role("article", name="churn-377")).to_be_visible()


def opened(page, lab) -> list[str]:
    """An open sidebar in a page whose time the test turns; what it asks of our server from now."""
    page.clock.install()
    page.goto(lab.url("lab?reset"))
    steps.panel(page)
    steps.unfold_all(page)
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: "/mlops/" in request.url and asked.append(request.url))
    return asked


def pass_time(page, seconds) -> None:
    """Let so much of the page's time pass, in which polls have their turns."""
    for _ in range(seconds // 10):
        # JupyterLab's own poll shows it
        with page.expect_request("**/api/kernels?*"):
            page.clock.fast_forward(10_000)


def test_an_open_sidebar_asks_for_nothing_while_nothing_happens(page, guest):
    asked = opened(page, guest.lab)
    pass_time(page, 30)
    assert asked == []


def test_an_open_sidebar_asks_every_5_s_when_it_hears_nothing_for_50_s(page, guest):
    # a connection that stands, and over which nothing ever comes
    page.route_web_socket("**/api/events/subscribe*", lambda _: None)
    asked = opened(page, guest.lab)
    pass_time(page, 30)
    assert asked == []
    with page.expect_response("**/mlops/api/endpoints"):
        pass_time(page, 30)
    for _ in range(3):
        with page.expect_response("**/mlops/api/endpoints"):
            page.clock.fast_forward(5_000)
