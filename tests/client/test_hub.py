"""Each method of the client is one operation of the hub's HTTP API."""

import pytest

from mlops_jupyter.client import EndpointHistory, Hub
from mlops_jupyter.types import (
    AuditPolicy,
    EndpointStatus,
    Forbidden,
    InvalidRequest,
    Limits,
    MlopsError,
    ModelVersion,
    ScalingPolicy,
)

from .scripted import Answer

VERSION = ModelVersion("churn", 3, "d" * 64, "/models/3", {"inputs": "[]"}, aliases=("champion",))
SPEC = {
    "name": "churn",
    "model": "churn",
    "traffic": {"weights": {"3": 90, "4": 10}, "shadows": [5]},
    "scaling": {"mode": "elastic", "min": 1, "max": 4, "target": 2.0, "idle_seconds": 60.0},
    "alias": "champion",
    "revision": 7,
}
STATUS = {
    "spec": SPEC,
    "state": "ready",
    "reason": "",
    "replicas": [{"version": 3, "desired": 1, "ready": 1, "pending": 0, "reason": "why"}],
    "url": "http://127.0.0.1:1/endpoints/churn/invocations",
    "requests_per_second": 1.5,
    "p50_ms": None,
    "p99_ms": 2.5,
    "previous": [2],
    "updated_at": 1.0,
    "updated_by": "user:ada",
}
TOKEN = {"token_id": "0123", "application": "billing", "endpoints": ["churn"], "created_at": 1.0,
         "created_by": "user:ada", "expires_at": 2.0, "revoked_at": None,
         "revoked_by": None}  # fmt: skip
POLICY = {"mode": "fixed", "min": 2, "max": 2, "target": 1.0, "idle_seconds": 60.0}
V = "/endpoints/churn"

CALLS = [
    # what is called, the request's method, path, query and body, and the answer
    (lambda hub: hub.info(), "GET", "/hub", {}, None, {"version": "1", "pid": 3}),
    (lambda hub: hub.openapi(), "GET", "/openapi.json", {}, None, {"openapi": "3.1.0"}),
    (lambda hub: hub.versions(), "GET", "/versions", {}, None, []),
    (lambda hub: hub.versions("churn"), "GET", "/versions", {"model": "churn"}, None, []),
    (lambda hub: hub.endpoints(), "GET", "/endpoints", {}, None, [STATUS]),
    (lambda hub: hub.status("churn"), "GET", V, {}, None, STATUS),
    (
        lambda hub: hub.scale("churn", "fixed:2"),
        "POST", f"{V}/scale", {}, {"scaling": POLICY}, STATUS,
    ),
    (
        lambda hub: hub.scale("churn", ScalingPolicy(min=2, max=2), revision=7),
        "POST", f"{V}/scale", {}, {"scaling": POLICY, "revision": 7}, STATUS,
    ),
    (
        lambda hub: hub.traffic("churn", {3: 90, 4: 10}, shadows=[5], revision=7),
        "POST", f"{V}/traffic", {},
        {"weights": {"3": 90, "4": 10}, "shadows": [5], "versions": [], "revision": 7}, STATUS,
    ),
    (lambda hub: hub.promote("churn", 4), "POST", f"{V}/promote", {}, {"version": 4}, STATUS),
    (
        lambda hub: hub.promote("churn", 4, alias="champion", revision=7),
        "POST", f"{V}/promote", {}, {"version": 4, "alias": "champion", "revision": 7}, STATUS,
    ),
    (lambda hub: hub.rollback("churn"), "POST", f"{V}/rollback", {}, {}, STATUS),
    (
        lambda hub: hub.undeploy("churn", revision=7),
        "POST", f"{V}/undeploy", {}, {"revision": 7}, STATUS,
    ),
    (lambda hub: hub.metadata("churn", 3), "GET", "/v2/models/churn/versions/3", {}, None, {}),
    (
        lambda hub: hub.records(
            endpoint="churn", model="m", version=3, caller="user:ada", kind="prediction",
            status=502, failed=True, since=1.5, until=2.5, text="a b&c", limit=10, before=77,
        ),
        "GET", "/audit/records",
        {"endpoint": "churn", "model": "m", "version": "3", "caller": "user:ada",
         "kind": "prediction", "status": "502", "failed": "1", "since": "1.5", "until": "2.5",
         "text": "a b&c", "limit": "10", "before": "77"},
        None, {"records": [{"id": "x"}], "next": 5, "size": 9, "indexed": 9},
    ),
    (lambda hub: hub.records(), "GET", "/audit/records", {}, None, {"records": [], "next": None}),
    (lambda hub: hub.record("x/../y"), "GET", "/audit/records/x%2F..%2Fy", {}, None,
     {"record": {}}),
    (lambda hub: hub.record(7), "GET", "/audit/records/7", {}, None, {"record": {}, "index": 7}),
    (
        lambda hub: hub.verify("note"), "POST", "/audit/verify", {}, {"against": "note"},
        {"ok": False, "size": 3, "problems": [{"index": 2, "what": "edited"}], "checked": {"a": 1}},
    ),
    (lambda hub: hub.verify(), "POST", "/audit/verify", {}, {}, {"ok": True}),
    (
        lambda hub: hub.event(
            "register", {"a": 1}, code={"git": "x"}, data={"rows": 2}, model={"name": "c"}
        ),
        "POST", "/audit/events", {},
        {"action": "register", "detail": {"a": 1}, "code": {"git": "x"}, "data": {"rows": 2},
         "model": {"name": "c"}},
        {"id": "x", "index": 4},
    ),
    (
        lambda hub: hub.create_token("billing", ["churn"], 60), "POST", "/tokens", {},
        {"application": "billing", "endpoints": ["churn"], "expires_seconds": 60},
        TOKEN | {"token": "mlo_x"},
    ),
    (lambda hub: hub.tokens(), "GET", "/tokens", {}, None, [TOKEN]),
    (
        lambda hub: hub.history("churn", 60), "GET", f"{V}/history", {"seconds": "60"}, None,
        {"step": 5, "requests_per_second": [0.0, 1.5], "p99_ms": [None, 2.5]},
    ),
    (
        lambda hub: hub.records(fields="summary"), "GET", "/audit/records",
        {"fields": "summary"}, None, {"records": []},
    ),
    (
        lambda hub: hub.verification(), "GET", "/audit/verification", {}, None,
        {"ok": True, "size": 3, "at": 1.5, "problems": 0, "index": 3},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "method", "path", "query", "body", "answer"), CALLS)
def test_what_a_method_asks(scripted, call, method, path, query, body, answer):
    server, hub = scripted(lambda asked: Answer(200, answer))
    assert call(hub) is not None
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == (method, path, query)
    assert (asked.json if asked.body else None) == body


def test_a_deployment_is_sent_whole(scripted):
    server, hub = scripted(lambda asked: STATUS)
    status = hub.deploy(
        "churn",
        VERSION,
        scaling=ScalingPolicy(min=2, max=2),
        audit=AuditPolicy("metadata", "async"),
        limits=Limits(deadline_seconds=5),
        gpu=1,
        alias="champion",
        target="local",
        revision=6,
        wait=30,
    )
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == ("PUT", "/endpoints/churn", {"wait": "30"})
    body = asked.json
    assert body["version"]["digest"] == "d" * 64
    assert body["version"]["aliases"] == ["champion"]
    assert body["scaling"] == POLICY
    assert body["audit"] == {"level": "metadata", "mode": "async"}
    assert body["limits"]["deadline_seconds"] == 5
    assert (body["gpu"], body["alias"], body["target"], body["revision"]) == (
        1, "champion", "local", 6,
    )  # fmt: skip
    assert isinstance(status, EndpointStatus)


def test_what_a_deployment_leaves_out_is_not_sent(scripted):
    server, hub = scripted(lambda asked: STATUS)
    hub.deploy("churn", VERSION)
    assert list(server.asked[0].json) == ["version"]
    assert server.asked[0].query == {}


def test_a_status_comes_back_typed(scripted):
    _, hub = scripted(lambda asked: STATUS)
    status = hub.status("churn")
    assert status.spec.traffic.weights == {3: 90, 4: 10}
    assert status.spec.traffic.shadows == (5,)
    assert status.spec.scaling == ScalingPolicy("elastic", 1, 4, 2.0)
    assert status.replicas[0].reason == "why"
    assert status.previous == (2,)


def test_a_version_goes_and_comes_back_equal(scripted):
    _, hub = scripted(lambda asked: Answer(200, asked.body))
    assert hub.add_version(VERSION) == VERSION


def test_a_secret_is_not_in_the_picture_of_a_token(scripted):
    _, hub = scripted(lambda asked: Answer(201, TOKEN | {"token": "mlo_secret"}))
    made = hub.create_token("billing", ["churn"], 60)
    assert made.token == "mlo_secret"
    assert "mlo_secret" not in repr(made)


def test_texts_come_as_they_are(scripted):
    texts = {
        "/metrics": "m 1\n",
        "/audit/records/7/receipt": "c2sp.org/tlog-proof@v1\n",
        "/audit/checkpoint": "origin\n1\n",
        "/audit/key": "vkey",
        "/endpoints/churn/log": "büg\n",
    }
    server, hub = scripted(lambda asked: Answer(200, texts[asked.path].encode()))
    assert hub.metrics() == "m 1\n"
    assert hub.receipt(7) == "c2sp.org/tlog-proof@v1\n"
    assert hub.checkpoint() == "origin\n1\n"
    assert hub.key() == "vkey"
    assert hub.log("churn", 3) == "büg\n"
    assert server.asked[-1].query == {"version": "3"}


def test_a_payload_comes_with_its_type(scripted):
    _, hub = scripted(lambda asked: Answer(200, b"\x00\xff", {"Content-Type": "text/csv"}))
    payload = hub.payload("x", "input")
    assert (payload.data, payload.content_type) == (b"\x00\xff", "text/csv")


def test_an_export_comes_in_parts_and_takes_filters(scripted):
    server, hub = scripted(lambda asked: Answer(200, b"line\n" * 100_000))
    assert b"".join(hub.export("csv", endpoint="churn", failed=True)) == b"line\n" * 100_000
    assert server.asked[0].query == {"format": "csv", "endpoint": "churn", "failed": "1"}


def test_an_export_that_is_refused_raises(scripted):
    _, hub = scripted(lambda asked: Answer(400, {"code": "x", "message": "No."}))
    with pytest.raises(InvalidRequest, match="No"):
        list(hub.export())


def test_no_verification_yet_is_none(scripted):
    _, hub = scripted(lambda asked: Answer(200, b"null"))
    assert hub.verification() is None


def test_a_history_comes_back_typed(scripted):
    answer = {"step": 5, "requests_per_second": [0.0, 1.5], "p99_ms": [None, 2.5]}
    _, hub = scripted(lambda asked: answer)
    assert hub.history("churn") == EndpointHistory(5, (0.0, 1.5), (None, 2.5))


def test_events_come_one_a_line_with_the_empty_ones_and_end_with_the_hub(scripted):
    lines = b'{"event":"hello","size":1}\n{}\n{"event":"endpoint","name":"churn"}\n{"event":"re'
    server, hub = scripted(lambda asked: Answer(200, lines))
    assert list(hub.events()) == [
        {"event": "hello", "size": 1}, {}, {"event": "endpoint", "name": "churn"},
    ]  # fmt: skip
    assert (server.asked[0].method, server.asked[0].path) == ("GET", "/events")


@pytest.mark.parametrize("line", [b"x\n", b"[]\n", b"7\n", b"\xff\n"])
def test_events_of_another_shape_are_a_clear_error(scripted, line):
    _, hub = scripted(lambda asked: Answer(200, line))
    with pytest.raises(MlopsError) as caught:
        list(hub.events())
    assert caught.value.code == "answer_not_understood"


def test_events_that_are_refused_raise(scripted):
    _, hub = scripted(lambda asked: Answer(403, {"code": "x", "message": "No."}))
    with pytest.raises(Forbidden):
        list(hub.events())


def test_an_export_by_columns_is_asked_for_by_name(scripted):
    server, hub = scripted(lambda asked: Answer(200, b"PAR1"))
    assert b"".join(hub.export("parquet")) == b"PAR1"
    assert server.asked[0].query == {"format": "parquet"}


def test_a_token_is_revoked_by_its_id(scripted):
    server, hub = scripted(lambda asked: Answer(204))
    hub.revoke_token("0123")
    assert (server.asked[0].method, server.asked[0].path) == ("DELETE", "/tokens/0123")


def test_health_is_a_question_that_never_fails(scripted, tmp_path):
    server, hub = scripted(lambda asked: {"ok": True})
    assert hub.healthy()
    assert server.asked[0].path == "/healthz"
    server.script = lambda asked: Answer(503, {})
    assert not hub.healthy()
    server.close()
    assert not hub.healthy()


@pytest.mark.parametrize("name", ["", "..", "a/b", "Ä", "a b", "a\x00", "<i>", "\u202ea", "x" * 64])
def test_a_name_that_is_none_is_not_sent(scripted, name):
    server, hub = scripted(lambda asked: STATUS)
    for call in (hub.status, hub.endpoint, hub.rollback, hub.log, hub.metadata):
        with pytest.raises(InvalidRequest) as caught:
            call(name)
        assert caught.value.code == "invalid_name"
    assert server.asked == []


def test_a_policy_that_is_none_is_not_sent(scripted):
    server, hub = scripted(lambda asked: STATUS)
    with pytest.raises(InvalidRequest):
        hub.scale("churn", "elastic:4-1")
    assert server.asked == []


def test_a_hub_shows_where_it_is(scripted, short_home):
    server, hub = scripted(lambda asked: {})
    assert repr(hub) == f"Hub('{server.url}', home='{short_home}')"
    assert isinstance(hub, Hub)
