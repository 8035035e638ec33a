"""axe-core, which finds what keeps people out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCRIPT = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """
async selector => (await axe.run(selector, {resultTypes: ['violations']})).violations
  .filter(found => ['serious', 'critical'].includes(found.impact))
"""


def serious_findings(page: Page, selector: str) -> list[str]:
    """What it finds in a part of the page: the rule and the element."""
    if not SCRIPT.is_file():
        pytest.skip("axe-core is not there: jlpm install")
    page.evaluate(SCRIPT.read_text("utf-8") + "; undefined")
    found: list[dict[str, Any]] = page.evaluate(_RUN, selector)
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]
