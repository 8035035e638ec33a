"""Types of a row's fields, and which of them can be given where another is wanted. Pure.

A field is of one of MLflow's types (`Kind`), or holds cells of a tensor: a datatype and the shape
of one row. What can be given where is what the engine takes from any caller: whole numbers for
fractions, never the other way; text is never read as a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlops_jupyter.pipelines.expression import Sort
from mlops_jupyter.serving.columns import Column
from mlops_jupyter.serving.nested import LEAVES, Kind
from mlops_jupyter.serving.packing import INTEGER_RANGES
from mlops_jupyter.serving.tensorspecs import TensorSpec

DATATYPES = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "datetime": "INT64",
}
"""How a field of a leaf type is packed; all others are BYTES."""

_LEAF_OF = {"BOOL": "boolean", "INT32": "integer", "INT64": "long", "FP32": "float",
            "FP64": "double", "BYTES": "string"}  # fmt: skip
_NULLABLE = ("float", "double", "string", "binary", "datetime")
ANY = Kind("any")


@dataclass(frozen=True)
class Cells:
    """Cells of a tensor: `shape` is that of one row; -1 in it is any size."""

    datatype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        sizes = ", ".join("any" if size == -1 else str(size) for size in self.shape)
        return f"{self.datatype} of shape [{sizes}]" if self.shape else self.datatype


FieldType = Kind | Cells


def type_of(item: Column | TensorSpec) -> FieldType:
    """The type of an input or output of a signature."""
    if isinstance(item, Column):
        return item.kind
    cells = Cells(item.datatype, item.shape[1:])
    leaf = _LEAF_OF.get(item.datatype)
    return Kind(leaf) if leaf and not cells.shape else cells


def datatype_of(kind: FieldType) -> str:
    """The datatype that values of the type are packed as."""
    return kind.datatype if isinstance(kind, Cells) else DATATYPES.get(kind.name, "BYTES")


def nullable(kind: FieldType) -> FieldType:
    """The type of the field where some rows have none: as it is when it knows missing values."""
    plain = as_kind(kind)
    return plain if plain.name in _NULLABLE or plain.name not in LEAVES else ANY


def common(one: FieldType, other: FieldType) -> FieldType:
    """A type that values of both can have: one of the two, or any."""
    if fits(one, other):
        return other if one != ANY else ANY
    return one if fits(other, one) else ANY


def fits(given: FieldType, wanted: FieldType) -> bool:
    """Whether a value of type `given` can stand where `wanted` is asked for."""
    if given == wanted or ANY in (given, wanted):
        return True
    if isinstance(given, Kind) and isinstance(wanted, Kind):
        return _kinds_fit(given, wanted)
    inner, deep = _unfold(given)
    other, shape = _unfold(wanted)
    if inner is None or other is None or not _datatypes_fit(inner, other):
        return False
    if isinstance(given, Cells) and isinstance(wanted, Cells):
        return _shapes_fit(deep, shape)
    if isinstance(wanted, Kind):
        # a row's cells as nested lists; a single cell as a plain value
        return len(deep) == len(shape) or (not shape and set(deep) <= {1})
    return len(shape) == len(deep) or (not deep and set(shape) <= {1})


def _kinds_fit(given: Kind, wanted: Kind) -> bool:
    if given.name in LEAVES and wanted.name in LEAVES:
        if given.name in DATATYPES and wanted.name in DATATYPES:
            dates = (given.name == "datetime") + (wanted.name == "datetime")
            return not dates and _datatypes_fit(DATATYPES[given.name], DATATYPES[wanted.name])
        return given.name == wanted.name
    if given.name == wanted.name and given.of is not None and wanted.of is not None:
        return fits(given.of, wanted.of)
    if given.name == wanted.name == "object":
        known = given.properties
        return known.keys() <= wanted.properties.keys() and all(
            name in known and fits(known[name][0], kind) if needed else
            name not in known or fits(known[name][0], kind)
            for name, (kind, needed) in wanted.properties.items()
        )  # fmt: skip
    return False


def _unfold(kind: FieldType) -> tuple[str | None, tuple[int, ...]]:
    """The datatype of the innermost elements, and the sizes around it; None for other types."""
    if isinstance(kind, Cells):
        return kind.datatype, kind.shape
    depth = 0
    while kind.name == "array" and kind.of is not None:
        kind, depth = kind.of, depth + 1
    found = DATATYPES.get(kind.name) if kind.name != "datetime" else None
    return ("BYTES" if kind.name == "string" else found), (-1,) * depth


def _datatypes_fit(given: str, wanted: str) -> bool:
    if given == wanted:
        return True
    if given in INTEGER_RANGES and wanted in INTEGER_RANGES:
        low, high = INTEGER_RANGES[given]
        least, most = INTEGER_RANGES[wanted]
        return least <= low and high <= most
    # whole numbers that do not fit exactly are refused when they come
    return wanted.startswith("FP") and (given.startswith("FP") or given in INTEGER_RANGES)


def _shapes_fit(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    pairs = zip(given, wanted, strict=False)
    return len(given) == len(wanted) and all(-1 in (a, b) or a == b for a, b in pairs)


def sort_of_type(kind: FieldType) -> Sort:
    """What values of the type are to an expression."""
    if isinstance(kind, Cells):
        return "any"
    if kind.name == "boolean":
        return "truth"
    if kind.name in ("string", "datetime"):
        return "text" if kind.name == "string" else "time"
    return "number" if kind.name in DATATYPES else "any"


def described(kind: FieldType) -> dict[str, Any]:
    """The type as a column of MLflow's schema; cells are arrays there."""
    if isinstance(kind, Cells):
        return described(as_kind(kind))
    if kind.name == "array" and kind.of is not None:
        return {"type": "array", "items": described(kind.of)}
    if kind.name == "map" and kind.of is not None:
        return {"type": "map", "values": described(kind.of)}
    if kind.name == "object":
        inner = {
            name: {**described(of), "required": needed}
            for name, (of, needed) in kind.properties.items()
        }
        return {"type": "object", "properties": inner}
    return {"type": kind.name}


def as_kind(kind: FieldType) -> Kind:
    """The type in MLflow's words: cells as arrays, odd numbers as the nearest that holds them."""
    if isinstance(kind, Kind):
        return kind
    inner = _LEAF_OF.get(kind.datatype)
    if inner is None:
        inner = "float" if kind.datatype == "FP16" else (
            "long" if kind.datatype in ("UINT32", "UINT64") else "integer"
        )  # fmt: skip
    found = Kind(inner)
    for _ in kind.shape:
        found = Kind("array", found)
    return found
