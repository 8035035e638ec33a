"""What a person does on the page, by the names that a screen reader says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from mlops_jupyter.client.home import running_hub

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

LOAD_MS = 30_000


def loaded(page: Page) -> None:
    """Wait until JupyterLab is there.

    One that finds its workspace open in another tab first goes to a workspace of its own: what is
    there until it is restored may not stay.
    """
    page.wait_for_function("window.jupyterapp?.restored.then(() => true)", timeout=LOAD_MS)
    page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=LOAD_MS)


def calm(page: Page) -> None:
    """Wait until JupyterLab has opened its launcher: it takes the focus, and the place in front.

    It does so a second after all else is there, which is before a person does anything.
    """
    page.wait_for_function("window.jupyterapp.shell.currentWidget !== null", timeout=LOAD_MS)


def panel(page: Page) -> Locator:
    """Show the sidebar."""
    loaded(page)
    shown = page.get_by_role("region", name="MLOps", exact=True)
    if not shown.is_visible():
        page.get_by_role("tab", name=re.compile("^MLOps")).click()
    shown.wait_for()
    return shown


_TIDY = """
() => {
  const explorer = [...window.jupyterapp.shell.widgets('main')].find(
    widget => widget.id === 'mlops-jupyter-explorer');
  explorer?.dispose();
  document.querySelectorAll('.mj-Endpoint-action[aria-expanded=true]').forEach(
    button => button.click());
}
"""


def tidy(page: Page) -> list[str]:
    """Close the explorer and all forms of endpoints; what the page did wrong until now."""
    page.unroute_all()
    page.evaluate(_TIDY)
    wrong = list(page.wrong)  # type: ignore[attr-defined]
    page.wrong.clear()  # type: ignore[attr-defined]
    return wrong


def section(page: Page, name: str) -> Locator:
    """A section of the sidebar, unfolded."""
    found = page.get_by_role("region", name=name, exact=True)
    toggle = found.get_by_role("button", name=name, exact=True)
    if toggle.get_attribute("aria-expanded") == "false":
        toggle.click()
    return found


TOO_WIDE = """
root => {
  const clipped = (element, root) => {
    for (let above = element.parentElement; above !== root; above = above.parentElement) {
      if (getComputedStyle(above).textOverflow === 'ellipsis') {
        return true;
      }
    }
    return false;
  };
  const border = root.getBoundingClientRect();
  const wrong = [];
  for (const element of root.querySelectorAll('*')) {
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (box.width <= 1 || box.height <= 1 || element.closest('svg') !== null
        || style.visibility === 'hidden') {
      continue;
    }
    const what = `${element.tagName.toLowerCase()}.${element.className}: `
      + `${(element.textContent || '').slice(0, 60)}`;
    if (clipped(element, root)) {
      continue;
    }
    if (box.right > border.right + 1 || box.left < border.left - 1) {
      wrong.push(`${what} lies outside (${Math.round(box.left)}-${Math.round(box.right)})`);
    }
    const inline = style.display === 'inline';
    const words = [...element.childNodes].some(
      node => node.nodeType === Node.TEXT_NODE && node.data.trim() !== '');
    const bounded = style.overflowX !== 'visible' || words;
    const dots = style.textOverflow === 'ellipsis' && box.width > 50;
    if (!inline && !dots && bounded && element.clientWidth > 0
        && element.scrollWidth > element.clientWidth + 1
        && !['INPUT', 'SELECT', 'TEXTAREA'].includes(element.tagName)) {
      wrong.push(`${what} needs ${element.scrollWidth} px, has ${element.clientWidth}`);
    }
  }
  return wrong;
}
"""


def too_wide(shown: Locator) -> list[str]:
    """What is cut off, sticks out or scrolls sideways in a part of the page.

    A long name may end in an ellipsis as long as one can read its beginning.
    """
    found: list[str] = shown.evaluate(TOO_WIDE)
    return found


UNNAMED = ("button", "link", "textbox", "searchbox", "combobox", "checkbox", "slider", "spinbutton")


def unnamed(shown: Locator) -> list[str]:
    """Lines of the tree that a screen reader reads whose control has no name."""
    lines = [line.strip() for line in shown.aria_snapshot().splitlines()]
    return [line for line in lines if re.match(rf"- ({'|'.join(UNNAMED)})(?! \"|\w)", line)]


SECTIONS = ("Endpoints", "Models", "Runs", "Schedules", "Audit history", "Hub")
EMPTY_NOTEBOOK = """{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {
  "kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}}"""


def settled(page: Page) -> None:
    """Wait until nothing in the sidebar is still loading."""
    page.wait_for_function(
        "document.querySelector('#mlops-jupyter-panel .mj-Loading') === null", timeout=LOAD_MS
    )


def unfold_all(page: Page) -> None:
    """Unfold all sections and wait for what they show."""
    for name in SECTIONS:
        section(page, name)
    settled(page)


def use_theme(page: Page, theme: str) -> None:
    """Change the theme as the settings menu does."""
    page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
    )
    light = str("Dark" not in theme).lower()
    page.wait_for_function(
        "light => document.body.dataset.jpThemeLight === light", arg=light, timeout=LOAD_MS
    )


# in one go: between two steps from outside the name may give way to the card
_COME_NEAR = """
name => {
  const items = [...document.querySelectorAll('#mlops-jupyter-panel .mj-Endpoints-item')];
  const found = items.find(item => (item.querySelector('h3') ?? item).textContent === name);
  found?.scrollIntoView({block: 'nearest'});
  return Boolean(found?.querySelector('article'));
}
"""


def endpoint(page: Page, name: str) -> Locator:
    """The card of an endpoint, scrolled to: far ones are only names."""
    endpoints = section(page, "Endpoints")
    page.wait_for_function(_COME_NEAR, arg=name, timeout=LOAD_MS)
    return endpoints.get_by_role("article", name=name, exact=True)


def action(card: Locator, name: str) -> Locator:
    """Unfold one of an endpoint's forms."""
    button = card.get_by_role("group", name="Actions for").get_by_role("button", name=name)
    if button.get_attribute("aria-expanded") == "false":
        button.click()
    return button


def slide(slider: Locator, to: int) -> None:
    """Move a slider as the keyboard does."""
    slider.focus()
    now = int(slider.input_value())
    for _ in range(abs(to - now)):
        slider.press("ArrowRight" if to > now else "ArrowLeft")


def kill_hub(home: Path) -> int:
    """Kill the hub, as the system does when memory runs out; its pid."""
    found = running_hub(home)
    assert found is not None
    process = psutil.Process(found.pid)
    process.kill()
    process.wait(10)
    return found.pid


def tab_to(page: Page, wanted: Locator, most: int = 200) -> None:
    """Press Tab until the control has the focus."""
    for _ in range(most):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{most} times Tab do not lead to {wanted}")


def history(page: Page) -> Locator:
    """The rows of the sidebar's audit history."""
    calm(page)
    shown = section(page, "Audit history")
    shown.scroll_into_view_if_needed()
    return shown.get_by_role("listbox")


_FIRST_ROWS = """
toggle => new Promise(resolve => {
  const section = toggle.closest('section');
  const started = performance.now();
  const look = () => {
    if (section.querySelector('[role=option]') !== null) {
      // the next frame shows them
      requestAnimationFrame(() => resolve((performance.now() - started) / 1000));
    } else {
      requestAnimationFrame(look);
    }
  };
  toggle.click();
  look();
})
"""


def seconds_to_first_rows(page: Page) -> float:
    """From the click that unfolds the audit history to the frame with its first rows."""
    shown = section(page, "Audit history")
    toggle = shown.get_by_role("button", name="Audit history", exact=True)
    toggle.click()
    shown.get_by_role("option").first.wait_for(state="detached")
    seconds: float = toggle.evaluate(_FIRST_ROWS)
    return seconds


_FRAMES = """
async view => {
  const frames = [];
  let before = await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < 240; frame++) {
    view.scrollTop += 120;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
  }
  return frames;
}
"""


def frames_while_scrolling(page: Page) -> list[float]:
    """Milliseconds of each frame while the explorer scrolls far faster than anybody reads."""
    frames: list[float] = explorer(page).get_by_role("grid").evaluate(_FRAMES)
    return frames


_STILL = """
element => new Promise(resolve => {
  let before = NaN, since = performance.now();
  const look = now => {
    const place = element.getBoundingClientRect().top;
    if (place !== before) {
      [before, since] = [place, now];
    }
    now - since > 300 ? resolve() : requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})
"""


def click_still(button: Locator) -> None:
    """Click what lies below cards that still grow, once it has come to rest.

    A button that moves away between press and release was not clicked.
    """
    button.scroll_into_view_if_needed()
    button.evaluate(_STILL)
    button.click()


def press(button: Locator) -> None:
    """Press a button that shows something while it is pressed, unless it is."""
    if button.get_attribute("aria-pressed") != "true":
        click_still(button)


def explorer(page: Page) -> Locator:
    """Open the audit history in a tab."""
    calm(page)
    click_still(section(page, "Audit history").get_by_role("button", name="Open in tab"))
    shown = page.get_by_role("tabpanel", name="Audit history")
    shown.get_by_role("grid").get_by_role("row").nth(1).wait_for()
    return shown


def record(page: Page, key: str) -> Locator:
    """Open one record as a link to it would."""
    calm(page)
    page.evaluate("key => void window.jupyterapp.commands.execute('mlops:open-record', {key})", key)
    shown = page.get_by_role("complementary", name="Record")
    # the record that was open before gives way to this one
    shown.get_by_text(key).first.wait_for()
    return shown


def model(page: Page, name: str) -> Locator:
    """A model of the section Models, unfolded."""
    settled(page)
    models = section(page, "Models")
    named = page.get_by_role("button", name=re.compile(rf"^{name}\s*\d+ version"))
    toggle = models.locator(named)
    if toggle.get_attribute("aria-expanded") == "false":
        click_still(toggle)
    return models.get_by_role("listitem").filter(has=named)
