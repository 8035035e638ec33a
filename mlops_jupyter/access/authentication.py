"""Who calls, proven and not believed: peer credentials, the token file, or an API token.

A proof that was given explicitly counts before the socket's own: somebody who presents a token is
whom the token names, also over the Unix socket.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from dataclasses import dataclass
from typing import Literal, NoReturn

from sqlalchemy.exc import SQLAlchemyError

from mlops_jupyter.access.tokens import REVOKED_WITHIN_SECONDS, TokenInfo, Tokens
from mlops_jupyter.types import Caller, Principal, Unauthenticated, Unavailable

HEADER_BYTES = 512
CACHE_ENTRIES = 10_000
_sha256 = hashlib.sha256
_monotonic = time.monotonic
_SHOW_HOW = (
    "Send 'Authorization: Bearer TOKEN'; an application's token is made by "
    "'mlops-jupyter token create APP --endpoint NAME --expires 90d'."
)


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection: `uid` is the kernel's word for a Unix socket, else None."""

    kind: Literal["unix", "tcp"]
    uid: int | None = None
    address: str = ""


def user_subject(uid: int) -> str:
    """``user:<name>`` by the password database, never by environment variables."""
    try:
        # not on every platform, and nothing else here needs it
        import pwd

        return f"user:{pwd.getpwuid(uid).pw_name}"
    except (ImportError, KeyError):
        return f"user:uid-{uid}"


class Authenticator:
    """Proves callers.

    Parameters
    ----------
    tokens
        The applications' tokens.
    local_token
        Content of the local user's token file.
    uid
        The owner of this process, who is the local user; default the process's own.
    """

    def __init__(self, tokens: Tokens, local_token: bytes, uid: int | None = None) -> None:
        self._tokens = tokens
        self._uid = os.geteuid() if uid is None else uid
        self._local_token = local_token.strip()
        if len(self._local_token) < 32:
            raise ValueError("the local token is too short to be a secret")
        owner = Principal(user_subject(self._uid), "os-user")
        self._by_peer = Caller(owner, "peer-credentials")
        self._by_file = Caller(owner, "token-file")
        # keyed by the header's SHA-256: no secret stays in memory, and a lookup's time tells
        # nothing about one
        self._known: dict[bytes, tuple[Caller, float]] = {}

    def authenticate(self, authorization: bytes | None, peer: Peer) -> Caller:
        """Return who calls.

        Parameters
        ----------
        authorization
            Value of the Authorization header as received, or None.
        peer
            The connection's other end.

        Raises
        ------
        Unauthenticated
            Nobody proved anything, or the proof is malformed, unknown, expired or revoked.
        Unavailable
            The tokens cannot be read now.
        """
        if authorization is None:
            if peer.uid == self._uid and peer.kind == "unix":
                return self._by_peer
            _nobody(peer)
        if len(authorization) > HEADER_BYTES:
            _malformed()
        key = _sha256(authorization).digest()
        known = self._known.get(key)
        if known is not None and _monotonic() < known[1]:
            caller = known[0]
            if caller.token_id is None or not self._tokens.refuses(caller.token_id):
                return caller
        return self._prove(authorization, key)

    def _prove(self, authorization: bytes, key: bytes) -> Caller:
        self._known.pop(key, None)
        token = _bearer(authorization)
        if hmac.compare_digest(token, self._local_token):
            self._remember(key, self._by_file, float("inf"))
            return self._by_file
        asked = _monotonic()
        info = self._lookup(token)
        if info is None:
            raise Unauthenticated(
                "The token is not known.",
                reason="It was mistyped or cut, or belongs to another hub.",
                fix=_SHOW_HOW,
                code="token_unknown",
            )
        now = time.time()
        state = "revoked" if self._tokens.refuses(info.token_id) else info.state(now)
        if state != "valid":
            raise Unauthenticated(
                f"The token {info.token_id} is {state}.",
                reason=f"It was made for the application '{info.application}'.",
                fix="Make a new one: mlops-jupyter token create "
                f"{info.application} --endpoint {info.endpoints[0]} --expires 90d.",
                code=f"token_{state}",
            )
        caller = Caller(
            Principal(f"app:{info.application}", "app"),
            "api-token",
            info.token_id,
            frozenset(info.endpoints),
        )
        # from before the read: the bound holds however long the read took
        self._remember(key, caller, asked + min(REVOKED_WITHIN_SECONDS, info.expires_at - now))
        return caller

    def _lookup(self, token: bytes) -> TokenInfo | None:
        try:
            return self._tokens.lookup(token.decode("ascii"))
        except SQLAlchemyError as error:
            raise Unavailable(
                "The token cannot be checked now.",
                reason="The hub's database cannot be read.",
                fix="Try again; if it repeats, see: mlops-jupyter hub logs.",
                code="tokens_unavailable",
            ) from error

    def _remember(self, key: bytes, caller: Caller, until: float) -> None:
        if len(self._known) >= CACHE_ENTRIES:
            self._known.clear()
        self._known[key] = (caller, until)


def _bearer(authorization: bytes) -> bytes:
    """The token of a Bearer header, whose alphabet is that of RFC 6750."""
    scheme, _, token = authorization.partition(b" ")
    token = token.strip(b" ")
    plain = token.translate(None, b"-._~+/=")
    if scheme.lower() != b"bearer" or not plain or not plain.isalnum():
        _malformed()
    return token


def _nobody(peer: Peer) -> NoReturn:
    reason = "The request has no Authorization header."
    if peer.kind == "unix":
        reason = "The Unix socket is for the hub's owner, and there is no Authorization header."
    raise Unauthenticated("Nobody proved who is calling.", reason=reason, fix=_SHOW_HOW)


def _malformed() -> NoReturn:
    raise Unauthenticated(
        "The Authorization header cannot be understood.",
        reason="It must be the word Bearer, a space and one token.",
        fix=_SHOW_HOW,
        code="authorization_malformed",
    )
