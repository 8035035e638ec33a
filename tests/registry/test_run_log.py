"""A finished run becomes one run of MLflow, whether the notebook made one itself or not."""

import json
import math
import time
from pathlib import Path

import mlflow
import msgspec
import pytest
from mlflow import MlflowClient

from mlops_jupyter import registry
from mlops_jupyter.registry import run_log
from mlops_jupyter.registry.run_log import end_sweep, log_run, start_sweep
from mlops_jupyter.types import RunSpec, RunStatus, SweepSpec, SweepStatus, Trigger

DATA = {"name": "train", "sha256": "ab" * 32, "rows": 569, "columns": 30, "path": None,
        "schema": {"radius": "float64"}}  # fmt: skip


@pytest.fixture
def client():
    uri = registry.tracking_uri()
    return MlflowClient(uri, uri)


@pytest.fixture
def folder(tmp_path):
    """The folder of a run that has ended."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "input.ipynb").write_text("{}")
    (folder / "input.ipynb").chmod(0o400)
    (folder / "stdout.log").write_text("epoch 1\n")
    (folder / "git.diff").write_text("# untracked: a.py\n")
    return folder


def status(run_id, **changes):
    spec = RunSpec(
        "/home/ada/fit.ipynb",
        notebook_sha256="c" * 64,
        parameters={"lr": 0.1, "model": "rf", "deep": True, "bound": None},
        trigger=Trigger("schedule", "nightly"),
        sweep=changes.pop("sweep", None),
    )
    known = {
        "state": "succeeded",
        "submitted_at": 1_790_000_000.0,
        "started_at": 1_790_000_001.5,
        "ended_at": 1_790_000_061.25,
        "submitted_by": "user:ada",
        "metrics": {"auc": 0.93},
        "record": {
            "data": [DATA],
            "git": {"commit": "d" * 40, "branch": "main", "dirty": True},
            "environment": {"sha256": "e" * 64},
            "parameters": {"depth": {"value": 3, "from": "default"}},
        },
    }
    return msgspec.to_builtins(RunStatus(run_id, spec, **{**known, **changes}))


def events(folder, *lines):
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def artifacts(client, run_id):
    return {file.path: file.file_size for file in client.list_artifacts(run_id)}


def test_a_run_of_a_notebook_that_knows_nothing_of_mlflow_is_one_of_mlflows(client, folder):
    said = log_run(status("r1"), str(folder))
    run = client.get_run(said["mlflow_run_id"])
    assert (run.info.status, run.info.start_time, run.info.end_time) == (
        "FINISHED",
        1_790_000_001_500,
        1_790_000_061_250,
    )
    assert client.get_experiment(run.info.experiment_id).name == "fit"
    assert run.data.params == {
        "lr": "0.1", "model": "rf", "deep": "true", "bound": "null", "depth": "3",
    }  # fmt: skip
    assert run.data.metrics == said["metrics"] == {"auc": 0.93}
    tags = run.data.tags
    assert tags["mlops.run"] == "r1"
    assert (tags["mlops.trigger"], tags["mlops.trigger_of"]) == ("schedule", "nightly")
    assert (tags["mlops.user"], tags["mlops.verdict"]) == ("user:ada", "succeeded")
    assert tags["mlops.frozen_sha256"] == "e" * 64
    assert tags["mlflow.source.name"] == "/home/ada/fit.ipynb"
    assert (tags["mlflow.source.git.commit"], tags["mlflow.source.git.dirty"]) == ("d" * 40, "true")
    assert set(artifacts(client, run.info.run_id)) == {"input.ipynb", "stdout.log", "git.diff"}


def test_its_data_have_our_digest(client, folder):
    run = client.get_run(log_run(status("r2"), str(folder))["mlflow_run_id"])
    (said,) = run.inputs.dataset_inputs
    assert (said.dataset.name, said.dataset.digest) == ("train", ("ab" * 32)[:36])
    assert json.loads(said.dataset.profile)["num_rows"] == 569
    assert {tag.key: tag.value for tag in said.tags}["mlops.sha256"] == "ab" * 32


def test_written_again_it_is_still_one_run(client, folder):
    first = log_run(status("r3"), str(folder))
    assert log_run(status("r3"), str(folder)) == first
    history = client.get_metric_history(first["mlflow_run_id"], "auc")
    assert [metric.value for metric in history] == [0.93]
    run = client.get_run(first["mlflow_run_id"])
    assert len(run.inputs.dataset_inputs) == 1
    same = client.search_runs([run.info.experiment_id], "tags.`mlops.run` = 'r3'")
    assert len(same) == 1


@pytest.mark.parametrize(
    ("state", "shown"),
    [("failed", "FAILED"), ("timed_out", "FAILED"), ("lost", "FAILED"), ("cancelled", "KILLED")],
)
def test_the_verdict_is_its_status(client, folder, state, shown):
    said = log_run(status(f"r-{state}", state=state, reason="Why."), str(folder))
    run = client.get_run(said["mlflow_run_id"])
    assert (run.info.status, run.data.tags["mlops.reason"]) == (shown, "Why.")


def test_a_run_that_the_notebook_made_is_taken_and_what_it_left_open_is_closed(client, folder):
    mine = client.create_experiment("own")
    first = client.create_run(mine, tags={"mlops.run": "r4"})
    child = client.create_run(
        mine, tags={"mlops.run": "r4", "mlflow.parentRunId": first.info.run_id}
    )
    client.log_metric(first.info.run_id, "f1", 0.5)
    client.log_metric(first.info.run_id, "auc", 0.5)
    client.log_param(first.info.run_id, "deep", "True")
    said = log_run(status("r4", state="failed"), str(folder))
    assert said["mlflow_run_id"] == first.info.run_id
    assert said["metrics"] == {"f1": 0.5, "auc": 0.5}
    params = client.get_run(first.info.run_id).data.params
    assert (params["deep"], params["lr"]) == ("True", "0.1")
    assert client.get_run(child.info.run_id).info.status == "FAILED"


def test_metrics_keep_their_steps_and_those_of_an_earlier_attempt_are_left_out(client, folder):
    events(
        folder,
        {"t": 1.0, "event": "attempt", "attempt": 1},
        {"t": 2.0, "event": "metric", "name": "loss", "value": 9.0, "step": 1},
        {"t": 3.0, "event": "attempt", "attempt": 2},
        {"t": 4.0, "event": "metric", "name": "loss", "value": 0.5, "step": 1},
        {"t": 5.0, "event": "metric", "name": "loss", "value": 0.25, "step": 2},
        {"t": 6.0, "event": "metric", "name": "odd", "value": None, "step": None},
        ["metric"],
    )
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"event": "metric", torn')
    said = log_run(status("r5", metrics={"loss": 0.25}), str(folder))
    history = client.get_metric_history(said["mlflow_run_id"], "loss")
    assert [(m.timestamp, m.step, m.value) for m in history] == [(4000, 1, 0.5), (5000, 2, 0.25)]
    assert said["metrics"] == {"loss": 0.25}


def test_values_beyond_mlflows_bounds_are_cut_and_logs_keep_their_end(client, folder, monkeypatch):
    monkeypatch.setattr(run_log, "MAX_LOG_BYTES", 10)
    (folder / "stdout.log").write_bytes(b"x" * 100 + b"the end...")
    run = status("r6", metrics={"nan": math.nan, "auc": 1.0})
    run["spec"]["parameters"] = {f"p{n}": "ä" * 20_000 for n in range(120)}
    said = log_run(run, str(folder))
    params = client.get_run(said["mlflow_run_id"]).data.params
    assert len(params) == 121 and params["p7"].endswith("…")
    assert said["metrics"] == {"auc": 1.0}
    path = client.download_artifacts(said["mlflow_run_id"], "stdout.log")
    assert Path(path).read_bytes() == b"... the first 100 bytes are left out\nthe end..."


def test_a_model_that_was_registered_in_the_run_is_linked_to_it(client, folder, table, classifier):
    version = registry.register("linked", classifier, table[0])
    said = log_run(status("r7", models=(version.ref, "gone/1")), str(folder))
    known = client.get_model_version("linked", str(version.version))
    assert known.tags["mlops.run"] == "r7"
    made_by = client.get_run(known.run_id)
    assert made_by.data.tags["mlflow.parentRunId"] == said["mlflow_run_id"]
    (output,) = client.get_run(said["mlflow_run_id"]).outputs.model_outputs
    assert known.source == f"models:/{output.model_id}"


def test_a_deleted_experiment_of_the_name_is_no_obstacle(client, folder):
    run = status("r8")
    run["spec"]["notebook"] = "/x/buried.ipynb"
    client.delete_experiment(client.create_experiment("buried"))
    said = log_run(run, str(folder))
    experiment = client.get_run(said["mlflow_run_id"]).info.experiment_id
    assert client.get_experiment(experiment).name == "mlops-jupyter"


def sweep(sweep_id, **changes):
    spec = SweepSpec(
        RunSpec("/home/ada/fit.ipynb"), ("lr=0.1,0.01", "depth=3..6"), metric="auc", parallel=2
    )
    known = {"submitted_at": time.time(), "submitted_by": "user:ada"}
    return msgspec.to_builtins(SweepStatus(sweep_id, spec, **{**known, **changes}))


def test_a_sweep_is_the_parent_of_its_runs(client, folder):
    parent = start_sweep(sweep("s1"))
    assert start_sweep(sweep("s1")) == parent
    said = log_run(status("r9", sweep="s1"), str(folder))
    child = client.get_run(said["mlflow_run_id"])
    assert child.data.tags["mlflow.parentRunId"] == parent
    ended = sweep("s1", state="succeeded", ended_at=time.time(), best_run="r9", best_value=0.93)
    assert end_sweep(ended) == parent
    run = client.get_run(parent)
    assert run.info.experiment_id == child.info.experiment_id
    assert run.info.status == "FINISHED"
    assert run.data.params == {"lr": "0.1,0.01", "depth": "3..6"}
    assert run.data.metrics == {"best_auc": 0.93}
    assert run.data.tags["mlops.best_run"] == "r9"


def test_the_users_experiment_is_used_where_he_has_chosen_one(
    client, folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'team.db'}")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "team")
    mlflow.MlflowClient().create_experiment("team", (tmp_path / "files").as_uri())
    said = log_run(status("r10"), str(folder))
    run = mlflow.MlflowClient().get_run(said["mlflow_run_id"])
    assert mlflow.MlflowClient().get_experiment(run.info.experiment_id).name == "team"
