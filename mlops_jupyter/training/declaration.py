"""A parameter as a notebook declares it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """A parameter of a notebook.

    Attributes
    ----------
    type
        ``int``, ``float``, ``str``, ``bool``, ``list``, ``dict`` or ``any``.
    default, text
        The value as JSON has it, and as it is written in the cell.
    has_default
        Whether `default` is known; it is not for an expression.
    required
        Whether it has an annotation and no value, so that one must be given.
    optional
        Whether it may be None.
    choices
        All values that it may have, by an annotation ``Literal[…]``; empty for any.
    help
        The comment at the end of its line.
    """

    name: str
    type: str = "any"
    default: Any = None
    text: str = ""
    has_default: bool = False
    required: bool = False
    optional: bool = False
    choices: tuple[Any, ...] = ()
    help: str = ""


def with_default(parameter: Parameter, value: Any) -> Parameter:
    """Return `parameter` with this default, and of its type where it has none yet."""
    # None says nothing of what else it may be
    kind = "any" if value is None else type_of(value)
    if parameter.type != "any" or parameter.choices:
        kind = parameter.type
    return replace(
        parameter,
        type=kind,
        default=value,
        has_default=True,
        optional=parameter.optional or value is None,
    )


def type_of(value: Any) -> str:
    """Return the word for the type of a JSON value: ``none``, or one of `Parameter.type`."""
    names = {bool: "bool", int: "int", float: "float", str: "str", list: "list", dict: "dict"}
    return "none" if value is None else names.get(type(value), "any")


def json_like(value: Any) -> Any:
    """Return a literal as JSON has it, tuples as lists; raise ValueError where it cannot be."""
    if isinstance(value, (list, tuple)):
        return [json_like(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {json_like(key): json_like(item) for key, item in value.items()}
    if isinstance(value, str):
        # half of a surrogate pair cannot be written
        value.encode()
        return value
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError("no JSON value")
