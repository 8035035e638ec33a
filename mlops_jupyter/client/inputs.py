"""Any data that a model may be asked with, as the columns or tensors that its endpoint declares.

The endpoint's metadata (Open Inference Protocol) decides how a value travels, so that callers may
hand over what the model's own ``predict`` takes: frames, series, arrays, dicts, lists, scalars.
numpy and pandas are imported only by those who hand over their objects.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.client.columns import Column, Numbers, Texts, Values, is_missing, json_text
from mlops_jupyter.types import InvalidRequest

_TARGETS = {
    "BOOL": "?", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
    "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
}  # fmt: skip
_EXACT = 2**53


@dataclass(frozen=True)
class Declared:
    """An input as the endpoint's metadata declares it."""

    name: str
    datatype: str
    tensor: bool
    content_type: str = ""
    optional: bool = False

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Declared:
        """From an entry of the metadata's ``inputs``."""
        parameters = entry.get("parameters") or {}
        return cls(
            name=str(entry["name"]),
            datatype=str(entry["datatype"]),
            tensor=list(entry.get("shape") or [-1]) != [-1],
            content_type=str(parameters.get("content_type") or ""),
            optional=bool(parameters.get("optional")),
        )


@dataclass(frozen=True)
class Batch:
    """Data ready to be encoded; `index` is the caller's own, where a frame or series had one."""

    rows: int
    columns: tuple[Column, ...]
    index: Any = None


def read_data(data: Any, declared: Sequence[Declared]) -> Batch:
    """Arrange `data` as the endpoint's inputs.

    Raises
    ------
    InvalidRequest
        There is no way to send such data, or it has no rows.
    """
    if _is(data, "pandas", "Series"):
        name = data.name if len(declared) != 1 else declared[0].name
        data = data.to_frame(0 if name is None else name)
    data, index = _known_form(data), None
    if _is(data, "pandas", "DataFrame"):
        index, columns = data.index, _from_frame(data, declared)
    elif _is(data, "numpy", "ndarray"):
        columns = _from_array(data, declared)
    elif isinstance(data, Mapping):
        columns = _from_mapping(data, declared)
    else:
        columns = _from_list(data, declared)
    rows = max((len(column) for column in columns), default=0)
    if rows == 0:
        raise InvalidRequest(
            "The data has no rows.", fix="Send at least one row.", code="empty_batch"
        )
    return Batch(rows, tuple(columns), index)


def _is(data: Any, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(data, getattr(loaded, name))


def _known_form(data: Any) -> Any:
    """Bring what is not a frame, array, dict or list to the one of them that it stands for."""
    known = isinstance(data, (Mapping, list)) or _is(data, "numpy", "ndarray")
    if known or _is(data, "pandas", "DataFrame"):
        return data
    if hasattr(data, "to_pandas"):
        # polars, pyarrow
        return data.to_pandas()
    if hasattr(data, "__array__") and getattr(data, "shape", ()) != ():
        import numpy

        return numpy.asarray(data)
    if isinstance(data, (tuple, range)):
        return list(data)
    if isinstance(data, (str, bytes, bool, int, float)) or hasattr(data, "tolist"):
        return [data]
    raise _cannot(
        "Data of this kind cannot be sent.",
        f"It is a {type(data).__module__}.{type(data).__qualname__}.",
        "Send a DataFrame, Series, numpy array, dict, list or scalar.",
    )


def _cannot(message: str, reason: str, fix: str) -> InvalidRequest:
    return InvalidRequest(message, reason=reason, fix=fix, code="cannot_be_sent")


# -- the four forms -------------------------------------------------------------------------------


def _from_frame(frame: Any, declared: Sequence[Declared]) -> list[Column]:
    names = [str(label) for label in frame.columns]
    if _lone_tensor(declared) and declared[0].name not in names:
        return [_tensor(declared[0], frame.to_numpy())]
    series = [column for _, column in frame.items()]
    return [
        _column(wanted, series[place]) for wanted, place in _matching(names, declared, ordered=True)
    ]


def _from_mapping(data: Mapping[Any, Any], declared: Sequence[Declared]) -> list[Column]:
    names, values = [str(name) for name in data], list(data.values())
    if not any(_has_rows(value) for value in values):
        values = [[value] for value in values]
    for name, value in zip(names, values, strict=True):
        if not _has_rows(value):
            raise _cannot(
                "Some values of the dict are lists and some are not.",
                f"'{name}' is a single value.",
                "Give every name a list or array of equal length, or every one a single value.",
            )
    return [_column(wanted, values[place]) for wanted, place in _matching(names, declared)]


def _from_array(array: Any, declared: Sequence[Declared]) -> list[Column]:
    if _lone_tensor(declared):
        return [_tensor(declared[0], array)]
    if array.ndim < 2:
        return [_column(declared[0], array.reshape(-1))]
    if array.ndim == 2 and array.dtype.kind not in "biuf":
        return _from_list(array.tolist(), declared)
    datatypes = {one.datatype for one in declared}
    datatype = datatypes.pop() if len(datatypes) == 1 else ""
    return [_tensor(Declared(_unused(declared), datatype, tensor=True), array)]


def _from_list(data: list[Any], declared: Sequence[Declared]) -> list[Column]:
    if _lone_tensor(declared):
        return [Values(declared[0].name, declared[0].datatype, data)]
    if data and all(isinstance(row, Mapping) for row in data):
        rows = [{str(name): value for name, value in row.items()} for row in data]
        names = list(dict.fromkeys(name for row in rows for name in row))
        return [
            _column(wanted, [row.get(names[place]) for row in rows])
            for wanted, place in _matching(names, declared)
        ]
    nested = bool(data) and all(isinstance(row, (list, tuple)) for row in data)
    if not nested or (len(declared) == 1 and declared[0].content_type == "json"):
        return [_column(declared[0], data)]
    if len({len(row) for row in data}) > 1:
        raise _cannot(
            "The rows have different lengths.",
            f"The first has {len(data[0])} values.",
            "Send as many values in each row.",
        )
    if len(data[0]) != len(declared):
        return [Values(_unused(declared), declared[0].datatype, data)]
    columns = zip(*data, strict=True)
    return [_column(one, list(column)) for one, column in zip(declared, columns, strict=True)]


def _lone_tensor(declared: Sequence[Declared]) -> bool:
    return len(declared) == 1 and declared[0].tensor


def _unused(declared: Sequence[Declared]) -> str:
    """A name for a matrix of all columns: one that no column has."""
    names = {one.name for one in declared}
    return next(name for name in ("input-0", "matrix", "rows", "") if name not in names)


def _has_rows(value: Any) -> bool:
    return isinstance(value, (list, tuple, range)) or getattr(value, "shape", ()) != ()


def _matching(
    names: Sequence[str], declared: Sequence[Declared], *, ordered: bool = False
) -> list[tuple[Declared, int]]:
    """Which of the given columns, by their places, go to which declared inputs.

    Columns that the endpoint does not know stay at home, unless a needed one is missing: then all
    are sent, so that the hub sees what there was and says what it misses. Columns without declared
    names are taken in their order.
    """
    places = {name: place for place, name in enumerate(names)}
    if all(one.name in places or one.optional for one in declared):
        return [(one, places[one.name]) for one in declared if one.name in places]
    unnamed = [str(place) for place in range(len(declared))] == [one.name for one in declared]
    if ordered and unnamed and len(names) == len(declared):
        return [(one, place) for place, one in enumerate(declared)]
    known = {one.name: one for one in declared}
    return [(known.get(name) or Declared(name, "BYTES", False), places[name]) for name in places]


# -- one column -----------------------------------------------------------------------------------


def _column(declared: Declared, values: Any) -> Column:
    """A column of whatever holds one value a row."""
    if declared.tensor:
        return _tensor(declared, values)
    if _is(values, "pandas", "Series"):
        values = _from_series(values)
    if _is(values, "numpy", "ndarray"):
        kind = values.dtype.kind
        if kind == "M" and declared.content_type in ("datetime", ""):
            return Numbers(declared.name, _nanoseconds(values, declared.name))
        if kind in "biuf" and declared.content_type != "json":
            return Numbers(declared.name, _cast(values, declared.datatype))
        if kind not in "OUSTMbiuf":
            raise _cannot(
                f"The column '{declared.name}' cannot be sent.",
                f"There is no form for numpy's type {values.dtype}.",
                "Convert it to numbers, text or dates.",
            )
    return _from_values(declared, list(values))


def _from_values(declared: Declared, values: list[Any]) -> Column:
    name = declared.name
    if declared.content_type == "json":
        return Texts(name, [json_text(value, name) for value in values])
    values = [None if is_missing(value) else value for value in values]
    if declared.datatype == "BYTES" and declared.content_type != "datetime":
        wanted = (bytes,) if declared.content_type == "base64" else (str, bytes)
        if all(value is None or isinstance(value, wanted) for value in values):
            return Texts(name, values)
    return Values(name, declared.datatype, values)


def _from_series(series: Any) -> Any:
    """A series' values as numpy knows them, missing ones as NaN, NaT or None."""
    dtype = series.dtype
    if _is(dtype, "pandas", "CategoricalDtype"):
        return _from_series(series.astype(dtype.categories.dtype))
    if _is(dtype, "pandas", "DatetimeTZDtype"):
        return series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    kind = getattr(dtype, "kind", "O")
    if kind in "iufb" and not _is(dtype, "numpy", "dtype"):
        if not series.isna().any():
            return series.to_numpy(dtype=dtype.numpy_dtype)
        if kind in "iuf":
            return series.to_numpy(dtype="float64", na_value=float("nan"))
        return series.to_numpy(dtype=object, na_value=None)
    return series.to_numpy()


def _tensor(declared: Declared, values: Any) -> Column:
    import numpy

    if _is(values, "pandas", "Series"):
        values = _from_series(values)
    if isinstance(values, list) and not any(hasattr(value, "shape") for value in values):
        return Values(declared.name, declared.datatype, values)
    array = numpy.asarray(values)
    if array.dtype.kind == "O" and array.size and hasattr(array[0], "shape"):
        array = numpy.stack(list(array))
    if array.dtype.kind in "biuf":
        return Numbers(declared.name, _cast(array, declared.datatype))
    return Values(declared.name, declared.datatype or "BYTES", array.tolist())


def _cast(array: Any, datatype: str) -> Any:
    """The array in the declared datatype if no value changes by it, else in its own."""
    import numpy

    target = numpy.dtype(_TARGETS[datatype]) if datatype in _TARGETS else array.dtype
    kept = array.dtype.kind == target.kind and numpy.can_cast(array.dtype, target, "safe")
    if array.dtype.kind in "iu" and target.kind in "iu" and array.size:
        bounds = numpy.iinfo(target)
        kept = int(array.min()) >= bounds.min and int(array.max()) <= bounds.max
    elif array.dtype.kind in "iu" and target == numpy.float64 and array.size:
        kept = int(array.min()) >= -_EXACT and int(array.max()) <= _EXACT
    if not kept:
        target = array.dtype.newbyteorder("<")
        if target.kind == "f" and target.itemsize > 8:
            target = numpy.dtype("<f8")
    return numpy.ascontiguousarray(array, dtype=target)


def _nanoseconds(array: Any, name: str) -> Any:
    """Datetimes as int64 nanoseconds; missing ones are the smallest number already."""
    import numpy

    wide = array.astype("datetime64[us]")
    limits = numpy.array(["1677-09-22", "2262-04-11"], dtype="datetime64[us]")
    known = wide[~numpy.isnat(wide)]
    if known.size and (known.min() < limits[0] or known.max() > limits[1]):
        raise _cannot(
            f"The column '{name}' holds a date outside 1677-09-22 to 2262-04-11.",
            "Times travel as nanoseconds in 64 bits.",
            "Replace such dates.",
        )
    return numpy.ascontiguousarray(array.astype("datetime64[ns]")).view("<i8")
