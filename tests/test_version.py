"""One version: the front end has the package's, and warns when the server's differs."""

from __future__ import annotations

import json
from pathlib import Path

import mlops_jupyter


def test_the_front_end_has_the_packages_version() -> None:
    manifest = json.loads((Path(__file__).parents[1] / "package.json").read_text("utf-8"))
    assert manifest["version"] == mlops_jupyter.__version__
