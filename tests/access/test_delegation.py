"""Speaking for somebody else: only the hub's owner may, and it is recorded as his word."""

import json

import pytest

from mlops_jupyter.access import acting_for, authorise, on_behalf_of, rights
from mlops_jupyter.types import Caller, Forbidden, InvalidRequest, Principal

OWNER = Caller(Principal("user:ada", "os-user"), "token-file")
APP = Caller(Principal("app:billing", "app"), "api-token", "t1", frozenset({"churn"}))
ALICE = {"sub": "user:alice", "method": "jupyterhub"}


def claim(**fields):
    return json.dumps(ALICE | fields).encode()


def test_the_owner_speaks_for_somebody_and_stays_himself():
    caller = acting_for(OWNER, claim())
    assert on_behalf_of(caller) == ALICE
    assert (caller.subject, caller.method) == ("user:ada", "token-file")
    authorise(caller, "deploy")


def test_who_speaks_for_nobody_acts_for_himself():
    assert on_behalf_of(OWNER) is None


def test_an_application_may_not_whatever_it_says():
    for said in (claim(), b"", b"{", b"x" * 10_000):
        with pytest.raises(Forbidden) as caught:
            acting_for(APP, said)
        assert caught.value.code == "on_behalf_of_not_allowed"


def test_the_same_words_give_the_same_caller_so_that_records_can_be_kept_ready():
    assert acting_for(OWNER, claim()) is acting_for(OWNER, claim())
    assert acting_for(OWNER, claim(sub="user:bob")) != acting_for(OWNER, claim())


def test_names_in_other_scripts_are_names():
    assert on_behalf_of(acting_for(OWNER, claim(sub="user:Zoë 王")))["sub"] == "user:Zoë 王"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"alice",
        b"[]",
        b"null",
        b"{}",
        b'{"sub":"user:alice"}',
        b'{"method":"jupyterhub"}',
        claim(sub=""),
        claim(sub=7),
        claim(sub=" "),
        claim(sub="user:alice "),
        claim(sub="a\nb"),
        claim(sub="a\x00"),
        claim(sub="user:\u202eecila"),
        claim(sub="a\u200bb"),
        b'{"sub":"\\ud800","method":"jupyterhub"}',
        claim(method=""),
        claim(method="two words"),
        claim(method="<b>"),
        claim(method="x" * 65),
        claim(admin=True),
        claim(sub="x" * 512),
        '{"sub":"Zoë","method":"jupyterhub"}'.encode(),
        b'{"sub":"\xff","method":"jupyterhub"}',
        b"[" * 500,
    ],
)
def test_a_header_that_cannot_be_understood_is_refused_without_its_words(said):
    with pytest.raises(InvalidRequest) as caught:
        acting_for(OWNER, said)
    assert caught.value.code == "invalid_on_behalf_of"
    assert "alice" not in str(caught.value)


def test_what_everybody_may_do_can_be_listed():
    assert rights(OWNER) == ("read", "invoke", "deploy", "run", "audit", "token", "hub")
    assert rights(acting_for(OWNER, claim())) == rights(OWNER)
    assert rights(APP) == ()
