"""Parameters reach R as they are: every text, in every locale, and every shape that JSON has."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlops_jupyter.training.parameters import check, declared
from mlops_jupyter.training.r_translator import Translator
from tests.training.conftest import Start, notebook
from tests.training.test_parameters import notebook as declaring

pytestmark = pytest.mark.skipif(
    shutil.which("Rscript") is None, reason="R is not installed (r-base-core)"
)

# one long answer in hexadecimal digits: what is printed would be translated for the terminal
HEX = "cat(vapply(x, function(t) paste(charToRaw(enc2utf8(t)), collapse = ''), ''), sep = '\\n')\n"

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def said_by_r(code: str, locale: str = "C.UTF-8") -> str:
    environment = {**os.environ, "LC_ALL": locale}
    # parsed as the kernel does it, because R's console takes lines of 4 kB
    with tempfile.NamedTemporaryFile("w", encoding="ascii", suffix=".R") as script:
        script.write(code)
        script.flush()
        command = ["Rscript", "--vanilla", "-e", f"source('{script.name}')"]
        done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
@settings(deadline=None, max_examples=15)
@given(st.lists(texts, min_size=1))
@example(["", "it's", '"quoted"', "\\", "\\u00e9", "é€😀", "\x01\x7f\x80\xff", "a\r\n\tb", "$(id)"])
@example(["é" * 20_000, "x" * 20_000, "\\" * 9_999])
def test_every_text_reaches_r_as_it_is(locale: str, wanted: list[str]) -> None:
    said = said_by_r(f"x <- {Translator.translate(wanted)}\n{HEX}", locale)
    got = said.split("\n")[: len(wanted)]
    assert [bytes.fromhex(line).decode() for line in got] == wanted


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (-3, "-3"),
        (2**53, "9007199254740992"),
        (1e-300, "1e-300"),
        (math.nan, "NaN"),
        (math.inf, "Inf"),
        (-math.inf, "-Inf"),
        ([], "list()"),
        ([1, "a", None], 'list(1, "a", NULL)'),
        ({}, "structure(list(), names = character(0))"),
        ({"a b": 1, "if": [True]}, "list(`a b` = 1, `if` = list(TRUE))"),
        ({"": 1}, 'structure(list(1), names = "")'),
        ({"k" * 6_000: 1}, f"list({'k' * 6_000} = 1)"),
    ],
)
def test_every_shape_reaches_r_as_it_is(value: Any, shown: str) -> None:
    code = f"x <- {Translator.translate(value)}\nstopifnot(identical(x, {shown}))\ncat('same')"
    assert said_by_r(code) == "same"


@settings(deadline=None, max_examples=10)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_every_number_reaches_r_to_the_last_digit(wanted: list[float]) -> None:
    show = "cat(sprintf('%a', as.double(unlist(x))), sep = '\\n')"
    code = f"x <- {Translator.translate(wanted)}\n{show}"
    assert [float.fromhex(line) for line in said_by_r(code).split()] == wanted


def test_a_text_with_accents_is_taken_for_an_r_notebook_and_a_zero_byte_is_not() -> None:
    read = declaring("x <- 'a'", "R")
    assert declared(read)[0].type == "str"
    assert check(read, {"x": "é \x80"}) == {"x": "é \x80"}
    with pytest.raises(Exception, match="would not reach the notebook"):
        check(read, {"x": "a\0"})


def test_a_run_gives_an_r_notebook_its_text(start: Start, tmp_path: Path, r_kernel: str) -> None:
    wanted = 'é€😀 "it\'s" \\n\n'
    write = "writeBin(charToRaw(enc2utf8(name)), 'name.txt')"
    content = notebook("# parameters\nname <- 'a'", write, kernel=r_kernel, language="R")
    result = start(content=content, parameters={"name": wanted}).end()
    assert result["state"] == "succeeded", result["reason"]
    assert (tmp_path / "name.txt").read_bytes().decode() == wanted
