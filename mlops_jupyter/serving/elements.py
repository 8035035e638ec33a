"""Arrays of any dtype as packed elements of the protocol's datatypes, and back, exactly.

What has no datatype of its own travels as BYTES: text as UTF-8, bytes as they are, times as ISO
8601 text, anything else as JSON text. A note (a small JSON object, empty for plain numbers) says
what the dtype was. Needs numpy; pandas only where pandas' own arrays are concerned.
"""

from __future__ import annotations

import base64
import datetime
import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlops_jupyter.serving.packing import pack_bytes, unpack_bytes

DATATYPES = {
    "b1": "BOOL",
    "u1": "UINT8",
    "u2": "UINT16",
    "u4": "UINT32",
    "u8": "UINT64",
    "i1": "INT8",
    "i2": "INT16",
    "i4": "INT32",
    "i8": "INT64",
    "f2": "FP16",
    "f4": "FP32",
    "f8": "FP64",
}
"""OIP's datatype of a numpy dtype, by kind and size."""

DTYPES = {datatype: np.dtype("<" + code) for code, datatype in DATATYPES.items()}
"""The little-endian numpy dtype of every datatype but BYTES."""

_COMPACT = (",", ":")
_TEXT = {str, np.str_}
_BYTES = {bytes, bytearray, np.bytes_}
_PRESENT = _TEXT | _BYTES | {bool, int, list, dict}
_BY_DTYPE = {dtype: datatype for datatype, dtype in DTYPES.items()}


class UnusableResult(TypeError):
    """A model returned something that the protocol cannot carry; the text names its type."""


@dataclass(slots=True)
class Elements:
    """Packed elements: datatype, bytes, the `content_type` of BYTES that are not text, the note."""

    datatype: str
    data: bytes
    content_type: str | None = None
    note: dict[str, Any] = field(default_factory=dict)


# -- packing --------------------------------------------------------------------------------------


def pack_array(array: Any) -> Elements:
    """Pack a numpy array, row-major."""
    datatype = _BY_DTYPE.get(array.dtype)
    if datatype is not None:
        return Elements(datatype, array.tobytes())
    kind = array.dtype.kind
    if kind in "biuf":
        little = array.astype(array.dtype.newbyteorder("<"))
        if little.dtype not in _BY_DTYPE:
            raise UnusableResult(f"The model returned {array.dtype}, which has no datatype.")
        return Elements(_BY_DTYPE[little.dtype], little.tobytes(), note=_dtype(array))
    if kind == "M":
        return _times(array)
    if kind == "m":
        return Elements("INT64", array.astype("<i8").tobytes(), note=_dtype(array))
    if kind in "OUST":
        elements = pack_objects(array.ravel().tolist())
        elements.note["dtype"] = "object" if kind in "OT" else array.dtype.str
        return elements
    raise UnusableResult(f"The model returned {array.dtype}, which has no datatype.")


def pack_objects(values: list[Any]) -> Elements:
    """Pack Python objects: text, bytes, or each as JSON; None, NaN and NA are missing."""
    kinds = set(map(type, values))
    note: dict[str, Any] = {}
    if not kinds <= _PRESENT:
        missing = {id(value): value for value in values if _is_missing(value)}
        if missing and None not in missing.values():
            note["missing"] = "nan"
        values = [None if id(value) in missing else value for value in values]
        kinds = set(map(type, values)) - {type(None)}
    if kinds and kinds <= _TEXT:
        return Elements("BYTES", _texts(values), note={"of": "text", **note})
    if kinds and kinds <= _BYTES:
        items = [None if value is None else bytes(value) for value in values]
        return Elements("BYTES", pack_bytes(items), "base64", {"of": "bytes", **note})
    items = [None if value is None else to_json(value) for value in values]
    return Elements("BYTES", pack_bytes(items), "json", {"of": "json", **note})


def _is_missing(value: Any) -> bool:
    if value is None or isinstance(value, float):
        return value is None or math.isnan(value)
    return type(value).__name__ in ("NAType", "NaTType")


def pack_extension(values: Any) -> Elements:
    """Pack a pandas array or Series that numpy has no dtype for: text, categories, nullable, …"""
    import pandas as pd

    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _categories(values, dtype)
    if isinstance(dtype, pd.DatetimeTZDtype):
        utc = np.asarray(values.to_numpy(dtype=f"M8[{dtype.unit}]"))
        elements = _times(utc)
        elements.note["zone"] = str(dtype.tz)
        return elements
    if isinstance(dtype, pd.StringDtype):
        objects = values.to_numpy(dtype=object, na_value=None).tolist()
        return Elements("BYTES", _texts(objects), note={"of": "text", "pandas": _name(dtype)})
    if isinstance(dtype, pd.SparseDtype):
        return pack_array(np.asarray(values))
    plain = getattr(dtype, "numpy_dtype", None)
    if plain is not None and plain.kind in "biuf" and not values.isna().any():
        elements = pack_array(values.to_numpy(dtype=plain))
    elif plain is not None and plain.kind == "f":
        elements = pack_array(values.to_numpy(dtype=plain, na_value=math.nan))
    elif isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        elements = pack_objects([None if value is pd.NA else str(value) for value in values])
    else:
        elements = pack_objects(values.to_numpy(dtype=object, na_value=None).tolist())
    elements.note["pandas"] = _name(dtype)
    return elements


def to_json(value: Any) -> bytes:
    """JSON text of what a model returned.

    Arrays become lists, times text, bytes base64, NaN and the infinities null.
    """
    try:
        try:
            text = json.dumps(value, default=_plain, allow_nan=False, separators=_COMPACT)
        except ValueError:
            finite = _finite(json.loads(json.dumps(value, default=_plain)))
            text = json.dumps(finite, separators=_COMPACT)
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, UnusableResult):
            raise
        name = type(value).__name__
        raise UnusableResult(f"The model returned a {name} that is no JSON.") from None
    return text.encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind in "Mm":
            return np.datetime_as_string(value).tolist() if value.dtype.kind == "M" else str(value)
        return value.tolist()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    for method in ("model_dump", "to_dict"):  # pydantic models; frames and series inside others
        if callable(convert := getattr(value, method, None)) and not isinstance(value, type):
            return convert()
    raise UnusableResult(f"The model returned a {type(value).__name__}, which is no JSON.")


def _texts(values: list[Any]) -> bytes:
    try:
        return pack_bytes([None if value is None else value.encode() for value in values])
    except UnicodeEncodeError:
        raise UnusableResult("The model returned text that is no Unicode (a surrogate).") from None


def _times(array: Any) -> Elements:
    texts = np.datetime_as_string(array.ravel()).tolist()
    items = [None if text == "NaT" else text.encode() for text in texts]
    return Elements("BYTES", pack_bytes(items), note={"of": "time", "dtype": array.dtype.str})


def _categories(values: Any, dtype: Any) -> Elements:
    import pandas as pd

    series = pd.Series(values)
    categories = dtype.categories
    plain = series.astype(object if series.isna().any() else categories.dtype)
    elements = pack_values(plain)
    known = pack_values(pd.Series(categories))
    elements.note = {
        "categories": base64.b64encode(known.data).decode(),
        "categories_type": [known.datatype, known.note],
        "ordered": bool(dtype.ordered),
        "values": elements.note,
    }
    return elements


def pack_values(series: Any) -> Elements:
    """Pack a pandas Series, whatever its dtype."""
    if isinstance(series.dtype, np.dtype):
        return pack_array(series.to_numpy())
    return pack_extension(series.array)


def _dtype(array: Any) -> dict[str, Any]:
    return {"dtype": array.dtype.str}


def _name(dtype: Any) -> str:
    return "str" if repr(dtype).startswith("<StringDtype(na_value=nan)") else str(dtype)


# -- unpacking ------------------------------------------------------------------------------------


def unpack_array(datatype: str, data: Any, note: dict[str, Any]) -> Any:
    """The one-dimensional numpy or pandas array that `pack_array` or `pack_values` took."""
    if "categories" in note:
        return _unpack_categories(datatype, data, note)
    array = _unpack_numpy(datatype, data, note)
    if "zone" in note:
        import pandas as pd

        return pd.DatetimeIndex(array).tz_localize("UTC").tz_convert(note["zone"]).array
    if "pandas" in note:
        import pandas as pd

        return pd.array(_nullable(array, note["pandas"]), dtype=note["pandas"])
    return array


def _nullable(array: Any, dtype: str) -> Any:
    if dtype.startswith("interval"):
        raise UnusableResult("Intervals are given as text and cannot be rebuilt.")
    return array.tolist() if array.dtype == object else array


def _unpack_numpy(datatype: str, data: Any, note: dict[str, Any]) -> Any:
    if datatype != "BYTES":
        array = np.frombuffer(data, DTYPES[datatype])
        if note.get("dtype", "")[1:2] == "m":
            return array.view(note["dtype"]).copy()
        # frombuffer's array is read-only and lies on the received bytes
        return array.astype(note["dtype"]) if "dtype" in note else array.copy()
    items = unpack_bytes(bytes(data))
    of = note.get("of", "text")
    if of == "time":
        texts = ["NaT" if item is None else item.decode() for item in items]
        return np.array(texts, dtype=note["dtype"])
    dtype = note.get("dtype", "object")
    array = np.empty(len(items), dtype=dtype)
    for position, value in enumerate(to_objects(items, note)):
        array[position] = value  # one by one: numpy would take equal lists for another axis
    return array


def to_objects(items: list[bytes | None], note: dict[str, Any]) -> list[Any]:
    """Elements of BYTES as the objects that they were."""
    missing = math.nan if note.get("missing") == "nan" else None
    of = note.get("of", "text")
    if of == "bytes":
        return [missing if item is None else item for item in items]
    read = json.loads if of == "json" else bytes.decode
    return [missing if item is None else read(item) for item in items]


def _unpack_categories(datatype: str, data: Any, note: dict[str, Any]) -> Any:
    import pandas as pd

    known_type, known_note = note["categories_type"]
    known = unpack_array(known_type, base64.b64decode(note["categories"]), known_note)
    values = unpack_array(datatype, data, note["values"])
    dtype = pd.CategoricalDtype(pd.Index(known), ordered=note["ordered"])
    return pd.Categorical(values, dtype=dtype)
