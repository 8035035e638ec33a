"""Every framework answers through the hub what it answers by itself, to the last digit.

A framework that is installed beside the tests is registered from here and runs in this kernel's
interpreter. The others are saved by MLflow in an environment of their own, registered from the
folder, and run in a locked environment.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlops_jupyter.registry as registry
from mlops_jupyter.client import Hub
from mlops_jupyter.types import MlopsError

from . import foreign, makers

READY_SECONDS = 170


@dataclass(frozen=True)
class Framework:
    """Its modules, without which it needs an environment; and what that is made of."""

    modules: tuple[str, ...]
    requirements: tuple[str, ...] = ()

    @property
    def here(self) -> bool:
        return all(importlib.util.find_spec(module) for module in self.modules)


FRAMEWORKS = {
    "scikit-learn": Framework(("sklearn",)),
    "scikit-learn-pipeline": Framework(("sklearn",)),
    "xgboost": Framework(("xgboost",)),
    "lightgbm": Framework(("lightgbm",)),
    "statsmodels": Framework(("statsmodels",)),
    "onnx": Framework(("onnxruntime", "skl2onnx")),
    "python-model": Framework(()),
    "catboost": Framework(("catboost",), ("catboost==1.2.10",)),
    "keras": Framework(("keras", "jax"), ("keras==3.15.1", "jax==0.10.2")),
    "tensorflow": Framework(("tensorflow",), ("tensorflow-cpu==2.21.0",)),
    "torch": Framework(("torch",), ("torch==2.15.0",)),
}
HEAVY = {"catboost", "keras", "tensorflow", "torch"}
"""Environments of 0.7 to 5.4 GB: with ``-m heavy`` unless they are installed here."""

CASES = [
    pytest.param(name, marks=pytest.mark.heavy if name in HEAVY and not framework.here else ())
    for name, framework in FRAMEWORKS.items()
]
pytestmark = pytest.mark.parametrize("name", CASES)


@dataclass(frozen=True)
class Served:
    """A deployed model: what to call it on, with which params, and what it has to answer."""

    calls: list[Any]
    answers: dict[int, Any]
    params: dict[str, Any] | None


class Fleet:
    """The models behind their endpoints, each registered and deployed when first asked for."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub = hub
        self._folder = folder
        self._served: dict[str, Served] = {}
        self._restarted = False

    def __getitem__(self, name: str) -> Served:
        if name not in self._served:
            make = self._here if FRAMEWORKS[name].here else self._elsewhere
            version, self._served[name] = make(name)
            self.hub.add_version(version)
            status = self.hub.deploy(name, version, wait=READY_SECONDS)
            assert status.state == "ready", status.reason
        return self._served[name]

    def _here(self, name: str) -> tuple[Any, Served]:
        make, calls = makers.MAKERS[name]
        made = make()
        example = calls[0] if made.params is None else (calls[0], made.params)
        version = registry.register(name, made.model, example, **made.options)
        return version, Served(calls, makers.answers(made, calls), made.params)

    def _elsewhere(self, name: str) -> tuple[Any, Served]:
        wanted = list(FRAMEWORKS[name].requirements)
        made = foreign.make(name, wanted, self.hub.home / "environments", self._folder / name)
        version = registry.register(name, made.folder, environment="locked")
        return version, Served(makers.MAKERS[name][1], made.answers, None)

    def restart(self) -> None:
        """Stop the hub and start it, once for all models."""
        if not self._restarted:
            home = self.hub.home
            self.hub.stop()
            self.hub = Hub.connect(home=home)
            self._restarted = True


@pytest.fixture(scope="module")
def fleet(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return Fleet(hub, tmp_path_factory.mktemp("frameworks"))


def exact(answer: Any, expected: np.ndarray) -> None:
    """The same numbers, bit by bit; a model may give them as an array, a series or a table."""
    if isinstance(answer, dict):
        (answer,) = answer.values()
    got = np.asarray(answer.to_numpy() if isinstance(answer, pd.DataFrame | pd.Series) else answer)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got.reshape(expected.shape), expected)


@pytest.mark.filterwarnings("ignore")
def test_it_answers_as_the_framework_does(fleet: Fleet, name: str) -> None:
    served = fleet[name]
    assert {0, 1} <= served.answers.keys(), "many rows and one row are answered"
    for position in (0, 1):
        got = fleet.hub.predict(name, served.calls[position], params=served.params)
        exact(got, served.answers[position])


@pytest.mark.filterwarnings("ignore")
def test_odd_inputs_are_answered_alike_or_refused(fleet: Fleet, name: str) -> None:
    served = fleet[name]
    for position in range(2, len(served.calls)):
        if position in served.answers:
            got = fleet.hub.predict(name, served.calls[position], params=served.params)
            exact(got, served.answers[position])
        else:
            with pytest.raises(MlopsError):
                fleet.hub.predict(name, served.calls[position], params=served.params)
    exact(fleet.hub.predict(name, served.calls[0], params=served.params), served.answers[0])


def test_it_answers_the_same_after_a_restart(fleet: Fleet, name: str) -> None:
    served = fleet[name]
    fleet.restart()
    exact(fleet.hub.predict(name, served.calls[0], params=served.params), served.answers[0])
