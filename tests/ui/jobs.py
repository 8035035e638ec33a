"""Notebooks that are run as jobs, and what a person does with their runs and schedules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.notebooks import write_notebook
from tests.ui import steps

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from mlops_jupyter.client import Hub
    from mlops_jupyter.types import RunStatus

END_MS = 60_000
PANEL = "#mlops-jupyter-panel"
FIT = "import mlops_jupyter as mj\nmj.metric('auc', 1 - (lr - 0.2) ** 2)\nprint('fitted with', lr)"
PARAMETERS = "lr: float = 0.1  # how far a step goes"


def fit(folder: Path, name: str) -> Path:
    """A notebook that is done at once, with the parameter `lr` and the metric `auc`."""
    return write_notebook(folder / f"{name}.ipynb", FIT, parameters=PARAMETERS)


def held(folder: Path, name: str) -> Path:
    """A notebook whose last cell but one goes on until there is a file of its name."""
    wait = f"import os, time\nwhile not os.path.exists('{name}'): time.sleep(0.05)"
    path = folder / f"{name}.ipynb"
    return write_notebook(
        path, f"print('holds on', flush=True)\n{wait}", FIT, parameters=PARAMETERS
    )


def finished(hub: Hub, path: Path, lr: float = 0.1) -> RunStatus:
    """A run that has succeeded."""
    run = hub.wait_for_run(hub.run(path, {"lr": lr}).id, END_MS / 1000)
    assert run.state == "succeeded", run.reason
    return run


def form(page: Page, name: str, command: str) -> Locator:
    """The form that the menu of a notebook in the file browser leads to."""
    steps.calm(page)
    page.get_by_role("listitem", name=re.compile(rf"{name}\.ipynb")).click(button="right")
    page.get_by_role("menuitem", name=command).click()
    shown = page.get_by_role("dialog")
    shown.get_by_role("group", name="Parameters").wait_for()
    return shown


def card(page: Page, name: str) -> Locator:
    """A run, a sweep or a schedule by its title, scrolled to."""
    shown = page.locator(PANEL).get_by_role("article", name=name, exact=True).first
    shown.scroll_into_view_if_needed()
    return shown


def unfolded(page: Page, name: str) -> Locator:
    """The same, with all that can be done with it."""
    shown = card(page, name)
    toggle = shown.get_by_role("button", name=name, exact=True).first
    if toggle.get_attribute("aria-expanded") == "false":
        steps.click_still(toggle)
    expect(shown.get_by_role("group", name="Actions for").first).to_be_visible()
    return shown


def press(shown: Locator, name: str) -> None:
    """Click one of the things that can be done."""
    actions = shown.get_by_role("group", name="Actions for")
    steps.click_still(actions.get_by_role("button", name=name, exact=True))


def sized(page: Page, width: int) -> None:
    """Make the sidebar so wide."""
    box = page.locator(PANEL).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] - 3, 500)
    page.mouse.down()
    page.mouse.move(box["x"] - 3 + box["width"] - width, 500, steps=5)
    page.mouse.up()


def alone(page: Page, name: str) -> Locator:
    """Fold all sections but one, so that a picture shows it."""
    for other in steps.SECTIONS:
        toggle = page.get_by_role("region", name=other, exact=True).get_by_role(
            "button", name=other, exact=True
        )
        if (toggle.get_attribute("aria-expanded") == "true") != (other == name):
            toggle.click()
    steps.settled(page)
    return page.get_by_role("region", name=name, exact=True)
