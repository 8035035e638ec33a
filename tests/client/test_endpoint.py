"""What an endpoint gives to those who want to call it works as written."""

import ast
import json
import os
import shutil
import subprocess
import sys

import pytest

from mlops_jupyter.client import snippets
from mlops_jupyter.types import InvalidRequest

from .modelserver import columns, tensors
from .scripted import TOKEN, Answer
from .test_hub import STATUS


@pytest.fixture
def endpoint(scripted):
    """An endpoint ``churn`` with one column of text that tries to break out, and its server."""
    metadata = {
        "inputs": [
            {"name": "x", "datatype": "FP64", "shape": [-1]},
            {"name": "it's \"$HOME\" `id`", "datatype": "BYTES", "shape": [-1],
             "parameters": {"content_type": "str"}},
            {"name": "n", "datatype": "INT64", "shape": [-1]},
            {"name": "b", "datatype": "BOOL", "shape": [-1]},
            {"name": "t", "datatype": "BYTES", "shape": [-1],
             "parameters": {"content_type": "datetime"}},
        ]
    }  # fmt: skip

    def script(asked):
        if asked.method == "GET":
            return metadata
        if asked.headers.get("authorization") not in (f"Bearer {TOKEN}", "Bearer mlo_app"):
            return Answer(401, {"code": "unauthenticated", "message": "Who?"})
        return {"predictions": [asked.json["dataframe_split"]["columns"]]}

    server, hub = scripted(script)
    return hub.endpoint("churn"), server


BODY = {
    "dataframe_split": {
        "columns": ["x", 'it\'s "$HOME" `id`', "n", "b", "t"],
        "data": [[0.5, "text", 1, True, "2026-01-31T12:00:00"]],
    }
}


def test_an_endpoint_has_an_address(endpoint):
    one, server = endpoint
    assert one.url == f"{server.url}/endpoints/churn/invocations"
    assert repr(one) == f"Endpoint('churn', '{one.url}')"


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_command_works_in_any_shell_and_shows_no_secret(endpoint, shell):
    one, server = endpoint
    command = one.curl()
    assert TOKEN not in command
    done = subprocess.run([shell, "-c", command], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout) == {"predictions": [BODY["dataframe_split"]["columns"]]}
    assert server.asked[-1].path == "/endpoints/churn/invocations"
    assert server.asked[-1].json == BODY


def run(program, text, tmp_path, suffix, token="mlo_app"):
    file = tmp_path / f"client{suffix}"
    file.write_text(text)
    return subprocess.run(
        [program, str(file)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "MLOPS_TOKEN": token},
    )


def test_the_python_program_works(endpoint, tmp_path):
    one, server = endpoint
    done = run(sys.executable, one.client_code(), tmp_path, ".py")
    assert done.stdout == f"{[BODY['dataframe_split']['columns']]}\n", done.stderr
    assert server.asked[-1].json == BODY


def test_the_python_program_says_why_it_was_refused(endpoint, tmp_path):
    done = run(sys.executable, endpoint[0].client_code(), tmp_path, ".py", token="wrong")
    assert done.returncode == 1
    assert "401" in done.stderr
    assert "unauthenticated" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("language", "program"), [("python", sys.executable), ("javascript", "node")]
)
def test_a_program_without_its_token_says_so_in_one_line(endpoint, tmp_path, language, program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    text = endpoint[0].client_code(language)
    done = run(program, text, tmp_path, ".py" if language == "python" else ".mjs", token="")
    assert done.returncode == 1
    assert done.stderr == "MLOPS_TOKEN is not set. Set it to the token of your application.\n"


def test_a_wide_body_is_laid_out_over_lines():
    body = {
        "dataframe_split": {
            "columns": [f"mean of column {i}" for i in range(30)],
            "data": [[None, True, *[0.5] * 28]],
        }
    }
    text = snippets.python("http://127.0.0.1:1/x", "m", body)
    assert max(map(len, text.splitlines())) <= 100
    given = text.partition("DATA = ")[2].partition("\n\n\ndef ")[0]
    assert ast.literal_eval(given) == body


@pytest.mark.parametrize(
    ("saved", "body"),
    [
        (
            '{"dataframe_split": {"columns": ["x"], "data": [[1.5], [NaN]]}}',
            {"dataframe_split": {"columns": ["x"], "data": [[1.5]]}},
        ),
        ('{"inputs": [[1, 2], [3, 4]]}', {"inputs": [[1, 2]]}),
        (
            '{"inputs": {"a": [1, 2]}, "params": {"k": 1}}',
            {"inputs": {"a": [1]}, "params": {"k": 1}},
        ),
        ('{"inputs"', None),
        ("[]", None),
        ('{"dataframe_split": {"columns": ["x"], "data": []}}', None),
    ],
)
def test_the_first_row_of_the_saved_example_is_shown(tmp_path, saved, body):
    (tmp_path / "serving_input_example.json").write_text(saved)
    assert snippets.saved_example(tmp_path) == body


def test_the_saved_example_of_the_main_version_is_sent_when_asked_for(scripted, tmp_path):
    (tmp_path / "serving_input_example.json").write_text('{"inputs": [[7.25]]}')
    version = {"model": "churn", "version": 3, "digest": "d", "path": str(tmp_path)}
    _, hub = scripted(lambda asked: [version] if asked.path == "/versions" else STATUS)
    assert "7.25" in hub.endpoint("churn").curl(example=True)


@pytest.mark.skipif(not shutil.which("node"), reason="Node is not installed")
def test_the_javascript_program_works(endpoint, tmp_path):
    one, server = endpoint
    done = run("node", one.client_code("javascript"), tmp_path, ".mjs")
    assert done.returncode == 0, done.stderr
    assert server.asked[-1].json == BODY


def test_a_language_that_there_is_not_is_told(endpoint):
    with pytest.raises(InvalidRequest) as caught:
        endpoint[0].client_code("pyhton")
    assert "python" in caught.value.reason


@pytest.mark.parametrize(
    ("signature", "body"),
    [
        (columns(x="double"), {"dataframe_split": {"columns": ["x"], "data": [[0.5]]}}),
        (tensors((None, "float32", [-1, 2])), {"inputs": [[0.5, 0.5]]}),
        (tensors(("a", "int64", [-1, 2])), {"inputs": {"a": [[1, 1]]}}),
        (
            tensors(("a", "float32", [-1, 1]), ("b", "bool", [-1, 1])),
            {"inputs": {"a": [[0.5]], "b": [[True]]}},
        ),
        (
            columns(r="binary", s="string?"),
            {"dataframe_split": {"columns": ["r", "s"], "data": [["AAEC", "text"]]}},
        ),
    ],
)
def test_the_example_is_one_that_the_hub_takes(signature, body):
    from mlops_jupyter.client.snippets import example
    from mlops_jupyter.serving import invocations, oip
    from mlops_jupyter.serving.signature import Signature

    compiled = Signature.compile(signature, "m", 1)
    made = example(oip.metadata(compiled, "m", ["1"]))
    assert made == body
    inputs, _ = invocations.decode(json.dumps(made).encode(), "application/json", compiled)
    assert inputs.rows == 1
