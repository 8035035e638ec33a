"""Runs of notebooks in JupyterLab: asked for by a form, followed, ended, repeated, compared."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from mlops_jupyter.client import Hub
from tests.ui import facts, jobs, steps
from tests.ui.axe import serious_findings

THEMES = ("JupyterLab Light", "JupyterLab Dark")


@pytest.fixture(scope="module")
def hub(lab):
    with Hub.connect(home=lab.home) as hub:
        yield hub
        for run in hub.runs(state="active", limit=1000).runs:
            hub.cancel_run(run.id, wait=30.0)


def sidebar(page, lab):
    """JupyterLab with its sidebar open, and nothing in it but runs."""
    page.goto(lab.url("lab?reset"))
    steps.panel(page)
    return jobs.alone(page, "Runs")


def wrong(page, runs):
    return [*steps.too_wide(runs), *steps.unnamed(runs), *serious_findings(page, jobs.PANEL)]


def test_a_notebook_is_run_by_its_form_and_followed_to_its_end_without_a_reload(
    page, lab, hub, picture
):
    jobs.held(lab.notebooks, "held")
    sidebar(page, lab)
    page.evaluate("window.neverReloaded = true")
    form = jobs.form(page, "held", "Run as Job…")
    field = form.get_by_role("textbox", name=re.compile("^lr"))
    expect(form.get_by_text("how far a step goes")).to_be_visible()
    field.fill("much")
    form.get_by_role("button", name="Run", exact=True).click()
    expect(form.get_by_text("This must be a number.")).to_be_visible()
    expect(form.locator("[aria-invalid=true]")).to_have_count(1)
    expect(field).to_be_focused()
    assert (hub.runs(notebook="held").runs, serious_findings(page, ".jp-Dialog")) == ([], [])
    picture(form, "run-form")
    field.fill("0.2")
    form.get_by_role("textbox", name="Environment variables").fill("STAGE=test")
    form.get_by_role("button", name="Run", exact=True).click()
    expect(form).to_have_count(0)
    run = jobs.card(page, "held")
    # one more than was written: the parameters that were given
    expect(run.get_by_role("progressbar", name="2 of 4 cells")).to_be_visible()
    expect(run.get_by_text("holds on", exact=True)).to_be_visible()
    picture(run, "run-going")
    (lab.notebooks / "held").touch()
    expect(run.get_by_text("succeeded")).to_be_visible(timeout=jobs.END_MS)
    expect(run.get_by_text("auc 1", exact=True)).to_be_visible()
    assert page.evaluate("window.neverReloaded") is True
    (done,) = hub.runs(notebook="held").runs
    assert done.spec.parameters == {"lr": 0.2}
    assert done.spec.environment == {"STAGE": "test"}
    with page.context.expect_page() as opened:
        jobs.press(run, "Output")
    opened.value.get_by_text("fitted with 0.2").wait_for()
    opened.value.close()


def test_what_a_run_printed_is_shown_from_its_end_and_read_back(page, lab, hub):
    path = jobs.write_notebook(
        lab.notebooks / "prints.ipynb", "for number in range(9000): print('line', number)"
    )
    run = hub.run(path)
    assert hub.wait_for_run(run.id, 60).state == "succeeded"
    sidebar(page, lab)
    shown = jobs.unfolded(page, "prints")
    jobs.press(shown, "Log")
    log = shown.get_by_role("log")
    expect(log).to_contain_text("line 8999")
    expect(log).not_to_contain_text("line 100\n")
    assert log.evaluate("log => log.scrollTop + log.clientHeight > log.scrollHeight - 8")
    shown.get_by_role("button", name="Show what was before").click()
    expect(log).to_contain_text("line 0\nline 1\n")
    expect(log).to_contain_text("line 8999")
    # the lines that were read stay in view
    assert log.evaluate("log => log.scrollTop") > 0


def test_a_run_is_cancelled_after_a_question(page, lab, hub):
    run = hub.run(jobs.held(lab.notebooks, "endless"))
    sidebar(page, lab)
    shown = jobs.unfolded(page, "endless")
    jobs.press(shown, "Cancel…")
    page.get_by_role("dialog").get_by_role("button", name="Cancel the Run").click()
    expect(shown.get_by_text("cancelled", exact=True).first).to_be_visible(timeout=30_000)
    assert hub.run_status(run.id).state == "cancelled"


def test_a_repeat_has_its_verdict_and_is_compared_with_its_original(page, lab, hub, picture):
    first = jobs.finished(hub, jobs.fit(lab.notebooks, "again"))
    # what is repeated is the record, whatever became of the file
    (lab.notebooks / "again.ipynb").unlink()
    sidebar(page, lab)
    jobs.press(jobs.unfolded(page, "again"), "Run again as it was recorded, and compare")
    repeat = (
        page.get_by_role("article", name="again", exact=True)
        .filter(has_text=f"repeat of {first.id[:6]}")
        .first
    )
    expect(repeat.get_by_text("identical")).to_be_visible(timeout=jobs.END_MS)
    picture(repeat, "run-repeat")
    jobs.press(repeat, "Compare with the original")
    tab = page.get_by_role("tabpanel", name="Two runs")
    expect(tab.get_by_role("group", name="Verdict").get_by_text("identical")).to_be_visible()
    expect(tab.get_by_text("0 of 3 cells differ.")).to_be_visible()
    (record,) = facts.records(hub, kind="run", action="run.verdict", limit=1)
    assert record["run"]["of"] == first.id


def test_two_runs_are_compared_by_what_they_were_given_and_what_came_out(page, lab, hub, picture):
    path = jobs.fit(lab.notebooks, "compared")
    one, other = jobs.finished(hub, path, 0.1), jobs.finished(hub, path, 0.5)
    sidebar(page, lab)
    for run in (one, other):
        shown = page.locator(f"[data-run='{run.id}']")
        shown.get_by_role("button", name="compared", exact=True).click()
        jobs.press(shown, "Compare")
    tab = page.get_by_role("tabpanel", name="Two runs")
    verdict = tab.get_by_role("group", name="Verdict")
    expect(verdict.get_by_text("differs", exact=True)).to_be_visible()
    expect(verdict.get_by_role("list", name="Differs in")).to_contain_text("metric auc")
    expect(verdict.get_by_role("list", name="Not given the same")).to_have_text("parameter lr")
    row = tab.get_by_role("row").filter(has=page.get_by_role("rowheader", name="lr"))
    expect(row.get_by_role("mark").or_(row.locator("mark"))).to_have_text(["0.1", "0.5"])
    assert serious_findings(page, ".mj-CompareWidget") == []
    picture(tab, "two-runs")


def test_a_sweep_is_a_tree_with_the_best_on_top_at_every_width(page, lab, hub, picture):
    path = jobs.fit(lab.notebooks, "swept")
    sweep = hub.start_sweep(path, ["lr=0.1,0.2,0.4"], metric="auc", parallel=2)
    assert hub.wait_for_sweep(sweep.id, 60).state == "succeeded"
    # a run that fails beside it, with its error
    broken = jobs.write_notebook(lab.notebooks / "broken.ipynb", "raise ValueError('no column')")
    hub.wait_for_run(hub.run(broken).id, 60)
    page.set_viewport_size({"width": 1280, "height": 1400})
    runs = sidebar(page, lab)
    shown = jobs.card(page, "Sweep of swept")
    expect(shown.get_by_text("3 of 3 runs")).to_be_visible()
    steps.click_still(shown.get_by_role("button", name="Sweep of swept"))
    tree = shown.get_by_role("list", name="Runs, best first")
    expect(tree.get_by_role("heading")).to_have_text(["lr=0.2", "lr=0.1", "lr=0.4"])
    expect(
        shown.get_by_role("img", name=re.compile("^auc from .* over lr from 0.1"))
    ).to_be_visible()
    jobs.unfolded(page, "broken")
    for width in (250, 400):
        jobs.sized(page, width)
        for theme in THEMES:
            steps.use_theme(page, theme)
            assert wrong(page, runs) == [], (width, theme)
            picture(page.locator(jobs.PANEL), f"runs-{width}-{theme.split()[1].lower()}")


def test_notebook_7_has_runs_and_their_form_too(page, lab, notebook7, hub, picture):
    jobs.finished(hub, jobs.fit(lab.notebooks, "seventh"))
    jobs.fit(notebook7.notebooks, "small")
    page.goto(notebook7.url("notebooks/small.ipynb"))
    steps.loaded(page)
    page.evaluate("void window.jupyterapp.commands.execute('mlops:open-panel')")
    page.get_by_role("region", name="MLOps", exact=True).wait_for()
    jobs.alone(page, "Runs")
    expect(jobs.card(page, "seventh")).to_be_visible()
    steps.calm(page)
    page.evaluate("void window.jupyterapp.commands.execute('mlops:run-job')")
    form = page.get_by_role("dialog")
    field = form.get_by_role("textbox", name=re.compile("^lr"))
    save = form.get_by_role("button", name="Save")
    # the kernel may have written its language into the notebook by now
    field.or_(save).first.wait_for()
    if save.is_visible():
        save.click()
    field.fill("0.2")
    form.get_by_role("button", name="Run", exact=True).click()
    expect(jobs.card(page, "small").get_by_text("succeeded")).to_be_visible(timeout=jobs.END_MS)
    schedules = jobs.alone(page, "Schedules")
    expect(schedules.get_by_text("No notebook is run by a rule yet.")).to_be_visible()
    picture(page, "runs-notebook-7")
