"""Calls over HTTP: how errors come back, and what happens when a hub goes away."""

import json
import os
import signal
import threading

import pytest

from mlops_jupyter.client import Hub
from mlops_jupyter.types import (
    AuditUnavailable,
    Conflict,
    DeadlineExceeded,
    Forbidden,
    InvalidInput,
    InvalidRequest,
    MlopsError,
    ModelError,
    NotFound,
    Overloaded,
    TooLarge,
    Unauthenticated,
    Unavailable,
    WorkerDied,
)

from .scripted import TOKEN, Answer, ScriptedHub

WHO = {"subject": "user:ada", "kind": "os-user", "method": "token-file", "token_id": None}


def test_over_tcp_the_token_file_proves_the_caller(scripted):
    server, hub = scripted(lambda asked: WHO)
    assert hub.whoami().subject == "user:ada"
    assert server.asked[0].over == "tcp"
    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert server.asked[0].headers["host"] == f"127.0.0.1:{server.port}"


def test_over_the_unix_socket_no_secret_is_sent(scripted):
    server, hub = scripted(lambda asked: WHO, socket=True)
    hub.whoami()
    assert server.asked[0].over == "unix"
    assert "authorization" not in server.asked[0].headers
    assert server.asked[0].headers["host"] == f"127.0.0.1:{server.port}"


def test_a_socket_on_which_nobody_listens_is_left_for_tcp(scripted, short_home):
    server, _ = scripted(lambda asked: WHO)
    (short_home / "old.sock").touch()
    server.write_lock(socket=str(short_home / "old.sock"))
    with Hub.connect(start=False, home=short_home) as hub:
        assert hub.whoami().subject == "user:ada"


def test_a_proxy_of_the_environment_never_sees_a_call(scripted, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    _, hub = scripted(lambda asked: WHO)
    assert hub.whoami().subject == "user:ada"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_request", InvalidRequest),
        (401, "token_expired", Unauthenticated),
        (403, "forbidden", Forbidden),
        (404, "endpoint_not_found", NotFound),
        (409, "conflict", Conflict),
        (413, "too_large", TooLarge),
        (422, "invalid_input", InvalidInput),
        (429, "overloaded", Overloaded),
        (500, "model_error", ModelError),
        (502, "worker_died", WorkerDied),
        (503, "unavailable", Unavailable),
        (503, "audit_unavailable", AuditUnavailable),
        (504, "deadline_exceeded", DeadlineExceeded),
    ],
)
def test_the_hubs_errors_come_back_as_what_they_were(scripted, status, code, kind):
    body = {"code": code, "message": "What.", "reason": "Why.", "fix": "How."}
    _, hub = scripted(lambda asked: Answer(status, body))
    with pytest.raises(kind) as caught:
        hub.whoami()
    assert caught.value.to_dict() == body
    assert caught.value.status == status


def test_how_long_to_wait_comes_with_an_overload(scripted):
    _, hub = scripted(lambda asked: Answer(429, {}, {"Retry-After": "7"}))
    with pytest.raises(Overloaded) as caught:
        hub.whoami()
    assert caught.value.retry_after == 7


def test_an_error_in_the_inference_protocols_shape_is_understood(scripted):
    _, hub = scripted(lambda asked: Answer(404, {"error": "no such model"}))
    with pytest.raises(NotFound, match="no such model"):
        hub.metadata("churn")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"null", b"\xff\xfe", b"{"])
def test_an_error_that_is_no_json_still_says_its_status(scripted, body):
    _, hub = scripted(lambda asked: Answer(503, body))
    with pytest.raises(Unavailable, match="status 503"):
        hub.whoami()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"subject": 7}', b"\xff"])
def test_an_answer_of_another_shape_is_a_clear_error(scripted, body):
    _, hub = scripted(lambda asked: Answer(200, body))
    with pytest.raises(MlopsError) as caught:
        hub.whoami()
    assert caught.value.code == "answer_not_understood"


def test_what_a_newer_hub_adds_is_ignored(scripted):
    _, hub = scripted(lambda asked: WHO | {"new": [1]})
    assert hub.whoami().method == "token-file"


def test_without_a_hub_and_without_leave_to_start_one_the_error_says_how(tmp_path):
    with pytest.raises(Unavailable) as caught:
        Hub.connect(start=False, home=tmp_path)
    assert caught.value.code == "hub_not_running"
    assert "mlops-jupyter hub start" in caught.value.fix
    assert list(tmp_path.iterdir()) == []


class CutOnce:
    """Ends the first connection without an answer."""

    def __init__(self, answer):
        self.answer = answer
        self.count = 0

    def __call__(self, asked):
        self.count += 1
        return Answer(cut=True) if self.count == 1 else self.answer


STATUS = {
    "spec": {"name": "churn", "model": "churn", "traffic": {"weights": {"3": 100}}},
    "state": "ready",
    "reason": "",
}
LOGGED = {"id": "x", "index": 1}


@pytest.mark.parametrize(
    "call",
    [
        lambda hub: hub.whoami(),
        lambda hub: hub.status("churn"),
        lambda hub: hub.scale("churn", "fixed:2"),
        lambda hub: hub.traffic("churn", {3: 100}),
        lambda hub: hub.undeploy("churn"),
    ],
)
def test_a_lost_answer_is_asked_for_again_if_that_changes_nothing(scripted, call):
    server, hub = scripted(CutOnce(STATUS | WHO))
    call(hub)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda hub: hub.rollback("churn"),
        lambda hub: hub.scale("churn", "fixed:2", revision=4),
        lambda hub: hub.create_token("billing", ["churn"], 60),
        lambda hub: hub.event("register"),
        lambda hub: hub.payload("x", "input"),
    ],
)
def test_a_lost_answer_is_not_asked_for_again_if_that_could_do_it_twice(scripted, call):
    server, hub = scripted(CutOnce(STATUS | LOGGED))
    with pytest.raises(Unavailable) as caught:
        call(hub)
    assert caught.value.code == "answer_lost"
    assert len(server.asked) == 1


def test_a_hub_that_is_gone_is_looked_for_again(scripted, short_home):
    server, hub = scripted(lambda asked: WHO)
    hub.whoami()
    server.close()
    another = ScriptedHub(short_home, lambda asked: WHO | {"subject": "user:eve"})
    try:
        assert hub.whoami().subject == "user:eve"
    finally:
        another.close()


def test_a_hub_that_is_gone_for_good_is_a_clear_error(scripted, short_home):
    server, hub = scripted(lambda asked: WHO)
    hub.whoami()
    server.close()
    (short_home / "hub.lock").write_text("")
    with pytest.raises(Unavailable) as caught:
        hub.whoami()
    assert caught.value.code == "hub_not_running"


def test_threads_share_one_connection(scripted):
    _, hub = scripted(lambda asked: {**WHO, "subject": asked.query["model"]})
    seen = {}

    def ask(name):
        path = hub.connection.request("GET", "/whoami", query={"model": name})
        seen[name] = path.json()["subject"]

    threads = [threading.Thread(target=ask, args=(f"m{i}",)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {f"m{i}": f"m{i}" for i in range(20)}


def test_a_forked_child_opens_its_own_connection(scripted):
    server, hub = scripted(lambda asked: WHO)
    hub.whoami()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if hub.whoami().subject == "user:ada" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert hub.whoami().subject == "user:ada"
    assert len(server.asked) == 3


def test_a_closed_client_can_be_used_again(scripted):
    _, hub = scripted(lambda asked: WHO)
    with hub:
        hub.whoami()
    assert hub.whoami().subject == "user:ada"


ALICE = {"sub": "user:älice", "method": "jupyterhub"}


@pytest.mark.parametrize("over", ["tcp", "unix"])
def test_whom_the_client_acts_for_goes_with_every_request(scripted, short_home, over):
    server, _ = scripted(lambda asked: WHO, socket=over == "unix")
    with Hub.connect(start=False, home=short_home, on_behalf_of=ALICE) as hub:
        hub.whoami()
        list(hub.export())
    for asked in server.asked:
        said = asked.headers["x-mlops-on-behalf-of"]
        assert said.isascii()
        assert json.loads(said) == ALICE
    assert {asked.over for asked in server.asked} == {over}


def test_who_acts_for_nobody_says_nothing_of_it(scripted):
    server, hub = scripted(lambda asked: WHO)
    hub.whoami()
    assert "x-mlops-on-behalf-of" not in server.asked[0].headers


def test_a_name_to_act_for_that_is_too_long_is_not_sent(short_home):
    with pytest.raises(InvalidRequest) as caught:
        Hub.connect(start=False, home=short_home, on_behalf_of={**ALICE, "sub": "x" * 512})
    assert caught.value.code == "invalid_on_behalf_of"
