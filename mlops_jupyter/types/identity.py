"""Who calls, and how that was proven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["peer-credentials", "token-file", "api-token", "anonymous"]

ON_BEHALF_OF = "X-Mlops-On-Behalf-Of"
"""The header in which the local user says whom he acts for: a claim as a JSON object."""

CLAIM_BYTES = 512
"""Longest claim."""


@dataclass(frozen=True)
class Principal:
    """Somebody with rights.

    Attributes
    ----------
    subject
        Stable name: ``user:ada`` for a local user, ``app:billing`` for a token's application.
    kind
        ``os-user``, ``app`` or ``anonymous``.
    """

    subject: str
    kind: Literal["os-user", "app", "anonymous"]


@dataclass(frozen=True)
class Caller:
    """A principal together with the proof that came with this one request.

    `token_id` names the API token (never the token itself); `endpoints` are those the token may
    invoke, or None for all.
    """

    principal: Principal
    method: Method
    token_id: str | None = None
    endpoints: frozenset[str] | None = None

    @property
    def subject(self) -> str:
        """Stable name of the principal."""
        return self.principal.subject
