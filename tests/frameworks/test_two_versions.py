"""Two versions of one framework side by side: scikit-learn 1.7 on numpy 1, and 1.9 on numpy 2.

Each was made in an interpreter of its own, is served in a locked environment, and answers exactly
as it answered there, behind one endpoint and behind two.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter

import numpy as np
import psutil
import pytest

import mlops_jupyter.registry as registry
from mlops_jupyter.client import Hub

from . import foreign, makers

REQUIREMENTS = {
    1: ["scikit-learn==1.7.2", "numpy==1.26.4", "pandas==2.3.3", "cloudpickle==3.1.2"],
    2: ["scikit-learn==1.9.1", "numpy==2.4.6", "pandas==3.1.1", "cloudpickle==3.1.2"],
}
CALLS = makers.MAKERS["telling-forest"][1]

pytestmark = pytest.mark.skipif(
    not (3, 11) <= sys.version_info[:2] <= (3, 12), reason="numpy 1.26 is for Python 3.11 and 3.12"
)


@pytest.fixture(scope="module")
def made(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> dict[int, foreign.Foreign]:
    """The model of either framework, registered as two versions of one model."""
    folder = tmp_path_factory.mktemp("versions")
    environments = hub.home / "environments"
    found = {
        number: foreign.make("telling-forest", asked, environments, folder / str(number))
        for number, asked in REQUIREMENTS.items()
    }
    for number, each in found.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", registry.ModelAdvice)
            version = registry.register("forest", each.folder, environment="locked")
        assert version.version == number
        hub.add_version(version)
    return found


@pytest.fixture(scope="module")
def served(hub: Hub, made: dict[int, foreign.Foreign]) -> Hub:
    """One endpoint with both versions, half of the traffic each, and an endpoint of either."""
    first, second = (registry.resolve(f"forest/{number}") for number in (1, 2))
    for name, version in (("both", first), ("old", first), ("new", second)):
        status = hub.deploy(name, version, wait=120)
        assert status.state == "ready", status.reason
    hub.traffic("both", {1: 50, 2: 50}, versions=[second])
    return hub


def zygotes(hub: Hub) -> dict[str, int]:
    """How many workers each environment's zygote has, by its interpreter."""
    found = {}
    for process in psutil.Process(hub.info().pid).children():
        command = process.cmdline()
        if "mlops_jupyter.serving.zygote" in command:
            found[command[0]] = len(process.children())
    return found


def test_each_was_made_with_its_own_framework(made: dict[int, foreign.Foreign]) -> None:
    told = {number: set(map(tuple, each.answers[0][:, 1:])) for number, each in made.items()}
    assert told == {1: {(1.7, 1.26)}, 2: {(1.9, 2.4)}}


@pytest.mark.parametrize(("endpoint", "version"), [("old", 1), ("new", 2)])
def test_each_endpoint_answers_as_its_framework_does(
    served: Hub, made: dict[int, foreign.Foreign], endpoint: str, version: int
) -> None:
    for position, answer in made[version].answers.items():
        np.testing.assert_array_equal(served.predict(endpoint, CALLS[position]), answer)


def test_behind_one_endpoint_each_version_answers_as_its_framework_does(
    served: Hub, made: dict[int, foreign.Foreign]
) -> None:
    for version, each in made.items():
        got = served.predict("both", CALLS[0], version=version)
        np.testing.assert_array_equal(got, each.answers[0])
    for _ in range(40):
        answer = served.predict("both", CALLS[1])
        assert any(np.array_equal(answer, each.answers[1]) for each in made.values())
    records = served.records(endpoint="both", kind="prediction", limit=40).records
    assert Counter(record["model"]["version"] for record in records).keys() == {1, 2}


def test_an_environment_has_one_zygote_whatever_it_serves(
    served: Hub, made: dict[int, foreign.Foreign]
) -> None:
    assert zygotes(served) == {each.python: 2 for each in made.values()}


@pytest.mark.filterwarnings("ignore:Trying to unpickle")
def test_for_this_kernel_it_is_tried_here_and_told_what_it_asks_for(
    made: dict[int, foreign.Foreign],
) -> None:
    with pytest.warns(registry.ModelAdvice, match=r"scikit-learn==1\.7\.2.*--env locked"):
        version = registry.register("here", made[1].folder)
    assert version.environment.kind == "kernel"
