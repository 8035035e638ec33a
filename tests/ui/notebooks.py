"""Notebooks, and running them as a person does: in the browser, cell by cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

from tests.ui import steps

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.ui.browser import BrowserThread
    from tests.ui.lab import Lab

KERNEL_MS = 60_000

DATA = """\
import numpy as np, pandas as pd
draw = np.random.default_rng(7)
customers = pd.DataFrame({
    "tenure": draw.integers(0, 72, 400).astype(float),
    "spend": draw.gamma(2.0, 30.0, 400),
    "calls": draw.poisson(2, 400).astype(float),
})
left = (customers.calls - customers.tenure / 24 + draw.normal(0, 1, 400) > 1).astype(int)
"""

TRAINING = [
    "%load_ext mlops_jupyter\n" + DATA,
    """\
from sklearn.linear_model import LogisticRegression
model = LogisticRegression().fit(customers, left)
%register churn --model model --input customers --alias champion
""",
    """\
from sklearn.tree import DecisionTreeClassifier
model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(customers, left)
%register churn --model model --input customers
print("all is", "registered")
""",
]


_IDLE = """
() => {
  const session = window.jupyterapp.shell.currentWidget?.sessionContext;
  return session?.isReady && session.session?.kernel?.status === 'idle';
}
"""
_CELLS = """
() => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model);
  const outputs = cells.flatMap(cell => cell.outputs.toJSON());
  const errors = outputs.filter(one => one.output_type === 'error').map(one => one.evalue);
  const ended = errors.length > 0
    || cells.every(cell => cell.executionCount !== null && cell.executionState === 'idle');
  return {ended, errors};
}
"""


def write(path: Path, cells: list[str]) -> None:
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, path)


def run_all(browser: BrowserThread, lab: Lab, name: str) -> None:
    """Open a notebook in JupyterLab and run all its cells."""
    page = browser.page()
    try:
        open_notebook(page, lab, name)
        run_cells(page)
    finally:
        page.close()


def run_cells(page: Page) -> None:
    """Run all cells of the open notebook, none of which may fail."""
    execute(page, "notebook:run-all-cells")
    page.wait_for_function(f"({_CELLS})().ended", timeout=KERNEL_MS)
    errors = page.evaluate(f"({_CELLS})().errors")
    assert not errors, errors


def controls(page: Page, cell: int) -> Locator:
    """The widgets that a cell of the open notebook shows."""
    cells = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell")
    return cells.nth(cell).locator(".jp-OutputArea-output > .widget-vbox")


def step_up(field: Locator, times: int) -> None:
    """Press the upper of the two small arrows of a number."""
    box = field.bounding_box()
    assert box is not None
    for _ in range(times):
        field.click(position={"x": box["width"] - 10, "y": box["height"] / 2 - 4})


def open_notebook(page: Page, lab: Lab, name: str) -> None:
    """Open a notebook and wait for its kernel."""
    page.goto(lab.url(f"lab/tree/{name}?reset"))
    steps.loaded(page)
    page.wait_for_function(_IDLE, timeout=KERNEL_MS)


def execute(page: Page, command: str) -> None:
    """A command of JupyterLab's, without waiting for its end."""
    page.evaluate("id => void window.jupyterapp.commands.execute(id)", command)
