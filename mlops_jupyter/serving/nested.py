"""MLflow's nested types (array, object, map, any): parsed, and checked on JSON values.

The rules are those of MLflow's schema enforcement: an object may have no property that its type
does not know and must have the required ones; what is optional may be null; elements take what
their leaf type takes. As everywhere here, a whole number passes for a float when it is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from mlops_jupyter.serving import packing
from mlops_jupyter.serving.datetimes import pack_datetimes
from mlops_jupyter.serving.misfit import Misfit, kind_of

LEAVES: dict[str, Callable[[Sequence[Any]], bytes]] = {
    "boolean": packing.pack_booleans,
    "integer": lambda values: packing.pack_integers("INT32", values),
    "long": lambda values: packing.pack_integers("INT64", values),
    "float": lambda values: packing.pack_floats("FP32", values),
    "double": packing.pack_doubles,
    "string": packing.pack_texts,
    "binary": packing.pack_base64,
    "datetime": pack_datetimes,
}
"""The packer of each of MLflow's data types."""

_FLOATS = ("float", "double")
_WHOLE = ("integer", "long")
_NULLABLE = ("float", "double", "string", "binary", "datetime")
NESTED = ("array", "object", "map", "any", "sparkml_vector")


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of MLflow's schema, leaf or nested.

    `of` is the type of an array's elements or a map's values; `properties` those of an object, each
    with whether it is required.
    """

    name: str
    of: Kind | None = None
    properties: Mapping[str, tuple[Kind, bool]] = field(default_factory=dict)

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Kind:
        """Read the JSON form of a type; raises ValueError for one that is not known."""
        name = described.get("type", described.get("dtype"))
        if name in LEAVES or name == "any":
            return cls(str(name))
        if name == "sparkml_vector":
            return cls("array", cls("double"))
        if name == "array":
            return cls("array", cls.parse(described["items"]))
        if name == "map":
            return cls("map", cls.parse(described["values"]))
        if name == "object":
            return cls(
                "object",
                properties={
                    key: (cls.parse(value), value.get("required", True) is not False)
                    for key, value in described["properties"].items()
                },
            )
        raise ValueError(f"unknown type {ascii(name)[:40]}")

    def __str__(self) -> str:
        if self.name == "array":
            return f"array of {self.of}"
        if self.name == "map":
            return f"map to {self.of}"
        return self.name


def pack_nested(kind: Kind, required: bool, values: Sequence[Any]) -> bytes:
    """Checked values as JSON text, packed like text; null is missing."""
    packed: list[bytes | None] = []
    for index, value in enumerate(values):
        if value is None and (not required or kind.name == "any" or _of_any(kind)):
            packed.append(None)
            continue
        try:
            packed.append(orjson.dumps(conform(value, kind, required)))
        except Misfit as misfit:
            raise Misfit(index, misfit.problem) from None
        except (TypeError, RecursionError):  # orjson: beyond 64 bits, or deeper than 254
            raise Misfit(index, "holds a number beyond 64 bits or is nested too deep") from None
    return packing.pack_bytes(packed)


def pack_nested_texts(kind: Kind, required: bool, values: Sequence[Any]) -> bytes:
    """The same for values that are given as JSON text."""
    parsed = []
    for index, text in enumerate(values):
        try:
            parsed.append(None if text is None else msgspec.json.decode(text))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise Misfit(index, "is not JSON") from None
    return pack_nested(kind, required, parsed)


def conform(value: Any, kind: Kind, required: bool) -> Any:
    """The value with numbers as its type wants them; raises Misfit where it does not fit."""
    if kind.name == "any":
        return value
    if kind.name == "array":
        return _conform_array(value, kind, required)
    if kind.name == "object":
        return _conform_object(value, kind, required)
    if kind.name == "map":
        return _conform_map(value, kind, required)
    if value is None and not required:
        return None
    if value is None:
        raise Misfit(0, "holds null")
    return conform_leaf(value, kind.name)


def conform_leaf(value: Any, leaf: str) -> Any:
    """One scalar as its type wants it."""
    if leaf == "boolean" and type(value) is not bool:
        raise Misfit(0, f"holds {kind_of(value)} in place of a boolean")
    try:
        LEAVES[leaf]((value,))
    except Misfit as misfit:
        raise Misfit(0, f"holds a {leaf} that {misfit.problem}") from None
    if value is None:
        return None
    if leaf in _FLOATS:
        return float(value)
    return int(value) if leaf in _WHOLE else value


def _of_any(kind: Kind) -> bool:
    return kind.of is not None and kind.of.name == "any"


def _conform_array(value: Any, kind: Kind, required: bool) -> Any:
    of = kind.of
    assert of is not None
    if value is None and (not required or of.name == "any"):
        return None
    if type(value) is not list:
        raise Misfit(0, f"holds {kind_of(value)} in place of a list")
    if of.name in LEAVES:
        nullable = of.name in _NULLABLE
        return [
            None if item is None and nullable else conform(item, of, required=True)
            for item in value
        ]
    return [conform(item, of, required) for item in value]


def _conform_object(value: Any, kind: Kind, required: bool) -> Any:
    if not required and (value is None or value == {}):
        return value
    if type(value) is not dict:
        raise Misfit(0, f"holds {kind_of(value)} in place of an object")
    properties = kind.properties
    for name, (_, needed) in properties.items():
        if needed and name not in value:
            raise Misfit(0, f"lacks the property '{name}'")
    if not value.keys() <= properties.keys():
        raise Misfit(0, "has a property that its type does not know")
    return {name: conform(item, *properties[name]) for name, item in value.items()}


def _conform_map(value: Any, kind: Kind, required: bool) -> Any:
    of = kind.of
    assert of is not None
    if (not required or of.name == "any") and (value is None or value == {}):
        return value
    if type(value) is not dict:
        raise Misfit(0, f"holds {kind_of(value)} in place of an object")
    return {name: conform(item, of, required) for name, item in value.items()}
