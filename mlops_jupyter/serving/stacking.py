"""Stacking calls into one batch, and giving each call its own rows of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from mlops_jupyter.serving import packing
from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.serving.oip_response import unusable
from mlops_jupyter.serving.tensors import Inputs, Outputs, Tensor
from mlops_jupyter.types import ModelError
from mlops_jupyter.types.datatypes import ITEM_SIZES


def stack(calls: Sequence[Inputs]) -> tuple[dict[str, Any], list[bytes]]:
    """Header of a PREDICT frame and its buffers, for calls with equal keys.

    The header has ``form, rows, columns, types, sizes, params``, and ``shapes`` (of whole buffers)
    for a matrix and for tensors.
    """
    first = calls[0]
    header = first.header.copy()
    if len(calls) == 1:
        rows = first.rows
        buffers = list(first.buffers)
    else:
        rows = sum([call.rows for call in calls])
        if len(first.buffers) == 1:
            buffers = [b"".join([call.buffers[0] for call in calls])]
        else:
            buffers = [
                b"".join(parts) for parts in zip(*[call.buffers for call in calls], strict=True)
            ]
    whole = header.pop("whole_shapes", None)
    if whole is not None:
        header["shapes"] = whole
    elif first.form != "frame":
        header["shapes"] = [[rows, *shape] for shape in header["shapes"]]
    header["rows"] = rows
    header["sizes"] = [len(buffer) for buffer in buffers]
    header["params"] = first.params
    return header, buffers


def split(outputs: Outputs, counts: Sequence[int], *, row_wise: bool = False) -> list[Outputs]:
    """The answer to a batch as one answer a call, by each call's number of rows.

    A single call gets the answer as it is, since a model may return what it likes for its rows (a
    forecast, a summary), unless `row_wise` says that this one must return a row for a row.

    Raises
    ------
    ModelError
        An output has not one row for each row of the batch.
    """
    try:
        return _split(outputs, counts, row_wise)
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError):
        # names, shapes and `extra` come from the worker and may be anything
        raise _broken() from None


def _split(outputs: Outputs, counts: Sequence[int], row_wise: bool) -> list[Outputs]:
    total = sum(counts)
    if len(counts) > 1 or row_wise:
        for tensor in outputs.tensors:
            if not tensor.shape or tensor.shape[0] != total:
                raise _misaligned(tensor, total)
        if not outputs.tensors:
            raise _misaligned(None, total)
    if len(counts) == 1:
        return [outputs]
    container, extra = outputs.container, outputs.extra
    pieces = [_cut(tensor, counts, total) for tensor in outputs.tensors]
    if len(pieces) == 1:
        answers = [Outputs(piece.shape[0], container, (piece,), extra) for piece in pieces[0]]
    else:
        answers = _join(outputs, counts, pieces)
    if "index" in extra or "parts" in extra:
        start = 0
        for answer in answers:
            answer.extra = _cut_extra(extra, start, start + answer.rows)
            start += answer.rows
    return answers


def _join(
    outputs: Outputs, counts: Sequence[int], pieces: Sequence[Sequence[Tensor]]
) -> list[Outputs]:
    container, extra = outputs.container, outputs.extra
    return [
        Outputs(count, container, tensors, extra)
        for count, tensors in zip(counts, zip(*pieces, strict=True), strict=True)
    ]


def _cut(tensor: Tensor, counts: Sequence[int], total: int) -> list[Tensor]:
    name, datatype, content_type = tensor.name, tensor.datatype, tensor.content_type
    trailing = tensor.shape[1:]
    data = tensor.data
    row = prod(trailing)
    if datatype == "BYTES":
        bounds = _bounds(tensor, row, total)
    else:
        row *= ITEM_SIZES.get(datatype, 0)
        if len(data) != row * total or datatype not in ITEM_SIZES:
            raise _broken()
        bounds = range(0, row * total + 1, row) if row else [0] * (total + 1)
    if row and total == len(counts) and datatype != "BYTES" and 0 not in counts:
        shape = (1, *trailing)
        return [
            Tensor(name, datatype, shape, data[start : start + row], content_type)
            for start in bounds[:-1]
        ]
    pieces = []
    start = 0
    for count in counts:
        stop = start + count
        piece = data[bounds[start] : bounds[stop]]
        pieces.append(Tensor(name, datatype, (count, *trailing), piece, content_type))
        start = stop
    return pieces


def _cut_extra(extra: dict[str, Any], start: int, stop: int) -> dict[str, Any]:
    """The part of an index (see ``index.pack_index``) that belongs to some rows."""
    cut = dict(extra)
    if isinstance(index := cut.get("index"), dict):
        cut["index"] = {
            name: value[start:stop] if name in ("labels", "ticks", "periods") else value
            for name, value in index.items()
        }
        if "range" in index:
            first, _, step = index["range"]
            cut["index"]["range"] = [first + step * start, first + step * stop, step]
    if "parts" in cut:
        cut["parts"] = [
            [name, container, _cut_extra(inner, start, stop), own, stop - start]
            for name, container, inner, own, _ in cut["parts"]
        ]
    return cut


def _bounds(tensor: Tensor, row: int, total: int) -> Sequence[int]:
    """Offsets at which the rows of a BYTES tensor start, and its end."""
    try:
        starts, end = packing.walk_bytes(tensor.data)
    except Misfit:
        raise _broken() from None
    if len(starts) != row * total:
        raise _broken()
    return [*starts[::row], end] if row else [0] * (total + 1)


def _misaligned(tensor: Tensor | None, total: int) -> ModelError:
    found = tensor.shape[0] if tensor is not None and tensor.shape else "no"
    return ModelError(
        f"The model returned {found} rows for {total} rows.",
        reason="Answers of a batch are given back by row, so there must be one for each.",
        fix="Let predict return one entry for each row that it gets.",
        code="wrong_row_count",
    )


def _broken() -> ModelError:
    return unusable("An output's data does not fit the shape that it is said to have.")
