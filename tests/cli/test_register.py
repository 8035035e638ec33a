"""``mlops-jupyter register --model``: a saved model, from a terminal or any language's notebook."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.hub.models import save


@pytest.fixture
def cli(hub):
    def run(*words):
        command = [sys.executable, "-m", "mlops_jupyter.cli", "register", "linear", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_a_saved_model_is_registered_and_can_be_deployed(cli, hub, tmp_path):
    save(tmp_path / "saved", constant=4.0)
    done = cli("--model", str(tmp_path / "saved"), "--alias", "champion", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["version"], said["environment"]["kind"]) == (1, "kernel")
    assert hub.deploy("linear", hub.versions("linear")[0], wait=120).state == "ready"
    np.testing.assert_allclose(hub.predict("linear", {"a": [1.0], "b": [2.0], "c": [3.0]}), [4.0])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "."], "The folder is no saved model."),
        (["--worker", ".", "--env", "locked"], "A worker model has no --env."),
        (["--model", ".", "--worker", "."], "not allowed with"),
        ([], "one of the arguments --model --worker is required"),
    ],
)
def test_what_cannot_be_registered_is_told_in_one_line(cli, words, said):
    done = cli(*words)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
