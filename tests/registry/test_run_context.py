"""Every MLflow run that a notebook makes says which notebook and commit, and of which job."""

import json
import os
import subprocess

import mlflow
import pytest
from mlflow.tracking.context import registry as providers

from mlops_jupyter.registry import run_context
from mlops_jupyter.registry.lineage import notebook_digest
from mlops_jupyter.registry.run_context import NotebookRunContext


@pytest.fixture
def notebook(tmp_path):
    root = tmp_path / "repository"
    root.mkdir()
    path = root / "fit.ipynb"
    path.write_text('{"cells": [{"cell_type": "code", "source": "1"}]}')
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)
    return path


@pytest.fixture(autouse=True)
def no_run(monkeypatch):
    for name in (run_context.RUN, run_context.PARENT, run_context.NOTEBOOK_SHA256):
        monkeypatch.delenv(name, raising=False)


def commit(notebook):
    words = ["git", "rev-parse", "HEAD"]
    return subprocess.check_output(words, cwd=notebook.parent, text=True).strip()


def test_mlflow_knows_the_provider_and_asks_it_after_its_own():
    names = [type(provider).__name__ for provider in providers._run_context_provider_registry]
    ours = names.index("NotebookRunContext")
    assert ours > names.index("JupyterNotebookRunContext")
    assert ours > names.index("GitRunContext")


def test_outside_a_notebook_it_says_nothing():
    assert not NotebookRunContext().in_context()
    assert "mlops.run" not in providers.resolve_tags()


def test_a_run_of_ours_is_named(notebook, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(notebook))
    monkeypatch.setenv(run_context.RUN, "r1")
    tags = providers.resolve_tags()
    assert tags["mlops.run"] == "r1"
    assert tags["mlflow.source.name"] == str(notebook)
    assert tags["mlflow.source.type"] == "NOTEBOOK"
    assert tags["mlflow.source.git.commit"] == commit(notebook)
    assert tags["mlflow.source.git.dirty"] == "false"
    assert tags["mlops.notebook_sha256"] == notebook_digest(notebook)
    assert "mlflow.parentRunId" not in tags


def test_the_digest_of_what_was_queued_counts_whatever_became_of_the_file(notebook, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(notebook))
    monkeypatch.setenv(run_context.RUN, "r1")
    monkeypatch.setenv(run_context.NOTEBOOK_SHA256, "a" * 64)
    assert providers.resolve_tags()["mlops.notebook_sha256"] == "a" * 64


def test_a_run_of_a_sweep_is_below_the_sweeps_own_and_a_nested_one_below_its_parent(
    state, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'm.db'}")
    client = mlflow.MlflowClient()
    client.create_experiment("fit", (tmp_path / "files").as_uri())
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "fit")
    monkeypatch.setenv(run_context.RUN, "r1")
    monkeypatch.setenv(run_context.PARENT, "f" * 32)
    with mlflow.start_run() as outer, mlflow.start_run(nested=True) as inner:
        pass
    assert client.get_run(outer.info.run_id).data.tags["mlflow.parentRunId"] == "f" * 32
    assert client.get_run(inner.info.run_id).data.tags["mlflow.parentRunId"] == outer.info.run_id


def test_what_the_user_says_himself_stays(monkeypatch):
    monkeypatch.setenv(run_context.RUN, "r1")
    assert providers.resolve_tags({"mlflow.source.name": "mine"})["mlflow.source.name"] == "mine"


def test_git_is_asked_once(notebook, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(notebook))
    first = NotebookRunContext().tags()
    monkeypatch.setenv("PATH", "")
    assert NotebookRunContext().tags() == first


def test_a_folder_that_is_gone_is_no_obstacle(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.setenv("JPY_SESSION_NAME", "fit.ipynb")
    gone.rmdir()
    try:
        assert not NotebookRunContext().in_context()
        assert "mlops.run" not in providers.resolve_tags()
    finally:
        os.chdir(tmp_path)


def test_in_a_real_kernel_the_notebook_and_its_commit_are_named(notebook, tmp_path):
    """As JupyterLab starts one: the path relative to the server's root in JPY_SESSION_NAME."""
    from jupyter_client.manager import run_kernel

    uri = f"sqlite:///{tmp_path / 'm.db'}"
    code = f"import mlflow; mlflow.set_tracking_uri({uri!r}); run = mlflow.start_run()"
    environment = {**os.environ, "JPY_SESSION_NAME": "repository/fit.ipynb"}
    failed: list[str] = []
    with run_kernel(kernel_name="python3", env=environment, cwd=str(notebook.parent)) as client:
        reply = client.execute_interactive(
            code,
            timeout=60,
            output_hook=lambda message: failed.append(json.dumps(message, default=str)),
        )
    assert reply["content"]["status"] == "ok", failed
    (run,) = mlflow.MlflowClient(uri).search_runs(["0"])
    assert run.data.tags["mlflow.source.name"] == str(notebook)
    assert run.data.tags["mlflow.source.git.commit"] == commit(notebook)
