"""Answers, metadata and errors of the Open Inference Protocol."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest

from mlops_jupyter.serving import oip
from mlops_jupyter.serving.tensors import Outputs, Tensor
from mlops_jupyter.types import InvalidInput, InvalidRequest, ModelError
from tests.serving.signatures import (
    answer,
    columns,
    compiled,
    entry,
    infer_with_options,
    output,
    tensor,
    texts,
    unnamed,
)


def encode(result: Outputs, **options: Any) -> dict[str, Any]:
    body, content_type, length = oip.encode(result, oip.Options(**options), "churn", 3)
    assert content_type == "application/json"
    assert length is None
    found: dict[str, Any] = json.loads(body)
    return found


def test_an_answer_names_model_version_container_and_outputs() -> None:
    assert encode(answer(output("INT64", [1, 0]))) == {
        "model_name": "churn",
        "model_version": "3",
        "parameters": {"container": "ndarray"},
        "outputs": [{"name": "predictions", "datatype": "INT64", "shape": [2], "data": [1, 0]}],
    }


def test_the_quick_answer_is_the_general_one() -> None:
    outputs = answer(output("FP64", [0.5, 1.5], 1, 2), container="frame", names=["é"])
    _, plain = infer_with_options(columns(x="long"), entry("x", "INT64", [1], [1]))
    quick = json.loads(oip.encode(outputs, plain, "churn", 3)[0])
    assert quick == encode(outputs)
    other = oip.encode(answer(output("FP64", [0.5, 1.5], 2, 1)), plain, "churn", 3)[0]
    assert json.loads(other)["outputs"][0]["shape"] == [2, 1]


def test_how_to_rebuild_the_answer_is_text_as_the_protocol_has_no_objects_there() -> None:
    found = encode(answer(output("FP64", [0.5]), container="series", name="risk", index=[4]))
    assert found["parameters"]["container"] == "series"
    assert json.loads(found["parameters"]["extra"]) == {"name": "risk", "index": [4]}


def test_the_requests_id_is_echoed() -> None:
    assert encode(answer(output("FP64", [0.5])), id="é:1")["id"] == "é:1"


def test_parameters_of_the_record_join_the_answers_own() -> None:
    outputs = answer(output("FP64", [0.5]))
    body, _, _ = oip.encode(outputs, oip.Options(), "churn", 3, {"record": "log/7", "n": 1})
    assert json.loads(body)["parameters"] == {"container": "ndarray", "record": "log/7", "n": 1}


def test_nan_and_the_infinities_are_null_in_json_and_themselves_in_binary() -> None:
    outputs = answer(output("FP64", [0.5]), output("FP32", [0.5]))
    data = struct.pack("<3d", math.nan, math.inf, -math.inf)
    outputs.tensors = (Tensor("y", "FP64", (3,), data),)
    assert encode(outputs)["outputs"][0]["data"] == [None, None, None]
    body, _, length = oip.encode(outputs, oip.Options(binary=True), "churn", 3)
    assert body[length:] == data


def test_text_is_text_and_missing_text_null() -> None:
    assert encode(answer(output("BYTES", ["é", None, ""])))["outputs"][0]["data"] == ["é", None, ""]


def test_bytes_that_are_no_text_become_base64_and_the_answer_says_so() -> None:
    (found,) = encode(answer(output("BYTES", [b"\xff", "a"])))["outputs"]
    assert found["data"] == ["/w==", "YQ=="]
    assert found["parameters"] == {"content_type": "base64"}


def test_an_outputs_content_type_is_kept() -> None:
    json_text = Tensor("y", "BYTES", (1,), texts('{"k": 1}'), "json")
    (found,) = encode(answer(json_text))["outputs"]
    assert found["data"] == ['{"k": 1}']
    assert found["parameters"] == {"content_type": "json"}
    times = Tensor("y", "INT64", (1,), struct.pack("<q", 5), "datetime")
    (found,) = encode(answer(times))["outputs"]
    assert (found["data"], found["parameters"]) == ([5], {"content_type": "datetime"})


def test_the_outputs_asked_for_come_in_that_order_each_in_its_form() -> None:
    outputs = answer(*(output("INT64", [i, i], name=name) for i, name in enumerate("abc")))
    options = oip.Options(None, (("c", True), ("a", False)))
    body, content_type, length = oip.encode(outputs, options, "churn", 3)
    assert content_type == "application/octet-stream"
    assert length is not None
    assert [
        (found["name"], found.get("data")) for found in json.loads(body[:length])["outputs"]
    ] == [
        ("c", None),
        ("a", [0, 0]),
    ]
    assert body[length:] == struct.pack("<2q", 2, 2)


def test_an_unknown_output_is_a_bad_request_with_what_was_meant() -> None:
    outputs = answer(output("INT64", [1], name="label"), output("FP64", [1], name="score"))
    with pytest.raises(InvalidRequest) as caught:
        encode(outputs, outputs=(("labl", False),))
    assert (caught.value.status, caught.value.code) == (400, "unknown_output")
    assert "'label'" in caught.value.reason


@pytest.mark.parametrize(
    "broken",
    [
        Tensor("y", "FP64", (2,), b"\0" * 8),
        Tensor("y", "FP64", (1,), b"\0" * 7),
        Tensor("y", "BYTES", (1,), b"\1\0\0\0"),
        Tensor("y", "BYTES", (2,), texts("a")),
        Tensor("y", "??", (1,), b""),
    ],
)
def test_a_workers_answer_that_contradicts_itself_is_the_models_error(broken: Tensor) -> None:
    _, plain = infer_with_options(columns(x="long"), entry("x", "INT64", [1], [1]))
    with pytest.raises(ModelError):
        oip.encode(answer(broken), plain, "churn", 3)


# -- metadata -------------------------------------------------------------------------------------


def test_metadata_of_columns_says_what_to_send() -> None:
    signature = compiled(
        [
            {"type": "double", "name": "a"},
            {"type": "integer", "name": 7, "required": False},
            {"type": "string", "name": "s"},
            {"type": "datetime", "name": "t"},
            {"type": "binary", "name": "y"},
            {"type": "array", "items": {"type": "double"}, "name": "v", "required": True},
        ],
        outputs=[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}],
    )
    assert oip.metadata(signature, "churn", ["2", "3"]) == {
        "name": "churn",
        "versions": ["2", "3"],
        "platform": "mlflow",
        "inputs": [
            {"name": "a", "datatype": "FP64", "shape": [-1]},
            {"name": "7", "datatype": "INT32", "shape": [-1], "parameters": {"optional": True}},
            {
                "name": "s", "datatype": "BYTES", "shape": [-1],
                "parameters": {"content_type": "str"},
            },
            {
                "name": "t", "datatype": "BYTES", "shape": [-1],
                "parameters": {"content_type": "datetime"},
            },
            {
                "name": "y", "datatype": "BYTES", "shape": [-1],
                "parameters": {"content_type": "base64"},
            },
            {
                "name": "v", "datatype": "BYTES", "shape": [-1],
                "parameters": {"content_type": "json"},
            },
        ],
        "outputs": [{"name": "output-0", "datatype": "INT64", "shape": [-1]}],
    }  # fmt: skip


def test_metadata_of_tensors_has_their_shapes() -> None:
    (found,) = oip.metadata(tensor("float32", -1, 28, 28), "digits", ["1"])["inputs"]
    assert found == {"name": "input-0", "datatype": "FP32", "shape": [-1, 28, 28]}


def test_unnamed_columns_are_named_by_position_and_taken_by_that_name() -> None:
    signature = unnamed("long", "string")
    names = [item["name"] for item in oip.metadata(signature, "churn", ["1"])["inputs"]]
    inputs = [entry(names[1], "BYTES", [1], ["x"]), entry(names[0], "INT64", [1], [1])]
    found, _ = infer_with_options(signature, *inputs)
    assert found.header["columns"] == [0, 1]


def test_server_metadata_names_the_extensions() -> None:
    found = json.loads(oip.server_metadata())
    assert found["name"] == "mlops-jupyter"
    assert "binary_tensor_data" in found["extensions"]


def test_an_error_is_the_protocols_and_ours_at_once() -> None:
    error = InvalidInput("No.", reason="Because.", fix="Do this.", code="some_code")
    assert json.loads(oip.error(error)) == {
        "error": "No. Because. Do this.",
        "code": "some_code",
        "message": "No.",
        "reason": "Because.",
        "fix": "Do this.",
    }
    assert json.loads(oip.error("gone")) == {"error": "gone"}
