"""Expressions: what they mean is what Python means by them, as far as both know it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.pipelines import InvalidPipeline
from mlops_jupyter.pipelines.expression import (
    fields_of,
    holds,
    parse_expression,
    sort_of,
    write_expression,
)
from mlops_jupyter.types import InvalidInput

from .graphs import expressions

_numbers = st.one_of(st.integers(-5, 5), st.sampled_from([0.5, -1.25, 3.0]))
_terms = st.recursive(
    st.one_of(_numbers.map(str), st.sampled_from(["a", "b"])),
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from("+-*/%"), inner),
    max_leaves=5,
)
_conditions = st.recursive(
    st.builds(
        "{} {} {}".format, _terms, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), _terms
    ),
    lambda inner: st.one_of(
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=4,
)


@given(expressions)
def test_the_written_form_reads_as_the_same(expression):
    text = write_expression(expression)
    assert parse_expression(text) == expression
    assert write_expression(parse_expression(text)) == text


@given(_conditions, _numbers, _numbers)
def test_it_means_what_python_means(text, a, b):
    expression = parse_expression(text)
    try:
        wanted = eval(text, {"a": a, "b": b})
    except ZeroDivisionError:
        with pytest.raises(InvalidInput):
            holds(expression, {"a": [a], "b": [b]}, 1)
        return
    assert holds(expression, {"a": [a], "b": [b]}, 1) == [wanted]
    assert holds(parse_expression(write_expression(expression)), {"a": [a], "b": [b]}, 1) == [
        wanted
    ]


def test_it_is_decided_row_by_row():
    expression = parse_expression('lang != "en" and n in [1, 3]')
    columns = {"lang": ["es", "en", "es", None], "n": [1, 1, 2, 3]}
    assert fields_of(expression) == ["lang", "n"]
    assert holds(expression, columns, 4) == [True, False, False, True]


def test_truth_is_no_number_and_missing_is_only_missing():
    columns = {"x": [True, 1, None, "1"]}
    assert holds(parse_expression("x == 1"), columns, 4) == [False, True, False, False]
    assert holds(parse_expression("x == null"), columns, 4) == [False, False, True, False]


@pytest.mark.parametrize(
    ("text", "value", "why"),
    [
        ("x > 3", None, "missing"),
        ("x > 3", "4", "text"),
        ("x + 1 > 3", True, "truth"),
        ("1 / x > 3", 0, "zero"),
        ("x and x", 1, "truth"),
        ("x", None, "true nor false"),
    ],
)
def test_what_cannot_be_decided_names_the_row_and_not_the_value(text, value, why):
    with pytest.raises(InvalidInput) as error:
        holds(parse_expression(text), {"x": [value]}, 1)
    assert error.value.code == "undecided_switch"
    assert "row 0" in error.value.reason
    assert why in error.value.reason


@pytest.mark.parametrize(
    "text", ['lang > "a"', "n * 2 >= 3", "ok or n == 1", "when < '2024-01-01'"]
)
def test_kinds_that_fit(text):
    sorts = {"lang": "text", "n": "number", "ok": "truth", "when": "time"}
    assert sort_of(parse_expression(text), sorts) == "truth"


@pytest.mark.parametrize(
    "text", ["lang > 3", "n == 'a'", "lang + 1 > 2", "n and ok", "not n", "ok < ok", "n in ['a']"]
)
def test_kinds_that_do_not(text):
    sorts = {"lang": "text", "n": "number", "ok": "truth", "when": "time"}
    with pytest.raises(ValueError, match="'"):
        sort_of(parse_expression(text), sorts)


@pytest.mark.parametrize(
    "text",
    ["", "a ==", "a b", "(a", "[1", "a in b", "a in (1, 2)", "a < b < c", "f(x)", "a.b()", "a[0]",
     "lambda: 1", "a ** 2", "a = 1", "__import__('os').system('x')", "`", "'", "1e999", "9" * 30,
     "not", "(" * 60 + "a" + ")" * 60, " and ".join(["a"] * 80), "a" * 3000],
)  # fmt: skip
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(InvalidPipeline) as error:
        parse_expression(text)
    assert "olumn" in error.value.message
