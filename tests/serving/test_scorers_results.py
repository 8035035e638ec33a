"""What a model returns, as outputs of the protocol, and back to what it was."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.serving import frames
from mlops_jupyter.serving.elements import UnusableResult
from mlops_jupyter.serving.results import Columns, pack, rebuild
from mlops_jupyter.serving.sameness import same
from mlops_jupyter.serving.stacking import split
from mlops_jupyter.serving.tensors import Outputs


def carried(outputs: Outputs) -> Outputs:
    """The outputs after their description went through JSON, as between processes."""
    data = b"".join(frames.encode(1, frames.RESULT, {"extra": outputs.extra}, []))
    (frame,) = frames.Reader().feed(data)
    return Outputs(outputs.rows, outputs.container, outputs.tensors, frame.header["extra"])


def round_trip(result: Any) -> Any:
    return rebuild(carried(pack(result)))


ARRAYS = {
    **{
        code: np.array([0, 1, 100], dtype=code)
        for code in ("?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
    },
    "infinities": np.array([np.nan, np.inf, -np.inf, -0.0]),
    "largest": np.array([2**64 - 1], dtype="u8"),
    "big-endian": np.array([1.5, 2.5], dtype=">f8"),
    "two axes": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "three axes": np.arange(24).reshape(2, 3, 4),
    "empty": np.empty((0, 3)),
    "unicode": np.array(["a", "Zürich", ""]),
    "byte strings": np.array([b"a", b"\xff\x00b"]),
    "object text": np.array(["a", None, "c"], dtype=object),
    "object bytes": np.array([b"a", None], dtype=object),
    "object mixed": np.array([1, "a", None, 2.5, True], dtype=object),
    "object text with NaN": np.array(["a", np.nan], dtype=object),
    "text matrix": np.array([["a", "b"], ["c", "d"]], dtype=object),
    "times": np.array(["2024-01-01T10:00:00.123456789", "NaT"], dtype="M8[ns]"),
    "days": np.array(["2024-01-01"], dtype="M8[D]"),
    "durations": np.array([5, 7], dtype="m8[s]"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_comes_back_in_value_dtype_and_shape(name: str) -> None:
    array = ARRAYS[name]
    back = round_trip(array)
    assert same(back, array), back
    assert back.dtype == array.dtype


SERIES = {
    "floats": pd.Series([1.0, None], name="score"),
    "without a name": pd.Series([1, 2]),
    "number as name": pd.Series([1, 2], name=7),
    "tuple as name": pd.Series([1, 2], name=("a", 1)),
    "text": pd.Series(["a", None, "ü"], name="t"),
    "objects": pd.Series(["a", None], dtype=object),
    "lists": pd.Series([[1, 2], [3]]),
    "dicts": pd.Series([{"a": 1}, {"b": [None]}]),
    "nullable integers": pd.Series([1, None], dtype="Int64"),
    "nullable integers, none missing": pd.Series([1, 2], dtype="Int32"),
    "nullable floats": pd.Series([1.5, None], dtype="Float64"),
    "nullable booleans": pd.Series([True, None], dtype="boolean"),
    "pandas strings": pd.Series(["a", None], dtype="string"),
    "categories": pd.Series(["a", None, "b"], dtype=pd.CategoricalDtype(["b", "a", "c"])),
    "ordered numbers": pd.Series([2, 1], dtype=pd.CategoricalDtype([1, 2, 3], ordered=True)),
    "times": pd.Series(pd.to_datetime(["2024-01-01 10:00", None])),
    "zoned times": pd.Series(pd.to_datetime(["2024-07-01 10:00", None])).dt.tz_localize(
        "Europe/Berlin"
    ),
    "periods": pd.Series(pd.period_range("2024-01", periods=2, freq="M")),
    "text index": pd.Series([1, 2], index=["x", "y"]),
    "named index": pd.Series([1, 2], index=pd.Index([5, 6], name="id")),
    "float index": pd.Series([1, 2], index=[0.5, 1.5]),
    "stepped index": pd.Series([1, 2], index=pd.RangeIndex(4, 8, 2)),
    "date index": pd.Series([1.0, 2.0], index=pd.date_range("2024-01-01", periods=2, freq="MS")),
    "zoned index": pd.Series([1.0], index=pd.date_range("2024", periods=1, tz="Asia/Tokyo")),
    "month index": pd.Series([1.0, 2.0], index=pd.period_range("2024-01", periods=2, freq="M")),
    "two levels": pd.Series(
        [1, 2], index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None])
    ),
}


@pytest.mark.parametrize("name", SERIES)
def test_a_series_comes_back_with_its_name_index_and_dtype(name: str) -> None:
    back = round_trip(SERIES[name])
    pd.testing.assert_series_equal(back, SERIES[name], check_freq=True, check_exact=True)


FRAMES = {
    "mixed": pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", None], "d": [True, False]}),
    "numbered columns": pd.DataFrame(np.arange(6.0).reshape(2, 3)),
    "equal names": pd.DataFrame([[1, 2.0]], columns=["a", "a"]),
    "two header levels": pd.DataFrame(
        [[1, 2]], columns=pd.MultiIndex.from_product([["a"], [1, 2]])
    ),
    "named header": pd.DataFrame([[1, 2]], columns=pd.Index(["a", "b"], name="measure")),
    "indexed": pd.DataFrame({"a": [1, 2]}, index=["x", "y"]),
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="f8"), "b": pd.Series([], dtype="i4")}),
    "no columns": pd.DataFrame(index=range(3)),
    "categories": pd.DataFrame({"c": pd.Categorical(["u", "v", None])}),
    "column named like a number": pd.DataFrame({"0": [1], 0: [2]}),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_comes_back_with_its_labels_and_dtypes(name: str) -> None:
    back = round_trip(FRAMES[name])
    pd.testing.assert_frame_equal(back, FRAMES[name], check_column_type=False, check_exact=True)


OBJECTS = {
    "texts": ["a", "b"],
    "texts with none": ["a", None],
    "floats": [0.5, float("inf")],
    "integers": [1, -2],
    "big integers": [2**70, 1],
    "booleans": [True, False],
    "mixed": [1, "a", None, [2, {"b": 3.5}]],
    "dicts": [{"label": "a", "score": 0.5}, {"label": "b", "score": 0.25}],
    "numpy numbers": [np.float32(0.5), np.float32(1.5)],
    "empty list": [],
    "bytes": [b"\x00", b"\xff"],
    "tuple": (1, 2),
    "arrays": [np.arange(4.0).reshape(2, 2), np.array([[1.0], [2.0]])],
    "a text": "yes",
    "a number": 0.5,
    "an integer": 7,
    "true": True,
    "nothing": None,
    "some bytes": b"\xff\x00",
    "a numpy number": np.float32(0.5),
    "a numpy integer": np.int64(3),
    "a time": np.datetime64("2024-01-01T10:00:00"),
    "dict of arrays": {"a": np.arange(3.0), "b": np.array([["x", "y"]], dtype=object)},
    "dict of lists": {"a": [1, 2], "b": ["x", None], "c": 0.5},
    "dict of frames": {"f": pd.DataFrame({"a": [1], "b": [2.0]})},
    "nested dict": {"a": {"b": [1, {"c": None}]}},
    "empty dict": {},
}


@pytest.mark.parametrize("name", OBJECTS)
def test_plain_objects_come_back_in_value_and_type(name: str) -> None:
    back = round_trip(OBJECTS[name])
    assert same(back, OBJECTS[name]), back


def test_a_plain_array_of_numbers_needs_no_description() -> None:
    outputs = pack(np.array([1.5, 2.5]), ["score"])
    assert outputs.extra == {}
    assert [(t.name, t.datatype, t.shape) for t in outputs.tensors] == [("score", "FP64", (2,))]


def test_text_is_utf8_and_times_are_iso_8601_for_clients_of_other_languages() -> None:
    text, times = pack(np.array(["ü"])).tensors[0], pack(ARRAYS["times"]).tensors[0]
    assert text.data == b"\x02\x00\x00\x00" + "ü".encode()
    assert b"2024-01-01T10:00:00.123456789" in times.data
    assert times.data.endswith(b"\xff\xff\xff\xff")


def test_binary_and_json_elements_are_marked() -> None:
    assert pack([b"\xff"]).tensors[0].content_type == "base64"
    assert pack([{"a": 1}]).tensors[0].content_type == "json"


def test_json_text_never_holds_nan() -> None:
    outputs = pack([{"a": float("nan"), "b": np.array([1.0, np.inf])}])
    assert outputs.tensors[0].data[4:] == b'{"a":null,"b":[1.0,null]}'


def test_things_inside_json_become_what_json_has() -> None:
    value = {
        "at": [{"when": datetime.datetime(2024, 1, 2, 3, 4)}],
        "raw": {"b": b"\x00"},
        "array": {"of": np.array([[1, 2]])},
        "set": {"s": {2, 1}},
    }
    assert round_trip(value) == {
        "at": [{"when": "2024-01-02T03:04:00"}],
        "raw": {"b": "AA=="},
        "array": {"of": [[1, 2]]},
        "set": {"s": [1, 2]},
    }


def test_sparse_results_come_back_dense() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    assert same(round_trip(sparse.csr_matrix([[0.0, 1.0]])), np.array([[0.0, 1.0]]))


def test_columns_stand_for_a_frame() -> None:
    columns = Columns(label=np.array([1, 0]), score=np.array([0.5, 0.25], dtype="f4"))
    expected = pd.DataFrame({"label": [1, 0], "score": np.array([0.5, 0.25], dtype="f4")})
    pd.testing.assert_frame_equal(round_trip(columns), expected)


@pytest.mark.parametrize(
    "result",
    [np.array([1j]), (n for n in range(3)), object(), [object()], {"a": object()}, ["\ud800"]],
    ids=["complex", "generator", "object", "list of objects", "dict of objects", "surrogate"],
)
def test_what_cannot_be_carried_is_refused_by_its_type_and_never_shown(result: Any) -> None:
    with pytest.raises(UnusableResult) as caught:
        pack(result)
    assert "0x" not in str(caught.value)


BY_ROW = {
    "array": np.arange(10.0).reshape(5, 2),
    "text": np.array(["a", "bb", "", "dddd", "ü"], dtype=object),
    "series": pd.Series(["a", None, "c", "d", "e"], name="s"),
    "frame": pd.DataFrame({"a": range(5), "c": pd.Categorical(list("xyxyz"))}),
    "list": [{"a": 1}, {"a": 2}, {"a": 3}, {"a": 4}, {"a": 5}],
    "dict": {"a": np.arange(5), "b": np.arange(10.0).reshape(5, 2)},
    "arrays": [np.arange(10.0).reshape(5, 2), np.arange(5.0)],
    "unicode": np.array(["a", "bb", "ccc", "d", "e"]),
}


@pytest.mark.parametrize("name", BY_ROW)
def test_each_call_of_a_batch_gets_its_own_rows(name: str) -> None:
    whole = BY_ROW[name]
    first, second = split(carried(pack(whole)), [2, 3])

    def rows(part: slice) -> Any:
        if isinstance(whole, dict):
            return {key: value[part] for key, value in whole.items()}
        if isinstance(whole, list) and isinstance(whole[0], np.ndarray):
            return [value[part] for value in whole]
        if hasattr(whole, "iloc"):
            return whole.iloc[part].reset_index(drop=True)
        return whole[part]

    assert same(rebuild(first), rows(slice(0, 2)))
    assert same(rebuild(second), rows(slice(2, 5)))
