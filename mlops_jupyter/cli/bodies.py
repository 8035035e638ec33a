"""A recorded body for a person to read: its rows as a table.

Reads the Open Inference Protocol, with or without binary data, MLflow's scoring shapes and CSV. The
length of the JSON part is in a header that is not recorded; the JSON says itself where it ends.
"""

from __future__ import annotations

import csv
import json
import math
import struct
from collections.abc import Sequence
from itertools import islice, zip_longest
from typing import Any

from mlops_jupyter.cli.output import table
from mlops_jupyter.types.datatypes import MISSING_LENGTH, STRUCT_CODES

ROWS = 50
"""Most rows that are shown."""

_Columns = dict[str, list[Any]]


def readable(data: bytes, content_type: str) -> str:
    """The body as a table, as indented JSON, or what it is when neither is possible."""
    try:
        if content_type.partition(";")[0].strip().lower() == "text/csv":
            head, *rows = csv.reader(data.decode("utf-8-sig").splitlines())
            return _rows_shown(head, rows)
        document, tail = _split(data)
        columns = _columns(document, tail)
        if columns is not None:
            return _rows_shown(list(columns), list(zip_longest(*columns.values(), fillvalue="")))
        return json.dumps(document, indent=2)
    except (ValueError, KeyError, TypeError, AttributeError, struct.error):
        kind = content_type or "an unknown type"
        return f"{len(data)} bytes of {kind}; --raw writes them as they are."


def _rows_shown(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    numbered = [(number, *map(_shown, row)) for number, row in enumerate(rows[:ROWS])]
    right = [
        place + 1
        for place in range(len(head))
        if all(len(row) > place and _is_number(row[place]) for row in rows[:ROWS])
    ]
    padded = [(*row, *[""] * (len(head) + 1 - len(row)))[: len(head) + 1] for row in numbered]
    text = table(("row", *head), padded, right=[0, *right])
    return text if len(rows) <= ROWS else f"{text}\n… and {len(rows) - ROWS} more rows"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict | bool) else value


def _split(data: bytes) -> tuple[Any, bytes]:
    """The JSON that `data` starts with, and what follows it."""
    # one character a byte, so that the place where the JSON ends is one among the bytes
    _, end = json.JSONDecoder().raw_decode(data.decode("latin-1"))
    return json.loads(data[:end]), data[end:]


def _columns(document: Any, tail: bytes) -> _Columns | None:
    """The values by column; None for a document of another shape."""
    if not isinstance(document, dict):
        return None
    for side in ("outputs", "inputs"):
        if _is_tensors(document.get(side)):
            return _tensors(document[side], tail)
    if "dataframe_split" in document:
        split = document["dataframe_split"]
        names = [str(name) for name in split.get("columns") or range(len(split["data"][0]))]
        return {name: [row[place] for row in split["data"]] for place, name in enumerate(names)}
    for shape in ("dataframe_records", "predictions", "instances", "inputs"):
        if shape in document:
            return _values(shape, document[shape])
    return None


def _is_tensors(entries: Any) -> bool:
    return bool(entries) and isinstance(entries, list) and all(
        isinstance(one, dict) and {"name", "shape", "datatype"} <= one.keys() for one in entries
    )  # fmt: skip


def _values(name: str, values: Any) -> _Columns:
    if isinstance(values, dict):
        return {str(key): one if isinstance(one, list) else [one] for key, one in values.items()}
    if not isinstance(values, list):
        return {name: [values]}
    if values and all(isinstance(one, dict) for one in values):
        names = dict.fromkeys(str(key) for one in values for key in one)
        return {key: [one.get(key, "") for one in values] for key in names}
    return {name: values}


def _tensors(entries: Sequence[dict[str, Any]], tail: bytes) -> _Columns:
    columns: _Columns = {}
    start = 0
    for one in entries:
        size = (one.get("parameters") or {}).get("binary_data_size")
        if size is None:
            flat = _flat(one["data"])
        else:
            flat = _unpacked(one["datatype"], tail[start : start + size])
            start += size
        width = math.prod(one["shape"][1:])
        parts = iter(flat)
        rows = [list(islice(parts, width)) for _ in range(len(flat) // max(1, width))]
        columns[str(one["name"])] = [row[0] if width == 1 else row for row in rows]
    return columns


def _flat(data: Any) -> list[Any]:
    if not isinstance(data, list):
        return [data]
    return [leaf for one in data for leaf in _flat(one)]


def _unpacked(datatype: str, data: bytes) -> list[Any]:
    if datatype != "BYTES":
        code = STRUCT_CODES[datatype]
        return list(struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data))
    items: list[Any] = []
    start = 0
    while start < len(data):
        (length,) = struct.unpack_from("<I", data, start)
        start += 4
        if length == MISSING_LENGTH:
            items.append(None)
            continue
        items.append(data[start : start + length].decode("utf-8", "backslashreplace"))
        start += length
    return items
