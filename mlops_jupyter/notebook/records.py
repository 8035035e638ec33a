"""Audit records in a notebook: a page of them, one in full, and their pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from mlops_jupyter.notebook.audit_tree import Span, tree_html, tree_text
from mlops_jupyter.notebook.exchange import exchange_html, exchange_text, size_words
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
    panel,
    table,
    visible,
)

if TYPE_CHECKING:
    import pandas as pd

Payload = Callable[[str, str], bytes]
"""Fetches ``input`` or ``output`` of a record by its id; the hub records the read."""

_COLUMNS = ("when", "who", "what", "version", "rows", "in", "out", "result", "ms")
_SIDES = ("input", "output")
_LONG_PAGE = 100
_NUMBERS = frozenset({"rows", "in", "out", "ms"})


class AuditRecord(Mapping[str, Any]):
    """One record of the ledger, readable as the dict it is.

    Attributes
    ----------
    steps
        The run of a pipeline that the record belongs to, as a tree of records.
    """

    def __init__(
        self,
        record: Mapping[str, Any],
        fetch: Payload | None = None,
        payloads: Mapping[str, bytes] | None = None,
        steps: Sequence[Span] = (),
    ) -> None:
        self.steps = tuple(steps)
        self._record = dict(record)
        self._fetch = fetch
        self._payloads = dict(payloads or {})

    def __getitem__(self, key: str) -> Any:
        return self._record[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._record)

    def __len__(self) -> int:
        return len(self._record)

    @property
    def id(self) -> str:
        """The record's id."""
        return str(self._record.get("id", ""))

    @property
    def at(self) -> float:
        """When it was written, in seconds since 1970 by the hub's clock."""
        return int(self._record.get("t_wall_us") or 0) / 1e6

    @property
    def failed(self) -> bool:
        """Whether the call or change was refused or failed."""
        return bool(self._record.get("error")) or int(self._record.get("status") or 0) >= 400

    def input(self) -> bytes:
        """What went in. Reading it is itself recorded."""
        return self._payload("input")

    def output(self) -> bytes:
        """What came out. Reading it is itself recorded."""
        return self._payload("output")

    def _payload(self, side: str) -> bytes:
        if side not in self._payloads:
            if self._fetch is None:
                raise LookupError("This record is not connected to a hub.")
            self._payloads[side] = self._fetch(self.id, side)
        return self._payloads[side]

    def to_dict(self) -> dict[str, Any]:
        """The record as the ledger holds it."""
        return dict(self._record)

    def _types(self) -> dict[str, str]:
        return {side: str(part(self._record, side).get("type") or "") for side in _SIDES}

    def __repr__(self) -> str:
        lines = [
            " ".join(("record", str(self._record.get("index", "")), self.id)).replace("  ", " "),
            columns_of_text(_COLUMNS, [_row(self, as_html=False)], _NUMBERS),
        ]
        if self.steps:
            lines += ["the run that it belongs to:", tree_text(self.steps)]
        if self._payloads:
            lines += [exchange_text(self._payloads, self._types()), "the whole record: .to_dict()"]
        else:
            lines.append(json.dumps(self._record, indent=2, ensure_ascii=True, default=str))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        text = json.dumps(self._record, indent=2, ensure_ascii=False, default=str)
        return panel(
            heading(f"record {self._record.get('index', '')}", code(self.id)),
            table(_COLUMNS, [_row(self, as_html=True)], numbers=_NUMBERS),
            *([tree_html(self.steps)] if self.steps else ()),
            *([exchange_html(self._payloads, self._types())] if self._payloads else ()),
            folded("the whole record", block(text)),
        )


class AuditTable(Sequence[AuditRecord]):
    """A page of records, newest first; `next` gives the page of older ones.

    Attributes
    ----------
    size
        Records in the whole ledger.
    behind
        How many of them, the newest, a search cannot find yet.
    """

    def __init__(
        self,
        records: Sequence[Mapping[str, Any]],
        *,
        size: int = 0,
        behind: int = 0,
        asked: str = "",
        left: str = "",
        fetch: Payload | None = None,
        older: Callable[[], AuditTable] | None = None,
    ) -> None:
        self._records = [AuditRecord(record, fetch) for record in records]
        self.size = size
        self.behind = behind
        self._asked = asked
        self._left = left
        self._older = older

    @overload
    def __getitem__(self, place: int) -> AuditRecord: ...
    @overload
    def __getitem__(self, place: slice) -> list[AuditRecord]: ...
    def __getitem__(self, place: int | slice) -> AuditRecord | list[AuditRecord]:
        return self._records[place]

    def __len__(self) -> int:
        return len(self._records)

    def next(self) -> AuditTable | None:
        """The page of older records, or None when this is the last."""
        return None if self._older is None else self._older()

    def to_dict(self) -> dict[str, Any]:
        """``{records, size, more}``."""
        return {
            "records": [record.to_dict() for record in self],
            "size": self.size,
            "more": self._older is not None,
        }

    def to_frame(self) -> pd.DataFrame:
        """The page as a pandas table, one row a record, times in UTC."""
        import pandas as pd

        rows = [_flat(record) for record in self]
        frame = pd.DataFrame(rows, columns=list(_flat(AuditRecord({}))))
        frame["time"] = pd.to_datetime(frame["time"], unit="us", utc=True)
        return frame

    def _caption(self) -> str:
        asked = f" ({self._asked})" if self._asked else ""
        match len(self):
            case 0:
                found = f"no record matches{asked}" if asked else "no record"
            case 1:
                found = f"1 record{asked}"
            case many:
                found = f"{many:,} records{asked}"
        words = [found]
        if self._older:
            longer = f" or --limit {_LONG_PAGE}" if len(self) < _LONG_PAGE else ""
            words.append(f"… and {self._left or 'maybe'} more: .next(){longer}")
        words.append(f"the ledger has {self.size:,}")
        if self.behind:
            words.append(f"the newest {self.behind:,} not searched yet")
        return "; ".join(words)

    def __repr__(self) -> str:
        if not self:
            return visible(self._caption())
        rows = [_row(record, as_html=False) for record in self]
        return f"{columns_of_text(_COLUMNS, rows, _NUMBERS)}\n{visible(self._caption())}"

    def _repr_html_(self) -> str:
        rows = [_row(record, as_html=True) for record in self]
        shown = [table(_COLUMNS, rows, wide="result", numbers=_NUMBERS)] if rows else []
        caption = element("div", f"{self._caption()} · {clock()}", style=MUTED)
        return panel(*shown, caption)


def part(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A block of a record; an empty one where there is none."""
    value = record.get(key)
    return value if isinstance(value, Mapping) else {}


def version_of(record: Mapping[str, Any]) -> str:
    """``model/version`` of a record; empty where it is about no model."""
    model = part(record, "model")
    return f"{model.get('name', '?')}/{model.get('version', '?')}" if model else ""


def kept_sides(record: Mapping[str, Any]) -> list[str]:
    """The sides of the call whose bytes the ledger keeps."""
    return [side for side in _SIDES if part(record, side).get("ref")]


def _bytes(payload: Mapping[str, Any]) -> str:
    size = payload.get("bytes")
    return size_words(size) if isinstance(size, int) else ""


def _what(record: Mapping[str, Any]) -> str:
    words = str(record.get("action") or record.get("kind") or "")
    # outcomes are the rule; an intent stands alone when nothing has come of it
    if record.get("phase") not in (None, "outcome"):
        words += f" ({record['phase']})"
    if record.get("shadow"):
        words += " (shadow)"
    if notebook := part(record, "run").get("notebook"):
        words += f" {str(notebook).rpartition('/')[2]} {part(record, 'run').get('id', '')}"
    return f"{words} {record['endpoint']}" if record.get("endpoint") else words


def _result(record: Mapping[str, Any]) -> str:
    status = record.get("status")
    words = [str(status)] if status else []
    if error := record.get("error"):
        words.append(str(error))
    if (kind := record.get("error_class")) and kind != error:
        words.append(str(kind))
    return " ".join(words)


def _row(record: AuditRecord, *, as_html: bool) -> tuple[object, ...]:
    actor = part(record, "actor")
    who: object = actor.get("sub") or ""
    when: object = clock(record.at)
    result: object = _result(record)
    if as_html:
        when = moment(record.at)
        who = element("span", who, title=f"proven by {actor.get('method', 'nothing')}")
        if record.failed:
            result = element("span", result, style="color:var(--jp-error-color1,#d32f2f)")
    latency = record.get("latency_us")
    return (
        when,
        who,
        _what(record),
        version_of(record),
        "" if record.get("rows") is None else record["rows"],
        _payload_cell(part(record, "input"), as_html=as_html),
        _payload_cell(part(record, "output"), as_html=as_html),
        result,
        "" if latency is None else f"{int(latency) / 1000:.2f}",
    )


def _payload_cell(payload: Mapping[str, Any], *, as_html: bool) -> Html | str:
    size = _bytes(payload)
    if not as_html or not size:
        return size
    return element("span", size, title=f"commitment {payload.get('commit', '')}")


def _flat(record: AuditRecord) -> dict[str, Any]:
    actor, model = part(record, "actor"), part(record, "model")
    sides = {side: part(record, side) for side in ("input", "output")}
    latency = record.get("latency_us")
    return {
        "index": record.get("index"),
        "time": record.get("t_wall_us"),
        "kind": record.get("kind"),
        "action": record.get("action"),
        "caller": actor.get("sub"),
        "method": actor.get("method"),
        "endpoint": record.get("endpoint"),
        "model": model.get("name"),
        "version": model.get("version"),
        "digest": model.get("digest"),
        "rows": record.get("rows"),
        "status": record.get("status"),
        "error": record.get("error"),
        "latency_ms": None if latency is None else int(latency) / 1000,
        "shadow": bool(record.get("shadow")),
        "input_bytes": sides["input"].get("bytes"),
        "input_commit": sides["input"].get("commit"),
        "output_bytes": sides["output"].get("bytes"),
        "output_commit": sides["output"].get("commit"),
        "id": record.get("id"),
    }
