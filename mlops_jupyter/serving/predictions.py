"""A model's answer in the shape of MLflow's scoring server: ``{"predictions": …}``.

Frames and series become records, arrays nested lists, times ISO 8601 text, bytes base64 in MLflow's
lines of 76 characters. Where MLflow writes NaN or Infinity, which are not JSON, and "NaT", here is
null. `results.pack` wrote what is read here; its notes say which texts are times.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import orjson

from mlops_jupyter.serving import datetimes, packing
from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.serving.oip_response import check_tensor, unusable
from mlops_jupyter.serving.tensors import Outputs, Tensor
from mlops_jupyter.types.datatypes import ITEM_SIZES, STRUCT_CODES

_MAX_DEPTH = 50
_Note = Mapping[str, Any]


def encode_predictions(outputs: Outputs, *, wrapped: bool = True) -> bytes:
    """The body; when not `wrapped`, the predictions alone.

    Raises
    ------
    ModelError
        The worker's data does not fit its own description.
    """
    try:
        if len(outputs.tensors) == 1 and outputs.container == "ndarray" and wrapped:
            tensor = outputs.tensors[0]
            code = STRUCT_CODES.get(tensor.datatype)
            if code is not None and len(tensor.shape) == 1 and not outputs.extra:
                count = tensor.shape[0]
                if len(tensor.data) == count * ITEM_SIZES[tensor.datatype]:
                    data = orjson.dumps(packing.unpacker(code, count)(tensor.data))
                    return b'{"predictions":%b}' % data
        for tensor in outputs.tensors:
            check_tensor(tensor)
        predictions = _jsonable(outputs.container, outputs.tensors, outputs.extra, outputs.rows)
        return orjson.dumps({"predictions": predictions} if wrapped else predictions)
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
        # names, shapes and `extra` come from the worker and may be anything
        raise unusable(f"It is not what it says it is ({type(error).__name__}).") from None


def _jsonable(
    container: str, tensors: Sequence[Tensor], extra: Mapping[str, Any], rows: int, depth: int = 0
) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deep")
    if "parts" in extra:
        parts = _parts(tensors, extra["parts"], depth)
        return dict(parts) if container == "dict" else [value for _, value in parts]
    if container in ("frame", "series"):
        return _records(container, tensors, extra, rows)
    if container == "dict":
        return {tensor.name: _nested(tensor, {}) for tensor in tensors}
    if len(tensors) != 1:
        raise ValueError("one tensor is needed")
    value = _nested(tensors[0], extra.get("note", {}))
    if container in ("scalar", "json") and type(value) is list and len(value) == 1:
        return value[0]
    return value


def _parts(
    tensors: Sequence[Tensor], described: Sequence[Any], depth: int
) -> list[tuple[str, Any]]:
    found = []
    start = 0
    for name, container, extra, own, rows in described:
        named = zip(tensors[start : start + len(own)], own, strict=True)
        mine = [replace(tensor, name=its_name) for tensor, its_name in named]
        start += len(own)
        found.append((str(name), _jsonable(container, mine, extra, rows, depth + 1)))
    return found


def _records(
    container: str, tensors: Sequence[Tensor], extra: Mapping[str, Any], rows: int
) -> list[dict[str, Any]]:
    if container == "series":
        # a series without a name becomes a frame whose column is called 0
        names = [tensors[0].name if extra.get("name") is not None else "0"]
        columns = [_nested(tensors[0], extra.get("note", {}), records=True)]
    else:
        notes = extra.get("notes", {})
        names = [tensor.name for tensor in tensors]
        columns = [
            _nested(tensor, notes.get(str(position), {}), records=True)
            for position, tensor in enumerate(tensors)
        ]
    if not columns:
        return [{} for _ in range(rows)]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _nested(tensor: Tensor, note: _Note, *, records: bool = False) -> Any:
    values = _elements(tensor, note.get("values", note), records)
    if not tensor.shape:
        return values[0]
    if 0 in tensor.shape:
        return _empty(tensor.shape)
    for size in reversed(tensor.shape[1:]):
        values = [list(values[i : i + size]) for i in range(0, len(values), size)]
    return list(values)


def _empty(shape: Sequence[int]) -> list[Any]:
    """The lists that an array with an axis of length 0 is written as."""
    return [_empty(shape[1:]) for _ in range(shape[0])]


def _elements(tensor: Tensor, note: _Note, records: bool) -> Sequence[Any]:
    if tensor.datatype != "BYTES":
        return packing.unpack(tensor.datatype, tensor.data)
    if tensor.content_type == "json":
        return [_fragment(item) for item in packing.unpack_bytes(tensor.data)]
    if tensor.content_type != "base64":
        try:
            texts = packing.unpack_texts(tensor.data)
        except Misfit:
            pass
        else:
            return _times(texts, note, records) if note.get("of") == "time" else texts
    return [
        None if item is None else base64.encodebytes(item).decode("ascii")
        for item in packing.unpack_bytes(tensor.data)
    ]


def _fragment(item: bytes | None) -> Any:
    if item is None:
        return None
    msgspec.json.decode(item, type=msgspec.Raw)
    item.decode()
    return orjson.Fragment(item)


def _times(texts: Sequence[str | None], note: _Note, records: bool) -> list[Any]:
    """Times as MLflow writes them.

    In frames and series as ``Timestamp.isoformat``; in arrays numpy decides by the unit: whole days
    are dates, nanoseconds whole numbers, all between is as in frames.
    """
    unit = note.get("dtype", "")[4:-1]
    if not records and unit == "D":
        return list(texts)
    try:
        times = [None if text is None else datetimes.parse(text) for text in texts]
    except Misfit:
        return list(texts)
    if not records and unit == "ns":
        return times
    zone = note.get("zone")
    return [None if time is None else datetimes.write(time, zone) for time in times]
