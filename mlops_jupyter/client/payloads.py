"""What went into a call and what came out, read from the kept bytes as a small table.

The forms are those that the hub takes and gives: the inference protocol with data as JSON or as
binary tensors (https://github.com/kserve/open-inference-protocol and Triton's binary tensor data
extension), the JSON forms of MLflow's scoring server, CSV, and JSON objects of plain values such
as errors. The bytes are a caller's and may be anything: what does not fit is None, not an error.
"""

from __future__ import annotations

import csv
import io
import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Any

from mlops_jupyter.types.datatypes import MISSING_LENGTH, STRUCT_CODES

_MAX_BYTES = 16_000_000
"""From so many bytes on a payload is not read for a picture."""
_MAX_CELL = 60
_MISFITS = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
    csv.Error, struct.error,
)  # fmt: skip

Names = Sequence[object]
Rows = Sequence[Sequence[object]]


@dataclass(frozen=True)
class Bounds:
    """How many rows and columns are read."""

    rows: int = 5
    columns: int = 30


@dataclass(frozen=True)
class Sample:
    """The first rows and columns of a payload, as text.

    Attributes
    ----------
    rows, columns
        How many the payload has in all.
    """

    names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    rows: int
    columns: int

    @property
    def left_out(self) -> str:
        """What the sample does not show, in words."""
        rows, columns = self.rows - len(self.cells), self.columns - len(self.names)
        parts = [
            f"{count:,} more {word if count > 1 else word.removesuffix('s')}"
            for count, word in ((rows, "rows"), (columns, "columns"))
            if count > 0
        ]
        return f"… and {' and '.join(parts)}" if parts else ""


def read_payload(data: bytes, content_type: str = "", bounds: Bounds = Bounds()) -> Sample | None:
    """The beginning of a payload as a table, or None when it is of no form that is known."""
    if not data or len(data) > _MAX_BYTES:
        return None
    try:
        if content_type.startswith("text/csv"):
            return _of_csv(data, bounds)
        document, tail = _split(data)
        return _of_document(document, tail, bounds)
    except _MISFITS:
        return None


def _split(data: bytes) -> tuple[Any, bytes]:
    """The JSON that a payload begins with, and the bytes after it."""
    # as Latin-1 a character is a byte, and bytes of UTF-8 sequences are none of JSON's signs
    _, end = json.JSONDecoder().raw_decode(data.decode("latin-1").lstrip())
    end += len(data) - len(data.lstrip())
    return json.loads(data[:end]), data[end:]


def _of_document(document: Any, tail: bytes, bounds: Bounds) -> Sample | None:
    if isinstance(document, Mapping):
        for side in ("inputs", "outputs"):
            if _are_tensors(document.get(side)):
                return _of_tensors(document[side], tail, bounds)
    return None if tail.strip() else _of_json(document, bounds)


def _of_json(document: Any, bounds: Bounds) -> Sample | None:
    if not isinstance(document, Mapping):
        return _of_values("value", document, bounds)
    for key, read in _MLFLOW.items():
        if key in document:
            return read(document[key], bounds)
    if any(isinstance(value, Mapping | list) for value in document.values()):
        return None
    return _sample(list(document), [list(document.values())], bounds)


def _are_tensors(found: Any) -> bool:
    return (
        isinstance(found, list)
        and bool(found)
        and all(isinstance(one, Mapping) and {"shape", "datatype"} <= one.keys() for one in found)
    )


# -- the inference protocol -----------------------------------------------------------------------


def _of_tensors(tensors: Sequence[Mapping[str, Any]], tail: bytes, bounds: Bounds) -> Sample:
    names: list[object] = []
    columns: list[list[object]] = []
    total, rows, start = 0, 0, 0
    for tensor in tensors:
        shape = [int(length) for length in tensor["shape"]]
        if min(shape, default=0) < 0:
            raise ValueError("a negative length")
        length, width = (shape[0], prod(shape[1:])) if shape else (1, 1)
        size = (tensor.get("parameters") or {}).get("binary_data_size")
        if size is None:
            values: Iterator[object] = _flat(tensor["data"])
        else:
            values = _unpacked(str(tensor["datatype"]), _part(tail, start, size))
            start += size
        rows, total = max(rows, length), total + width
        if len(names) < bounds.columns:
            first = list(islice(values, min(length, bounds.rows) * width))
            shown = min(width, bounds.columns)
            name = tensor.get("name", "")
            names += [name] if width == 1 else [f"{name}[{place}]" for place in range(shown)]
            columns += [first[place::width] for place in range(shown)]
    if start != len(tail):
        raise ValueError("the sizes do not add up")
    height = max(map(len, columns), default=0)
    cells = [[c[row] if row < len(c) else "" for c in columns] for row in range(height)]
    return _sample(names, cells, bounds, rows, total)


def _part(tail: bytes, start: int, size: object) -> bytes:
    if type(size) is not int or not 0 <= size <= len(tail) - start:
        raise ValueError("a size beyond the body")
    return tail[start : start + size]


def _flat(values: object) -> Iterator[object]:
    if isinstance(values, list):
        for value in values:
            yield from _flat(value)
    else:
        yield values


def _unpacked(datatype: str, data: bytes) -> Iterator[object]:
    if datatype == "BYTES":
        yield from _texts(data)
        return
    layout = struct.Struct(f"<{STRUCT_CODES[datatype]}")
    for place in range(len(data) // layout.size):
        yield layout.unpack_from(data, place * layout.size)[0]


def _texts(data: bytes) -> Iterator[object]:
    start = 0
    while start < len(data):
        length = int.from_bytes(data[start : start + 4], "little")
        start += 4
        if length == MISSING_LENGTH:
            yield None
            continue
        yield _text(data[start : start + length])
        start += length


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        # a picture, say: its bytes would not be read as letters by anybody
        return f"{len(value):,} bytes"


# -- MLflow's forms, and CSV ----------------------------------------------------------------------


def _of_split(found: Any, bounds: Bounds) -> Sample:
    rows, names = found["data"], found.get("columns")
    if names is None:
        return _of_values("column", rows, bounds)
    return _sample(names, rows, bounds)


def _of_values(name: str, found: Any, bounds: Bounds) -> Sample:
    """A value a row, a list a row, a dict a row, or a list a column."""
    if isinstance(found, Mapping):
        columns = [value if isinstance(value, list) else [value] for value in found.values()]
        height = max(map(len, columns), default=0)
        kept = range(min(height, bounds.rows))
        rows = [[c[row] if row < len(c) else "" for c in columns] for row in kept]
        return _sample(list(found), rows, bounds, height)
    if not isinstance(found, list):
        return _sample([name], [[found]], bounds)
    first = found[: bounds.rows]
    if first and all(isinstance(row, Mapping) for row in first):
        names = list(dict.fromkeys(key for row in first for key in row))
        cells = [[row.get(key, "") for key in names] for row in first]
        return _sample(names, cells, bounds, len(found))
    if first and all(isinstance(row, list) for row in first):
        width = max(map(len, first))
        names = [f"{name}[{place}]" for place in range(width)]
        return _sample(names, first, bounds, len(found))
    return _sample([name], [[value] for value in first], bounds, len(found))


_MLFLOW: dict[str, Callable[[Any, Bounds], Sample]] = {
    "dataframe_split": _of_split,
    "dataframe_records": lambda found, bounds: _of_values("record", found, bounds),
    "instances": lambda found, bounds: _of_values("instance", found, bounds),
    "inputs": lambda found, bounds: _of_values("input", found, bounds),
    "predictions": lambda found, bounds: _of_values("predictions", found, bounds),
}


def _of_csv(data: bytes, bounds: Bounds) -> Sample:
    lines = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    names = next(lines, [])
    first = list(islice(lines, bounds.rows))
    return _sample(names, first, bounds, len(first) + sum(1 for _ in lines))


def _sample(
    names: Names,
    rows: Rows,
    bounds: Bounds,
    height: int | None = None,
    width: int | None = None,
) -> Sample:
    kept = tuple(str(name)[:_MAX_CELL] for name in names[: bounds.columns])
    cells = tuple(
        tuple(_cell(row[place]) if place < len(row) else "" for place in range(len(kept)))
        for row in rows[: bounds.rows]
    )
    return Sample(
        kept,
        cells,
        len(rows) if height is None else height,
        len(names) if width is None else width,
    )


def _cell(value: object) -> str:
    if isinstance(value, float):
        shown = f"{value:.6g}"
    elif isinstance(value, Mapping | list):
        shown = json.dumps(value, ensure_ascii=False)
    else:
        shown = "missing" if value is None else str(value)
    return shown if len(shown) <= _MAX_CELL else f"{shown[: _MAX_CELL - 1]}…"
