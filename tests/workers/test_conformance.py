"""What is promised of a model is promised of every kind of it, Python or program.

Each kind serves the same two versions, 2x and 3x, behind one real hub.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pandas as pd
import psutil
import pytest

import mlops_jupyter as mj
from mlops_jupyter.client import Hub
from mlops_jupyter.types import DeadlineExceeded, MlopsError, WorkerDied
from tests.hub.waiting import until
from tests.workers.programs import KINDS

PYTHON = "python"


@dataclass
class Served:
    """An endpoint with two registered versions, of which the first serves."""

    hub: Hub
    name: str
    kind: str

    def predict(self, *values: float, version: int | None = None) -> list[float]:
        answer = mj.predict(self.name, pd.DataFrame({"x": values}), version)
        return (answer["y"] if hasattr(answer, "columns") else answer).tolist()

    @property
    def ready(self) -> int:
        return sum(one.ready for one in self.hub.status(self.name).replicas)

    def processes(self) -> list[psutil.Process]:
        """What computes the answers: the programs, or for Python the workers."""
        hub = psutil.Process(self.hub.info().pid)
        zygotes = [one for one in _children(hub) if "serving.zygote" in " ".join(_words(one))]
        workers = [worker for zygote in zygotes for worker in _children(zygote)]
        if self.kind == PYTHON:
            return workers
        return [program for worker in workers for program in _children(worker)]

    @contextmanager
    def held(self) -> Iterator[list[psutil.Process]]:
        """No program goes on with its work inside of this."""
        stopped = self.processes()
        assert stopped
        for process in stopped:
            with suppress(psutil.NoSuchProcess):  # of a pool that is just being replaced
                process.suspend()
        try:
            yield stopped
        finally:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def records(self, **filters: Any) -> list[dict[str, Any]]:
        return list(self.hub.records(endpoint=self.name, **filters).records)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.Error:  # it has just ended
        return []


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture(scope="module", params=[PYTHON, *KINDS])
def served(
    request: pytest.FixtureRequest, hub: Hub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    kind: str = request.param
    name = kind.replace("c++", "cpp")
    for factor in (2, 3):
        if kind == PYTHON:
            _register_python(name, factor)
        else:
            folder = tmp_path_factory.mktemp(name) / "worker"
            KINDS[kind](folder, factor)
            mj.register(name, worker=folder)
    mj.deploy(f"{name}/1")
    yield Served(hub, name, kind)
    mj.undeploy(name)


def _register_python(name: str, factor: int) -> None:
    from sklearn.linear_model import LinearRegression

    data = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    mj.register(name, LinearRegression().fit(data, factor * data["x"]), data)


def test_it_answers_row_for_row(served: Served) -> None:
    assert served.predict(1.0, 2.5, -4.0) == pytest.approx([2.0, 5.0, -8.0])


def test_an_answer_is_recorded_with_its_version(served: Served) -> None:
    served.predict(7.0)
    record = served.records(kind="prediction", limit=1)[0]
    (version,) = [one for one in served.hub.versions(served.name) if one.version == 1]
    assert (record["model"]["name"], record["model"]["version"]) == (served.name, 1)
    assert record["model"]["digest"] == version.digest
    assert (record["status"], record["rows"]) == (200, 1)


def test_calls_that_wait_are_answered_together_each_with_its_own(served: Served) -> None:
    answers: dict[int, list[float]] = {}

    def call(number: int) -> None:
        answers[number] = served.predict(float(number))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(12)]
    with served.held():
        for thread in threads:
            thread.start()
        until(lambda: _in_hand(served) == 12)
    for thread in threads:
        thread.join()
    assert answers == {number: [pytest.approx(2.0 * number)] for number in range(12)}


def test_a_program_that_hangs_fails_the_call_at_its_deadline(served: Served) -> None:
    mj.deploy(f"{served.name}/1", deadline=1)
    with served.held(), pytest.raises(DeadlineExceeded):
        served.predict(1.0)
    assert served.records(kind="prediction", limit=1)[0]["status"] == 504
    mj.deploy(f"{served.name}/1", deadline=30)
    assert served.predict(2.0) == pytest.approx([4.0])


def test_a_crash_fails_the_calls_in_hand_and_the_next_works(served: Served) -> None:
    errors: list[MlopsError] = []

    def call() -> None:
        try:
            served.predict(1.0)
        except MlopsError as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    with served.held() as stopped:
        thread.start()
        until(lambda: _in_hand(served) == 1)
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    thread.join()
    assert [type(error) for error in errors] == [WorkerDied]
    assert "SIGKILL" in errors[0].reason
    assert served.records(kind="prediction", limit=1)[0]["status"] == 502
    assert served.predict(2.0) == pytest.approx([4.0])


def test_it_starts_from_zero_when_it_is_called(served: Served) -> None:
    mj.scale(served.name, "serverless:0-2,idle=1s")
    until(lambda: served.ready == 0 and not served.processes())
    assert served.predict(3.0) == pytest.approx([6.0])
    mj.scale(served.name, "fixed:1")


def test_two_replicas_are_two_programs(served: Served) -> None:
    mj.scale(served.name, "fixed:2")
    until(lambda: served.ready == 2 and len(served.processes()) == 2)
    mj.scale(served.name, "fixed:1")
    until(lambda: len(served.processes()) == 1)


def test_a_second_version_takes_over_and_the_first_comes_back(served: Served) -> None:
    mj.promote(served.name, 2)
    assert served.predict(5.0) == pytest.approx([15.0])
    mj.rollback(served.name)
    assert served.predict(5.0) == pytest.approx([10.0])


def test_a_shadow_is_asked_too_and_only_recorded(served: Served) -> None:
    mj.traffic(served.name, {1: 100}, shadow=[2])
    assert served.predict(6.0) == pytest.approx([12.0])
    shadow = until(
        lambda: [
            record
            for record in served.records(kind="prediction", version=2, limit=1)
            if record.get("shadow")
        ]
    )
    assert shadow[0]["status"] == 200


def test_nothing_of_it_is_left_once_it_is_undeployed(served: Served) -> None:
    running = served.processes()
    mj.undeploy(served.name)
    until(lambda: not any(process.is_running() for process in running))
    mj.deploy(f"{served.name}/1")


def _in_hand(served: Served) -> int:
    """Calls of the endpoint that wait or are with a replica."""
    gauge = f'mlops_calls_in_flight{{endpoint="{served.name}",version="1"}} '
    lines = served.hub.metrics().splitlines()
    return int(sum(float(line.removeprefix(gauge)) for line in lines if line.startswith(gauge)))
