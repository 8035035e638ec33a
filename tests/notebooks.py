"""Notebooks for the tests, written as their cells' sources."""

from __future__ import annotations

import json
from pathlib import Path


def write_notebook(
    path: Path, *cells: str, parameters: str | None = None, kernel: str = "python3"
) -> Path:
    """Write a notebook of code cells, with a cell tagged ``parameters`` before them if given."""
    sources = [(source, []) for source in cells]
    if parameters is not None:
        sources.insert(0, (parameters, ["parameters"]))
    document = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {"tags": tags} if tags else {},
                "source": source,
                "execution_count": None,
                "outputs": [],
            }
            for number, (source, tags) in enumerate(sources)
        ],
        "metadata": {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(document))
    return path
