"""A worker is an untrusted process: whatever its model does, the gateway gets a defined result."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.serving import frames, workerlog
from mlops_jupyter.serving.modelio import InputPlan
from mlops_jupyter.serving.worker import MAX_MESSAGE, WorkerSpec, describe
from mlops_jupyter.serving.zygote import modules_for
from tests.serving import zoo
from tests.serving.workers import ModelFailed, Nursery, Worker, is_running, open_fds, until

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
    pytest.mark.filterwarnings("ignore"),
]

ROW = pd.DataFrame({"a": [1.0], "b": [2.0], "c": [3.0]})
SIGNATURE = zoo.infer_signature(ROW).to_dict()
HEADER, BODY = InputPlan(SIGNATURE).pack(ROW)
cloudpickle.register_pickle_by_value(sys.modules[__name__])
cloudpickle.register_pickle_by_value(zoo)


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    before = dict(os.environ)
    os.environ |= {
        "MLFLOW_TRACKING_TOKEN": "secret-1",
        "AWS_SECRET_ACCESS_KEY": "secret-2",
        "MY_PASSWORD": "secret-3",
        "SOMETHING_ELSE": "secret-4",
    }
    modules = modules_for({"python_function": {"loader_module": "mlflow.pyfunc.model"}})
    started = Nursery(modules, tmp_path_factory.mktemp("logs") / "zygote.log")
    os.environ.clear()
    os.environ |= before
    yield started
    started.close()


Start = Callable[..., Worker]


@pytest.fixture
def start(nursery: Nursery, tmp_path: Path) -> Iterator[Start]:
    """Start a worker whose model is the given function of a frame."""

    def started(make: Callable[[Any], Any], how: str = "fork", **fields: Any) -> Worker:
        path = tmp_path / f"model-{len(list(tmp_path.iterdir()))}"
        zoo.save_custom(path, make, ROW, input_example=None)
        fields.setdefault("log_path", str(tmp_path / "worker.log"))
        spec = WorkerSpec("e", "m", 1, str(path), SIGNATURE, **fields)
        return nursery.start(spec, how)

    yield started
    nursery.end_workers()


def when(flag: float, action: Callable[[], Any]) -> Callable[[Any], Any]:
    """A model that does something when column a has this value, and else adds its columns."""

    def model(frame: Any) -> Any:
        if frame["a"].iloc[0] == flag:
            return action()
        return frame.sum(axis=1).to_numpy()

    return model


def row(value: float) -> tuple[dict[str, Any], bytes]:
    return InputPlan(SIGNATURE).pack(ROW.assign(a=value))


def log_of(worker_dir: Path) -> bytes:
    return workerlog.tail(worker_dir / "worker.log")


# -- the conversation -----------------------------------------------------------------------------


def test_ready_says_what_the_gateway_must_know(start: Start) -> None:
    worker = start(when(-1, lambda: None))
    ready = worker.ready()
    assert ready["pid"] == worker.pid
    assert ready["path"] == "custom-frame"
    assert ready["batchable"] is False
    assert ready["load_ms"] > 0
    assert ready["outputs"] == [{"name": "predictions", "datatype": "FP64", "shape": [-1]}]


def test_a_prediction_comes_back_under_its_id_with_its_time(start: Start) -> None:
    worker = start(when(-1, lambda: None))
    worker.ready()
    worker.send(2**63 + 1, HEADER, BODY)
    value, header = worker.answer(2**63 + 1)
    assert value.tolist() == [6.0]
    assert header["rows"] == 1
    assert header["predict_us"] > 0


def test_frames_that_arrive_together_are_answered_in_order(start: Start) -> None:
    worker = start(when(-1, lambda: None))
    worker.ready()
    pieces: list[Any] = []
    for number in range(20):
        header, body = row(number)
        pieces += frames.encode(number, frames.PREDICT, header, [body])
    worker.sock.sendall(b"".join(pieces))
    assert [worker.answer(number)[0][0] for number in range(20)] == [5.0 + n for n in range(20)]


def test_stop_ends_it_with_status_0(start: Start) -> None:
    worker = start(when(-1, lambda: None))
    worker.ready()
    assert worker.stop() == 0


def test_it_ends_when_the_gateway_is_gone(start: Start) -> None:
    worker = start(when(-1, lambda: None))
    worker.ready()
    worker.sock.close()
    assert worker.wait() == 0


def test_a_hundred_megabytes_go_in_and_come_out(start: Start) -> None:
    worker = start(lambda frame: frame.to_numpy())
    worker.ready()
    rows = (100 << 20) // 24
    data = np.arange(rows * 3, dtype="f8").reshape(rows, 3)
    header = {**HEADER, "rows": rows, "sizes": [data.nbytes], "shapes": [[rows, 3]]}
    started = time.monotonic()
    back = worker.predict(header, data.tobytes())
    assert np.array_equal(back, data)
    assert time.monotonic() - started < 20


# -- models that misbehave ------------------------------------------------------------------------


def test_a_model_that_raises_fails_that_call_only(start: Start, tmp_path: Path) -> None:
    def fail() -> None:
        raise KeyError("the reason")

    worker = start(when(7, fail))
    worker.ready()
    with pytest.raises(ModelFailed) as caught:
        worker.predict(*row(7))
    assert caught.value.header["error_class"] == "KeyError"
    assert "the reason" in caught.value.header["message"]
    assert worker.predict(HEADER, BODY).tolist() == [6.0]
    assert b"Traceback" in until(lambda: log_of(tmp_path), "the traceback is in the log")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), RecursionError("deep")])
def test_even_what_usually_ends_a_process_fails_one_call_only(
    start: Start, error: BaseException
) -> None:
    def fail() -> None:
        raise error

    worker = start(when(7, fail))
    worker.ready()
    with pytest.raises(ModelFailed) as caught:
        worker.predict(*row(7))
    assert caught.value.header["error_class"] == type(error).__name__
    assert worker.predict(HEADER, BODY).tolist() == [6.0]


def test_a_long_message_is_cut(start: Start) -> None:
    def fail() -> None:
        raise ValueError("ü" * 100_000)

    worker = start(when(7, fail))
    worker.ready()
    with pytest.raises(ModelFailed) as caught:
        worker.predict(*row(7))
    assert len(caught.value.header["message"].encode()) <= MAX_MESSAGE


def test_an_error_that_cannot_be_printed_is_still_an_error() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert describe(Odd()) == {"error_class": "Odd", "message": ""}
    assert describe(ValueError("\ud800"))["message"] == "?"


def test_a_result_that_cannot_be_carried_is_an_error_that_names_its_type(start: Start) -> None:
    worker = start(when(7, lambda: (n for n in range(3))))
    worker.ready()
    with pytest.raises(ModelFailed) as caught:
        worker.predict(*row(7))
    assert caught.value.header["error_class"] == "UnusableResult"
    assert "generator" in caught.value.header["message"]


def test_a_batchable_model_must_return_a_row_for_a_row(start: Start) -> None:
    worker = start(when(7, lambda: np.zeros(3)), batchable=True)
    assert worker.ready()["batchable"] is True
    with pytest.raises(ModelFailed) as caught:
        worker.predict(*row(7))
    assert caught.value.header["error_class"] == "WrongRowCount"
    assert caught.value.header["message"] == "The model returned 3 rows for 1 rows."


def test_any_other_model_may_return_what_it_likes(start: Start) -> None:
    worker = start(when(7, lambda: {"summary": "fine"}))
    worker.ready()
    assert worker.predict(*row(7)) == {"summary": "fine"}


def test_a_model_that_exits_ends_the_worker_with_its_status(start: Start) -> None:
    worker = start(when(7, lambda: os._exit(42)))
    worker.ready()
    worker.send(1, *row(7))
    assert worker.is_at_end()
    assert worker.wait() == 42


def test_a_model_that_is_killed_ends_the_worker_by_that_signal(start: Start) -> None:
    worker = start(when(7, lambda: os.kill(os.getpid(), signal.SIGKILL)))
    worker.ready()
    worker.send(1, *row(7))
    assert worker.is_at_end()
    assert worker.wait() == -signal.SIGKILL


def test_a_crash_leaves_the_stack_in_the_log(start: Start, tmp_path: Path) -> None:
    worker = start(when(7, lambda: os.kill(os.getpid(), signal.SIGSEGV)))
    worker.ready()
    worker.send(1, *row(7))
    assert worker.wait() == -signal.SIGSEGV
    assert b"Segmentation fault" in until(lambda: log_of(tmp_path), "the stack is in the log")


def test_a_model_that_hangs_can_be_killed(start: Start) -> None:
    def hang() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        while True:
            time.sleep(1)

    worker = start(when(7, hang))
    worker.ready()
    worker.send(1, *row(7))
    assert worker.kill() == -signal.SIGKILL
    assert worker.is_at_end()


def test_a_model_that_forks_answers_once_and_leaves_nobody_behind(
    start: Start, tmp_path: Path
) -> None:
    note = tmp_path / "child"

    def fork() -> Any:
        pid = os.fork()
        if pid:
            note.write_text(str(pid))
        return np.array([float(pid > 0)])

    worker = start(when(7, fork))
    worker.ready()
    assert worker.predict(*row(7)).tolist() == [1.0]
    assert worker.predict(HEADER, BODY).tolist() == [6.0]
    child = int(note.read_text())
    until(lambda: not is_running(child), "the forked child is gone")


def test_children_that_a_model_started_end_with_the_worker(start: Start, tmp_path: Path) -> None:
    note = tmp_path / "child"

    def start_child() -> Any:
        import subprocess

        note.write_text(str(subprocess.Popen(["sleep", "600"]).pid))
        return np.array([1.0])

    worker = start(when(7, start_child))
    worker.ready()
    worker.predict(*row(7))
    child = int(note.read_text())
    assert is_running(child)
    worker.sock.close()
    worker.wait()
    until(lambda: not is_running(child), "the model's own child is gone")


def test_a_model_that_prints_megabytes_neither_blocks_nor_fills_the_disk(
    start: Start, tmp_path: Path
) -> None:
    def shout() -> Any:
        for _ in range(300):
            print("x" * 99_999)
        os.write(2, b"the very last words\n")
        return np.array([1.0])

    worker = start(when(7, shout))
    worker.ready()
    assert worker.predict(*row(7)).tolist() == [1.0]
    log = tmp_path / "worker.log"
    until(lambda: b"the very last words" in log_of(tmp_path), "the last words are in the log")
    assert log.stat().st_size <= workerlog.MAX_BYTES + 64
    assert len(workerlog.tail(log)) == workerlog.KEEP_BYTES


def test_what_a_model_prints_before_it_dies_is_kept(start: Start, tmp_path: Path) -> None:
    def last_words() -> None:
        print("about to go")
        os._exit(1)

    worker = start(when(7, last_words))
    worker.ready()
    worker.send(1, *row(7))
    worker.wait()
    assert b"about to go" in log_of(tmp_path)


def test_a_model_past_its_memory_limit_gets_an_error_and_lives(start: Start) -> None:
    worker = start(when(7, lambda: np.ones(200 << 20, dtype="u1").sum()), memory_bytes=100 << 20)
    worker.ready()
    with pytest.raises(ModelFailed) as caught:
        worker.predict(*row(7))
    assert "Memory" in caught.value.header["error_class"]
    assert worker.predict(HEADER, BODY).tolist() == [6.0]


def test_memory_within_the_limit_is_not_refused(start: Start) -> None:
    worker = start(
        when(7, lambda: np.ones(50 << 20, dtype="u1")[:1].astype(float)), memory_bytes=100 << 20
    )
    worker.ready()
    assert worker.predict(*row(7)).tolist() == [1.0]


# -- loading --------------------------------------------------------------------------------------


def test_a_model_that_cannot_be_loaded_says_why_and_exits(nursery: Nursery, tmp_path: Path) -> None:
    worker = nursery.start(WorkerSpec("e", "m", 1, str(tmp_path / "nowhere"), SIGNATURE))
    with pytest.raises(ModelFailed) as caught:
        worker.ready()
    assert caught.value.header["phase"] == "load"
    assert caught.value.header["message"]
    assert worker.wait() == 1


def test_a_model_that_exits_while_it_loads_ends_the_worker(
    nursery: Nursery, tmp_path: Path
) -> None:
    class Deadly:
        def __reduce__(self) -> Any:
            return os._exit, (9,)

    zoo.save_custom(tmp_path / "m", lambda frame: frame, ROW, input_example=None)
    (tmp_path / "m" / "python_model.pkl").write_bytes(cloudpickle.dumps(Deadly()))
    worker = nursery.start(WorkerSpec("e", "m", 1, str(tmp_path / "m"), SIGNATURE))
    assert worker.is_at_end()
    assert worker.wait() == 9


# -- isolation ------------------------------------------------------------------------------------


def test_no_secret_of_the_hub_is_in_its_environment(start: Start) -> None:
    worker = start(when(7, lambda: dict(os.environ)))
    worker.ready()
    environment = worker.predict(*row(7))
    assert not [value for value in environment.values() if "secret" in value]
    assert environment["PATH"] == os.environ["PATH"]
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    first = Path(f"/proc/{worker.pid}/environ").read_bytes()
    assert b"secret" not in first


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_it_has_its_socket_its_output_and_no_other_descriptor(start: Start, how: str) -> None:
    worker = start(when(-1, lambda: None), how)
    worker.ready()

    def settled() -> bool:
        others = {fd: path for fd, path in open_fds(worker.pid).items() if fd > 2}
        return [path.split(":")[0] for path in others.values()] == ["socket"]

    until(settled, "only the socket is left open")
    standard = open_fds(worker.pid)
    assert standard[0] == "/dev/null"
    assert standard[1].startswith("pipe:")
    assert standard[2] == standard[1]


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_it_leads_a_session_of_its_own_and_leaves_no_core(start: Start, how: str) -> None:
    worker = start(when(-1, lambda: None), how)
    worker.ready()
    assert os.getsid(worker.pid) == worker.pid
    assert os.getpgid(worker.pid) == worker.pid
    limits = Path(f"/proc/{worker.pid}/limits").read_text().splitlines()
    (core,) = [line.split() for line in limits if line.startswith("Max core")]
    assert core[4:6] == ["0", "0"]


def test_workers_of_one_zygote_do_not_draw_the_same_random_numbers(start: Start) -> None:
    drawn = []
    for _ in range(2):
        worker = start(when(7, lambda: np.random.random(4)))
        worker.ready()
        drawn.append(tuple(worker.predict(*row(7))))
    assert drawn[0] != drawn[1]


def test_a_spawned_worker_sees_its_gpus_and_answers_the_same(start: Start) -> None:
    model = when(7, lambda: [os.environ["CUDA_VISIBLE_DEVICES"], os.environ["CUDA_DEVICE_ORDER"]])
    worker = start(model, "spawn", gpus=(1, 3))
    assert worker.ready()["pid"] == worker.pid
    assert worker.predict(*row(7)) == ["1,3", "PCI_BUS_ID"]
    assert worker.predict(HEADER, BODY).tolist() == [6.0]
    assert worker.stop() == 0


def test_a_spec_crosses_a_process_border() -> None:
    spec = WorkerSpec("e", "m", 3, "/p", SIGNATURE, {"sklearn": {}}, 5, (0, 2), "/l", True)
    assert WorkerSpec.from_json(spec.to_json()) == spec
    newer = spec.to_json()[:-1] + ', "of_a_newer_version": 1}'
    assert WorkerSpec.from_json(newer) == spec


# -- the log --------------------------------------------------------------------------------------


def test_the_log_starts_anew_with_its_newest_part(tmp_path: Path) -> None:
    log = workerlog.WorkerLog(tmp_path / "deep" / "w.log")
    for number in range(10_000):
        log.write(b"line %d with some text after it\n" % number)
    content = (tmp_path / "deep" / "w.log").read_bytes()
    assert len(content) <= workerlog.MAX_BYTES
    assert content.startswith(b"[earlier output is left out]")
    assert content.endswith(b"line 9999 with some text after it\n")
    assert len(workerlog.tail(tmp_path / "deep" / "w.log", 100)) == 100


def test_a_log_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    workerlog.WorkerLog(tmp_path / "file" / "w.log").write(b"lost")
    workerlog.WorkerLog(None).write(b"lost")
    assert workerlog.tail(tmp_path / "nowhere") == b""
