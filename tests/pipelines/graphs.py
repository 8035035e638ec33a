"""Any graph, any expression: for tests that must hold of all."""

from __future__ import annotations

import itertools

from hypothesis import strategies as st
from msgspec.structs import replace

from mlops_jupyter.pipelines.expression import Constant, Name, Operation, write_expression
from mlops_jupyter.pipelines.graph import Ensemble, Graph, Parallel, Step, Switch, checked

names = st.sampled_from(["ocr", "lang-id", "2nd", "a.b", "return", "switch", "x_1", "true"])
fields = st.one_of(
    st.sampled_from(["text", "a", "mean radius", "and", "None", "a-b", "x.y", "`", "größe", "?"]),
    st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=4),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=10),
)
_leaves = st.one_of(scalars.map(Constant), fields.map(Name))


def _negated(operand):
    # a negated number is read as the number that it is
    if isinstance(operand, Constant) and type(operand.value) in (int, float):
        return Constant(-operand.value)
    return Operation("neg", (operand,))


def _operations(inner):
    pairs = st.tuples(inner, inner)
    marks = st.sampled_from(
        ["and", "or", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"]
    )
    return st.one_of(
        st.builds(Operation, marks, pairs),
        inner.map(lambda one: Operation("not", (one,))),
        inner.map(_negated),
        st.builds(
            lambda mark, one, values: Operation(mark, (one, Constant(tuple(values)))),
            st.sampled_from(["in", "not in"]),
            inner,
            st.lists(scalars, max_size=3),
        ),
    )


expressions = st.recursive(_leaves, _operations, max_leaves=8)


_steps = st.builds(
    Step,
    st.just("step"),
    names,
    takes=st.one_of(st.dictionaries(fields, fields, max_size=3), fields.map(lambda one: {"": one})),
    gives=st.dictionaries(fields, st.one_of(st.just(""), fields), max_size=3),
    timeout=st.sampled_from([None, 0.05, 1.0, 2.5, 60.0]),
    retries=st.integers(0, 3),
    wait=st.sampled_from([0.1, 0.25, 3.0]),
)
_steps = st.one_of(
    _steps,
    st.builds(lambda one, version: replace(one, version=version), _steps, st.integers(1, 9999)),
    st.builds(lambda one, alias: replace(one, alias=alias), _steps, names),
    st.builds(lambda one, other: replace(one, fallback=other), _steps, names),
    st.builds(
        lambda one, values: replace(one, constants=values),
        _steps,
        st.dictionaries(fields, scalars, max_size=2),
    ),
)


def _sequences(inner):
    return st.lists(inner, min_size=1, max_size=3).map(tuple)


_nodes = st.recursive(
    _steps,
    lambda inner: st.one_of(
        st.builds(
            Switch,
            expressions.map(write_expression),
            _sequences(inner),
            st.one_of(st.just(()), _sequences(inner)),
        ),
        st.builds(Parallel, st.lists(_sequences(inner), min_size=2, max_size=3).map(tuple)),
        st.builds(
            Ensemble,
            st.sampled_from(["mean", "vote", "max"]),
            st.lists(_steps, min_size=2, max_size=3).map(tuple),
            fields,
        ),
    ),
    max_leaves=6,
)


def _named(node, count):
    """The node with names that no other step has; some are those of their endpoints."""
    if isinstance(node, Step):
        number = next(count)
        return replace(node, name=node.endpoint if number == 0 else f"s{number}")
    if isinstance(node, Switch):
        return replace(node, then=_all(node.then, count), otherwise=_all(node.otherwise, count))
    if isinstance(node, Parallel):
        return replace(node, branches=tuple(_all(branch, count) for branch in node.branches))
    return replace(node, members=_all(node.members, count))


def _all(nodes, count):
    return tuple(_named(node, count) for node in nodes)


_kinds = st.sampled_from(["string", "double", "array(double)", "any"])
graphs = st.builds(
    lambda nodes, returns, takes, mark: checked(
        Graph(
            _all(nodes, itertools.count()),
            tuple(returns),
            {name + mark: kind for name, kind in takes.items()},
        )
    ),
    _sequences(_nodes),
    st.lists(fields, max_size=3, unique=True),
    st.dictionaries(fields.filter(lambda one: not one.endswith("?")), _kinds, max_size=2),
    st.sampled_from(["", "?"]),
)
