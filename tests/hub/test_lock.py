"""One hub per state directory, whatever became of the one before."""

import json
import os
import subprocess
import sys
import threading

import pytest

from mlops_jupyter.hub.lock import HubLock, claim, read_running, started_at
from mlops_jupyter.types import Unavailable

SAID = {"url": "http://127.0.0.1:1", "socket": None}


def test_the_first_gets_the_lock_and_the_second_hears_who_has_it(tmp_path):
    lock = claim(tmp_path / "hub.lock")
    assert isinstance(lock, HubLock)
    lock.publish(SAID)
    second = claim(tmp_path / "hub.lock")
    assert second["url"] == SAID["url"]
    assert second["pid"] == os.getpid()
    lock.release()


def test_what_a_dead_hub_said_does_not_count(tmp_path):
    path = tmp_path / "hub.lock"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    path.write_text(json.dumps({"pid": dead.pid, "started": 1.0, **SAID}))
    assert read_running(path) is None
    lock = claim(path)
    assert isinstance(lock, HubLock)
    lock.release()


def test_a_pid_that_another_process_got_later_does_not_count(tmp_path):
    path = tmp_path / "hub.lock"
    started = started_at(os.getpid())
    path.write_text(json.dumps({"pid": os.getpid(), "started": started - 100, **SAID}))
    assert read_running(path) is None
    path.write_text(json.dumps({"pid": os.getpid(), "started": started, **SAID}))
    assert read_running(path)["url"] == SAID["url"]


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '{"pid": "1"}', '{"url": "x"}'])
def test_a_lock_file_with_anything_else_in_it_says_nothing(tmp_path, text):
    path = tmp_path / "hub.lock"
    path.write_text(text)
    assert read_running(path) is None


def test_a_hub_that_is_starting_is_waited_for(tmp_path):
    path = tmp_path / "hub.lock"
    lock = claim(path)
    found = []
    waiter = threading.Thread(target=lambda: found.append(claim(path)))
    waiter.start()
    lock.publish(SAID)
    waiter.join(10)
    assert found[0]["url"] == SAID["url"]
    lock.release()


def test_a_hub_that_is_stopping_is_followed_by_the_next(tmp_path):
    path = tmp_path / "hub.lock"
    lock = claim(path)
    lock.publish(SAID)
    lock.clear()
    found = []
    waiter = threading.Thread(target=lambda: found.append(claim(path)))
    waiter.start()
    lock.release()
    waiter.join(10)
    assert isinstance(found[0], HubLock)
    found[0].release()


def test_a_holder_that_says_nothing_is_a_clear_error(tmp_path):
    lock = claim(tmp_path / "hub.lock")
    with pytest.raises(Unavailable) as caught:
        claim(tmp_path / "hub.lock", wait_seconds=0.05)
    assert caught.value.code == "hub_locked"
    lock.release()
