"""Who asks, and whether anybody proved it.

Jupyter's token and password prove that somebody may use this server, not who he is: its default
identity is a made-up name. Only JupyterHub, or an identity provider that an administrator put in
the default's place, names a person; then the hub is told on whose behalf this server acts.
"""

from __future__ import annotations

import json
import os
import pwd
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlops_jupyter.types import Forbidden
from mlops_jupyter.types.identity import CLAIM_BYTES, ON_BEHALF_OF

if TYPE_CHECKING:
    from jupyter_server.base.handlers import JupyterHandler

JUPYTERHUB = "jupyterhub"
PROVIDER = "identity-provider"
UNPROVEN = "jupyter-token"

# a random UUID in hex; the name beside it can be changed by the user
_MADE_UP = re.compile(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")


@dataclass(frozen=True)
class Asker:
    """The user of one request.

    Attributes
    ----------
    subject
        ``user:alice``: whom the record will name.
    proven
        Whether Jupyter knows him; otherwise the subject is the server's own account.
    """

    subject: str
    name: str
    method: str
    proven: bool

    def to_dict(self) -> dict[str, Any]:
        """As the status says it."""
        return asdict(self)

    def headers(self) -> dict[str, str]:
        """What tells the hub on whose behalf the server asks; nothing when that is not proven.

        Raises
        ------
        Forbidden
            The name is too long to be recorded whole.
        """
        if not self.proven:
            return {}
        value = json.dumps({"sub": self.subject, "method": self.method}, separators=(",", ":"))
        if len(value) > CLAIM_BYTES:
            raise Forbidden(
                "Your user name is too long.",
                reason="It would not fit into an audit record, and is never cut.",
                fix="Use an account with a name of at most 60 characters.",
                code="user_name_too_long",
            )
        return {ON_BEHALF_OF: value}


def asker_of(handler: JupyterHandler) -> Asker:
    """Who sends the request that `handler` answers."""
    user = handler.current_user
    method = proof_of(handler)
    if user is None or method == UNPROVEN:
        name = _account()
        return Asker(f"user:{name}", name, UNPROVEN, proven=False)
    username = str(user.username)
    return Asker(f"user:{username}", str(user.display_name or username), method, proven=True)


def proof_of(handler: JupyterHandler) -> str:
    """How Jupyter knows the user: ``jupyterhub``, ``identity-provider`` or ``jupyter-token``."""
    from jupyter_server.auth.identity import (
        IdentityProvider,
        LegacyIdentityProvider,
        PasswordIdentityProvider,
    )

    provider, user = handler.identity_provider, handler.current_user
    if type(provider).__module__.partition(".")[0] == JUPYTERHUB:
        return JUPYTERHUB
    if type(provider) is LegacyIdentityProvider:
        # JupyterHub before 3 puts only its own login handler in the default's place
        login = str(getattr(provider.login_handler_class, "__module__", ""))
        return JUPYTERHUB if login.partition(".")[0] == JUPYTERHUB else UNPROVEN
    if type(provider) in (IdentityProvider, PasswordIdentityProvider):
        return UNPROVEN
    # a provider that still takes Jupyter's shared token learns nothing from it about who sent it,
    # nor from the cookie that holds the name which was made up then
    made_up = user is not None and _MADE_UP.fullmatch(str(user.username))
    if handler.token_authenticated or made_up or not provider.auth_enabled:
        return UNPROVEN
    return PROVIDER


def _account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
