"""One run of a pipeline as the ledger tells it: its steps as a tree, with their times."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_jupyter.notebook.html import Html, columns_of_text, element, table

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub

Record = Mapping[str, Any]

SEARCH_SECONDS = 5.0
_LONGEST_SECONDS = 3600.0
_SLACK_SECONDS = 2.0
_PAGE = 1000
_COLUMNS = ("step", "version", "result", "at ms", "ms", "rows", "record")
_NUMBERS = frozenset({"at ms", "ms", "rows"})
_BAR = 120


@dataclass(frozen=True)
class Span:
    """A record of a run, and the records of the calls that it led to, in their order."""

    record: Record
    inner: tuple[Span, ...] = field(default=())

    @property
    def at_us(self) -> int:
        """When it began, after the run did."""
        return int(_where(self.record).get("at_us") or 0)

    @property
    def took_us(self) -> int:
        """How long it took."""
        return int(self.record.get("latency_us") or 0)


def run_of(record: Record) -> str:
    """The run that a record belongs to; empty for none."""
    return str(_where(record).get("run") or "")


def tree_of(records: Sequence[Record], run: str) -> tuple[Span, ...]:
    """The records of a run as a tree; what a lost record led to stands at the root."""
    mine = [record for record in records if run_of(record) == run]
    spans = {_span(record) for record in mine}
    children: dict[str, list[Record]] = {}
    for record in mine:
        parent = str(_where(record).get("parent") or "")
        children.setdefault(parent if parent in spans else "", []).append(record)

    def grown(parent: str, seen: frozenset[str]) -> tuple[Span, ...]:
        found = sorted(children.get(parent, ()), key=lambda one: _where(one).get("at_us") or 0)
        return tuple(
            Span(one, grown(_span(one), seen | {_span(one)}))
            for one in found
            if _span(one) not in seen
        )

    return grown("", frozenset())


def read_run(hub: Hub, record: Record) -> tuple[Span, ...]:
    """The whole run that a record belongs to."""
    run = run_of(record)
    at = int(record.get("t_wall_us") or 0) / 1e6
    took = int(record.get("latency_us") or 0) / 1e6 + int(_where(record).get("at_us") or 0) / 1e6
    is_step = bool(_where(record).get("step"))
    found: dict[int, Record] = {}
    cursor: str | int | None = None
    deadline = time.monotonic() + SEARCH_SECONDS
    while True:
        page = hub.records(
            text=str(record.get("request_id") or run),
            since=at - took - _SLACK_SECONDS,
            until=at + (_LONGEST_SECONDS if is_step else _SLACK_SECONDS),
            limit=_PAGE,
            before=cursor,
        )
        found.update((int(one["index"]), one) for one in page.records)
        cursor = page.next
        if cursor is None or time.monotonic() > deadline:
            return tree_of(list(found.values()), run)


def tree_text(spans: Sequence[Span]) -> str:
    """The tree as aligned text."""
    rows = [_row(span, lead) for span, lead in _lines(spans, "", root=True)]
    return columns_of_text(_COLUMNS, rows, _NUMBERS)


def tree_html(spans: Sequence[Span]) -> Html:
    """The tree as a table, with a bar for the time that each step took within the run."""
    whole = max((span.at_us + span.took_us for span, _ in _lines(spans, "")), default=0) or 1
    # a table's cell folds blanks into one
    rows = [
        (*_row(span, lead.replace(" ", "\u00a0")), _bar(span, whole))
        for span, lead in _lines(spans, "", root=True)
    ]
    return table((*_COLUMNS, "when"), rows, numbers=_NUMBERS)


def _lines(spans: Sequence[Span], lead: str, *, root: bool = False) -> list[tuple[Span, str]]:
    found = []
    for place, span in enumerate(spans):
        last = place == len(spans) - 1
        found.append((span, lead if root else lead + ("└ " if last else "├ ")))
        found += _lines(span.inner, lead if root else lead + ("  " if last else "│ "))
    return found


def _row(span: Span, lead: str) -> tuple[object, ...]:
    record, where = span.record, _where(span.record)
    model = record.get("model") or {}
    called = str(where.get("step") or record.get("endpoint") or "")
    extra = [f"attempt {where['attempt']}"] if where.get("attempt") else []
    extra += ["fallback"] if where.get("fallback") else []
    extra += ["shadow"] if record.get("shadow") else []
    skipped = record.get("action") == "skip"
    result = "skipped" if skipped else f"{record.get('status', '')} {record.get('error') or ''}"
    if record.get("action") == "fallback":
        result = "fallback value"
    return (
        lead + called + (f" ({', '.join(extra)})" if extra else ""),
        f"{model.get('name')}/{model.get('version')}" if model else "",
        result.strip(),
        f"{span.at_us / 1000:.1f}",
        "" if record.get("latency_us") is None else f"{span.took_us / 1000:.1f}",
        record.get("rows", ""),
        str(record.get("id") or ""),
    )


def _bar(span: Span, whole: int) -> Html:
    start, wide = _BAR * span.at_us / whole, max(_BAR * span.took_us / whole, 1)
    bad = int(span.record.get("status") or 0) >= 400
    colour = "var(--jp-error-color1,#d32f2f)" if bad else "var(--jp-brand-color1,#1976d2)"
    return element(
        "svg",
        element("rect", x=f"{start:.1f}", y=2, width=f"{wide:.1f}", height=8, fill=colour),
        width=_BAR + 2,
        height=12,
        role="img",
        **{"aria-label": f"from {span.at_us / 1000:.1f} ms for {span.took_us / 1000:.1f} ms"},
    )


def _where(record: Record) -> Mapping[str, Any]:
    value = record.get("pipeline")
    return value if isinstance(value, Mapping) else {}


def _span(record: Record) -> str:
    trace = record.get("trace")
    return str(trace.get("span") or "") if isinstance(trace, Mapping) else ""
