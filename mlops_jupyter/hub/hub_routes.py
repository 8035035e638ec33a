"""Routes on the hub itself, on versions and on tokens."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from mlops_jupyter.access import TokenInfo, Tokens, make_token, on_behalf_of, rights
from mlops_jupyter.hub import records
from mlops_jupyter.hub.catalogue import Catalogue
from mlops_jupyter.hub.openapi import document
from mlops_jupyter.hub.routes import Call, Route
from mlops_jupyter.hub.state import State
from mlops_jupyter.serving.messages import Response
from mlops_jupyter.types import AuditUnavailable, ModelVersion

_log = logging.getLogger(__name__)


class HubInfo(msgspec.Struct):
    """A running hub. Times are epoch seconds."""

    version: str
    pid: int
    started_at: float
    url: str
    socket: str | None
    home: str
    ledger: dict[str, Any]
    endpoints: int
    python: str
    gpus: list[dict[str, Any]]


class WhoAmI(msgspec.Struct):
    """How the hub knows the caller, what he may do, and whom he says he acts for."""

    subject: str
    kind: str
    method: str
    token_id: str | None
    rights: tuple[str, ...]
    on_behalf_of: dict[str, str] | None


class TokenBody(msgspec.Struct, forbid_unknown_fields=True):
    """An application, the endpoints it may call, and for how many seconds."""

    application: str
    endpoints: tuple[str, ...]
    expires_seconds: float


class TokenSummary(msgspec.Struct):
    """A token without its secret. Times are epoch seconds."""

    token_id: str
    application: str
    endpoints: tuple[str, ...]
    created_at: float
    created_by: str
    expires_at: float
    revoked_at: float | None
    revoked_by: str | None


class NewToken(TokenSummary, kw_only=True):
    """A token just made; `token` is the secret and will never be shown again."""

    token: str


class VersionsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Only versions of this model."""

    model: str | None = None


class HubRoutes:
    """Handlers of the routes on the hub, its versions and its tokens.

    Parameters
    ----------
    describe
        Says what the hub is at this moment.
    stop
        Asks the hub to stop.
    warm
        Gets the environment of a version ready.
    """

    def __init__(
        self,
        state: State,
        catalogue: Catalogue,
        tokens: Tokens,
        *,
        describe: Callable[[], Awaitable[HubInfo]],
        stop: Callable[[], None],
        warm: Callable[[ModelVersion], None],
    ) -> None:
        self._state = state
        self._catalogue = catalogue
        self._tokens = tokens
        self._describe = describe
        self._request_stop = stop
        self._warm = warm
        self._document = b""
        self._make_document: Callable[[], bytes] = bytes

    def routes(self) -> list[Route]:
        """The table's part."""
        return [
            Route("GET", "/openapi.json", None, "This document.", self._openapi, dict[str, Any]),
            Route("GET", "/healthz", None, "Whether the hub lives.", self._health, dict[str, bool]),
            Route("GET", "/hub", "hub", "What the hub is.", self._hub, HubInfo),
            Route(
                "POST", "/hub/stop", "hub", "Stop the hub and its workers.", self._stop, status=202,
                changes=True,
            ),
            Route("GET", "/whoami", "hub", "How the hub knows the caller.", self._whoami, WhoAmI),
            Route(
                "POST", "/versions", "deploy", "Catalogue a version with its artifacts.",
                self._add_version, ModelVersion, body=ModelVersion, errors=(400, 409),
                changes=True,
            ),
            Route(
                "GET", "/versions", "read", "Catalogued versions.",
                self._versions, list[ModelVersion], query=VersionsQuery,
            ),
            Route(
                "POST", "/tokens", "token", "Make a token for an application.",
                self._create_token, NewToken, status=201, body=TokenBody, changes=True,
            ),
            Route(
                "GET", "/tokens", "token", "Tokens without their secrets.",
                self._list_tokens, list[TokenSummary],
            ),
            Route(
                "DELETE", "/tokens/{id}", "token", "Make a token worthless.",
                self._revoke_token, status=204, changes=True,
            ),
        ]  # fmt: skip

    def describe_api(self, routes: tuple[Route, ...], data: dict[str, Any], version: str) -> None:
        """Tell what ``/openapi.json`` shall show; it is made when first asked for."""
        self._make_document = lambda: document(routes, data, version)

    async def _openapi(self, _call: Call) -> Response:
        if not self._document:
            self._document = self._make_document()
        return Response(200, self._document)

    async def _health(self, _call: Call) -> Any:
        return {"ok": True}

    async def _hub(self, _call: Call) -> Any:
        return await self._describe()

    async def _stop(self, call: Call) -> Any:
        try:
            self._state.record(records.control("outcome", "hub.stop", call.caller, status=202))
        except AuditUnavailable as error:
            # a hub whose disk is full must not be one that cannot be stopped
            _log.warning("the stop is not recorded: %s", error)
        self._request_stop()

    async def _whoami(self, call: Call) -> Any:
        caller = call.caller
        return WhoAmI(
            caller.subject,
            caller.principal.kind,
            caller.method,
            caller.token_id,
            rights(caller),
            on_behalf_of(caller),
        )

    async def _add_version(self, call: Call) -> Any:
        version = await self._catalogue.add(call.body, call.caller)
        self._warm(version)
        return version

    async def _versions(self, call: Call) -> Any:
        return self._state.versions(call.query.model)

    async def _create_token(self, call: Call) -> Any:
        body: TokenBody = call.body
        secret, info = make_token(
            body.application, body.endpoints, body.expires_seconds, created_by=call.caller.subject
        )
        record = records.access(
            "token.create",
            call.caller,
            token_id=info.token_id,
            application=info.application,
            endpoints=list(info.endpoints),
            expires_s=int(body.expires_seconds),
        )
        self._state.record(record, lambda connection: self._tokens.insert(connection, secret, info))
        return NewToken(**_summary(info), token=secret)

    async def _list_tokens(self, _call: Call) -> Any:
        return [TokenSummary(**_summary(info)) for info in self._tokens.list()]

    async def _revoke_token(self, call: Call) -> Any:
        token_id, by = call.path["id"], call.caller.subject
        record = records.access("token.revoke", call.caller, token_id=token_id[:80])
        self._state.record(
            record, lambda connection: self._tokens.revoke(connection, token_id, revoked_by=by)
        )


def _summary(info: TokenInfo) -> dict[str, Any]:
    return {name: getattr(info, name) for name in TokenSummary.__struct_fields__}
