"""A database with an empty table of tokens."""

import os

import pytest
from sqlalchemy import create_engine

from mlops_jupyter.access import Authenticator, Tokens, make_token, metadata

LOCAL_TOKEN = b"local-token-of-the-owner-0123456789abcdef"


@pytest.fixture
def engine(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def tokens(engine):
    return Tokens(engine)


@pytest.fixture
def made(engine, tokens):
    """Make and keep a token: (secret, info)."""

    def make(application="billing", endpoints=("churn",), expires_seconds=3600, **kwargs):
        secret, info = make_token(
            application, endpoints, expires_seconds, created_by="user:ada", **kwargs
        )
        with engine.begin() as connection:
            tokens.insert(connection, secret, info)
        return secret, info

    return make


@pytest.fixture
def authenticator(tokens):
    return Authenticator(tokens, LOCAL_TOKEN, os.getuid())
