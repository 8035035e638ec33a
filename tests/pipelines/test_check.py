"""The check of a graph's types, without a hub: what a pipeline takes and gives."""

from __future__ import annotations

import json

import pytest

from mlops_jupyter.pipelines import parse_pipeline
from mlops_jupyter.pipelines.check import check
from mlops_jupyter.pipelines.fieldtype import Cells, as_kind, common, fits, nullable
from mlops_jupyter.pipelines.served import Endpoints, PipelineMisfit, Served
from mlops_jupyter.serving.nested import Kind
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.workers.signature import parse_signature


def endpoints(**signatures: str) -> Endpoints:
    known = {
        name.replace("_", "-"): Served(
            {1: Signature.compile(parse_signature(text), name, 1)}, (1,), 1
        )
        for name, text in signatures.items()
    }
    return Endpoints(known.get, list(known))


LINE = endpoints(
    ocr="image: binary -> text: string, score: double",
    langid="text: string -> lang: string",
    vectors="text: string -> float32[-1,500]",
    mood="features: array(double) -> mood: string",
    label="float64[-1,500] -> int64[-1]",
    area="a: long, b?: double -> area: double",
)


def sides(text: str):
    signature = check(parse_pipeline(text), LINE).signature()
    return [
        {
            item["name"]: item["type"] + ("" if item["required"] else "?")
            for item in json.loads(signature[side])
        }
        for side in ("inputs", "outputs")
    ]


def test_it_takes_what_no_step_gives_and_gives_what_the_last_one_does():
    assert sides("ocr(image=scan)\nlangid") == [{"scan": "binary"}, {"lang": "string"}]


def test_an_unnamed_output_is_named_after_the_step():
    assert sides("vectors as v\nlabel(v)") == [{"text": "string"}, {"label": "long"}]


def test_a_tensor_goes_where_a_list_is_taken_and_is_one_to_the_caller():
    assert sides("vectors -> v\nmood(v)\nreturn v, mood")[1] == {"v": "array", "mood": "string"}


def test_what_may_be_left_out_may_be_left_out_of_the_pipeline():
    assert sides("area")[0] == {"a": "long", "b": "double?"}


def test_what_is_declared_is_all_that_is_taken():
    assert sides("take a: long\narea")[0] == {"a": "long"}
    with pytest.raises(PipelineMisfit) as error:
        sides("take b: double\narea")
    assert error.value.code == "missing_field"


def test_two_steps_that_take_a_field_agree_on_its_type():
    both = endpoints(whole="n: long -> a: long", part="n: double -> b: double")
    signature = check(parse_pipeline("part\nwhole\nreturn a, b"), both).signature()
    assert [item["type"] for item in json.loads(signature["inputs"])] == ["long"]
    with pytest.raises(PipelineMisfit):
        check(parse_pipeline("langid\narea(a=text)"), LINE)


def test_a_field_of_one_way_of_a_switch_may_be_missing():
    assert sides('langid\nswitch lang == "en":\n  vectors -> v\nreturn lang, v')[1] == {
        "lang": "string",
        "v": "array?",
    }
    with pytest.raises(PipelineMisfit) as error:
        sides('langid\nswitch lang == "en":\n  vectors -> v\nlabel(v)')
    assert error.value.code == "field_may_be_missing"


def test_an_unnamed_input_wants_to_be_told_its_field():
    with pytest.raises(PipelineMisfit) as error:
        sides("vectors\nlabel")
    assert error.value.code == "unnamed_input"
    assert "label(vectors)" in error.value.fix


_LEAVES = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("boolean", ()),
        ("integer", ("long", "float", "double")),
        ("long", ("float", "double")),
        ("float", ("double",)),
        ("double", ("float",)),
        ("string", ()),
        ("binary", ()),
        ("datetime", ()),
    ],
)
def test_where_a_leaf_can_be_given(given, taken):
    fit = {kind for kind in _LEAVES if fits(Kind(given), Kind(kind))}
    assert fit == {given, *taken}


def test_where_cells_can_be_given():
    assert fits(Cells("FP32", (3,)), Cells("FP64", (3,)))
    assert fits(Cells("FP32", (3,)), Cells("FP32", (-1,)))
    assert not fits(Cells("FP32", (3,)), Cells("FP32", (4,)))
    assert not fits(Cells("FP32", (3,)), Cells("INT64", (3,)))
    assert fits(Cells("FP32", (1,)), Kind("double"))
    assert not fits(Cells("FP32", (2,)), Kind("double"))
    assert fits(Kind("double"), Cells("FP32", (1,)))
    assert fits(Kind("array", Kind("long")), Cells("FP64", (3,)))
    assert not fits(Kind("array", Kind("string")), Cells("FP64", (3,)))
    assert fits(Kind("string"), Kind("any"))


def test_types_in_common():
    assert common(Kind("long"), Kind("double")) == Kind("double")
    assert common(Kind("string"), Kind("long")) == Kind("any")
    assert nullable(Kind("long")) == Kind("any")
    assert nullable(Kind("double")) == Kind("double")
    assert as_kind(Cells("FP32", (2, 3))) == Kind("array", Kind("array", Kind("float")))
