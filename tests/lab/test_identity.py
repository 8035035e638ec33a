"""Who the record names: a person only when Jupyter has proven who it is."""

import getpass

import pytest
from jupyter_server.auth.identity import IdentityProvider, PasswordIdentityProvider, User


class Named(IdentityProvider):
    """An administrator's own provider, such as one for single sign-on."""

    def get_user(self, handler):
        name = handler.request.headers.get("X-Signed-On")
        return User(username=name, display_name=name.title()) if name else None


class AlsoByToken(Named):
    """One that takes Jupyter's shared token, too."""

    async def get_user(self, handler):
        return super().get_user(handler) or await self.get_user_token(handler)


class OfTheHub(Named):
    """Stands in for JupyterHub's provider, which is known by the package it comes from."""


OfTheHub.__module__ = "jupyterhub.singleuser.extension"


def configured(provider):
    class Room:
        @pytest.fixture
        def jp_server_config(self, jp_server_config):
            jp_server_config["ServerApp"]["identity_provider_class"] = provider
            return jp_server_config

    return Room


ALICE = {"X-Signed-On": "alice"}


async def user_of(ask, headers=None):
    return (await ask("status", headers=headers)).json["user"]


async def last_record(hub):
    return hub.records(limit=1).records[0]


class TestDefault:
    @pytest.mark.parametrize("_again", range(2))
    async def test_jupyters_token_proves_nobody_and_nobody_is_claimed(self, hub, ask, _again):
        user = await user_of(ask)
        assert user == {
            "subject": f"user:{getpass.getuser()}",
            "name": getpass.getuser(),
            "method": "jupyter-token",
            "proven": False,
        }
        assert (await ask("api/whoami")).json["on_behalf_of"] is None
        body = {"application": "a", "endpoints": ["x"], "expires_seconds": 60}
        assert (await ask("api/tokens", body)).status == 201
        assert "on_behalf_of" not in await last_record(hub)


class TestPassword(configured(PasswordIdentityProvider)):
    async def test_a_shared_password_proves_nobody(self, hub, ask):
        assert (await user_of(ask))["proven"] is False


class TestProvider(configured(Named)):
    async def test_who_signed_on_is_in_the_record(self, hub, ask):
        assert await user_of(ask, ALICE) == {
            "subject": "user:alice",
            "name": "Alice",
            "method": "identity-provider",
            "proven": True,
        }
        body = {"application": "a", "endpoints": ["x"], "expires_seconds": 60}
        xsrf = {**ALICE, "Cookie": "_xsrf=ab", "X-XSRFToken": "ab"}
        answer = await ask("api/tokens", body, headers=xsrf)
        assert answer.status == 201, answer.json
        record = await last_record(hub)
        assert record["on_behalf_of"] == {"sub": "user:alice", "method": "identity-provider"}
        assert record["actor"]["sub"] == f"user:{getpass.getuser()}"

    async def test_two_users_of_one_server_are_two(self, hub, ask):
        for name in ("alice", "bob"):
            said = (await ask("api/whoami", headers={"X-Signed-On": name})).json
            assert said["on_behalf_of"]["sub"] == f"user:{name}"

    async def test_a_name_that_would_be_cut_is_refused(self, hub, ask):
        answer = await ask("api/endpoints", headers={"X-Signed-On": "a" * 10_000})
        assert (answer.status, answer.json["code"]) == (403, "user_name_too_long")

    async def test_a_name_of_any_letters_is_kept(self, hub, ask):
        answer = await ask("api/whoami", headers={"X-Signed-On": "Zo\u00eb <b>"})
        assert answer.json["on_behalf_of"]["sub"].startswith("user:Zo")
        assert answer.json["on_behalf_of"]["sub"].endswith("<b>")


class TestProviderWithToken(configured(AlsoByToken)):
    async def test_the_shared_token_proves_nobody_there_either(self, hub, ask):
        assert (await user_of(ask))["proven"] is False
        assert (await user_of(ask, ALICE))["proven"] is True


class TestJupyterHub(configured(OfTheHub)):
    async def test_jupyterhub_is_named_as_the_proof(self, hub, ask):
        assert await user_of(ask, ALICE) == {
            "subject": "user:alice",
            "name": "Alice",
            "method": "jupyterhub",
            "proven": True,
        }
