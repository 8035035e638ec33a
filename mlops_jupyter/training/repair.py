"""Says in an executed notebook what became of each cell, and writes it as bytes.

papermill calls a cell completed that a dead kernel never ran; these marks come from who saw it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mlops_jupyter.types import CellProgress

Notebook = dict[str, Any]


def marked(notebook: Notebook, cells: Mapping[int, CellProgress]) -> Notebook:
    """A copy of `notebook` whose cells say how they ended, in papermill's own metadata.

    Parameters
    ----------
    notebook
        As nbformat 4 has it; it is not changed.
    cells
        What is known of code cells, by position. A code cell that is not in it never ran; text is
        as done as the code before it.
    """
    marks = []
    reached = any(cell.state != "pending" for cell in cells.values())
    for index, cell in enumerate(notebook.get("cells", ())):
        if cell.get("cell_type") == "code":
            known = cells.get(index, CellProgress(index))
            reached = known.state == "completed"
        else:
            known = CellProgress(index, state="completed" if reached else "pending")
        metadata = {**cell.get("metadata", {}), "papermill": _mark(known)}
        marks.append({**cell, "metadata": metadata})
    failed = any(cell.state == "failed" for cell in cells.values())
    whole = notebook.get("metadata", {})
    papermill = {**whole.get("papermill", {}), "exception": True if failed else None}
    return {**notebook, "cells": marks, "metadata": {**whole, "papermill": papermill}}


def encoded(notebook: Notebook) -> bytes:
    """The bytes of ``.ipynb``: lines apart for a diff, and nothing that JSON does not have."""
    cells = [_in_lines(cell) for cell in notebook.get("cells", ())]
    notebook = {**notebook, "cells": cells}
    try:
        text = _dumped(notebook)
    except ValueError:
        text = _dumped(_finite(notebook))
    return text.encode("utf-8", "replace") + b"\n"


def _dumped(notebook: Notebook) -> str:
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _in_lines(cell: dict[str, Any]) -> dict[str, Any]:
    lines = {**cell, "source": _lines(cell.get("source", ""))}
    if "outputs" in cell:
        lines["outputs"] = [
            {**output, "text": _lines(output["text"])} if "text" in output else output
            for output in cell["outputs"]
        ]
    return lines


def _lines(text: Any) -> Any:
    return text.splitlines(keepends=True) if isinstance(text, str) else text


def _finite(value: Any) -> Any:
    """`value` with what is not a number, or infinite, by its name."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def _mark(cell: CellProgress) -> dict[str, Any]:
    started, ended = cell.started_at, None
    if started is not None and cell.seconds is not None and cell.state != "running":
        ended = started + cell.seconds
    return {
        "status": cell.state,
        "start_time": _iso(started),
        "end_time": _iso(ended),
        "duration": None if ended is None else cell.seconds,
        "exception": None if started is None else cell.state == "failed",
    }


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
