"""Bodies and queries are read strictly, and errors name the field without showing the value."""

import msgspec
import pytest

from mlops_jupyter.hub.decoding import decode_body, decode_query
from mlops_jupyter.hub.endpoint_routes import DeployBody, ScaleBody, TrafficBody, WaitQuery
from mlops_jupyter.types import InvalidInput, InvalidRequest, ScalingPolicy

VERSION = {"model": "churn", "version": 1, "digest": "0" * 64, "path": "/x"}
SECRET = "s3cret-value"


def body(**fields):
    return msgspec.json.encode(fields)


def test_a_policy_may_be_an_object_or_text():
    as_object = {"mode": "elastic", "min": 1, "max": 4}
    assert decode_body(body(scaling=as_object), ScaleBody).scaling == ScalingPolicy("elastic", 1, 4)
    assert decode_body(body(scaling="elastic:1-4"), ScaleBody).scaling == "elastic:1-4"


def test_versions_are_numbers_though_json_has_text_for_keys():
    decoded = decode_body(body(weights={"3": 90, "4": 10}, shadows=[5]), TrafficBody)
    assert decoded.weights == {3: 90, 4: 10}
    assert decoded.shadows == (5,)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"scaling": "x", "scaling": "y"}',
        b'{"scaling": "\\ud800 "}',
        b"[" * 100_000,
        b'{"revision": ' + b"9" * 5000 + b"}",
        b"<html>",
    ],
)
def test_what_is_not_json_is_refused(text):
    with pytest.raises(InvalidRequest) as caught:
        decode_body(text, ScaleBody)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, "version"),
        ({"version": {**VERSION, "version": SECRET}}, "$.version.version"),
        ({"version": VERSION, "audit": {"level": SECRET}}, "$.audit.level"),
        ({"version": VERSION, "gpu": 1.5}, "$.gpu"),
        ({"version": VERSION, "colour": SECRET}, "colour"),
        ({"version": {**VERSION, "colour": SECRET}}, "'colour' - at `$.version`"),
        ({"version": {**VERSION, "lineage": {"colour": 1}}}, "$.version.lineage"),
        ({"version": VERSION, "scaling": {"mode": "fixed", "colour": 1}}, "$.scaling"),
        ({"version": VERSION, "limits": {"queue": "many"}}, "$.limits.queue"),
    ],
)
def test_what_does_not_fit_names_the_field_and_not_the_value(fields, names):
    with pytest.raises(InvalidInput) as caught:
        decode_body(body(**fields), DeployBody)
    assert (caught.value.status, caught.value.code) == (422, "invalid_body")
    assert names in caught.value.reason
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("fields", [[], "text", 3, None])
def test_a_body_that_is_no_object_is_refused(fields):
    with pytest.raises(InvalidInput):
        decode_body(msgspec.json.encode(fields), ScaleBody)


def test_numbers_in_a_query_are_read_from_text():
    assert decode_query("wait=2.5", WaitQuery).wait == 2.5
    assert decode_query("", WaitQuery).wait == 0


@pytest.mark.parametrize("query", ["wait=soon", "wait=1&wait=2", "wait", "colour=red", "wait=%ff"])
def test_a_query_that_does_not_fit_is_refused(query):
    with pytest.raises(InvalidRequest) as caught:
        decode_query(query, WaitQuery)
    assert (caught.value.status, caught.value.code) == (400, "invalid_query")
