"""Properties of the inference protocol's data: every datatype there and back, and any garbage."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.serving import invocations, oip, packing
from mlops_jupyter.serving.tensors import Outputs, Tensor
from mlops_jupyter.types import MlopsError
from mlops_jupyter.types.datatypes import ITEM_SIZES, STRUCT_CODES
from tests.serving.signatures import (
    columns,
    compiled,
    data_of,
    entry,
    infer,
    infer_binary,
    tensor,
    tensors,
    texts,
    unnamed,
)

DATATYPES = (*ITEM_SIZES, "BYTES")
DTYPES = {
    "BOOL": "bool", "BYTES": "str", "FP16": "float16", "FP32": "float32", "FP64": "float64",
    **{name: name.lower() for name in packing.INTEGER_RANGES},
}  # fmt: skip


def elements(datatype: str) -> st.SearchStrategy[Any]:
    if datatype in packing.INTEGER_RANGES:
        return st.integers(*packing.INTEGER_RANGES[datatype])
    if datatype == "BOOL":
        return st.booleans()
    if datatype == "BYTES":
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    width: Any = int(datatype[2:])
    return st.floats(width=width, allow_nan=False, allow_infinity=False)


@st.composite
def arrays(draw: st.DrawFn) -> tuple[str, list[int], list[Any]]:
    datatype = draw(st.sampled_from(DATATYPES))
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    count = math.prod(shape)
    data = draw(st.lists(elements(datatype), min_size=count, max_size=count))
    return datatype, shape, data


def nest(data: list[Any], shape: list[int]) -> list[Any]:
    for size in reversed(shape[1:]):
        data = [data[i : i + size] for i in range(0, len(data), size)]
    return data


def packed(datatype: str, data: list[Any]) -> bytes:
    if datatype == "BYTES":
        return texts(*data)
    return struct.pack(f"<{len(data)}{STRUCT_CODES[datatype]}", *data)


@given(arrays())
def test_flat_nested_and_binary_data_arrive_as_the_same_bytes(
    array: tuple[str, list[int], list[Any]],
) -> None:
    datatype, shape, data = array
    signature = tensor(DTYPES[datatype], *([-1] * len(shape)))
    expected = packed(datatype, data)
    flat = infer(signature, entry("x", datatype, shape, data))
    nested = infer(signature, entry("x", datatype, shape, nest(data, shape)))
    binary = infer_binary(signature, (entry("x", datatype, shape, None), expected))
    assert flat.buffers == nested.buffers == binary.buffers == (expected,)
    assert flat.rows == nested.rows == binary.rows == shape[0]
    assert flat.key == nested.key == binary.key
    unpacked = invocations.decode(
        json.dumps({"inputs": nest(data, shape)}).encode(), "application/json", signature
    )[0]
    assert unpacked.buffers == (expected,)


@given(arrays())
def test_answers_come_back_from_json_and_from_binary_as_they_were(
    array: tuple[str, list[int], list[Any]],
) -> None:
    datatype, shape, data = array
    outputs = Outputs(
        shape[0], "ndarray", (Tensor("y", datatype, tuple(shape), packed(datatype, data)),)
    )
    body, content_type, length = oip.encode(outputs, oip.Options(), "churn", 3)
    assert (content_type, length) == ("application/json", None)
    (found,) = json.loads(body)["outputs"]
    assert (found["datatype"], found["shape"]) == (datatype, shape)
    assert packed(datatype, found["data"]) == packed(datatype, data)
    body, content_type, length = oip.encode(outputs, oip.Options(binary=True), "churn", 3)
    assert content_type == "application/octet-stream"
    assert body[length:] == packed(datatype, data)
    (found,) = json.loads(body[:length])["outputs"]
    assert found["parameters"]["binary_data_size"] == len(body) - length
    assert "data" not in found
    wrapped, _ = invocations.encode(outputs, invocations.Options())
    assert json.loads(wrapped)["predictions"] == nest(json.loads(json.dumps(data)), shape)


@given(
    st.lists(
        st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.none()),
        min_size=1,
        max_size=40,
    ),
    st.booleans(),
)
def test_the_quick_way_and_the_general_way_agree(row: list[Any], one_tensor: bool) -> None:
    """A member 'parameters' keeps a request off the quick way."""
    names = [f"c{i}" for i in range(len(row))]
    signature = columns(**dict.fromkeys(names, "double"))
    if one_tensor:
        inputs = [entry("x", "FP64", [1, len(row)], row)]
    else:
        inputs = [entry(name, "FP64", [1], [value]) for name, value in zip(names, row, strict=True)]
    found = []
    for members in ({}, {"parameters": {"note": "x"}}):
        try:
            found.append(infer(signature, *inputs, **members))
        except MlopsError as error:
            found.append(error.to_dict())
    assert found[0] == found[1]
    exact = all(value is None or _is_exact(value) for value in row)
    assert isinstance(found[0], dict) is not exact
    if exact:
        (values,) = data_of(found[0]).values()
        same = zip(values, row, strict=True)
        assert all(math.isnan(v) if w is None else v == w for v, w in same)


def _is_exact(value: float) -> bool:
    try:
        return float(value) == value
    except OverflowError:
        return False


# -- garbage --------------------------------------------------------------------------------------

SIGNATURES = [
    columns(a="double", b="double"),
    columns(a="long", b="string", c={"type": "datetime", "required": False}),
    columns(a="boolean", b="binary", c="float", d="integer"),
    columns(a={"type": "array", "items": {"type": "double"}}, b="any"),
    columns(
        a={
            "type": "object",
            "properties": {"b": {"type": "map", "values": {"type": "long"}, "required": False}},
        }
    ),
    unnamed("double"),
    unnamed("string", "long"),
    tensor("float64", -1, 2),
    tensor("str", -1),
    tensors(a=("int64", (-1,)), b=("float32", (-1, 2))),
    tensor("bool", 2, 2),
    compiled(
        [{"type": "double", "name": "a"}],
        params=[{"name": "b", "type": "long", "default": 1, "shape": None}],
    ),
]
WORDS = [
    "inputs", "outputs", "name", "shape", "datatype", "data", "parameters", "id", "a", "b", "c",
    "d", "FP64", "INT64", "BYTES", "BOOL", "FP16", "binary_data_size", "binary_data",
    "binary_data_output", "content_type", "base64", "dataframe_split", "dataframe_records",
    "instances", "columns", "index", "params", "messages", "prompt", "2024-05-17", "", ":",
]  # fmt: skip
words = st.sampled_from(WORDS)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.integers(), st.floats(), words, st.text()
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(words, st.text()), inner, max_size=5)
    ),
    max_leaves=12,
)
one_input = st.fixed_dictionaries(
    {},
    optional={
        "name": st.one_of(words, values),
        "shape": st.one_of(st.lists(st.integers(-1, 3), max_size=3), values),
        "datatype": st.one_of(st.sampled_from(DATATYPES), values),
        "data": st.one_of(st.lists(scalars, max_size=4), values),
        "parameters": st.one_of(
            st.dictionaries(words, st.one_of(st.integers(-1, 20), scalars), max_size=3), values
        ),
    },
)
requests = st.fixed_dictionaries(
    {"inputs": st.one_of(st.lists(one_input, max_size=4), values)},
    optional={"id": values, "parameters": values, "outputs": values},
)
frames = st.fixed_dictionaries(
    {},
    optional={
        "columns": st.one_of(st.lists(words, max_size=4), values),
        "data": st.one_of(st.lists(st.lists(scalars, max_size=4), max_size=4), values),
        "index": values,
    },
)
scorings = st.one_of(
    st.fixed_dictionaries({"dataframe_split": frames}, optional={"params": values}),
    st.fixed_dictionaries(
        {"dataframe_records": st.lists(st.dictionaries(words, scalars, max_size=4), max_size=3)},
        optional={"params": values},
    ),
    st.fixed_dictionaries({"inputs": values}),
    st.fixed_dictionaries({"instances": values}),
    st.dictionaries(words, values, max_size=4),
)
documents = st.one_of(requests, scorings, values)
bodies = st.one_of(
    documents.map(lambda document: json.dumps(document).encode("utf-8", "surrogatepass")),
    st.binary(max_size=60),
    st.builds(
        lambda document, at, junk: (
            (text := json.dumps(document).encode())[: at % (len(text) + 1)]
            + junk
            + text[at % (len(text) + 1) :]
        ),
        documents,
        st.integers(0, 500),
        st.binary(max_size=3),
    ),
)


@settings(max_examples=600, deadline=1000, suppress_health_check=[HealthCheck.too_slow])
@given(bodies, st.sampled_from(SIGNATURES), st.one_of(st.none(), st.integers(0, 300)))
def test_any_body_is_either_taken_or_refused_with_an_error_of_ours(
    body: bytes, signature: Any, length: int | None
) -> None:
    if length is not None and length > len(body):
        length = len(body)
    for decode in (
        lambda: oip.decode(body, length, signature),
        lambda: invocations.decode(body, "application/json", signature),
        lambda: invocations.decode(body, "text/csv", signature),
    ):
        try:
            inputs, _ = decode()
        except MlopsError as error:
            assert error.status in (400, 422)
            assert error.message
            assert error.fix
            json.dumps(error.to_dict()).encode("utf-8")
        else:
            assert inputs.rows > 0
            assert len(inputs.buffers) == len(inputs.header["columns"])
            data_of(inputs)


@settings(max_examples=300, deadline=1000)
@given(
    st.sampled_from(["ndarray", "series", "frame", "list", "scalar", "dict", "json", "?"]),
    st.lists(
        st.builds(
            Tensor,
            st.sampled_from(["y", "z"]),
            st.sampled_from([*DATATYPES, "??"]),
            st.lists(st.integers(0, 3), max_size=3).map(tuple),
            st.binary(max_size=40),
            st.sampled_from([None, "json", "base64", "datetime", "?"]),
        ),
        max_size=3,
    ),
)
def test_a_workers_garbage_is_an_answer_or_an_error_of_ours(
    container: str, found: list[Tensor]
) -> None:
    outputs = Outputs(1, container, tuple(found), {"name": "é"})
    for encode in (
        lambda: oip.encode(outputs, oip.Options(), "churn", 3)[0],
        lambda: oip.encode(outputs, oip.Options("x", None, True), "churn", 3)[0],
        lambda: invocations.encode(outputs, invocations.Options())[0],
    ):
        try:
            assert encode()
        except MlopsError as error:
            assert error.status == 500


@pytest.mark.parametrize("kind", ["double", "string"])
def test_large_bodies_take_time_in_proportion(kind: str) -> None:
    import time

    signature = columns(**{f"c{i}": kind for i in range(10)})
    value: Any = 0.5 if kind == "double" else "a: b"
    seconds = []
    for rows in (2_000, 20_000):
        row = dict.fromkeys((f"c{i}" for i in range(10)), value)
        body = json.dumps({"dataframe_records": [row] * rows}).encode()
        began = time.perf_counter()
        invocations.decode(body, "application/json", signature)
        seconds.append(time.perf_counter() - began)
    assert seconds[1] < 60 * seconds[0] + 0.5
