"""A call's payloads as a reader wants them: what went in, and the answer beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from mlops_jupyter.client.payloads import Sample, read_payload
from mlops_jupyter.notebook.html import (
    LINES,
    Html,
    beside,
    block,
    columns_of_text,
    element,
    folded,
    muted,
    table,
    visible,
)

_TITLES = {"input": "input", "output": "answer"}
_RAW = 4096
_SHORT = 12


def exchange_html(payloads: Mapping[str, bytes], types: Mapping[str, str]) -> Html:
    """The payloads as tables; their text is folded away."""
    shown = [_side_html(side, payloads[side], types.get(side, "")) for side in _sides(payloads)]
    return beside(*shown)


def exchange_text(payloads: Mapping[str, bytes], types: Mapping[str, str]) -> str:
    """The same as plain text, without the payloads' own text."""
    parts = []
    for side in _sides(payloads):
        sample = read_payload(payloads[side], types.get(side, ""))
        parts.append(f"{_TITLES[side]} ({size_words(len(payloads[side]))})")
        parts.append(f"  {_digest(payloads[side])}" if sample is None else _sample_text(sample))
        parts.append(f"  as it was sent: .{side}()")
    return "\n".join(parts)


def size_words(size: int) -> str:
    """A number of bytes, such as ``3.4 kB``."""
    for unit, scale in (("MB", 1_000_000), ("kB", 1_000)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} B"


def _sides(payloads: Mapping[str, bytes]) -> list[str]:
    return [side for side in _TITLES if side in payloads]


def _side_html(side: str, data: bytes, content_type: str) -> Html:
    sample = read_payload(data, content_type)
    parts: list[object] = [muted(f"{_TITLES[side]}, {size_words(len(data))}")]
    if sample is None:
        parts.append(element("div", _digest(data)))
    else:
        names, rows, numbers = _laid_out(sample)
        parts.append(table(names, rows, numbers=numbers))
        if sample.left_out:
            parts.append(element("div", muted(sample.left_out)))
    if text := _readable(data):
        parts.append(folded("as it was sent", block(text)))
    return element("div", *parts, style="min-width:0")


def _sample_text(sample: Sample) -> str:
    names, rows, numbers = _laid_out(sample)
    lines = columns_of_text(names, rows, numbers).splitlines()
    lines += [sample.left_out] if sample.left_out else []
    return "\n".join(f"  {line}" for line in lines)


def _laid_out(sample: Sample) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], set[str]]:
    """Columns, rows and which columns are numbers; a single row is turned to read downwards."""
    names, rows = sample.names, sample.cells
    if sample.rows == 1 and len(rows) == 1 and len(names) > 1:
        rows = tuple(zip(names, rows[0], strict=True))
        names = ("column", "value")
    return names, rows, {name for place, name in enumerate(names) if _numeric(rows, place)}


def _numeric(rows: tuple[tuple[str, ...], ...], place: int) -> bool:
    try:
        for row in rows:
            if row[place] not in ("", "missing"):
                float(row[place])
    except ValueError:
        return False
    return True


def _digest(data: bytes) -> str:
    size = f"{len(data):,} bytes"
    return f"{size}, sha256 {hashlib.sha256(data).hexdigest()[:_SHORT]}" if data else "nothing"


def _readable(data: bytes) -> str:
    """The beginning as text, or nothing where bytes are not text."""
    # a character of UTF-8 may be cut in two
    text = data[:_RAW].decode("utf-8", errors="ignore" if len(data) > _RAW else "replace")
    binary = "\ufffd" in text or "\0" in text
    if binary:
        text = text.partition("\0")[0].partition("\ufffd")[0]
        if not text.startswith("{"):
            return ""
        text += "\n… binary data"
    elif len(data) > _RAW:
        text += f"\n… {len(data) - _RAW:,} more bytes"
    return visible(text, keep=LINES)
