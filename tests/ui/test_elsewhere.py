"""What there is outside of the sidebar, and a login that ends while it is open."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from tests.ui import facts, notebooks, steps
from tests.ui.lab import front_end

OURS = "/extensions/@mlops-jupyter/labextension/"


@pytest.fixture(scope="module")
def served(workshop):
    facts.deploy(workshop.hub, "served")
    return workshop


def test_a_page_with_the_sidebar_open_loads_less_than_150_kb_of_ours(page, served):
    asked = set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).path))
    page.goto(served.lab.url("lab?reset"))
    steps.panel(page)
    steps.unfold_all(page)
    steps.history(page).get_by_role("option").first.wait_for()
    page.wait_for_load_state("networkidle")
    ours = {path.split(OURS)[1] for path in asked if OURS in path}
    sizes = {name: (front_end() / name).stat().st_size for name in ours}
    assert any("remoteEntry" in name for name in sizes), asked
    assert sum(sizes.values()) < 150_000, sizes


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


def test_a_shortcut_and_the_command_palette_lead_to_it_too(page, served):
    page.goto(served.lab.url("lab?reset"))
    steps.loaded(page)
    steps.calm(page)
    panel = page.get_by_role("region", name="MLOps", exact=True)
    page.keyboard.press("Control+Alt+h")
    expect(panel).to_be_visible()
    page.keyboard.press("Control+Shift+c")
    page.get_by_role("textbox", name="SEARCH").fill("open the audit history")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tabpanel", name="Audit history")).to_be_visible()


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
        # not left to the browser: each answer to JupyterLab's own requests renews its login
        cookies = (f"{c['name']}={c['value']}" for c in page.context.cookies())
        kept = "; ".join(cookie for cookie in cookies if not cookie.startswith("username-"))
        sent = route.request
        answer = httpx.request(
            sent.method,
            sent.url,
            content=sent.post_data_buffer,
            headers=sent.headers | {"authorization": "token expired", "cookie": kept},
            trust_env=False,
        )
        said = answer.headers.get("content-type")
        route.fulfill(status=answer.status_code, content_type=said, body=answer.content)

    page.route("**/mlops/**", expired)
    steps.slide(card.get_by_role("slider", name="Replicas, by slider"), 2)
    card.get_by_role("button", name="Apply").click()
    expect(card.get_by_role("alert")).to_contain_text(re.compile("log in again", re.IGNORECASE))
    expect(card.get_by_role("slider", name="Replicas, by slider")).to_have_value("2")
    page.unroute("**/mlops/**")
    card.get_by_role("button", name="Apply").click()
    expect(card.get_by_text("Fixed: 2 replicas", exact=True)).to_be_visible()
