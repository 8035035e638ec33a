"""How runs look: each as HTML and as plain text, made from the dataclasses of `types`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from mlops_jupyter.notebook.exchange import size_words
from mlops_jupyter.notebook.html import (
    MUTED,
    Html,
    block,
    clock,
    code,
    columns_of_text,
    element,
    folded,
    heading,
    moment,
    muted,
    panel,
    progress,
    state_word,
    table,
    visible,
)
from mlops_jupyter.types import RunStatus, ScheduleStatus, SweepStatus

_RUN_COLUMNS = ("run", "notebook", "state", "cells", "took", "parameters", "metrics", "started")
_NUMBERS = frozenset({"cells", "took"})
_SHOWN_ITEMS = 4
_SHOWN_ONE = 12
_CELL_COLUMNS = ("cell", "state", "s", "peak", "")
_NO_RUNS = "No runs. '%train NOTEBOOK.ipynb' makes one."


def duration(seconds: float | None) -> str:
    """``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def took(run: RunStatus) -> float | None:
    """Seconds from its start to its end, or to now."""
    if run.started_at is None:
        return None
    return max(0.0, (run.ended_at or time.time()) - run.started_at)


def items(values: Mapping[str, Any], limit: int = _SHOWN_ITEMS) -> str:
    """``lr 0.1, depth 3``, and how many more."""
    return listed([f"{name} {number(value)}" for name, value in values.items()], limit)


def listed(words: Sequence[str], limit: int) -> str:
    """The first of `words`, and how many more."""
    more = len(words) - limit
    return ", ".join([*words[:limit], *([f"{more} more"] if more > 0 else [])])


def number(value: object) -> str:
    """A value on one line, numbers with six digits."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def run_html(run: RunStatus) -> Html:
    """One run: state and why, progress by cell, what it measured, what failed."""
    parts: list[object] = [
        heading(
            run.name,
            code(run.id),
            state_word(run.state),
            *([muted(_why(run))] if _why(run) else ()),
        )
    ]
    if not run.ended and run.cells_total:
        parts.append(progress(run.cells_done, run.cells_total, _at(run)))
    parts += [element("div", muted(name), " ", said) for name, said in _said(run)]
    verdict = run.record.get("verdict")
    if isinstance(verdict, dict):
        parts.append(element("div", muted("compared"), " ", str(verdict.get("text", ""))))
    if run.error is not None:
        title = f"{run.error.name} in cell {run.error.cell}"
        parts.append(folded(title, block(run.error.traceback or run.error.value)))
    if run.cells:
        parts.append(
            folded("Cells", table(_CELL_COLUMNS, _cell_rows(run), wide="", numbers={"s", "peak"}))
        )
    parts.append(element("div", _facts(run), style=MUTED))
    return panel(*parts)


def run_text(run: RunStatus) -> str:
    """The same as plain text."""
    why = f"  ({visible(_why(run))})" if _why(run) else ""
    lines = [f"{visible(run.name)}  {run.id}  {run.state}{why}"]
    if not run.ended and run.cells_total:
        lines.append(visible(_at(run)))
    lines += [f"{name}: {visible(said)}" for name, said in _said(run)]
    lines.append(_facts(run))
    return "\n".join(lines)


def _said(run: RunStatus) -> list[tuple[str, str]]:
    """What it was given and what came out, each on one line; what there is none of is left out."""
    artifacts = run.record.get("artifacts", ())
    kept = [f"{one['name']} ({size_words(one['bytes'])})" for one in artifacts]
    said = {
        "parameters": items(run.spec.parameters, _SHOWN_ONE),
        "metrics": items(run.metrics, _SHOWN_ONE),
        "models": ", ".join(run.models),
        "artifacts": listed(kept, _SHOWN_ONE),
        "warnings": " ".join(run.record.get("warnings", ())),
    }
    return [(name, words) for name, words in said.items() if words]


def verdict_html(said: Mapping[str, Any]) -> Html:
    """How two runs compare."""
    listed = [
        element("li", f"{one.get('what')}", " ", muted(str(one.get("detail") or "")))
        for one in (*said.get("differences", ()), *said.get("close", ()))
    ]
    kind = str(said.get("kind", "")).replace("_", " ")
    parts: list[object] = [element("div", element("strong", kind), " ", str(said.get("text", "")))]
    if listed:
        parts.append(element("ul", *listed, style="margin:4px 0"))
    return panel(*parts)


def runs_html(runs: Sequence[RunStatus]) -> Html:
    """Several runs as a table."""
    if not runs:
        return panel(muted(_NO_RUNS))
    rows = [_run_row(run, as_html=True) for run in runs]
    return panel(
        table(_RUN_COLUMNS, rows, wide="parameters", numbers=_NUMBERS),
        element("div", clock(), style=MUTED),
    )


def runs_text(runs: Sequence[RunStatus]) -> str:
    """The same as plain text."""
    if not runs:
        return _NO_RUNS
    return columns_of_text(_RUN_COLUMNS, [_run_row(run, as_html=False) for run in runs], _NUMBERS)


def sweep_html(sweep: SweepStatus, runs: Sequence[RunStatus]) -> Html:
    """A sweep: how far it is, its best run on top."""
    parts: list[object] = [
        heading(
            _sweep_name(sweep),
            code(sweep.id),
            state_word(sweep.state),
            *([muted(sweep.reason)] if sweep.reason else ()),
        )
    ]
    if not sweep.ended:
        parts.append(progress(sweep.done, max(sweep.total, 1), _sweep_at(sweep)))
    else:
        parts.append(element("div", _sweep_at(sweep)))
    if runs:
        rows = [_run_row(run, as_html=True) for run in runs]
        parts.append(table(_RUN_COLUMNS, rows, wide="parameters", numbers=_NUMBERS))
    parts.append(element("div", clock(), style=MUTED))
    return panel(*parts)


def sweep_text(sweep: SweepStatus, runs: Sequence[RunStatus]) -> str:
    """The same as plain text."""
    lines = [f"{_sweep_name(sweep)}  {sweep.id}  {sweep.state}  {visible(_sweep_at(sweep))}"]
    if runs:
        lines.append(runs_text(runs))
    return "\n".join(lines)


_SCHEDULE_COLUMNS = ("schedule", "notebook", "when", "zone", "next", "last", "note")


def schedules_html(schedules: Sequence[ScheduleStatus]) -> Html:
    """Schedules as a table."""
    if not schedules:
        return panel(muted(_NO_SCHEDULES))
    rows = [_schedule_row(one, as_html=True) for one in schedules]
    return panel(table(_SCHEDULE_COLUMNS, rows, wide="note"), element("div", clock(), style=MUTED))


def schedules_text(schedules: Sequence[ScheduleStatus]) -> str:
    """The same as plain text."""
    if not schedules:
        return _NO_SCHEDULES
    rows = [_schedule_row(one, as_html=False) for one in schedules]
    return columns_of_text(_SCHEDULE_COLUMNS, rows)


_NO_SCHEDULES = "No schedules. '%schedule NOTEBOOK.ipynb \"0 2 * * *\"' makes one."


def _schedule_row(status: ScheduleStatus, *, as_html: bool) -> tuple[object, ...]:
    spec = status.spec
    at = moment if as_html else clock
    last = ""
    if status.last_at is not None:
        last = f"{clock(status.last_at)} {status.last_state or ''}".strip()
    return (
        spec.name,
        spec.run.notebook.rpartition("/")[2],
        spec.cron,
        spec.time_zone,
        "suspended" if spec.suspended else at(status.next_at) if status.next_at else "never",
        last,
        status.reason,
    )


def _why(run: RunStatus) -> str:
    if run.state == "queued" and run.place is not None:
        return f"place {run.place} in the queue. {run.reason}".strip()
    return "" if run.state == "succeeded" and not run.code else run.reason


def _at(run: RunStatus) -> str:
    """Where it is: ``3 of 12 cells · Fit the model (12 s): epoch 3``."""
    words = f"{run.cells_done} of {run.cells_total} cells"
    cell = run.cell
    if cell is None or cell.state != "running":
        return words
    since = "" if cell.started_at is None else f" ({duration(time.time() - cell.started_at)})"
    line = f": {cell.last_line}" if cell.last_line else ""
    return f"{words} · {cell.title or f'cell {cell.index}'}{since}{line}"


def _facts(run: RunStatus) -> str:
    peak = "" if run.peak_bytes is None else f"peak {run.peak_bytes / 2**20:,.0f} MB"
    attempt = f"attempt {run.attempt}" if run.attempt > 1 else ""
    done = f"{run.cells_done} of {run.cells_total} cells" if run.ended and run.cells_total else ""
    facts = (done, duration(took(run)), peak, attempt, f"by {run.submitted_by}", clock())
    return " · ".join(fact for fact in facts if fact)


def _cell_rows(run: RunStatus) -> list[tuple[object, ...]]:
    return [
        (
            cell.index,
            cell.state,
            "" if cell.seconds is None else f"{cell.seconds:.2f}",
            "" if cell.peak_bytes is None else f"{cell.peak_bytes / 2**20:,.0f} MB",
            cell.title,
        )
        for cell in run.cells
    ]


def _run_row(run: RunStatus, *, as_html: bool) -> tuple[object, ...]:
    started = run.started_at or run.submitted_at
    return (
        code(run.id) if as_html else run.id,
        run.name,
        state_word(run.state) if as_html else run.state,
        f"{run.cells_done}/{run.cells_total}" if run.cells_total else "",
        duration(took(run)),
        items(run.spec.parameters),
        items(run.metrics),
        moment(started) if as_html else clock(started),
    )


def _sweep_name(sweep: SweepStatus) -> str:
    return f"{sweep.spec.run.notebook.rpartition('/')[2].removesuffix('.ipynb')} sweep"


def _sweep_at(sweep: SweepStatus) -> str:
    words = f"{sweep.done} of {sweep.total} runs"
    if sweep.failed:
        words += f", {sweep.failed} without success"
    if sweep.best_value is not None:
        best = "highest" if sweep.spec.direction == "maximize" else "lowest"
        words += f" · {best} {sweep.spec.metric} {number(sweep.best_value)} in {sweep.best_run}"
    return words
