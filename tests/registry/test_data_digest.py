"""The digest of data: every cell counts, layout does not, and every process agrees."""

import datetime
import decimal
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.registry import digest_data
from mlops_jupyter.types import InvalidInput


def sha(data, target=None):
    return digest_data(data, target).sha256


def table():
    return pd.DataFrame(
        {
            "whole": np.arange(6),
            "half": np.arange(6) / 2,
            "flag": [True, False] * 3,
            "text": ["a", "b", None, "d", "é", "f"],
            "plan": pd.Categorical(list("xyzxyz")),
            "when": pd.date_range("2026-01-01", periods=6),
            "zoned": pd.date_range("2026-01-01", periods=6, tz="Europe/Berlin"),
            "gap": pd.array([1, None, 3, 4, 5, 6], dtype="Int64"),
            "yes": pd.array([True, None] * 3, dtype="boolean"),
            "span": pd.to_timedelta(range(6), unit="h"),
            "month": pd.period_range("2026-01", periods=6, freq="M"),
            "bin": pd.interval_range(0, 6),
            "list": [[1, 2], [], None, [3], [4], [5]],
            "mixed": pd.Series([1, "1", 1.0, None, True, b"1"], dtype=object),
            "thin": pd.arrays.SparseArray([0, 0, 1, 0, 0, 2]),
            "arrow": pd.array(["p", None, "q", "r", "s", "t"], dtype="string[pyarrow]"),
            "nested": pd.array(
                [{"a": [1]}, None] * 3,
                dtype=pd.ArrowDtype(pa.struct([("a", pa.list_(pa.int64()))])),
            ),
        }
    )


CHANGES = {
    "whole": 99,
    "half": 0.25,
    "flag": True,
    "text": "B",
    "plan": "x",
    "when": pd.Timestamp("2026-01-02 00:00:00.000001"),
    "zoned": pd.Timestamp("2026-01-03", tz="Europe/Berlin"),
    "gap": 0,
    "yes": False,
    "span": pd.Timedelta(9, "h"),
    "month": pd.Period("2027-01", "M"),
    "bin": pd.Interval(0, 1),
    "list": [0],
    "mixed": 1,
    "thin": 7,
    "arrow": "",
    "nested": {"a": [2]},
}


@pytest.mark.parametrize("column", list(table().columns))
def test_one_changed_cell_in_any_kind_of_column_changes_the_digest(column):
    changed = table()
    values = changed[column].astype(object).tolist()
    values[1] = CHANGES[column]
    changed[column] = pd.Series(values, dtype=changed[column].dtype)
    assert changed.dtypes.equals(table().dtypes)
    assert sha(changed) != sha(table())


def test_equal_frames_have_equal_digests_however_they_were_made():
    frame = table()
    assert sha(frame) == sha(table())
    assert sha(frame.copy(deep=True)) == sha(frame)
    one_by_one = pd.DataFrame(index=frame.index)
    for name in frame.columns:
        one_by_one[name] = frame[name]
    assert sha(one_by_one) == sha(frame)
    assert sha(pd.concat([frame.iloc[:2], frame.iloc[2:]])) == sha(frame)
    assert sha(frame.iloc[::-1].iloc[::-1]) == sha(frame)


def test_layout_in_memory_does_not_count():
    values = np.random.default_rng(0).normal(size=(100, 5))
    rowwise = pd.DataFrame(np.ascontiguousarray(values))
    columnwise = pd.DataFrame(np.asfortranarray(values))
    assert sha(rowwise) == sha(columnwise)
    assert sha(values) == sha(np.asfortranarray(values))
    assert sha(values.astype(">f8").astype("<f8")) == sha(values)


def test_every_process_agrees():
    code = (
        "import pandas as pd, numpy as np;"
        "from mlops_jupyter.registry import digest_data;"
        "c = [{'y': 1, 'x': {3, 1, 2}}] * 5;"
        "f = pd.DataFrame({'a': np.arange(5), 'b': list('abcde'), 'c': c});"
        "print(digest_data(f).sha256)"
    )
    frame = pd.DataFrame(
        {"a": np.arange(5), "b": list("abcde"), "c": [{"x": {1, 2, 3}, "y": 1}] * 5}
    )
    for seed in ("0", "1"):
        answer = subprocess.run(
            [sys.executable, "-c", code],
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout.strip() == sha(frame)


cells = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5),
    st.binary(max_size=5), st.datetimes(), st.dates(), st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(cells, min_size=1, max_size=6), st.data())
def test_any_other_value_in_any_cell_changes_the_digest(values, data):
    at = data.draw(st.integers(0, len(values) - 1))
    other = data.draw(cells)
    same = type(other) is type(values[at]) and repr(other) == repr(values[at])
    changed = [*values[:at], other, *values[at + 1 :]]
    frames = [pd.DataFrame({"x": pd.Series(v, dtype=object)}) for v in (values, changed)]
    assert (sha(frames[0]) == sha(frames[1])) == (
        same or (isinstance(other, dict) and other == values[at])
    )


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(width=64), min_size=1, max_size=30),
    st.integers(0, 29),
    st.floats(allow_nan=False),
)
def test_any_other_float_in_any_cell_changes_the_digest(values, at, other):
    array = np.array(values)
    changed = array.copy()
    changed[at % len(values)] = other
    assert (sha(pd.DataFrame({"x": array})) == sha(pd.DataFrame({"x": changed}))) == (
        array.tobytes() == changed.tobytes()
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=4), min_size=2, max_size=8))
def test_text_cannot_move_from_one_cell_to_the_next_unseen(values):
    joined = ["".join(values[:2]), "", *values[2:]]
    same = joined == values
    assert (sha(pd.DataFrame({"x": values})) == sha(pd.DataFrame({"x": joined}))) == same


def test_names_order_types_and_kind_of_container_count():
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    others = [
        frame.rename(columns={"a": "c"}),
        frame.rename(columns={"a": 0}),
        frame[["b", "a"]],
        frame.iloc[::-1],
        frame.astype("int32"),
        frame.astype("float64"),
        frame.iloc[:1],
        frame.to_numpy(),
        frame["a"],
        frame.to_dict("list"),
        frame.to_dict("records"),
        pa.Table.from_pandas(frame),
    ]
    digests = [sha(frame), *map(sha, others)]
    assert len(set(digests)) == len(digests)


def test_an_unnamed_integer_index_is_bookkeeping_and_any_other_is_data():
    frame = pd.DataFrame({"a": [1, 2]})
    assert sha(frame.set_axis([7, 9])) == sha(frame)
    assert sha(frame.set_axis(["x", "y"])) != sha(frame)
    assert sha(frame.rename_axis("id")) != sha(frame)
    assert sha(frame.set_axis(pd.to_datetime([1, 2]))) != sha(
        frame.set_axis(pd.to_datetime([1, 3]))
    )
    assert sha(frame.set_axis(pd.MultiIndex.from_tuples([(1, 2), (1, 3)]))) != sha(frame)


def test_missing_values_are_one_value_in_text_and_nan_one_value_in_numbers():
    texts = [pd.Series(["a", gap], dtype=object) for gap in (None, np.nan, pd.NA)]
    assert len({sha(text) for text in texts}) == 1
    odd = np.array([0x7FF8000000000001, 0x7FF8000000000000], np.uint64).view(np.float64)
    assert sha(odd) == sha(np.array([np.nan, np.nan]))
    assert sha(np.array([0.0])) != sha(np.array([-0.0]))


def test_what_lies_under_a_missing_value_does_not_count():
    hidden = pd.arrays.IntegerArray(np.array([1, 99]), np.array([False, True]))
    shown = pd.array([1, None], dtype="Int64")
    assert sha(pd.Series(hidden)) == sha(pd.Series(shown))


def test_chunks_and_slices_of_arrow_data_do_not_count():
    whole = pa.table({"a": [1, 2, 3, None], "t": ["x", None, "z", "long text"]})
    parts = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    assert sha(parts) == sha(whole)
    assert sha(whole.slice(1)) == sha(pa.table({"a": [2, 3, None], "t": [None, "z", "long text"]}))


def test_sparse_matrices_count_by_content_in_every_format():
    dense = np.array([[0, 1.5], [2, 0]])
    made = [
        getattr(scipy.sparse, kind)(dense) for kind in ("csr_matrix", "csc_matrix", "coo_array")
    ]
    assert len({sha(one) for one in made}) == 1
    explicit = scipy.sparse.csr_matrix(([1.5, 2, 0.0], ([0, 1, 1], [1, 0, 1])))
    assert sha(explicit) == sha(made[0])
    assert sha(made[0]) != sha(scipy.sparse.csr_matrix(dense * 2))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(3), np.zeros(3, "f4")),
        (np.array(["a", "b"]), np.array(["a", "c"])),
        (np.array([1, "a"], object), np.array(["1", "a"], object)),
        (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[0, 0])),
        (np.array([(1, 2.0)], "i4,f8"), np.array([(1, 3.0)], "i4,f8")),
        ([1, 2], (1, 2, 3)),
        ({"a": [1]}, {"b": [1]}),
        ([decimal.Decimal("1.0")], [decimal.Decimal("1.00")]),
        ([datetime.date(2026, 1, 1)], [datetime.datetime(2026, 1, 1)]),
        ([1], [True]),
        ([1], [1.0]),
        ([["a", "b"]], [["a"], "b"]),
    ],
)
def test_different_data_of_other_kinds_differ(one, other):
    assert sha(one) != sha(other)


def test_the_masked_value_itself_does_not_count():
    assert sha(np.ma.array([1, 2], mask=[0, 1])) == sha(np.ma.array([1, 9], mask=[0, 1]))


def test_a_file_has_the_digest_of_sha256sum(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"x,y\n1,2\n")
    said = subprocess.run(
        ["sha256sum", tmp_path / "a.csv"], capture_output=True, text=True, check=True
    )
    assert sha(tmp_path / "a.csv") == sha(str(tmp_path / "a.csv")) == said.stdout.split()[0]
    assert digest_data(tmp_path).rows is None


def test_rows_and_columns_are_counted():
    counted = digest_data(table())
    assert (counted.rows, counted.columns) == (6, 17)
    assert digest_data(np.zeros((4, 2))).rows == 4
    assert digest_data([1, 2, 3]).rows == 3


def test_the_target_counts_and_must_fit():
    frame = pd.DataFrame({"a": [1, 2]})
    assert len({sha(frame), sha(frame, [0, 1]), sha(frame, [1, 0])}) == 3
    assert digest_data(frame, pd.Series([0, 1])).columns == 1
    with pytest.raises(InvalidInput):
        sha(frame, [1])


@pytest.mark.parametrize("data", [object(), [object()], pd.Series([lambda: 1]), "no such file.csv"])
def test_what_has_no_content_to_agree_on_is_refused(data):
    with pytest.raises(InvalidInput) as caught:
        digest_data(data)
    assert "0x" not in str(caught.value)


def test_empty_data_have_digests_too():
    empties = [
        pd.DataFrame(),
        pd.DataFrame({"a": []}),
        pd.Series([], dtype=float),
        np.zeros((0, 2)),
    ]
    assert len({sha(empty) for empty in empties}) == 4


def test_lone_surrogates_are_text_too():
    assert sha(pd.Series(["\ud800"], dtype=object)) != sha(pd.Series(["\ud801"], dtype=object))


def test_numbers_are_hashed_at_200_megabytes_a_second_or_more():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(500_000, 20)))
    started = time.process_time()
    sha(frame)
    assert frame.memory_usage(index=False).sum() / (time.process_time() - started) > 200e6
