"""The local user speaking for somebody whom he has identified, such as a user of a JupyterHub.

It is his word, and recorded as such beside his own name: it opens nothing that he may not do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from mlops_jupyter.types import Caller, Forbidden, InvalidRequest
from mlops_jupyter.types.identity import CLAIM_BYTES
from mlops_jupyter.types.identity import ON_BEHALF_OF as HEADER

ON_BEHALF_OF = HEADER.lower().encode()
"""The header as requests hold it."""

_METHOD = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class _Claim(msgspec.Struct, forbid_unknown_fields=True):
    sub: str
    method: str


@dataclass(frozen=True)
class Delegate(Caller):
    """A caller who acts for another: `claimed_sub`, whom he identified by `claimed_method`."""

    claimed_sub: str = ""
    claimed_method: str = ""


def acting_for(caller: Caller, claim: bytes) -> Caller:
    """The caller with what his header ``X-Mlops-On-Behalf-Of`` says.

    Equal claims of one caller give the same object, as long as they are not too many.

    Raises
    ------
    Forbidden
        Only the local user's word counts.
    InvalidRequest
        The header cannot be understood.
    """
    if caller.principal.kind != "os-user":
        raise Forbidden(
            "Only the hub's owner may speak for others.",
            reason=f"The request came from {caller.subject}.",
            fix=f"Leave out the header {HEADER}.",
            code="on_behalf_of_not_allowed",
        )
    if len(claim) > CLAIM_BYTES:
        raise _malformed(f"It is over {CLAIM_BYTES} bytes.")
    return _delegate(caller, claim)


def on_behalf_of(caller: Caller) -> dict[str, str] | None:
    """Whom a caller acts for, as records have it; None when it is himself."""
    if not isinstance(caller, Delegate):
        return None
    return {"sub": caller.claimed_sub, "method": caller.claimed_method}


@lru_cache(maxsize=1024)
def _delegate(caller: Caller, claim: bytes) -> Delegate:
    try:
        said = msgspec.json.decode(claim, type=_Claim)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _malformed("It must be a JSON object of two texts, 'sub' and 'method'.") from None
    if not claim.isascii():
        raise _malformed("It must be ASCII; write other letters as \\u escapes.")
    # what cannot be printed could make one name look like another's
    if not said.sub or not said.sub.isprintable() or said.sub != said.sub.strip():
        raise _malformed("'sub' must be a name that can be printed.")
    if not _METHOD.fullmatch(said.method):
        raise _malformed("'method' must be one word of letters, digits, '.', ':', '_' and '-'.")
    return Delegate(
        caller.principal,
        caller.method,
        caller.token_id,
        caller.endpoints,
        said.sub,
        said.method,
    )


def _malformed(reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"The header {HEADER} cannot be understood.",
        reason=reason,
        fix='Send e.g. {"sub":"user:ada","method":"jupyterhub"}, or leave it out.',
        code="invalid_on_behalf_of",
    )
