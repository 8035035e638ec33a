"""The hub's routes through Jupyter: the same answers, nothing leaks, nothing is held as a whole."""

import asyncio
import csv
import dataclasses
import json
import os
import signal

import pytest

from mlops_jupyter.lab import link, proxy, table
from mlops_jupyter.lab.answers import SERVICES
from mlops_jupyter.types import NotFound

from .conftest import hub_pid, until

SHAPE = {"code", "message", "reason", "fix"}


async def test_answers_are_the_hubs_own(churn, hub, ask):
    answer = await ask("api/endpoints/churn")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["spec"]["name"] == "churn"
    assert (await ask("api/versions?model=churn")).json[0]["digest"] == hub.versions("churn")[
        0
    ].digest
    text = await ask("api/audit/checkpoint")
    assert text.headers["Content-Type"].startswith("text/plain")
    assert (await ask("api/whoami")).json["subject"] == hub.whoami().subject


async def test_a_change_is_made_and_answered(churn, ask):
    answer = await ask("api/endpoints/churn/scale", {"scaling": "fixed:2"})
    assert (answer.status, answer.json["spec"]["scaling"]["mode"]) == (200, "fixed")
    back = await ask("api/endpoints/churn/scale", {"scaling": "fixed:1"})
    assert back.json["spec"]["revision"] == answer.json["spec"]["revision"] + 1


async def test_a_prediction_is_that_of_the_model(
    churn, ask, rows, json_headers, cancer, classifier
):
    answer = await ask("api/endpoints/churn/invocations", rows, headers=json_headers)
    expected = classifier.predict(cancer.data.head(2)).tolist()
    assert (answer.status, answer.json["predictions"]) == (200, expected)


@pytest.mark.parametrize(
    "path",
    [
        "api/events", "api/metrics", "api/hub/stop", "api/audit/events", "api/nothing", "api/",
        "api/endpoints/churn/log/more", "api//endpoints", "api/endpoints/../hub", "api/v2",
        "api/endpoints//log", "api/audit/records/1/secret",
    ],
)  # fmt: skip
async def test_a_path_that_is_not_in_the_table_is_not_there(own_home, ask, path):
    answer = await ask(path)
    assert (answer.status, answer.json["code"]) == (404, "no_such_path")
    assert hub_pid(own_home) is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "api/endpoints/churn"),
        ("POST", "api/audit/records"),
        ("GET", "api/endpoints/churn/scale"),
        ("PATCH", "api/endpoints/churn"),
    ],
)
async def test_a_method_that_is_not_in_the_table_is_refused(own_home, ask, method, path):
    answer = await ask(path, b"{}" if method != "GET" else None, method=method)
    assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
    assert hub_pid(own_home) is None


def test_names_may_be_anything_but_steps_through_the_tree():
    assert table.find_route("GET", "/endpoints/%2e%2e/log").path == "/endpoints/{}/log"
    for path in ("/endpoints/../log", "/endpoints/./log", "/endpoints/a/../log", "endpoints"):
        with pytest.raises(NotFound):
            table.find_route("GET", path)


def test_every_route_in_the_table_is_one_of_the_hubs(hub):
    paths = hub.openapi()["paths"]
    shapes = {
        ("/".join("{}" if part[:1] == "{" else part for part in path.split("/")), method.upper())
        for path, methods in paths.items()
        for method in methods
    }
    assert {(route.path, route.method) for route in table.TABLE} <= shapes


async def test_errors_of_the_hub_keep_their_status_and_have_one_shape(churn, ask, json_headers):
    cases = [
        (404, await ask("api/endpoints/other")),
        (404, await ask("api/audit/records/99999999")),
        (400, await ask("api/audit/records?since=yesterday")),
        (422, await ask("api/endpoints/churn/scale", {"scaling": {"min": "<b>"}})),
        (409, await ask("api/endpoints/churn/scale", {"scaling": "fixed:1", "revision": 999})),
        (400, await ask("api/endpoints/churn/invocations", b'{"inputs": 1}', headers=json_headers)),
        (404, await ask("api/v2/models/other/infer", b"{}", headers=json_headers)),
    ]
    for status, answer in cases:
        assert (answer.status, set(answer.json)) == (status, SHAPE), answer
        assert answer.json["message"]
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "name", ["%ff%fe", "%3Cimg%20src=x%20onerror=alert(1)%3E", "%E2%80%AEnruhc", "x" * 10_000]
)
async def test_names_that_are_none_are_answered_and_never_echoed_as_a_page(hub, ask, name):
    answer = await ask(f"api/endpoints/{name}")
    assert answer.status in (400, 404)
    assert set(answer.json) == SHAPE
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_what_a_page_adds_for_jupyter_is_not_passed_on(hub, ask):
    for query in ("no_track_activity=1", "1700000000000", "_xsrf=2%7Cab"):
        assert (await ask(f"api/endpoints?{query}")).status == 200, query
    assert proxy.hub_query("model=a&token=b&1700&text=x=y") == "model=a&text=x=y"


async def test_secrets_and_claims_of_a_page_stay_on_this_side(
    churn, ask, jp_auth_header, monkeypatch
):
    sent = []
    real = link.httpx.AsyncClient.build_request

    def noted(*given, **more):
        sent.append(real(*given, **more))
        return sent[-1]

    monkeypatch.setattr(link.httpx.AsyncClient, "build_request", noted)
    forged = {
        **jp_auth_header,
        "Cookie": "session=abc",
        "X-Mlops-On-Behalf-Of": json.dumps({"sub": "user:root", "method": "jupyterhub"}),
        "X-Forwarded-For": "10.0.0.1",
        "Connection": "keep-alive, X-Other",
        "X-Other": "1",
    }
    assert (await ask("api/whoami", headers=forged)).json["on_behalf_of"] is None
    assert len(sent) >= 1
    ours = {"authorization", "cookie", "x-mlops-on-behalf-of", "x-forwarded-for", "x-other"}
    for request in sent:
        assert not ours & set(request.headers)


async def test_five_megabytes_go_in_and_come_back(churn, ask, cancer, jp_auth_header):
    data = cancer.data
    body = data.head(2000).to_csv(index=False).encode()
    while len(body) < 5_000_000:
        body += body[body.index(b"\n") + 1 :]
    headers = {**jp_auth_header, "Content-Type": "text/csv"}
    answer = await ask("api/endpoints/churn/invocations", body, headers=headers)
    assert answer.status == 200, answer.json
    records = (await ask("api/audit/records?kind=prediction&limit=1")).json["records"]
    kept = await ask(f"api/audit/records/{records[0]['id']}/input")
    assert kept.body == body


async def test_payloads_are_never_a_page(churn, ask, rows, json_headers):
    assert (await ask("api/endpoints/churn/invocations", rows, headers=json_headers)).status == 200
    records = (await ask("api/audit/records?kind=prediction&limit=1")).json["records"]
    for side in ("input", "output"):
        answer = await ask(f"api/audit/records/{records[0]['id']}/{side}")
        assert answer.status == 200
        assert answer.headers["Content-Disposition"] == "attachment"
        policy = [part.strip() for part in answer.headers["Content-Security-Policy"].split(";")]
        assert "sandbox" in policy
        assert "default-src 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_an_export_comes_in_parts_and_whole(hub, ask):
    for number in range(150):
        hub.event("note.made", {"number": number, "text": "x" * 20_000})
    parts = []
    answer = await ask("api/audit/export?format=jsonl", streaming_callback=parts.append)
    assert answer.status == 200
    assert len(parts) > 10
    lines = b"".join(parts).splitlines()
    assert len(lines) >= 150
    assert all(json.loads(line)["id"] for line in lines)
    table = (await ask("api/audit/export?format=csv")).body.decode()
    assert len(list(csv.reader(table.splitlines()))) > 150


async def test_a_body_over_the_limit_is_refused_with_words(own_home, ask):
    body = b"x" * (table.CONTROL_BYTES + 1)
    answer = await ask("api/tokens", body)
    assert (answer.status, answer.json["code"]) == (413, "too_large")
    assert hub_pid(own_home) is None

    async def produce(write):
        for _ in range(9):
            await write(b"x" * 1024 * 1024)

    answer = await ask("api/tokens", method="POST", body_producer=produce)
    assert (answer.status, answer.json["code"]) == (413, "too_large")


async def test_a_body_that_comes_in_parts_is_passed_on(churn, ask, rows, json_headers):
    async def produce(write):
        for place in range(0, len(rows), 50):
            await write(rows[place : place + 50])

    answer = await ask(
        "api/endpoints/churn/invocations", method="POST", body_producer=produce,
        headers=json_headers,
    )  # fmt: skip
    assert len(answer.json["predictions"]) == 2


def link_of(jp_web_app):
    return jp_web_app.settings[SERVICES].link


@pytest.fixture
def impatient(monkeypatch):
    """All the waiting of this room, in tenths of a second."""
    monkeypatch.setattr(link, "ALIVE_SECONDS", 0.3)
    real = table.find_route

    def find_route(method, path):
        route = real(method, path)
        return dataclasses.replace(route, seconds=0.3 if route.reads else 60)

    monkeypatch.setattr(proxy, "find_route", find_route)


async def test_a_silent_hub_is_an_error_in_time(own_home, ask, impatient):
    pid = (await ask("api/hub")).json["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        read = await ask("api/endpoints")
        change = await ask("api/endpoints/churn/undeploy", {})
    finally:
        os.kill(pid, signal.SIGCONT)
    for answer in (read, change):
        assert (answer.status, answer.json["code"]) == (503, "hub_timeout")
        assert set(answer.json) == SHAPE
    assert (await ask("api/endpoints")).status == 200


async def test_a_long_change_is_waited_for_while_the_hub_lives(hub, ask, impatient, churn):
    # a verification or a deployment may take longer than a hub may be silent
    answers = await asyncio.gather(*(ask("api/audit/verify", {}) for _ in range(2)))
    assert {answer.json["ok"] for answer in answers} == {True}


async def test_a_hub_that_dies_under_a_call_is_an_error_and_then_replaced(
    own_home, ask, impatient, jp_web_app
):
    pid = (await ask("api/hub")).json["pid"]
    os.kill(pid, signal.SIGSTOP)
    call = asyncio.create_task(ask("api/endpoints/churn/undeploy", {}))
    await until(lambda: busy(link_of(jp_web_app), b"/endpoints/churn/undeploy"))
    os.kill(pid, signal.SIGKILL)
    answer = await call
    assert answer.status == 503
    assert answer.json["code"] in ("answer_lost", "hub_unreachable", "hub_timeout")
    assert set(answer.json) == SHAPE
    assert (await ask("api/hub")).json["pid"] != pid


async def test_a_hub_without_a_socket_is_reached_with_the_token_file(own_home, ask, monkeypatch):
    async def deaf(path):
        return False

    monkeypatch.setattr(link, "_listens", deaf)
    await ask("hub/start", {})
    answer = await ask("api/whoami")
    assert (answer.status, answer.json["method"]) == (200, "token-file")
    secret = (own_home / "token").read_text().strip()
    assert secret not in answer.body.decode() + str(answer.headers)


async def test_a_token_file_that_the_hub_does_not_know_is_our_trouble_not_a_lost_login(
    own_home, ask, monkeypatch, jp_web_app
):
    async def deaf(path):
        return False

    monkeypatch.setattr(link, "_listens", deaf)
    await ask("hub/start", {})
    await link_of(jp_web_app).close()
    (own_home / "token").write_text("x" * 43)
    answer = await ask("api/endpoints")
    assert (answer.status, answer.json["code"]) == (502, "token_unknown")


async def test_a_browser_that_goes_away_frees_the_connection_to_the_hub(
    own_home, ask, jp_base_url, jp_http_port, jp_auth_header, jp_web_app
):
    pid = (await ask("api/hub")).json["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", jp_http_port)
        head = f"Authorization: {jp_auth_header['Authorization']}\r\nHost: localhost\r\n\r\n"
        writer.write(f"GET {jp_base_url}mlops/api/endpoints HTTP/1.1\r\n{head}".encode())
        await until(lambda: busy(link_of(jp_web_app), b"/endpoints"))
        writer.close()
        await until(lambda: not busy(link_of(jp_web_app), b"/endpoints"))
    finally:
        os.kill(pid, signal.SIGCONT)


def busy(link, path):
    """Whether an answer of the hub's to this path is being waited for."""
    pool = link._opened[1]._transport._pool
    return any(one.request.url.target == path for one in pool._requests)
