"""Fitting the inputs of an inference request to a signature.

A declared datatype passes for a column's type when no value can be changed by it: any integer or
smaller float for a float, any integer for an integer (each value is checked), else only its own.
MLflow draws the same line for typed data, but refuses 64-bit integers where 32-bit ones are meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, prod
from typing import Any

from mlops_jupyter.serving import packing
from mlops_jupyter.serving.columns import Column, Payload, Table
from mlops_jupyter.serving.datetimes import pack_datetimes
from mlops_jupyter.serving.misfit import Misfit, first_not
from mlops_jupyter.serving.nested import pack_nested_texts
from mlops_jupyter.serving.oip_request import Received, bad
from mlops_jupyter.serving.tensors import Inputs
from mlops_jupyter.serving.tensorspecs import TensorPlan, TensorSpec
from mlops_jupyter.types import InvalidInput, did_you_mean
from mlops_jupyter.types.datatypes import ITEM_SIZES

NATIVE = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
}
"""The datatype in which a column's values travel unchanged; all other types travel as BYTES."""

_SAME = NATIVE | {"string": "BYTES"}

_TEXT_OR_NULL = frozenset((str, type(None)))
_INTEGERS = frozenset(packing.INTEGER_RANGES)
_ACCEPTED: dict[str, frozenset[str]] = {
    "FP64": _INTEGERS | {"FP16", "FP32", "FP64"},
    "FP32": _INTEGERS | {"FP16", "FP32"},
    "FP16": _INTEGERS | {"FP16"},
    "BOOL": frozenset(("BOOL",)),
    "BYTES": frozenset(("BYTES",)),
} | dict.fromkeys(_INTEGERS, _INTEGERS)


# -- columns --------------------------------------------------------------------------------------


def fit_columns(received: Sequence[Received], table: Table, params: Payload) -> Inputs:
    """Inputs for a signature of columns: an input a column, or one matrix of all columns."""
    first = received[0]
    if len(received) == 1 and len(first.shape) == 2 and first.name not in table.index:
        return _fit_matrix(first, table, params)
    buffers: list[bytes | None] = [None] * table.width
    lengths: list[tuple[Column, int]] = []
    for entry in received:
        position = table.index.get(entry.name)
        if position is None:
            continue
        column = table.columns[position]
        if entry.shape == (1,) and entry.raw is None and entry.datatype == _SAME.get(column.type):
            try:
                buffers[position] = table.packers[position](entry.values)
            except Misfit as misfit:
                raise column.refusal(misfit) from None
        else:
            buffers[position] = _pack_column(entry, column)
        lengths.append((column, entry.shape[0]))
    table.check_present(buffers)
    rows = lengths[0][1] if lengths else first.shape[0] if first.shape else 0
    for column, length in lengths:
        if length != rows:
            raise table.uneven(column, length, rows)
    _check_rows(rows)
    return table.from_buffers(buffers, rows, params)


def _fit_matrix(entry: Received, table: Table, params: Payload) -> Inputs:
    rows, width = entry.shape
    _check_rows(rows)
    if width != table.width:
        raise InvalidInput(
            f"The input has {width} columns; the signature of {table.ref} has {table.width}.",
            reason=_names_hint(entry, table),
            fix=f"Send {table.width} values a row in the order of the columns, or an input a "
            "column, named like it.",
            code="wrong_width",
        )
    if table.matrix and entry.datatype == "FP64":
        try:
            data = packing.pack_doubles(entry.values) if entry.raw is None else entry.raw
        except Misfit as misfit:
            row, position = divmod(misfit.index, width)
            raise table.columns[position].refusal(misfit, row) from None
        return table.from_matrix(data, rows, params)
    buffers: list[bytes | None] = []
    elements = packing.unpack(entry.datatype, entry.raw) if entry.raw is not None else ()
    for position, column in enumerate(table.columns):
        one = Received(column.key, entry.datatype, (rows,), [], None, entry.content_type)
        if entry.raw is None:
            one.values = entry.values[position::width]
        elif entry.datatype == "BYTES":
            one.raw = packing.pack_bytes(elements[position::width])
        else:
            one.raw = packing.pack(entry.datatype, elements[position::width])
        buffers.append(_pack_column(one, column))
    return table.from_buffers(buffers, rows, params)


def _names_hint(entry: Received, table: Table) -> str:
    return did_you_mean(entry.name[:64], table.keys) if table.width <= 1000 else ""


def _pack_column(entry: Received, column: Column) -> bytes:
    try:
        if column.type in NATIVE:
            _check_shape(entry, column)
            return _convert(entry, NATIVE[column.type], f"Column '{column.key}'", str(column.kind))
        if column.type in ("string", "binary", "datetime"):
            _check_shape(entry, column)
            return _pack_bytes_column(entry, column)
        return _pack_nested_column(entry, column)
    except Misfit as misfit:
        raise column.refusal(misfit) from None


def _check_shape(entry: Received, column: Column) -> None:
    shape = entry.shape
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
        return
    raise InvalidInput(
        f"Column '{column.key}' must have the shape [rows] or [rows, 1], not {list(shape)}.",
        fix="Send one value a row in each column.",
        code="wrong_shape",
    )


def _convert(entry: Received, target: str, title: str, wanted: str) -> bytes:
    if entry.datatype == target:
        return entry.raw if entry.raw is not None else packing.pack(target, entry.values)
    if entry.datatype not in _ACCEPTED[target]:
        raise _wrong_datatype(entry, title, wanted, target)
    return packing.pack(target, packing.unpack(entry.datatype, entry.packed()))


def _wrong_datatype(entry: Received, title: str, wanted: str, target: str) -> InvalidInput:
    return InvalidInput(
        f"{title} must be of type {wanted}, and comes as {entry.datatype}.",
        reason=f"{entry.datatype} cannot become {target} without changing values.",
        fix=f"Send it as {target}.",
        code="wrong_type",
    )


def _pack_bytes_column(entry: Received, column: Column) -> bytes:
    title = f"Column '{column.key}'"
    if column.type == "datetime" and entry.datatype == "INT64":
        return entry.packed()
    if entry.datatype != "BYTES":
        raise _wrong_datatype(entry, title, column.type, "BYTES")
    if column.type == "binary":
        if entry.raw is not None:
            return entry.raw
        if entry.content_type == "str":
            return packing.pack_texts(entry.values)
        return packing.pack_base64(entry.values)
    if entry.raw is None:
        texts: Sequence[Any] = entry.values
    else:
        texts = packing.unpack_texts(entry.raw)
    if column.type == "datetime":
        if any(type(text) is int for text in texts):  # a number is a time as INT64 only
            raise first_not(list(texts), _TEXT_OR_NULL)
        return pack_datetimes(texts)
    return packing.pack_texts(texts) if entry.raw is None else entry.raw


def _pack_nested_column(entry: Received, column: Column) -> bytes:
    """JSON text a row, or for lists of numbers a tensor whose further axes are the lists."""
    shape = entry.shape
    if entry.datatype == "BYTES" and (
        len(shape) == 1 or (column.type != "array" and shape[1:] == (1,))
    ):
        texts = packing.unpack_texts(entry.packed())
        return pack_nested_texts(column.kind, column.required, texts)
    if not entry.shape or prod(entry.shape) == 0:
        raise _empty()
    if entry.datatype == "BYTES":
        flat: Sequence[Any] = packing.unpack_texts(entry.packed())
    else:
        flat = packing.unpack(entry.datatype, entry.packed())
    for size in reversed(entry.shape[1:]):
        flat = [list(flat[i : i + size]) for i in range(0, len(flat), size)]
    return column.packer()([None if _is_nan(value) else value for value in flat])


def _is_nan(value: Any) -> bool:
    return type(value) is float and isnan(value)


def _check_rows(rows: int) -> None:
    if rows == 0:
        raise _empty()


def _empty() -> InvalidInput:
    return InvalidInput("The data has no rows.", fix="Send at least one row.", code="empty_batch")


# -- tensors --------------------------------------------------------------------------------------


def fit_tensors(received: Sequence[Received], plan: TensorPlan, params: Payload) -> Inputs:
    """Inputs for a signature of tensors, by name; an unnamed tensor takes an input of any name."""
    if plan.unnamed:
        if len(received) != 1:
            raise InvalidInput(
                f"The model takes one tensor, and the request has {len(received)} inputs.",
                fix="Send one input.",
                code="wrong_width",
            )
        chosen = list(received)
    else:
        by_name = {entry.name: entry for entry in received}
        absent = [spec.key for spec in plan.specs if spec.key not in by_name]
        if absent:
            raise plan.missing(absent)
        chosen = [by_name[spec.key] for spec in plan.specs]
    for entry, spec in zip(chosen, plan.specs, strict=True):
        spec.check_shape(entry.shape)
    buffers = [_fit_tensor(entry, spec) for entry, spec in zip(chosen, plan.specs, strict=True)]
    return plan.build(buffers, [entry.shape for entry in chosen], params)


def _fit_tensor(entry: Received, spec: TensorSpec) -> bytes:
    try:
        if spec.datatype == "BYTES" and entry.datatype == "BYTES" and entry.raw is None:
            if entry.content_type == "base64" or spec.dtype.startswith("bytes"):
                return packing.pack_base64(entry.values)
            return packing.pack_texts(entry.values)
        packed = _convert(entry, spec.datatype, spec.title, spec.dtype)
        if spec.datatype == "BYTES" and not spec.dtype.startswith("bytes"):
            packing.unpack_texts(packed)  # the model gets text: what is none is refused here
        return packed
    except Misfit as misfit:
        raise tensor_refusal(spec, misfit) from None


def tensor_refusal(spec: TensorSpec, misfit: Misfit) -> InvalidInput:
    """The answer to an element that does not fit a tensor."""
    return InvalidInput(
        f"{spec.title} must be of type {spec.dtype}.",
        reason=f"The element at position {misfit.index} (counted from 0, row-major) "
        f"{misfit.problem}.",
        fix=f"Send elements of {spec.datatype}.",
        code="wrong_type",
    )


# -- raw ------------------------------------------------------------------------------------------


def raw_input(body: bytes, table: Table | None, plan: TensorPlan | None) -> Received:
    """The single input of a request without any JSON (``Inference-Header-Content-Length: 0``)."""
    trailing: tuple[int, ...]
    if table is not None and table.matrix:
        datatype, trailing = "FP64", (table.width,)
    elif plan is not None and len(plan.specs) == 1 and -1 not in plan.specs[0].shape[1:]:
        datatype, trailing = plan.specs[0].datatype, plan.specs[0].shape[1:]
    else:
        raise bad(
            "A request without JSON needs a model with one tensor of known row shape.",
            fix="Send the JSON part too.",
        )
    name = plan.specs[0].key if plan is not None else ""
    if datatype == "BYTES":  # the protocol: the whole body is one element
        return Received(name, datatype, (1, *trailing), [], packing.pack_bytes([body]), None)
    size = ITEM_SIZES[datatype] * prod(trailing)
    if not body or len(body) % size:
        raise bad(
            "The body does not hold whole rows.",
            reason=f"A row is {size} bytes; the body is {len(body)}.",
            fix=f"Send the rows' elements as {datatype}, little-endian, row-major.",
        )
    return Received(name, datatype, (len(body) // size, *trailing), [], body, None)
