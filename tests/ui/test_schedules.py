"""Schedules in JupyterLab: made by a form that shows the next starts, held back, started."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from mlops_jupyter.client import Hub
from tests.ui import facts, jobs, steps
from tests.ui.axe import serious_findings

THEMES = ("JupyterLab Light", "JupyterLab Dark")
ZONE = "Asia/Kolkata"


@pytest.fixture(scope="module")
def hub(lab):
    with Hub.connect(home=lab.home) as hub:
        yield hub
        for one in hub.schedules():
            hub.delete_schedule(one.spec.name)


def test_a_schedule_is_made_by_its_form_and_lives_in_the_sidebar(page, lab, hub, picture):
    jobs.fit(lab.notebooks, "nightly")
    page.set_viewport_size({"width": 1280, "height": 1200})
    page.goto(lab.url("lab?reset"))
    steps.panel(page)
    schedules = jobs.alone(page, "Schedules")

    form = jobs.form(page, "nightly", "Schedule…")
    rule = form.get_by_role("textbox", name="Rule")
    starts = form.get_by_role("list", name="Next starts").get_by_role("listitem")
    expect(starts).to_have_count(3)
    rule.fill("0 25 * * *")
    expect(form.get_by_text("is not within 0 to 23")).to_be_visible()
    expect(rule).to_have_attribute("aria-invalid", "true")
    expect(starts).to_have_count(0)
    rule.fill("30 6 * * *")
    form.get_by_role("textbox", name="Time zone").fill(ZONE)
    expect(starts).to_have_text([re.compile("6:30.AM$")] * 3)
    form.get_by_role("textbox", name="Jitter, in seconds").fill("60")
    expect(form.get_by_text("of jitter are in them")).to_be_visible()
    form.get_by_role("textbox", name="Runs kept that succeeded").fill("5")
    assert serious_findings(page, ".jp-Dialog") == []
    picture(form, "schedule-form")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)

    card = jobs.card(page, "nightly")
    made = hub.schedule("nightly")
    assert (made.spec.cron, made.spec.time_zone) == ("30 6 * * *", ZONE)
    assert (made.spec.jitter_seconds, made.spec.succeeded_history) == (60, 5)
    expect(card.get_by_text("every day at 06:30")).to_be_visible()
    following = datetime.fromtimestamp(made.next_at, ZoneInfo(ZONE))
    expect(card.get_by_text("next: ")).to_contain_text(f"{following:%b} {following.day}")
    expect(card.get_by_text("then: ")).to_be_visible()

    jobs.press(card, "Suspend")
    expect(card.get_by_text("suspended", exact=True)).to_be_visible()
    expect(card.get_by_text("next: none")).to_be_visible()
    jobs.press(card, "Resume")
    expect(card.get_by_text("suspended", exact=True)).to_have_count(0)

    jobs.press(card, "Run now")
    (run,) = facts.eventually(lambda: hub.runs(schedule="nightly").runs)
    assert hub.wait_for_run(run.id, 60).state == "succeeded"
    assert run.spec.trigger.of == "nightly"

    for width in (250, 400):
        jobs.sized(page, width)
        for theme in THEMES:
            steps.use_theme(page, theme)
            found = [*steps.too_wide(schedules), *steps.unnamed(schedules)]
            assert (found, serious_findings(page, jobs.PANEL)) == ([], []), (width, theme)
            picture(schedules, f"schedules-{width}-{theme.split()[1].lower()}")

    jobs.press(card, "Delete…")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(schedules.get_by_text("No notebook is run by a rule yet.")).to_be_visible()
    assert hub.schedules() == []
    # what it had started stays
    assert hub.run_status(run.id).state == "succeeded"


def test_a_schedule_is_changed_by_the_same_form_and_never_written_over(page, lab, hub):
    path = jobs.fit(lab.notebooks, "weekly")
    hub.save_schedule(path, "0 2 * * 1", name="weekly", jitter_seconds=30.0)
    page.goto(lab.url("lab?reset"))
    steps.panel(page)
    jobs.alone(page, "Schedules")
    form = jobs.form(page, "weekly", "Schedule…")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text("There is a schedule of this name already.")).to_be_visible()
    form.get_by_role("button", name="Cancel").click()
    jobs.press(jobs.card(page, "weekly"), "Edit…")
    form = page.get_by_role("dialog")
    expect(form.get_by_role("textbox", name="Jitter, in seconds")).to_have_value("30")
    form.get_by_role("textbox", name="Rule").fill("@daily")
    form.get_by_role("button", name="Save").click()
    expect(jobs.card(page, "weekly").get_by_text("every day at 00:00")).to_be_visible()
    changed = hub.schedule("weekly")
    assert (changed.spec.cron, changed.revision, changed.spec.jitter_seconds) == ("@daily", 2, 30)
