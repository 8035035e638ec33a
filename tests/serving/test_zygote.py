"""Zygotes: quick forks, small workers, honest exits, one clear error when something is broken."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.serving import priming, zygote_process
from mlops_jupyter.serving.modelio import InputPlan
from mlops_jupyter.serving.worker import WorkerSpec
from mlops_jupyter.serving.zygote import Zygote, modules_for
from mlops_jupyter.types import Unavailable
from tests.serving import zoo
from tests.serving.workers import Nursery, is_running, memory_kb, until

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def nursery(logs: Path) -> Iterator[Nursery]:
    flavors = {"sklearn": {}, "python_function": {"loader_module": "mlflow.sklearn"}}
    started = Nursery(modules_for(flavors), logs / "zygote.log")
    yield started
    started.close()


@pytest.fixture(scope="module")
def cancer_spec(tmp_path_factory: pytest.TempPathFactory, cancer: Any, logs: Path) -> WorkerSpec:
    import mlflow.sklearn
    from sklearn.linear_model import LogisticRegression

    path = tmp_path_factory.mktemp("model") / "cancer"
    model = LogisticRegression(max_iter=5000).fit(cancer.data, cancer.target)
    signature = mlflow.models.infer_signature(cancer.data)
    mlflow.sklearn.save_model(
        model,
        str(path),
        signature=signature,
        input_example=cancer.data.head(5),
        pip_requirements=[],
        serialization_format="cloudpickle",
    )
    log = str(logs / "worker.log")
    return WorkerSpec("cancer", "cancer", 1, str(path), signature.to_dict(), log_path=log)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Nursery]:
    """A zygote that a test may break; it imports next to nothing."""
    started = Nursery(["json"], tmp_path / "alone.log")
    yield started
    started.close()


# -- quick and small ------------------------------------------------------------------------------


def test_a_second_worker_of_a_version_is_small(
    nursery: Nursery, cancer_spec: WorkerSpec, cancer: Any
) -> None:
    header, body = InputPlan(cancer_spec.signature).pack(cancer.data.head(1))
    first = nursery.start(cancer_spec)
    first.ready()
    private = []
    for _ in range(5):
        worker = nursery.start(cancer_spec)
        assert worker.ready()["path"] == "sklearn-matrix"
        worker.predict(header, body)
        private.append(memory_kb(worker.pid, "Private_Dirty", "Private_Clean"))
        assert worker.stop() == 0
    nursery.end_workers()
    assert statistics.median(private) < 25_000


def test_a_later_worker_is_spared_what_the_first_had_to_import(
    nursery: Nursery, tmp_path: Path
) -> None:
    entry = zoo.sklearn_multi_output(tmp_path / "forest")
    signature = zoo.infer_signature(zoo.NUMBERS).to_dict()
    spec = WorkerSpec("e", "forest", 1, str(entry.path), signature)
    nursery.start(spec).ready()

    def maps_tree_module() -> bool:
        return "sklearn/tree/_tree" in Path(f"/proc/{nursery.zygote.pid}/maps").read_text()

    until(maps_tree_module, "the zygote has imported sklearn.tree")
    worker = nursery.start(spec)
    assert worker.ready()["path"] == "sklearn-matrix"
    header, body = InputPlan(signature).pack(zoo.NUMBERS)
    assert worker.predict(header, body).shape == (8, 2)
    nursery.end_workers()


def test_it_is_ready_with_one_thread_of_python(nursery: Nursery) -> None:
    info = nursery.zygote.info
    # arrow's allocator has one of its own, which holds no lock that Python needs
    assert set(info["threads"]) <= {"python", "python3", "python3.11", "jemalloc_bg_thd"}
    assert len([name for name in info["threads"] if name.startswith("python")]) == 1


def test_workers_of_one_zygote_work_side_by_side(nursery: Nursery, cancer_spec: WorkerSpec) -> None:
    plan = InputPlan(cancer_spec.signature)
    workers = [nursery.start(cancer_spec) for _ in range(4)]
    for worker in workers:
        worker.ready()
    example = [[float(n)] * 30 for n in range(4)]
    for number, worker in enumerate(workers):
        worker.send(number, *plan.pack(_frame(plan, example[number])))
    for number, worker in enumerate(workers):
        assert worker.answer(number)[0].shape == (1,)
    assert len({worker.pid for worker in workers}) == 4
    nursery.end_workers()


def _frame(plan: InputPlan, values: list[float]) -> Any:
    import pandas as pd

    return pd.DataFrame([values], columns=plan.labels)


def test_more_modules_can_be_imported_later(alone: Nursery) -> None:
    def maps(name: str) -> bool:
        return name in Path(f"/proc/{alone.zygote.pid}/maps").read_text()

    assert not maps("_sqlite3")
    alone.run(alone.zygote.prepare(["sqlite3"]))
    assert maps("_sqlite3")


def test_a_module_that_cannot_be_imported_later_is_an_error_and_no_end(alone: Nursery) -> None:
    with pytest.raises(Unavailable, match="no_such_module"):
        alone.run(alone.zygote.prepare(["no_such_module"]))
    alone.run(alone.zygote.prepare(["wave"]))


def test_only_modules_of_known_libraries_are_imported_on_a_workers_word() -> None:
    before = set(sys.modules)
    priming.follow(["antigravity", "turtledemo", "sklearn.__main__", "numpy.tests", 7, "os; x"])
    priming.follow(["sklearn.no_such_module", "numpy.conftest"])
    assert set(sys.modules) == before
    assert priming.hints(frozenset(sys.modules)) == []


@pytest.mark.parametrize(
    "flavors, wanted",
    [
        ({}, "mlflow.pyfunc"),
        ({"sklearn": {}, "python_function": {"loader_module": "mlflow.sklearn"}}, "mlflow.sklearn"),
        ({"onnx": {}, "python_function": {"loader_module": "mlflow.onnx"}}, "onnxruntime"),
        ({"xgboost": {}}, "xgboost"),
    ],
)
def test_a_flavour_says_what_should_be_imported(flavors: dict[str, Any], wanted: str) -> None:
    assert wanted in modules_for(flavors)


def test_a_loader_of_the_users_own_is_not_imported_into_the_zygote() -> None:
    assert "mine" not in modules_for({"python_function": {"loader_module": "mine"}})


# -- ends -----------------------------------------------------------------------------------------


def test_a_zygote_that_dies_takes_its_workers_and_says_so(
    alone: Nursery, cancer_spec: WorkerSpec
) -> None:
    workers = [alone.start(cancer_spec) for _ in range(2)]
    assert [is_running(worker.pid) for worker in workers] == [True, True]
    assert alone.zygote.alive
    os.kill(alone.zygote.pid, signal.SIGKILL)
    assert alone.run(alone.zygote.wait()) == -signal.SIGKILL
    for worker in workers:
        assert worker.wait() == -signal.SIGKILL
        until(lambda pid=worker.pid: not is_running(pid), "the worker is gone")
    assert not alone.zygote.alive
    with pytest.raises(Unavailable) as caught:
        alone.start(cancer_spec)
    assert caught.value.code == "environment_gone"


def test_stopping_it_ends_its_workers(alone: Nursery, cancer_spec: WorkerSpec) -> None:
    worker = alone.start(cancer_spec)
    alone.run(alone.zygote.stop())
    assert worker.wait() == -signal.SIGKILL
    assert alone.run(alone.zygote.wait()) == 0
    until(lambda: not is_running(worker.pid), "the worker is gone")


HUB = """
import asyncio, socket, sys
from pathlib import Path
from mlops_jupyter.serving.worker import WorkerSpec
from mlops_jupyter.serving.zygote import Zygote

async def main():
    zygote = await Zygote.start(sys.executable, ["json"], Path(sys.argv[1]))
    ours, theirs = socket.socketpair()
    worker = await zygote.fork(WorkerSpec.from_json(sys.argv[2]), theirs)
    theirs.close()
    print(zygote.pid, worker.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_nothing_outlives_a_hub_that_is_killed(tmp_path: Path, cancer_spec: WorkerSpec) -> None:
    import subprocess

    hub = subprocess.Popen(
        [sys.executable, "-c", HUB, str(tmp_path / "z.log"), cancer_spec.to_json()],
        stdout=subprocess.PIPE,
    )
    assert hub.stdout is not None
    pids = [int(word) for word in hub.stdout.readline().split()]
    assert [is_running(pid) for pid in pids] == [True, True]
    hub.kill()
    hub.wait()
    hub.stdout.close()
    for pid in pids:
        until(lambda pid=pid: not is_running(pid), f"process {pid} is gone")


def test_killing_a_worker_that_has_ended_does_nothing(
    nursery: Nursery, cancer_spec: WorkerSpec
) -> None:
    worker = nursery.start(cancer_spec)
    worker.ready()
    assert worker.stop() == 0
    assert worker.kill() == 0
    assert worker.process.returncode == 0


def test_the_hubs_other_children_are_left_to_it(nursery: Nursery, cancer_spec: WorkerSpec) -> None:
    import subprocess

    before = signal.getsignal(signal.SIGCHLD)
    child = subprocess.Popen(["false"])
    nursery.start(cancer_spec).ready()
    nursery.end_workers()
    assert child.wait() == 1
    assert signal.getsignal(signal.SIGCHLD) is before


def test_no_descriptor_is_left_behind(nursery: Nursery, cancer_spec: WorkerSpec) -> None:
    def counted() -> tuple[int, int]:
        folders = ("/proc/self/fd", f"/proc/{nursery.zygote.pid}/fd")
        ours, theirs = (len(list(Path(folder).iterdir())) for folder in folders)
        return ours, theirs

    before = counted()
    for _ in range(5):
        worker = nursery.start(cancer_spec)
        worker.ready()
        worker.stop()
    nursery.end_workers()
    until(lambda: counted() <= before, "every descriptor is closed")


# -- what cannot start ----------------------------------------------------------------------------


def failure(python: str, modules: list[str], log: Path, **options: Any) -> Unavailable:
    async def start() -> None:
        await (await Zygote.start(python, modules, log, **options)).stop()

    with pytest.raises(Unavailable) as caught:
        asyncio.run(start())
    return caught.value


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    error = failure(sys.executable, ["json", "no_such_library"], tmp_path / "z.log")
    assert error.code == "environment_broken"
    assert "no_such_library" in error.reason


def test_an_interpreter_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    error = failure(str(tmp_path / "python"), [], tmp_path / "z.log")
    assert error.code == "environment_broken"
    assert "No such file" in error.reason


def test_an_interpreter_without_this_package_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = Path(sys.base_prefix) / "bin" / "python3"
    if not python.exists():
        pytest.skip("there is no other interpreter here")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    error = failure(str(python), [], tmp_path / "z.log")
    assert "mlops_jupyter" in error.reason


def test_a_program_that_is_no_python_shows_what_it_printed(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho this is not Python >&2\nexit 7\n")
    program.chmod(0o755)
    assert "this is not Python" in failure(str(program), [], tmp_path / "z.log").reason
    program.write_text("#!/bin/sh\nexit 7\n")
    assert "status 7" in failure(str(program), [], tmp_path / "z.log").reason


def test_an_environment_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho still importing\nexec sleep 600\n")
    program.chmod(0o755)
    error = failure(str(program), [], tmp_path / "z.log", timeout=0.3)
    assert error.code == "environment_slow"
    assert "still importing" in error.reason


def test_another_version_of_this_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_jupyter.serving.zygote.__version__", "99.0")
    error = failure(sys.executable, ["json"], tmp_path / "z.log")
    assert "99.0" in error.reason
    assert error.code == "environment_broken"


def test_a_request_that_makes_no_sense_is_an_error_and_no_end(
    alone: Nursery, cancer_spec: WorkerSpec
) -> None:
    async def ask() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            await alone.zygote._start("dance", cancer_spec, theirs)

    with pytest.raises(Unavailable):
        alone.run(ask())
    assert alone.zygote.alive


def test_many_forks_at_once_are_all_served(nursery: Nursery, cancer_spec: WorkerSpec) -> None:
    async def fork_all() -> list[int]:
        pairs = [socket.socketpair() for _ in range(8)]
        try:
            processes = await asyncio.gather(
                *(nursery.zygote.fork(cancer_spec, theirs) for _, theirs in pairs)
            )
        finally:
            for ours, theirs in pairs:
                ours.close()
                theirs.close()
        return [await process.wait() for process in processes]

    assert nursery.run(fork_all()) == [0] * 8


def test_settling_moves_objects_out_of_the_collectors_sight() -> None:
    import gc

    try:
        zygote_process.settle()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_a_fork_that_nobody_waits_for_any_more_is_ended(
    nursery: Nursery, cancer_spec: WorkerSpec
) -> None:
    async def give_up() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            fork = asyncio.create_task(nursery.zygote.fork(cancer_spec, theirs))
            while not nursery.zygote._replies:
                await asyncio.sleep(0)
            fork.cancel()
            with pytest.raises(asyncio.CancelledError):
                await fork
            (worker,) = [await _next_worker(nursery.zygote)]
            assert await worker.wait() == -signal.SIGKILL

    nursery.run(give_up())
    worker = nursery.start(cancer_spec)
    worker.ready()
    assert worker.stop() == 0


async def _next_worker(zygote: Zygote) -> Any:
    while not zygote._workers:
        await asyncio.sleep(0)
    return next(iter(zygote._workers.values()))


def test_a_hundred_workers_that_die_at_once_are_all_reported(alone: Nursery) -> None:
    nowhere = WorkerSpec("e", "m", 1, "/nowhere")

    async def storm() -> list[int]:
        async def one() -> int:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                process = await alone.zygote.fork(nowhere, theirs)
            process.kill()
            return await process.wait()

        return await asyncio.gather(*(one() for _ in range(100)))

    assert set(alone.run(storm())) <= {-signal.SIGKILL, 0, 1}
    assert alone.zygote.alive
