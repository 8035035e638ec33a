"""The control API: finds the route, checks the right, decodes, and encodes the answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from mlops_jupyter.access import ON_BEHALF_OF, acting_for, authorise, check_site
from mlops_jupyter.hub import records
from mlops_jupyter.hub.decoding import decode_body, decode_query
from mlops_jupyter.hub.routes import Call, Route, Table, proven
from mlops_jupyter.serving.messages import JSON, Request, Response
from mlops_jupyter.types import Caller, InvalidRequest, MlopsError

_log = logging.getLogger(__name__)


class Api:
    """Answers what the gateway does not: a `Handler` over the route table.

    Parameters
    ----------
    record
        Writes one record to the ledger; refused changes are recorded with it.
    port
        Gives the port that the hub listens on.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        record: Callable[[records.Record], Any],
        port: Callable[[], int],
    ) -> None:
        self.table = Table(routes)
        self._record = record
        self._port = port

    async def __call__(self, request: Request) -> Response:
        """Answer one request; raises MlopsError for the gateway to answer."""
        target = request.target.partition(b"?")[0].decode("latin-1")
        method = "GET" if request.method == "HEAD" else request.method
        try:
            route, values = self.table.match(method, target)
        except MlopsError:
            # who is not known learns nothing of what there is
            proven(request.caller)
            raise
        if route.action is None:
            return _encode(route, await route.handle(_open_call(request, values)))
        caller = proven(request.caller)
        try:
            self._check_origin(request)
            claim = request.headers.get(ON_BEHALF_OF)
            if claim is not None:
                caller = acting_for(caller, claim)
            authorise(caller, route.action, None)
            query, body = _decode(route, request)
        except MlopsError as error:
            self._note_refusal(route, caller, values, error)
            raise
        return _encode(route, await route.handle(Call(caller, values, query, body)))

    def _check_origin(self, request: Request) -> None:
        """Refuse what a web page of another origin may have caused; the socket has no pages."""
        if request.peer.kind != "unix":
            host, origin = request.headers.get(b"host"), request.headers.get(b"origin")
            check_site(request.method.encode(), host, origin, self._port())

    def _note_refusal(
        self, route: Route, caller: Caller, values: dict[str, str], error: MlopsError
    ) -> None:
        """Record a change that was refused before anybody looked at what it was about."""
        if not route.changes:
            return
        action = f"{route.method} {route.path}"
        name = values.get("name")
        record = records.control(
            "outcome", action, caller, name[:80] if name else None,
            status=error.status, error=error.code,
        )  # fmt: skip
        try:
            self._record(record)
        except MlopsError:
            _log.warning("the refusal of %s is not recorded", action)


def _open_call(request: Request, values: dict[str, str]) -> Call:
    return Call(request.caller, values, None, None)  # type: ignore[arg-type]


def _decode(route: Route, request: Request) -> tuple[Any, Any]:
    query = body = None
    if route.query is not None:
        query = decode_query(request.query, route.query)
    elif request.query:
        raise InvalidRequest(
            "This operation has no query parameters.",
            fix="Leave out what follows the question mark.",
            code="invalid_query",
        )
    if route.body is not None:
        # a body whose fields are all optional may be left out
        body = decode_body(request.body or b"{}", route.body)
    return query, body


def _encode(route: Route, answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    if route.answer is None:
        return Response(route.status)
    return Response(route.status, msgspec.json.encode(answer), JSON)
