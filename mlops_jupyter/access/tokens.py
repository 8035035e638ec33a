"""API tokens of applications: ``mlo_<id>_<secret>``, of which only the SHA-256 is kept.

Functions that write take the caller's connection, so that a token and the ledger's record of it
are committed together, or neither is. Reads go through the engine.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    LargeBinary,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    select,
    update,
)

from mlops_jupyter.types import InvalidRequest, NotFound, check_name

REVOKED_WITHIN_SECONDS = 30.0
"""Longest time for which another process may still accept a token after it was revoked."""

MAX_ENDPOINTS = 1000
MAX_LIFETIME_SECONDS = 10 * 366 * 86_400

_ID_BYTES = 6
_SECRET_BYTES = 32
_TOKEN = re.compile(r"mlo_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")

metadata = MetaData()
"""The table ``api_token``, for ``create_all``."""

_TABLE = Table(
    "api_token",
    metadata,
    Column("id", String(2 * _ID_BYTES), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("application", String(63), nullable=False),
    Column("endpoints", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("revoked_at", Float),
    Column("revoked_by", Text),
)


@dataclass(frozen=True)
class TokenInfo:
    """All there is to show of a token. Times are seconds since the epoch."""

    token_id: str
    application: str
    endpoints: tuple[str, ...]
    created_at: float
    created_by: str
    expires_at: float
    revoked_at: float | None = None
    revoked_by: str | None = None

    def state(self, now: float) -> str:
        """``revoked``, ``expired`` or ``valid`` at `now`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if now >= self.expires_at else "valid"


def make_token(
    application: str,
    endpoints: Iterable[str],
    expires_seconds: float,
    *,
    created_by: str,
    now: float | None = None,
) -> tuple[str, TokenInfo]:
    """Make a token: the secret to show once, and what is to be kept with :meth:`Tokens.insert`.

    Parameters
    ----------
    endpoints
        Names of the endpoints that the application may call, at least one.
    expires_seconds
        Lifetime from `now` (epoch seconds, default the clock's).

    Raises
    ------
    InvalidRequest
        A name does not fit, no endpoint is named, or the lifetime is not over 0 s and at most
        ten years.
    """
    check_name(application, "application name")
    if isinstance(endpoints, str):
        endpoints = (endpoints,)
    names = tuple(dict.fromkeys(check_name(name, "endpoint name") for name in endpoints))
    if not 0 < len(names) <= MAX_ENDPOINTS:
        raise InvalidRequest(
            "The token names no endpoint." if not names else "The token names too many endpoints.",
            reason="A token opens only what it names.",
            fix=f"Name from 1 to {MAX_ENDPOINTS} endpoints.",
            code="invalid_token_request",
        )
    if not (math.isfinite(expires_seconds) and 0 < expires_seconds <= MAX_LIFETIME_SECONDS):
        raise InvalidRequest(
            "The token's lifetime is not possible.",
            reason="It must be over 0 s and at most ten years.",
            fix="Choose e.g. 90 days: 7776000 seconds.",
            code="invalid_token_request",
        )
    made = time.time() if now is None else now
    token_id = secrets.token_hex(_ID_BYTES)
    info = TokenInfo(token_id, application, names, made, created_by, made + expires_seconds)
    return f"mlo_{token_id}_{secrets.token_urlsafe(_SECRET_BYTES)}", info


class Tokens:
    """The tokens in a database.

    Parameters
    ----------
    engine
        For reads. The table is made by ``metadata.create_all``.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._refused: dict[str, float] = {}

    def insert(self, connection: Connection, secret: str, info: TokenInfo) -> None:
        """Keep a token that :func:`make_token` made; only the secret's SHA-256 is written."""
        connection.execute(
            _TABLE.insert().values(
                id=info.token_id,
                digest=hashlib.sha256(secret.encode()).digest(),
                application=info.application,
                endpoints=json.dumps(info.endpoints),
                created_at=info.created_at,
                created_by=info.created_by,
                expires_at=info.expires_at,
            )
        )

    def revoke(
        self, connection: Connection, token_id: str, *, revoked_by: str, now: float | None = None
    ) -> TokenInfo:
        """Make a token worthless: at once in this process, within 30 s in others.

        A token that was revoked before stays as it was. Should the transaction be rolled back,
        this process refuses the token for another 30 s all the same.

        Raises
        ------
        NotFound
            No token has this id.
        """
        connection.execute(
            update(_TABLE)
            .where(_TABLE.c.id == token_id, _TABLE.c.revoked_at.is_(None))
            .values(revoked_at=time.time() if now is None else now, revoked_by=revoked_by)
        )
        row = connection.execute(select(_TABLE).where(_TABLE.c.id == token_id)).mappings().first()
        if row is None:
            raise NotFound(
                "There is no such token.",
                fix="See the ids: mlops-jupyter token list.",
                code="token_not_found",
            )
        self._refused[token_id] = time.monotonic() + REVOKED_WITHIN_SECONDS
        return _info(row)

    def list(self) -> list[TokenInfo]:
        """All tokens, newest first, without their secrets."""
        statement = select(_TABLE).order_by(_TABLE.c.created_at.desc(), _TABLE.c.id)
        with self._engine.connect() as connection:
            return [_info(row) for row in connection.execute(statement).mappings()]

    def lookup(self, secret: str) -> TokenInfo | None:
        """The token with this secret, whatever its state, or None.

        An unknown id and a wrong secret take the same way and compare in constant time.
        """
        match = _TOKEN.fullmatch(secret)
        if match is None:
            return None
        statement = select(_TABLE).where(_TABLE.c.id == match[1])
        with self._engine.connect() as connection:
            row = connection.execute(statement).mappings().first()
        kept = row["digest"] if row is not None else bytes(32)
        fits = hmac.compare_digest(kept, hashlib.sha256(secret.encode()).digest())
        return _info(row) if fits and row is not None else None

    def refuses(self, token_id: str) -> bool:
        """Whether this process revoked the token just now."""
        if not self._refused:
            return False
        until = self._refused.get(token_id)
        if until is None:
            return False
        if time.monotonic() < until:
            return True
        # by now every cached proof has been read again from the database
        del self._refused[token_id]
        return False


def _info(row: RowMapping) -> TokenInfo:
    return TokenInfo(
        token_id=row["id"],
        application=row["application"],
        endpoints=tuple(json.loads(row["endpoints"])),
        created_at=row["created_at"],
        created_by=row["created_by"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        revoked_by=row["revoked_by"],
    )
