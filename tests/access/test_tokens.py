"""Tokens of applications: made, kept as a digest, listed, revoked."""

import re
import sqlite3

import pytest
from sqlalchemy import select

from mlops_jupyter.access import Tokens, make_token, metadata
from mlops_jupyter.types import InvalidRequest, NotFound


def test_a_token_names_itself_and_carries_256_random_bits(made):
    secret, info = made()
    assert re.fullmatch(rf"mlo_{info.token_id}_[A-Za-z0-9_-]{{43}}", secret)
    assert made()[0] != secret


def test_what_is_known_of_a_token(made, tokens):
    secret, info = made("billing", ["churn", "fraud", "churn"], 90, now=1000.0)
    assert info.endpoints == ("churn", "fraud")
    assert (info.created_at, info.created_by, info.expires_at) == (1000.0, "user:ada", 1090.0)
    assert tokens.list() == [info]
    assert tokens.lookup(secret) == info


def test_the_secret_is_nowhere_on_the_disk(made, tmp_path):
    secret, info = made()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert info.token_id.encode() in kept
    assert secret.encode() not in kept
    assert secret.split("_", 2)[2].encode() not in kept
    assert secret not in repr(info)


def test_a_token_is_kept_with_the_record_of_it_or_not_at_all(engine, tokens):
    secret, info = make_token("billing", ["churn"], 60, created_by="user:ada")
    with pytest.raises(sqlite3.OperationalError), engine.begin() as connection:
        tokens.insert(connection, secret, info)
        raise sqlite3.OperationalError("the ledger cannot write")
    assert tokens.lookup(secret) is None
    assert tokens.list() == []


def test_revoking_says_when_and_by_whom_and_only_once(engine, made, tokens):
    _, info = made()
    for now, by in ((2000.0, "user:ada"), (3000.0, "user:eve")):
        with engine.begin() as connection:
            revoked = tokens.revoke(connection, info.token_id, revoked_by=by, now=now)
        assert (revoked.revoked_at, revoked.revoked_by) == (2000.0, "user:ada")
    assert tokens.list() == [revoked]
    assert revoked.state(2500.0) == "revoked"


def test_revoking_what_is_not_there_says_so(engine, tokens):
    with engine.begin() as connection, pytest.raises(NotFound) as caught:
        tokens.revoke(connection, "0123456789ab", revoked_by="user:ada")
    assert caught.value.code == "token_not_found"


def test_the_newest_token_comes_first(made, tokens):
    older, newer = made(now=1.0)[1], made(now=2.0)[1]
    assert tokens.list() == [newer, older]


def test_states_of_a_token(made):
    _, info = made(expires_seconds=10, now=100.0)
    assert info.state(109.9) == "valid"
    assert info.state(110.0) == "expired"


@pytest.mark.parametrize("change", ["id", "secret", "last", "case", "cut", "longer", "prefix"])
def test_only_the_whole_secret_is_found(made, tokens, change):
    secret, info = made()
    _, token_id, random = secret.split("_", 2)
    wrong = {
        "id": f"mlo_{'0' * 12}_{random}",
        "secret": f"mlo_{token_id}_{'A' * 43}",
        "last": secret[:-1] + ("A" if secret[-1] != "A" else "B"),
        "case": secret.upper(),
        "cut": secret[:-1],
        "longer": secret + "A",
        "prefix": secret[1:],
    }[change]
    assert tokens.lookup(wrong) is None
    assert tokens.lookup(secret) == info


@pytest.mark.parametrize(
    ("application", "endpoints", "seconds"),
    [
        ("", ["churn"], 60),
        ("../x", ["churn"], 60),
        ("a\x00b", ["churn"], 60),
        ("x" * 10_000, ["churn"], 60),
        ("billing", [], 60),
        ("billing", [f"e{i}" for i in range(1001)], 60),
        ("billing", ["*"], 60),
        ("billing", ["churn", "<img>"], 60),
        ("billing", ["churn"], 0),
        ("billing", ["churn"], -1),
        ("billing", ["churn"], float("nan")),
        ("billing", ["churn"], float("inf")),
        ("billing", ["churn"], 1e12),
    ],
)
def test_impossible_tokens_are_refused(application, endpoints, seconds):
    with pytest.raises(InvalidRequest):
        make_token(application, endpoints, seconds, created_by="user:ada")


def test_one_endpoint_may_be_a_plain_text():
    assert make_token("b", "churn", 60, created_by="user:ada")[1].endpoints == ("churn",)


def test_a_name_that_is_sql_is_only_a_name(engine, made, tokens):
    secret, info = make_token("billing", ["churn"], 60, created_by="x'); drop table api_token; --")
    with engine.begin() as connection:
        tokens.insert(connection, secret, info)
    assert Tokens(engine).lookup(secret) == info
    table = metadata.tables["api_token"]
    with engine.connect() as connection:
        assert len(connection.execute(select(table)).all()) == 1
