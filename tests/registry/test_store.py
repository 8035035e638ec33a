"""Where models go: the user's store if there is one, ours if not; and how long we wait for it."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import mlflow
import pytest

from mlops_jupyter.registry import models, register, resolve, tracking_uri, versions
from mlops_jupyter.registry import store as stores
from mlops_jupyter.types import (
    Conflict,
    Forbidden,
    InvalidRequest,
    MlopsError,
    NotFound,
    Unavailable,
)


def test_without_a_choice_the_store_is_in_the_state_directory(state, table, classifier):
    assert tracking_uri() == f"sqlite:///{state}/mlflow/mlflow.db"
    version = register("stored", classifier, table[0])
    assert Path(version.path).is_relative_to(state / "mlflow" / "artifacts")
    assert (state / "mlflow").stat().st_mode & 0o077 == 0


def test_a_state_directory_with_odd_characters_works(tmp_path, monkeypatch, table, classifier):
    monkeypatch.setenv("MLOPS_JUPYTER_HOME", str(tmp_path / "a b#c+d;é"))
    version = register("odd", classifier, table[0])
    assert resolve("odd").digest == version.digest
    assert (tmp_path / "a b#c+d;é" / "mlflow" / "mlflow.db").is_file()


@pytest.mark.parametrize("name", ["a%20b", "a?b"])
def test_a_state_directory_that_no_address_can_hold_is_a_clear_error(name, tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_HOME", str(tmp_path / name))
    with pytest.raises(Unavailable, match="MLOPS_JUPYTER_HOME"):
        models()


def test_mlflow_tracking_uri_is_honoured(tmp_path, monkeypatch, table, classifier):
    uri = f"sqlite:///{tmp_path / 'team.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    client = mlflow.MlflowClient()
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "team")
    client.create_experiment("team", artifact_location=(tmp_path / "files").as_uri())
    version = register("ours", classifier, table[0])
    assert version.tracking_uri == uri
    assert client.get_model_version("ours", "1").tags["mlops.digest"] == version.digest
    assert Path(version.path).is_relative_to(tmp_path / "files")
    assert resolve("ours") == version


def test_a_uri_set_in_the_notebook_is_honoured_and_stays_set(
    tmp_path, monkeypatch, table, classifier
):
    uri = f"sqlite:///{tmp_path / 'set.db'}"
    mlflow.set_tracking_uri(uri)
    try:
        assert tracking_uri() == uri
        assert models() == []
        assert mlflow.get_tracking_uri() == uri
    finally:
        mlflow.set_tracking_uri(None)


def test_a_state_directory_that_cannot_be_made_is_unavailable(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLOPS_JUPYTER_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(Unavailable) as caught:
        models()
    assert caught.value.code == "state_directory_not_writable"


def refused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "postgresql", "mysql+pymysql"])
def test_a_store_that_is_down_is_unavailable_within_seconds(scheme, monkeypatch, table, classifier):
    uri = f"{scheme}://ada:s3cret@127.0.0.1:{refused_port()}/mlflow"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    started = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        register("nowhere", classifier, table[0])
    assert time.monotonic() - started < 8
    assert caught.value.code == "mlflow_unavailable"
    assert "127.0.0.1" in str(caught.value) and "s3cret" not in str(caught.value)


def test_a_server_that_accepts_and_says_nothing_is_unavailable_within_seconds(monkeypatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(stores, "CONNECT_SECONDS", 1)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(Unavailable):
            resolve("churn")
        assert time.monotonic() - started < 6


def test_the_users_own_patience_is_not_overruled(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{refused_port()}")
    with pytest.raises(Unavailable):
        models()
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "1"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_a_store_that_mlflow_refuses_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    with pytest.raises(MlopsError) as caught:
        models()
    assert caught.value.status < 504 and caught.value.status != 500
    assert str(tmp_path) in str(caught.value)


def test_a_database_locked_by_another_program_is_waited_for(state, table, classifier):
    register("waited", classifier, table[0])
    database = state / "mlflow" / "mlflow.db"
    lock = sqlite3.connect(database, check_same_thread=False)
    lock.execute("BEGIN IMMEDIATE")
    release = threading.Timer(1.0, lock.rollback)
    release.start()
    try:
        assert register("waited", classifier, table[0]).version == 2
    finally:
        release.join()
        lock.close()


def test_a_database_that_stays_locked_is_unavailable_within_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "CONNECT_SECONDS", 1)
    lock = sqlite3.connect(tmp_path / "users.db")
    lock.execute("BEGIN EXCLUSIVE")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'users.db'}")
    started = time.monotonic()
    with pytest.raises(Unavailable, match="locked"):
        models()
    assert time.monotonic() - started < 5
    lock.close()


def test_a_file_that_is_no_database_is_unavailable(tmp_path, monkeypatch):
    (tmp_path / "users.db").write_text("once upon a time " * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'users.db'}")
    with pytest.raises(Unavailable, match="not a database"):
        models()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("RESOURCE_DOES_NOT_EXIST", NotFound),
        ("RESOURCE_ALREADY_EXISTS", Conflict),
        ("PERMISSION_DENIED", Forbidden),
        ("INVALID_PARAMETER_VALUE", InvalidRequest),
        ("TEMPORARILY_UNAVAILABLE", Unavailable),
        ("INTERNAL_ERROR", Unavailable),
    ],
)
def test_mlflows_errors_become_ours(code, kind):
    from mlflow.exceptions import MlflowException
    from mlflow.protos import databricks_pb2

    error = MlflowException("it says so", getattr(databricks_pb2, code))
    ours = stores.Store("http://u:p@example.org", "http://example.org").translated(error)
    assert type(ours) is kind
    assert "u:p@" not in str(ours)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A real MLflow server that keeps artifacts itself, as a team's would."""
    folder = tmp_path_factory.mktemp("server")
    port = refused_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
            *("--host", "127.0.0.1", "--port", str(port)),
            *("--backend-store-uri", f"sqlite:///{folder}/server.db"),
            *("--artifacts-destination", str(folder / "files")),
        ],
        cwd=folder,
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(url + "/health", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        yield url, folder
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def test_a_model_goes_to_a_server_and_comes_back_byte_for_byte(
    server, monkeypatch, tmp_path, table, classifier
):
    url, folder = server
    monkeypatch.setenv("MLOPS_JUPYTER_HOME", str(tmp_path / "first"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    version = register("remote", classifier, table[0], alias="champion", metrics={"auc": 0.9})
    assert Path(version.path).is_relative_to(tmp_path / "first")
    assert mlflow.MlflowClient().get_run(version.run_id).data.metrics == {"auc": 0.9}
    assert [one.version for one in versions("remote")] == [1]

    # another machine: nothing of it is here yet
    monkeypatch.setenv("MLOPS_JUPYTER_HOME", str(tmp_path / "second"))
    fetched = resolve("remote@champion")
    assert fetched.digest == version.digest
    assert Path(fetched.path).is_relative_to(tmp_path / "second")
    loaded = mlflow.pyfunc.load_model(fetched.path)
    assert list(loaded.predict(table[0])) == list(classifier.predict(table[0]))
    stamp = Path(fetched.path).stat().st_mtime_ns
    assert resolve("remote/1").path == fetched.path
    assert Path(fetched.path).stat().st_mtime_ns == stamp

    # somebody changes the server's files
    monkeypatch.setenv("MLOPS_JUPYTER_HOME", str(tmp_path / "third"))
    pickle = next((folder / "files").rglob("model.pkl"))
    pickle.write_bytes(pickle.read_bytes() + b"!")
    with pytest.raises(Conflict) as caught:
        resolve("remote/1")
    assert caught.value.code == "version_changed"

    # or loses them
    pickle.unlink()
    monkeypatch.setenv("MLOPS_JUPYTER_HOME", str(tmp_path / "fourth"))
    with pytest.raises(Conflict):
        resolve("remote/1")
