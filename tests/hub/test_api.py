"""The control API from outside: who may, what is refused, and in which words."""

import json
import subprocess

import pytest

from mlops_jupyter.types import InvalidRequest, MlopsError, NotFound

OPEN = {("get", "/openapi.json"), ("get", "/healthz"), ("get", "/v2/health/live")}
OPEN |= {("get", "/v2/health/ready")}
VALUES = {"{name}": "churn", "{version}": "1", "{key}": "0", "{id}": "0123456789ab"}


def operations(document):
    """Every method and path of the document, variables filled in."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            filled = path
            for variable, value in VALUES.items():
                filled = filled.replace(variable, value)
            yield method, path, filled, operation


@pytest.fixture(scope="module")
def document(http):
    return http.get("/openapi.json").json()


def closed(document):
    return [one for one in operations(document) if one[:2] not in OPEN]


def test_every_route_without_a_token_is_401(http, document):
    routes = closed(document)
    assert len(routes) > 35
    for method, path, filled, _ in routes:
        answer = http.request(method, filled, content=b"{}")
        assert answer.status_code == 401, (method, path, answer.text)
        if not path.startswith(("/v2", "/metrics")):
            assert "WWW-Authenticate" in answer.headers


def test_every_route_with_an_applications_token_is_403(http, document, billing):
    for method, path, filled, _ in closed(document):
        if path == "/v2":
            continue
        answer = http.request(method, filled, content=b"{}", headers=billing)
        assert answer.status_code == 403, (method, path, answer.text)


def test_open_routes_are_open(http):
    assert http.get("/healthz").json() == {"ok": True}
    assert http.get("/openapi.json").json()["openapi"] == "3.1.0"


@pytest.mark.parametrize(
    "path",
    ["//endpoints", "/ENDPOINTS", "/endpoints/", "/%65ndpoints", "/endpoints/x/%2e%2e", "/x"],
)
def test_tricks_with_the_path_neither_open_nor_tell_anything(http, local, path):
    assert http.get(path).status_code == 401
    assert http.get(path, headers=local).status_code in (400, 404)


def test_a_method_that_is_not_there_is_405(http, local):
    answer = http.request("PATCH", "/endpoints", headers=local)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert http.head("/endpoints", headers=local).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost.evil.example:80", ""])
def test_another_host_name_is_refused(http, local, host):
    answer = http.get("/hub", headers={**local, "Host": host})
    assert answer.status_code in (400, 403)


def test_a_page_of_another_origin_is_refused(http, local):
    body = {"application": "x", "endpoints": ["x"], "expires_seconds": 60}
    headers = {**local, "Origin": "https://evil.example"}
    assert http.post("/tokens", json=body, headers=headers).status_code == 403
    assert "Access-Control-Allow-Origin" not in http.get("/hub", headers=headers).headers


def test_the_document_is_whole(document):
    schemas = document["components"]["schemas"]
    seen = set()
    for method, path, _, operation in operations(document):
        assert operation["responses"], (method, path)
        assert operation["operationId"] not in seen
        seen.add(operation["operationId"])
        named = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert named == {part[1:-1] for part in path.split("/") if part[:1] == "{"}
        assert ("security" in operation) == ((method, path) in OPEN)
        for status, response in operation["responses"].items():
            assert response["description"], (method, path, status)
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_errors_have_four_fields_and_never_the_value(http, local):
    answer = http.post("/tokens", content=b'{"application": 17}', headers=local)
    assert answer.status_code == 422
    assert set(answer.json()) == {"code", "message", "reason", "fix"}
    assert "$.application" in answer.json()["reason"]
    assert "17" not in answer.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b'{"weights": {"1": 100}, "weights": {"2": 100}}', 400),
        (b'{"weights": {"1": 99}}', 400),
        (b'{"weights": {"1": 100}, "colour": 1}', 422),
        (b'{"weights": {"one": 100}}', 422),
        (b"x" * (9 << 20), 413),
    ],
)
def test_a_bad_body_is_refused_with_the_right_status(http, local, body, status):
    answer = http.post("/endpoints/churn/traffic", content=body, headers=local)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e%2fx", "a%00b", "A", "x" * 64, "%3Cimg%3E", "a%22b", "%E2%80%AEx", "%23"]
)
def test_a_bad_name_is_400_or_not_there(http, local, name):
    answer = http.get(f"/endpoints/{name}", headers=local)
    assert answer.status_code in (400, 404)
    if answer.status_code == 400:
        assert answer.json()["code"] == "invalid_name"
        assert answer.text.isprintable()


def test_an_endpoint_that_is_not_there_is_404(daemon):
    with pytest.raises(NotFound) as caught:
        daemon.status("churn")
    assert caught.value.code == "endpoint_not_found"
    for change in (
        lambda: daemon.scale("churn", "fixed:2"),
        lambda: daemon.traffic("churn", {1: 100}),
        lambda: daemon.promote("churn", 1),
        lambda: daemon.rollback("churn"),
        lambda: daemon.undeploy("churn"),
    ):
        with pytest.raises(NotFound):
            change()


def test_a_refused_change_is_recorded_with_who_asked(daemon, http, billing):
    http.post("/endpoints/billed/rollback", content=b"{}", headers=billing)
    (record, *_) = daemon.records(endpoint="billed").records
    assert record["actor"]["sub"] == "app:billing"
    assert (record["status"], record["error"]) == (403, "not_for_tokens")


def test_the_hub_describes_itself(daemon):
    info = daemon.info()
    assert info.url == daemon.url
    assert info.ledger["ok"]
    assert info.home == str(daemon.home)
    assert info.pid == daemon.connection.hub.pid


def test_the_caller_is_known_by_how_he_proved_it(daemon, http, local):
    assert daemon.whoami().method == "peer-credentials"
    assert http.get("/whoami", headers=local).json()["method"] == "token-file"


def test_a_version_is_catalogued_and_listed(daemon, make_version):
    version = make_version("listed")
    assert daemon.add_version(version).ref == "listed/1"
    assert [one.ref for one in daemon.versions("listed")] == ["listed/1"]
    assert daemon.versions("nothing") == []


def test_a_version_whose_bytes_changed_is_409(daemon, make_version, tmp_path):
    version = make_version("changed")
    (tmp_path / "registry" / "changed-1" / "MLmodel").write_text("flavors: {other: {}}\n")
    with pytest.raises(MlopsError) as caught:
        daemon.add_version(version)
    assert (caught.value.status, caught.value.code) == (409, "version_changed")


def test_a_token_is_shown_once_and_revoked_at_once(daemon, http):
    made = daemon.create_token("reports", ["other"], 60)
    assert made.token_id in [one.token_id for one in daemon.tokens()]
    assert made.token not in json.dumps(http.get("/tokens", headers=bearer(daemon)).json())
    app = {"Authorization": f"Bearer {made.token}"}
    assert http.get("/tokens", headers=app).status_code == 403
    daemon.revoke_token(made.token_id)
    assert http.get("/tokens", headers=app).status_code == 401
    actions = [one["action"] for one in daemon.records(kind="access").records]
    assert actions[:2] == ["token.revoke", "token.create"]
    with pytest.raises(NotFound):
        daemon.revoke_token("0123456789ab")


def bearer(daemon):
    return {"Authorization": f"Bearer {(daemon.home / 'token').read_text().strip()}"}


def test_what_a_client_reports_is_recorded_under_its_proven_name(daemon):
    logged = daemon.event("register", {"model": "churn"}, code={"git": "abc"})
    shown = daemon.record(logged.id)
    assert shown.index == logged.index
    assert shown.record["actor"] == {
        "sub": daemon.whoami().subject,
        "kind": "os-user",
        "method": "peer-credentials",
        "token_id": None,
    }
    assert shown.record["detail"]["reported_by"] == "client"


@pytest.mark.parametrize(
    ("action", "detail"),
    [
        ("deploy", {}),
        ("Register", {}),
        ("a b", {}),
        ("register", {"loss": 0.5}),
        ("register", {"text": "x" * 40_000}),
        ("register", {"deep": json.loads("[" * 80 + "]" * 80)}),
    ],
)
def test_an_event_that_cannot_be_one_is_refused(daemon, action, detail):
    with pytest.raises(MlopsError) as caught:
        daemon.event(action, detail)
    assert caught.value.status == 422


def test_the_ledger_is_searched_shown_proved_verified_and_exported(daemon):
    logged = daemon.event("note", {"text": "here"})
    page = daemon.records(text="note", limit=1)
    assert page.records[0]["id"] == logged.id
    assert daemon.record(logged.index).record["id"] == logged.id
    assert daemon.receipt(logged.id).startswith("c2sp.org/tlog-proof@v1")
    assert daemon.checkpoint().splitlines()[0] == daemon.info().ledger["origin"]
    assert daemon.key().startswith(daemon.info().ledger["origin"])
    assert daemon.verify().ok
    assert daemon.verify(against=daemon.checkpoint()).ok
    assert not daemon.verify(against="something else").ok
    lines = b"".join(daemon.export("jsonl")).splitlines()
    assert logged.id in lines[logged.index].decode()
    assert b"note" in b"".join(daemon.export("csv", kind="control"))


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=x", "limit=9999", "since=inf", "since=-1", "status=ok", "colour=red"],
)
def test_a_search_that_cannot_be_made_is_400(http, local, query):
    assert http.get(f"/audit/records?{query}", headers=local).status_code == 400


def test_a_record_that_is_not_there_is_404(daemon):
    for key in (10**9, "01234567-0123-7123-8123-0123456789ab", "nothing"):
        with pytest.raises((NotFound, InvalidRequest)):
            daemon.record(key)


def test_a_payload_that_was_not_kept_is_404_and_the_attempt_is_recorded(daemon):
    logged = daemon.event("note", {})
    with pytest.raises(NotFound):
        daemon.payload(logged.id, "input")
    (record, *_) = daemon.records(kind="access").records
    assert record["action"] == "payload.read"
    assert record["detail"]["record"] == logged.id


def test_no_token_is_in_any_log(daemon, http, local, billing):
    http.get("/hub", headers=local)
    http.get("/hub", headers={"Authorization": "Bearer mlo_wrong"})
    secrets = [local["Authorization"][7:], billing["Authorization"][7:]]
    for secret in secrets:
        found = subprocess.run(
            ["grep", "-rl", secret, str(daemon.home)], capture_output=True, text=True, check=False
        )
        assert set(found.stdout.split()) <= {str(daemon.home / "token")}
