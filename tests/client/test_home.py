"""Whether a hub runs is read from its lock file, its process and its start time."""

import json
import os
import subprocess
import sys

import psutil
import pytest

from mlops_jupyter.client.home import home_path, read_token, running_hub
from mlops_jupyter.types import Unavailable

ME = {"pid": os.getpid(), "started": psutil.Process().create_time()}
SAID = {"url": "http://127.0.0.1:1/", "socket": None, "version": "1"}


def lock(home, text):
    (home / "hub.lock").write_text(text if isinstance(text, str) else json.dumps(text))


def test_a_hub_whose_process_lives_runs(tmp_path):
    lock(tmp_path, ME | SAID)
    hub = running_hub(tmp_path)
    assert (hub.pid, hub.url, hub.socket) == (os.getpid(), "http://127.0.0.1:1", None)


def test_without_a_lock_none_runs(tmp_path):
    assert running_hub(tmp_path) is None
    assert running_hub(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "7", '"x"', "\x00" * 100, '{"pid": 1}', '{"pid": "x", "url": "y"}',
     '{"pid": 1, "started": 1.5, "url": "http://x/"', '{"pid": 1e999, "url": ""}', "[" * 100_000],
)  # fmt: skip
def test_a_lock_that_is_not_whole_is_no_hub(tmp_path, text):
    lock(tmp_path, text)
    assert running_hub(tmp_path) is None


def test_the_lock_of_a_dead_process_is_stale(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(dead.pid).create_time()
    dead.wait()
    lock(tmp_path, SAID | {"pid": dead.pid, "started": started})
    assert running_hub(tmp_path) is None


def test_the_lock_of_a_pid_that_somebody_else_got_is_stale(tmp_path):
    lock(tmp_path, SAID | ME | {"started": ME["started"] - 100})
    assert running_hub(tmp_path) is None


def test_a_zombie_is_no_hub(tmp_path):
    child = os.fork()
    if child == 0:
        os._exit(0)
    try:
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        started = psutil.Process(child).create_time()
        lock(tmp_path, SAID | {"pid": child, "started": started})
        assert running_hub(tmp_path) is None
    finally:
        os.waitpid(child, 0)


@pytest.mark.parametrize("pid", [-1, 0, 2**31 - 1, 2**70])
def test_an_impossible_pid_is_no_hub(tmp_path, pid):
    lock(tmp_path, SAID | {"pid": pid, "started": 0})
    assert running_hub(tmp_path) is None


def test_a_state_directory_that_is_a_file_is_a_clear_error(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(Unavailable) as caught:
        running_hub(file)
    assert caught.value.code == "state_directory_not_writable"
    assert "MLOPS_JUPYTER_HOME" in caught.value.fix


def test_the_state_directory_is_the_named_one(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_HOME", str(tmp_path / "named"))
    assert home_path() == tmp_path / "named"
    assert home_path(tmp_path / "given") == tmp_path / "given"
    monkeypatch.delenv("MLOPS_JUPYTER_HOME")
    assert home_path().name == "mlops-jupyter"


@pytest.mark.parametrize("content", [None, "a\nb", "tok\x00en", "tökén"])
def test_a_token_file_that_cannot_be_used_says_so(tmp_path, content):
    if content is not None:
        (tmp_path / "token").write_text(content, "utf-8")
    with pytest.raises(Unavailable) as caught:
        read_token(tmp_path)
    assert caught.value.code == "token_unreadable"
    assert "tok" not in caught.value.message.replace("token", "")
