"""Scaling and environments through the whole hub, on real processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mlops_jupyter as mj
from mlops_jupyter.client import Hub
from mlops_jupyter.types import Unavailable
from tests.traffic import Load, ledger_ids


@pytest.fixture(scope="module")
def churn(home: Path, cancer: Any, classifier: Any) -> Iterator[Hub]:
    mj.register("churn", classifier, cancer.data)
    mj.deploy("churn")
    with Hub.connect(home=home) as hub:
        yield hub


@pytest.fixture(scope="module")
def body(cancer: Any) -> bytes:
    return json.dumps({"dataframe_split": cancer.data.head(1).to_dict("split")}).encode()


def until(true: Callable[[], bool], what: str, timeout: float = 60.0) -> None:
    end = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def ready(hub: Hub) -> int:
    return sum(replicas.ready for replicas in hub.status("churn").replicas)


def test_an_elastic_endpoint_grows_under_load_and_shrinks_after(
    churn: Hub, home: Path, body: bytes
) -> None:
    mj.scale("churn", "elastic:1-3,target=1")
    with Load(home, "churn", body, clients=12) as load:
        until(lambda: ready(churn) == 3, "it did not grow to three replicas")
        status = churn.status("churn")
        assert "calls at once" in status.replicas[0].reason or "calls at once" in status.reason
        load.more(50)
    assert {answer.status for answer in load.answers} == {200}
    mj.scale("churn", "fixed:1")
    until(lambda: ready(churn) == 1, "it did not shrink")


def test_a_serverless_endpoint_rests_and_every_call_at_once_is_answered(
    churn: Hub, home: Path, body: bytes
) -> None:
    mj.scale("churn", "serverless:0-2,idle=1s")
    for _ in range(3):
        until(lambda: ready(churn) == 0, "it did not go to zero")
        assert churn.status("churn").state == "idle"
        with Load(home, "churn", body, clients=6) as load:
            load.more(6)
        assert {answer.status for answer in load.answers} == {200}
    mj.scale("churn", "fixed:1")


def test_a_shadow_sees_every_call_and_its_answers_are_only_recorded(
    churn: Hub, home: Path, body: bytes, cancer: Any, stump: Any
) -> None:
    mj.register("churn", stump, cancer.data)
    mj.traffic("churn", {1: 100}, shadow=[2])
    with Load(home, "churn", body, clients=2) as load:
        load.more(20)
    assert {answer.status for answer in load.answers} == {200}
    until(
        lambda: len(ledger_ids(churn, endpoint="churn", version=2)) >= len(load.answers),
        "the shadow's answers are not in the ledger",
    )
    shadowed = churn.records(endpoint="churn", version=2, kind="prediction").records
    assert all(row.get("record", row).get("shadow") for row in shadowed)
    mj.traffic("churn", {1: 100})


def test_weights_divide_the_calls(churn: Hub, home: Path, body: bytes) -> None:
    mj.traffic("churn", {1: 50, 2: 50})
    first = len(ledger_ids(churn, endpoint="churn", version=2))
    with Load(home, "churn", body, clients=2) as load:
        load.more(200)
    second = len(ledger_ids(churn, endpoint="churn", version=2)) - first
    # 50 of 200 on either side is beyond 7 standard deviations
    assert 50 < second < len(load.answers) - 50
    mj.traffic("churn", {1: 100})


def test_gpus_that_are_not_there_are_refused_clearly(churn: Hub) -> None:
    with pytest.raises(Unavailable, match="GPU"):
        mj.deploy("churn/1", name="fast", gpu=64)


def test_a_locked_environment_is_made_and_serves(churn: Hub, cancer: Any) -> None:
    mj.deploy("churn/1", name="locked", env="locked")
    assert len(mj.predict("locked", cancer.data.head(3))) == 3
    mj.undeploy("locked")
