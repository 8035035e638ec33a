"""Fields of a batch: cut by rows and joined again they are the same, whatever their type."""

from __future__ import annotations

import datetime
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.pipelines.fields import Field, converted, join_rows, pack, take_rows
from mlops_jupyter.pipelines.fieldtype import Cells
from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.serving.nested import Kind

_TEXT = st.one_of(st.none(), st.text(max_size=4))
_VALUES = {
    "boolean": st.booleans(),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "string": _TEXT,
    "binary": st.one_of(st.none(), st.binary(max_size=4)),
    "datetime": st.one_of(
        st.none(),
        st.datetimes(datetime.datetime(1800, 1, 1), datetime.datetime(2200, 1, 1)).map(
            datetime.datetime.isoformat
        ),
    ),
    "any": st.one_of(st.none(), st.integers(-9, 9), st.lists(st.text(max_size=2), max_size=2)),
}


def _field(kind, values):
    return Field(kind, pack(values, kind, required=False), len(values))


@st.composite
def columns(draw, allow_infinity=True):
    name = draw(st.sampled_from([*_VALUES, "cells", "words"]))
    rows = draw(st.integers(1, 8))
    if name == "cells":
        row = st.lists(
            st.floats(width=32, allow_nan=False, allow_infinity=allow_infinity),
            min_size=2,
            max_size=2,
        )
        return Cells("FP32", (2,)), draw(st.lists(row, min_size=rows, max_size=rows))
    if name == "words":
        row = st.lists(st.text(max_size=3), min_size=2, max_size=2)
        return Cells("BYTES", (2,)), draw(st.lists(row, min_size=rows, max_size=rows))
    return Kind(name), draw(st.lists(_VALUES[name], min_size=rows, max_size=rows))


@given(columns())
def test_values_are_packed_and_read_again(column):
    kind, values = column
    assert _field(kind, values).values() == values


@given(columns(), st.data())
def test_rows_that_are_cut_apart_and_joined_are_as_before(column, data):
    kind, values = column
    rows = len(values)
    ways = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    whole = _field(kind, values)
    places = [[row for row in range(rows) if ways[row] is way] for way in (True, False)]
    parts = [(place, take_rows(whole, place)) for place in places]
    assert join_rows(parts, rows) == whole


@given(columns(allow_infinity=False), st.data())
def test_rows_that_have_none_are_missing(column, data):
    kind, values = column
    rows = len(values)
    here = data.draw(st.lists(st.integers(0, rows - 1), min_size=1, unique=True).map(sorted))
    gone = [row for row in range(rows) if row not in here]
    joined = join_rows([(here, take_rows(_field(kind, values), here)), (gone, None)], rows).values()
    for row in range(rows):
        if row in here:
            assert joined[row] == values[row]
        else:
            assert joined[row] is None or math.isnan(joined[row])


def test_an_array_beside_rows_that_have_none_is_json_which_has_no_infinity():
    whole = _field(Cells("FP32", (2,)), [[0.5, math.inf]])
    assert join_rows([([0], whole), ([1], None)], 2).values() == [[0.5, None], None]


def test_parts_of_two_types_become_one():
    whole = _field(Kind("long"), [1])
    part = _field(Kind("double"), [2.5])
    assert join_rows([([1], whole), ([0], part)], 2) == _field(Kind("double"), [2.5, 1.0])


@pytest.mark.parametrize(
    ("given_as", "values", "wanted", "become"),
    [
        (Kind("long"), [1, 2], Kind("double"), [1.0, 2.0]),
        (Kind("float"), [0.5], Kind("double"), [0.5]),
        (Kind("double"), [0.5], Cells("FP32", (1,)), [[0.5]]),
        (Cells("FP32", (1,)), [[0.5]], Kind("double"), [0.5]),
        (Cells("FP32", (2,)), [[1.0, 2.0]], Cells("FP64", (2,)), [[1.0, 2.0]]),
        (Cells("FP32", (2,)), [[1.0, 2.0]], Kind("array", Kind("double")), [[1.0, 2.0]]),
        (Kind("array", Kind("double")), [[1.0, 2.0]], Cells("FP64", (2,)), [[1.0, 2.0]]),
        (Kind("any"), ["a", None], Kind("string"), ["a", None]),
        (Kind("string"), ["a"], Kind("any"), ["a"]),
    ],
)
def test_a_field_where_another_type_is_taken(given_as, values, wanted, become):
    data = converted(_field(given_as, values), wanted, required=False)
    assert Field(wanted, data, len(values)).values() == become


@pytest.mark.parametrize(
    ("given_as", "values", "wanted"),
    [
        (Kind("any"), ["a"], Kind("long")),
        (Kind("any"), [1.5], Kind("long")),
        (Kind("long"), [2**60 + 1], Kind("double")),
        (Kind("array", Kind("double")), [[1.0]], Cells("FP64", (2,))),
        (Kind("any"), [None], Kind("long")),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_its_row(given_as, values, wanted):
    with pytest.raises(Misfit):
        converted(_field(given_as, values), wanted)
