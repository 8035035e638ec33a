"""A value that does not fit its type, described without showing it."""

from __future__ import annotations

from typing import Any


class Misfit(Exception):
    """Element `index` of the packed values does not fit; `problem` says how, e.g. "is text".

    Not an answer yet: who knows the column raises InvalidInput in its place.
    """

    def __init__(self, index: int, problem: str) -> None:
        super().__init__(problem)
        self.index = index
        self.problem = problem


_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "true or false",
    int: "a whole number",
    float: "a number with a fraction",
    str: "text",
    bytes: "bytes",
    list: "a list",
    dict: "an object",
}


def kind_of(value: Any) -> str:
    """What a JSON value is, in words: never the value itself."""
    if type(value) is float and value.is_integer():
        return "a number"
    return _KINDS.get(type(value), "of another kind")


def first_not(values: list[Any], allowed: frozenset[Any]) -> Misfit:
    """The Misfit for the first value whose type is not among `allowed`; there must be one."""
    index = next(i for i, value in enumerate(values) if type(value) not in allowed)
    return Misfit(index, f"is {kind_of(values[index])}")
