"""From a registered model to an endpoint, and back to the notebook that made it."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.ui import facts, steps


def test_a_version_is_deployed_from_the_sidebar(sidebar, workshop, picture):
    models = steps.model(sidebar, "churn")
    steps.press(models.get_by_role("button", name="Deploy version 1"))
    models.get_by_role("textbox", name="Endpoint").fill("from-the-sidebar")
    form = models.get_by_role("form", name="Deploy version 1")
    form.get_by_role("button", name="Deploy", exact=True).click()
    card = steps.endpoint(sidebar, "from-the-sidebar")
    expect(card.get_by_text("ready", exact=True)).to_be_visible(timeout=30_000)
    picture(sidebar, "deployed")
    facts.call(workshop.hub, "from-the-sidebar")


def test_a_name_that_no_endpoint_can_have_is_explained_before_it_is_sent(sidebar, workshop):
    models = steps.model(sidebar, "churn")
    steps.press(models.get_by_role("button", name="Deploy version 1"))
    models.get_by_role("textbox", name="Endpoint").fill("../Über")
    form = models.get_by_role("form", name="Deploy version 1")
    deploy = form.get_by_role("button", name="Deploy", exact=True)
    expect(deploy).to_be_disabled()
    deploy.click(force=True)
    assert "../Über" not in [status.spec.name for status in workshop.hub.endpoints()]


def test_the_aliases_of_the_registry_stand_beside_their_versions(sidebar, workshop):
    models = steps.model(sidebar, "churn")
    expect(models.get_by_text("champion", exact=True)).to_be_visible(timeout=30_000)


def test_a_version_leads_to_the_cell_that_made_it(page, workshop, picture):
    page.goto(workshop.lab.url("lab?reset"))
    steps.panel(page)
    models = steps.model(page, "churn")
    steps.click_still(models.get_by_role("button", name="Version 2", exact=True))
    picture(page, "lineage")
    steps.calm(page)
    models.get_by_role("button", name="train.ipynb").click()
    page.get_by_role("tab", name="train.ipynb").wait_for()
    wanted = next(v for v in workshop.hub.versions("churn") if v.version == 2).lineage.cell_id
    page.wait_for_function(
        "id => window.jupyterapp.shell.currentWidget?.content?.activeCell?.model.id === id",
        arg=wanted,
    )
