"""Whatever the worker's side packs, the client's side rebuilds."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.client.rebuild import read_answer
from mlops_jupyter.serving import oip, results
from mlops_jupyter.serving.oip_request import Options


def through(result):
    """`result` packed and encoded by the hub's side and rebuilt by the client's."""
    packed = results.pack(result)
    body, _, length = oip.encode(packed, Options(binary=True), "m", 1)
    return read_answer(body, None if length is None else str(length), packed.rows).value


ARRAYS = [
    np.array([1.5, np.nan, -np.inf]),
    np.array([], dtype="float64"),
    np.zeros((0, 3)),
    np.arange(24, dtype="int8").reshape(2, 3, 4),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.array([1, 2**63], dtype="uint64"),
    np.array([1, 2], dtype=">i4"),
    np.array([0.5], dtype="float16"),
    np.array([True, False]),
    np.array(["a", "ü", ""]),
    np.array(["a", None, "ü"], dtype=object),
    np.array([b"\x00\xff", b""], dtype=object),
    np.array([{"a": [1]}, None, [1, "x"]], dtype=object),
    np.array([["a", "b"], ["c", "d"]], dtype=object),
    np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"),
    np.array(["2026-01-01T00:00:00.123456789"], dtype="datetime64[ns]"),
    np.array([1, 2], dtype="timedelta64[s]"),
]


@pytest.mark.parametrize("array", ARRAYS, ids=range(len(ARRAYS)))
def test_arrays(array):
    got = through(array)
    np.testing.assert_array_equal(got, array)
    assert got.dtype == array.dtype
    assert got.shape == array.shape
    assert got.flags.writeable


VALUES = [
    None, True, 7, -(2**70), 1.5, "text", "", "\x00\u202e", b"\x00\xff",
    [], [1, 2], [1.5, None], ["a", None], [True, False], [[1], [2, 3]], [{"a": 1}, {"b": [2]}],
    (1, 2), ("a",), {}, {"a": 1}, {"a": {"b": [1, None]}}, {"a": "text", "b": 2.5, "c": [1, 2]},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_plain_values(value):
    got = through(value)
    assert got == value
    assert type(got) is type(value)


def test_numpys_scalars():
    for value in (np.float32(1.5), np.int64(-3), np.bool_(True), np.datetime64("2026-01-01", "s")):
        assert through(value) == value
        assert type(through(value)) is type(value)


def test_dicts_and_lists_of_arrays():
    result = {
        "label": np.array([1, 2]),
        "probability": np.array([[0.1, 0.9], [0.2, 0.8]]),
        "name": np.array(["a", None], dtype=object),
    }
    np.testing.assert_equal(through(result), result)
    arrays = [np.zeros((2, 3)), np.ones(2, dtype="int32")]
    np.testing.assert_equal(through(arrays), arrays)
    np.testing.assert_equal(through(tuple(arrays)), tuple(arrays))


def test_a_dict_of_frames_and_series():
    result = {
        "frame": pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
        "series": pd.Series([1.5, 2.5], name="s"),
    }
    got = through(result)
    pd.testing.assert_frame_equal(got["frame"], result["frame"])
    pd.testing.assert_series_equal(got["series"], result["series"])


SERIES = [
    pd.Series([1.5, np.nan]),
    pd.Series([1, 2], name="n", index=[5, 6]),
    pd.Series([1, 2], name=("a", 1)),
    pd.Series([1, 2], name=7),
    pd.Series([1, 2], index=pd.RangeIndex(3, 7, 2, name="r")),
    pd.Series([1, 2], index=pd.date_range("2026-01-01", periods=2, freq="D")),
    pd.Series([1, 2], index=pd.date_range("2026-01-01", periods=2, tz="Europe/Berlin")),
    pd.Series([1, 2], index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", "y"])),
    pd.Series([1, 2], index=pd.period_range("2026-01", periods=2, freq="M")),
    pd.Series([1, 2], index=pd.timedelta_range("1s", periods=2)),
    pd.Series([1, 2], index=["ä", None]),
    pd.Series(["a", None]),
    pd.Series(["a", None], dtype=object),
    pd.Series(["a", None], dtype="string"),
    pd.Series(["a", None, "b"], dtype="category"),
    pd.Series(pd.Categorical([3, 1, None], categories=[1, 2, 3], ordered=True)),
    pd.Series([1, None], dtype="Int64"),
    pd.Series([1, 2], dtype="Int32"),
    pd.Series([1.5, None], dtype="Float64"),
    pd.Series([True, None], dtype="boolean"),
    pd.Series(pd.to_datetime(["2026-01-01", None])),
    pd.Series(pd.date_range("2026-03-29", periods=3, freq="h", tz="Europe/Berlin")),
    pd.Series(pd.to_timedelta(["1s", None])),
    pd.Series(pd.period_range("2026-01", periods=2, freq="M")),
    pd.Series([], dtype="float64"),
]


@pytest.mark.parametrize("series", SERIES, ids=range(len(SERIES)))
def test_series(series):
    pd.testing.assert_series_equal(through(series), series)


@pytest.mark.parametrize("series", SERIES, ids=range(len(SERIES)))
def test_frames(series):
    frame = pd.DataFrame({"a": series, "n": np.arange(len(series))}, index=series.index)
    pd.testing.assert_frame_equal(through(frame), frame)


@pytest.mark.parametrize(
    "columns",
    [
        ["a", "b"],
        ["a", "a"],
        [0, 1],
        [1.5, None],
        pd.Index(["a", "b"], name="what"),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]),
        pd.to_datetime(["2026-01-01", "2026-02-01"]),
    ],
    ids=range(7),
)
def test_columns_of_frames(columns):
    frame = pd.DataFrame([[1, 2.5], [3, 4.5]])
    frame.columns = columns
    pd.testing.assert_frame_equal(through(frame), frame)


def test_frames_without_rows_or_columns():
    for frame in (
        pd.DataFrame({"a": pd.Series([], dtype="float64")}),
        pd.DataFrame(index=range(3)),
    ):
        got = through(frame)
        assert got.shape == frame.shape


simple = (
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(st.characters(codec="utf-8"))
)
nested = st.recursive(
    simple | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.lists(simple, max_size=20))
def test_any_list_of_plain_values(values):
    assert through(values) == values


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), nested, max_size=4))
def test_any_json_in_a_dict(value):
    assert json.dumps(through({"x": [value]})["x"]) == json.dumps([value])
