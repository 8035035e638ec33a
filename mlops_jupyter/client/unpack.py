"""Elements of an answer's outputs as numpy and pandas know them.

The other side is ``mlops_jupyter/serving/elements.py`` and ``index.py``: a note beside the packed
data says which dtype it had where the protocol's datatype alone does not.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any

from mlops_jupyter.types.datatypes import MISSING_LENGTH

_DTYPES = {
    "BOOL": "?", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
    "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
}  # fmt: skip
Note = dict[str, Any]


def unpack(datatype: str, data: bytes, note: Note) -> Any:
    """A flat numpy array, or a pandas array where the note names a dtype of pandas."""
    if "categories" in note:
        return _categories(datatype, data, note)
    array = _objects(data, note) if datatype == "BYTES" else _numbers(datatype, data, note)
    if "zone" in note:
        import pandas

        return pandas.DatetimeIndex(array).tz_localize("UTC").tz_convert(note["zone"]).array
    # intervals are given as text, and stay it
    if "pandas" in note and not note["pandas"].startswith("interval"):
        import pandas

        values = array.tolist() if array.dtype == object else array
        return pandas.array(values, dtype=note["pandas"])
    return array


def unpack_objects(data: bytes, note: Note) -> list[Any]:
    """Elements of BYTES as the objects that they were."""
    of = note.get("of", "text")
    missing = math.nan if note.get("missing") == "nan" else None
    items: list[Any] = []
    start = 0
    while start < len(data):
        length = int.from_bytes(data[start : start + 4], "little")
        start += 4
        if length == MISSING_LENGTH:
            items.append(missing)
            continue
        item = data[start : start + length]
        if len(item) != length:
            raise ValueError("an element is longer than its output")
        start += length
        items.append(json.loads(item) if of == "json" else item if of == "bytes" else item.decode())
    return items


def _numbers(datatype: str, data: bytes, note: Note) -> Any:
    import numpy

    array = numpy.frombuffer(data, _DTYPES[datatype])
    if "dtype" not in note:
        # frombuffer's own array cannot be written to
        return array.copy()
    dtype = numpy.dtype(note["dtype"])
    return array.view(dtype).copy() if dtype.kind == "m" else array.astype(dtype)


def _objects(data: bytes, note: Note) -> Any:
    import numpy

    items = unpack_objects(data, note)
    if note.get("of") == "time":
        texts = ["NaT" if item is None else item for item in items]
        return numpy.array(texts, dtype=note["dtype"])
    array = numpy.empty(len(items), dtype=note.get("dtype", "object"))
    # not from the list: numpy would look into lists that are elements
    for place, item in enumerate(items):
        array[place] = item
    return array


def _categories(datatype: str, data: bytes, note: Note) -> Any:
    import pandas

    known_type, known_note = note["categories_type"]
    known = unpack(known_type, base64.b64decode(note["categories"]), known_note)
    dtype = pandas.CategoricalDtype(pandas.Index(known), ordered=bool(note["ordered"]))
    return pandas.Categorical(unpack(datatype, data, note["values"]), dtype=dtype)


# -- labels and indexes ---------------------------------------------------------------------------


def unpack_label(packed: Any) -> Any:
    """A column's or series' name."""
    if not isinstance(packed, dict):
        return packed
    if "tuple" in packed:
        return tuple(map(unpack_label, packed["tuple"]))
    if "float" in packed:
        return float(packed["float"])
    import pandas

    return pandas.Timestamp(packed["time"])


def unpack_index(packed: Note) -> Any:
    """A pandas index that is not the default one."""
    import pandas

    index: Any
    if "range" in packed:
        index = pandas.RangeIndex(*packed["range"])
    elif "ticks" in packed:
        index = _ticks(packed)
    elif "periods" in packed:
        index = pandas.PeriodIndex(packed["periods"], freq=packed["freq"])
    else:
        labels = [unpack_label(label) for label in packed["labels"]]
        if packed["dtype"] is None:
            index = pandas.MultiIndex.from_tuples(labels)
        else:
            index = pandas.Index(labels, dtype=packed["dtype"])
    return index.set_names([unpack_label(name) for name in packed["names"]])


def _ticks(packed: Note) -> Any:
    import numpy
    import pandas

    kind = "m8" if packed["delta"] else "M8"
    ticks = numpy.array(packed["ticks"], dtype="<i8").view(f"{kind}[{packed['unit']}]")
    if packed["delta"]:
        return pandas.TimedeltaIndex(ticks, freq=packed["freq"])
    index = pandas.DatetimeIndex(ticks)
    if packed["zone"] is not None:
        index = index.tz_localize("UTC").tz_convert(packed["zone"])
    return pandas.DatetimeIndex(index, freq=packed["freq"])
