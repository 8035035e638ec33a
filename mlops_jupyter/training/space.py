"""The space of a sweep: its dimensions, all its points, and points drawn at random.

A dimension is written ``lr=0.1,0.01`` (values), ``depth=3..6`` (whole numbers), ``n=10..50:10``
(with a step), ``lr=0.001..0.1`` (any number between) or ``lr=0.001..0.1:log`` (drawn by magnitude).
"""

from __future__ import annotations

import contextlib
import json
import math
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mlops_jupyter.training.parameters import Parameter, parse_value
from mlops_jupyter.types import InvalidRequest

MAX_POINTS = 10_000
"""Most runs of one sweep."""
MAX_DIMENSIONS = 100

Point = dict[str, Any]

_NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{1,3})?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::(log|{_NUMBER}))?")


@dataclass(frozen=True)
class Values:
    """A dimension of single values."""

    name: str
    values: Sequence[Any]

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def draw(self, source: random.Random) -> Any:
        """One of them, each as likely."""
        return self.values[source.randrange(len(self.values))]


@dataclass(frozen=True)
class Interval:
    """A dimension of all numbers between two; `log` draws each order of magnitude as often."""

    name: str
    low: float
    high: float
    log: bool = False
    whole: bool = False

    @property
    def size(self) -> int | None:
        """How many values there are; None where there is no end of them."""
        return int(self.high - self.low) + 1 if self.whole else None

    def __iter__(self) -> Iterator[Any]:
        return iter(range(int(self.low), int(self.high) + 1))

    def draw(self, source: random.Random) -> Any:
        """One of them."""
        # half a step more on both sides, so that the outer whole numbers are drawn as often
        more = 0.5 if self.whole else 0.0
        low, high = self.low - more, self.high + more
        if self.log:
            drawn = math.exp(source.uniform(math.log(low), math.log(high)))
        else:
            drawn = source.uniform(low, high)
        drawn = min(max(drawn, self.low), self.high)
        return round(drawn) if self.whole else drawn


Dimension = Values | Interval
Space = tuple[Dimension, ...]


def parse_space(texts: Sequence[str], declared: Iterable[Parameter] = ()) -> Space:
    """Read the dimensions of a space; values by the types of the declared parameters, if given.

    Raises InvalidRequest ``invalid_sweep``.
    """
    types = {parameter.name: parameter for parameter in declared}
    space: dict[str, Dimension] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not (equals and name and values.strip()):
            raise invalid_sweep(f"{shown(text)} is not a dimension")
        if name in space:
            raise invalid_sweep(f"The parameter {shown(name)} is given twice")
        space[name] = _dimension(name, values.strip(), types.get(name))
    if len(space) > MAX_DIMENSIONS:
        raise invalid_sweep(f"There are {len(space)} dimensions; {MAX_DIMENSIONS} are allowed")
    return tuple(space.values())


def size(space: Space) -> int | None:
    """Return how many points there are; None where there is no end of them."""
    sizes = [dimension.size for dimension in space]
    known = [one for one in sizes if one is not None]
    return math.prod(known) if len(known) == len(sizes) else None


def grid(space: Space) -> list[Point]:
    """Return all points, the last dimension changing fastest.

    Raises InvalidRequest ``invalid_sweep`` where there are over `MAX_POINTS`, or no end of them.
    """
    endless = [dimension.name for dimension in space if dimension.size is None]
    if endless:
        raise invalid_sweep(
            f"A grid cannot try all numbers of {shown(endless[0])}",
            "Give it a step, such as 0.1..0.5:0.1, or values; or search at random.",
        )
    count = size(space)
    if count is None or count > MAX_POINTS:
        raise invalid_sweep(
            f"The grid has {count} points; {MAX_POINTS} are allowed",
            "Try fewer values, or search at random with a count.",
        )
    points: list[Point] = [{}]
    for dimension in space:
        points = [{**point, dimension.name: value} for point in points for value in dimension]
    return points


def draw(space: Space, count: int, seed: int) -> list[Point]:
    """Return `count` points at random, none twice; all of them where there are no more.

    The same points for the same `seed`. Raises InvalidRequest ``invalid_sweep`` for a wrong count.
    """
    if not 1 <= count <= MAX_POINTS:
        raise invalid_sweep(f"A random search tries 1 to {MAX_POINTS} points")
    source = random.Random(seed)  # noqa: S311
    there = size(space)
    if there is not None and there <= count:
        points = grid(space)
        source.shuffle(points)
        return points
    drawn: dict[str, Point] = {}
    for _ in range(100 * count):
        point = {dimension.name: dimension.draw(source) for dimension in space}
        drawn.setdefault(key_of(point), point)
        if len(drawn) == count:
            break
    return list(drawn.values())


def key_of(value: Any) -> str:
    """Return text that is the same for the same values only: 1, 1.0 and true are three."""
    return json.dumps(value, sort_keys=True)


def _dimension(name: str, text: str, parameter: Parameter | None) -> Dimension:
    span = _RANGE.fullmatch(text)
    if span:
        return _parse_range(name, span, parameter)
    values = tuple(_value(part, parameter) for part in _split(text))
    if len({key_of(value) for value in values}) != len(values):
        raise invalid_sweep(f"The parameter {shown(name)} has a value twice")
    return Values(name, values)


def _value(part: str, parameter: Parameter | None) -> Any:
    """Read one value; a text may stand in quotes, so that it can hold a comma."""
    if parameter is not None and parameter.type == "str" and part[:1] == '"':
        with contextlib.suppress(ValueError):
            return parse_value(str(json.loads(part)), parameter)
    return parse_value(part, parameter)


def _parse_range(name: str, span: re.Match[str], parameter: Parameter | None) -> Dimension:
    low, high = Decimal(span[1]), Decimal(span[2])
    log = span[3] == "log"
    step = Decimal(span[3]) if span[3] and not log else None
    parts = span.groups() if step is not None else (span[1], span[2])
    whole = all(re.fullmatch(r"[-+]?\d+", part) for part in parts)
    # 0..1 of a float is all between
    whole = whole and not (parameter is not None and parameter.type == "float" and step is None)
    problem = ""
    if low >= high:
        problem = "begins after its end"
    elif step is not None and step <= 0:
        problem = "has a step of 0 or less"
    elif log and low <= 0:
        problem = "cannot be drawn by magnitude from 0 or below"
    elif step is not None and (high - low) / step > MAX_POINTS:
        problem = f"has over {MAX_POINTS} steps"
    elif max(abs(low), abs(high)) > 2**53:
        problem = f"goes beyond {2**53}"
    if problem:
        raise invalid_sweep(f"The range of {shown(name)} {problem}")
    if step is None and (log or not whole):
        return Interval(name, float(low), float(high), log, whole)
    if whole:
        return Values(name, range(int(low), int(high) + 1, int(step or 1)))
    assert step is not None
    return Values(name, tuple(float(low + n * step) for n in range(int((high - low) / step) + 1)))


def _split(text: str) -> list[str]:
    """Split at commas that are in no quotes and no brackets."""
    parts, start, depth, quote = [], 0, 0, ""
    for at, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[at - 1] != "\\" else quote
        elif character in "\"'":
            quote = character
        elif character in "[{(":
            depth += 1
        elif character in "]})":
            depth -= 1
        elif character == "," and depth <= 0:
            parts.append(text[start:at])
            start = at + 1
    return [part.strip() for part in (*parts, text[start:])]


def shown(text: str) -> str:
    """Return `text` so that it can stand in an error."""
    shown = ascii(text)
    return shown if len(shown) <= 60 else shown[:60] + "…"


def invalid_sweep(why: str, fix: str = "") -> InvalidRequest:
    """Return the error for a space or a search that cannot be."""
    return InvalidRequest(
        f"{why}.",
        fix=fix or "Write lr=0.1,0.01 or depth=3..6 or n=10..50:10 or lr=0.001..0.1:log.",
        code="invalid_sweep",
    )
