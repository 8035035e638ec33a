"""Requests of the Open Inference Protocol: what is taken, what is refused and how."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from mlops_jupyter.serving import oip
from mlops_jupyter.types import InvalidInput, InvalidRequest, MlopsError
from tests.serving.signatures import (
    b64,
    columns,
    compiled,
    data_of,
    entry,
    infer,
    infer_binary,
    infer_with_options,
    matrix_of,
    tensor,
    tensors,
    texts,
)

SECRET = "s3cret-4711"
AB = columns(a="double", b="double")


def refused(body: bytes, signature: Any = AB, length: int | None = None) -> MlopsError:
    with pytest.raises(MlopsError) as caught:
        oip.decode(body, length, signature)
    assert SECRET not in str(caught.value)
    assert caught.value.fix
    return caught.value


# -- columns and tensors --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [[1], [1, 1]])
def test_an_input_a_column_in_any_order_is_one_row_of_the_matrix(shape: list[int]) -> None:
    inputs = infer(AB, entry("b", "FP64", shape, [2]), entry("a", "FP64", shape, [1.5]))
    assert matrix_of(inputs) == [[1.5, 2.0]]


@pytest.mark.parametrize("rows", [1, 2, 500])
def test_many_rows_a_column_are_interleaved(rows: int) -> None:
    first, second = [float(i) for i in range(rows)], [i + 0.5 for i in range(rows)]
    inputs = infer(AB, entry("a", "FP64", [rows], first), entry("b", "FP64", [rows], second))
    assert matrix_of(inputs) == [list(pair) for pair in zip(first, second, strict=True)]
    assert inputs.rows == rows


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]])
def test_one_matrix_is_taken_in_the_signatures_order_whatever_its_name(data: Any) -> None:
    assert matrix_of(infer(AB, entry("x", "FP64", [2, 2], data))) == [[1, 2], [3, 4]]
    assert matrix_of(infer(AB, entry("x", "INT32", [2, 2], data))) == [[1, 2], [3, 4]]


def test_one_matrix_of_text_feeds_columns_of_text() -> None:
    signature = columns(a="string", b="datetime")
    data = ["x", "2024-05-17", None, None]
    inputs = infer(signature, entry("m", "BYTES", [2, 2], data))
    assert data_of(inputs) == {"a": ["x", None], "b": [1715904000 * 10**9, None]}
    packed = infer_binary(signature, (entry("m", "BYTES", [2, 2], None), texts(*data)))
    assert packed.buffers == inputs.buffers


def test_a_matrix_of_another_width_names_both_widths() -> None:
    error = refused(json.dumps({"inputs": [entry("x", "FP64", [1, 3], [1, 2, 3])]}).encode())
    assert isinstance(error, InvalidInput)
    assert error.message == "The input has 3 columns; the signature of churn/3 has 2."


def test_a_misfit_in_a_matrix_names_its_column_and_row() -> None:
    body = {"inputs": [entry("x", "FP64", [2, 2], [1, 2, 3, SECRET])]}
    error = refused(json.dumps(body).encode())
    assert error.message == "Column 'b' must be of type double."
    assert "row 1 " in error.reason


def test_extra_inputs_are_dropped_and_missing_ones_named() -> None:
    a, b = entry("a", "FP64", [1], [1]), entry("b", "FP64", [1], [2])
    extra = entry("c", "BYTES", [2], ["x", "y"])
    assert matrix_of(infer(AB, a, extra, b)) == [[1, 2]]
    error = refused(json.dumps({"inputs": [a, extra]}).encode())
    assert (error.status, error.code) == (422, "missing_column")
    assert "'b'" in error.message


def test_columns_of_different_length_are_named() -> None:
    body = {"inputs": [entry("a", "FP64", [2], [1, 2]), entry("b", "FP64", [3], [1, 2, 3])]}
    assert refused(json.dumps(body).encode()).message == (
        "Column 'b' has 3 values, where others have 2."
    )


def test_an_unnamed_tensor_takes_an_input_of_any_name() -> None:
    inputs = infer(tensor("float32", -1, 2), entry("whatever", "FP32", [2, 2], [1, 2, 3, 4]))
    assert inputs.form == "tensors"
    assert inputs.header["shapes"] == [[2]]
    assert inputs.header["types"] == ["FP32"]
    assert list(data_of(inputs).values()) == [[1, 2, 3, 4]]


def test_named_tensors_are_found_by_name_and_each_has_its_shape() -> None:
    signature = tensors(ids=("int64", (-1,)), image=("uint8", (-1, 2, 2)))
    image = entry("image", "UINT8", [2, 2, 2], [[[1, 2], [3, 4]], [[5, 6], [7, 255]]])
    inputs = infer(signature, image, entry("ids", "INT64", [2], [7, 8]))
    assert data_of(inputs) == {"ids": [7, 8], "image": [1, 2, 3, 4, 5, 6, 7, 255]}
    assert inputs.header["shapes"] == [[], [2, 2]]
    error = refused(json.dumps({"inputs": [image]}).encode(), signature)
    assert "'ids'" in error.message


def test_tensors_with_different_numbers_of_rows_are_named() -> None:
    signature = tensors(x=("int64", (-1,)), y=("int64", (-1,)))
    x, y = entry("x", "INT64", [2], [1, 2]), entry("y", "INT64", [1], [1])
    error = refused(json.dumps({"inputs": [x, y]}).encode(), signature)
    assert error.message == "Tensor 'y' has 1 rows, where 'x' has 2."


@pytest.mark.parametrize("shape", [[2], [2, 3], [1, 2, 2], [0, 2]])
def test_a_tensor_of_another_shape_is_refused(shape: list[int]) -> None:
    count = 1
    for size in shape:
        count *= size
    body = {"inputs": [entry("x", "FP32", shape, [1] * count)]}
    error = refused(json.dumps(body).encode(), tensor("float32", -1, 2))
    assert error.status == 422
    assert str(shape) in error.message


def test_calls_with_equal_trailing_axes_stack_and_fixed_batches_never_do() -> None:
    free = tensor("float32", -1, -1)
    one, same, wider = (
        infer(free, entry("x", "FP32", shape, [1] * (shape[0] * shape[1]))).key
        for shape in ([1, 2], [5, 2], [1, 3])
    )
    assert one == same != wider
    fixed = tensor("float32", 2, 2)
    body = entry("x", "FP32", [2, 2], [1, 2, 3, 4])
    assert infer(fixed, body).key != infer(fixed, body).key


@pytest.mark.parametrize(
    ("kind", "datatype", "data"),
    [
        ("long", "FP64", [1.0]),
        ("float", "FP64", [1.0]),
        ("double", "BYTES", ["1"]),
        ("double", "BOOL", [True]),
        ("boolean", "INT64", [1]),
        ("string", "FP64", [1.0]),
        ("datetime", "FP64", [1.0]),
        ("binary", "INT8", [1]),
    ],
)
def test_a_datatype_that_could_change_values_is_refused_with_the_one_to_send(
    kind: str, datatype: str, data: list[Any]
) -> None:
    body = {"inputs": [entry("x", datatype, [1], data)]}
    error = refused(json.dumps(body).encode(), columns(x=kind))
    assert error.status == 422
    assert "Column 'x'" in error.message
    assert datatype in error.message


@pytest.mark.parametrize(
    ("kind", "datatype", "data", "becomes"),
    [
        ("double", "FP32", [0.1], [struct.unpack("<f", struct.pack("<f", 0.1))[0]]),
        ("double", "UINT8", [255], [255.0]),
        ("double", "INT64", [2**53], [2.0**53]),
        ("float", "INT16", [-7], [-7.0]),
        ("long", "UINT32", [2**32 - 1], [2**32 - 1]),
        ("integer", "INT64", [7], [7]),
        ("long", "INT64", [7.0], [7]),
        ("datetime", "INT64", [5], [5]),
        ("datetime", "BYTES", ["1970-01-01"], [0]),
        ("binary", "BYTES", [b64(b"\xff")], [b"\xff"]),
        ("any", "BYTES", ['{"k": 1}', None], [{"k": 1}, None]),
        ("any", "INT64", [1, 2], [1, 2]),
    ],
)
def test_a_datatype_that_cannot_change_values_is_taken(
    kind: str, datatype: str, data: list[Any], becomes: list[Any]
) -> None:
    signature = columns(x=kind, other={"type": "long", "required": False})
    assert data_of(infer(signature, entry("x", datatype, [len(data)], data))) == {"x": becomes}


@pytest.mark.parametrize(
    ("kind", "datatype", "data"),
    [
        ("double", "INT64", [2**53 + 1]),
        ("integer", "INT64", [2**31]),
        ("long", "UINT64", [2**63]),
        ("double", "INT8", [300]),
        ("double", "INT64", [1.5]),
    ],
)
def test_a_value_that_does_not_fit_its_column_or_datatype_is_refused(
    kind: str, datatype: str, data: list[Any]
) -> None:
    body = {"inputs": [entry("x", datatype, [1], data)]}
    error = refused(json.dumps(body).encode(), columns(x=kind))
    assert (error.status, error.code) == (422, "wrong_type")


def test_lists_of_numbers_come_as_tensors_or_as_json_text() -> None:
    signature = columns(x={"type": "array", "items": {"type": "double"}})
    as_tensor = infer(signature, entry("x", "FP64", [2, 2], [1, 2, 3, 4]))
    as_text = infer(signature, entry("x", "BYTES", [2], ["[1, 2]", "[3, 4]"]))
    assert data_of(as_tensor) == data_of(as_text) == {"x": [[1.0, 2.0], [3.0, 4.0]]}
    broken = {"inputs": [entry("x", "BYTES", [1], [SECRET])]}
    assert "is not JSON" in refused(json.dumps(broken).encode(), signature).reason


# -- parameters, id, outputs ----------------------------------------------------------------------


def test_id_and_wanted_outputs_are_kept_for_the_answer() -> None:
    inputs = (entry("a", "FP64", [1], [1]), entry("b", "FP64", [1], [2]))
    _, options = infer_with_options(
        AB,
        *inputs,
        id="é:1",
        parameters={"binary_data_output": True, "note": "x", "n": 1.5},
        outputs=[{"name": "p", "parameters": {"binary_data": False}}, {"name": "q"}],
    )
    assert options == oip.Options("é:1", (("p", False), ("q", True)), True)
    assert infer_with_options(AB, *inputs)[1] == oip.Options()
    assert infer_with_options(AB, *inputs, id="7")[1] == oip.Options("7")


def test_request_parameters_named_like_the_models_params_are_its_params() -> None:
    signature = compiled(
        [{"type": "double", "name": "x"}],
        params=[{"name": "cut", "type": "double", "default": 0.5, "shape": None}],
    )
    x = entry("x", "FP64", [1], [1])
    assert infer(signature, x).params == {"cut": 0.5}
    assert infer(signature, x, parameters={"cut": 2, "note": "y"}).params == {"cut": 2.0}


# -- malformed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "truncated"),
        (b'{"inputs": [}', "byte"),
        (b'{"inputs": []} x', "byte"),
        (b'{"inputs": [NaN]}', "no NaN"),
        (b'{"inputs": [-Infinity]}', "no NaN"),
        (b'{"inputs": [1e999]}', "beyond the range"),
        (b'{"id": "\xff"}', "UTF-8"),
        (b'{"id": "\xed\xa0\x80"}', "UTF-8"),
        (b'{"id": "\\ud800"}', ""),
        (b'{"id": "\\udc00 tail tail"}', "surrogate"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b"\xef\xbb\xbf{}", "byte"),
    ],
)
@pytest.mark.parametrize("signature", [AB, columns(x="string"), tensor("float64", -1, 2)])
def test_a_body_that_is_no_json_is_a_bad_request(body: bytes, reason: str, signature: Any) -> None:
    error = refused(body, signature)
    assert isinstance(error, InvalidRequest)
    assert (error.status, error.code) == (400, "invalid_json")
    assert reason in error.reason


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": [], "inputs": [%b, %b]}',
        b'{"id": "x", "id": "y", "inputs": [%b, %b]}',
        b'{"inputs": [{"name":"a","shape":[1],"datatype":"FP64","data":[1],"data":[2]}, %b]}',
        b'{"inputs": [{"name":"z","name":"a","shape":[1],"datatype":"FP64","data":[1]}, %b]}',
        b'{"inputs": [%b, %b], "parameters": {"a": 1, "a": 2}}',
        b'{"inputs": [%b, %b], "parameters": {"x": {"a": ":", "a": 2}}}',
        b'{"inputs": [%b, %b], "i\\u0064": "::", "id": "y"}',
    ],
)
def test_two_members_of_one_name_are_refused(body: bytes) -> None:
    inputs = [json.dumps(entry(name, "FP64", [1], [1])).encode() for name in "ba"]
    full = body % tuple(inputs[: body.count(b"%b")]) if b"%b" in body else body
    error = refused(full)
    assert (error.status, error.code) == (400, "duplicate_key")


def test_colons_in_texts_are_no_duplicates() -> None:
    signature = columns(x="string")
    data = ['a:b "c": \\', ":::"]
    inputs = infer(signature, entry("x", "BYTES", [2], data), id=":", parameters={"p": {"q": ":"}})
    assert data_of(inputs) == {"x": data}


def _body(**changes: Any) -> bytes:
    changed = {**entry("a", "FP64", [1], [1]), **changes}
    changed = {key: value for key, value in changed.items() if value is not ...}
    return json.dumps({"inputs": [changed, entry("b", "FP64", [1], [2])]}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"inputs": []}',
        b'{"inputs": {}}',
        b'{"inputs": [1]}',
        b'{"inputs": [[]]}',
        b'{"input": []}',
        json.dumps({"inputs": [entry("a", "FP64", [1], [1])], "verbose": True}).encode(),
        json.dumps({"inputs": [entry("a", "FP64", [1], [1])], "id": 7}).encode(),
        json.dumps({"inputs": [entry("a", "FP64", [1], [1])], "parameters": []}).encode(),
        json.dumps({"inputs": [entry("a", "FP64", [1], [1])], "outputs": {}}).encode(),
        json.dumps({"inputs": [entry("a", "FP64", [1], [1])], "outputs": [{}]}).encode(),
        json.dumps(
            {"inputs": [entry("a", "FP64", [1], [1])], "outputs": [{"name": "p"}] * 2}
        ).encode(),
        json.dumps(
            {
                "inputs": [entry("a", "FP64", [1], [1])],
                "parameters": {"binary_data_output": "yes"},
            }
        ).encode(),
        json.dumps({"inputs": [entry("a", "FP64", [1], [1])] * 2}).encode(),
        _body(name=...),
        _body(name=1),
        _body(datatype=...),
        _body(datatype="FP65"),
        _body(datatype="fp64"),
        _body(datatype=64),
        _body(datatype=["FP64"]),
        _body(shape=...),
        _body(shape=1),
        _body(shape=["1"]),
        _body(shape=[True]),
        _body(shape=[1.0]),
        _body(shape=[-1]),
        _body(shape=[2]),
        _body(shape=[]) if False else _body(shape=[1, 2]),
        _body(shape=[2**63]),
        _body(shape=[2**31, 2**31, 2**31]),
        _body(shape=[1] * 33),
        _body(data=...),
        _body(data=1),
        _body(data="1"),
        _body(data=[]),
        _body(data=[1, 2]),
        _body(data={"0": 1}),
        _body(shape=[2, 2], data=[[1, 2], [3]]),
        _body(shape=[2, 2], data=[[1, 2], 3]),
        _body(shape=[2, 2], data=[[1, 2, 3, 4]]),
        _body(parameters=[]),
        _body(parameters={"content_type": 1}),
        _body(dat=[1]),
    ],
)
@pytest.mark.parametrize("signature", [AB, columns(a="double", b="long")])
def test_a_request_that_is_not_one_of_the_protocol_is_a_bad_request(
    body: bytes, signature: Any
) -> None:
    error = refused(body, signature)
    assert (error.status, error.code) == (400, "invalid_inference_request")


def test_a_misspelt_member_or_datatype_is_answered_with_what_was_meant() -> None:
    assert "'inputs'" in refused(b'{"input": []}').reason
    assert "'FP64'" in refused(_body(datatype="FP6")).reason


def test_an_element_that_is_not_of_the_declared_datatype_is_refused() -> None:
    error = refused(_body(data=[SECRET]))
    assert (error.status, error.code) == (422, "wrong_type")
    deep = _body(shape=[2], data=[[1], [2]])
    assert refused(deep).status == 422


@pytest.mark.parametrize("shape", [[0], [0, 1], [2**40, 0]])
def test_a_column_without_rows_is_refused(shape: list[int]) -> None:
    inputs = [entry(name, "FP64", shape, []) for name in "ab"]
    assert refused(json.dumps({"inputs": inputs}).encode()).status == 422


# -- binary ---------------------------------------------------------------------------------------


def test_binary_and_json_inputs_may_be_mixed() -> None:
    signature = columns(a="double", b="string", c="long")
    inputs = infer_binary(
        signature,
        (entry("c", "INT32", [2], None), struct.pack("<2i", 7, -8)),
        (entry("b", "BYTES", [2], ["x", None]), None),
        (entry("a", "FP64", [2, 1], None), struct.pack("<2d", 0.5, float("inf"))),
    )
    assert data_of(inputs) == {"a": [0.5, float("inf")], "b": ["x", None], "c": [7, -8]}


def test_binary_doubles_reach_the_matrix_untouched() -> None:
    data = struct.pack("<4d", 1, float("nan"), -0.0, 1e308)
    inputs = infer_binary(AB, (entry("m", "FP64", [2, 2], None), data))
    assert inputs.buffers == (data,)


def _binary(size: Any, tail: bytes, cut: int = 0, **changes: Any) -> tuple[bytes, int]:
    described = {"name": "m", "datatype": "FP64", "shape": [1, 2], **changes}
    described["parameters"] = {"binary_data_size": size}
    head = json.dumps({"inputs": [described]}).encode()
    return head + tail, len(head) + cut


@pytest.mark.parametrize(
    ("body", "length"),
    [
        _binary(16, b"\0" * 15),
        _binary(16, b"\0" * 17),
        _binary(15, b"\0" * 15),
        _binary(8, b"\0" * 8),
        _binary(-1, b""),
        _binary("16", b"\0" * 16),
        _binary(True, b"\0"),
        _binary(16.0, b"\0" * 16),
        _binary(2**70, b"\0" * 16),
        _binary(16, b"\0" * 16, data=[1, 2]),
        _binary(2, b"\0\2", datatype="BOOL"),
        _binary(8, b"\1\0\0\0x\1\0\0", datatype="BYTES"),
        _binary(8, b"\1\0\0\0\xff\xff\xff\xfe", datatype="BYTES"),
        _binary(5, b"\1\0\0\0x", datatype="BYTES"),
    ],
)
def test_binary_sizes_that_do_not_add_up_are_a_bad_request(body: bytes, length: int) -> None:
    for signature in (AB, columns(a="string", b="string")):
        assert refused(body, signature, length).status == 400


def test_a_header_length_inside_the_json_is_a_bad_request() -> None:
    body, length = _binary(16, b"\0" * 16, cut=-3)
    assert refused(body, AB, length).code == "invalid_json"


def test_binary_data_without_the_header_is_a_bad_request() -> None:
    body, _ = _binary(0, b"")
    assert "Inference-Header-Content-Length" in refused(body).fix


def test_text_that_is_not_utf8_does_not_fit_a_column_of_text() -> None:
    part = (entry("x", "BYTES", [2], None), texts("fine", b"\xff"))
    with pytest.raises(InvalidInput, match=r"row 1 .*is not UTF-8"):
        infer_binary(columns(x="string"), part)
    assert data_of(infer_binary(columns(x="binary"), part)) == {"x": [b"fine", b"\xff"]}


@pytest.mark.parametrize(
    ("value", "found"), [(None, None), (b"0", 0), (b"10", 10), (b" 7 ", 7), (b"007", 7)]
)
def test_the_header_length_is_a_number_within_the_body(value: Any, found: int | None) -> None:
    assert oip.header_length(value, 10) == found


@pytest.mark.parametrize(
    "value", [b"", b"-1", b"+1", b"1.0", b"0x1", b"11", b"9" * 40, b"1e1", b"1 0", "²".encode()]
)
def test_any_other_header_length_is_a_bad_request(value: bytes) -> None:
    with pytest.raises(InvalidRequest, match="Inference-Header-Content-Length"):
        oip.header_length(value, 10)


def test_a_body_without_json_is_the_only_tensor() -> None:
    rows = struct.pack("<4d", 1, 2, 3, 4)
    assert matrix_of(oip.decode(rows, 0, AB)[0]) == [[1, 2], [3, 4]]
    inputs, _ = oip.decode(b"\1\2\3\4", 0, tensor("uint8", -1, 2))
    assert (inputs.rows, inputs.buffers) == (2, (b"\1\2\3\4",))
    inputs, _ = oip.decode("é".encode(), 0, tensor("str", -1))
    assert data_of(inputs) == {"input-0": ["é"]}
    for body, signature in [
        (b"", AB),
        (b"\0" * 15, AB),
        (b"x", columns(a="string")),
        (b"x", tensor("uint8", -1, -1)),
        (b"x", tensors(a=("uint8", (-1,)), b=("uint8", (-1,)))),
    ]:
        assert refused(body, signature, 0).status == 400


@pytest.mark.parametrize("raw", [True, False], ids=["the whole body", "behind the json"])
def test_binary_text_that_is_not_utf8_is_refused_before_the_model(raw: bool) -> None:
    signature = tensor("str", -1)
    with pytest.raises(InvalidInput, match="must be of type str") as caught:
        if raw:
            oip.decode(b"\x80", 0, signature)
        else:
            data = texts(b"\x80")
            infer_binary(signature, ({"name": "x", "shape": [1], "datatype": "BYTES"}, data))
    assert "UTF-8" in caught.value.reason
