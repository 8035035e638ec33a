"""What a worker's model gets: packed buffers as the DataFrame, array or dict that pyfunc makes.

After schema enforcement, MLflow's pyfunc gives a model a DataFrame in the signature's order and
dtypes, or arrays for a signature of tensors. `InputPlan` builds the same from the buffers of a
PREDICT frame, and packs an example in the same way. What a model returns is packed by `results.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_jupyter.serving.elements import DATATYPES, DTYPES
from mlops_jupyter.serving.packing import pack_bytes, unpack_bytes
from mlops_jupyter.serving.results import Columns, pack, rebuild
from mlops_jupyter.types.datatypes import MISSING_TIME

__all__ = ["Columns", "InputPlan", "pack", "rebuild"]

_LEAF_DTYPES = {
    "boolean": np.dtype("?"),
    "integer": np.dtype("<i4"),
    "long": np.dtype("<i8"),
    "float": np.dtype("<f4"),
    "double": np.dtype("<f8"),
    "datetime": np.dtype("<M8[ns]"),
}
_NUMERIC = frozenset(("integer", "long", "float", "double"))
Packed = tuple[dict[str, Any], bytes]


@dataclass(frozen=True)
class _Input:
    """One column or tensor of the signature; `nested` is the JSON form of a nested type."""

    name: Any
    type: str
    required: bool
    nested: dict[str, Any] | None = None
    shape: tuple[int, ...] = ()


class InputPlan:
    """How one version's inputs are built.

    Parameters
    ----------
    signature
        What MLflow's ``ModelSignature.to_dict()`` wrote, or None.

    Attributes
    ----------
    matrix
        Every column is a required double: calls come as one float64 matrix.
    numeric
        Every column is a required number, so that the columns make one array.
    tensors
        The inputs are tensors.
    """

    def __init__(self, signature: Mapping[str, Any] | None) -> None:
        described = (signature or {}).get("inputs") or "[]"
        items = json.loads(described) if isinstance(described, str) else described
        self.tensors = bool(items) and all(item.get("type") == "tensor" for item in items)
        read = _tensor if self.tensors else _column
        self.inputs = [read(position, item) for position, item in enumerate(items)]
        self.named = bool(items) and items[0].get("name") is not None
        kinds = {item.type for item in self.inputs}
        required = all(item.required for item in self.inputs) and not self.tensors
        self.matrix = required and kinds == {"double"}
        self.numeric = bool(kinds) and required and kinds <= _NUMERIC
        self.labels = [item.name for item in self.inputs]
        self._by_key = {str(item.name): item for item in self.inputs}
        self._columns: Any = None

    # -- from a frame -------------------------------------------------------------------------

    def array(self, header: dict[str, Any], body: memoryview) -> Any:
        """All columns as one two-dimensional array, laid out as a DataFrame's own would be."""
        rows = header["rows"]
        if header["form"] == "matrix":
            whole = _from_buffer(body, _LEAF_DTYPES["double"]).reshape(rows, len(self.inputs))
        else:
            columns = [values for _, values in self._arrays(header, body)]
            whole = np.column_stack(columns)
        # pandas holds columns, so what sklearn gets from a frame is in Fortran order
        return np.asfortranarray(whole)

    def native(self, header: dict[str, Any], body: memoryview) -> Any:
        """A DataFrame, or for tensors an array or a dict of arrays: what pyfunc would hand over."""
        form = header["form"]
        if form == "tensors":
            arrays = self._tensors(header, body)
            return arrays if self.named else next(iter(arrays.values()))
        import pandas as pd

        if form == "matrix":
            return pd.DataFrame(self.array(header, body), columns=self._index(), copy=False)
        columns = self._arrays(header, body)
        return pd.DataFrame({label: pd.Series(values, copy=False) for label, values in columns})

    def _index(self) -> Any:
        import pandas as pd

        if self._columns is None:
            plain = self.labels == list(range(len(self.labels)))
            self._columns = pd.RangeIndex(len(self.labels)) if plain else pd.Index(self.labels)
        return self._columns

    def _arrays(self, header: dict[str, Any], body: memoryview) -> Iterable[tuple[Any, Any]]:
        for name, kind, buffer in zip(
            header["columns"], header["types"], _cut(header["sizes"], body), strict=True
        ):
            item = self._by_key.get(str(name))
            label = name if item is None else item.name
            yield label, _unpack_column(kind, item.nested if item is not None else None, buffer)

    def _tensors(self, header: dict[str, Any], body: memoryview) -> dict[str, Any]:
        arrays = {}
        named = zip(
            self.inputs, header["types"], header["shapes"], _cut(header["sizes"], body), strict=True
        )
        for item, datatype, shape, buffer in named:
            if datatype == "BYTES":
                array = _bytes_array(item.type, unpack_bytes(bytes(buffer)))
            else:
                array = _from_buffer(buffer, DTYPES[datatype])
            arrays[item.name] = array.reshape(shape)
        return arrays

    # -- to a frame ---------------------------------------------------------------------------

    def pack(self, data: Any) -> Packed:
        """Header and body of a PREDICT frame for data in a form that pyfunc takes.

        Raises ValueError, KeyError or TypeError for data that does not fit the signature.
        """
        if self.tensors:
            return self._pack_tensors(data)
        import pandas as pd

        frame = data if isinstance(data, pd.DataFrame) else pd.DataFrame(data)
        if not self.named:
            frame = frame.iloc[:, : len(self.inputs)]
            frame.columns = self.labels
        present = [item for item in self.inputs if item.required or item.name in frame]
        if self.matrix:
            matrix = np.ascontiguousarray(frame[self.labels].to_numpy(dtype="<f8"))
            return {
                "form": "matrix",
                "rows": len(frame),
                "columns": [""],
                "types": ["double"],
                "sizes": [matrix.nbytes],
                "shapes": [matrix.shape],
                "params": None,
            }, matrix.tobytes()
        buffers = [_pack_column(item.type, frame[item.name]) for item in present]
        return {
            "form": "frame",
            "rows": len(frame),
            "columns": [item.name for item in present],
            "types": [item.type for item in present],
            "sizes": [len(buffer) for buffer in buffers],
            "params": None,
        }, b"".join(buffers)

    def _pack_tensors(self, data: Any) -> Packed:
        arrays = [np.asarray(data[item.name] if self.named else data) for item in self.inputs]
        if not self.named and len(self.inputs) > 1:
            raise ValueError("several tensors without names")
        buffers, types = [], []
        for array in arrays:
            if array.dtype.kind in "OUS":
                texts = [v.encode() if isinstance(v, str) else v for v in array.ravel().tolist()]
                buffers.append(pack_bytes(texts))
                types.append("BYTES")
            else:
                little = array.dtype.newbyteorder("<")
                buffers.append(array.astype(little, copy=False).tobytes())
                types.append(DATATYPES[little.str[1:]])
        return {
            "form": "tensors",
            "rows": arrays[0].shape[0] if arrays[0].shape else 1,
            "columns": self.labels,
            "types": types,
            "sizes": [len(buffer) for buffer in buffers],
            "shapes": [list(array.shape) for array in arrays],
            "params": None,
        }, b"".join(buffers)

    # -- an example ---------------------------------------------------------------------------

    def example(self) -> Any:
        """Two rows made from the types alone, in a form that pyfunc takes."""
        if self.tensors:
            arrays = {item.name: _example_tensor(item) for item in self.inputs}
            return arrays if self.named else next(iter(arrays.values()))
        import pandas as pd

        if any(item.type not in _EXAMPLES for item in self.inputs):
            raise ValueError("nested types have no example of their own")
        columns = {
            item.name: pd.Series(_EXAMPLES[item.type], dtype=_LEAF_DTYPES.get(item.type))
            for item in self.inputs
        }
        return pd.DataFrame(columns)


_EXAMPLES: dict[str, list[Any]] = {
    "boolean": [False, True],
    "integer": [0, 1],
    "long": [0, 1],
    "float": [0.0, 1.0],
    "double": [0.0, 1.0],
    "string": ["", "text"],
    "binary": [b"", b"\x00"],
    "datetime": ["2024-01-01", "2024-01-02"],
}


def _column(position: int, item: Mapping[str, Any]) -> _Input:
    name = item.get("name")
    kind = str(item["type"])
    nested = dict(item) if kind not in _LEAF_DTYPES and kind not in ("string", "binary") else None
    required = bool(item.get("required", nested is None))
    return _Input(position if name is None else name, kind, required, nested)


def _tensor(position: int, item: Mapping[str, Any]) -> _Input:
    name = item.get("name")
    spec = item["tensor-spec"]
    label = f"input-{position}" if name is None else name
    return _Input(label, str(spec["dtype"]), True, shape=tuple(spec["shape"]))


def _example_tensor(item: _Input) -> Any:
    shape = [2 if axis == 0 else 1 for axis in range(len(item.shape))]
    shape = [have if want == -1 else want for have, want in zip(shape, item.shape, strict=True)]
    kind = np.dtype(item.type)
    return np.full(shape, "text", dtype=object) if kind.kind in "OUS" else np.ones(shape, kind)


def _cut(sizes: Sequence[int], body: memoryview) -> Iterable[memoryview]:
    start = 0
    for size in sizes:
        yield body[start : start + size]
        start += size


def _from_buffer(buffer: memoryview, dtype: np.dtype[Any]) -> Any:
    array: Any = np.frombuffer(buffer, dtype=dtype)
    # a model may write to what it gets, and compiled code may want it aligned
    return array if array.flags.aligned and array.flags.writeable else array.copy()


def _unpack_column(kind: str, nested: dict[str, Any] | None, buffer: memoryview) -> Any:
    dtype = _LEAF_DTYPES.get(kind)
    if dtype is not None:
        return _from_buffer(buffer, dtype)
    items = unpack_bytes(bytes(buffer))
    if kind == "string":
        return _texts([None if item is None else item.decode() for item in items])
    values: list[Any] = list(items)
    if kind != "binary":
        values = [None if item is None else json.loads(item) for item in items]
        if nested is not None and _holds_floats(nested):
            values = [_null_as_nan(value, nested) for value in values]
    return _objects(values)


def _objects(values: Sequence[Any]) -> Any:
    array: Any = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):
        array[position] = value
    return array


def _texts(values: list[str | None]) -> Any:
    import pandas as pd

    if int(pd.__version__.partition(".")[0]) >= 3:
        return pd.array(values, dtype="str")
    return _objects(values)


def _holds_floats(kind: Mapping[str, Any]) -> bool:
    inner = [kind.get("items"), kind.get("values"), *(kind.get("properties") or {}).values()]
    name = kind.get("type")
    if name in ("float", "double", "sparkml_vector"):
        return True
    return any(isinstance(one, Mapping) and _holds_floats(one) for one in inner)


def _null_as_nan(value: Any, kind: Mapping[str, Any]) -> Any:
    """Missing floats in lists as NaN, which is what MLflow makes of them."""
    name = kind.get("type")
    if isinstance(value, list) and name in ("array", "sparkml_vector"):
        of = kind.get("items") or {"type": "double"}
        if of.get("type") in ("float", "double"):
            return [float("nan") if item is None else item for item in value]
        return [_null_as_nan(item, of) for item in value]
    if isinstance(value, dict) and name == "map":
        return {key: _null_as_nan(item, kind["values"]) for key, item in value.items()}
    if isinstance(value, dict) and name == "object":
        known = kind["properties"]
        return {key: _null_as_nan(item, known.get(key, {})) for key, item in value.items()}
    return value


def _bytes_array(dtype: str, items: Sequence[bytes | None]) -> Any:
    kind = np.dtype(dtype).kind
    if kind == "S":
        return np.array([item or b"" for item in items], dtype="S")
    texts = [None if item is None else item.decode() for item in items]
    return np.array(texts, dtype="U") if kind == "U" and None not in texts else _objects(texts)


def _pack_column(kind: str, series: Any) -> bytes:
    dtype = _LEAF_DTYPES.get(kind)
    if kind == "datetime":
        ticks = series.to_numpy(dtype="<M8[ns]").view("<i8")
        assert np.iinfo("i8").min == MISSING_TIME
        return bytes(ticks.tobytes())
    if dtype is not None:
        return bytes(series.to_numpy(dtype=dtype).tobytes())
    values = series.to_numpy(dtype=object).tolist()
    missing = series.isna().tolist()
    items = [
        None if absent else _pack_value(kind, value)
        for value, absent in zip(values, missing, strict=True)
    ]
    return pack_bytes(items)


def _pack_value(kind: str, value: Any) -> bytes:
    if kind == "string":
        return str(value).encode()
    if kind == "binary":
        return bytes(value)
    return json.dumps(value, default=lambda item: item.tolist()).encode()
