"""From frames to a program and back: every type, missing values, and answers that do not fit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.serving.bridge import Bridge
from mlops_jupyter.serving.modelio import InputPlan, rebuild
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.workers.mlops_worker import BadAnswer, LinesProgram, Manifest
from mlops_jupyter.workers.signature import parse_signature

PROGRAM = """
import json, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    inputs = request["inputs"]
    outputs = %s
    sys.stderr.write(f"{request['rows']} rows\\n")
    print(json.dumps({"id": request["id"], "outputs": outputs}).replace("Infinity", "1e999"),
          flush=True)
"""
Answer = Callable[..., Any]


@pytest.fixture
def answer(tmp_path: Path) -> Iterator[Answer]:
    """What a program makes of data that fits a signature."""
    started: list[LinesProgram] = []

    def give(
        signature: str, data: Any, outputs: str = 'dict(zip("yz", inputs.values()))', **fields: Any
    ) -> Any:
        (tmp_path / "worker.py").write_text(PROGRAM % outputs)
        manifest = Manifest("python", ("python3", "worker.py"), **fields)
        started.append(LinesProgram(manifest, tmp_path))
        described = parse_signature(signature)
        compiled = Signature.compile(described, "model", 1)
        bridge = Bridge(started[-1], manifest, compiled, manifest.independent)
        header, body = InputPlan(described).pack(data)
        return rebuild(bridge.pack(bridge.score(header, memoryview(body))))

    yield give
    for program in started:
        program.stop()


NAN, INF = float("nan"), float("inf")
COLUMNS: dict[str, list[Any]] = {
    "boolean": [True, False, True],
    "integer": [0, -(2**31), 2**31 - 1],
    "long": [0, -(2**63), 2**63 - 1],
    "float": [0.5, NAN, -INF],
    "double": [0.1, NAN, INF],
    "string": ["naïve 🙂", "", None],
    "binary": [b"\x00\xff", b"", None],
    "datetime": [pd.Timestamp("2024-05-17T10:00:00.123456789"), None, pd.Timestamp("1700-01-01")],
    "array(double)": [[1.0, 2.5], [], [3.0]],
    "array(string)": [["a"], ["ü", "b"], []],
}
DTYPES = {"integer": "int32", "float": "float32", "datetime": "datetime64[ns]"}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_of_each_type_comes_back_as_it_went(answer: Answer, kind: str) -> None:
    column = pd.Series(COLUMNS[kind], dtype=DTYPES.get(kind))
    optional = "?" if kind in ("string", "binary") else ""
    frame = pd.DataFrame({"x": column, "n": [1, 2, 3]})
    back = answer(f"x{optional}: {kind}, n: long -> y: {kind}, z: long", frame)
    expected = frame.set_axis(["y", "z"], axis=1)
    if kind in ("string", "binary"):
        expected["y"] = pd.Series(COLUMNS[kind], dtype=object)
    pd.testing.assert_frame_equal(back, expected)


def test_a_matrix_of_doubles_arrives_by_columns(answer: Answer) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [NAN, -INF]})
    back = answer("a: double, b: double -> y: double, z: double", frame)
    pd.testing.assert_frame_equal(back, frame.set_axis(["y", "z"], axis=1))


def test_an_optional_column_may_be_left_out(answer: Answer) -> None:
    frame = pd.DataFrame({"x": ["a", "b"]})
    back = answer("x: string, n?: double -> y: string", frame, '{"y": sorted(inputs) * 2}')
    assert back["y"].tolist() == ["x", "x"]


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8", "bool"])
def test_tensors_keep_type_and_shape(answer: Answer, dtype: str) -> None:
    given = np.arange(12).reshape(2, 3, 2).astype(dtype)
    back = answer(f"x: {dtype}[-1,3,2] -> y: {dtype}[-1,-1,2]", {"x": given})
    np.testing.assert_array_equal(back["y"], given)
    assert back["y"].dtype == given.dtype


def test_a_single_tensor_needs_no_name(answer: Answer) -> None:
    given = np.array([[1.0, NAN], [3.0, INF]])
    back = answer("float64[-1,2] -> float64[-1,2]", given, '{"input-0": inputs["input-0"]}')
    np.testing.assert_array_equal(back, given)


def test_tensors_of_text(answer: Answer) -> None:
    back = answer("x: str[-1] -> y: str[-1]", {"x": np.array(["a", "ü"])})
    assert back["y"].tolist() == ["a", "ü"]


def test_more_rows_than_a_request_may_have_are_cut_and_joined(
    answer: Answer, capfd: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame({"x": np.arange(10.0)})
    assert answer("x: double -> y: double", frame, rows=4)["y"].tolist() == list(range(10))
    assert "4 rows\n4 rows\n2 rows" in capfd.readouterr().err


def test_rows_that_depend_on_each_other_are_never_cut(
    answer: Answer, capfd: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame({"x": np.arange(10.0)})
    back = answer(
        "x: double -> y: double", frame, '{"y": [sum(inputs["x"])]}', rows=4, independent=False
    )
    assert back["y"].tolist() == [45.0]
    assert "10 rows" in capfd.readouterr().err


FRAME = pd.DataFrame({"x": ["a", "b"]})
MISFITS = [
    ("double", '["1", 2.5]', "value in row 0 .* is text"),
    ("long", "[1, 2.5]", "value in row 1 .* a number with a fraction"),
    ("long", "[1, None]", "value in row 1 .* is null"),
    ("integer", "[1, 2**40]", "value in row 1 .* out of the range"),
    ("boolean", "[True, 'yes']", "value in row 1 .* is text"),
    ("string", "['a', 3]", "value in row 1 .* a whole number"),
    ("binary", "['a', 'YQ==']", "value in row 0"),
    ("datetime", "['today', None]", "value in row 0"),
    ("array(double)", "[[1.0], ['a']]", "value in row 1"),
    ("double", "3.5", "a number with a fraction in place of a list"),
]


@pytest.mark.parametrize(("kind", "values", "said"), MISFITS, ids=[v for _, v, _ in MISFITS])
def test_an_answer_that_is_not_as_the_signature_says_is_refused(
    answer: Answer, kind: str, values: str, said: str
) -> None:
    with pytest.raises(BadAnswer, match=said):
        answer(f"x: string -> y: {kind}", FRAME, f'{{"y": {values}}}')


@pytest.mark.parametrize(
    ("outputs", "said"),
    [("{}", "lacks the output 'y'"), ('{"y": [1, 2], "more": [1, 2]}', "no output 'more'")],
)
def test_outputs_are_those_of_the_signature(answer: Answer, outputs: str, said: str) -> None:
    with pytest.raises(BadAnswer, match=said):
        answer("x: string -> y: long", FRAME, outputs)


@pytest.mark.parametrize("values", ["[1]", "[1, 2, 3]", "[]"])
def test_there_is_a_value_for_each_row(answer: Answer, values: str) -> None:
    with pytest.raises(BadAnswer, match="values for 2 rows"):
        answer("x: string -> y: long", FRAME, f'{{"y": {values}}}')


@pytest.mark.parametrize("values", ["[[1, 2], [3]]", "[[1], [2]]", "[1, 2]", "[[1, 2], None]"])
def test_a_tensor_of_another_shape_is_refused(answer: Answer, values: str) -> None:
    with pytest.raises(BadAnswer, match=r"has not the shape \[2\]"):
        answer("x: string -> y: float64[-1,2]", FRAME, f'{{"y": {values}}}')


def test_the_zygote_of_programs_is_light() -> None:
    """What a bridge is forked from has none of the libraries of Python models."""
    import subprocess

    code = (
        "import sys, mlops_jupyter.serving.bridge; "
        "print([m for m in ('numpy', 'pandas', 'mlflow', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
