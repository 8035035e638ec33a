"""Somebody is told when a run has ended: signed, again where it was not taken, in nobody's way."""

import hashlib
import hmac
import json
import queue
import stat
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlops_jupyter.hub.webhooks import check_url
from mlops_jupyter.types import InvalidRequest

PATIENCE = 120.0


class Listener(ThreadingHTTPServer):
    """A server that keeps what it is sent, and answers with `statuses` in turn, then 204."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard = queue.Queue()
        self.statuses = []
        self.url = f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.heard.put((dict(self.headers), body))

    def log_message(self, *_):
        pass


@pytest.fixture
def listener():
    with Listener() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def proven(hub, headers, body):
    """Whether a message is the hub's, as its receiver finds out."""
    key = (hub.home / "keys" / "webhook").read_bytes().strip()
    signed = headers["X-Mlops-Timestamp"].encode() + b"." + body
    expected = "sha256=" + hmac.new(key, signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(headers["X-Mlops-Signature"], expected)


def test_the_end_of_a_run_is_told_with_a_signature(daemon, notebook, listener, monkeypatch):
    monkeypatch.setenv("CANARY_HERE", "canary-31ab")
    path = notebook("1 / 0")
    run = daemon.run(path, notify=listener.url, secrets={"KEY": "env:CANARY_HERE"})
    headers, body = listener.heard.get(timeout=PATIENCE)
    said = json.loads(body)
    assert (said["event"], said["run"]["id"], said["run"]["state"]) == (
        "run.ended", run.id, "failed",
    )  # fmt: skip
    assert "ZeroDivisionError" in said["run"]["reason"]
    assert proven(daemon, headers, body)
    assert not proven(daemon, headers, body.replace(b"failed", b"passed"))
    assert b"CANARY" not in body
    assert stat.S_IMODE((daemon.home / "keys" / "webhook").stat().st_mode) == 0o600


def test_what_was_not_taken_is_sent_again(daemon, notebook, listener):
    listener.statuses = [503]
    run = daemon.run(notebook("1"), notify=listener.url)
    first, second = (listener.heard.get(timeout=PATIENCE) for _ in range(2))
    assert first[1] == second[1]
    assert json.loads(second[1])["run"]["id"] == run.id
    assert proven(daemon, *second)


def test_who_is_not_there_holds_nobody_up(daemon, notebook, listener):
    nobody = listener.url
    listener.server_close()
    run = daemon.run(notebook("1"), notify=nobody)
    assert daemon.wait_for_run(run.id, PATIENCE).state == "succeeded"
    assert daemon.wait_for_run(daemon.run(notebook("2")).id, PATIENCE).state == "succeeded"


@pytest.mark.parametrize(
    "url", ["ftp://x/y", "http://", "chat", "https:///x", "http://[", "a" * 3000]
)
def test_an_address_that_is_none_is_refused_before_the_run(daemon, notebook, url):
    with pytest.raises(InvalidRequest) as caught:
        daemon.run(notebook("1"), notify=url)
    assert caught.value.code == "invalid_notify"
    with pytest.raises(InvalidRequest):
        check_url(url)
