"""MLflow's scoring shapes: what is taken, what is refused and how."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mlops_jupyter.serving import invocations
from mlops_jupyter.types import InvalidInput, InvalidRequest, MlopsError
from tests.serving.signatures import (
    columns,
    compiled,
    data_of,
    invoke,
    matrix_of,
    records,
    split,
    tensor,
    tensors,
    unnamed,
)

SECRET = "s3cret-4711"
JSON = "application/json"
AB = columns(a="double", b="double")
MIXED = columns(a="long", b="string")


def csv(signature: Any, text: str | bytes, content_type: str = "text/csv") -> Any:
    body = text.encode() if isinstance(text, str) else text
    return invocations.decode(body, content_type, signature)[0]


def refused(document: Any, signature: Any = AB, content_type: str = JSON) -> MlopsError:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(MlopsError) as caught:
        invocations.decode(body, content_type, signature)
    assert SECRET not in str(caught.value)
    assert caught.value.fix
    return caught.value


# -- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}},
        {"dataframe_split": {"columns": ["b", "a"], "data": [[2, 1], [4, 3]], "index": [7, "x"]}},
        {"dataframe_split": {"data": [[1, 2], [3, 4]]}},
        {"dataframe_records": [{"a": 1, "b": 2}, {"b": 4, "a": 3}]},
        {"dataframe_records": [{"b": 2, "a": 1, "c": None}, {"a": 3, "b": 4}]},
        {"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
        {"instances": [[1, 2], [3, 4]]},
        {"instances": {"a": [1, 3], "b": [2, 4]}},
        {"inputs": {"a": [1, 3], "b": [2, 4], "c": ["x"]}},
        {"inputs": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
        {"inputs": [[1, 2], [3, 4]], "params": {}},
    ],
)
def test_every_shape_of_a_frame_means_the_same_rows(document: Any) -> None:
    assert matrix_of(invoke(AB, document)) == [[1, 2], [3, 4]]


def test_inputs_with_single_values_are_one_row() -> None:
    assert data_of(invoke(MIXED, {"inputs": {"a": 1, "b": "x"}})) == {"a": [1], "b": ["x"]}


@pytest.mark.parametrize("document", [{"inputs": ["x", "y"]}, {"instances": ["x", "y"]}])
@pytest.mark.parametrize("signature", [unnamed("string"), columns(a="string")])
def test_values_alone_are_the_only_column(document: Any, signature: Any) -> None:
    assert list(data_of(invoke(signature, document)).values()) == [["x", "y"]]


def test_a_single_text_is_one_row_of_the_only_column() -> None:
    assert data_of(invoke(unnamed("string"), {"inputs": "x"})) == {0: ["x"]}


def test_with_a_column_of_lists_inputs_as_an_object_are_one_row_as_in_mlflow() -> None:
    signature = columns(v={"type": "array", "items": {"type": "double"}}, n="long")
    assert data_of(invoke(signature, {"inputs": {"v": [1, 2], "n": 3}})) == {
        "v": [[1.0, 2.0]],
        "n": [3],
    }
    many = {"inputs": [{"v": [1], "n": 1}, {"v": [], "n": 2}]}
    assert data_of(invoke(signature, many)) == {"v": [[1.0], []], "n": [1, 2]}


def test_a_record_that_lacks_a_column_has_null_there() -> None:
    inputs = records(columns(a="double", b="string"), {"a": 1, "b": "x"}, {"b": "y"}, {"a": 3})
    found = data_of(inputs)
    assert found["b"] == ["x", "y", None]
    assert math.isnan(found["a"][1])
    with pytest.raises(InvalidInput, match=r"'a' must be of type long.*row 1.*is null"):
        records(MIXED, {"a": 1, "b": "x"}, {"b": "y"})


@pytest.mark.parametrize(
    ("signature", "document", "shapes", "data"),
    [
        (tensor("float32", -1, 2), {"inputs": [[1, 2], [3, 4]]}, [[2]], [[1, 2, 3, 4]]),
        (tensor("float32", -1, 2), {"instances": [[1, 2]]}, [[2]], [[1, 2]]),
        (tensor("int64", -1), {"inputs": [1, 2.0]}, [[]], [[1, 2]]),
        (tensor("str", -1), {"inputs": ["x", "é"]}, [[]], [["x", "é"]]),
        (tensor("float64", -1, 2), {"dataframe_split": {"data": [[1, 2]]}}, [[2]], [[1, 2]]),
        (
            tensor("float64", -1, 2),
            {"dataframe_split": {"columns": ["p", "q"], "data": [[1, 2], [3, 4]]}},
            [[2]],
            [[1, 2, 3, 4]],
        ),
        (tensor("float64", -1, 1), {"dataframe_split": {"data": [[1], [2]]}}, [[1]], [[1, 2]]),
        (
            tensor("float64", -1, 2, 2),
            {"dataframe_records": [{"x": [1, 2, 3, 4]}, {"x": [[5, 6], [7, 8]]}][:1]},
            [[2, 2]],
            [[1, 2, 3, 4]],
        ),
        (
            tensors(a=("int64", (-1,)), b=("float32", (-1, 2))),
            {"inputs": {"a": [1, 2], "b": [[1, 2], [3, 4]], "c": 0}},
            [[], [2]],
            [[1, 2], [1, 2, 3, 4]],
        ),
        (
            tensors(a=("int64", (-1,)), b=("float32", (-1, 2))),
            {"instances": [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}]},
            [[], [2]],
            [[1, 2], [1, 2, 3, 4]],
        ),
        (
            tensors(a=("int64", (-1, 1)), b=("float32", (-1, 2))),
            {"dataframe_split": {"columns": ["b", "a"], "data": [[[1, 2], 1], [[3, 4], 2]]}},
            [[1], [2]],
            [[1, 2], [1, 2, 3, 4]],
        ),
        (tensor("bool", -1), {"inputs": [True, False]}, [[]], [[True, False]]),
    ],
)
def test_tensors_come_in_every_shape(
    signature: Any, document: Any, shapes: list[Any], data: list[Any]
) -> None:
    inputs = invoke(signature, document)
    assert inputs.header["shapes"] == shapes
    assert list(data_of(inputs).values()) == data


@pytest.mark.parametrize(
    ("signature", "document"),
    [
        (tensor("float32", -1, 2), {"inputs": [[1, 2], [3]]}),
        (tensor("float32", -1, 2), {"inputs": [[1, 2], 3]}),
        (tensor("float32", -1, 2), {"inputs": [1, [2]]}),
        (tensor("float32", -1, 2), {"inputs": [1, 2]}),
        (tensor("float32", -1, 2), {"inputs": [[[1, 2]]]}),
        (tensor("float32", -1, 2), {"inputs": []}),
        (tensor("float32", -1, 2), {"inputs": [[]]}),
        (tensor("float32", -1, 2), {"inputs": [["x", "y"]]}),
        (tensor("float32", -1, 2), {"inputs": [[True, False]]}),
        (tensor("int64", -1), {"inputs": [1.5]}),
        (tensor("int64", -1), {"inputs": [None]}),
        (tensor("int8", -1), {"inputs": [128]}),
        (tensor("str", -1), {"inputs": [1]}),
        (tensor("float32", -1, 2), {"dataframe_split": {"columns": ["a"], "data": [[1]]}}),
        (tensors(a=("int64", (-1,))), {"inputs": {"b": [1]}}),
        (tensors(a=("int64", (-1,)), b=("int64", (-1,))), {"inputs": {"a": [1], "b": [1, 2]}}),
        (tensors(a=("int64", (-1,)), b=("int64", (-1,))), {"instances": [{"a": 1, "b": 1}, {}]}),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused(signature: Any, document: Any) -> None:
    error = refused(document, signature)
    assert error.status in (400, 422)
    assert error.message


def test_unwrapped_messages_are_one_row_and_their_answer_is_not_wrapped() -> None:
    message = {
        "type": "object",
        "properties": {"role": {"type": "string"}, "content": {"type": "string"}},
    }
    signature = compiled(
        [
            {"name": "messages", "type": "array", "items": message, "required": True},
            {"name": "user", "type": "string", "required": False},
        ],
        params=[{"name": "temperature", "type": "double", "default": 1.0, "shape": None}],
    )
    said = [{"role": "user", "content": "Hi: you"}]
    body = json.dumps({"messages": said, "temperature": 0}).encode()
    inputs, options = invocations.decode(body, JSON, signature)
    assert data_of(inputs) == {"messages": [said]}
    assert inputs.params == {"temperature": 0.0}
    assert options.unwrapped


# -- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ([], "object"),
        ("x", "object"),
        (None, "object"),
        ({}, "none of MLflow's shapes"),
        ({"dataframe_splt": {}}, "Did you mean 'dataframe_split'"),
        ({"data": [[1, 2]]}, "none of MLflow's shapes"),
        ({"inputs": [[1, 2]], "instances": [[1, 2]]}, "several"),
        ({"inputs": [[1, 2]], "parms": {}}, "Did you mean 'params'"),
        ({"inputs": [[1, 2]], "signature_name": "x"}, "none of MLflow's"),
        ({"inputs": 1}, "must be a list or an object"),
        ({"inputs": [1, 2]}, "must hold rows"),
        ({"inputs": [[1, 2], [3]]}, "Row 1"),
        ({"inputs": [[1, 2], 3]}, "Row 1"),
        ({"inputs": [{"a": 1, "b": 2}, 3]}, "Record 1"),
        ({"inputs": {"a": [1], "b": 2}}, "Some columns"),
        ({"dataframe_records": {"a": [1]}}, "must be a list"),
        ({"dataframe_records": [1]}, "Record 0"),
        ({"dataframe_records": [{"a": 1, "b": 2}, []]}, "Record 1"),
        ({"dataframe_split": []}, "must have 'data'"),
        ({"dataframe_split": {"columns": ["a", "b"]}}, "must have 'data'"),
        ({"dataframe_split": {"data": [[1, 2]], "column": ["a"]}}, "must have 'data'"),
        ({"dataframe_split": {"data": {"a": 1}, "columns": ["a"]}}, "must be a list"),
        ({"dataframe_split": {"data": [[1, 2]], "columns": "ab"}}, "list of names"),
        ({"dataframe_split": {"data": [[1, 2]], "columns": ["a", None]}}, "list of names"),
        ({"dataframe_split": {"data": [[1, 2]], "columns": ["a", True]}}, "list of names"),
        ({"dataframe_split": {"data": [[1, 2], [3]], "columns": ["a", "b"]}}, "Row 1"),
        ({"dataframe_split": {"data": [[1, 2], 3], "columns": ["a", "b"]}}, "Row 1"),
        ({"dataframe_split": {"data": [[1, 2, 3]], "columns": ["a", "b", "a"]}}, "same name"),
        ({"dataframe_split": {"data": [[1, 2]], "columns": ["a", "b"], "index": [1, 2]}}, "index"),
    ],
)
def test_a_body_that_is_none_of_mlflows_shapes_is_a_bad_request(document: Any, hint: str) -> None:
    for signature in (AB, MIXED):
        error = refused(document, signature)
        assert isinstance(error, InvalidRequest)
        assert (error.status, error.code) == (400, "invalid_scoring_request")
        assert hint in str(error)


def test_rows_without_names_must_be_as_wide_as_the_signature() -> None:
    error = refused({"dataframe_split": {"data": [[1, 2, 3]]}})
    assert (error.status, error.code) == (422, "wrong_width")


def test_fewer_columns_than_an_unnamed_signature_has_are_refused() -> None:
    error = refused({"dataframe_split": {"columns": ["x"], "data": [[1]]}}, unnamed("long", "long"))
    assert error.code == "wrong_width"


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": [[1, 2]], "inputs": [[3, 4]]}',
        b'{"dataframe_records": [{"a": 1, "b": 2, "a": 3}]}',
        b'{"dataframe_records": [{"a": 1, "b": 2}, {"a": 1, "\\u0061": 5, "b": ":"}]}',
        b'{"dataframe_split": {"data": [], "data": [[1, 2]]}}',
        b'{"inputs": {"a": [1], "b": [2], "b": [3]}}',
        b'{"inputs": [[1, 2]], "params": {"x": 1, "x": 2}}',
        b'{"inputs": {"a": [{"k": 1, "k": 2}], "b": [1]}}',
    ],
)
def test_two_members_of_one_name_are_refused(body: bytes) -> None:
    assert refused(body).code == "duplicate_key"


@pytest.mark.parametrize("body", [b"", b"{", b"[NaN]", b"[" * 100_000, b'{"inputs": "\xff"}'])
def test_a_body_that_is_no_json_is_a_bad_request(body: bytes) -> None:
    error = refused(body)
    assert (error.status, error.code) == (400, "invalid_json")


def test_nan_is_answered_with_what_to_send_instead() -> None:
    assert "null" in refused(b'{"inputs": [[NaN, 1]]}').fix


# -- content types --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [JSON, "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", f"{JSON} ;"],
)
def test_json_is_json_in_utf8(content_type: str) -> None:
    assert invocations.decode(b'{"inputs": [[1, 2]]}', content_type, AB)[0].rows == 1


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/vnd.apache.parquet", f"{JSON}; charset=latin-1",
     f"{JSON}; version=2", "application/jsonp", SECRET],
)  # fmt: skip
def test_other_content_types_are_refused_with_415(content_type: str) -> None:
    error = refused(b"{}", AB, content_type)
    assert (error.status, error.code) == (415, "unsupported_content_type")


# -- CSV ------------------------------------------------------------------------------------------


def test_csv_has_a_header_and_any_order_and_extra_columns() -> None:
    assert matrix_of(csv(AB, "b,x,a\n2,é,1\n4.5,,3e0\n")) == [[1, 2], [3, 4.5]]


def test_csv_fields_become_the_types_of_their_columns() -> None:
    signature = columns(
        d="double", l="long", i="integer", f="float", b="boolean", s="string", t="datetime",
        y="binary",
    )  # fmt: skip
    text = 'd,l,i,f,b,s,t,y\r\n-inf,7,-8,.5,True,"a ""q"", b\nc",2024-05-17,AAE=\r\n'
    assert data_of(csv(signature, text)) == {
        "d": [-math.inf], "l": [7], "i": [-8], "f": [0.5], "b": [True], "s": ['a "q", b\nc'],
        "t": [1715904000 * 10**9], "y": [b"\0\1"],
    }  # fmt: skip


@pytest.mark.parametrize("word", ["", "NA", "NaN", "null", "None", "N/A", "<NA>"])
def test_pandas_words_for_missing_are_missing(word: str) -> None:
    found = data_of(csv(columns(s="string", x="double"), f"s,x\n{word},{word}\n"))
    assert found["s"] == [None]
    assert math.isnan(found["x"][0])
    with pytest.raises(InvalidInput, match=r"'n' must be of type long.*is null"):
        csv(columns(n="long", s="string"), f"n,s\n{word},x\n")


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("double", SECRET), ("double", "1_000"), ("double", "0x10"), ("double", "１"),
        ("double", "9007199254740993"), ("long", "1.5"), ("long", "9223372036854775808"),
        ("integer", "2147483648"), ("boolean", "yes"), ("boolean", "2"), ("datetime", SECRET),
        ("datetime", "17/05/2024"), ("binary", "a"),
    ],
)  # fmt: skip
def test_a_csv_field_that_does_not_fit_is_refused_by_column_and_row(kind: str, field: str) -> None:
    error = refused(f"x,y\n,1\n{field},2\n".encode(), columns(x=kind), "text/csv")
    if kind in ("double", "datetime", "binary"):
        assert "row 1 " in error.reason
    assert error.message == f"Column 'x' must be of type {kind}."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"a,b\n1\n", "Row 0"),
        (b"a,b\n1,2\n1,2,3\n", "Row 1"),
        (b"a,a\n1,2\n", "same name"),
        (b"a,b\n\xff,2\n", "UTF-8"),
        (b'a,b\n"1,2\n', ""),
        (b"a,b\n" + b"1" * 200_000 + b",2\n", "field"),
    ],
)
def test_what_is_no_csv_is_a_bad_request(text: bytes, reason: str) -> None:
    error = refused(text, AB, "text/csv")
    assert (error.status, error.code) == (400, "invalid_csv")
    assert reason in error.reason


def test_a_csv_without_rows_is_refused() -> None:
    assert refused(b"a,b\n", AB, "text/csv").code == "empty_batch"


def test_csv_starts_with_a_byte_order_mark_when_a_spreadsheet_wrote_it() -> None:
    assert matrix_of(csv(AB, "\ufeffa,b\r\n1,2\r\n")) == [[1, 2]]


def test_csv_feeds_unnamed_columns_and_tensors_by_position() -> None:
    assert data_of(csv(unnamed("long", "string"), "p,q,r\n1,x,\n")) == {0: [1], 1: ["x"]}
    inputs = csv(tensor("float64", -1, 2), "p,q\n1,2\n3,4\n")
    assert list(data_of(inputs).values()) == [[1, 2, 3, 4]]


def test_csv_cannot_hold_nested_columns() -> None:
    error = refused(b"x\n1\n", columns(x={"type": "map", "values": {"type": "long"}}), "text/csv")
    assert "JSON" in error.fix


def test_split_helper_and_quick_records_agree() -> None:
    assert split(AB, ["a", "b"], [1, 2]) == records(AB, {"a": 1, "b": 2})
