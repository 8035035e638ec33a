"""Kept payloads as small tables: every form that the hub takes or gives, and anything else."""

import json
import struct

import pytest

from mlops_jupyter.client.payloads import Bounds, read_payload


def tensor(name, datatype, shape, data):
    if isinstance(data, bytes):
        return {
            "name": name, "datatype": datatype, "shape": shape,
            "parameters": {"binary_data_size": len(data)},
        }  # fmt: skip
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def text(word):
    return struct.pack("<I", len(word.encode())) + word.encode()


TWO = struct.pack("<2d", 0.5, 1.25)
WORDS = text("é") + b"\xff\xff\xff\xff"
FORMS = {
    "OIP as JSON": (
        json.dumps({"inputs": [tensor("a", "FP64", [2], [0.5, 1.25])]}).encode(),
        ("a",), (("0.5",), ("1.25",)),
    ),
    "OIP as nested JSON": (
        json.dumps({"inputs": [tensor("m", "INT64", [2, 2], [[1, 2], [3, 4]])]}).encode(),
        ("m[0]", "m[1]"), (("1", "2"), ("3", "4")),
    ),
    "OIP with binary tensors": (
        json.dumps(
            {"inputs": [tensor("á", "FP64", [2], TWO), tensor("w", "BYTES", [2], WORDS)]},
            ensure_ascii=False,
        ).encode() + TWO + WORDS,
        ("á", "w"), (("0.5", "é"), ("1.25", "missing")),
    ),
    "a picture": (
        json.dumps({"inputs": [tensor("scan", "BYTES", [1], b"....\xff\xd8\xff")]}).encode()
        + struct.pack("<I", 3) + b"\xff\xd8\xff",
        ("scan",), (("3 bytes",),),
    ),
    "an answer of both kinds": (
        json.dumps(
            {"outputs": [tensor("p", "BOOL", [1], b"\1"), tensor("q", "INT8", [1], [7])]}
        ).encode() + b"\1",
        ("p", "q"), (("True", "7"),),
    ),
    "split": (
        b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, null]]}}',
        ("a", "b"), (("1", "missing"),),
    ),
    "split without names": (b'{"dataframe_split": {"data": [[1, 2]]}}',
                            ("column[0]", "column[1]"), (("1", "2"),)),
    "records": (b'{"dataframe_records": [{"a": 1}, {"b": 2}]}', ("a", "b"), (("1", ""), ("", "2"))),
    "instances": (b'{"instances": [[1, 2], [3, 4]]}', ("instance[0]", "instance[1]"),
                  (("1", "2"), ("3", "4"))),
    "inputs by name": (b'{"inputs": {"a": [1, 2], "b": [3, 4]}}', ("a", "b"),
                       (("1", "3"), ("2", "4"))),
    "predictions": (b'{"predictions": [0, 1]}', ("predictions",), (("0",), ("1",))),
    "an error": (b'{"code": "wrong_type", "message": "No."}', ("code", "message"),
                 (("wrong_type", "No."),)),
}  # fmt: skip


@pytest.mark.parametrize(("data", "names", "cells"), FORMS.values(), ids=FORMS)
def test_a_form_is_read(data, names, cells):
    sample = read_payload(data, "application/json")
    assert (sample.names, sample.cells) == (names, cells)


def test_csv_is_read_by_its_type():
    sample = read_payload(b"a,b\n1,x\n2,y\n", "text/csv; charset=utf-8")
    assert (sample.names, sample.cells) == (("a", "b"), (("1", "x"), ("2", "y")))


def test_a_large_table_is_cut_and_says_by_how_much():
    data = struct.pack("<4000d", *range(4000))
    head = json.dumps({"inputs": [tensor("x", "FP64", [100, 40], data)]}).encode()
    sample = read_payload(head + data)
    assert len(sample.names) == 30
    assert [row[:2] for row in sample.cells] == [
        ("0", "1"), ("40", "41"), ("80", "81"), ("120", "121"), ("160", "161"),
    ]  # fmt: skip
    assert sample.left_out == "… and 95 more rows and 10 more columns"


UNKNOWN = {
    "nothing": b"",
    "bytes": b"\x00\x01\xff",
    "text": b"hello",
    "a size beyond the body": b'{"inputs":[{"shape":[1],"datatype":"FP64","parameters":'
    b'{"binary_data_size":80}}]}12345678',
    "bytes left over": b'{"inputs":[{"shape":[1],"datatype":"INT8","data":[1]}]}more',
    "an unknown datatype": b'{"inputs":[{"shape":[1],"datatype":"FP8","parameters":'
    b'{"binary_data_size":1}}]}1',
    "a negative shape": b'{"inputs":[{"shape":[-1],"datatype":"FP64","data":[1]}]}',
    "an endless shape": b'{"inputs":[{"shape":[9,99999999999999999999],"datatype":"FP64",'
    b'"data":[1]}]}',
    "deep nesting": b"[" * 100_000,
    "nested objects": b'{"a": {"b": 1}}',
    "split that is none": b'{"dataframe_split": 3}',
    "parameters that are none": b'{"inputs":[{"shape":[1],"datatype":"FP64","parameters":[1]}]}',
}


@pytest.mark.parametrize("data", UNKNOWN.values(), ids=UNKNOWN)
def test_anything_else_is_no_table(data):
    assert read_payload(data, "application/json") is None


def test_as_much_is_read_as_is_asked_for():
    data = json.dumps({"predictions": list(range(60))}).encode()
    sample = read_payload(data, bounds=Bounds(rows=50))
    assert (len(sample.cells), sample.rows) == (50, 60)
