"""Parameters are read from the tagged cell, and what does not fit them is refused."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from papermill.translators import translate_parameters

from mlops_jupyter.training.notebook import Notebook
from mlops_jupyter.training.parameters import (
    MAX_VALUE_BYTES,
    Parameter,
    check,
    declared,
    parse_value,
    provenance,
)
from mlops_jupyter.types import InvalidRequest, MlopsError, TooLarge

FIT = """
# how fast
lr = 0.1  # learning rate
depth: int = 3
model: "Literal['rf', 'gbm']" = "rf"
seed = None
verbose = True
features = ["age", 'income']
options = {"a": 1}
tag: str
"""


def notebook(source: str = FIT, language: str = "python", *tags: str, kernel: str = "") -> Notebook:
    cell = {
        "cell_type": "code",
        "source": source,
        "metadata": {"tags": list(tags or ("parameters",))},
    }
    metadata = {"kernelspec": {"name": kernel or language, "language": language}}
    content = {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": [cell]}
    return Notebook.read(json.dumps(content).encode())


def only(source: str, language: str = "python") -> Parameter:
    (parameter,) = declared(notebook(source, language))
    return parameter


def refusal(given: dict[str, Any], source: str = FIT, language: str = "python") -> MlopsError:
    with pytest.raises(MlopsError) as refused:
        check(notebook(source, language), {"tag": "x", **given} if source == FIT else given)
    return refused.value


# -- what is declared -----------------------------------------------------------------------------


def test_names_types_defaults_and_help_are_read_in_order() -> None:
    parameters = declared(notebook())
    assert [(one.name, one.type) for one in parameters] == [
        ("lr", "float"),
        ("depth", "int"),
        ("model", "str"),
        ("seed", "any"),
        ("verbose", "bool"),
        ("features", "list"),
        ("options", "dict"),
        ("tag", "str"),
    ]
    known = {one.name: one for one in parameters}
    assert known["lr"] == Parameter("lr", "float", 0.1, "0.1", True, help="learning rate")
    assert known["model"].choices == ("rf", "gbm")
    assert known["seed"].optional
    assert known["tag"].required
    assert not known["tag"].has_default


@pytest.mark.parametrize(
    ("source", "kind", "default"),
    [
        ("x = -1", "int", -1),
        ("x = +1.5e3", "float", 1500.0),
        ("x = (1, 2)", "list", [1, 2]),
        ("x = [(1, 'a'), {'b': None}]", "list", [[1, "a"], {"b": None}]),
        ("x: float = 1", "float", 1),
        ("x: Optional[int] = 3", "int", 3),
        ("x: int | None = 3", "int", 3),
        ("x: None | typing.Union[int, float] = 3", "float", 3),
        ("x: list[int] = []", "list", []),
        ("x: 'float' = 1", "float", 1),
        ("x = 1  # type: float", "float", 1),
        ("x = '''a\nb'''", "str", "a\nb"),
        ("x = y = 2; del y", "int", 2),
        ("x = [\n  1,\n  2,\n]  # two", "list", [1, 2]),
        ("x = 1\nx = 2.0", "float", 2.0),
        ("%matplotlib inline\n!ls\nx = 1", "int", 1),
    ],
)
def test_literals_of_python_are_read(source: str, kind: str, default: object) -> None:
    parameter = {one.name: one for one in declared(notebook(source))}["x"]
    assert (parameter.type, parameter.default, parameter.has_default) == (kind, default, True)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("x = Path('data')", "any"),
        ("x = 60 * 60", "any"),
        ("x = {1, 2}", "any"),
        ("x = {1: 'a'}", "any"),
        ("x = b'a'", "any"),
        ("x = f'{y}'", "str"),
        ("x: float = math.nan", "float"),
        ("x = 1e999", "any"),
        ("x = '\\ud800'", "any"),
        ("x = !ls", "any"),
        ("x: Estimator = make()", "any"),
    ],
)
def test_of_an_expression_the_name_is_known_and_no_default(source: str, kind: str) -> None:
    parameter = only(source)
    assert (parameter.type, parameter.default, parameter.has_default) == (kind, None, False)


def test_only_assignments_at_the_top_are_parameters() -> None:
    source = "import os\nif os:\n    a = 1\ndef f():\n    b = 1\nc += 1\nd.e = 1\nf[0] = 1\nx = 1"
    assert only(source).name == "x"


@pytest.mark.parametrize("source", ["x = (", "lr 0.1", "x = 1\n  y = 2", "(" * 5000, "x = '\0'"])
def test_a_cell_that_is_not_python_is_refused(source: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        declared(notebook(source))
    assert refused.value.code == "parameters_unreadable"


@pytest.mark.parametrize(
    ("language", "source", "kind", "default"),
    [
        ("R", "x <- 0.1 # rate", "float", 0.1),
        ("R", "x = 10", "float", 10),
        ("R", "x <- 10L", "int", 10),
        ("R", "x = TRUE", "bool", True),
        ("R", "x <- NULL", "any", None),
        ("R", "x <- c(1, 2.5)", "list", [1, 2.5]),
        ("R", 'x <- list("a", c("b"))', "list", ["a", ["b"]]),
        ("R", "x <- 'it\\'s'  # text", "str", "it's"),
        ("julia", "x = 0.1", "float", 0.1),
        ("julia", "x::Int64 = 1_000 # many", "int", 1000),
        ("julia", 'x = ["a", "b"]', "list", ["a", "b"]),
        ("julia", "x = nothing", "any", None),
        ("scala", "val x: Double = 1.0f // rate", "float", 1.0),
        ("scala", "var x = 10L", "int", 10),
        ("scala", 'val x = Seq("a", "b")', "list", ["a", "b"]),
        ("matlab", "x = 'it''s'; % text", "str", "it's"),
        ("matlab", "x = [1, 2];", "list", [1, 2]),
        ("C#", "var x = 0.5; // rate", "float", 0.5),
        ("F#", "let x = true", "bool", True),
        ("PowerShell", "$x = $false", "bool", False),
        ("bash", "x=0.1 # rate", "float", 0.1),
        ("bash", "export x=12", "int", 12),
        ("bash", "x='a b'", "str", "a b"),
        ("bash", "x=(a 'b c')", "list", ["a", "b c"]),
    ],
)
def test_literals_of_other_languages_are_read(
    language: str, source: str, kind: str, default: object
) -> None:
    parameter = only(source, language)
    assert (parameter.name, parameter.type) == ("x", kind)
    assert (parameter.default, parameter.has_default) == (default, True)


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("R", "x <- Sys.time()"),
        ("R", "x <- 1 + 1"),
        ("R", "x <- c(a = 1)"),
        ("R", "x <- NA"),
        ("julia", "x = sqrt(2)"),
        ("scala", "val x = " + "Seq(" * 5000),
        ("bash", "x=$HOME"),
        ("bash", "x='open"),
    ],
)
def test_of_an_expression_of_another_language_the_name_is_known(language: str, source: str) -> None:
    parameter = only(source, language)
    assert (parameter.name, parameter.type, parameter.has_default) == ("x", "any", False)


def test_comments_of_other_languages_are_help() -> None:
    assert only("x <- 0.1 # rate", "R").help == "rate"
    assert only("val x = 1 // rate", "scala").help == "rate"


def test_lines_that_assign_nothing_declare_nothing() -> None:
    source = "library(dplyr)\n  y <- 1\nif (a == 1) b\nf(x = 1)\nmy.rate <- 1"
    assert only(source, "R").name == "my.rate"
    assert declared(notebook("a.b = 1", "julia")) == ()


def test_a_notebook_without_the_tag_declares_nothing() -> None:
    assert declared(notebook(FIT, "python", "other")) == ()


# -- what is refused ------------------------------------------------------------------------------


def test_what_fits_is_returned() -> None:
    given = {"lr": 1, "depth": 4, "model": "gbm", "seed": None, "features": [], "tag": "x"}
    assert check(notebook(), given) == given


@pytest.mark.parametrize(
    "name",
    [
        *(
            "x=1\nimport os",
            "lr = 1 #",
            "",
            " lr",
            "lr ",
            "l-r",
            "1",
            "class",
            "None",
            "lr\0",
            "pm.x",
        ),
        "lr\n",
    ],
)
def test_a_name_that_is_no_identifier_is_refused(name: str) -> None:
    assert refusal({name: 1}).code == "invalid_parameter_name"


@pytest.mark.parametrize(
    ("language", "name"),
    [("R", "_x"), ("R", "if"), ("R", ".2x"), ("bash", "a-b"), ("bash", "UID"), ("scala", "val")],
)
def test_other_languages_have_other_names(language: str, name: str) -> None:
    assert refusal({name: 1}, "x = 1", language).code == "invalid_parameter_name"


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    error = refusal({"dept": 3})
    assert error.code == "unknown_parameter"
    assert error.fix == "Did you mean 'depth'?"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("lr", "0.1"),
            ("lr", True),
            ("lr", None),
            ("lr", "nan"),
            ("depth", 3.0),
            ("depth", True),
        ),
        *(("model", 3), ("model", "svm"), ("verbose", 1), ("features", "age"), ("options", [])),
        *(("seed", object()), ("features", {1}), ("options", {1: 2}), ("tag", "\ud800")),
        *(("features", [b"x"]), ("features", [10**5000])),
    ],
)
def test_a_wrong_type_is_refused(name: str, value: object) -> None:
    error = refusal({name: value})
    assert error.code == "wrong_type"
    assert name in error.message


def test_a_value_that_is_nested_too_deeply_is_refused() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert refusal({"features": value}).code == "wrong_type"


def test_a_missing_value_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(notebook(), {"lr": 1})
    assert refused.value.code == "missing_parameter"


def test_parameters_without_a_tagged_cell_are_refused_and_it_is_said_how_to_tag_one() -> None:
    plain = notebook(FIT, "python", "other")
    with pytest.raises(InvalidRequest, match="property inspector") as refused:
        check(plain, {"lr": 1})
    assert refused.value.code == "no_parameters_cell"
    assert check(plain, {}) == {}


@pytest.mark.parametrize("language", ["cobol", ""])
def test_a_language_that_papermill_cannot_write_is_refused(language: str) -> None:
    assert refusal({"x": 1}, "x = 1", language).code == "unsupported_language"
    assert check(notebook("x = 1", language), {}) == {}


def test_ten_megabytes_are_refused_and_a_path_is_proposed() -> None:
    for value in ("x" * 10_000_000, "ü" * (MAX_VALUE_BYTES // 2)):
        with pytest.raises(TooLarge, match="path"):
            check(notebook(), {"tag": value})
    many = "\n".join(f"x{n} = ''" for n in range(20))
    with pytest.raises(TooLarge):
        check(notebook(many), {f"x{n}": "y" * 60_000 for n in range(20)})


def test_numbers_that_json_does_not_have_are_given_as_text() -> None:
    checked = check(notebook("x = 0.1\ny = 0.1"), {"x": "NaN", "y": "-Infinity"})
    assert math.isnan(checked["x"])
    assert checked["y"] == -math.inf


@pytest.mark.parametrize(
    ("language", "source", "value"),
    [
        ("R", "x <- 'a'", "a\0b"),
        ("R", "x <- 1", 2**60),
        ("R", "x <- c(1, 2)", [3, 4]),
        ("julia", 'x = "a"', "$(run(`id`))"),
        ("julia", 'x = "a"', "é"),
        ("julia", "x = 0.1", math.inf),
        ("scala", 'val x = "a"', "é"),
        ("scala", 'val x = "a"', "😀"),
        ("matlab", "x = 'a'", "a\nb"),
        ("matlab", "x = 1", None),
        (".net-powershell", "$x = 'a'", "$(id)"),
        (".net-csharp", "var x = 1;", [1, "a"]),
        ("bash", "x=a", "a\0b"),
        ("bash", "x=(a b)", [["a"]]),
        ("bash", "x=$y", {"a": 1}),
    ],
)
def test_what_papermill_would_write_wrongly_is_refused(
    language: str, source: str, value: object
) -> None:
    error = refusal({"x": value}, source.replace("x = 1", "x = f(1)"), language)
    assert error.code == "unwritable_value"


@pytest.mark.parametrize(
    ("language", "source", "value"),
    [
        ("R", "x <- 'a'", 'it\'s "quoted"\n€ 😀'),
        ("R", "x <- list(1)", [3, 4]),
        ("R", "x <- 'a'", "é"),
        ("R", "x <- 0.1", math.inf),
        ("julia", 'x = "a"', "tab\t€"),
        ("scala", 'val x = "a"', "line\n€"),
        ("matlab", "x = 0.1", math.nan),
        ("bash", "x=a", "é $(id) 'x'"),
    ],
)
def test_what_it_writes_rightly_is_taken(language: str, source: str, value: object) -> None:
    assert check(notebook(source, language), {"x": value}) == {"x": value}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab\"'\\\n{é"), inner),
    max_leaves=12,
)


@settings(deadline=None)
@given(values)
def test_every_value_reaches_a_python_notebook_as_it_is(value: object) -> None:
    checked = check(notebook("x = f()"), {"x": value})
    names: dict[str, Any] = {}
    exec(translate_parameters("python3", "python", checked), names)
    assert names["x"] == value
    assert type(names["x"]) is type(value)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_texts_reach_a_bash_notebook_as_they_are() -> None:
    texts = [
        "",
        "a b",
        "it's",
        '"',
        "$HOME",
        "`id`",
        "$(id)",
        "a\nb",
        "\\",
        "é€😀",
        "*",
        "-n",
        "#x",
    ]
    source = "\n".join(f"x{n}=a" for n in range(len(texts)))
    checked = check(notebook(source, "bash"), {f"x{n}": text for n, text in enumerate(texts)})
    shown = "".join(f"printf '%s\\0' \"$x{n}\"\n" for n in range(len(texts)))
    script = translate_parameters("bash", "bash", checked) + shown
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == texts


# -- what was typed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("0.5", "lr", 0.5),
        ("1", "lr", 1.0),
        ("inf", "lr", math.inf),
        ("4", "depth", 4),
        ("gbm", "model", "gbm"),
        ("false", "verbose", False),
        ("True", "verbose", True),
        ('["a"]', "features", ["a"]),
        ("['a', 'b']", "features", ["a", "b"]),
        ("('a', 'b')", "features", ["a", "b"]),
        ('{"a": 2}', "options", {"a": 2}),
        ("3", "tag", "3"),
        ("None", "tag", "None"),
        ("None", "seed", None),
        ("7", "seed", 7),
        ("seven", "seed", "seven"),
    ],
)
def test_text_is_read_by_the_type_of_its_parameter(text: str, name: str, value: object) -> None:
    parameter = {one.name: one for one in declared(notebook())}[name]
    read = parse_value(text, parameter)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "name"),
    [("fast", "lr"), ("3.5", "depth"), ("yes", "verbose"), ("age", "features"), ("x", "model")],
)
def test_text_of_another_type_is_refused(text: str, name: str) -> None:
    parameter = {one.name: one for one in declared(notebook())}[name]
    with pytest.raises(InvalidRequest) as refused:
        parse_value(text, parameter)
    assert refused.value.code == "wrong_type"


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("0.1", 0.1), ("true", True), ("False", False), ("None", None), ("a b", "a b")],
)
def test_text_without_a_type_is_json_or_text(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_each_value_says_where_it_comes_from() -> None:
    parameters = declared(notebook("lr = 0.1\nn = 3\ndepth = 2"))
    layers = [("schedule", {"n": 5, "depth": 5}), ("sweep", {"depth": 9})]
    assert provenance(parameters, layers) == {  # type: ignore[arg-type]
        "lr": {"value": 0.1, "from": "default"},
        "n": {"value": 5, "from": "schedule"},
        "depth": {"value": 9, "from": "sweep"},
    }
