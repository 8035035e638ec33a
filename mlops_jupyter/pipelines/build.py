"""The same graphs in Python: ``ocr >> langid >> switch(lang != "en", translate) >> sentiment``.

Wherever a part is wanted there may also stand an endpoint (an object with a `name`) or the text of
a reference, ``"ocr"``, ``"ocr/3"``, ``"ocr@champion"``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from mlops_jupyter.pipelines.expression import (
    Constant,
    Expression,
    Name,
    Operation,
    parse_expression,
    write_expression,
)
from mlops_jupyter.pipelines.graph import (
    FIRST_WAIT,
    ONLY,
    By,
    Ensemble,
    Graph,
    Node,
    Parallel,
    Scalar,
    Step,
    Switch,
    checked,
)
from mlops_jupyter.pipelines.syntax import InvalidPipeline
from mlops_jupyter.types import ModelRef


class Part:
    """A piece of a pipeline: nodes in sequence."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes: tuple[Node, ...] = tuple(nodes)

    def __rshift__(self, other: Any) -> Part:
        return Part((*self.nodes, *as_part(other).nodes))

    def __rrshift__(self, other: Any) -> Part:
        return Part((*as_part(other).nodes, *self.nodes))

    def __repr__(self) -> str:
        from mlops_jupyter.pipelines.writer import write_pipeline

        return write_pipeline(Graph(self.nodes)).rstrip()

    def graph(self, returns: Iterable[str] = (), takes: Mapping[str, str] | None = None) -> Graph:
        """The whole pipeline that this is; raise InvalidPipeline when it cannot be one."""
        return checked(Graph(self.nodes, tuple(returns), dict(takes or {})))


def as_part(given: Any) -> Part:
    """`given` as a part of a pipeline: a part, an endpoint, or a reference as text."""
    if isinstance(given, Part):
        return given
    name = given if isinstance(given, str) else getattr(given, "name", None)
    if not isinstance(name, str):
        raise InvalidPipeline(
            f"A {type(given).__name__} is no part of a pipeline.",
            fix="Join endpoints, their names, mj.step, mj.switch, mj.parallel and mj.ensemble.",
        )
    return step(name)


def step(
    endpoint: Any,
    *,
    name: str | None = None,
    takes: str | Mapping[str, str] | None = None,
    gives: str | Mapping[str, str] | None = None,
    timeout: float | None = None,
    retry: int = 0,
    wait: float = FIRST_WAIT,
    fallback: Any = None,
    **inputs: str,
) -> Part:
    """A step: ``step("ocr", image="scan", gives="text", timeout=5, retry=2)``.

    Parameters
    ----------
    endpoint
        An endpoint, or ``ocr``, ``ocr/3``, ``ocr@champion``.
    name
        The step's name, where an endpoint is asked twice.
    takes, inputs
        The field for an input of the endpoint; a text is the field for its only input.
    gives
        ``{field: output}``, or the name of its only output.
    timeout, retry, wait
        Longest seconds for one attempt, further attempts, and seconds before the first of these.
    fallback
        What answers when all attempts failed: an endpoint, or ``{field: value}``.
    """
    ref = ModelRef.parse(endpoint if isinstance(endpoint, str) else endpoint.name)
    given = {ONLY: takes} if isinstance(takes, str) else dict(takes or {})
    constants = dict(fallback) if isinstance(fallback, Mapping) else None
    other = None
    if fallback is not None and constants is None:
        other = str(ModelRef.parse(fallback if isinstance(fallback, str) else fallback.name))
    for value in (constants or {}).values():
        _check_scalar(value)
    made = Step(
        name or ref.name,
        ref.name,
        ref.version,
        ref.alias,
        takes={**given, **inputs},
        gives={gives: ONLY} if isinstance(gives, str) else dict(gives or {}),
        timeout=None if timeout is None else float(timeout),
        retries=retry,
        wait=float(wait),
        fallback=other,
        constants=constants,
    )
    return Part((made,))


def switch(on: Condition | str, then: Any, otherwise: Any = None) -> Part:
    """Rows for which `on` holds go through `then`, the others through `otherwise`, if any."""
    text = on if isinstance(on, str) else write_expression(_condition(on).expression)
    rest = () if otherwise is None else as_part(otherwise).nodes
    return Part((Switch(write_expression(parse_expression(text)), as_part(then).nodes, rest),))


def parallel(*branches: Any) -> Part:
    """Branches that run at once; what they give joins."""
    return Part((Parallel(tuple(as_part(branch).nodes for branch in branches)),))


def ensemble(*members: Any, by: By = "mean", gives: str = "ensemble") -> Part:
    """Steps whose answers become one: their mean, the most frequent, or the greatest."""
    if by not in ("mean", "vote", "max"):
        raise InvalidPipeline(
            f"There is no ensemble by {ascii(by)[:40]}.", fix="One of: mean, vote, max."
        )
    steps = [node for member in members for node in as_part(member).nodes]
    if not all(isinstance(node, Step) for node in steps):
        raise InvalidPipeline("An ensemble is made of steps.", fix="Give it endpoints.")
    return Part((Ensemble(by, tuple(steps), gives),))  # type: ignore[arg-type]


def field(name: str) -> Condition:
    """A field of the row, for the condition of a switch: ``field("lang") != "en"``."""
    return Condition(Name(name))


class Condition:
    """An expression made by Python's operators; ``&``, ``|`` and ``~`` stand for and, or, not."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def __repr__(self) -> str:
        return write_expression(self.expression)

    def __bool__(self) -> bool:
        raise InvalidPipeline(
            "A condition on fields is not true or false by itself.",
            reason="It is decided for each row when the pipeline runs.",
            fix="Combine conditions by & and |, negate them by ~, and bracket each: "
            '(lang != "en") & (score > 0.5).',
        )

    def _with(self, mark: str, other: Any) -> Condition:
        return Condition(Operation(mark, (self.expression, _condition(other).expression)))

    def _after(self, mark: str, other: Any) -> Condition:
        return Condition(Operation(mark, (_condition(other).expression, self.expression)))

    def isin(self, values: Iterable[Scalar]) -> Condition:
        """Whether it is one of `values`."""
        known = tuple(_check_scalar(value) for value in values)
        return Condition(Operation("in", (self.expression, Constant(known))))

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return self._with("==", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return self._with("!=", other)

    def __lt__(self, other: Any) -> Condition:
        return self._with("<", other)

    def __le__(self, other: Any) -> Condition:
        return self._with("<=", other)

    def __gt__(self, other: Any) -> Condition:
        return self._with(">", other)

    def __ge__(self, other: Any) -> Condition:
        return self._with(">=", other)

    def __add__(self, other: Any) -> Condition:
        return self._with("+", other)

    def __radd__(self, other: Any) -> Condition:
        return self._after("+", other)

    def __sub__(self, other: Any) -> Condition:
        return self._with("-", other)

    def __rsub__(self, other: Any) -> Condition:
        return self._after("-", other)

    def __mul__(self, other: Any) -> Condition:
        return self._with("*", other)

    def __rmul__(self, other: Any) -> Condition:
        return self._after("*", other)

    def __truediv__(self, other: Any) -> Condition:
        return self._with("/", other)

    def __mod__(self, other: Any) -> Condition:
        return self._with("%", other)

    def __neg__(self) -> Condition:
        return Condition(Operation("neg", (self.expression,)))

    def __and__(self, other: Any) -> Condition:
        return self._with("and", other)

    def __or__(self, other: Any) -> Condition:
        return self._with("or", other)

    def __invert__(self) -> Condition:
        return Condition(Operation("not", (self.expression,)))


def _condition(given: Any) -> Condition:
    return given if isinstance(given, Condition) else Condition(Constant(_check_scalar(given)))


def _check_scalar(value: Any) -> Scalar:
    plain = value.item() if hasattr(value, "item") and not isinstance(value, str) else value
    finite = not isinstance(plain, float) or math.isfinite(plain)
    if isinstance(plain, str | int | float | bool | None) and finite:
        return plain
    raise InvalidPipeline(
        f"A {type(value).__name__} cannot stand in a pipeline.",
        fix="Use text, finite numbers, True, False and None.",
    )
