"""A signature as text: ``text: string, n: long -> label: string, score: double``.

Columns have MLflow's types, ``array(double)`` for lists, a ``?`` after the name of one that may be
left out. Tensors have numpy's types and a shape whose first axis is the rows, as in
``x: float64[-1,30]``. A side is all columns or all tensors.
"""

from __future__ import annotations

import json
import re
from typing import Any

from mlops_jupyter.types import InvalidRequest, did_you_mean

_LEAVES = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")
_TENSORS = (
    "bool",
    "str",
    "float16",
    "float32",
    "float64",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)
_ITEM = re.compile(r"(?:([^\s:?,\[\]()]+)(\?)?\s*:\s*)?(.+)")
_TENSOR = re.compile(r"(\w+)\s*\[\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*\]")
_ARRAY = re.compile(r"array\((.+)\)", re.IGNORECASE)


def parse_signature(text: str) -> dict[str, Any]:
    """The signature as MLflow's ``ModelSignature.to_dict()`` writes it.

    Raises
    ------
    InvalidRequest
        ``invalid_signature``: says which part cannot be read.
    """
    sides = text.split("->")
    if len(sides) != 2 or not all(side.strip() for side in sides):
        raise _wrong("it must have inputs and outputs with '->' between them")
    inputs, outputs = (_side(side) for side in sides)
    return {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None}


def _side(text: str) -> list[dict[str, Any]]:
    items = [_item(part.strip()) for part in _parts(text)]
    if len({item["type"] == "tensor" for item in items}) > 1:
        raise _wrong("one side has columns and tensors")
    names = [item.get("name") for item in items]
    if len(items) > 1 and None in names:
        raise _wrong("only a single tensor can do without a name")
    for name in names:
        if names.count(name) > 1:
            raise _wrong(f"the name {ascii(name)[:60]} is there twice")
    return items


def _parts(text: str) -> list[str]:
    """Cut at the commas that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for place, mark in enumerate(text):
        depth += (mark in "([") - (mark in ")]")
        if mark == "," and not depth:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _item(text: str) -> dict[str, Any]:
    match = _ITEM.fullmatch(text)
    if match is None:
        raise _wrong(f"{ascii(text)[:60]} is not 'name: type'")
    name, optional, kind = match.groups()
    if tensor := _TENSOR.fullmatch(kind):
        return _tensor(name, optional, *tensor.groups())
    if name is None:
        raise _wrong(f"{ascii(text)[:60]} has no name: write 'name: type'")
    return {**_column(kind), "name": name, "required": optional is None}


def _column(kind: str) -> dict[str, Any]:
    if array := _ARRAY.fullmatch(kind):
        return {"type": "array", "items": _column(array[1].strip())}
    if kind.lower() not in _LEAVES:
        near = did_you_mean(kind.lower()[:40], _LEAVES)
        raise _wrong(
            f"there is no type {ascii(kind)[:40]}", near or f"Types: {', '.join(_LEAVES)}."
        )
    return {"type": kind.lower()}


def _tensor(name: str | None, optional: str | None, dtype: str, shape: str) -> dict[str, Any]:
    if dtype not in _TENSORS:
        near = did_you_mean(dtype[:40], _TENSORS)
        raise _wrong(f"there is no tensor type {ascii(dtype)[:40]}", near)
    sizes = [int(size) for size in shape.split(",")]
    if sizes[0] != -1 or any(size != -1 and size < 1 for size in sizes):
        raise _wrong(f"the shape [{shape}] must begin with -1, the rows, and have no 0")
    if optional:
        raise _wrong("a tensor cannot be left out")
    named = {} if name is None else {"name": name}
    return {**named, "type": "tensor", "tensor-spec": {"dtype": dtype, "shape": sizes}}


def _wrong(reason: str, fix: str = "") -> InvalidRequest:
    return InvalidRequest(
        f"The signature cannot be read: {reason}.",
        fix=fix
        or "Write e.g. 'text: string, n: long -> label: string, score: double', "
        "or tensors as 'x: float64[-1,30] -> y: float64[-1]'.",
        code="invalid_signature",
    )
