"""Packed buffers become what pyfunc would hand to the model, for every type of both protocols."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.serving import stacking
from mlops_jupyter.serving.modelio import InputPlan
from mlops_jupyter.serving.sameness import same
from tests.serving.signatures import compiled as compile_signature
from tests.serving.signatures import entry, infer


def column(kind: str, name: Any = "x", **more: Any) -> dict[str, Any]:
    described = {"type": kind, "required": True, **more}
    return described if name is None else {"name": name, **described}


def tensor(dtype: str, *shape: int, name: str | None = None) -> dict[str, Any]:
    described = {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": list(shape)}}
    return described if name is None else {"name": name, **described}


def plan(*inputs: dict[str, Any]) -> InputPlan:
    return InputPlan({"inputs": json.dumps(inputs)})


def there_and_back(this: InputPlan, data: Any) -> Any:
    header, body = this.pack(data)
    return this.native(json.loads(json.dumps(header)), memoryview(body))


def from_protocol(inputs: list[dict[str, Any]], *sent: dict[str, Any]) -> Any:
    """What the model gets of a call of the Open Inference Protocol."""
    signature = compile_signature(inputs)
    header, buffers = stacking.stack([infer(signature, *sent)])
    this = plan(*inputs)
    return this.native(json.loads(json.dumps(header)), memoryview(b"".join(buffers)))


LEAVES: dict[str, tuple[list[Any], Any]] = {
    "boolean": ([True, False], np.dtype("?")),
    "integer": ([-(2**31), 2**31 - 1], np.dtype("i4")),
    "long": ([-(2**63), 2**63 - 1], np.dtype("i8")),
    "float": ([0.5, np.nan], np.dtype("f4")),
    "double": ([1e300, np.nan], np.dtype("f8")),
    "string": (["ü", None], pd.Series(["a"]).dtype),
    "binary": ([b"\x00\xff", b""], np.dtype("O")),
}


@pytest.mark.parametrize("kind", LEAVES)
def test_a_column_has_the_dtype_that_pyfunc_gives_it(kind: str) -> None:
    values, dtype = LEAVES[kind]
    frame = pd.DataFrame({"x": pd.Series(values, dtype=dtype)})
    back = there_and_back(plan(column(kind), column("long", "n")), frame.assign(n=[1, 2]))
    assert back.dtypes.to_list() == [dtype, np.dtype("i8")]
    pd.testing.assert_frame_equal(back[["x"]], frame)


def test_times_are_nanoseconds_and_may_be_missing() -> None:
    times = pd.Series(["1700-01-01T00:00:00.000000001", None, "2262-04-11"], dtype="M8[ns]")
    back = there_and_back(plan(column("datetime")), pd.DataFrame({"x": times}))
    assert back["x"].dtype == np.dtype("M8[ns]")
    pd.testing.assert_series_equal(back["x"], times, check_names=False)


@pytest.mark.parametrize(
    "kind, value",
    [
        (column("array", items={"type": "long"}), [1, 2]),
        (column("array", items={"type": "array", "items": {"type": "string"}}), [["a"], []]),
        (column("map", values={"type": "double"}), {"a": 0.5}),
        (column("object", properties={"a": {"type": "string", "required": True}}), {"a": "b"}),
        (column("any"), {"a": [1, None, {"b": "c"}]}),
    ],
)
def test_nested_values_are_python_objects(kind: dict[str, Any], value: Any) -> None:
    back = there_and_back(plan(kind), pd.DataFrame({"x": [value, value]}))
    assert back["x"].to_list() == [value, value]


def test_missing_floats_in_lists_are_nan_as_in_mlflow() -> None:
    this = plan(column("array", items={"type": "double"}))
    header, _ = this.pack(pd.DataFrame({"x": [[0.5]]}))
    text = b"[0.5,null]"
    body = len(text).to_bytes(4, "little") + text
    (values,) = this.native({**header, "sizes": [len(body)]}, memoryview(body))["x"]
    assert same(values, [0.5, float("nan")])


def test_columns_come_in_the_signatures_order_without_extra_ones() -> None:
    this = plan(column("double", "a"), column("long", "b"))
    back = there_and_back(this, pd.DataFrame({"z": ["no"], "b": [1], "a": [0.5]}))
    assert back.columns.to_list() == ["a", "b"]


def test_an_optional_column_that_is_absent_stays_absent() -> None:
    this = plan(column("double", "a"), column("string", "b", required=False))
    assert there_and_back(this, pd.DataFrame({"a": [0.5]})).columns.to_list() == ["a"]


def test_numbered_columns_stay_numbers() -> None:
    this = plan(column("double", 0), column("long", 1))
    assert there_and_back(this, pd.DataFrame({0: [0.5], 1: [1]})).columns.to_list() == [0, 1]


@pytest.mark.parametrize("kinds", [("double", "double"), ("double", "string")])
def test_columns_without_names_are_counted(kinds: tuple[str, ...]) -> None:
    this = plan(*(column(kind, None) for kind in kinds))
    data = pd.DataFrame({"p": [0.5], "q": [1.5] if kinds[1] == "double" else ["t"]})
    assert there_and_back(this, data).columns.to_list() == [0, 1]


def test_a_matrix_lies_in_memory_as_a_frame_of_pandas_would() -> None:
    this = plan(column("double", "a"), column("double", "b"))
    data = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]})
    header, body = this.pack(data)
    array = this.array(header, memoryview(body))
    assert np.array_equal(array, data.to_numpy())
    assert array.flags.f_contiguous
    pd.testing.assert_frame_equal(this.native(header, memoryview(body)), data)


def test_numbers_of_several_widths_become_one_array_as_pandas_makes_it() -> None:
    kinds = {"a": "integer", "b": "float", "c": "long"}
    this = plan(*(column(kind, name) for name, kind in kinds.items()))
    data = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [2**53, 3]})
    data = data.astype({"a": "i4", "b": "f4", "c": "i8"})
    array = this.array(*_viewed(this.pack(data)))
    assert same(np.asarray(array), np.asarray(data))


def _viewed(packed: Any) -> tuple[dict[str, Any], memoryview]:
    return packed[0], memoryview(packed[1])


def test_what_the_model_gets_is_aligned_and_may_be_written_to() -> None:
    this = plan(column("boolean", "flag"), column("double", "a"))
    header, body = this.pack(pd.DataFrame({"flag": [True], "a": [0.5]}))
    frame = this.native(header, memoryview(body))
    frame.loc[0, "a"] = 2.5
    assert frame["a"].to_numpy().flags.aligned
    matrix = plan(column("double"))
    matrix.array(*_viewed(matrix.pack(pd.DataFrame({"x": [0.5]}))))[0, 0] = 1.0


DTYPES = {
    "bool": [True, False],
    "uint8": [0, 255],
    "uint16": [0, 2**16 - 1],
    "uint32": [0, 2**32 - 1],
    "uint64": [0, 2**64 - 1],
    "int8": [-128, 127],
    "int16": [-(2**15), 2**15 - 1],
    "int32": [-(2**31), 2**31 - 1],
    "int64": [-(2**63), 2**63 - 1],
    "float16": [0.5, 65504.0],
    "float32": [0.5, -1.5],
    "float64": [0.1, 1e308],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [None, "t"])
def test_a_tensor_of_any_datatype_keeps_its_dtype_and_shape(dtype: str, name: str | None) -> None:
    array = np.array([[DTYPES[dtype]], [DTYPES[dtype]]], dtype=dtype)
    data = array if name is None else {name: array}
    assert same(there_and_back(plan(tensor(dtype, -1, 1, 2, name=name)), data), data)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_call_of_the_protocol_gives_the_same_tensor(dtype: str) -> None:
    from mlops_jupyter.serving.tensorspecs import datatype_of

    sent = entry("t", datatype_of(dtype), [1, 2], DTYPES[dtype])
    got = from_protocol([tensor(dtype, -1, 2, name="t")], sent)
    assert same(got, {"t": np.array([DTYPES[dtype]], dtype=dtype)})


@pytest.mark.parametrize("dtype, kind", [("str", "U"), ("object", "O")])
def test_a_tensor_of_text_is_as_the_signature_says(dtype: str, kind: str) -> None:
    got = from_protocol([tensor(dtype, -1)], entry("any", "BYTES", [2], ["ü", ""]))
    assert got.dtype.kind == kind
    assert got.tolist() == ["ü", ""]


def test_a_tensor_of_bytes_is_bytes() -> None:
    data = np.array([b"\xff\x01", b"a"])
    assert there_and_back(plan(tensor("bytes", -1)), data).tolist() == data.tolist()


def test_a_frame_of_the_protocol_becomes_the_frame_of_the_signature() -> None:
    inputs = [column("long", "n"), column("string", "s"), column("datetime", "t")]
    got = from_protocol(
        inputs,
        entry("s", "BYTES", [2], ["x", "ü"]),
        entry("t", "BYTES", [2], ["2024-01-01T00:00:00", "2024-01-02"]),
        entry("n", "INT64", [2], [1, 2]),
    )
    wanted = pd.DataFrame({"n": [1, 2], "s": ["x", "ü"], "t": pd.to_datetime(["2024-01-01"] * 2)})
    wanted["t"] = np.array(["2024-01-01", "2024-01-02"], dtype="M8[ns]")
    pd.testing.assert_frame_equal(got, wanted)


def test_every_leaf_type_and_tensor_has_an_example() -> None:
    this = plan(*(column(kind, kind) for kind in [*LEAVES, "datetime"]))
    assert there_and_back(this, this.example()).shape == (2, 8)
    tensors = plan(tensor("float32", -1, 3, name="a"), tensor("str", -1, name="b"))
    assert tensors.example()["a"].shape == (2, 3)
    assert there_and_back(tensors, tensors.example())["b"].tolist() == ["text", "text"]
