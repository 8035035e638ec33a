"""The promises that hold the product together, each tried on the real thing under load."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mlops_jupyter as mj
from mlops_jupyter.client import Hub
from tests.conftest import state_directory
from tests.traffic import Load, ledger_ids


@pytest.fixture(scope="module")
def churn(home: Path, cancer: Any, classifier: Any, stump: Any) -> Iterator[Hub]:
    """A hub whose endpoint `churn` serves version 1; version 2 is registered."""
    mj.register("churn", classifier, cancer.data)
    mj.register("churn", stump, cancer.data)
    mj.deploy("churn/1")
    with Hub.connect(home=home) as hub:
        yield hub


@pytest.fixture(scope="module")
def body(cancer: Any) -> bytes:
    return json.dumps({"dataframe_split": cancer.data.head(1).to_dict("split")}).encode()


def test_a_swap_under_load_loses_no_request(churn: Hub, home: Path, body: bytes) -> None:
    with Load(home, "churn", body, clients=8) as load:
        load.more(50)
        mj.promote("churn", 2)
        load.more(50)
        mj.rollback("churn")
        load.more(50)
        mj.deploy("churn/2", mode="strict")
        load.more(50)
    assert Counter(answer.status for answer in load.answers) == {200: len(load.answers)}
    assert load.disconnects == 0


def test_a_killed_worker_fails_only_the_calls_it_held(churn: Hub, home: Path, body: bytes) -> None:
    mj.deploy("churn/1")
    mj.scale("churn", "fixed:2")
    with Load(home, "churn", body, clients=8) as load:
        load.more(100)
        for _ in range(5):
            os.kill(_workers(churn.info().pid)[0], signal.SIGKILL)
            load.more(100)
    mj.scale("churn", "fixed:1")
    statuses = Counter(answer.status for answer in load.answers)
    assert set(statuses) <= {200, 502}
    assert statuses[502] <= 5 * 8
    lost = {answer.record for answer in load.answers if answer.status == 502}
    assert lost <= ledger_ids(churn, endpoint="churn", status=502)


def test_every_answer_that_left_is_in_the_ledger_after_kill_9(
    churn: Hub, home: Path, body: bytes
) -> None:
    _kill_the_hub_many_times(home, body, times=6)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_fifty_kills_lose_nothing(churn: Hub, home: Path, body: bytes) -> None:
    _kill_the_hub_many_times(home, body, times=50)


def _kill_the_hub_many_times(home: Path, body: bytes, times: int) -> None:
    dice = random.Random(7)
    with Load(home, "churn", body, clients=4) as load:
        for _ in range(times):
            load.more(20)
            time.sleep(dice.random() * 0.2)
            with Hub.connect(home=home) as hub:
                os.kill(hub.info().pid, signal.SIGKILL)
            with Hub.connect(home=home) as hub:
                assert hub.status("churn").state in ("loading", "ready", "degraded", "pending")
        load.more(20)
    answered = {answer.record for answer in load.answers if answer.status == 200}
    with Hub.connect(home=home) as hub:
        missing = answered - ledger_ids(hub, endpoint="churn")
        assert not missing, f"{len(missing)} of {len(answered)} answers have no record"
        verified = hub.verify()
    assert verified.ok, verified.problems
    assert len(answered) > 20 * times


def test_two_kernels_share_one_hub_and_a_restart_changes_nothing(
    churn: Hub, home: Path, cancer: Any
) -> None:
    code = (
        "import mlops_jupyter as mj, sys\n"
        "from sklearn.datasets import load_breast_cancer\n"
        "X = load_breast_cancer(as_frame=True).data\n"
        "from mlops_jupyter.client import Hub\n"
        "print(Hub.connect().info().pid, list(mj.predict('churn', X.head(3))))\n"
    )
    kernels = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [kernel.communicate(timeout=60)[0] for kernel in kernels]
    assert said[0] == said[1]
    assert said[0].split()[0] == str(churn.info().pid)


def test_the_hub_takes_its_workers_along_when_it_stops(cancer: Any, classifier: Any) -> None:
    with state_directory() as home:
        mj.register("short", classifier, cancer.data)
        mj.deploy("short")
        with Hub.connect(home=home) as hub:
            pid = hub.info().pid
            family = [pid, *_descendants(pid)]
            assert len(family) >= 3
            hub.stop()
        end = time.monotonic() + 10
        while any(_alive(one) for one in family):
            assert time.monotonic() < end, "processes are left behind"
            time.sleep(0.05)


def _descendants(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def _workers(hub_pid: int) -> list[int]:
    """The processes that have no children of their own and are not the zygote."""
    import psutil

    family = psutil.Process(hub_pid).children(recursive=True)
    parents = {process.ppid() for process in family}
    return [process.pid for process in family if process.pid not in parents]


def _alive(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
