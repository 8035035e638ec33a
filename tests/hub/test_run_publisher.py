"""Finished runs reach MLflow through the registry's process, whatever becomes of either."""

import asyncio
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlops_jupyter.hub import run_publisher
from mlops_jupyter.hub.run_publisher import Published, RunPublisher, kernel_variables, unpublished
from mlops_jupyter.types import (
    InvalidRequest,
    Overloaded,
    RunSpec,
    RunStatus,
    SweepSpec,
    SweepStatus,
    Unavailable,
)


@pytest.fixture(autouse=True)
def no_choice(monkeypatch):
    """No store is chosen: it is the one in the state directory."""
    for name in list(os.environ):
        if name.startswith("MLFLOW_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """One store for the real ones: making its tables takes a second."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "runs" / "r1"
    folder.mkdir(parents=True)
    (folder / "input.ipynb").write_text("{}")
    (folder / "result.json").write_text("{}")
    return folder


def status(run_id="r1", **changes):
    known = {"submitted_at": 1.79e9, "ended_at": 1.79e9 + 60, "metrics": {"auc": 0.9}}
    spec = RunSpec(
        "/x/fit.ipynb", parameters={"rate": float("nan")}, sweep=changes.pop("sweep", None)
    )
    return RunStatus(run_id, spec, "succeeded", **{**known, **changes})


def use(publisher, work):
    """Run `work`, a coroutine, and close the publisher in the same loop."""

    async def whole():
        try:
            return await asyncio.wait_for(work, 120)
        finally:
            await publisher.close()

    return asyncio.run(whole())


def client(home):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{home}/mlflow/mlflow.db")


def test_a_run_is_published_once_and_marked(state, folder):
    publisher = RunPublisher(state)

    async def twice():
        first = await publisher.publish(status(), folder)
        return first, await publisher.publish(status(), folder)

    first, second = use(publisher, twice())
    assert first == second
    assert first.metrics == {"auc": 0.9}
    run = client(state).get_run(first.mlflow_run_id)
    assert (run.info.status, run.data.tags["mlops.run"]) == ("FINISHED", "r1")
    assert run.data.params == {"rate": "nan"}
    assert {file.path for file in client(state).list_artifacts(run.info.run_id)} == {
        "input.ipynb",
        "record.json",
    }
    assert json.loads((folder / "record.json").read_text())["metrics"] == {"auc": 0.9}
    assert json.loads((folder / "published.json").read_text())["mlflow_run_id"] == run.info.run_id


def test_what_the_notebook_wrote_to_mlflow_is_the_run_and_below_its_sweep(state, folder, tmp_path):
    publisher = RunPublisher(state)
    sweep = SweepStatus("s1", SweepSpec(RunSpec("/x/fit.ipynb"), ("lr=1,2",)), submitted_at=1.79e9)
    run = status("r2", sweep="s1")
    code = "import mlflow; mlflow.start_run(); mlflow.log_metric('f1', 0.5)"

    async def whole():
        parent = await publisher.start_sweep(sweep)
        variables = {**kernel_variables(state, run, parent), "MLOPS_JUPYTER_RUN": "r2"}
        kernel = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code), env={**os.environ, **variables}, cwd=tmp_path
        )
        assert await kernel.wait() == 0
        published = await publisher.publish(run, folder)
        assert await publisher.end_sweep(sweep) == parent
        return parent, published

    parent, published = use(publisher, whole())
    assert published.metrics == {"auc": 0.9, "f1": 0.5}
    (found,) = client(state).search_runs(
        [client(state).get_experiment_by_name("fit").experiment_id], "tags.`mlops.run` = 'r2'"
    )
    assert found.info.run_id == published.mlflow_run_id
    assert found.data.tags["mlflow.parentRunId"] == parent
    assert not list(tmp_path.glob("ml*")), "nothing is written beside the notebook"


def test_runs_without_a_mark_are_those_to_be_published(folder):
    runs = folder.parent
    (runs / "queued").mkdir()
    (runs / "done").mkdir()
    for name in ("result.json", "published.json"):
        (runs / "done" / name).write_text("{}")
    assert unpublished(runs) == ["r1"]
    assert unpublished(runs / "nowhere") == []


# -- with a process that is played ------------------------------------------------------------


@pytest.fixture
def played(tmp_path, monkeypatch):
    """A function that lets a script take the registry's place; lines that it was asked are kept."""

    def play(answer):
        script = tmp_path / "registry.py"
        script.write_text(
            "import json, os, sys, time\n"
            f"asked = open({str(tmp_path / 'asked')!r}, 'a')\n"
            "for line in sys.stdin:\n"
            "    said = json.loads(line)\n"
            "    print(said.get('do'), file=asked, flush=True)\n"
            f"    count = len(open({str(tmp_path / 'asked')!r}).readlines())\n"
            f"    {answer}\n"
            "    print(json.dumps({'id': said['id'], **answer}), flush=True)\n"
        )
        start = asyncio.create_subprocess_exec

        async def started(*_command, **options):
            return await start(sys.executable, str(script), **options)

        monkeypatch.setattr(asyncio, "create_subprocess_exec", started)
        return lambda: len((tmp_path / "asked").read_text().splitlines())

    return play


FINE = "answer = {'result': {'mlflow_run_id': 'm', 'metrics': {}}}"
AWAY = "{'error': {'status': 503, 'code': 'mlflow_unavailable', 'message': 'Away.'}}"


def test_a_store_that_is_away_is_asked_until_it_is_back(tmp_path, folder, played):
    asked = played(f"{FINE} if count > 8 else None; answer = answer or {AWAY}")
    publisher = RunPublisher(tmp_path, first_pause=0.001)
    assert use(publisher, publisher.publish(status(), folder)) == Published("m")
    assert asked() == 9


def test_a_run_at_which_the_process_always_ends_is_given_up_and_the_others_go_on(
    tmp_path, folder, played
):
    asked = played(f"{FINE}; 'bad' in said['folder'] and os._exit(1)")
    bad = folder.parent / "bad"
    bad.mkdir()
    publisher = RunPublisher(tmp_path, first_pause=0.001)

    async def both():
        return await asyncio.gather(
            publisher.publish(status("bad"), bad),
            publisher.publish(status(), folder),
            return_exceptions=True,
        )

    lost, fine = use(publisher, both())
    assert fine == Published("m")
    assert isinstance(lost, Unavailable) and lost.code == "registry_ended"
    assert asked() == run_publisher.MAX_TRIES + 1
    assert not (bad / "published.json").exists()


def test_a_process_that_was_killed_is_started_again(tmp_path, folder, played):
    asked = played(f"{FINE}; count == 1 and os.kill(os.getpid(), 9)")
    publisher = RunPublisher(tmp_path, first_pause=0.001)
    assert use(publisher, publisher.publish(status(), folder)) == Published("m")
    assert asked() == 2


def test_a_process_that_hangs_is_ended(tmp_path, folder, played):
    played(f"{FINE}; count == 1 and time.sleep(600)")
    publisher = RunPublisher(tmp_path, first_pause=0.001, patience=1.0)
    assert use(publisher, publisher.publish(status(), folder)) == Published("m")


def test_what_mlflow_refuses_is_not_tried_again(tmp_path, folder, played):
    asked = played("answer = {'error': {'status': 400, 'message': 'No.', 'code': 'x'}}")
    publisher = RunPublisher(tmp_path)
    with pytest.raises(InvalidRequest, match="No"):
        use(publisher, publisher.publish(status(), folder))
    assert asked() == 1


def test_more_than_can_wait_is_refused_and_left_for_the_next_hub(
    tmp_path, folder, played, monkeypatch
):
    monkeypatch.setattr(run_publisher, "MAX_WAITING", 2)
    played("time.sleep(600); answer = {}")
    publisher = RunPublisher(tmp_path)

    async def many():
        tasks = [asyncio.create_task(publisher.publish(status(), folder)) for _ in range(5)]
        _, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        await publisher.close()
        await asyncio.wait(waiting or tasks)
        return [task.exception() for task in tasks]

    errors = asyncio.run(asyncio.wait_for(many(), 60))
    assert any(isinstance(error, Overloaded) for error in errors)
    assert {type(error) for error in errors} == {Overloaded, Unavailable}
    assert unpublished(folder.parent) == ["r1"]


def test_a_closed_publisher_takes_nothing(tmp_path, folder):
    publisher = RunPublisher(tmp_path)

    async def late():
        await publisher.close()
        await publisher.publish(status(), folder)

    with pytest.raises(Unavailable, match="The hub is stopping"):
        asyncio.run(late())


# -- what a run's kernel gets -----------------------------------------------------------------


def test_mlflow_in_the_kernel_writes_to_the_same_store(tmp_path):
    known = kernel_variables(tmp_path, status(record={"notebook_sha256": "a" * 64}), "parent")
    assert known["MLFLOW_TRACKING_URI"] == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert known["MLFLOW_EXPERIMENT_NAME"] == "fit"
    assert known["MLOPS_JUPYTER_NOTEBOOK"] == "/x/fit.ipynb"
    assert known["MLOPS_JUPYTER_NOTEBOOK_SHA256"] == "a" * 64
    assert known["MLOPS_JUPYTER_MLFLOW_PARENT"] == "parent"


def test_the_users_own_choice_of_store_and_experiment_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example.org")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "3")
    known = kernel_variables(tmp_path, status())
    assert not {name for name in known if "MLFLOW" in name}


class Refusing(BaseHTTPRequestHandler):
    """A server that is there and has trouble."""

    asked = 0

    def do_GET(self):
        type(self).asked += 1
        self.send_error(500)

    def log_message(self, *_):
        pass


def test_a_server_in_trouble_keeps_the_run_waiting_and_nobody_else(tmp_path, folder, monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
    publisher = RunPublisher(tmp_path, first_pause=0.01)

    async def whole():
        task = asyncio.create_task(publisher.publish(status(), folder))
        while Refusing.asked < 2:
            await asyncio.sleep(0.05)
        assert not task.done()
        await publisher.close()
        with pytest.raises(Unavailable, match="not in MLflow yet"):
            await task

    try:
        asyncio.run(asyncio.wait_for(whole(), 90))
    finally:
        server.shutdown()
        server.server_close()
    assert unpublished(folder.parent) == ["r1"]
