"""The controls that a notebook shows below its facts, used with the mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from mlops_jupyter.client import Hub
from tests.ui import facts, notebooks, steps


@pytest.fixture(scope="module")
def steered(workshop):
    """The workshop with an endpoint of two versions, called well and badly."""
    facts.deploy(workshop.hub, "churn")
    workshop.hub.traffic("churn", {1: 50, 2: 50})
    facts.call(workshop.hub, "churn")
    facts.call(workshop.hub, "churn", b"this is not JSON")
    cells = ["%load_ext mlops_jupyter", "%scale churn --ui", "%audit churn --ui"]
    notebooks.write(workshop.lab.notebooks / "controls.ipynb", cells)
    return workshop


def test_controls_in_a_notebook_scale_filter_and_outlive_a_dead_hub(page, steered, picture):
    notebooks.open_notebook(page, steered.lab, "controls.ipynb")
    notebooks.run_cells(page)
    scale, audit = (notebooks.controls(page, cell) for cell in (1, 2))

    replicas = scale.get_by_label("replicas")
    notebooks.step_up(replicas, 2)
    expect(replicas).to_have_value("3")
    scale.get_by_role("button", name="Apply").click()
    expect(scale.get_by_text("desired 3 · ready 3 · pending 0")).to_be_visible(timeout=30_000)
    assert steered.hub.status("churn").spec.scaling.min == 3
    picture(page.locator("#jp-main-dock-panel"), "controls")

    rows = audit.get_by_role("listbox").get_by_role("option")
    expect(rows.filter(has_text="200")).not_to_have_count(0)
    audit.get_by_label("failed").check()
    expect(rows.filter(has_text="200")).to_have_count(0)
    expect(rows.filter(has_text="400")).not_to_have_count(0)

    steps.kill_hub(steered.lab.home)
    # the sidebar beside them may have brought the hub back before the table asks again
    expect(scale.get_by_text("The hub does not answer.")).to_be_visible()
    Hub.connect(home=steered.lab.home).close()
    for panel in (scale, audit):
        expect(panel.get_by_text("The hub does not answer.")).to_be_hidden()
    expect(replicas).to_be_enabled()
    replicas.fill("2")
    replicas.press("Enter")
    scale.get_by_role("button", name="Apply").click()
    expect(scale.get_by_text("desired 2 · ready 2 · pending 0")).to_be_visible(timeout=30_000)
