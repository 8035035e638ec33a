"""Records as lines of a list to choose from, what may be asked for, and one record in full.

Functions only, without widgets. Names, callers and payloads are anybody's: they are text, cut where
they are long, with every character made visible that would reorder or hide others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from mlops_jupyter.notebook.exchange import exchange_html
from mlops_jupyter.notebook.html import (
    Html,
    block,
    clock,
    code,
    element,
    exact,
    folded,
    heading,
    panel,
    visible,
)
from mlops_jupyter.notebook.records import AuditRecord, AuditTable, part, version_of
from mlops_jupyter.types import InvalidRequest

_WIDTHS = {"record": 7, "when": 19, "who": 14, "what": 24, "version": 12, "result": 16, "ms": 9}
_RIGHT = frozenset({"record", "ms"})
_BLANK = "\u00a0"
"""Blanks that a list does not fold into one."""
_LONG = 200
_WHOLE = 16_384


@dataclass(frozen=True)
class Filters:
    """What the fields above the list hold, as they were typed.

    Attributes
    ----------
    endpoint
        Name of an endpoint, or of a model.
    status
        An HTTP status, such as ``404``.
    since, until
        ``24h`` (ago), ``7d``, ``2026-11-23T08:00``; empty for no bound.
    """

    endpoint: str = ""
    caller: str = ""
    status: str = ""
    failed: bool = False
    since: str = ""
    until: str = ""
    text: str = ""

    def asked(self) -> dict[str, Any]:
        """The same for a search; raises InvalidRequest for a status that is none."""
        status = self.status.strip()
        if status and re.fullmatch(r"[1-5]\d\d", status) is None:
            raise InvalidRequest(
                f"{ascii(status)[:20]} is not a status.",
                fix="Write an HTTP status such as 200 or 404, or choose 'failed'.",
                code="invalid_filter",
            )
        return {
            "name": self.endpoint.strip() or None,
            "by": self.caller.strip() or None,
            "status": int(status) if status else None,
            "failed": self.failed,
            "since": self.since.strip() or None,
            "until": self.until.strip() or None,
            "text": self.text.strip() or None,
        }


def filters_of(name: str | None, given: Mapping[str, Any]) -> tuple[Filters, dict[str, Any]]:
    """What a search was asked with: what the fields hold, and what they have no word for."""
    shown = Filters(
        endpoint=name or given.get("endpoint") or "",
        caller=given.get("by") or "",
        status=str(given.get("status") or ""),
        failed=bool(given.get("failed")),
        since=_moment(given.get("since", "24h")),
        until=_moment(given.get("until")),
        text=given.get("text") or "",
    )
    worded = {"by", *(field.name for field in fields(Filters))}
    rest = {key: value for key, value in given.items() if key not in worded}
    if name and given.get("endpoint"):
        rest["endpoint"] = given["endpoint"]
    return shown, rest


def _moment(given: object) -> str:
    return exact(given) if isinstance(given, int | float) else str(given or "")


def head() -> str:
    """The names of the columns, above the lines."""
    return _joined(dict(zip(_WIDTHS, _WIDTHS, strict=True)))


def line(record: AuditRecord) -> str:
    """One record as a line of text; the columns are of the same width in all."""
    actor = part(record, "actor")
    what = " ".join(_texts(record.get("action") or record.get("kind"), record.get("endpoint")))
    failed = "✗ " if record.failed else ""
    latency = record.get("latency_us")
    return _joined(
        {
            "record": record.get("index", ""),
            "when": clock(record.at),
            "who": actor.get("sub") or "",
            "what": what,
            "version": version_of(record),
            "result": failed + " ".join(_texts(record.get("status"), record.get("error"))),
            "ms": f"{int(latency) / 1000:.2f}" if isinstance(latency, int) else "",
        }
    )


def caption(page: AuditTable, number: int, others: Mapping[str, Any]) -> str:
    """What the list shows, in words."""
    words = [f"{len(page)} record{'' if len(page) == 1 else 's'}" if page else "no record matches"]
    if number > 1:
        words.append(f"page {number}")
    words += [f"{key} {value}" for key, value in others.items() if value not in (None, False)]
    words.append(f"the ledger has {page.size:,}")
    if page.behind:
        words.append(f"the newest {page.behind:,} not searched yet")
    words.append(clock())
    return " · ".join(words)


def detail(record: AuditRecord, payloads: Mapping[str, bytes]) -> Html:
    """One record in full; what went in and came out beside it, when it was read."""
    types = {side: str(part(record, side).get("type") or "") for side in ("input", "output")}
    whole = visible(json.dumps(record.to_dict(), indent=2, ensure_ascii=False, default=str), "\n")
    rows = [
        element(
            "tr",
            element("th", name, scope="row", style="text-align:left;font-weight:400;opacity:.7"),
            element("td", cut(value), style="padding-left:12px;overflow-wrap:anywhere"),
        )
        for name, value in _facts(record)
    ]
    return panel(
        heading(f"record {record.get('index', '')}", code(cut(record.id, 60))),
        element(
            "table",
            element("tbody", *rows),
            style="border-collapse:collapse;font-size:inherit;color:inherit;margin:4px 0",
        ),
        *([exchange_html(payloads, types)] if payloads else ()),
        folded("the whole record", block(_shortened(whole))),
    )


def cut(text: object, width: int = _LONG) -> str:
    """`text` with every character visible, and its beginning only where it is long."""
    shown = visible(str(text)[: width + 1])
    return shown if len(shown) <= width else f"{shown[: width - 1]}…"


def _facts(record: AuditRecord) -> list[tuple[str, object]]:
    actor, model, source = (part(record, key) for key in ("actor", "model", "code"))
    latency = record.get("latency_us")
    digest = str(model.get("digest") or "")
    facts = (
        ("when", f"{clock(record.at)} ({exact(record.at)})"),
        ("who", actor.get("sub")),
        ("proven by", actor.get("method")),
        ("on behalf of", _named(record.get("on_behalf_of"))),
        ("what", " ".join(_texts(record.get("action") or record.get("kind"), record.get("phase")))),
        ("endpoint", record.get("endpoint")),
        ("model", version_of(record)),
        ("digest", digest),
        ("result", " ".join(_texts(*(record.get(k) for k in ("status", "error", "error_class"))))),
        ("took", f"{int(latency) / 1000:.2f} ms" if isinstance(latency, int) else ""),
        ("rows", record.get("rows")),
        ("notebook", source.get("notebook")),
        ("commit", source.get("git")),
        ("request id", record.get("request_id")),
    )
    return [(name, value) for name, value in facts if value not in (None, "")]


def _named(found: object) -> object:
    return found.get("sub") if isinstance(found, Mapping) else found


def _texts(*values: object) -> Sequence[str]:
    return [str(value) for value in values if value not in (None, "")]


def _joined(cells: Mapping[str, object]) -> str:
    placed = []
    for name, width in _WIDTHS.items():
        text = cut(cells[name], width)
        placed.append(text.rjust(width, _BLANK) if name in _RIGHT else text.ljust(width, _BLANK))
    return (_BLANK * 2).join(placed).replace(" ", _BLANK).rstrip(_BLANK)


def _shortened(text: str) -> str:
    left = len(text) - _WHOLE
    return text if left <= 0 else f"{text[:_WHOLE]}\n… {left:,} more characters"
