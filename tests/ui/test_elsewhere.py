"""What there is outside of the sidebar, and a login that ends while it is open."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.ui import facts, notebooks, steps


@pytest.fixture(scope="module")
def served(workshop):
    facts.deploy(workshop.hub, "served")
    return workshop


def test_the_launcher_and_the_status_bar_lead_to_the_sidebar(page, served):
    page.goto(served.lab.url("lab?reset"))
    steps.loaded(page)
    panel = page.get_by_role("region", name="MLOps", exact=True)
    up = page.get_by_role("button", name=re.compile(r"MLOps: \d+ up"))
    expect(up).to_be_visible()
    up.click()
    expect(panel).to_be_visible()
    page.get_by_role("tab", name=re.compile("^MLOps")).click()
    expect(panel).to_be_hidden()
    page.get_by_role("tabpanel", name="Launcher").get_by_text("MLOps", exact=True).click()
    expect(panel).to_be_visible()


def test_endpoints_are_listed_among_what_runs(page, served, picture):
    page.goto(served.lab.url("lab?reset"))
    steps.loaded(page)
    page.get_by_role("tab", name="Running Terminals and Kernels").click()
    listed = page.get_by_role("region", name=re.compile("^Endpoints"))
    expect(listed.get_by_text("served", exact=True)).to_be_visible()
    picture(page, "running")


def test_the_toolbar_inserts_a_cell_that_deploys_what_the_notebook_registered(page, served):
    notebooks.open_notebook(page, served.lab, "train.ipynb")
    page.get_by_role("button", name=re.compile("Insert a cell that deploys")).click()
    expect(page.get_by_text("%deploy churn").first).to_be_visible()


def test_a_token_that_expired_is_said_and_nothing_is_lost(page, served):
    page.goto(served.lab.url("lab?reset"))
    steps.panel(page)
    card = steps.endpoint(page, "served")
    steps.action(card, "Scale")

    def expired(route):
        headers = route.request.all_headers()
        # each answer renews it
        page.context.clear_cookies(name=re.compile("^username-"))
        route.continue_(headers={**headers, "authorization": "token expired"})

    page.route("**/mlops/**", expired)
    steps.slide(card.get_by_role("slider", name="Replicas, by slider"), 2)
    card.get_by_role("button", name="Apply").click()
    expect(card.get_by_role("alert")).to_contain_text(re.compile("log in again", re.IGNORECASE))
    expect(card.get_by_role("slider", name="Replicas, by slider")).to_have_value("2")
    page.unroute("**/mlops/**")
    card.get_by_role("button", name="Apply").click()
    expect(card.get_by_text("Fixed: 2 replicas", exact=True)).to_be_visible()
