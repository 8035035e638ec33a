"""``mlops-jupyter token``: what applications prove themselves with."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from mlops_jupyter.cli.output import local_time, show_help, table, write, write_json
from mlops_jupyter.cli.reach import reading, starting
from mlops_jupyter.client import Hub, TokenSummary, parse_duration
from mlops_jupyter.types import NotFound, did_you_mean


def add_commands(nouns: Any) -> None:
    """Add ``token`` and its verbs."""
    token = nouns.add_parser("token", help="tokens with which applications call endpoints")
    show_help(token)
    verbs = token.add_subparsers(metavar="VERB")
    create = verbs.add_parser(
        "create",
        help="make a token; it is shown this once",
        description="The token alone goes to standard output: TOKEN=$(mlops-jupyter token …).",
    )
    create.add_argument("application", metavar="APP", help="who will use it, e.g. billing")
    create.add_argument(
        "--endpoint",
        action="append",
        required=True,
        metavar="NAME",
        help="an endpoint that it opens; repeat for more",
    )
    create.add_argument("--expires", required=True, metavar="TIME", help="e.g. 90d or 12h")
    create.add_argument(
        "--allow-unknown",
        action="store_true",
        help="also for an endpoint that is not there yet",
    )
    create.set_defaults(run=_create)
    listed = verbs.add_parser("list", help="all tokens, without their secrets")
    listed.set_defaults(run=_list)
    revoke = verbs.add_parser("revoke", help="make a token worthless")
    revoke.add_argument("token_id", metavar="ID", help="as `token list` shows it")
    revoke.set_defaults(run=_revoke)
    for verb in (create, listed, revoke):
        verb.add_argument("--json", action="store_true", help="answer as JSON")


def _create(parsed: argparse.Namespace) -> None:
    seconds = parse_duration(parsed.expires)
    with starting(parsed) as hub:
        if not parsed.allow_unknown:
            _check_known(hub, parsed.endpoint)
        made = hub.create_token(parsed.application, parsed.endpoint, seconds)
        url = hub.url
    if parsed.json:
        write_json(made)
        return
    write(made.token)
    sys.stdout.flush()
    sys.stderr.write(
        f"Token {made.token_id} of {made.application} for {', '.join(made.endpoints)}, until "
        f"{local_time(made.expires_at)}. It will not be shown again.\n"
        f"Send it as 'Authorization: Bearer TOKEN' to {url}/endpoints/{made.endpoints[0]}"
        "/invocations.\n"
    )


def _check_known(hub: Hub, wanted: list[str]) -> None:
    """Refuse names that no endpoint has: a token for a typo opens nothing."""
    known = [one.spec.name for one in hub.endpoints()]
    unknown = next((name for name in wanted if name not in known), None)
    if unknown is None:
        return
    raise NotFound(
        f"There is no endpoint {ascii(unknown)[:70]}, so no token was made.",
        reason=did_you_mean(unknown, known),
        fix="Name an endpoint of `mlops-jupyter endpoints list`, or add --allow-unknown if it "
        "will be deployed later.",
        code="endpoint_not_found",
    )


def _list(parsed: argparse.Namespace) -> None:
    with reading() as hub:
        tokens = hub.tokens()
    if parsed.json:
        write_json(tokens)
        return
    if not tokens:
        write("There is no token. Make one: mlops-jupyter token create APP --endpoint NAME "
              "--expires 90d.")  # fmt: skip
        return
    now = time.time()
    rows = [
        (
            one.token_id,
            one.application,
            ",".join(one.endpoints),
            _state(one, now),
            local_time(one.expires_at),
            local_time(one.created_at),
            one.created_by,
        )
        for one in tokens
    ]
    write(table(("id", "application", "endpoints", "state", "expires", "created", "by"), rows))


def _state(token: TokenSummary, now: float) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= now else "valid"


def _revoke(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        hub.revoke_token(parsed.token_id)
    if parsed.json:
        write_json({"token_id": parsed.token_id, "revoked": True})
    else:
        write(f"The token {parsed.token_id} is revoked.")
