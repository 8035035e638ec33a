"""What a run's events say of it: pure, one event at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mlops_jupyter.types import InvalidRequest
from mlops_jupyter.types.artifact import MAX_ARTIFACTS, check_artifact_name
from mlops_jupyter.types.run import CellError, CellProgress, RunStatus

Event = Mapping[str, Any]

MAX_METRICS = 1000
MAX_DATA = 100
MAX_MODELS = 100
_OF_AN_ATTEMPT = ("artifacts", "data", "facts")


def advance(status: RunStatus, event: Event) -> RunStatus:
    """The run after `event`; one that is not understood changes nothing.

    Events are those of ``events.jsonl`` in the run's folder (see ``docs/runs.md``). They come from
    a process that runs the notebook's code, so nothing in them is believed to be of any type.
    """
    change = _CHANGES.get(str(event.get("event")))
    if change is None or status.ended:
        return status
    try:
        return change(status, event)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, InvalidRequest):
        return status


def _attempt(status: RunStatus, event: Event) -> RunStatus:
    """A new attempt begins with nothing done; what it measured is its own."""
    return replace(
        status,
        state="starting",
        code="",
        reason="",
        attempt=int(event["attempt"]),
        cells_done=0,
        cells_total=0,
        cell=None,
        cells=(),
        metrics={},
        record={k: v for k, v in status.record.items() if k not in _OF_AN_ATTEMPT},
        error=None,
    )


def _kernel(status: RunStatus, event: Event) -> RunStatus:
    kernel = {key: event[key] for key in ("name", "language") if key in event}
    return replace(status, state="running", record={**status.record, "kernel": kernel})


def _cells(status: RunStatus, event: Event) -> RunStatus:
    cells = tuple(
        CellProgress(
            int(cell["index"]),
            title=str(cell.get("title", "")),
            source_sha256=str(cell.get("source_sha256", "")),
        )
        for cell in event["cells"]
    )
    return replace(status, cells=cells, cells_total=len(cells))


def _cell(status: RunStatus, event: Event) -> RunStatus:
    state = event["state"]
    if state not in ("running", "completed", "failed", "cancelled"):
        return status
    if state == "running":
        changes: dict[str, Any] = {"state": state, "started_at": float(event["t"])}
    else:
        changes = {
            "state": state,
            "seconds": float(event["seconds"]),
            "outputs_sha256": str(event.get("outputs_sha256", "")),
        }
    changed = _with_cell(status, event, lambda cell: replace(cell, **changes))
    done = sum(cell.state == "completed" for cell in changed.cells)
    return replace(changed, cells_done=done)


def _line(status: RunStatus, event: Event) -> RunStatus:
    line = str(event["line"])[:300]
    return _with_cell(status, event, lambda cell: replace(cell, last_line=line))


def _memory(status: RunStatus, event: Event) -> RunStatus:
    used = int(event["bytes"])
    peak = replace(status, peak_bytes=max(used, status.peak_bytes or 0))
    if event.get("index") is None:
        return peak
    return _with_cell(
        peak, event, lambda cell: replace(cell, peak_bytes=max(used, cell.peak_bytes or 0))
    )


def _metric(status: RunStatus, event: Event) -> RunStatus:
    name, value = str(event["name"])[:250], float(event["value"])
    if name not in status.metrics and len(status.metrics) >= MAX_METRICS:
        return status
    # JSON has neither of them; a sweep counts a missing metric as lost
    if not math.isfinite(value):
        return replace(status, metrics={k: v for k, v in status.metrics.items() if k != name})
    return replace(status, metrics={**status.metrics, name: value})


def _data(status: RunStatus, event: Event) -> RunStatus:
    said = {key: value for key, value in event.items() if key not in ("t", "event")}
    return _with_named(status, "data", said, MAX_DATA)


def _artifact(status: RunStatus, event: Event) -> RunStatus:
    name, sha256, size = check_artifact_name(event["name"]), event["sha256"], int(event["bytes"])
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        return status
    said = {"name": name, "sha256": sha256, "bytes": size}
    return _with_named(status, "artifacts", said, MAX_ARTIFACTS)


def _retry(status: RunStatus, event: Event) -> RunStatus:
    """The attempt has failed, and another is made later."""
    words = f"Attempt {status.attempt} failed, another follows: {event.get('reason', '')}"
    return replace(status, code=str(event.get("code", "")), reason=words[:1000])


def _fact(status: RunStatus, event: Event) -> RunStatus:
    key, value = str(event["key"])[:100], event["value"]
    if key == "model":
        models = tuple(dict.fromkeys((*status.models, str(value)[:200])))
        return replace(status, models=models[:MAX_MODELS])
    if key == "mlflow_run_id":
        return replace(status, mlflow_run_id=status.mlflow_run_id or str(value)[:64])
    facts = {**status.record.get("facts", {}), key: value}
    return replace(status, record={**status.record, "facts": facts})


def _end(status: RunStatus, event: Event) -> RunStatus:
    """The supervisor's verdict, which is the truth."""
    state = event["state"]
    if state not in ("succeeded", "failed", "cancelled", "timed_out"):
        return status
    error = event.get("error")
    said = {int(cell["index"]): cell for cell in event.get("cells", ())}
    cells = tuple(_settled(cell, said.get(cell.index)) for cell in status.cells)
    failed = None
    if error:
        failed = CellError(
            int(error["cell"]),
            str(error["name"]),
            str(error["value"]),
            str(error.get("traceback", "")),
        )
    return replace(
        status,
        state=state,
        code=str(event.get("code", "")),
        reason=str(event.get("reason", "")),
        ended_at=float(event["ended_at"] if "ended_at" in event else event["t"]),
        exit_code=event.get("exit_code"),
        signal=event.get("signal"),
        error=failed,
        peak_bytes=event.get("peak_bytes") or status.peak_bytes,
        cells=cells,
        cells_done=sum(cell.state == "completed" for cell in cells),
        cell=next((cell for cell in cells if cell.state in ("failed", "cancelled")), None),
    )


def _settled(cell: CellProgress, said: Mapping[str, Any] | None) -> CellProgress:
    """A cell at the end of its run; one that still seems to run is of unknown end."""
    state = None if said is None else said.get("state")
    if said is not None and state in ("pending", "completed", "failed", "cancelled", "unknown"):
        return replace(cell, state=state, seconds=said.get("seconds", cell.seconds))
    return replace(cell, state="unknown") if cell.state == "running" else cell


def _with_named(status: RunStatus, key: str, said: Event, limit: int) -> RunStatus:
    """Put a named fact into a list of the record; it replaces the one of its name."""
    before = [one for one in status.record.get(key, []) if one.get("name") != said.get("name")]
    return replace(status, record={**status.record, key: [*before, said][-limit:]})


def _with_cell(
    status: RunStatus, event: Event, change: Callable[[CellProgress], CellProgress]
) -> RunStatus:
    index = int(event["index"])
    cells = list(status.cells)
    for at, cell in enumerate(cells):
        if cell.index == index:
            cells[at] = changed = change(cell)
            return replace(status, cells=tuple(cells), cell=changed)
    return status


_CHANGES: dict[str, Callable[[RunStatus, Event], RunStatus]] = {
    "attempt": _attempt,
    "kernel": _kernel,
    "cells": _cells,
    "cell": _cell,
    "line": _line,
    "memory": _memory,
    "metric": _metric,
    "data": _data,
    "artifact": _artifact,
    "fact": _fact,
    "retry": _retry,
    "end": _end,
}
