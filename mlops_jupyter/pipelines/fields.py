"""A row's fields while a pipeline runs: packed columns, cut and joined by rows, and their types.

A column keeps the bytes it came in for as long as it can: what a step gives goes on to the next one
unread when both mean the same by it.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson

from mlops_jupyter.pipelines.fieldtype import (
    ANY,
    Cells,
    FieldType,
    as_kind,
    common,
    datatype_of,
    nullable,
)
from mlops_jupyter.serving import datetimes, packing
from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.serving.nested import LEAVES, Kind, pack_nested
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.tensors import Inputs, Outputs, Tensor
from mlops_jupyter.types.datatypes import MISSING_TIME

_MISSING_ITEM = b"\xff\xff\xff\xff"
_TIME_NOTE = {"of": "time", "dtype": "<M8[ns]"}
_NAN = {
    "float": packing.packer("f", 1)(float("nan")),
    "double": packing.packer("d", 1)(float("nan")),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of some rows: its type and its packed values, as in a frame between gateway and
    worker.
    """

    kind: FieldType
    data: bytes
    rows: int

    def values(self) -> list[Any]:
        """The values as JSON has them; times as ISO 8601 text, cells as nested lists."""
        kind = self.kind
        if isinstance(kind, Cells):
            return _nest(list(packing.unpack(kind.datatype, self.data)), kind, self.rows)
        if kind.name == "string":
            return list(packing.unpack_texts(self.data))
        if kind.name == "binary":
            return list(packing.unpack_bytes(self.data))
        if kind.name == "datetime":
            times = packing.unpack("INT64", self.data)
            return [None if time == MISSING_TIME else datetimes.write(time) for time in times]
        if kind.name in LEAVES:
            return list(packing.unpack(datatype_of(kind), self.data))
        items = packing.unpack_bytes(self.data)
        return [None if item is None else orjson.loads(item) for item in items]


Context = dict[str, Field]
"""The fields of a row, or of a batch of rows, by name."""


def _nest(values: list[Any], kind: Cells, rows: int) -> list[Any]:
    if kind.datatype == "BYTES":
        values = [None if value is None else value.decode() for value in values]
    shape = kind.shape
    if -1 in shape:
        raise Misfit(0, "has a shape that is not known")
    for size in reversed(shape):
        values = [values[start : start + size] for start in range(0, len(values), size)]
    return values if shape else values[:rows]


def pack(values: Sequence[Any], kind: FieldType, *, required: bool = True) -> bytes:
    """Values as JSON has them, packed as `kind`; raises Misfit for one that does not fit."""
    if isinstance(kind, Cells):
        flat: Any = values
        for size in kind.shape:
            if any(type(one) is not list or size not in (-1, len(one)) for one in flat):
                raise Misfit(0, f"is not of the shape {list(kind.shape)}")
            flat = list(chain.from_iterable(flat))
        return packing.pack(kind.datatype, flat)
    if kind.name == "binary":
        return packing.pack_bytes(values)
    if kind.name in LEAVES:
        return LEAVES[kind.name](values)
    return pack_nested(kind, required, values)


def converted(field: Field, wanted: FieldType, *, required: bool = True) -> bytes:
    """The field's data packed as `wanted`; raises Misfit for a value that does not fit."""
    kind = field.kind
    if kind == wanted or (
        isinstance(kind, Cells) and isinstance(wanted, Cells) and kind.datatype == wanted.datatype
    ):
        return field.data
    if datatype_of(kind) == "FP32" and datatype_of(wanted) == "FP64" and _same_shape(kind, wanted):
        return array("d", array("f", field.data)).tobytes()
    values = field.values()
    if isinstance(wanted, Cells) and wanted.shape and not isinstance(kind, Cells):
        if kind.name in LEAVES:
            for _ in wanted.shape:
                values = [[value] for value in values]
    elif isinstance(kind, Cells) and isinstance(wanted, Kind) and wanted.name in LEAVES:
        for _ in kind.shape:
            values = [value[0] for value in values]
    return pack(values, wanted, required=required)


def _same_shape(given: FieldType, wanted: FieldType) -> bool:
    return isinstance(given, Cells) == isinstance(wanted, Cells)


# -- rows -----------------------------------------------------------------------------------------


def take_rows(field: Field, rows: Sequence[int]) -> Field:
    """Only some rows, in the order of `rows`."""
    pieces = _pieces(field)
    return Field(field.kind, b"".join([pieces[row] for row in rows]), len(rows))


def join_rows(parts: Sequence[tuple[Sequence[int], Field | None]], rows: int) -> Field:
    """One field of `rows` rows from parts that hold some of them each; None: these have none.

    Raises Misfit when a part cannot be of the type that all have in common.
    """
    present = [field for places, field in parts if field is not None and places]
    kind = present[0].kind
    for other in present[1:]:
        kind = common(kind, other.kind)
    if len(present) < len([1 for places, _ in parts if places]):
        kind = nullable(kind)
    pieces: list[bytes] = [b""] * rows
    for places, field in parts:
        if field is None:
            for place in places:
                pieces[place] = _missing(kind)
            continue
        whole = Field(kind, converted(field, kind, required=False), len(places))
        for place, piece in zip(places, _pieces(whole), strict=True):
            pieces[place] = piece
    return Field(kind, b"".join(pieces), rows)


def _pieces(field: Field) -> list[bytes]:
    data, rows = field.data, field.rows
    if datatype_of(field.kind) == "BYTES":
        starts, end = packing.walk_bytes(data)
        step = len(starts) // max(rows, 1)
        bounds = [*starts, end]
        return [data[bounds[r * step] : bounds[(r + 1) * step]] for r in range(rows)]
    width = len(data) // max(rows, 1)
    return [data[row * width : (row + 1) * width] for row in range(rows)]


def _missing(kind: FieldType) -> bytes:
    if isinstance(kind, Kind) and kind.name == "datetime":
        return MISSING_TIME.to_bytes(8, "little", signed=True)
    if isinstance(kind, Kind) and kind.name in _NAN:
        return _NAN[kind.name]
    return _MISSING_ITEM


# -- in and out -----------------------------------------------------------------------------------


def read_inputs(inputs: Inputs, signature: Signature) -> Context:
    """The fields that a caller of the pipeline sent."""
    table = signature.table
    assert table is not None
    if inputs.form == "matrix":
        width = table.width
        matrix = array("d", inputs.buffers[0])
        return {
            column.key: Field(column.kind, matrix[position::width].tobytes(), inputs.rows)
            for position, column in enumerate(table.columns)
        }
    by_name = {column.name: column for column in table.columns}
    return {
        by_name[name].key: Field(by_name[name].kind, buffer, inputs.rows)
        for name, buffer in zip(inputs.header["columns"], inputs.buffers, strict=True)
    }


def read_output(tensor: Tensor, declared: FieldType | None, rows: int) -> Field:
    """A step's output as a field of its declared type; raises Misfit when it is none.

    `rows` must be the tensor's first axis.
    """
    raw = _raw(tensor, rows)
    if declared is None or raw.kind == declared:
        return raw
    if isinstance(declared, Cells) and -1 in declared.shape and isinstance(raw.kind, Cells):
        return raw if raw.kind.datatype == declared.datatype else Field(
            Cells(declared.datatype, raw.kind.shape), converted(raw, declared), rows
        )  # fmt: skip
    return Field(declared, converted(raw, declared, required=False), rows)


def _raw(tensor: Tensor, rows: int) -> Field:
    shape = tensor.shape[1:]
    if tensor.datatype == "BYTES" and not shape:
        kind = {"base64": Kind("binary"), "json": ANY}.get(
            tensor.content_type or "", Kind("string")
        )
        return Field(kind, tensor.data, rows)
    leaf = {"BOOL": "boolean", "INT32": "integer", "INT64": "long", "FP32": "float",
            "FP64": "double"}.get(tensor.datatype)  # fmt: skip
    if leaf and not shape:
        return Field(Kind(leaf), tensor.data, rows)
    return Field(Cells(tensor.datatype, shape), tensor.data, rows)


def write_answer(names: Sequence[str], context: Mapping[str, Field], rows: int) -> Outputs:
    """The pipeline's answer: a frame of the fields `names`."""
    tensors = []
    notes: dict[str, Any] = {}
    for position, name in enumerate(names):
        tensor, note = _written(name, context[name])
        tensors.append(tensor)
        if note:
            notes[str(position)] = note
    return Outputs(rows, "frame", tuple(tensors), {"notes": notes} if notes else {})


def _written(name: str, field: Field) -> tuple[Tensor, dict[str, Any]]:
    kind, shape = field.kind, (field.rows,)
    if isinstance(kind, Cells):
        plain = as_kind(kind)
        field = Field(plain, converted(field, plain, required=False), field.rows)
        kind = plain
    if kind.name == "string":
        return Tensor(name, "BYTES", shape, field.data), {"of": "text"}
    if kind.name == "binary":
        return Tensor(name, "BYTES", shape, field.data, "base64"), {"of": "bytes"}
    if kind.name == "datetime":
        texts = [None if text is None else text.encode() for text in field.values()]
        return Tensor(name, "BYTES", shape, packing.pack_bytes(texts)), _TIME_NOTE
    if kind.name in LEAVES:
        return Tensor(name, datatype_of(kind), shape, field.data), {}
    return Tensor(name, "BYTES", shape, field.data, "json"), {"of": "json"}
