"""From an endpoint's answers back to what the model returned.

An answer's ``parameters`` say what it was: ``container`` (ndarray, series, frame, list, scalar,
dict or json) and, as JSON text, ``extra`` with what tensors cannot say: names, index, dtypes. The
other side is ``mlops_jupyter/serving/results.py``, which runs in the worker.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlops_jupyter.client.inputs import Batch
from mlops_jupyter.client.unpack import unpack, unpack_index, unpack_label, unpack_objects
from mlops_jupyter.types import MlopsError, ModelError


@dataclass(frozen=True)
class Output:
    """One output as it came: packed `data` of a `datatype`, in a `shape`."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes

    def values(self, note: dict[str, Any] | None) -> Any:
        """The flat array of its elements."""
        return unpack(self.datatype, self.data, note or {})


@dataclass(frozen=True)
class Answer:
    """What the model returned for `rows` rows, and whether with an index of its own."""

    value: Any
    rows: int
    has_index: bool


def read_answer(content: bytes, header_length: str | None, rows: int) -> Answer:
    """Read one answer of the inference protocol with binary data, for `rows` rows asked.

    Raises
    ------
    MlopsError
        It is not one that this client understands.
    """
    try:
        length = len(content) if header_length is None else int(header_length)
        head = json.loads(content[:length])
        parameters = head.get("parameters") or {}
        extra = json.loads(parameters.get("extra") or "{}")
        outputs = list(_outputs(head["outputs"], content[length:]))
        value = _rebuild(parameters.get("container") or "ndarray", outputs, extra, rows)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise MlopsError(
            "The endpoint's answer could not be understood.",
            reason=f"{type(error).__name__}: {error}.",
            fix="Hub and client may be of different versions; restart the hub: "
            "mlops-jupyter hub stop.",
            code="answer_not_understood",
        ) from error
    return Answer(value, rows, "index" in extra)


def _outputs(described: Sequence[dict[str, Any]], tail: bytes) -> Iterator[Output]:
    start = 0
    for one in described:
        size = int(one["parameters"]["binary_data_size"])
        data = tail[start : start + size]
        start += size
        yield Output(str(one["name"]), str(one["datatype"]), tuple(one["shape"]), data)


def _rebuild(container: str, outputs: Sequence[Output], extra: dict[str, Any], rows: int) -> Any:
    if container == "frame":
        return _frame(outputs, extra, rows)
    if "parts" in extra:
        values = dict(_parts(outputs, extra["parts"]))
        if container == "dict":
            return values
        return tuple(values.values()) if extra.get("tuple") else list(values.values())
    (output,) = outputs
    if container == "json":
        return unpack_objects(output.data, {"of": "json"})[0]
    if container == "list":
        return _list(output, extra)
    return _array(container, output, extra)


def _array(container: str, output: Output, extra: dict[str, Any]) -> Any:
    """An array, series or scalar."""
    values = output.values(extra.get("note"))
    if container == "scalar":
        return values[0] if extra.get("numpy") else values.tolist()[0]
    if container == "series":
        import pandas

        index = unpack_index(extra["index"]) if "index" in extra else None
        # the dtype said again, or pandas makes text of objects
        name = unpack_label(extra.get("name"))
        return pandas.Series(values, index=index, name=name, dtype=values.dtype)
    return values.reshape(output.shape)


def _parts(outputs: Sequence[Output], parts: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """The entries of a dict or list, each made of the next few outputs."""
    start = 0
    for name, container, extra, own, rows in parts:
        theirs = outputs[start : start + len(own)]
        mine = [replace(one, name=label) for one, label in zip(theirs, own, strict=True)]
        start += len(own)
        # a part of a larger answer that was split has fewer rows than was noted
        yield name, _rebuild(container, mine, extra, mine[0].shape[0] if mine else rows)


def _list(output: Output, extra: dict[str, Any]) -> Any:
    note = extra.get("note") or {}
    values: list[Any]
    if extra.get("items") == "numpy":
        values = list(output.values(note))
    elif output.datatype == "BYTES":
        values = unpack_objects(output.data, note)
    else:
        values = output.values(note).tolist()
    return tuple(values) if extra.get("tuple") else values


def _frame(outputs: Sequence[Output], extra: dict[str, Any], rows: int) -> Any:
    import pandas

    notes = extra.get("notes") or {}
    arrays = [output.values(notes.get(str(place))) for place, output in enumerate(outputs)]
    columns = {
        place: pandas.Series(array, dtype=array.dtype, copy=False)
        for place, array in enumerate(arrays)
    }
    frame = pandas.DataFrame(columns, index=range(outputs[0].shape[0] if outputs else rows))
    if "columns" in extra:
        frame.columns = unpack_index(extra["columns"])
    else:
        frame.columns = [output.name for output in outputs]
    if "index" in extra:
        frame.index = unpack_index(extra["index"])
    return frame


def join(answers: Sequence[Answer], batch: Batch) -> Any:
    """One result of the answers to all parts of `batch`, in order.

    A frame or series without an index of its own gets the caller's, as it would have if the model
    had been given the caller's frame.

    Raises
    ------
    ModelError
        The parts cannot be joined, since what the model returned is not by rows.
    """
    value = answers[0].value
    if len(answers) > 1:
        value = _joined([answer.value for answer in answers], [answer.rows for answer in answers])
    if batch.index is None or any(answer.has_index for answer in answers):
        return value
    if hasattr(value, "iloc") and len(value) == len(batch.index):
        value.index = batch.index
    return value


def _joined(values: Sequence[Any], rows: Sequence[int]) -> Any:
    first = values[0]
    if hasattr(first, "iloc"):
        import pandas

        own = any(not isinstance(value.index, pandas.RangeIndex) for value in values)
        return pandas.concat(values, ignore_index=not own)
    by_rows = all(
        hasattr(value, "__len__") and len(value) == count
        for value, count in zip(values, rows, strict=True)
    )
    if hasattr(first, "shape") and by_rows:
        import numpy

        return numpy.concatenate(values)
    if isinstance(first, dict) and all(value.keys() == first.keys() for value in values):
        return {name: _joined([value[name] for value in values], rows) for name in first}
    if isinstance(first, (list, tuple)):
        kind = type(first)
        if by_rows:
            return kind(item for value in values for item in value)
        if all(len(value) == len(first) for value in values):
            return kind(_joined(parts, rows) for parts in zip(*values, strict=True))
    raise ModelError(
        "The model's answers for parts of the data cannot be joined.",
        reason="What it returned is not one value a row.",
        fix="Send at most as many rows as fit into one call (see PART_ROWS), or let the model "
        "return one value for each row.",
        code="not_by_rows",
    )
