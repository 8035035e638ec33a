"""Examples of data made from types alone, for "copy a call"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops_jupyter.serving.columns import Column
from mlops_jupyter.serving.nested import Kind
from mlops_jupyter.serving.tensorspecs import TensorSpec

_LEAVES: dict[str, Any] = {
    "boolean": True,
    "integer": 1,
    "long": 1,
    "float": 0.5,
    "double": 0.5,
    "string": "text",
    "binary": "AAEC",
    "datetime": "2024-05-17T10:00:00",
    "any": "text",
}


def example_of_columns(columns: Sequence[Column]) -> dict[str, Any]:
    """One row in the shape ``dataframe_split``."""
    return {
        "dataframe_split": {
            "columns": [column.name for column in columns],
            "data": [[_value(column.kind) for column in columns]],
        }
    }


def example_of_tensors(specs: Sequence[TensorSpec], unnamed: bool) -> dict[str, Any]:
    """One row in the shape ``inputs``; free axes have size 1."""
    values = {spec.key: _tensor(spec) for spec in specs}
    return {"inputs": values[specs[0].key] if unnamed else values}


def _value(kind: Kind) -> Any:
    if kind.name == "array":
        return [_value(kind.of)] if kind.of is not None else []
    if kind.name == "map":
        return {"key": _value(kind.of)} if kind.of is not None else {}
    if kind.name == "object":
        return {name: _value(inner) for name, (inner, _) in kind.properties.items()}
    return _LEAVES[kind.name]


def _tensor(spec: TensorSpec) -> Any:
    leaf: Any = 1
    if spec.datatype == "BYTES":
        leaf = "text"
    elif spec.datatype == "BOOL":
        leaf = True
    elif spec.datatype.startswith("FP"):
        leaf = 0.5
    for size in reversed(spec.shape):
        leaf = [leaf] * (1 if size == -1 else size)
    return leaf
