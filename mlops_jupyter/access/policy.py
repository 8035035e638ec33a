"""What a proven caller may do. Whatever is not allowed here is refused.

The local user owns the hub and may do everything. An application's token may call the endpoints
that it names and read their metadata, nothing else: it can neither deploy nor read the ledger, and
it learns nothing about endpoints that it does not name, not even whether they exist.
"""

from __future__ import annotations

from typing import Literal, get_args

from mlops_jupyter.types import Caller, Forbidden

Action = Literal["read", "invoke", "deploy", "run", "audit", "token", "hub"]
ACTIONS: frozenset[str] = frozenset(get_args(Action))


def authorise(caller: Caller, action: str, endpoint: str | None = None) -> None:
    """Return if `caller` may do `action` on `endpoint` (None: on the hub as a whole).

    Raises
    ------
    Forbidden
        He may not.
    """
    if caller.principal.kind == "app":
        if (
            (action == "invoke" or action == "read")  # noqa: PLR1714  twice as fast as a set
            and endpoint is not None
            and caller.endpoints is not None
            and endpoint in caller.endpoints
        ):
            return
    elif caller.principal.kind == "os-user" and action in ACTIONS:
        return
    _refuse(caller, action, endpoint)


def rights(caller: Caller) -> tuple[str, ...]:
    """The actions that `caller` may do on the hub as a whole."""
    return tuple(action for action in get_args(Action) if _may(caller, action))


def _may(caller: Caller, action: str) -> bool:
    try:
        authorise(caller, action)
    except Forbidden:
        return False
    return True


def _refuse(caller: Caller, action: str, endpoint: str | None) -> None:
    if caller.principal.kind != "app":
        raise Forbidden(
            f"{caller.subject} may not do this.",
            reason="Nothing allows it.",
            fix="Use the account that owns the hub.",
        )
    named = ", ".join(sorted(caller.endpoints or ())[:5]) or "none"
    if action in ("invoke", "read") and endpoint is not None:
        raise Forbidden(
            "This token is not for that endpoint.",
            reason=f"The token {caller.token_id} is for: {named}.",
            fix="Make one that names it: mlops-jupyter token create APP --endpoint NAME.",
            code="endpoint_not_allowed",
        )
    raise Forbidden(
        "An application's token may only call endpoints.",
        reason=f"The token {caller.token_id} may call: {named}.",
        fix="Let the hub's owner do this, from a notebook or the command line.",
        code="not_for_tokens",
    )
