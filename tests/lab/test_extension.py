"""What Jupyter finds of us after an install, and what that costs its server."""

import json
import subprocess
import sys
from pathlib import Path

from jupyter_server.extension.manager import ExtensionPackage

import mlops_jupyter
from mlops_jupyter.lab.answers import SERVICES
from mlops_jupyter.lab.extension import MlopsExtension

ROOT = Path(__file__).parents[2]


def test_jupyter_finds_the_extension_in_the_package():
    package = ExtensionPackage(name="mlops_jupyter", enabled=True)
    assert package.validate()
    assert package.extension_points["mlops_jupyter"].app.__class__ is MlopsExtension
    assert mlops_jupyter._jupyter_labextension_paths() == [
        {"src": "labextension", "dest": "@mlops-jupyter/labextension"}
    ]


def test_installing_enables_it():
    config = json.loads((ROOT / "jupyter-config/server-config/mlops_jupyter.json").read_text())
    assert config["ServerApp"]["jpserver_extensions"] == {"mlops_jupyter": True}


def test_the_server_gets_no_model_library_and_no_hub_by_it():
    program = "import json, sys, mlops_jupyter.lab.extension; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, check=True, timeout=60
    )
    modules = set(json.loads(done.stdout))
    assert not modules & {"mlflow", "numpy", "pandas", "sqlalchemy", "sklearn", "mlops_jupyter.hub"}


async def test_nothing_runs_before_somebody_asks(own_home, jp_web_app, ask):
    services = jp_web_app.settings[SERVICES]
    assert services.events._task is None
    assert services.agent._process is None
    await ask("status")
    assert services.agent._process is None
    await services.close()
    assert services.events._task.done()
    assert not (own_home / "hub.lock").exists()
