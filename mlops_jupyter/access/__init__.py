"""Who may do what: callers are proven, tokens open only what they name, pages of others nothing."""

from mlops_jupyter.access.authentication import Authenticator, Peer, user_subject
from mlops_jupyter.access.delegation import ON_BEHALF_OF, acting_for, on_behalf_of
from mlops_jupyter.access.hosts import allowed, check_site, same_origin
from mlops_jupyter.access.policy import ACTIONS, Action, authorise, rights
from mlops_jupyter.access.tokens import TokenInfo, Tokens, make_token, metadata

__all__ = [
    "ACTIONS",
    "ON_BEHALF_OF",
    "Action",
    "Authenticator",
    "Peer",
    "TokenInfo",
    "Tokens",
    "acting_for",
    "allowed",
    "authorise",
    "check_site",
    "make_token",
    "metadata",
    "on_behalf_of",
    "rights",
    "same_origin",
    "user_subject",
]
