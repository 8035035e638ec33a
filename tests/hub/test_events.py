"""Changes are told as they happen, to however many listen, and none of them holds up the hub."""

import json
import os
import queue
import signal
import socket
import threading
import time

import psutil
import pytest

from mlops_jupyter.client import Hub
from tests.hub.models import describe, save
from tests.hub.test_endpoints import workers

WAIT = 90.0
FRAME = {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1.0, 2.0, 3.0]]}}


class Ear:
    """Listens in a thread of its own."""

    def __init__(self, home):
        self.hub = Hub.connect(home=home, start=False)
        self.heard = queue.Queue()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        self.hello = self.heard.get(timeout=30)

    def _listen(self):
        for event in self.hub.events():
            self.heard.put(event)
        self.heard.put(None)

    def until(self, fits, seconds=30.0):
        """Wait for an event that fits; those up to it."""
        deadline = time.monotonic() + seconds
        events = []
        while True:
            event = self.heard.get(timeout=max(deadline - time.monotonic(), 0.01))
            events.append(event)
            if event is None or fits(event):
                return events

    def after_quiet(self, seconds):
        """All that comes until nothing but beats came for so long."""
        events = []
        while True:
            try:
                events.append(self.heard.get(timeout=seconds))
            except queue.Empty:
                return [event for event in events if event]


def of(name):
    return lambda event: event.get("event") == "endpoint" and event["name"] == name


@pytest.fixture
def ear(daemon):
    return Ear(daemon.home)


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "1"
    save(folder, 1.0)
    return describe(folder, "linear", 1)


def test_the_first_line_says_who_speaks_and_how_long_the_ledger_is(daemon, ear):
    info = daemon.info()
    assert ear.hello == {
        "event": "hello", "version": info.version, "size": info.ledger["size"],
    }  # fmt: skip


def test_a_record_is_told_with_the_new_size(daemon, ear):
    logged = daemon.event("note", {})
    (*_, event) = ear.until(lambda event: event.get("event") == "records")
    assert event == {"event": "records", "size": logged.index + 1}


def test_a_thousand_records_are_a_few_events_and_the_last_is_right(daemon, ear):
    started = time.monotonic()
    for number in range(300):
        logged = daemon.event("note", {"n": number})
    events = ear.until(lambda event: event.get("size") == logged.index + 1)
    sizes = [event["size"] for event in events if event.get("event") == "records"]
    assert sizes == sorted(sizes)
    assert len(sizes) <= 4 * (time.monotonic() - started) + 2


def test_a_catalogued_version_is_told(daemon, ear, make_version):
    daemon.add_version(make_version("told"))
    (*_, event) = ear.until(lambda event: event.get("event") == "version")
    assert event == {"event": "version", "model": "told"}
    daemon.add_version(make_version("told"))
    assert all(event["event"] != "version" for event in ear.after_quiet(0.5))


def test_a_deployment_is_told_until_it_is_ready(daemon, ear, version):
    daemon.deploy("watched", version)
    while daemon.status("watched").state != "ready":
        ear.until(of("watched"), WAIT)


def test_scaling_and_its_replicas_are_told(daemon, version):
    daemon.deploy("scaled", version, wait=WAIT)
    ear = Ear(daemon.home)
    daemon.scale("scaled", "fixed:2")
    while sum(one.ready for one in daemon.status("scaled").replicas) < 2:
        ear.until(of("scaled"), WAIT)


def test_a_replica_that_dies_is_told_at_once(daemon, version):
    others = workers(daemon)
    daemon.deploy("fragile", version, wait=WAIT)
    (victim,) = workers(daemon) - others
    ear = Ear(daemon.home)
    ear.after_quiet(0.5)
    os.kill(victim, signal.SIGKILL)
    ear.until(of("fragile"), 10.0)
    while daemon.status("fragile").state != "ready":
        ear.until(of("fragile"), WAIT)


def test_undeploying_is_told(daemon, version):
    daemon.deploy("leaving", version, wait=WAIT)
    ear = Ear(daemon.home)
    daemon.undeploy("leaving")
    assert ear.until(of("leaving"))
    assert daemon.status("leaving").state == "undeployed"


def test_an_endpoint_at_rest_is_not_told_of_though_its_seconds_run(daemon, version):
    daemon.deploy("resting", version, wait=WAIT)
    daemon.scale("resting", "serverless:0-1,idle=3600s")
    ear = Ear(daemon.home)
    ear.after_quiet(0.6)
    first = daemon.status("resting").reason
    deadline = time.monotonic() + 30
    while daemon.status("resting").reason == first:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not [event for event in ear.after_quiet(0.3) if of("resting")(event)]


def test_a_call_is_a_record_and_no_change_of_its_endpoint(daemon, http, local, version):
    daemon.deploy("called", version, wait=WAIT)
    ear = Ear(daemon.home)
    ear.after_quiet(0.5)
    for _ in range(20):
        answer = http.post("/endpoints/called/invocations", json=FRAME, headers=local)
        assert answer.status_code == 200
    events = ear.after_quiet(0.5)
    assert {event["event"] for event in events} == {"records"}


def test_calls_are_in_the_history_of_their_endpoint(daemon, http, local, version):
    daemon.deploy("charted", version, wait=WAIT)
    for _ in range(10):
        http.post("/endpoints/charted/invocations", json=FRAME, headers=local)
    deadline = time.monotonic() + 30
    while not any(daemon.history("charted").requests_per_second):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    history = daemon.history("charted", 60)
    assert history.step == 5
    assert len(history.p99_ms) == len(history.requests_per_second) <= 12
    (rate,) = [rate for rate in history.requests_per_second if rate]
    assert 1.0 < rate <= 2.0
    (p99,) = [p99 for p99 in history.p99_ms if p99 is not None]
    assert 0.0 < p99 < 5000.0


def test_everybody_who_listens_hears_it(daemon):
    ears = [Ear(daemon.home) for _ in range(10)]
    logged = daemon.event("note", {})
    for one in ears:
        assert one.until(lambda event: event.get("size") == logged.index + 1)


def raw(daemon, local, method="GET"):
    """A connection that has asked for the events and reads nothing."""
    host, port = daemon.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    head = f"{method} /events HTTP/1.1\r\nHost: {host}:{port}\r\n"
    connection.sendall(f"{head}Authorization: {local['Authorization']}\r\n\r\n".encode())
    return connection


def test_listeners_that_read_nothing_or_vanish_disturb_nobody(daemon, local, ear):
    mute = [raw(daemon, local) for _ in range(5)]
    for one in [raw(daemon, local) for _ in range(20)]:
        one.close()
    for _ in range(50):
        logged = daemon.event("note", {})
    ear.until(lambda event: event.get("size") == logged.index + 1)
    for one in mute:
        one.close()
    log = (daemon.home / "logs" / "hub.log").read_text()
    assert "Traceback" not in log
    assert "never retrieved" not in log


def test_who_has_vanished_is_forgotten_at_the_next_events(daemon, local):
    for one in [raw(daemon, local) for _ in range(20)]:
        one.recv(1)
        one.close()
    hub = psutil.Process(daemon.connection.hub.pid)
    deadline = time.monotonic() + 20
    while any(one.status == psutil.CONN_CLOSE_WAIT for one in hub.net_connections("tcp")):
        assert time.monotonic() < deadline
        daemon.event("note", {})
        time.sleep(0.1)


def test_asking_for_the_head_only_ends(daemon, local):
    connection = raw(daemon, local, "HEAD")
    connection.settimeout(10)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    connection.close()


def test_lines_are_json_and_come_uncompressed_and_uncached(daemon, http, local):
    with http.stream("GET", "/events", headers=local) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert answer.headers["cache-control"] == "no-store"
        assert json.loads(next(answer.iter_lines()))["event"] == "hello"


def test_a_query_is_refused(http, local):
    assert http.get("/events?since=1", headers=local).status_code == 400


def test_when_the_hub_goes_the_events_end_and_nobody_makes_it_wait(tmp_path, monkeypatch):
    hub = Hub.connect(home=tmp_path)
    token = {"Authorization": f"Bearer {(hub.home / 'token').read_text().strip()}"}
    ear = Ear(hub.home)
    mute = raw(hub, token)
    started = time.monotonic()
    hub.stop()
    assert time.monotonic() - started < 5.0
    ear.until(lambda event: event is None)
    ear.thread.join(10)
    mute.close()


def test_when_the_hub_is_killed_the_events_end(tmp_path):
    hub = Hub.connect(home=tmp_path)
    ear = Ear(hub.home)
    os.kill(hub.connection.hub.pid, signal.SIGKILL)
    assert ear.until(lambda event: event is None)[-1] is None
