"""The controls that a notebook shows below its facts, with the mouse and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from mlops_jupyter.client import Hub
from tests.ui import facts, notebooks, steps
from tests.ui.axe import serious_findings


@pytest.fixture(scope="module")
def steered(workshop):
    """The workshop with an endpoint of two versions, called well and badly."""
    facts.deploy(workshop.hub, "churn")
    workshop.hub.traffic("churn", {1: 50, 2: 50})
    facts.call(workshop.hub, "churn")
    facts.call(workshop.hub, "churn", b"this is not JSON")
    cells = ["%load_ext mlops_jupyter", "%scale churn --ui", "%audit churn --ui"]
    notebooks.write(workshop.lab.notebooks / "controls.ipynb", cells)
    shown = [
        "%load_ext mlops_jupyter\nimport mlops_jupyter as mj\nchurn = mj.endpoint('churn')",
        *("churn.controls()", "%audit churn --ui"),
        *("%mlops", "%mlops help deploy", "churn", "%scale churn", "%audit churn", "%runs"),
        "mj.audit.show(mj.audit(failed=True)[0].id, payloads=True)",
    ]
    notebooks.write(workshop.lab.notebooks / "shown.ipynb", shown)
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


def test_controls_and_facts_have_no_findings_in_either_theme(page, steered, picture):
    page.set_viewport_size({"width": 1280, "height": 3000})
    notebooks.open_notebook(page, steered.lab, "shown.ipynb")
    notebooks.run_cells(page)
    scale, audit = (notebooks.controls(page, cell) for cell in (1, 2))
    calls = audit.get_by_role("listbox", name="records").get_by_role("option", name="predict churn")
    calls.first.click()
    audit.get_by_role("button", name="Request and answer").click()
    expect(audit.get_by_text("Back to the list")).to_be_visible()
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        steps.use_theme(page, theme)
        assert serious_findings(page, ".jp-OutputArea-output") == []
        picture(page.locator("#jp-main-dock-panel"), f"facts-{theme.split()[1].lower()}")
    for shown in (scale, audit):
        assert steps.unnamed(shown) == []


def test_controls_work_with_the_keyboard_alone(page, steered):
    steered.hub.scale("churn", "fixed:1")
    steered.hub.traffic("churn", {1: 50, 2: 50})
    notebooks.open_notebook(page, steered.lab, "controls.ipynb")
    notebooks.run_cells(page)
    scale, audit = (notebooks.controls(page, cell) for cell in (1, 2))

    scale.get_by_role("radio", name="fixed").focus()
    steps.tab_to(page, scale.get_by_role("radio", name="elastic"))
    page.keyboard.press("Space")
    steps.tab_to(page, scale.get_by_role("spinbutton", name="max"))
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("2")
    steps.tab_to(page, scale.get_by_role("slider", name="version 1"))
    page.keyboard.press("ArrowRight")
    expect(scale.get_by_role("slider", name="version 2")).to_have_attribute("aria-valuetext", "49")
    steps.tab_to(page, scale.get_by_role("button", name="Apply"))
    page.keyboard.press("Enter")
    expect(scale.get_by_text("Applied elastic:1-2")).to_be_visible(timeout=30_000)
    assert dict(steered.hub.status("churn").spec.traffic.weights) == {1: 51, 2: 49}

    # the keys of a list are its own, and not the notebook's
    scale.get_by_role("radio", name="elastic").press("ArrowRight")
    expect(scale.get_by_role("radio", name="serverless")).to_be_checked()

    steps.tab_to(page, audit.get_by_role("checkbox", name="failed"))
    page.keyboard.press("Space")
    rows = audit.get_by_role("listbox", name="records")
    expect(rows.get_by_role("option").filter(has_text="200")).to_have_count(0)
    steps.tab_to(page, rows)
    page.keyboard.press("ArrowDown")
    expect(audit.get_by_text("Back to the list")).to_be_visible()
    expect(rows).to_be_focused()
