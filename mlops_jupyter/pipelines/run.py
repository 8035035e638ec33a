"""One run of a graph: a batch of rows goes through its nodes, split and joined on the way."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, TypeVar

from mlops_jupyter.audit import Entry
from mlops_jupyter.pipelines.expression import fields_of, holds, parse_expression
from mlops_jupyter.pipelines.fields import Context, Field, join_rows, pack, take_rows
from mlops_jupyter.pipelines.fieldtype import ANY
from mlops_jupyter.pipelines.graph import Ensemble, Node, Parallel, Step, Switch, inside
from mlops_jupyter.pipelines.meters import StepMeter
from mlops_jupyter.pipelines.steps import Attempt, Door, Place, step_record
from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.serving.nested import Kind
from mlops_jupyter.types import (
    DeadlineExceeded,
    InvalidInput,
    MlopsError,
    ModelError,
    Overloaded,
    StepFailed,
    Unavailable,
)

T = TypeVar("T")
Given = tuple[Context, tuple[str, ...]]
"""The context after a node, and the fields that the node gave."""


class Run:
    """Takes a context through nodes.

    Parameters
    ----------
    deadline
        Monotonic seconds until which all of it must be done.
    """

    def __init__(
        self, place: Place, door: Door, meters: dict[str, StepMeter], deadline: float
    ) -> None:
        self._place = place
        self._door = door
        self._meters = meters
        self._deadline = deadline

    async def sequence(self, nodes: Sequence[Node], context: Context, rows: int) -> Given:
        """One node after another."""
        gave: tuple[str, ...] = ()
        for node in nodes:
            context, gave = await self._node(node, context, rows)
        return context, gave

    async def _node(self, node: Node, context: Context, rows: int) -> Given:
        if isinstance(node, Step):
            given = await self._step(node, context, rows)
            return {**context, **given}, tuple(given)
        if isinstance(node, Switch):
            return await self._switch(node, context, rows)
        if isinstance(node, Parallel):
            return await self._parallel(node, context, rows)
        return await self._ensemble(node, context, rows)

    # -- steps --------------------------------------------------------------------------------

    async def _step(self, step: Step, context: Context, rows: int) -> Context:
        meter = self._meters[step.name]
        began = monotonic()
        try:
            given = await self._attempts(step, context, rows)
        except MlopsError as error:
            meter.count(error.status, monotonic() - began)
            meter.fail(str(error), time.time())
            given = await self._fallback(step, context, rows, error)
            meter.fallbacks += 1
            return given
        meter.count(200, monotonic() - began)
        return given

    async def _attempts(self, step: Step, context: Context, rows: int) -> Context:
        wait = step.wait
        for number in range(1, step.retries + 2):
            place = replace(self._place, attempt=number)
            try:
                return await Attempt(step, place, self._door, rows).run(context, self._deadline)
            except MlopsError as error:
                late = monotonic() + wait >= self._deadline
                if number > step.retries or late or not _worth_another(error):
                    raise
            await asyncio.sleep(wait)
            wait *= 2
        raise AssertionError("the last attempt returns or raises")

    async def _fallback(
        self, step: Step, context: Context, rows: int, error: MlopsError
    ) -> Context:
        instead = step.instead
        if step.constants is not None:
            self._note(step, "fallback", rows, status=200)
            return {name: _constant(value, rows) for name, value in step.constants.items()}
        if instead is None:
            raise failed(step, error) from None
        try:
            place = replace(self._place, fallback=True)
            return await Attempt(instead, place, self._door, rows).run(context, self._deadline)
        except MlopsError as second:
            raise failed(step, second) from None

    def _note(self, step: Step, action: str, rows: int, **more: Any) -> None:
        """Record what happened to a step without a call."""
        trace = self._place.account.trace.child()
        try:
            route = self._door.route(step.endpoint)
        except MlopsError:
            route = None
        record = {**step_record(step, self._place, trace, route, None), "action": action, **more}
        record["rows"] = rows
        record["pipeline"]["at_us"] = int((monotonic() - self._place.began) * 1_000_000)
        if self._place.account.shadow:
            record["shadow"] = True
        self._place.account.journal.add(Entry(record), strict=True)

    # -- what splits and joins ----------------------------------------------------------------

    async def _switch(self, node: Switch, context: Context, rows: int) -> Given:
        decided = _decide(node.on, context, rows)
        ways = (
            ([row for row in range(rows) if decided[row]], node.then),
            ([row for row in range(rows) if not decided[row]], node.otherwise),
        )
        for places, nodes in ways:
            for step in each_step(nodes):
                self._meters[step.name].skipped += rows - len(places)
                if not places:
                    self._note(step, "skip", 0)
        for places, nodes in ways:
            if len(places) == rows:
                after, gave = await self.sequence(nodes, context, rows)
                return after, gave
        cuts = [
            {name: take_rows(field, places) for name, field in context.items()}
            for places, _ in ways
        ]
        given = await together(
            self.sequence(nodes, cut, len(places))
            for cut, (places, nodes) in zip(cuts, ways, strict=True)
        )
        joined = dict(context)
        for name in dict.fromkeys(name for after, _ in given for name in after):
            parts = [after.get(name) for after, _ in given]
            if all(part is cut.get(name) for part, cut in zip(parts, cuts, strict=True)):
                continue
            where = [(places, part) for (places, _), part in zip(ways, parts, strict=True)]
            joined[name] = join_rows(where, rows)
        return joined, tuple(dict.fromkeys(name for _, gave in given for name in gave))

    async def _parallel(self, node: Parallel, context: Context, rows: int) -> Given:
        given = await together(self.sequence(branch, context, rows) for branch in node.branches)
        joined = dict(context)
        for after, _ in given:
            joined |= {name: one for name, one in after.items() if context.get(name) is not one}
        return joined, tuple(dict.fromkeys(name for _, gave in given for name in gave))

    async def _ensemble(self, node: Ensemble, context: Context, rows: int) -> Given:
        given = await together(self._step(member, context, rows) for member in node.members)
        columns = []
        for member, fields in zip(node.members, given, strict=True):
            if len(fields) != 1:
                raise StepFailed(
                    f"Step '{member.name}' of an ensemble gave {len(fields)} fields.",
                    fix="Name the one that counts after '->'.",
                )
            columns.append(next(iter(fields.values())))
        try:
            field = combined(node.by, columns, rows)
        except (Misfit, TypeError, ValueError, OverflowError) as problem:
            raise StepFailed(
                f"The answers of the ensemble '{node.gives}' have no {node.by}.",
                reason=f"{problem}.",
                fix="Let its steps give numbers, or use 'ensemble vote'.",
            ) from None
        return {**context, node.gives: field}, (node.gives,)


def _worth_another(error: MlopsError) -> bool:
    """Whether the same call may be answered the next time."""
    return error.status >= 500 or isinstance(error, Overloaded)


def _constant(value: Any, rows: int) -> Field:
    name = {str: "string", bool: "boolean", int: "long", float: "double"}.get(type(value), "any")
    kind = Kind(name)
    return Field(kind, pack([value] * rows, kind, required=False), rows)


def _decide(on: str, context: Context, rows: int) -> list[bool]:
    expression = parse_expression(on)
    columns = {}
    for name in fields_of(expression):
        field = context.get(name)
        try:
            columns[name] = [None] * rows if field is None else field.values()
        except (Misfit, UnicodeDecodeError):
            raise InvalidInput(
                f"The condition '{on}' cannot be decided.",
                reason=f"The field '{name}' is not text in UTF-8.",
                code="undecided_switch",
            ) from None
    return holds(expression, columns, rows)


def each_step(nodes: Sequence[Node]) -> Iterator[Step]:
    """Every step of a sequence, inner ones too."""
    for node in nodes:
        if isinstance(node, Step):
            yield node
        for inner in inside(node):
            yield from each_step(inner)


async def together(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All at once; the first failure ends the others and is raised."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        # what is given up is recorded before the answer leaves
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if task in done and not task.cancelled() and (error := task.exception()) is not None:
            raise error
    return [task.result() for task in tasks]


def combined(by: str, columns: Sequence[Field], rows: int) -> Field:
    """The answers of an ensemble's steps as one field."""
    values = [column.values() for column in columns]
    answers = list(zip(*values, strict=True))
    if by == "vote":
        # of equally frequent answers the one of the earlier step
        voted = [Counter(map(_hashable, row)).most_common(1)[0][0] for row in answers]
        firsts = [
            next(one for one in row if _hashable(one) == key)
            for row, key in zip(answers, voted, strict=True)
        ]
        kind = columns[0].kind
        if any(column.kind != kind for column in columns):
            kind = ANY
        return Field(kind, pack(firsts, kind, required=False), rows)
    merge = _mean if by == "mean" else _greatest
    merged = [merge(row) for row in answers]
    plain = all(type(one) is float for one in merged)
    kind = Kind("double") if plain else ANY
    return Field(kind, pack(merged, kind, required=False), rows)


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted((key, _hashable(one)) for key, one in value.items()))
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _mean(row: Sequence[Any]) -> Any:
    if isinstance(row[0], list):
        return [_mean(cells) for cells in zip(*row, strict=True)]
    return float(sum(map(_number, row)) / len(row))


def _greatest(row: Sequence[Any]) -> Any:
    if isinstance(row[0], list):
        return [_greatest(cells) for cells in zip(*row, strict=True)]
    return float(max(map(_number, row)))


def _number(value: Any) -> float:
    if value is None:
        return float("nan")
    if type(value) not in (int, float, bool):
        raise TypeError(f"a {type(value).__name__} is not a number")
    return float(value)


_KINDS: dict[int, tuple[type[MlopsError], str]] = {
    404: (Unavailable, "step_unavailable"),
    422: (InvalidInput, "step_refused"),
    429: (Overloaded, "step_overloaded"),
    503: (Unavailable, "step_unavailable"),
    504: (DeadlineExceeded, "step_timed_out"),
}


def failed(step: Step, error: MlopsError) -> MlopsError:
    """The pipeline's error for a step that did not answer: what the step said, and which it was."""
    kind, code = _KINDS.get(error.status, (StepFailed, "step_failed"))
    named = "" if step.name == step.endpoint else f" (endpoint '{step.endpoint}')"
    found = kind(
        f"Step '{step.name}'{named} failed: {error.message}",
        reason=error.reason,
        fix=error.fix,
        code=code,
    )
    name = getattr(error, "error_class", None)
    if isinstance(error, ModelError) and name:
        found.error_class = name  # type: ignore[attr-defined]
    return found
