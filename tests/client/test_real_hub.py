"""The client with a real hub: starting, finding, losing and stopping it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest

from mlops_jupyter.client import Hub
from mlops_jupyter.client.home import running_hub
from mlops_jupyter.types import Forbidden, MlopsError, NotFound, Unauthenticated, Unavailable
from tests.conftest import state_directory, stop_hub


@pytest.fixture
def fresh():
    """A state directory of its own for a test that ends hubs."""
    with state_directory() as path:
        yield path


def test_the_first_verb_starts_a_hub_and_the_next_finds_it(fresh):
    assert running_hub(fresh) is None
    with Hub.connect(home=fresh) as first, Hub.connect(home=fresh) as second:
        assert first.info().pid == second.info().pid != os.getpid()
        assert first.healthy()
    assert (fresh / "token").stat().st_mode & 0o777 == 0o600
    assert fresh.stat().st_mode & 0o777 == 0o700


def test_a_hub_is_detached_from_who_started_it(fresh):
    code = "from mlops_jupyter.client import Hub; print(Hub.connect().info().pid)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    pid = int(done.stdout)
    with Hub.connect(start=False, home=fresh) as hub:
        assert hub.info().pid == pid
    assert os.getsid(pid) != os.getsid(0)
    assert os.getpgid(pid) == pid


def test_a_file_in_the_notebooks_folder_does_not_end_up_in_the_hub(fresh, tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise SystemExit('taken from the notebook's folder')")
    (tmp_path / "json.py").write_text("raise SystemExit('taken from the notebook's folder')")
    monkeypatch.chdir(tmp_path)
    with Hub.connect(home=fresh) as hub:
        assert hub.healthy()


def test_many_starters_at_once_end_with_one_hub(fresh):
    code = "from mlops_jupyter.client import Hub; print(Hub.connect().info().pid)"
    starters = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [starter.communicate(timeout=90)[0].strip() for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 4
    assert len(set(said)) == 1
    assert running_hub(fresh).pid == int(said[0])


def test_threads_of_one_process_start_one_hub(fresh):
    pids = []

    def start():
        with Hub.connect(home=fresh) as hub:
            pids.append(hub.info().pid)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 3
    assert len(set(pids)) == 1


@pytest.mark.parametrize("started", [0.0, None], ids=["reused pid", "own start time"])
def test_a_stale_lock_keeps_no_hub_from_starting(fresh, started):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    pid = dead.pid if started is None else os.getpid()
    said = {"pid": pid, "started": started or 1.0, "url": "http://127.0.0.1:9", "socket": None}
    (fresh / "hub.lock").write_text(json.dumps(said))
    with Hub.connect(home=fresh) as hub:
        assert hub.info().pid not in (dead.pid, os.getpid())


def test_a_killed_hub_is_started_again_by_the_next_verb(fresh):
    with Hub.connect(home=fresh) as hub:
        before = hub.info().pid
        kill(before)
        assert hub.whoami().kind == "os-user"
        after = hub.info().pid
        assert after != before
        assert hub.verify().ok


def test_a_killed_hub_is_not_started_again_by_who_may_not(fresh):
    with Hub.connect(home=fresh) as starter:
        pid = starter.info().pid
    with Hub.connect(start=False, home=fresh) as hub:
        hub.whoami()
        kill(pid)
        with pytest.raises(Unavailable) as caught:
            hub.whoami()
    assert caught.value.code == "hub_not_running"


def test_no_zombie_stays_behind(fresh):
    with Hub.connect(home=fresh) as hub:
        pid = hub.info().pid
        hub.stop()
    end = time.monotonic() + 20
    while psutil.pid_exists(pid):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_stopped_hub_has_ended_and_can_be_started_again(fresh):
    with Hub.connect(home=fresh) as hub:
        before = hub.info().pid
        hub.stop()
        assert running_hub(fresh) is None
        assert hub.info().pid != before


def test_a_state_directory_that_is_a_file_is_a_clear_error(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for home in (file, file / "below"):
        with pytest.raises(Unavailable) as caught:
            Hub.connect(home=home)
        assert caught.value.code == "state_directory_not_writable"
        assert "MLOPS_JUPYTER_HOME" in caught.value.fix


def test_a_taken_port_is_a_clear_error_and_leaves_no_hub(fresh, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("MLOPS_JUPYTER_PORT", str(taken.getsockname()[1]))
        with pytest.raises(Unavailable) as caught:
            Hub.connect(home=fresh)
    assert caught.value.code == "port_taken"
    assert "MLOPS_JUPYTER_PORT" in caught.value.fix
    assert running_hub(fresh) is None


def test_a_hub_that_dies_while_it_starts_tells_its_last_words(fresh):
    (fresh / "hub.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(MlopsError) as caught:
        Hub.connect(home=fresh)
    assert str(caught.value)
    assert "hub" in caught.value.fix
    assert running_hub(fresh) is None


def test_the_owner_is_proven_over_both_roads(hub):
    assert hub.whoami().method == "peer-credentials"
    import httpx

    token = (hub.home / "token").read_text().strip()
    answer = httpx.get(f"{hub.url}/whoami", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["method"] == "token-file"
    assert answer.json()["subject"] == hub.whoami().subject


def test_an_application_is_known_by_its_token_and_may_not_control(hub):
    made = hub.create_token("billing", ["churn"], 3600)
    assert made.token.startswith(f"mlo_{made.token_id}_")
    assert hub.tokens()[0].token_id == made.token_id
    for path in ("/hub", "/endpoints", "/tokens", "/audit/records", "/versions"):
        with pytest.raises(Forbidden):
            as_application(hub, made.token, path)
    hub.revoke_token(made.token_id)
    with pytest.raises(Unauthenticated) as caught:
        as_application(hub, made.token, "/hub")
    assert caught.value.code == "token_revoked"
    with pytest.raises(NotFound):
        hub.revoke_token("0123456789ab")
    actions = [record["action"] for record in hub.records(kind="access").records]
    assert {"token.create", "token.revoke"} <= set(actions)


def as_application(hub, token, path):
    import httpx

    from mlops_jupyter.client.connection import error_of

    answer = httpx.get(hub.url + path, headers={"Authorization": f"Bearer {token}"})
    if answer.status_code >= 400:
        raise error_of(answer.status_code, answer.content, answer.headers)
    return answer


def test_every_read_of_the_api_is_understood(hub):
    assert hub.endpoints() == []
    assert hub.versions() == []
    assert hub.info().home == str(hub.home)
    assert hub.openapi()["openapi"].startswith("3.")
    assert isinstance(hub.metrics(), str)
    assert hub.checkpoint().startswith("mlops-jupyter/")
    assert hub.key()
    logged = hub.event("register", {"note": "x"}, data={"rows": 3})
    assert hub.record(logged.id).index == logged.index
    assert hub.record(logged.index).record["data"] == {"rows": 3}
    assert hub.receipt(logged.id).startswith("c2sp.org/tlog-proof@v1")
    page = hub.records(kind="control", limit=1)
    assert page.records[0]["id"] == logged.id
    assert b"".join(hub.export("jsonl", kind="control")).count(b"\n") >= 1
    assert b"".join(hub.export("csv")).startswith(b"index")
    verified = hub.verify(hub.checkpoint())
    assert verified.ok
    assert verified.size >= 1
    with pytest.raises(NotFound):
        hub.status("nowhere")
    with pytest.raises(NotFound):
        hub.record("nowhere")


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    try:
        psutil.Process(pid).wait(20)
    except psutil.NoSuchProcess:
        pass


def test_stopping_what_the_fixture_left_is_harmless(fresh):
    stop_hub(fresh)
    assert running_hub(fresh) is None
