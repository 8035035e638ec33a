"""A worker model in plain MLflow, where this package is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import mlops_jupyter as mj
from mlops_jupyter import registry
from tests.workers.programs import KINDS, need

LOAD = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("mlops_jupyter", "msgspec"):
            raise ImportError(name)
sys.meta_path.insert(0, Absent())
import mlflow.pyfunc, numpy, pandas
sys.modules["orjson"] = None
model = mlflow.pyfunc.load_model(sys.argv[1])
frame = pandas.DataFrame({"x": [1.0, 2.5, float("nan")]})
print(model.predict(frame)["y"].tolist())
import psutil
children = psutil.Process().children()
children[0].kill()
try:
    model.predict(frame)
except Exception as error:
    print(error)
print(model.predict(frame)["y"].tolist())
"""


@pytest.mark.parametrize("kind", ["node", "http"])
def test_it_loads_predicts_and_comes_back_after_a_crash(
    kind: str, home: Path, tmp_path: Path
) -> None:
    need("node", "nodejs")
    KINDS[kind](tmp_path / "worker", 2)
    if kind == "node":
        # null has no product in the adapter's model; a missing number stays one
        (tmp_path / "worker" / "model.js").write_text(
            "module.exports = (i) => ({ y: i.x.map((x) => (x === null ? null : 2 * x)) });\n"
        )
    version = registry.register_worker(f"plain-{kind}", tmp_path / "worker")
    (tmp_path / "load.py").write_text(LOAD)
    done = subprocess.run(
        [sys.executable, "load.py", version.path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, error, again = done.stdout.splitlines()
    assert first == again == "[2.0, 5.0, nan]"
    assert error == "The program was ended by SIGKILL."


def test_the_same_folder_has_the_same_digest_and_another_one_another(
    home: Path, tmp_path: Path
) -> None:
    KINDS["node"](tmp_path / "worker", 2)
    registered = [mj.register("digest", worker=tmp_path / "worker").version]
    (tmp_path / "worker" / "model.js").write_text("module.exports = (i) => ({ y: i.x });\n")
    registered.append(mj.register("digest", worker=tmp_path / "worker").version)
    assert [one.version for one in registered] == [1, 2]
    assert registered[0].digest != registered[1].digest
    assert registered[0].lineage.user
    assert registered[0].flavors["mlops_worker"]["worker"]["language"] == "node"
