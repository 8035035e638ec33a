"""JupyterLab in Chromium, on a hub with two trained versions of a model.

Everything is real and starts once; each test gets a tab of its own. Tests that take `page` run in
the browser's own thread.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlops_jupyter.client import Hub
from tests.ui import facts, steps
from tests.ui.lab import Lab, chromium, front_end, jupyter, own_home

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.ui.browser import BrowserThread

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run what uses the browser where the browser is."""
    thread = pyfuncitem.funcargs.get("browser")
    if thread is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    given = {name: pyfuncitem.funcargs[name] for name in names}
    thread.run(pyfuncitem.obj, **given)
    return True


@pytest.fixture(scope="package")
def browser() -> Iterator[BrowserThread]:
    path = chromium()
    if path is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    if front_end() is None:
        pytest.skip("the front end is not built: jlpm build:prod")
    from playwright.sync_api import expect

    from tests.ui.browser import WAIT_MS, browser_thread

    expect.set_options(timeout=WAIT_MS)
    with browser_thread(path) as thread:
        yield thread


@dataclass(frozen=True)
class Workshop:
    """A running JupyterLab, its hub, and the model `churn` in two versions."""

    lab: Lab
    hub: Hub


@pytest.fixture(scope="package")
def home(browser: BrowserThread) -> Iterator[Path]:
    with own_home() as path:
        yield path


@pytest.fixture(scope="package")
def lab(home: Path) -> Iterator[Lab]:
    with jupyter(home) as running:
        yield running


@pytest.fixture(scope="package")
def workshop(browser: BrowserThread, lab: Lab) -> Iterator[Workshop]:
    from tests.ui import notebooks

    notebooks.write(lab.notebooks / "train.ipynb", notebooks.TRAINING)
    browser.run(notebooks.run_all, browser, lab, "train.ipynb")
    with Hub.connect(home=lab.home, start=False) as hub:
        yield Workshop(lab, hub)


READ_ONLY = """
from jupyter_server.auth import Authorizer


class ReadOnly(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "mlops" or action == "read"


c.ServerApp.authorizer_class = ReadOnly
"""


@pytest.fixture(scope="package")
def guest(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A server whose users may only read, and a hub of 500 endpoints."""
    version = workshop.hub.versions("churn")[0]
    with own_home() as home, Hub.connect(home=home) as hub:
        facts.crowd(hub, version, tmp_path_factory.mktemp("crowd"), 500)
        with jupyter(home, config=READ_ONLY) as lab:
            yield Workshop(lab, hub)


@pytest.fixture(scope="package")
def notebook7(browser: BrowserThread, lab: Lab) -> Iterator[Lab]:
    """Notebook 7 on the same hub."""
    if importlib.util.find_spec("notebook") is None:
        pytest.skip("Notebook 7 is not there: pip install notebook")
    with jupyter(lab.home, app="notebook") as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
def page(browser: BrowserThread, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Page]:
    """A tab of its own; whatever the page itself does wrong fails the test."""
    opened = browser.run(_new_page, browser)
    yield opened
    if request.node.stash.get(FAILED, False):
        browser.run(opened.screenshot, path=tmp_path / "failed.png")
    wrong = browser.run(_close, opened)
    assert wrong == []


@pytest.fixture(scope="package")
def kept(browser: BrowserThread) -> Iterator[list[Page]]:
    """The tab that tests of the sidebar share, once one of them has opened it."""
    pages: list[Page] = []
    yield pages
    for opened in pages:
        browser.run(opened.close)


@pytest.fixture
def sidebar(
    browser: BrowserThread,
    workshop: Workshop,
    kept: list[Page],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> Iterator[Page]:
    """A tab in which the sidebar may have been open for long, as people have it.

    For tests that neither care what is unfolded nor leave more behind than `steps.tidy` clears.
    """
    opened = kept.pop() if kept else browser.run(_with_sidebar, browser, workshop.lab)
    yield opened
    if request.node.stash.get(FAILED, False):
        browser.run(opened.screenshot, path=tmp_path / "failed.png")
        wrong = browser.run(_close, opened)
    else:
        wrong = browser.run(steps.tidy, opened)
        kept.append(opened)
    assert wrong == []


def _with_sidebar(browser: BrowserThread, lab: Lab) -> Page:
    page = _new_page(browser)
    page.goto(lab.url("lab?reset"))
    steps.panel(page)
    return page


def _new_page(browser: BrowserThread) -> Page:
    page = browser.page()
    page.wrong = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: _note(page, error))
    page.on("dialog", lambda dialog: _refuse(page, dialog))
    return page


def _note(page: Any, error: Any) -> None:
    # Notebook 7 has errors of its own when it starts
    if "@mlops-jupyter" in str(error.stack):
        page.wrong.append(str(error))


def _refuse(page: Any, dialog: Any) -> None:
    page.wrong.append(f"a dialog: {dialog.message}")
    dialog.dismiss()


def _close(page: Any) -> list[str]:
    if page.evaluate("document.body?.dataset.jpThemeLight === 'false'"):
        # the server keeps the theme for the next test
        steps.use_theme(page, "JupyterLab Light")
    page.close()
    return list(page.wrong)


@pytest.fixture
def picture() -> Callable[..., None]:
    """Save what is shown (a page, or a part of it) where `MLOPS_JUPYTER_SCREENSHOTS` wants it."""
    folder = os.environ.get("MLOPS_JUPYTER_SCREENSHOTS")

    def take(shown: Any, name: str, **options: Any) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            path = Path(folder) / f"{name}.png"
            shown.screenshot(path=path, animations="disabled", **options)
            _shrink(path)

    return take


def _shrink(path: Path) -> None:
    """Keep a picture small enough for a repository: 256 colours are all that JupyterLab needs."""
    with contextlib.suppress(ImportError):
        from PIL import Image

        with Image.open(path) as taken:
            fewer = taken.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        fewer.save(path, optimize=True)
