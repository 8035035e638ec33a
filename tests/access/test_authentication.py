"""Who calls is proven: by the kernel, by the token file, or by an application's token."""

import os
import pwd
import socket
import struct
import time

import pytest
from sqlalchemy import create_engine

from mlops_jupyter.access import Authenticator, Peer, Tokens, user_subject
from mlops_jupyter.access import authentication as module
from mlops_jupyter.types import Unauthenticated, Unavailable

from .conftest import LOCAL_TOKEN

TCP = Peer("tcp", None, "127.0.0.1")
OWNER = Peer("unix", os.getuid())
STRANGER = Peer("unix", os.getuid() + 1)
ME = f"user:{pwd.getpwuid(os.getuid()).pw_name}"


def bearer(secret):
    return b"Bearer " + (secret if isinstance(secret, bytes) else secret.encode())


def test_the_owner_is_proven_by_the_socket(authenticator):
    caller = authenticator.authenticate(None, OWNER)
    assert (caller.subject, caller.principal.kind) == (ME, "os-user")
    assert (caller.method, caller.token_id, caller.endpoints) == ("peer-credentials", None, None)


def test_the_kernels_word_for_a_real_socket_is_accepted(authenticator):
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        size = struct.calcsize("3i")
        credentials = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        peer = Peer("unix", struct.unpack("3i", credentials)[1])
    assert authenticator.authenticate(None, peer).method == "peer-credentials"


def test_the_owner_is_proven_by_the_token_file(authenticator):
    for _ in range(2):
        caller = authenticator.authenticate(bearer(LOCAL_TOKEN), TCP)
        assert (caller.subject, caller.method) == (ME, "token-file")


def test_an_application_is_proven_by_its_token(authenticator, made):
    secret, info = made("billing", ["churn", "fraud"])
    for _ in range(2):
        caller = authenticator.authenticate(bearer(secret), TCP)
        assert (caller.subject, caller.principal.kind) == ("app:billing", "app")
        assert (caller.method, caller.token_id) == ("api-token", info.token_id)
        assert caller.endpoints == {"churn", "fraud"}
        assert secret not in repr(caller)


def test_a_token_counts_before_the_sockets_own_proof(authenticator, made):
    assert authenticator.authenticate(bearer(made()[0]), OWNER).subject == "app:billing"
    with pytest.raises(Unauthenticated):
        authenticator.authenticate(b"Bearer wrong", OWNER)


@pytest.mark.parametrize("peer", [TCP, STRANGER, Peer("unix", None), Peer("tcp", os.getuid())])
def test_nobody_is_refused_and_told_how_to_prove_himself(authenticator, peer):
    with pytest.raises(Unauthenticated) as caught:
        authenticator.authenticate(None, peer)
    assert caught.value.code == "unauthenticated"
    assert "Authorization: Bearer" in caught.value.fix
    assert "mlops-jupyter token create" in caught.value.fix


def test_a_stranger_on_the_socket_may_use_a_token(authenticator, made):
    assert authenticator.authenticate(bearer(made()[0]), STRANGER).subject == "app:billing"


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b" ",
        b"Bearer",
        b"Bearer ",
        b"Bearer\tabc",
        b"Basic dXNlcjpwYXNz",
        b"Bearer a b",
        b"Bearer a,b",
        b"Bearer \x00",
        b"Bearer mlo_\x00",
        b"Bearer \xff\xfe",
        "Bearer tökén".encode(),
        b"Bearer a\r\nX: y",
        b"\x00" * 100,
        b"Bearer " + b"a" * 1_000_000,
        b"a" * 1_000_000,
    ],
)
def test_malformed_headers_are_refused_without_echo(authenticator, header):
    with pytest.raises(Unauthenticated) as caught:
        authenticator.authenticate(header, TCP)
    assert caught.value.code == "authorization_malformed"
    assert len(str(caught.value)) < 400


def test_a_megabyte_of_header_is_refused(authenticator):
    with pytest.raises(Unauthenticated):
        authenticator.authenticate(b"Bearer " + b"a" * 1_000_000, TCP)


@pytest.mark.parametrize("scheme", [b"bearer", b"BEARER", b"Bearer "])
def test_the_scheme_is_read_as_http_has_it(authenticator, scheme):
    assert authenticator.authenticate(scheme + b" " + LOCAL_TOKEN, TCP).method == "token-file"


def test_an_unknown_id_and_a_wrong_secret_are_told_the_same(authenticator, made):
    _, info = made()
    told = []
    for wrong in (f"mlo_{info.token_id}_{'A' * 43}", f"mlo_{'0' * 12}_{'A' * 43}", "something"):
        with pytest.raises(Unauthenticated) as caught:
            authenticator.authenticate(bearer(wrong), TCP)
        told.append(caught.value.to_dict())
    assert told[0] == told[1] == told[2]
    assert told[0]["code"] == "token_unknown"


def test_an_expired_token_is_refused_and_its_application_told_what_to_do(authenticator, made):
    secret, _ = made(now=time.time() - 100, expires_seconds=50)
    with pytest.raises(Unauthenticated) as caught:
        authenticator.authenticate(bearer(secret), TCP)
    assert caught.value.code == "token_expired"
    assert "mlops-jupyter token create billing --endpoint churn" in caught.value.fix
    assert secret not in str(caught.value)


def test_a_token_expires_while_it_is_in_use(authenticator, made, monkeypatch):
    secret, _ = made(expires_seconds=20)
    clock = Clock(monkeypatch)
    assert authenticator.authenticate(bearer(secret), TCP)
    clock.pass_seconds(19.0)
    assert authenticator.authenticate(bearer(secret), TCP)
    clock.pass_seconds(1.5)
    with pytest.raises(Unauthenticated, match="expired"):
        authenticator.authenticate(bearer(secret), TCP)


def test_revocation_holds_at_once_in_this_process(authenticator, engine, tokens, made):
    secret, info = made()
    authenticator.authenticate(bearer(secret), TCP)
    with engine.begin() as connection:
        tokens.revoke(connection, info.token_id, revoked_by=ME)
        # not even the transaction's end has to be waited for
        with pytest.raises(Unauthenticated, match="revoked"):
            authenticator.authenticate(bearer(secret), TCP)
    with pytest.raises(Unauthenticated) as caught:
        authenticator.authenticate(bearer(secret), TCP)
    assert caught.value.code == "token_revoked"


def test_a_revocation_that_was_rolled_back_ends_by_itself(
    authenticator, engine, tokens, made, monkeypatch
):
    clock = Clock(monkeypatch)
    secret, info = made()
    with pytest.raises(OSError, match="disk"), engine.begin() as connection:
        tokens.revoke(connection, info.token_id, revoked_by=ME)
        raise OSError("disk full")
    with pytest.raises(Unauthenticated):
        authenticator.authenticate(bearer(secret), TCP)
    clock.pass_seconds(31)
    assert authenticator.authenticate(bearer(secret), TCP).subject == "app:billing"


def test_revocation_by_another_process_holds_within_30_seconds(
    tmp_path, authenticator, made, monkeypatch
):
    clock = Clock(monkeypatch)
    secret, info = made()
    authenticator.authenticate(bearer(secret), TCP)
    other = create_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    with other.begin() as connection:
        Tokens(other).revoke(connection, info.token_id, revoked_by=ME)
    other.dispose()
    clock.pass_seconds(30.0)
    with pytest.raises(Unauthenticated, match="revoked"):
        authenticator.authenticate(bearer(secret), TCP)


def test_tokens_that_cannot_be_read_are_not_believed(tmp_path, made):
    secret, _ = made()
    broken = create_engine(f"sqlite:///{tmp_path / 'nowhere' / 'hub.db'}")
    with pytest.raises(Unavailable) as caught:
        Authenticator(Tokens(broken), LOCAL_TOKEN).authenticate(bearer(secret), TCP)
    assert caught.value.code == "tokens_unavailable"


def test_the_owner_is_known_without_the_database(tmp_path):
    broken = create_engine(f"sqlite:///{tmp_path / 'nowhere' / 'hub.db'}")
    authenticator = Authenticator(Tokens(broken), LOCAL_TOKEN)
    assert authenticator.authenticate(bearer(LOCAL_TOKEN), TCP).subject == ME


def test_an_empty_token_file_opens_nothing(tokens):
    for weak in (b"", b" \n", b"short"):
        with pytest.raises(ValueError, match="too short"):
            Authenticator(tokens, weak)


def test_the_users_name_comes_from_the_system_and_not_from_the_environment(monkeypatch):
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME", "JUPYTERHUB_USER"):
        monkeypatch.setenv(name, "mallory")
    assert user_subject(os.getuid()) == ME
    assert user_subject(4_000_000_000) == "user:uid-4000000000"


def test_what_is_remembered_is_bounded_and_holds_no_secret(authenticator, made, monkeypatch):
    monkeypatch.setattr(module, "CACHE_ENTRIES", 3)
    secrets = [made()[0] for _ in range(10)]
    for secret in secrets:
        authenticator.authenticate(bearer(secret), TCP)
        authenticator.authenticate(b"bearer " + secret.encode(), TCP)
    assert len(authenticator._known) <= 3
    assert not any(secret in repr(authenticator._known) for secret in secrets)


def test_a_repeated_token_is_looked_up_once(authenticator, made, monkeypatch):
    header, looked = bearer(made()[0]), []
    lookup = authenticator._lookup
    monkeypatch.setattr(authenticator, "_lookup", lambda token: looked.append(1) or lookup(token))
    callers = [authenticator.authenticate(header, TCP) for _ in range(3)]
    assert len(looked) == 1
    assert callers[0] is callers[1] is callers[2]


class Clock:
    """Both clocks, moved by hand."""

    def __init__(self, monkeypatch):
        self._passed = 0.0
        real_time, real_monotonic = time.time, time.monotonic
        monkeypatch.setattr(time, "time", lambda: real_time() + self._passed)
        monkeypatch.setattr(time, "monotonic", lambda: real_monotonic() + self._passed)
        monkeypatch.setattr(module, "_monotonic", time.monotonic)

    def pass_seconds(self, seconds):
        self._passed += seconds
