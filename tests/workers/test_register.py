"""Registering a program: by the function, by the magic, from a terminal; and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

import mlops_jupyter as mj
from mlops_jupyter.client import Hub
from mlops_jupyter.registry import ModelAdvice, models
from mlops_jupyter.types import InvalidInput, InvalidRequest, MlopsError, Unavailable
from tests.workers.programs import KINDS, need


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    KINDS["node"](tmp_path / "worker", 2)
    return tmp_path / "worker"


@pytest.fixture(scope="module")
def shell() -> Iterator[Any]:
    made = InteractiveShell()
    made.run_line_magic("load_ext", "mlops_jupyter")
    yield made
    made.run_line_magic("unload_ext", "mlops_jupyter")


def cli(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlops_jupyter.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_the_magic_registers_a_folder(folder: Path, hub: Hub, shell: Any) -> None:
    line = f"by-magic --worker {folder} --signature 'x: double -> y: double' --alias champion"
    view = shell.run_line_magic("register", line)
    assert view.version.ref == "by-magic/1"
    assert "champion" in {a for one in models() if one.name == "by-magic" for a in one.aliases}
    mj.deploy("by-magic@champion")
    answer = mj.predict("by-magic", pd.DataFrame({"x": [4.0]}))
    assert answer["y"].tolist() == [8.0]
    mj.undeploy("by-magic")


def test_the_signature_can_be_taken_from_examples(folder: Path, hub: Hub, shell: Any) -> None:
    path = folder / "worker.toml"
    kept = [line for line in path.read_text().splitlines() if not line.startswith("signature")]
    path.write_text("\n".join(kept))
    shell.user_ns.update(given=pd.DataFrame({"x": [1.0]}), got=pd.DataFrame({"y": [2.0]}))
    line = f"by-example --worker {folder} --input given --output got"
    view = shell.run_line_magic("register", line)
    assert json.loads(view.version.signature["outputs"])[0]["name"] == "y"
    with pytest.raises(InvalidRequest, match="The worker has no signature"):
        mj.register("by-nothing", worker=folder)


def test_a_terminal_registers_and_the_hub_knows_it(folder: Path, hub: Hub) -> None:
    done = cli("register", "by-cli", "--worker", str(folder), "--alias", "champion", "--tag", "a=b")
    assert (done.returncode, done.stdout) == (0, "by-cli/1 is registered as @champion.\n"), done
    assert [version.ref for version in hub.versions("by-cli")] == ["by-cli/1"]
    again = cli("register", "by-cli", "--worker", str(folder), "--json")
    assert json.loads(again.stdout)["version"] == 2


def test_a_terminal_begins_a_folder_and_tries_it(tmp_path: Path) -> None:
    need("node", "nodejs")
    made = cli("worker", "init", "node", "mine", folder=tmp_path)
    assert "worker test mine" in made.stdout
    tried = cli("worker", "test", "mine", folder=tmp_path)
    assert tried.returncode == 0
    assert tried.stdout.splitlines()[-1] == "it works"
    again = cli("worker", "init", "node", "mine", folder=tmp_path)
    assert "has a file model.js already" in again.stderr
    odd = cli("worker", "init", "nod", "mine", folder=tmp_path)
    assert "Did you mean 'node'?" in odd.stderr
    asked = cli("worker", "test", "mine", "--input", '{"text": ["good"]}', folder=tmp_path)
    assert '"score": [1]' in asked.stdout
    wrong = cli("worker", "test", "mine", "--input", '{"text": "good"}', folder=tmp_path)
    assert (wrong.returncode, "list of values" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("module.exports = () => { throw new Error('untrained'); };", "untrained"),
        ("module.exports = (i) => ({ z: i.x });", "lacks the output 'y'"),
        ("module.exports = (i) => ({ y: i.x, z: i.x });", "no output 'z'"),
        ("module.exports = (i) => ({ y: [1] });", "has 1 values for 2 rows"),
        ("process.exit(3);", "ended with status 3 before it was ready"),
        ("require('absent');", "Cannot find module 'absent'"),
    ],
)
def test_trying_says_what_is_wrong(folder: Path, model: str, said: str) -> None:
    (folder / "model.js").write_text(model)
    tried = cli("worker", "test", str(folder))
    assert tried.returncode == 1
    assert said in tried.stderr
    assert len(tried.stderr.strip().splitlines()[-1]) > len(said)


def test_what_does_not_start_is_not_registered(folder: Path) -> None:
    (folder / "model.js").write_text("require('absent');")
    with pytest.raises(InvalidInput, match="does not work") as refused:
        mj.register("absent", worker=folder)
    assert "worker test" in refused.value.fix
    assert "absent" not in {model.name for model in models()}


def test_a_wrong_answer_to_its_own_example_is_not_registered(folder: Path) -> None:
    path = folder / "worker.toml"
    path.write_text(path.read_text() + "\n[example]\nx = [1.0, 2.0]\n")
    (folder / "model.js").write_text("module.exports = (i) => ({ y: [1.0] });")
    with pytest.raises(InvalidInput, match="has 1 values for 2 rows"):
        mj.register("wrong", worker=folder)


def test_a_missing_program_is_advice_when_registered_and_an_error_when_deployed(
    folder: Path, hub: Hub
) -> None:
    path = folder / "worker.toml"
    needs = '\n[[needs]]\nprogram = "no-such-ocr"\npackage = "tesseract-ocr"\n'
    path.write_text(path.read_text() + needs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ModelAdvice)
        from mlops_jupyter.registry import register_worker

        hub.add_version(register_worker("ocr", folder))
    assert "no-such-ocr is not installed here" in str(caught[-1].message)
    with pytest.raises(Unavailable) as refused:
        mj.deploy("ocr")
    assert refused.value.code == "program_missing"
    assert refused.value.message == "ocr/1 needs no-such-ocr, which is not installed here."
    assert "apt-get install tesseract-ocr" in refused.value.fix


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "There is no model"),
        ({"model": 1, "worker": "."}, "a model and a worker"),
        ({"worker": ".", "flavor": "sklearn"}, "no option 'flavor'"),
        ({"worker": ".", "target": [1]}, "no option 'target'"),
        ({"worker": "absent"}, "no such folder"),
        ({"model": 1, "output_example": 1}, "no option 'output_example'"),
    ],
)
def test_a_registration_names_one_model(arguments: dict[str, Any], said: str, home: Path) -> None:
    with pytest.raises(MlopsError, match=said):
        mj.register("none", **arguments)


def test_the_modes_of_the_folder_s_programs_are_kept(folder: Path, hub: Hub) -> None:
    """Registries keep bytes: what could be run in the folder can be run where it is served."""
    (folder / "run.sh").write_text("#!/bin/sh\nexec ./inner.sh\n")
    (folder / "inner.sh").write_text("#!/bin/sh\nexec node worker.js\n")
    for name in ("run.sh", "inner.sh"):
        (folder / name).chmod(0o755)
    path = folder / "worker.toml"
    path.write_text(path.read_text().replace('["node", "worker.js"]', '["./run.sh"]'))
    mj.register("modes", worker=folder)
    mj.deploy("modes")
    assert mj.predict("modes", pd.DataFrame({"x": [4.0]}))["y"].tolist() == [8.0]
    mj.undeploy("modes")
    assert os.access(folder / "run.sh", os.X_OK)
