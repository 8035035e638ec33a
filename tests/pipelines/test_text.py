"""The text form: it reads as the graph that it was written from, and refuses with a place."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.pipelines import (
    Graph,
    InvalidPipeline,
    ensemble,
    field,
    parallel,
    parse_pipeline,
    step,
    switch,
    write_pipeline,
)
from mlops_jupyter.types import InvalidRequest

from .graphs import graphs

_SLOW = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    deadline=None,
)

PRESS = """\
take scan: binary, country?: string
ocr(image=scan) -> text  timeout=5s retry=2
langid -> lang=label, score
switch lang != "en" and not country in ["DE", "AT"]:
    translate/3 -> text  fallback={text: "", `a b`: -1.5}
elif lang == null:
    guess(text)
else:
    keep@champion as kept
parallel:
    sentiment -> mood
    branch:
        topics -> topic
        `return`  fallback=other/2
ensemble mean -> score:
    m1
    m2
return mood, `a topic`
"""


@_SLOW
@given(graphs)
def test_text_and_graph_say_the_same(graph):
    text = write_pipeline(graph)
    assert parse_pipeline(text) == graph
    assert write_pipeline(parse_pipeline(text)) == text


@_SLOW
@given(graphs)
def test_json_and_graph_say_the_same(graph):
    assert Graph.from_dict(graph.to_dict()) == graph


def test_canonical_text_stays_as_it_is():
    assert write_pipeline(parse_pipeline(PRESS)) == PRESS


def test_blanks_comments_and_the_indentation_as_a_whole_do_not_matter():
    loose = """
        # the article's pipeline
        ocr( image = scan )->text   # from tesseract

        switch  lang!="#en" :
          translate
    """
    tidy = 'ocr(image=scan) -> text\nswitch lang != "#en":\n    translate\n'
    assert write_pipeline(parse_pipeline(loose)) == tidy


def test_python_builds_the_same_graph():
    lang, n = field("lang"), field("n")
    made = (
        step("ocr", image="scan", gives="text", timeout=5, retry=2)
        >> "langid"
        >> switch((lang != "en") & ~(n + 1 > 3), "translate", step("keep") >> "kept")
        >> parallel("sentiment", step("topics") >> "rank")
        >> ensemble("m1", "m2/3", by="vote", gives="best")
    )
    text = """
ocr(image=scan) -> text timeout=5s retry=2
langid
switch lang != "en" and not n + 1 > 3:
    translate
else:
    keep
    kept
parallel:
    sentiment
    branch:
        topics
        rank
ensemble vote -> best:
    m1
    m2/3
"""
    assert made.graph() == parse_pipeline(text)


def test_a_condition_is_no_truth_value_of_pythons():
    with pytest.raises(InvalidPipeline) as error:
        switch(field("a") == 1 and field("b") == 2, "step")
    assert "&" in error.value.fix


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ocr(", "Line 1, column 5"),
        ("ocr\n  langid", "Line 2, column 3"),
        ("ocr timeout=fast", "Line 1, column 13"),
        ("ocr timeot=3s", "Line 1, column 5"),
        ("ocr retry=1 retry=2", "Line 1, column 13"),
        ("ocr -> ", "Line 1, column 7"),
        ("ocr/0", "Line 1, column 5"),
        ("ocr(a=b, a=c)", "Line 1, column 10"),
        ("Ocr", "Line 1, column 1"),
        ("ocr $x", "Line 1, column 5"),
        ("switch lang:\nocr", "Line 1, column 1"),
        ("switch lang ==:\n  ocr", "Line 1, column 15"),
        ("switch lang\n  ocr", "Line 1, column 12"),
        ("switch a < b < c:\n  ocr", "Line 1, column 14"),
        ("ocr\nelse:\n  langid", "Line 2, column 1"),
        ("parallel:\n  ocr", "Line 1, column 1"),
        ("ensemble median:\n  a\n  b", "Line 1, column 10"),
        ("branch:\n  a", "Line 1, column 1"),
        ("ocr\ntake x: string", "Line 2, column 1"),
        ("return x\nocr", "Line 2, column 1"),
        ("take x: string, x: long\nocr", "Line 1, column 17"),
        ("\tocr", "Line 1, column 1"),
        ('ocr fallback={text: "unclosed}', "Line 1, column 21"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text, place):
    with pytest.raises(InvalidPipeline) as error:
        parse_pipeline(text)
    assert error.value.message.startswith(f"{place}: ")
    assert error.value.fix


@pytest.mark.parametrize(
    "text",
    ["", "# nothing", "a\na", "a as b\nb", "ocr timeout=0s", "ocr retry=99", "return x"],
)
def test_what_makes_no_pipeline_is_refused(text):
    with pytest.raises(InvalidPipeline) as error:
        parse_pipeline(text)
    assert error.value.fix


def test_too_many_steps_and_too_deep_a_nest_are_refused():
    with pytest.raises(InvalidPipeline):
        parse_pipeline("\n".join(f"a as b{n}" for n in range(201)))
    deep = "".join(f"{'  ' * n}switch x > {n}:\n" for n in range(20)) + "  " * 20 + "a"
    with pytest.raises(InvalidPipeline):
        parse_pipeline(deep)


@given(st.text(alphabet=st.sampled_from("ab01 \n:=(){}[]\",->#`/@._\\'")))
def test_any_text_is_read_or_refused(text):
    try:
        graph = parse_pipeline(text)
    except InvalidRequest:
        return
    assert parse_pipeline(write_pipeline(graph)) == graph
