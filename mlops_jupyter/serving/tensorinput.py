"""JSON lists and frames as the tensors of a signature, as MLflow's scoring server makes them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from mlops_jupyter.serving import packing
from mlops_jupyter.serving.columns import Payload, check_rows
from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.serving.oip_inputs import tensor_refusal
from mlops_jupyter.serving.tensors import Inputs
from mlops_jupyter.serving.tensorspecs import TensorPlan, TensorSpec
from mlops_jupyter.types import InvalidInput, InvalidRequest

_MAX_RANK = 32


def from_values(plan: TensorPlan, data: Any, shape: str, params: Payload) -> Inputs:
    """The data of ``inputs`` or ``instances``.

    A list is the one tensor there is, an object has tensors by name, and for ``instances`` a list
    of objects has the rows of each tensor by name.
    """
    if shape == "instances" and type(data) is list and data and type(data[0]) is dict:
        data = _columns_of(plan, data)
    if type(data) is dict and not plan.unnamed:
        absent = [spec.key for spec in plan.specs if spec.key not in data]
        if absent:
            raise plan.missing(absent)
        values = [data[spec.key] for spec in plan.specs]
    elif len(plan.specs) == 1 and type(data) is not dict:
        values = [data]
    else:
        wanted = "a list" if plan.unnamed else "an object with a member for each tensor"
        raise _bad(f"'{shape}' must be {wanted} for this model.")
    return _build(plan, values, params)


def _columns_of(plan: TensorPlan, rows: list[Any]) -> dict[str, list[Any]]:
    for number, row in enumerate(rows):
        if type(row) is not dict:
            raise _bad("'instances' must be all objects, or none.")
        absent = [spec.key for spec in plan.specs if spec.key not in row]
        if absent:
            error = plan.missing(absent)
            error.reason = f"Row {number} (counted from 0) has none. {error.reason}"
            raise error
    return {spec.key: [row[spec.key] for row in rows] for spec in plan.specs}


def from_frame(
    plan: TensorPlan, names: Sequence[str] | None, rows: Sequence[Sequence[Any]], params: Payload
) -> Inputs:
    """A frame: all columns as one tensor, or a column a tensor when tensors have names.

    A cell may be a list: the row of its tensor, flat or in the tensor's shape.
    """
    check_rows(len(rows))
    width = len(names) if names is not None else len(rows[0]) if type(rows[0]) is list else 1
    if not all(type(row) is list and len(row) == width for row in rows):
        raise _bad(f"Each row must be a list of {width} values.")
    if plan.unnamed:
        values: list[Any] = [[row[0] for row in rows]] if width == 1 else [list(rows)]
    else:
        position = {name: index for index, name in enumerate(names or ())}
        absent = [spec.key for spec in plan.specs if spec.key not in position]
        if absent:
            raise plan.missing(absent)
        values = [[row[position[spec.key]] for row in rows] for spec in plan.specs]
    return _build(plan, values, params, reshape=True)


def _build(
    plan: TensorPlan, values: Sequence[Any], params: Payload, *, reshape: bool = False
) -> Inputs:
    buffers, shapes = [], []
    for spec, value in zip(plan.specs, values, strict=True):
        shape, flat = _flatten(spec, value)
        if reshape:
            shape = _row_shape(spec, shape)
        spec.check_shape(shape)
        try:
            buffers.append(packing.pack(spec.datatype, flat))
        except Misfit as misfit:
            raise tensor_refusal(spec, misfit) from None
        shapes.append(shape)
    return plan.build(buffers, shapes, params)


def _row_shape(spec: TensorSpec, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The tensor's own shape when a frame's cells hold its rows flat."""
    wanted = spec.shape[1:]
    if -1 in wanted or shape[1:] == wanted:
        return shape
    sizes = 1
    for size in wanted:
        sizes *= size
    cells = 1
    for size in shape[1:]:
        cells *= size
    return (shape[0], *wanted) if sizes == cells else shape


def _flatten(spec: TensorSpec, value: Any) -> tuple[tuple[int, ...], Sequence[Any]]:
    """Shape and flat elements of nested lists; ragged ones are refused."""
    if type(value) is not list:
        return (), [value]
    shape = [len(value)]
    level: list[Any] = value
    while level and type(level[0]) is list:
        size = len(level[0])
        if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
            raise _ragged(spec)
        shape.append(size)
        if len(shape) > _MAX_RANK:
            raise _ragged(spec)
        level = list(chain.from_iterable(level))
    if list in set(map(type, level)):
        raise _ragged(spec)
    return tuple(shape), level


def _ragged(spec: TensorSpec) -> InvalidInput:
    return InvalidInput(
        f"{spec.title} must be a regular array.",
        reason="Lists at the same depth have different lengths, or are nested too deep.",
        fix=f"Send nested lists of the shape {list(spec.shape)}, where -1 is any size.",
        code="wrong_shape",
    )


def _bad(message: str) -> InvalidRequest:
    return InvalidRequest(
        message, fix="See the model's metadata for its tensors.", code="invalid_scoring_request"
    )
