"""Expressions over a row's fields: comparison, and/or/not, in, arithmetic. Never Python's eval.

``lang != "en"``, ``score > 0.8 and not (country in ["DE", "AT"])``, ``n % 2 == 0``. A field whose
name is no plain word stands in backquotes. A missing value is null: it can be compared by ``==``,
``!=`` and ``in``; anything else on it is an error that names the field and the row.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from mlops_jupyter.pipelines.syntax import QUOTED, Tokens, write_field
from mlops_jupyter.types import InvalidInput

MAX_DEPTH = 50
MAX_TEXT = 2000

_TOKEN = re.compile(
    r"\s+|"
    r"(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|"
    rf"{QUOTED}|"
    r"(?P<name>[A-Za-z_][A-Za-z0-9_.]*)|"
    r"(?P<mark>==|!=|<=|>=|[<>()\[\],+\-*/%])"
)
_WORDS = {
    "true": True, "True": True, "false": False, "False": False, "null": None, "None": None,
}  # fmt: skip
_COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")
_LEVEL = {
    "or": 1, "and": 2, "not": 3, "in": 4, "not in": 4, **dict.fromkeys(_COMPARISONS, 4),
    "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "neg": 7,
}  # fmt: skip
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "+": operator.add, "-": operator.sub, "*": operator.mul,
    "/": operator.truediv, "%": operator.mod,
}  # fmt: skip


@dataclass(frozen=True)
class Constant:
    """A text, number, truth value or null; a tuple is a list of them."""

    value: Any


@dataclass(frozen=True)
class Name:
    """A field of the row."""

    field: str


@dataclass(frozen=True)
class Operation:
    """An operator and what it is applied to, one or two expressions."""

    operator: str
    operands: tuple[Expression, ...]


Expression = Constant | Name | Operation
Sort = Literal["truth", "number", "text", "time", "null", "any"]
"""What a value is, as far as operators care."""


# -- text -----------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def parse_expression(text: str, line: int = 0, at: int = 0) -> Expression:
    """Read the expression that begins at `at`; raise InvalidPipeline with its place."""
    tokens = Tokens(text, _TOKEN, line, at)
    if len(text) > MAX_TEXT:
        tokens.refuse(f"the expression is longer than {MAX_TEXT} characters", at)
    found = _parse(tokens, 1, MAX_DEPTH)
    if tokens.next.kind != "end":
        tokens.expected("the end of the expression", "Combine conditions by 'and' and 'or'.")
    return found


def _parse(tokens: Tokens, level: int, depth: int) -> Expression:  # noqa: PLR0911
    if not depth:
        tokens.refuse(f"the expression is nested deeper than {MAX_DEPTH} levels", tokens.next.at)
    if level == _LEVEL["not"]:
        if tokens.took("not"):
            return Operation("not", (_parse(tokens, level, depth - 1),))
        return _parse(tokens, level + 1, depth)
    if level == _LEVEL["neg"]:
        if tokens.took("-"):
            inner = _parse(tokens, level, depth - 1)
            if isinstance(inner, Constant) and type(inner.value) in (int, float):
                return Constant(-inner.value)
            return Operation("neg", (inner,))
        return _primary(tokens, depth)
    left = _parse(tokens, level + 1, depth)
    if level == _LEVEL["=="]:
        return _comparison(tokens, left, depth)
    marks = {1: ("or",), 2: ("and",), 5: ("+", "-"), 6: ("*", "/", "%")}[level]
    while mark := tokens.took(*marks):
        left = Operation(mark, (left, _parse(tokens, level + 1, depth - 1)))
        depth -= 1
        if not depth:
            tokens.refuse(f"the expression has over {MAX_DEPTH} operands", tokens.next.at)
    return left


def _comparison(tokens: Tokens, left: Expression, depth: int) -> Expression:
    mark = tokens.took(*_COMPARISONS)
    if not mark and tokens.took("not"):
        tokens.need("in", "Write 'x not in [...]'.")
        mark = "not in"
    if not mark:
        mark = tokens.took("in")
    if not mark:
        return left
    right = _parse(tokens, _LEVEL["=="] + 1, depth - 1)
    if mark in ("in", "not in") and not (
        isinstance(right, Constant) and isinstance(right.value, tuple)
    ):
        tokens.refuse("a list is expected after 'in'", tokens.next.at, 'Write e.g. ["en", "de"].')
    if tokens.next.text in (*_COMPARISONS, "in"):
        tokens.expected("the end of the comparison", "Write 'a < b and b < c'.")
    return Operation(mark, (left, right))


def _primary(tokens: Tokens, depth: int) -> Expression:
    if tokens.took("("):
        inner = _parse(tokens, 1, depth - 1)
        tokens.need(")")
        return inner
    if tokens.took("["):
        return _list(tokens)
    token = tokens.next
    if token.kind == "field" or (token.kind == "name" and token.text not in ("and", "or", "in")):
        tokens.take()
        if token.kind == "name" and token.text in _WORDS:
            return Constant(_WORDS[token.text])
        return Name(tokens.field(token))
    return Constant(_constant(tokens))


def _list(tokens: Tokens) -> Constant:
    values: list[Any] = []
    while not tokens.took("]"):
        if values:
            tokens.need(",", "Separate the values of a list by commas.")
        values.append(_constant(tokens))
    return Constant(tuple(values))


def _constant(tokens: Tokens) -> Any:
    sign = -1 if tokens.took("-") else 1
    token = tokens.next
    if token.kind == "number":
        tokens.take()
        number = int(token.text) if token.text.isdecimal() else float(token.text)
        if not math.isfinite(number) or (type(number) is int and number >= 2**63):
            tokens.refuse("the number is too large", token.at)
        return sign * number
    if sign == 1 and token.kind == "text":
        return tokens.string(tokens.take())
    if sign == 1 and token.kind == "name" and token.text in _WORDS:
        return _WORDS[tokens.take().text]
    return tokens.expected("a field or a value")


def read_constant(tokens: Tokens) -> Any:
    """A literal among other tokens: text, number, true, false, null."""
    return _constant(tokens)


def write_expression(expression: Expression, level: int = 0) -> str:
    """The canonical text: parentheses only where they are needed."""
    if isinstance(expression, Name):
        return write_field(expression.field)
    if isinstance(expression, Constant):
        return write_literal(expression.value)
    mark, operands = expression.operator, expression.operands
    own = _LEVEL[mark]
    if mark in ("not", "neg"):
        text = ("not " if mark == "not" else "-") + write_expression(operands[0], own)
    else:
        # comparisons do not chain, the others group from the left
        left = own + 1 if own == _LEVEL["=="] else own
        text = (
            f"{write_expression(operands[0], left)} {mark} {write_expression(operands[1], own + 1)}"
        )
    return f"({text})" if own < level else text


def write_literal(value: Any) -> str:
    """A literal as text."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(write_literal, value))}]"
    return json.dumps(value, ensure_ascii=False)


# -- meaning --------------------------------------------------------------------------------------


def fields_of(expression: Expression) -> list[str]:
    """The fields that it reads, each once, in order."""
    if isinstance(expression, Name):
        return [expression.field]
    if isinstance(expression, Constant):
        return []
    found = [field for operand in expression.operands for field in fields_of(operand)]
    return list(dict.fromkeys(found))


def sort_of(expression: Expression, sorts: Mapping[str, Sort]) -> Sort:
    """What its value is; raise ValueError, in words, where an operator does not fit."""
    if isinstance(expression, Name):
        return sorts[expression.field]
    if isinstance(expression, Constant):
        return _sort_of_value(expression.value)
    mark = expression.operator
    found = [sort_of(operand, sorts) for operand in expression.operands]
    if mark in ("and", "or", "not"):
        _need(expression, found, "truth", "a truth value")
        return "truth"
    if mark in ("neg", "+", "-", "*", "/", "%"):
        _need(expression, found, "number", "a number")
        return "number"
    if mark in ("in", "not in"):
        assert isinstance(expression.operands[1], Constant)
        found[1:] = [_sort_of_value(value) for value in expression.operands[1].value]
    known = {sort for sort in found if sort not in ("any", "null")}
    # times are compared as ISO 8601 text
    if len(known - {"time"} | ({"text"} if "time" in known else set())) > 1:
        words = " with ".join(sorted(known))
        raise ValueError(f"'{write_expression(expression)}' compares {words}")
    if mark in ("<", "<=", ">", ">=") and "truth" in known:
        raise ValueError(f"'{write_expression(expression)}' orders truth values")
    return "truth"


def _need(expression: Operation, found: Sequence[Sort], wanted: Sort, words: str) -> None:
    for operand, sort in zip(expression.operands, found, strict=True):
        if sort not in (wanted, "any"):
            raise ValueError(
                f"'{write_expression(operand)}' in '{write_expression(expression)}' is not {words}"
            )


def _sort_of_value(value: Any) -> Sort:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "truth"
    return "text" if isinstance(value, str) else "number" if not isinstance(value, tuple) else "any"


class _Unfit(Exception):
    """A value that an operator cannot be applied to."""


def holds(expression: Expression, columns: Mapping[str, Sequence[Any]], rows: int) -> list[bool]:
    """For each row whether the expression holds.

    Raises
    ------
    InvalidInput
        A value is missing or of another kind where an operator needs it; the row is named.
    """
    evaluate = _compile(expression, columns)
    answers = []
    for row in range(rows):
        try:
            answer = evaluate(row)
            if type(answer) is not bool:
                raise _Unfit("it is neither true nor false")
        except (_Unfit, ZeroDivisionError, OverflowError) as problem:
            why = "it divides by zero" if isinstance(problem, ZeroDivisionError) else str(problem)
            raise InvalidInput(
                f"The condition '{write_expression(expression)}' cannot be decided.",
                reason=f"In row {row} (counted from 0) {why}.",
                fix="Send the value, or test for it first: x != null and x > 3.",
                code="undecided_switch",
            ) from None
        answers.append(answer)
    return answers


def _compile(  # noqa: PLR0911
    expression: Expression, columns: Mapping[str, Sequence[Any]]
) -> Callable[[int], Any]:
    if isinstance(expression, Name):
        return columns[expression.field].__getitem__
    if isinstance(expression, Constant):
        value = expression.value
        return lambda _row: value
    mark = expression.operator
    parts = [_compile(operand, columns) for operand in expression.operands]
    first, last = parts[0], parts[-1]
    if mark == "and":
        return lambda row: _truth(first(row)) and _truth(last(row))
    if mark == "or":
        return lambda row: _truth(first(row)) or _truth(last(row))
    if mark == "not":
        return lambda row: not _truth(first(row))
    if mark == "neg":
        return lambda row: -_number(first(row))
    if mark in ("in", "not in"):
        wanted = mark == "in"
        return lambda row: any(_equal(first(row), one) for one in last(row)) is wanted
    if mark in ("==", "!="):
        return lambda row: _equal(first(row), last(row)) is (mark == "==")
    apply = _BINARY[mark]
    if mark in _COMPARISONS:
        return lambda row: apply(*_ordered(first(row), last(row)))
    return lambda row: apply(_number(first(row)), _number(last(row)))


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise _Unfit(f"{_shown(value)} is not a truth value")
    return value


def _number(value: Any) -> Any:
    if type(value) is not int and type(value) is not float:
        raise _Unfit(f"{_shown(value)} is not a number")
    return value


def _equal(left: Any, right: Any) -> bool:
    # true is not 1 here
    return bool((type(left) is bool) == (type(right) is bool) and left == right)


def _ordered(left: Any, right: Any) -> tuple[Any, Any]:
    numbers = {int, float}
    if {type(left), type(right)} <= numbers or type(left) is type(right) is str:
        return left, right
    raise _Unfit(f"{_shown(left)} and {_shown(right)} have no order")


def _shown(value: Any) -> str:
    # a caller's values are not repeated in errors
    if value is None:
        return "a missing value"
    return {bool: "a truth value", str: "a text", int: "a number", float: "a number"}.get(
        type(value), "a value"
    )
