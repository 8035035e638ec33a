"""Compiling a signature, and the check of values by column."""

from __future__ import annotations

import json
import math
import struct
import subprocess
import sys
from typing import Any

import pytest

from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.types import InvalidInput, InvalidRequest, MlopsError
from tests.serving.signatures import (
    LEAF_TYPES,
    b64,
    columns,
    compiled,
    data_of,
    invoke,
    matrix_of,
    one,
    records,
    split,
    tensor,
    tensors,
    unnamed,
)

SECRET = "s3cret-4711"


# -- compiling ------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [None, {}, {"inputs": None, "outputs": "[]"}, {"inputs": ""}])
def test_a_version_without_a_signature_is_refused_with_the_way_out(nothing: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        Signature.compile(nothing, name="churn", version=3)
    assert caught.value.code == "no_signature"
    assert "churn/3" in caught.value.message
    assert "--input" in caught.value.fix


@pytest.mark.parametrize(
    "inputs",
    [
        [{"type": "quaternion", "name": "q"}],
        [{"type": "tensor", "tensor-spec": {"dtype": "complex128", "shape": [-1]}}],
        [{"type": "double", "name": "a"}, {"type": "double", "name": "a"}],
        [{"name": "a"}],
        [],
        {"a": "double"},
        "double",
        [1],
    ],
)
def test_a_signature_that_cannot_be_served_is_refused_when_it_is_compiled(inputs: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        compiled(inputs or [[]])
    assert caught.value.code == "unsupported_signature"


def test_outputs_that_the_protocol_has_no_word_for_do_not_hinder_serving() -> None:
    signature = compiled(
        [{"type": "double", "name": "x"}],
        outputs=[{"type": "tensor", "tensor-spec": {"dtype": "complex64", "shape": [-1]}}],
    )
    assert signature.outputs == ()


def test_what_mlflow_writes_is_what_compile_reads() -> None:
    import numpy as np
    import pandas as pd
    from mlflow.models import infer_signature

    frame = pd.DataFrame(
        {
            "d": [0.5],
            "f": np.array([0.5], "float32"),
            "l": [1],
            "i": np.array([1], "int32"),
            "b": [True],
            "s": ["x"],
            "y": [b"x"],
            "t": pd.to_datetime(["2024-05-17"]),
            "a": [[1.0, 2.0]],
            "o": [{"k": "v"}],
        }
    )
    written = infer_signature(frame, np.array([1.0]), params={"cut": 0.5, "many": [1, 2]})
    signature = Signature.compile(written.to_dict(), "churn", 3)
    assert [column.type for column in signature.inputs] == [
        "double", "float", "long", "integer", "boolean", "string", "binary", "datetime",
        "array", "object",
    ]  # fmt: skip
    assert [item.datatype for item in signature.outputs] == ["FP64"]
    assert signature.params.defaults == {"cut": 0.5, "many": [1, 2]}


def test_importing_the_protocols_brings_no_numpy_pandas_or_mlflow() -> None:
    program = (
        "import sys\n"
        "import mlops_jupyter.serving.oip, mlops_jupyter.serving.invocations\n"
        "import mlops_jupyter.serving.stacking\n"
        "print({'numpy', 'pandas', 'mlflow'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# -- examples -------------------------------------------------------------------------------------

_NESTED = {
    "type": "object",
    "properties": {
        "tags": {"type": "array", "items": {"type": "string"}, "required": True},
        "sizes": {"type": "map", "values": {"type": "double"}, "required": False},
    },
}


@pytest.mark.parametrize(
    "signature",
    [
        columns(**{kind: kind for kind in LEAF_TYPES}),
        columns(nested=_NESTED, anything="any", vector="sparkml_vector"),
        columns(a="double", b="double"),
        compiled([{"type": "double", "name": 0}, {"type": "long", "name": 1}]),
        unnamed("string"),
        unnamed("double", "string"),
        tensor("float32", -1, 2, 3),
        tensor("str", -1, 2),
        tensors(ids=("int64", (-1,)), mask=("bool", (-1, 4))),
    ],
)
def test_the_example_of_a_signature_passes_its_own_check(signature: Signature) -> None:
    inputs = invoke(signature, signature.example())
    assert inputs.rows == 1


# -- columns --------------------------------------------------------------------------------------


def test_all_required_doubles_become_one_matrix_in_the_signatures_order() -> None:
    signature = columns(a="double", b="double", c="double")
    inputs = split(signature, ["c", "extra", "a", "b"], [3, "x", 1, 2], [6.5, None, 4.5, None])
    assert inputs.form == "matrix"
    assert matrix_of(inputs)[0] == [1, 2, 3]
    assert matrix_of(inputs)[1][0] == 4.5
    assert math.isnan(matrix_of(inputs)[1][1])
    assert inputs.rows == 2


def test_other_columns_become_a_frame_with_a_buffer_each() -> None:
    signature = columns(age="long", name="string", score="double")
    inputs = records(
        signature, {"name": "é", "score": 1, "age": 3}, {"score": None, "age": 4.0, "name": None}
    )
    assert inputs.form == "frame"
    assert inputs.header["columns"] == ["age", "name", "score"]
    assert inputs.header["types"] == ["long", "string", "double"]
    found = data_of(inputs)
    assert found["age"] == [3, 4]
    assert found["name"] == ["é", None]
    assert found["score"][0] == 1
    assert math.isnan(found["score"][1])


def test_columns_named_by_numbers_keep_their_numbers_for_the_model() -> None:
    signature = compiled([{"type": "long", "name": 0}, {"type": "string", "name": 1}])
    for names in ([0, 1], ["0", "1"]):
        assert split(signature, names, [5, "x"]).header["columns"] == [0, 1]
    assert data_of(split(signature, [1, 0], ["x", 5])) == {0: [5], 1: ["x"]}


def test_unnamed_columns_are_taken_by_position_whatever_they_are_called() -> None:
    inputs = split(unnamed("long", "string"), ["p", "q", "r"], [1, "x", None])
    assert data_of(inputs) == {0: [1], 1: ["x"]}


def test_an_absent_optional_column_is_left_out_and_such_calls_stack_with_their_like_only() -> None:
    signature = columns(a="long", b={"type": "long", "required": False})
    both, lone = split(signature, ["a", "b"], [1, 2]), split(signature, ["a"], [1])
    assert lone.header["columns"] == ["a"]
    assert len(lone.buffers) == 1
    assert both.key != lone.key
    assert lone.key == split(signature, ["a"], [7]).key


def test_doubles_with_an_optional_one_are_no_matrix() -> None:
    signature = columns(a="double", b={"type": "double", "required": False})
    inputs = split(signature, ["a"], [1.5])
    assert inputs.form == "frame"
    assert data_of(inputs) == {"a": [1.5]}


def test_missing_columns_are_named_with_their_types() -> None:
    with pytest.raises(InvalidInput) as caught:
        split(columns(age="long", name="string", score="double"), ["nmae", "age"], [SECRET, 1])
    error = caught.value
    assert error.status == 422
    assert error.code == "missing_column"
    assert error.message == "The data lacks the columns 'name', 'score'."
    assert "name: string; score: double" in error.fix
    assert "churn/3" in error.reason


def test_many_missing_columns_are_counted() -> None:
    signature = columns(**{f"c{i}": "double" for i in range(9)})
    with pytest.raises(InvalidInput, match="'c1', 'c2', 'c3', 'c4', 'c5' and 3 more"):
        split(signature, ["c0"], [1])


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        ("double", SECRET, "is text"),
        ("double", "1.5", "is text"),
        ("double", True, "is true or false"),
        ("double", [1], "is a list"),
        ("double", {"a": 1}, "is an object"),
        ("double", 2**53 + 1, "cannot hold exactly"),
        ("double", 10**400, "cannot hold exactly"),
        ("float", 2**24 + 1, "cannot hold exactly"),
        ("float", 1e300, "out of the range of a 32-bit float"),
        ("float", "1", "is text"),
        ("long", 1.5, "with a fraction"),
        ("long", None, "is null"),
        ("long", True, "is true or false"),
        ("long", 2**63, "out of the range"),
        ("long", 1e300, "out of the range"),
        ("integer", 2**31, "out of the range -2147483648 to 2147483647"),
        ("integer", None, "is null"),
        ("boolean", None, "is null"),
        ("boolean", 2, "other than 0 and 1"),
        ("boolean", "true", "is text"),
        ("boolean", 1.0, "is a number"),
        ("string", 4711, "is a whole number"),
        ("string", False, "is true or false"),
        ("string", ["x"], "is a list"),
        ("binary", "a", "not base64"),
        ("binary", "YWJj!", "not base64"),
        ("binary", 1, "is a whole number"),
        ("datetime", "17/05/2024", "not an ISO 8601 date"),
        ("datetime", "now", "not an ISO 8601 date"),
        ("datetime", "2024-13-01", "does not exist"),
        ("datetime", "2024-02-30", "does not exist"),
        ("datetime", "2024-02-03T24:61", "does not exist"),
        ("datetime", "1600-01-01", "outside 1677-09-22"),
        ("datetime", "3000-01-01", "outside 1677-09-22"),
        ("datetime", 1.5, "is a number with a fraction"),
        ("datetime", True, "is true or false"),
        ("datetime", 2**63, "outside 1677-09-22"),
    ],
)
def test_a_value_of_another_type_is_refused_with_column_type_row_and_not_with_the_value(
    kind: str, value: Any, problem: str
) -> None:
    fine = {"string": "x", "binary": "AA==", "datetime": "2024-05-17", "boolean": True}.get(kind, 1)
    with pytest.raises(InvalidInput) as caught:
        split(columns(age=kind), ["age"], [fine], [value])
    error = caught.value
    assert error.message == f"Column 'age' must be of type {kind}."
    assert "row 1 (counted from 0)" in error.reason
    assert problem in error.reason
    assert SECRET not in str(error)
    assert "4711" not in str(error)
    assert error.status == 422


def test_in_a_matrix_the_column_and_row_of_a_misfit_are_named() -> None:
    with pytest.raises(InvalidInput, match=r"'b' must be of type double.*row 2 ") as caught:
        split(columns(a="double", b="double"), ["a", "b"], [1, 2], [3, 4], [5, SECRET])
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value", "becomes"),
    [
        ("double", 3, 3.0),
        ("double", 2**53, 2.0**53),
        ("double", 2**60, 2.0**60),
        ("double", -0.0, -0.0),
        ("double", 5e-324, 5e-324),
        ("float", 0.1, struct.unpack("<f", struct.pack("<f", 0.1))[0]),
        ("float", 7, 7.0),
        ("long", 3.0, 3),
        ("long", -(2**63), -(2**63)),
        ("long", 2**63 - 1, 2**63 - 1),
        ("integer", -(2**31), -(2**31)),
        ("boolean", 1, True),
        ("boolean", 0, False),
        ("boolean", False, False),
        ("string", "", ""),
        ("string", None, None),
        ("string", "a\x00b\U0001f600", "a\x00b\U0001f600"),
        ("binary", b64(b"\x00\xff"), b"\x00\xff"),
        ("binary", "AP\n8=\n", b"\x00\xff"),
        ("binary", None, None),
        ("datetime", "2024-05-17", 1715904000 * 10**9),
        ("datetime", "2024-05-17 10:30", 1715941800 * 10**9),
        ("datetime", "2024-05-17T10:30:00.123456789", 1715941800123456789),
        ("datetime", "2024-05-17T10:30:00.1", 1715941800100000000),
        ("datetime", "2024-05-17T12:30:00+02:00", 1715941800 * 10**9),
        ("datetime", "2024-05-17T12:30:00+0200", 1715941800 * 10**9),
        ("datetime", "2024-05-17T10:30:00Z", 1715941800 * 10**9),
        ("datetime", "1969-12-31T23:59:59.5", -500_000_000),
        ("datetime", "1677-09-22", -9223286400000000000),
        ("datetime", 1715941800123456789, 1715941800123456789),
        ("datetime", None, None),
    ],
)
def test_a_value_that_fits_arrives_unchanged(kind: str, value: Any, becomes: Any) -> None:
    signature = columns(x=kind, other={"type": "long", "required": False})
    found = one(signature, value)
    assert found == becomes
    assert type(found) is type(becomes)
    assert math.copysign(1, found) == math.copysign(1, becomes) if kind == "double" else True


@pytest.mark.parametrize("kind", ["double", "float"])
def test_null_is_nan_in_a_column_of_floats(kind: str) -> None:
    assert math.isnan(one(columns(x=kind, y={"type": "long", "required": False}), None))


def test_columns_of_different_length_are_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        invoke(columns(a="double", b="long"), {"inputs": {"a": [1, 2, 3], "b": [1, 2]}})
    assert caught.value.message == "Column 'b' has 2 values, where others have 3."


@pytest.mark.parametrize(
    "document",
    [
        {"dataframe_split": {"columns": ["a"], "data": []}},
        {"dataframe_records": []},
        {"inputs": {"a": []}},
        {"instances": []},
    ],
)
@pytest.mark.parametrize("kind", ["double", "string"])
def test_an_empty_batch_is_refused(kind: str, document: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        invoke(columns(a=kind), document)
    assert caught.value.code in ("empty_batch", "missing_column")


def test_more_rows_than_a_call_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_jupyter.serving.columns.MAX_ROWS", 2)
    with pytest.raises(InvalidInput, match="3 rows; a call may have 2") as caught:
        split(columns(a="double"), ["a"], [1], [2], [3])
    assert caught.value.code == "too_many_rows"
    with pytest.raises(InvalidInput, match="3 rows"):
        invoke(tensor("float64", -1), {"inputs": [1, 2, 3]})


# -- nested types ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "becomes"),
    [
        ({"type": "array", "items": {"type": "double"}}, [1, 2.5, None], [1.0, 2.5, None]),
        ({"type": "array", "items": {"type": "long"}}, [1, 2.0], [1, 2]),
        ({"type": "array", "items": {"type": "array", "items": {"type": "string"}}}, [["a"], []],
         [["a"], []]),
        ({"type": "map", "values": {"type": "double"}}, {"k": 1}, {"k": 1.0}),
        ({"type": "any"}, {"k": [1, None, "x"]}, {"k": [1, None, "x"]}),
        ({"type": "any"}, None, None),
        (_NESTED, {"tags": ["a", "b"]}, {"tags": ["a", "b"]}),
        (_NESTED, {"tags": [], "sizes": {"s": 2}}, {"tags": [], "sizes": {"s": 2.0}}),
        ({"type": "sparkml_vector"}, [1, 2], [1.0, 2.0]),
        ({"type": "array", "items": {"type": "any"}}, None, None),
        ({"type": "array", "items": {"type": "long"}, "required": False}, None, None),
    ],
)  # fmt: skip
def test_nested_values_arrive_as_json_with_numbers_as_their_type_wants_them(
    kind: Any, value: Any, becomes: Any
) -> None:
    found = one(columns(x=kind), value)
    assert found == becomes
    assert json.dumps(found) == json.dumps(becomes)


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        ({"type": "array", "items": {"type": "double"}}, 1, "in place of a list"),
        ({"type": "array", "items": {"type": "double"}}, None, "null in place of a list"),
        ({"type": "array", "items": {"type": "double"}}, [SECRET], "a double that is text"),
        ({"type": "array", "items": {"type": "long"}}, [None], "holds null"),
        ({"type": "array", "items": {"type": "boolean"}}, [1], "in place of a boolean"),
        ({"type": "map", "values": {"type": "long"}}, [], "in place of an object"),
        (_NESTED, {}, "lacks the property 'tags'"),
        (_NESTED, {"tags": [], SECRET: 1}, "a property that its type does not know"),
        ({"type": "any"}, {"n": 2**70}, "beyond 64 bits"),
    ],
)
def test_a_nested_value_that_does_not_fit_is_refused_without_showing_it(
    kind: Any, value: Any, problem: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        one(columns(x=kind), value)
    assert "Column 'x'" in caught.value.message
    assert problem in caught.value.reason
    assert SECRET not in str(caught.value)


def test_a_nested_value_deeper_than_json_can_be_written_is_refused() -> None:
    body = b'{"dataframe_split": {"columns": ["x"], "data": [[' + b"[" * 300 + b"]" * 300 + b"]]}}"
    from mlops_jupyter.serving import invocations

    with pytest.raises(MlopsError, match="nested too deep"):
        invocations.decode(body, "application/json", columns(x="any"))


# -- params ---------------------------------------------------------------------------------------

_PARAMS = [
    {"name": "cut", "type": "double", "default": 0.5, "shape": None},
    {"name": "top", "type": "long", "default": 3, "shape": None},
    {"name": "mode", "type": "string", "default": "fast", "shape": None},
    {"name": "flag", "type": "boolean", "default": False, "shape": None},
    {"name": "when", "type": "datetime", "default": "2024-01-01", "shape": None},
    {"name": "ids", "type": "long", "default": [1], "shape": [-1]},
    {"name": "opts", "default": {"k": 1}, "shape": None, "type": "object",
     "properties": {"k": {"type": "long", "required": True}}},
]  # fmt: skip


def _with_params(**params: Any) -> Any:
    signature = compiled([{"type": "double", "name": "x"}], params=_PARAMS)
    return invoke(signature, {"dataframe_records": [{"x": 1}], "params": params})


def test_params_that_are_not_given_get_their_defaults() -> None:
    inputs = _with_params()
    assert inputs.params == {param["name"]: param["default"] for param in _PARAMS}


def test_params_are_checked_against_their_types_and_unknown_ones_ignored_as_mlflow_does() -> None:
    params = _with_params(cut=1, ids=[4, 5], mode="slow", when="2025-01-01", unknown=1).params
    assert params["cut"] == 1.0
    assert type(params["cut"]) is float
    assert (params["ids"], params["mode"], params["top"]) == ([4, 5], "slow", 3)
    assert "unknown" not in params


def test_params_of_a_model_that_has_none_are_ignored_as_mlflow_does() -> None:
    body = {"dataframe_records": [{"x": 1}], "params": {"cut": 1}}
    assert invoke(columns(x="double"), body).params is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cut", SECRET),
        ("cut", True),
        ("top", 1.0),
        ("top", "3"),
        ("top", 2**64),
        ("mode", 1),
        ("flag", 1),
        ("when", "tomorrow"),
        ("ids", 1),
        ("ids", ["x"]),
        ("opts", {}),
        ("opts", [1]),
    ],
)
def test_a_param_of_another_type_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        _with_params(**{name: value})
    assert f"'{name}'" in caught.value.message
    assert caught.value.code == "invalid_param"
    assert SECRET not in str(caught.value)


def test_params_that_are_no_object_are_a_bad_request() -> None:
    signature = compiled([{"type": "double", "name": "x"}], params=_PARAMS)
    with pytest.raises(InvalidRequest, match="must be an object"):
        invoke(signature, {"dataframe_records": [{"x": 1}], "params": [1]})


def test_calls_stack_only_with_calls_of_equal_params() -> None:
    assert _with_params().key == _with_params().key
    assert _with_params(cut=1).key == _with_params(cut=1.0).key
    assert _with_params(cut=1).key != _with_params(cut=2).key
    assert _with_params(cut=1).key != _with_params().key
