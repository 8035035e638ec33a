"""Programs that misbehave behind a real hub: what the caller gets, and that nothing is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest

import mlops_jupyter as mj
from mlops_jupyter.client import Hub
from mlops_jupyter.types import (
    Conflict,
    DeadlineExceeded,
    InvalidInput,
    MlopsError,
    ModelError,
    WorkerDied,
)
from tests.hub.waiting import until

PROGRAM = """
import json, os, signal, subprocess, sys, time
%s
def say(message):
    print(json.dumps(message), flush=True)

say({"ready": True})
for line in sys.stdin:
    request = json.loads(line)
    x, id = request["inputs"]["x"], request["id"]
    if "bad" in x:
        %s
    say({"id": id, "outputs": {"y": [f"{value} {os.getpid()}" for value in x]}})
%s
"""
Serve = Callable[..., "Endpoint"]


class Endpoint:
    """A served program that misbehaves when it is asked about ``bad``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def ask(self, *texts: str) -> list[str]:
        answer = mj.predict(self.name, pd.DataFrame({"x": texts}))
        return [text.split()[0] for text in answer["y"]]

    def pid(self) -> int:
        answer = mj.predict(self.name, pd.DataFrame({"x": ["pid"]}))
        return int(answer["y"][0].split()[1])


@pytest.fixture
def serve(hub: Hub, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Serve]:
    served: list[str] = []

    def make(
        bad: str = "pass", before: str = "", after: str = "", deadline: float = 30
    ) -> Endpoint:
        name = f"fault-{abs(hash(request.node.name)) % 10**8}"
        (tmp_path / "worker.py").write_text(PROGRAM % (before, bad, after))
        (tmp_path / "worker.toml").write_text(
            'language = "python"\ncommand = ["python3", "worker.py"]\n'
            'signature = "x: string -> y: string"\n'
        )
        mj.register(name, worker=tmp_path)
        mj.deploy(name, deadline=deadline)
        served.append(name)
        return Endpoint(name)

    yield make
    for name in served:
        with suppress(Conflict):  # a test may have undeployed it
            mj.undeploy(name)


ANSWERED = {
    "half an object": 'sys.stdout.write(\'{"id": 1, "outp\\n\'); sys.stdout.flush(); continue',
    "NaN": 'print(\'{"id": %d, "outputs": {"y": [NaN]}}\' % id, flush=True); continue',
    "an unknown id": 'say({"id": 99999, "outputs": {}}); continue',
    "too few rows": 'say({"id": id, "outputs": {"y": []}}); continue',
    "another type": 'say({"id": id, "outputs": {"y": [1] * len(x)}}); continue',
    "its own error": 'say({"id": id, "error": {"class": "Odd", "message": "No."}}); continue',
}


@pytest.mark.parametrize("what", ANSWERED)
def test_a_bad_answer_is_a_500_with_one_sentence_and_the_program_goes_on(
    serve: Serve, what: str
) -> None:
    endpoint = serve(ANSWERED[what])
    before = endpoint.pid()
    with pytest.raises(ModelError) as failed:
        endpoint.ask("bad")
    assert failed.value.code == "model_error"
    assert "worker test" in failed.value.fix
    assert endpoint.pid() == before


def test_it_may_say_that_the_input_is_wrong(serve: Serve) -> None:
    said = '{"class": "InvalidInput", "message": "The picture is empty."}'
    endpoint = serve(bad=f'say({{"id": id, "error": {said}}}); continue')
    with pytest.raises(
        InvalidInput, match=r"cannot use this input.*The picture is empty"
    ) as caught:
        endpoint.ask("bad")
    assert caught.value.status == 422
    assert endpoint.ask("good") == ["good"]


def test_one_bad_row_fails_its_own_call_and_not_those_beside_it(serve: Serve) -> None:
    endpoint = serve('say({"id": id, "error": {"message": "It is bad."}}); continue')

    def call(text: str) -> list[str] | str:
        try:
            return endpoint.ask(text)
        except MlopsError as error:
            return error.reason

    texts = [f"good{number}" for number in range(20)]
    texts.insert(10, "bad")
    with ThreadPoolExecutor(len(texts)) as pool:
        answers = list(pool.map(call, texts))
    assert answers.pop(10) == "WorkerError: It is bad."
    assert answers == [[text] for text in texts if text != "bad"]


@pytest.mark.parametrize("bad", ["time.sleep(600)", "sys.stdout.write('{\"id\": ')", "continue"])
def test_no_answer_or_half_a_line_is_a_504_and_another_program_starts(
    serve: Serve, bad: str
) -> None:
    flush = "" if bad == "continue" else "; sys.stdout.flush(); time.sleep(600)"
    endpoint = serve(bad + flush, deadline=1)
    before = endpoint.pid()
    with pytest.raises(DeadlineExceeded):
        endpoint.ask("bad")
    assert endpoint.pid() != before
    until(lambda: not _runs(before))


def test_its_death_is_a_502_that_says_how(serve: Serve) -> None:
    endpoint = serve("os._exit(7)")
    with pytest.raises(WorkerDied, match="status 7"):
        endpoint.ask("good", "bad")
    assert endpoint.ask("good") == ["good"]


def test_its_death_between_calls_is_noticed_before_the_next(serve: Serve, hub: Hub) -> None:
    endpoint = serve()
    before = endpoint.pid()
    os.kill(before, signal.SIGKILL)
    until(lambda: not _runs(before))
    until(lambda: hub.status(endpoint.name).replicas[0].ready == 0 or endpoint.pid() != before)
    assert endpoint.ask("good") == ["good"]


def test_noise_and_logs_are_in_the_endpoint_s_log(serve: Serve, hub: Hub) -> None:
    endpoint = serve(before="print('hello from the library')\nsys.stderr.write('a warning\\n')")
    assert endpoint.ask("good") == ["good"]
    log = until(lambda: (text := hub.log(endpoint.name)) and "hello" in text and text)
    assert "[stdout] hello from the library" in log
    assert "a warning" in log


STUBBORN = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL)
"""


def test_one_that_ignores_stop_goes_with_all_that_it_started(serve: Serve) -> None:
    endpoint = serve(before=STUBBORN, after="time.sleep(600)")
    program = psutil.Process(endpoint.pid())
    (child,) = program.children()
    mj.undeploy(endpoint.name)
    until(lambda: not _runs(program.pid) and not _runs(child.pid))


def test_a_killed_bridge_takes_its_program_and_its_children_along(serve: Serve) -> None:
    endpoint = serve(before=STUBBORN, after="time.sleep(600)")
    program = psutil.Process(endpoint.pid())
    (child,), bridge = program.children(), program.parent()
    assert bridge is not None
    bridge.kill()
    until(lambda: not _runs(program.pid) and not _runs(child.pid))
    assert endpoint.ask("good") == ["good"]


def test_a_killed_zygote_takes_all_of_them_along(serve: Serve) -> None:
    endpoint = serve(before=STUBBORN, after="time.sleep(600)")
    program = psutil.Process(endpoint.pid())
    (child,), bridge = program.children(), program.parent()
    assert bridge is not None
    zygote = bridge.parent()
    assert zygote is not None
    zygote.kill()
    until(lambda: not _runs(program.pid) and not _runs(child.pid))
    assert until(lambda: _answers(endpoint))


def test_one_that_does_not_start_here_says_why_when_it_is_deployed(
    hub: Hub, tmp_path: Path
) -> None:
    """It started where it was registered: here what it needs is not there any more."""
    weights = tmp_path / "elsewhere"
    weights.touch()
    folder = tmp_path / "worker"
    folder.mkdir()
    (folder / "worker.py").write_text(
        f"import sys; open({str(weights)!r})\n" + PROGRAM % ("", "pass", "")
    )
    (folder / "worker.toml").write_text('language = "python"\ncommand = ["python3", "worker.py"]\n')
    mj.register("late", worker=folder, signature="x: string -> y: string")
    weights.unlink()
    with pytest.raises(ModelError) as failed:
        mj.deploy("late")
    assert failed.value.code == "load_failed"
    assert "ended with status 1 before it was ready" in failed.value.reason
    assert "No such file or directory" in failed.value.reason


def _answers(endpoint: Endpoint) -> bool:
    try:
        return endpoint.ask("good") == ["good"]
    except MlopsError:
        return False


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
