"""The hub as a process: one per state directory, however it is started and however it ended."""

import json
import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys

import psutil
import pytest

from mlops_jupyter.audit import Entry
from mlops_jupyter.client.hub import Hub
from mlops_jupyter.hub import records
from tests.hub.conftest import ADA, Books

HEAVY = {"mlflow", "numpy", "pandas", "fastapi", "pydantic", "sklearn", "scipy"}


class Started:
    """A hub process with its ready line, as the client starts it."""

    def __init__(self, home, **environment):
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mlops_jupyter.hub"],
            env={
                **os.environ,
                "MLOPS_JUPYTER_HOME": str(home),
                "MLOPS_JUPYTER_READY_FD": str(writing),
                **environment,
            },
            pass_fds=(writing,),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        os.close(writing)
        self._reading = reading

    def line(self):
        """What it says when it is ready or has failed."""
        text = b""
        while not text.endswith(b"\n"):
            assert select.select([self._reading], [], [], 60)[0], "the hub says nothing"
            part = os.read(self._reading, 65536)
            if not part:
                break
            text += part
        os.close(self._reading)
        return json.loads(text)

    def end(self):
        """End it as a system that shuts down does, and return its exit status."""
        self.process.terminate()
        return self.process.wait(60)


@pytest.fixture
def start(tmp_path):
    started = []

    def start(home=tmp_path / "state", **environment):
        started.append(Started(home, **environment))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait(60)
        one.process.stderr.close()


def test_it_says_where_it_is_and_ends_cleanly(start, tmp_path):
    hub = start()
    line = hub.line()
    assert line["pid"] == hub.process.pid
    lock = json.loads((tmp_path / "state" / "hub.lock").read_text())
    assert (lock["pid"], lock["url"]) == (line["pid"], line["url"])
    assert lock["started"] == pytest.approx(psutil.Process(line["pid"]).create_time(), abs=1)
    assert stat.S_IMODE((tmp_path / "state" / "hub.sock").stat().st_mode) == 0o600
    assert hub.end() == 0
    assert (tmp_path / "state" / "hub.lock").read_text() == ""
    assert not (tmp_path / "state" / "hub.sock").exists()
    assert stat.S_IMODE((tmp_path / "state" / "logs" / "hub.log").stat().st_mode) == 0o600


def test_when_it_ends_everything_is_signed(start, home):
    hub = start(home.root)
    hub.line()
    assert hub.end() == 0
    books = Books(home)
    assert books.ledger.status()["checkpoint_size"] == books.ledger.size > 0
    assert [one["action"] for one in books.records("system")] == ["hub.start", "hub.stop"]
    books.close()


def test_of_two_that_start_at_once_one_runs_and_both_say_where(start):
    first, second = start(), start()
    lines = [first.line(), second.line()]
    assert lines[0]["pid"] == lines[1]["pid"]
    assert lines[0]["url"] == lines[1]["url"]
    winner, loser = (first, second) if first.process.pid == lines[0]["pid"] else (second, first)
    assert loser.process.wait(60) == 0
    assert winner.process.poll() is None
    assert winner.end() == 0


def test_what_a_dead_hub_left_behind_is_no_obstacle(start, home):
    home.lock.write_text(json.dumps({"pid": 2**22 - 1, "started": 1.0, "url": "http://x"}))
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(home.socket))
    left.close()
    hub = start(home.root)
    assert hub.line()["pid"] == hub.process.pid


def test_after_a_kill_it_starts_again_at_the_same_address(start):
    first = start()
    url = first.line()["url"]
    first.process.kill()
    first.process.wait(60)
    again = start()
    assert again.line()["url"] == url


def test_a_port_that_is_taken_is_said_to_the_starter(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        hub = start(MLOPS_JUPYTER_PORT=str(taken.getsockname()[1]))
        error = hub.line()["error"]
    assert error["code"] == "port_taken"
    assert "MLOPS_JUPYTER_PORT" in error["fix"]
    assert hub.process.wait(60) == 1


def test_another_program_on_last_times_port_moves_the_hub(start):
    first = start()
    url = first.line()["url"]
    first.end()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(url.rpartition(":")[2])))
        taken.listen()
        assert start().line()["url"] != url


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1"])
def test_a_port_that_is_none_is_said_to_the_starter(start, port):
    assert start(MLOPS_JUPYTER_PORT=port).line()["error"]["code"] == "invalid_port"


def test_a_state_directory_that_cannot_be_used_is_said_to_the_starter(start, tmp_path):
    (tmp_path / "file").write_text("")
    hub = start(tmp_path / "file")
    assert hub.line()["error"]["code"] == "state_directory_not_writable"
    assert hub.process.wait(60) == 1


def test_a_database_that_is_none_is_said_to_the_starter(start, home):
    home.database.write_bytes(b"this is not a database" * 1000)
    error = start(home.root).line()["error"]
    assert set(error) == {"code", "message", "reason", "fix"}


def test_it_outlives_whoever_started_it(tmp_path):
    home = tmp_path / "state"
    code = "import sys; from mlops_jupyter.client.hub import Hub; print(Hub.connect().url)"
    environment = {**os.environ, "MLOPS_JUPYTER_HOME": str(home)}
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    hub = Hub.connect(start=False, home=home)
    assert hub.url == said.stdout.strip()
    hub.stop()


def test_an_intent_without_an_outcome_is_closed_as_unknown(start, home):
    books = Books(home)
    intent = books.ledger.append([Entry(records.control("intent", "deploy", ADA, "churn"))]).ids[0]
    done = books.ledger.append([Entry(records.control("intent", "scale", ADA, "churn"))]).ids[0]
    books.ledger.append([Entry(records.control("outcome", "scale", ADA, "churn", intent=done))])
    books.close()
    hub = start(home.root)
    hub.line()
    hub.end()
    books = Books(home)
    unknown = [one for one in books.records() if one.get("error") == "unknown"]
    books.close()
    assert [(one["intent"], one["endpoint"]) for one in unknown] == [(intent, "churn")]


def test_idle_it_is_small_and_has_imported_nothing_heavy(start):
    hub = start()
    pid = hub.line()["pid"]
    assert psutil.Process(pid).memory_info().rss < 80 << 20
    code = "import sys, mlops_jupyter.hub.hub; print(*{name.split('.')[0] for name in sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) & HEAVY == set()


def test_it_ends_when_its_state_directory_is_deleted(start, tmp_path):
    hub = start()
    hub.line()
    shutil.rmtree(tmp_path / "state")
    hub.process.wait(60)


def test_the_interrupt_key_ends_it_too(start):
    hub = start()
    hub.line()
    hub.process.send_signal(signal.SIGINT)
    assert hub.process.wait(60) == 0
