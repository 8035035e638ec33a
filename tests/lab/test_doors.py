"""Who gets in: nobody without proof, nobody past Jupyter's authorizer, no forged request."""

import re

import pytest
from jupyter_server.auth import Authorizer
from tornado.routing import PathMatches

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SHAPE = {"code", "message", "reason", "fix"}


class ReadersOnly(Authorizer):
    """Everybody may look, nobody may change."""

    def is_authorized(self, handler, user, action, resource):
        return resource != "mlops" or action == "read"


class Nobody(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "mlops"


def our_patterns(router):
    """Every pattern under mlops that the server really serves."""
    for rule in router.rules:
        if isinstance(rule.matcher, PathMatches):
            if "/mlops" in rule.matcher.regex.pattern:
                yield rule.matcher.regex
        elif hasattr(rule.target, "rules"):
            yield from our_patterns(rule.target)


def address(pattern):
    """An address that the pattern takes, without the base URL."""
    text = pattern.pattern.rstrip("$").replace("(?:/.*)?", "/nothing").replace("(/.*)", "/hub")
    path = text.replace("([^/]+)", "churn")
    assert pattern.match(path), (pattern, path)
    return path[path.index("/mlops/") + len("/mlops/") :]


async def test_no_route_answers_without_a_token(own_home, jp_web_app, ask):
    patterns = list(our_patterns(jp_web_app.default_router))
    assert len(patterns) >= 9
    for pattern in patterns:
        for method in METHODS:
            answer = await ask(address(pattern), method=method, headers={})
            assert answer.status == 403, (pattern, method)
            if method != "HEAD":
                assert answer.json["code"] == "unauthenticated"
    assert not (own_home / "hub.lock").exists()


async def test_no_route_answers_to_a_wrong_token(own_home, ask):
    wrong = {"Authorization": "token " + "0" * 48}
    for path in ("status", "api/endpoints", "registry/models"):
        assert (await ask(path, headers=wrong)).status == 403


async def test_every_answer_about_a_lost_login_says_what_to_do(own_home, ask):
    answer = await ask("status", headers={})
    assert set(answer.json) == SHAPE
    assert "log in" in answer.json["fix"]


async def cookies(ask, jp_serverapp):
    """The cookies of a page that was opened with the token in its address."""
    token = jp_serverapp.identity_provider.token
    answer = await ask(f"status?token={token}", headers={})
    assert answer.status == 200
    pairs = [re.match("[^;]*", line)[0] for line in answer.headers.get_list("Set-Cookie")]
    return "; ".join([*pairs, "_xsrf=2|aaaaaaaa|aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa|1700000000"])


CHANGES = [
    ("POST", "hub/start"),
    ("POST", "hub/stop"),
    ("POST", "endpoints/churn/promote"),
    ("POST", "endpoints/churn/rollback"),
    ("POST", "registry/resolve"),
    ("PUT", "api/endpoints/churn"),
    ("POST", "api/endpoints/churn/scale"),
    ("POST", "api/endpoints/churn/invocations"),
    ("POST", "api/audit/verify"),
    ("DELETE", "api/tokens/x"),
]


async def test_a_page_without_the_proof_against_forged_requests_changes_nothing(
    own_home, ask, jp_serverapp
):
    cookie = await cookies(ask, jp_serverapp)
    assert (await ask("status", headers={"Cookie": cookie})).status == 200
    for method, path in CHANGES:
        answer = await ask(path, b"{}", method=method, headers={"Cookie": cookie})
        assert (answer.status, set(answer.json)) == (403, SHAPE), path
        assert "_xsrf" in answer.json["message"]
    assert not (own_home / "hub.lock").exists()


async def test_a_page_with_that_proof_may_change(own_home, ask, jp_serverapp):
    cookie = await cookies(ask, jp_serverapp)
    proof = cookie.rpartition("_xsrf=")[2]
    answer = await ask("hub/stop", {}, headers={"Cookie": cookie, "X-XSRFToken": proof})
    assert (answer.status, answer.json["hub"]["state"]) == (200, "stopped")


class TestReadersOnly:
    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        jp_server_config["ServerApp"]["authorizer_class"] = ReadersOnly
        return jp_server_config

    async def test_changes_are_refused_and_no_hub_is_asked(self, own_home, ask):
        for method, path in CHANGES:
            if path == "api/audit/verify":
                continue
            answer = await ask(path, b"{}", method=method)
            assert (answer.status, answer.json["code"]) == (403, "not_authorised"), path
            assert set(answer.json) == SHAPE
        assert not (own_home / "hub.lock").exists()

    async def test_rights_are_what_is_left(self, own_home, ask):
        assert (await ask("status")).json["rights"] == ["read", "audit"]

    async def test_reading_works(self, own_home, ask):
        assert (await ask("api/endpoints")).json == []


class TestNobody:
    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        jp_server_config["ServerApp"]["authorizer_class"] = Nobody
        return jp_server_config

    async def test_nothing_is_shown(self, own_home, ask):
        for path in ("status", "api/endpoints", "api/audit/records", "registry/models"):
            answer = await ask(path)
            assert (answer.status, answer.json["code"]) == (403, "not_authorised")
        assert not (own_home / "hub.lock").exists()


async def test_a_page_of_another_origin_is_refused(own_home, ask, jp_serverapp):
    cookie = await cookies(ask, jp_serverapp)
    answer = await ask(
        "status", headers={"Cookie": cookie, "Origin": "http://evil.example", "Host": "localhost"}
    )
    assert answer.status in (403, 404)
