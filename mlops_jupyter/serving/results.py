"""What a model returned as `Outputs`, and back: `pack` in the worker, `rebuild` in a client.

`container` is ndarray, series, frame, list, scalar, dict or json. Frames have a tensor a column,
dicts and lists of arrays one an entry. `extra` holds what tensors cannot: names, index, dtypes; it
is empty for a plain array of numbers. An answer that is split by rows keeps its `extra`, so nothing
in it may depend on single rows unless the index says so.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlops_jupyter.serving.elements import (
    Elements,
    UnusableResult,
    pack_array,
    pack_objects,
    pack_values,
    to_json,
    to_objects,
    unpack_array,
)
from mlops_jupyter.serving.index import pack_index, pack_label, unpack_index, unpack_label
from mlops_jupyter.serving.packing import unpack_bytes
from mlops_jupyter.serving.tensors import Outputs, Tensor

DEFAULT_NAME = "predictions"
"""Name of a single output that has none of its own."""

_NUMBERS = {bool: "?", int: "<i8", float: "<f8"}


class Columns(dict[str, Any]):
    """Arrays of equal length that stand for a DataFrame with a default index.

    A scorer that would build a frame only to have it taken apart again may return this.
    """


def pack(result: Any, names: Sequence[str] = ()) -> Outputs:  # noqa: PLR0911
    """Describe a model's result.

    Parameters
    ----------
    names
        Names of the signature's outputs, used where the result has none of its own.

    Raises
    ------
    UnusableResult
        It cannot be carried: a generator, a figure, complex numbers.
    """
    name = names[0] if len(names) == 1 else DEFAULT_NAME
    if type(result) is np.ndarray:
        return _array(result, name)
    if isinstance(result, Columns):
        return _columns(result)
    kind = type(result)
    if hasattr(result, "iloc"):
        return _frame(result) if hasattr(result, "columns") else _series(result, name)
    if isinstance(result, list | tuple):
        return _list(result, name)
    if isinstance(result, Mapping):
        return _dict(result)
    if isinstance(result, np.generic | str | bytes | bool | int | float | type(None)):
        return _scalar(result, name)
    if isinstance(result, datetime.date):
        return _scalar(np.datetime64(result), name)
    if callable(dense := getattr(result, "toarray", None)):
        return _array(dense(), name)
    if hasattr(result, "model_dump"):
        return _json(result, name)
    if hasattr(result, "__array__"):  # tensors of torch, tensorflow, jax
        return _array(np.asarray(result), name)
    raise UnusableResult(f"The model returned a {kind.__name__}.")


def rebuild(outputs: Outputs) -> Any:  # noqa: PLR0911
    """What the model returned, from what `pack` made of it."""
    tensors, extra = outputs.tensors, outputs.extra
    container = outputs.container
    if container == "frame":
        return _rebuild_frame(tensors, extra, outputs.rows)
    if container == "dict" or "parts" in extra:
        return _rebuild_parts(container, tensors, extra)
    tensor = tensors[0]
    if container == "json":
        return json.loads(unpack_bytes(bytes(tensor.data))[0] or b"null")
    if container == "list":
        return _rebuild_list(tensor, extra)
    values = unpack_array(tensor.datatype, tensor.data, extra.get("note", {}))
    if container == "series":
        import pandas as pd

        index = unpack_index(extra.get("index"), len(values))
        series = pd.Series(values, dtype=_kept(values), name=unpack_label(extra.get("name")))
        return series.set_axis(index)
    if container == "scalar":
        return values[0] if extra.get("numpy") else values.tolist()[0]
    return np.asarray(values).reshape(tensor.shape)


# -- arrays and scalars ---------------------------------------------------------------------------


def _tensor(name: str, shape: Sequence[int], elements: Elements) -> Tensor:
    return Tensor(name, elements.datatype, tuple(shape), elements.data, elements.content_type)


def _noted(note: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"note": note, **more} if note else more


def _array(array: Any, name: str) -> Outputs:
    elements = pack_array(array)
    shape = array.shape or (1,)
    extra = _noted(elements.note)
    if not array.shape:
        extra["numpy"] = True
        return Outputs(1, "scalar", (_tensor(name, shape, elements),), extra)
    return Outputs(shape[0], "ndarray", (_tensor(name, shape, elements),), extra)


def _scalar(value: Any, name: str) -> Outputs:
    is_numpy = isinstance(value, np.generic)
    elements = pack_array(np.asarray([value])) if is_numpy else _scalars([value])
    extra = _noted(elements.note, **({"numpy": True} if is_numpy else {}))
    return Outputs(1, "scalar", (_tensor(name, (1,), elements),), extra)


def _scalars(values: Sequence[Any]) -> Elements:
    """Python objects as numbers if they are all of one kind of number, else as objects."""
    kinds = set(map(type, values))
    if len(kinds) == 1 and (code := _NUMBERS.get(kinds.pop())):
        try:
            return pack_array(np.array(values, dtype=code))
        except OverflowError:
            pass
    elements = pack_objects(list(values))
    elements.note["dtype"] = "object"
    return elements


def _json(value: Any, name: str) -> Outputs:
    elements = pack_objects([None])
    text = to_json(value)
    elements.data = len(text).to_bytes(4, "little") + text
    elements.content_type = "json"
    return Outputs(1, "json", (_tensor(name, (1,), elements),))


# -- lists and dicts ------------------------------------------------------------------------------


def _list(values: Sequence[Any], name: str) -> Outputs:
    extra: dict[str, Any] = {"tuple": True} if isinstance(values, tuple) else {}
    kinds = set(map(type, values))
    if kinds == {np.ndarray} and all(value.ndim for value in values):
        names = [f"{name}_{position}" for position in range(len(values))]
        return _parts("list", names, values, extra)
    if len(kinds) == 1 and issubclass(next(iter(kinds)), np.generic):
        elements = pack_array(np.array(values))
        extra["items"] = "numpy"
    else:
        elements = _scalars(values)
    extra = _noted(elements.note, **extra)
    return Outputs(len(values), "list", (_tensor(name, (len(values),), elements),), extra)


def _rebuild_list(tensor: Tensor, extra: dict[str, Any]) -> Any:
    note = extra.get("note", {})
    if tensor.datatype == "BYTES" and extra.get("items") != "numpy":
        values = to_objects(unpack_bytes(bytes(tensor.data)), note)
    else:
        array = unpack_array(tensor.datatype, tensor.data, note)
        values = list(array) if extra.get("items") == "numpy" else array.tolist()
    return tuple(values) if extra.get("tuple") else values


def _dict(result: Mapping[Any, Any]) -> Outputs:
    carried = (np.ndarray, np.generic, list, str, bytes, bool, int, float)
    if not result or not all(
        isinstance(key, str) and (isinstance(value, carried) or hasattr(value, "iloc"))
        for key, value in result.items()
    ):
        return _json(result, DEFAULT_NAME)
    return _parts("dict", list(result), list(result.values()), {})


def _parts(
    container: str, names: Sequence[str], values: Sequence[Any], extra: dict[str, Any]
) -> Outputs:
    tensors: list[Tensor] = []
    parts = []
    for name, value in zip(names, values, strict=True):
        part = pack(value, (name,))
        own = [tensor.name for tensor in part.tensors]
        for tensor in part.tensors:
            tensor.name = name if len(own) == 1 else f"{name}.{tensor.name}"
        tensors += part.tensors
        parts.append([name, part.container, part.extra, own, part.rows])
    rows = {tensor.shape[0] for tensor in tensors}
    return Outputs(
        rows.pop() if len(rows) == 1 else 1, container, tuple(tensors), {**extra, "parts": parts}
    )


def _rebuild_parts(container: str, tensors: Sequence[Tensor], extra: dict[str, Any]) -> Any:
    values: dict[str, Any] = {}
    start = 0
    for name, kind, part_extra, own, rows in extra["parts"]:
        named = zip(tensors[start : start + len(own)], own, strict=True)
        mine = tuple(replace(tensor, name=its_name) for tensor, its_name in named)
        start += len(own)
        here = mine[0].shape[0] if mine else rows  # fewer rows than were packed, after a split
        values[name] = rebuild(Outputs(here, kind, mine, part_extra))
    if container == "dict":
        return values
    return tuple(values.values()) if extra.get("tuple") else list(values.values())


# -- pandas ---------------------------------------------------------------------------------------


def _series(series: Any, name: str) -> Outputs:
    elements = pack_values(series)
    extra = _noted(elements.note)
    if series.name is not None:
        extra["name"] = pack_label(series.name)
        name = str(series.name)
    if (index := pack_index(series.index)) is not None:
        extra["index"] = index
    return Outputs(len(series), "series", (_tensor(name, (len(series),), elements),), extra)


def _columns(columns: Columns) -> Outputs:
    tensors = []
    notes: dict[str, Any] = {}
    rows = 0
    for position, (name, array) in enumerate(columns.items()):
        elements = pack_array(array)
        rows = len(array)
        if elements.note:
            notes[str(position)] = elements.note
        tensors.append(_tensor(name, (rows,), elements))
    return Outputs(rows, "frame", tuple(tensors), {"notes": notes} if notes else {})


def _frame(frame: Any) -> Outputs:
    rows = len(frame)
    labels = list(frame.columns)
    names = _unique([str(label) for label in labels])
    tensors = []
    notes: dict[str, Any] = {}
    for position, name in enumerate(names):
        elements = pack_values(frame.iloc[:, position])
        if elements.note:
            notes[str(position)] = elements.note
        tensors.append(_tensor(name, (rows,), elements))
    extra: dict[str, Any] = {"notes": notes} if notes else {}
    if names != labels or frame.columns.name is not None or frame.columns.nlevels > 1:
        extra["columns"] = pack_index(frame.columns)
    if (index := pack_index(frame.index)) is not None:
        extra["index"] = index
    return Outputs(rows, "frame", tuple(tensors), extra)


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    return unique


def _rebuild_frame(tensors: Sequence[Tensor], extra: dict[str, Any], rows: int) -> Any:
    import pandas as pd

    notes = extra.get("notes", {})
    columns = {}
    for position, tensor in enumerate(tensors):
        values = unpack_array(tensor.datatype, tensor.data, notes.get(str(position), {}))
        columns[position] = pd.Series(values, dtype=_kept(values))
    frame = pd.DataFrame(columns, index=range(tensors[0].shape[0] if tensors else rows))
    if "columns" in extra:
        frame.columns = unpack_index(extra["columns"], len(tensors))
    else:
        frame.columns = [tensor.name for tensor in tensors]
    if "index" in extra:
        frame.index = unpack_index(extra["index"], len(frame))
    return frame


def _kept(values: Any) -> Any:
    # else pandas makes text of objects that happen to be strings
    return object if values.dtype == object else None
