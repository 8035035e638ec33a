"""The registry's process: lines in, lines out, and nothing left behind."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops_jupyter import registry
from mlops_jupyter.registry import agent

COMMAND = [sys.executable, "-P", "-m", "mlops_jupyter.registry.agent"]


@contextmanager
def started(*arguments):
    with subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ask(process, **what):
    process.stdin.write(json.dumps(what).encode() + b"\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


@pytest.fixture(scope="module")
def _registered(state, table, classifier):
    before = os.environ.get("MLOPS_JUPYTER_HOME")
    os.environ["MLOPS_JUPYTER_HOME"] = str(state)
    try:
        for _ in range(2):
            registry.register("spoken", classifier, table[0])
        registry.set_alias("spoken", "champion", 1)
    finally:
        if before is None:
            del os.environ["MLOPS_JUPYTER_HOME"]
        else:
            os.environ["MLOPS_JUPYTER_HOME"] = before


def test_it_answers_what_the_registry_says(_registered):
    with started() as process:
        said = ask(process, id=1, do="models")
        assert said["id"] == 1
        (model,) = (one for one in said["result"] if one["name"] == "spoken")
        assert (model["latest"], model["aliases"]) == (2, {"champion": 1})
        versions = ask(process, id=2, do="versions", name="spoken")["result"]
        assert [version["version"] for version in versions] == [2, 1]
        found = ask(process, id=3, do="resolve", ref="spoken@champion")["result"]
        assert found["digest"] == registry.resolve("spoken/1").digest
        moved = ask(process, id=4, do="set_alias", name="spoken", alias="champion", version=2)
        assert moved == {"id": 4, "result": {"before": 1, "moved": True}}
        back = {"do": "set_alias", "name": "spoken", "alias": "champion", "version": 1}
        assert ask(process, id=5, **back, only_from=7)["result"] == {"before": 2, "moved": False}
        assert ask(process, id=6, **back, only_from=2)["result"] == {"before": 2, "moved": True}


def test_errors_are_answers_and_it_goes_on(_registered):
    with started() as process:
        missing = ask(process, id=1, do="versions", name="nothing")["error"]
        assert (missing["status"], missing["code"]) == (404, "unknown_model")
        assert ask(process, id=2, do="register")["error"]["status"] == 400
        assert ask(process, id=3, do="versions")["error"]["status"] == 400
        assert ask(process, id=4, do=["models"])["error"]["status"] == 400
        process.stdin.write(b"\xff not json\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["error"]["code"] == "invalid_request"
        assert ask(process, id=5, do="models")["id"] == 5


def test_it_ends_with_its_input():
    with started() as process:
        process.stdin.close()
        assert process.wait(10) == 0


def test_it_ends_when_nobody_asks():
    with started("0.05") as process:
        assert process.wait(10) == 0


def test_a_line_without_an_end_is_not_kept_for_ever(monkeypatch):
    monkeypatch.setattr(agent, "LINE_BYTES", 10)
    reading, writing = os.pipe()
    os.write(writing, b"x" * 11)
    try:
        with Path(os.devnull).open("wb") as answers:
            agent.serve(reading, answers, idle=10)
    finally:
        os.close(reading)
        os.close(writing)


def test_what_a_store_prints_is_not_taken_for_an_answer():
    program = (
        "import mlops_jupyter.registry as r, mlops_jupyter.registry.agent as a\n"
        "r.models = lambda: print('noise', flush=True) or []\n"
        "a.main([])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        said, _ = process.communicate(b'{"id": 1, "do": "models"}\n', timeout=60)
    assert json.loads(said)["id"] == 1
