"""Which columns a signature can express, and what the user is told about the others."""

import datetime
import decimal
import json
import time
import warnings

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.registry import ModelAdvice, register
from mlops_jupyter.registry.examples import EXAMPLE_ROWS, take_example
from mlops_jupyter.registry.quiet import quiet
from mlops_jupyter.types import InvalidInput

ROWS = 8


def example_of(values):
    with quiet():
        return take_example(pd.DataFrame({"x": values}))


def column_of(values):
    return example_of(values).inputs.to_dict()[0]


def alternating(value, count=ROWS):
    return [value, None] * (count // 2)


@pytest.mark.parametrize(
    ("values", "kind", "required"),
    [
        (np.arange(ROWS), "long", True),
        (np.arange(ROWS, dtype="int8"), "integer", True),
        (np.arange(ROWS, dtype="uint32"), "long", True),
        (np.ones(ROWS), "double", True),
        ([1.0] * (ROWS - 1) + [np.nan], "double", False),
        (np.ones(ROWS, "float32"), "float", True),
        (np.ones(ROWS, bool), "boolean", True),
        (pd.array([1] * ROWS, dtype="Int64"), "long", True),
        (pd.array(alternating(1), dtype="Int64"), "double", False),
        (pd.array(alternating(True), dtype="boolean"), "boolean", False),
        (pd.array(alternating(1.5), dtype="Float64"), "double", False),
        (pd.array(alternating("a"), dtype="string"), "string", False),
        (list("abcdefgh"), "string", True),
        (alternating("a"), "string", False),
        (pd.Categorical(list("abab") * 2), "string", True),
        (pd.Categorical([1, 2] * 4), "long", True),
        (pd.Categorical(alternating("a")), "string", False),
        (pd.date_range("2026", periods=ROWS), "datetime", True),
        (pd.date_range("2026", periods=ROWS, tz="Europe/Berlin"), "datetime", True),
        ([datetime.datetime(2026, 1, 1)] * (ROWS - 1) + [None], "datetime", False),
        ([b"a"] * ROWS, "binary", True),
        ([[1.0, 2.0]] * ROWS, "array", True),
        ([{"a": 1}] * ROWS, "object", True),
        (pd.arrays.SparseArray([0.0, 1.0] * 4), "double", True),
    ],
)
def test_a_column_becomes_the_type_that_calls_are_checked_by(values, kind, required):
    column = column_of(values)
    assert (column["name"], column["type"], column["required"]) == ("x", kind, required)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(ROWS, dtype="uint64"),
        pd.to_timedelta(np.arange(ROWS)),
        pd.period_range("2026", periods=ROWS),
        pd.interval_range(0, ROWS),
        np.ones(ROWS, complex),
        [decimal.Decimal("1.1")] * ROWS,
        [1, "a"] * (ROWS // 2),
    ],
)
def test_a_column_that_no_signature_can_express_is_named(values):
    with pytest.raises(InvalidInput, match="Column 'x' has the type") as caught:
        example_of(values)
    assert caught.value.code == "inexpressible_column"


def test_a_missing_value_anywhere_makes_a_column_optional():
    values = np.ones(300_000)
    values[-1] = np.nan
    assert column_of(values)["required"] is False


def test_the_type_of_text_is_found_behind_many_missing_values():
    assert column_of([None] * 500 + ["a"])["type"] == "string"


def test_a_million_rows_take_no_time():
    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(1_000_000, 30)))
    started = time.process_time()
    with quiet():
        example = take_example(frame)
    assert time.process_time() - started < 1.5
    assert len(example.data) == EXAMPLE_ROWS


def test_wide_rows_leave_fewer_of_them():
    images = np.zeros((50, 3, 224, 224), np.float32)
    with quiet():
        assert take_example(images).data.shape == (1, 3, 224, 224)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (pd.DataFrame(), "empty"),
        (pd.DataFrame({"a": []}), "empty"),
        (np.zeros((0, 3)), "empty"),
        ([], "empty"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "same name"),
        (pd.DataFrame([[1.0]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "several levels"),
        (object(), "No signature"),
    ],
)
def test_examples_that_cannot_be_used_are_refused(data, words):
    with pytest.raises(InvalidInput, match=words), quiet():
        take_example(data)


def advice_on(values):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        example_of(values)
    return [str(one.message) for one in said if one.category is ModelAdvice]


def test_advice_is_one_sentence_with_the_columns_name_and_only_where_it_applies():
    assert advice_on(np.ones(ROWS)) == []
    assert "whole numbers in every call" in advice_on(np.arange(ROWS))[0]
    assert "missing whole numbers" in advice_on(pd.array(alternating(1), dtype="Int64"))[0]
    assert "categories" in advice_on(pd.Categorical(list("abababab")))[0]
    assert "zone" in advice_on(pd.date_range("2026", periods=ROWS, tz="UTC"))[0]
    assert all("'x'" in text for text in advice_on(np.arange(ROWS)))


def test_columns_named_by_numbers_become_text(table):
    from sklearn.linear_model import LinearRegression

    frame = pd.DataFrame(table[0].to_numpy())
    model = LinearRegression().fit(frame, table[1])
    with pytest.warns(ModelAdvice, match="named by numbers"):
        version = register("numbered", model, frame)
    names = [column["name"] for column in json.loads(version.signature["inputs"])]
    assert names == [str(number) for number in range(30)]


def test_mlflows_own_hints_are_left_out_and_others_pass():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with quiet():
            take_example(pd.DataFrame({"x": np.arange(ROWS)}))
            warnings.warn("something real", UserWarning, stacklevel=1)
    texts = [str(one.message) for one in said]
    assert "something real" in texts
    assert not any("Hint" in text for text in texts)


def test_a_pipeline_with_encoders_takes_categories_text_times_and_gaps(table):
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    frame = pd.DataFrame(
        {
            "plan": pd.Categorical(["free", "paid", "free", "team"] * 5),
            "city": ["Ulm", None, "Bonn", "Kiel"] * 5,
            "visits": pd.array([1, None, 3, 4] * 5, dtype="Int64"),
        }
    )
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["plan", "city"]), ("passthrough", ["visits"])
    )
    encode.set_output(transform="default")
    encode.sparse_threshold = 0
    model = make_pipeline(encode, HistGradientBoostingRegressor(max_iter=2))
    plain = frame.astype({"plan": object, "visits": float})
    version = register("encoded", model.fit(plain, range(20)), frame)
    types = {column["name"]: column["type"] for column in json.loads(version.signature["inputs"])}
    assert types == {"plan": "string", "city": "string", "visits": "double"}


def test_a_model_that_needs_categories_themselves_is_refused_with_the_way_out():
    lightgbm = pytest.importorskip("lightgbm")
    frame = pd.DataFrame({"plan": pd.Categorical(["free", "paid"] * 50), "n": np.arange(100.0)})
    model = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(frame, [0, 1] * 50)
    with pytest.raises(InvalidInput, match="encoders for categories"):
        register("categorical", model, frame)
