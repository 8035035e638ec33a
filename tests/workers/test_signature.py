"""A signature as text reads as MLflow's own."""

from __future__ import annotations

import json

import pytest
from mlflow.models import ModelSignature

from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.types import InvalidRequest
from mlops_jupyter.workers.signature import parse_signature

RIGHT = [
    ("text: string -> label: string", "['text': string (required)]"),
    ("a:double,b : long->y:double", "['a': double (required), 'b': long (required)]"),
    ("n?: double -> y: double", "['n': double (optional)]"),
    ("v: array(double) -> y: double", "['v': Array(double) (required)]"),
    ("v: Array(array(long)) -> y: double", "['v': Array(Array(long)) (required)]"),
    ("t: datetime, b: binary -> y: boolean", "['t': datetime (required), 'b': binary (required)]"),
    ("x: float64[-1,30] -> y: int64[-1]", "['x': Tensor('float64', (-1, 30))]"),
    ("float32[-1, 2, 3] -> float32[-1]", "[Tensor('float32', (-1, 2, 3))]"),
    ("t: str[-1] -> y: str[-1]", "['t': Tensor('str', (-1,))]"),
]


@pytest.mark.parametrize(("text", "inputs"), RIGHT, ids=[text for text, _ in RIGHT])
def test_mlflow_and_the_gateway_read_it_alike(text: str, inputs: str) -> None:
    described = parse_signature(text)
    signature = ModelSignature.from_dict(described)
    assert repr(signature.inputs) == inputs
    assert signature.to_dict() == described
    compiled = Signature.compile(described, "model", 1)
    names = [item.get("name") for item in json.loads(described["inputs"])]
    assert [item.name for item in compiled.inputs] == names
    assert compiled.outputs


WRONG = [
    ("text: string", "'->' between"),
    ("-> y: double", "'->' between"),
    ("a: double -> b: double -> c: double", "'->' between"),
    ("text: strng -> y: double", "Did you mean 'string'?"),
    ("text -> y: double", "has no name"),
    ("text: -> y: double", "has no name"),
    ("a: double, a: long -> y: double", "is there twice"),
    ("a: double, x: float64[-1] -> y: double", "columns and tensors"),
    ("x: float99[-1] -> y: double", "no tensor type 'float99'"),
    ("x: float64[30] -> y: double", "must begin with -1"),
    ("x: float64[-1,0] -> y: double", "must begin with -1"),
    ("x?: float64[-1] -> y: double", "cannot be left out"),
    ("float64[-1], float64[-1] -> y: double", "without a name"),
    ("a: double,, b: double -> y: double", "is not 'name: type'"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[text for text, _ in WRONG])
def test_what_cannot_be_read_is_named(text: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_signature(text)
    assert said in str(refused.value)
    assert refused.value.code == "invalid_signature"
