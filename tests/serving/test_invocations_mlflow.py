"""Equality with MLflow's own scoring server: what it makes of a body, and how it writes answers.

Whatever both take must arrive as the same values. What MLflow takes and we refuse must be one of
the silent changes that the signature's check is there to stop.
"""

from __future__ import annotations

import base64
import io
import json
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.models.utils import _enforce_params_schema, _enforce_schema
from mlflow.pyfunc.scoring_server import (
    infer_and_parse_data,
    parse_csv_input,
    predictions_to_json,
    unwrapped_predictions_to_json,
)
from mlflow.types import ParamSchema, Schema

from mlops_jupyter.serving import invocations
from mlops_jupyter.serving.modelio import InputPlan
from mlops_jupyter.serving.results import pack
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.stacking import split, stack
from mlops_jupyter.serving.tensors import Inputs
from mlops_jupyter.types import MlopsError
from tests.serving.signatures import compiled, data_of

# -- bodies ---------------------------------------------------------------------------------------


def mlflow_frame(schema: Schema, document: dict[str, Any]) -> Any:
    """What MLflow's scoring server hands to the model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _enforce_schema(
            infer_and_parse_data(json.loads(json.dumps(document)), schema), schema
        )


def our_columns(signature: Signature, inputs: Inputs) -> dict[str, list[Any]]:
    if inputs.form != "matrix":
        return data_of(inputs)
    (values,) = data_of(inputs).values()
    names = [column.name for column in signature.inputs]
    return {name: values[i :: len(names)] for i, name in enumerate(names)}


def plain(values: Any) -> list[Any]:
    """Values of a pandas column as ours are: times as nanoseconds, anything missing as None."""
    if values.dtype.kind == "M":
        values = values.astype("datetime64[ns]").astype(object)
    found = []
    for value in values.tolist():
        if isinstance(value, pd.Timestamp):
            found.append(value.value)
        elif value is pd.NaT or value is None or (isinstance(value, float) and math.isnan(value)):
            found.append(None)
        else:
            found.append(value)
    return found


def ours_plain(values: list[Any]) -> list[Any]:
    return [None if isinstance(v, float) and math.isnan(v) else v for v in values]


SAME = {
    "double": st.one_of(
        st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53), st.none()
    ),
    "float": st.one_of(
        st.floats(width=32, allow_nan=False, allow_infinity=False),
        st.integers(-(2**24), 2**24),
        st.none(),
    ),
    "long": st.integers(-(2**63), 2**63 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "boolean": st.booleans(),
    "string": st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=6)),
    "binary": st.binary(min_size=1, max_size=6).map(lambda data: base64.b64encode(data).decode()),
    "datetime": st.datetimes(
        min_value=pd.Timestamp("1678-01-01").to_pydatetime(),
        max_value=pd.Timestamp("2262-01-01").to_pydatetime(),
    ).map(lambda moment: moment.isoformat(timespec="microseconds")),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[str], list[list[Any]]]:
    kinds = draw(st.lists(st.sampled_from(sorted(SAME)), min_size=1, max_size=5))
    described = [{"name": f"c{i}", "type": kind, "required": True} for i, kind in enumerate(kinds)]
    order = draw(st.permutations(range(len(kinds))))
    rows = draw(st.integers(1, 4))
    data = [[draw(SAME[kinds[position]]) for position in order] for _ in range(rows)]
    return described, [f"c{position}" for position in order], data


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables(), st.booleans(), st.booleans())
def test_random_frames_arrive_as_mlflow_makes_them(
    table: tuple[list[dict[str, Any]], list[str], list[list[Any]]], as_records: bool, extra: bool
) -> None:
    described, names, data = table
    if extra:
        names, data = [*names, "extra"], [[*row, "x"] for row in data]
    document: dict[str, Any] = {"dataframe_split": {"columns": names, "data": data}}
    if as_records:
        document = {"dataframe_records": [dict(zip(names, row, strict=True)) for row in data]}
    signature = compiled(described)
    inputs = invocations.decode(json.dumps(document).encode(), "application/json", signature)[0]
    ours = our_columns(signature, inputs)
    theirs = mlflow_frame(Schema.from_json(json.dumps(described)), document)
    assert list(ours) == list(theirs.columns)
    for name, values in ours.items():
        assert ours_plain(values) == plain(theirs[name])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables())
def test_rows_sent_one_by_one_reach_the_model_as_the_frame_that_mlflow_would_hand_over(
    table: tuple[list[dict[str, Any]], list[str], list[list[Any]]],
) -> None:
    described, names, data = table
    signature = compiled(described)
    calls = []
    for row in data:
        body = json.dumps({"dataframe_split": {"columns": names, "data": [row]}}).encode()
        calls.append(invocations.decode(body, "application/json", signature)[0])
    assert len({call.key for call in calls}) == 1
    header, buffers = stack(calls)
    plan = InputPlan({"inputs": json.dumps(described)})
    document = {"dataframe_split": {"columns": names, "data": data}}
    pd.testing.assert_frame_equal(
        plan.native(header, memoryview(b"".join(buffers))),
        mlflow_frame(Schema.from_json(json.dumps(described)), document),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables())
def test_random_columns_in_inputs_and_instances_arrive_as_mlflow_makes_them(
    table: tuple[list[dict[str, Any]], list[str], list[list[Any]]],
) -> None:
    described, names, data = table
    columns = dict(zip(names, map(list, zip(*data, strict=True)), strict=True))
    rows = [dict(zip(names, row, strict=True)) for row in data]
    signature, schema = compiled(described), Schema.from_json(json.dumps(described))
    for document in ({"inputs": columns}, {"instances": rows}):
        inputs = invocations.decode(json.dumps(document).encode(), "application/json", signature)[0]
        theirs = mlflow_frame(schema, document)
        for name, values in our_columns(signature, inputs).items():
            found = plain(theirs[name])
            if any("\0" in str(value) for value in values):
                continue  # numpy drops trailing NULs of text
            assert ours_plain(values) == found


HOSTILE = [
    0, 1, -1, 1.0, 1.5, 2**31, 2**53 + 1, 2**63, 2**70, 1e300, True, False, None, "", "1", "1.5",
    "true", "x", "YWJj", "a", "2024-05-17", "2024-05-17T10:00:00Z", "2024-05-17 10:00", "now",
    "1600-01-01", [1], {"k": 1},
]  # fmt: skip
# What MLflow would change without a word, and we refuse (or keep as it is).
SILENT = {
    "double": [True, False, "1", "1.5", 2**53 + 1],
    "float": [True, False, "1", "1.5", 2**53 + 1, 1e300],
    "long": [1.5, True, False, "1", 2**63, 1e300],
    "integer": [1.5, True, False, "1", 2**31, 2**53 + 1, 2**63, 1e300],
    "boolean": [1.5, -1, 2**31, 2**53 + 1, 2**63, 2**70, 1e300, None, 1.0, "", "1", "1.5", "true",
                "x", "YWJj", "a", "2024-05-17", "2024-05-17T10:00:00Z", "2024-05-17 10:00", "now",
                "1600-01-01"],
    "string": [0, 1, -1, 1.0, 1.5, 2**31, 2**53 + 1, 2**63, 2**70, 1e300, True, False],
    "binary": ["1.5", "1600-01-01", "2024-05-17", "2024-05-17 10:00", "2024-05-17T10:00:00Z",
               "now"],
    "datetime": [1.0, 1.5, "now", 1e300, ""],
}  # fmt: skip
# What we take and MLflow does not.
MORE = {
    "binary": [None],
    "datetime": ["2024-05-17T10:00:00Z"],
}


def among(value: Any, values: list[Any]) -> bool:
    return any(type(value) is type(other) and value == other for other in values)


@pytest.mark.parametrize("kind", sorted(SILENT))
@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_a_hostile_value_is_taken_as_mlflow_takes_it_or_refused(kind: str, value: Any) -> None:
    described = [{"name": "x", "type": kind, "required": True}]
    document = {"dataframe_split": {"columns": ["x"], "data": [[value]]}}
    theirs: Any = None
    try:
        theirs = plain(mlflow_frame(Schema.from_json(json.dumps(described)), document)["x"])
    except Exception:
        taken_by_mlflow = False
    else:
        taken_by_mlflow = True
    signature = compiled(described)
    try:
        inputs = invocations.decode(json.dumps(document).encode(), "application/json", signature)[0]
    except MlopsError as error:
        assert error.status == 422
        if taken_by_mlflow:
            container = isinstance(value, list | dict)
            assert container or among(value, SILENT[kind]), "MLflow takes this as it is"
    else:
        (ours,) = our_columns(signature, inputs).values()
        assert not among(value, SILENT[kind])
        if taken_by_mlflow:
            assert ours_plain(ours) == theirs
        else:
            assert among(value, MORE.get(kind, []))


NESTED = [
    ({"type": "array", "items": {"type": "string"}}, [["a", "b"], []]),
    ({"type": "array", "items": {"type": "double"}}, [[1.5, 2.0], [3.0]]),
    ({"type": "map", "values": {"type": "string"}}, [{"k": "v"}, {}]),
    ({"type": "any"}, [{"k": [1, "x"]}, "text"]),
    (
        {
            "type": "object",
            "properties": {
                "role": {"type": "string", "required": True},
                "n": {"type": "long", "required": False},
            },
        },
        [{"role": "user", "n": 1}, {"role": "x"}],
    ),
]


@pytest.mark.parametrize(("kind", "values"), NESTED, ids=lambda value: str(value)[:30])
def test_nested_values_arrive_as_mlflow_makes_them(kind: Any, values: list[Any]) -> None:
    described = [{"name": "x", "required": True, **kind}]
    document = {"dataframe_records": [{"x": value} for value in values]}
    theirs = mlflow_frame(Schema.from_json(json.dumps(described)), document)["x"].tolist()
    inputs = invocations.decode(json.dumps(document).encode(), "application/json",
                                compiled(described))[0]  # fmt: skip
    assert data_of(inputs)["x"] == theirs == values


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ({"type": "array", "items": {"type": "string"}}, "a"),
        ({"type": "array", "items": {"type": "string"}}, None),
        ({"type": "array", "items": {"type": "double"}}, ["x"]),
        ({"type": "array", "items": {"type": "long"}}, [1.5]),
        ({"type": "map", "values": {"type": "string"}}, ["a"]),
        ({"type": "map", "values": {"type": "string"}}, {"k": ["v"]}),
        (NESTED[-1][0], {}),
        (NESTED[-1][0], {"role": "x", "more": 1}),
        (NESTED[-1][0], {"role": None}),
    ],
)
def test_nested_values_that_mlflow_refuses_are_refused(kind: Any, value: Any) -> None:
    described = [{"name": "x", "required": True, **kind}]
    document = {"dataframe_records": [{"x": value}]}
    with pytest.raises((MlflowException, ValueError, TypeError)):
        mlflow_frame(Schema.from_json(json.dumps(described)), document)
    with pytest.raises(MlopsError):
        invocations.decode(json.dumps(document).encode(), "application/json", compiled(described))


@pytest.mark.parametrize(
    "document",
    [
        {"inputs": [[1.5, 2], [3, 4]]},
        {"instances": [[1.5, 2], [3, 4]]},
        {"dataframe_split": {"columns": ["p", "q"], "data": [[1.5, 2], [3, 4]]}},
    ],
)
def test_tensors_arrive_as_mlflow_makes_them(document: Any) -> None:
    described = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]
    theirs = mlflow_frame(Schema.from_json(json.dumps(described)), document)
    inputs = invocations.decode(json.dumps(document).encode(), "application/json",
                                compiled(described))[0]  # fmt: skip
    assert inputs.buffers == (np.asarray(theirs).tobytes(),)


def test_named_tensors_arrive_as_mlflow_makes_them() -> None:
    described = [
        {"name": "a", "type": "tensor", "tensor-spec": {"dtype": "int32", "shape": [-1]}},
        {"name": "b", "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2, 2]}},
    ]
    grid = [[1, 2], [3, 4]]
    for document in (
        {"inputs": {"b": [grid, grid], "a": [1, 2]}},
        {"instances": [{"a": 1, "b": grid}, {"a": 2, "b": grid}]},
    ):
        theirs = mlflow_frame(Schema.from_json(json.dumps(described)), document)
        inputs = invocations.decode(json.dumps(document).encode(), "application/json",
                                    compiled(described))[0]  # fmt: skip
        assert inputs.buffers == (theirs["a"].tobytes(), theirs["b"].tobytes())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables())
def test_csv_of_pandas_arrives_as_mlflow_makes_it(
    table: tuple[list[dict[str, Any]], list[str], list[list[Any]]],
) -> None:
    described, names, data = table
    kinds = {item["name"]: item["type"] for item in described}
    keep = [
        i for i, name in enumerate(names) if kinds[name] not in ("datetime", "binary", "string")
    ]
    if not keep:
        return
    frame = pd.DataFrame(
        {names[i]: pd.Series([row[i] for row in data], dtype=object) for i in keep}
    )
    described = [item for item in described if item["name"] in frame]
    text = frame.to_csv(index=False)
    signature, schema = compiled(described), Schema.from_json(json.dumps(described))
    if frame.shape[1] == 1 and frame.isna().any(axis=None):
        return  # pandas writes and skips such rows as blank lines
    inputs = invocations.decode(text.encode(), "text/csv", signature)[0]
    theirs = _enforce_schema(parse_csv_input(io.StringIO(text), schema), schema)
    for name, values in our_columns(signature, inputs).items():
        for ours, found in zip(ours_plain(values), plain(theirs[name]), strict=True):
            # pandas reads decimals quickly, and off by an ulp or so
            assert ours == (pytest.approx(found, rel=1e-14) if isinstance(ours, float) else found)


@pytest.mark.parametrize(
    "given_params",
    [None, {}, {"cut": 1}, {"cut": None}, {"many": [3, 4], "top": 7}, {"unknown": 1, "mode": "x"}],
)
def test_params_become_what_mlflow_makes_of_them(given_params: Any) -> None:
    described = [
        {"name": "cut", "type": "double", "default": 0.5, "shape": None},
        {"name": "top", "type": "long", "default": 3, "shape": None},
        {"name": "mode", "type": "string", "default": "fast", "shape": None},
        {"name": "many", "type": "long", "default": [1], "shape": [-1]},
    ]
    signature = compiled([{"type": "double", "name": "x"}], params=described)
    theirs = _enforce_params_schema(given_params, ParamSchema.from_json(json.dumps(described)))
    assert signature.params.check(given_params)[0] == theirs


# -- answers --------------------------------------------------------------------------------------


def mlflow_answer(result: Any, *, wrapped: bool = True) -> Any:
    text = io.StringIO()
    (predictions_to_json if wrapped else unwrapped_predictions_to_json)(result, text)
    return without_nan(json.loads(text.getvalue()))


def without_nan(value: Any) -> Any:
    """MLflow's NaN, Infinity and "NaT" as null: the first two are no JSON."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    if value == "NaT" or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


TIMES = pd.to_datetime(["2024-05-17T10:00:00.123456", None, "1969-12-31T23:59:59.5"])
RESULTS = {
    "floats": np.array([0.5, math.nan, math.inf, -0.0]),
    "float32": np.array([0.1, 3.0], "float32"),
    "integers": np.array([1, 2**62]),
    "matrix": np.array([[0.5, 0.5], [1.0, 0.0]]),
    "cube": np.arange(12).reshape(2, 3, 2),
    "empty": np.zeros((2, 0)),
    "booleans": np.array([True, False]),
    "texts": np.array(["a", "é"]),
    "objects": np.array(["a", None, 1.5, {"k": [1]}], dtype=object),
    "bytes": np.array([b"\x00\xff", b"a"], dtype=object),
    "dates": np.array(["2024-05-17"], "datetime64[D]"),
    "seconds": np.array(["2024-05-17T10:00:00"], "datetime64[s]"),
    "microseconds": np.array(["2024-05-17T10:00:00.5"], "datetime64[us]"),
    "nanoseconds": np.array(["2024-05-17T10:00:00.000000001"], "datetime64[ns]"),
    "scalar array": np.array(0.5),
    "series": pd.Series([0.5, math.nan], name="risk"),
    "series without name": pd.Series(["x", None]),
    "series of times": pd.Series(TIMES, name="t"),
    "series with index": pd.Series([1, 2], index=[7, 9], name=3),
    "frame": pd.DataFrame({"label": [1, 0], "score": [0.5, math.nan], "text": ["a", None]}),
    "frame of times": pd.DataFrame({"t": TIMES, "u": TIMES.as_unit("ns")}),
    "frame of zoned times": pd.DataFrame(
        {"t": TIMES.tz_localize("UTC").tz_convert("Europe/Berlin")}
    ),
    "frame of categories": pd.DataFrame({"c": pd.Categorical(["x", "y", None, "x"])}),
    "frame of nullable": pd.DataFrame({"n": pd.array([1, 2], dtype="Int64")}),
    "frame of lists": pd.DataFrame({"l": [[1, 2], []], "o": [{"k": 1}, {"k": None}]}),
    "frame by numbers": pd.DataFrame([[1, 2.5], [3, 4.5]]),
    "frame of bytes": pd.DataFrame({"b": [b"\xff" * 80]}),
    "frame without columns": pd.DataFrame(index=[0, 1]),
    "list": [1, 2, 3],
    "list of texts": ["a", "b"],
    "mixed list": [1, "a", None, [1.5], {"k": 1}],
    "list of records": [{"a": 1, "b": "x"}, {"a": 2}],
    "list of arrays": [np.array([1, 2]), np.array([[0.5], [1.5]])],
    "empty list": [],
    "tuple": (1.5, 2.5),
    "text": "answer",
    "number": 7,
    "none": None,
    "numpy number": np.float64(0.5),
    "dict of arrays": {"a": np.array([1, 2]), "b": np.array([[0.5], [1.5]])},
    "dict": {"a": 1, "b": [1, "x"], "c": {"d": None}},
    "dict of texts": {"a": "x", "b": ["y"]},
}


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("wrapped", [True, False])
def test_answers_read_as_mlflow_writes_them(name: str, wrapped: bool) -> None:
    result = RESULTS[name]
    options = invocations.Options(unwrapped=not wrapped)
    body, content_type = invocations.encode(pack(result), options)
    assert content_type == "application/json"
    assert json.loads(body) == mlflow_answer(result, wrapped=wrapped)


@pytest.mark.parametrize(
    "name", ["floats", "matrix", "objects", "series with index", "frame", "frame of times"]
)
def test_rows_of_a_batch_read_as_if_they_had_been_alone(name: str) -> None:
    result = RESULTS[name]
    pieces = split(pack(result), [1] * len(result))
    for position, piece in enumerate(pieces):
        alone = result[position : position + 1]
        found = json.loads(invocations.encode(piece, invocations.Options())[0])
        assert found == mlflow_answer(alone)


def test_an_index_is_split_with_its_rows() -> None:
    from mlops_jupyter.serving.results import rebuild

    for index in (
        pd.Index(["p", "q", "r"], name="id"),
        pd.RangeIndex(5, 11, 2),
        pd.date_range("2024-05-17", periods=3),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]),
    ):
        frame = pd.DataFrame({"y": [1, 2, 3]}, index=index)
        for result in (frame, frame["y"], {"one": frame["y"], "two": np.arange(3)}):
            first, second = map(rebuild, split(pack(result), [2, 1]))
            whole = result
            if isinstance(result, dict):
                first, second, whole = first["one"], second["one"], result["one"]
            pd.testing.assert_index_equal(first.index, whole.index[:2])
            pd.testing.assert_index_equal(second.index, whole.index[2:])
            assert [*first.to_numpy().ravel(), *second.to_numpy().ravel()] == [1, 2, 3]
