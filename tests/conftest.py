"""What many rooms' tests need: a state directory of their own, a real hub, real models."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub


# a process that imports MLflow for each hub is for the tests that are about it
os.environ.setdefault("MLOPS_JUPYTER_PUBLISH_RUNS", "0")


@contextmanager
def state_directory() -> Iterator[Path]:
    """A state directory with a path short enough for a Unix socket; its hub is stopped after."""
    before = {name: os.environ.get(name) for name in ("MLOPS_JUPYTER_HOME", "MLFLOW_TRACKING_URI")}
    home = Path(tempfile.mkdtemp(prefix="mj-"))
    os.environ["MLOPS_JUPYTER_HOME"] = str(home)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    try:
        yield home
    finally:
        stop_hub(home)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(home, ignore_errors=True)


def stop_hub(home: Path) -> None:
    """Stop the hub of a state directory, if one runs there."""
    from mlops_jupyter.client import Hub
    from mlops_jupyter.types import MlopsError

    try:
        with Hub.connect(start=False, home=home) as hub:
            hub.stop()
    except MlopsError:
        pass


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with state_directory() as path:
        yield path


@pytest.fixture(scope="module")
def hub(home: Path) -> Iterator[Hub]:
    from mlops_jupyter.client import Hub

    with Hub.connect(home=home) as connected:
        yield connected


@pytest.fixture(scope="session")
def cancer() -> Any:
    """The breast-cancer table that scikit-learn ships: `data` (569 x 30 floats) and `target`."""
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer(as_frame=True)


@pytest.fixture(scope="session")
def classifier(cancer: Any) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit(cancer.data, cancer.target)


@pytest.fixture(scope="session")
def stump(cancer: Any) -> Any:
    """Another classifier of the same table, which answers differently for some rows."""
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=1, random_state=0).fit(cancer.data, cancer.target)
