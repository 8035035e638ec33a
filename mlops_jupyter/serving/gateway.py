"""The trusted door: every prediction passes here, and none leaves without its record.

One call, top to bottom: match the path, check the host, prove the caller, check the right, choose a
version, decode and check the data, give it to a replica, encode the answer, record, commit, reply.
Whatever goes wrong on the way is an error that is recorded and answered in the same manner.

The gateway imports no model code, no numpy and no pandas.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from time import monotonic
from typing import Any

import orjson

from mlops_jupyter.access import ON_BEHALF_OF, Authenticator, acting_for, authorise
from mlops_jupyter.audit import Ledger
from mlops_jupyter.serving import oip, telemetry
from mlops_jupyter.serving.connection import Exchange
from mlops_jupyter.serving.messages import Handler, Request, Response, error_head
from mlops_jupyter.serving.prediction import Prediction
from mlops_jupyter.serving.recorder import Recorder
from mlops_jupyter.serving.replica import Call
from mlops_jupyter.serving.routing import (
    Match,
    Route,
    Router,
    ServedVersion,
    how_to_deploy,
    no_endpoint,
)
from mlops_jupyter.serving.telemetry import EndpointMeter, EndpointTelemetry, ReplicaCounts
from mlops_jupyter.serving.tensors import Inputs
from mlops_jupyter.types import (
    Caller,
    EndpointSpec,
    Forbidden,
    MlopsError,
    NotFound,
    Unauthenticated,
)

CONTROL_BODY_BYTES = 8 * 1024 * 1024
LARGE_BODY_BYTES = 256 * 1024
"""From here on a body is decoded in a thread; below, the hand-over would cost more."""


class Gateway:
    """Answers the data plane itself and hands all else to the control API.

    Parameters
    ----------
    ledger
        Where the records go.
    authenticator
        Proves callers.
    control
        The control API; gets requests whose host is checked and whose caller is proven (or None).
    host_allowed
        Decides on a Host header's value; a guard against DNS rebinding.
    """

    def __init__(
        self,
        ledger: Ledger,
        authenticator: Authenticator,
        control: Handler,
        *,
        host_allowed: Callable[[bytes], bool],
    ) -> None:
        self.recorder = Recorder(ledger)
        self._authenticator = authenticator
        self._control = control
        self._host_allowed = host_allowed
        self._router = Router()
        self._routes: dict[str, Route] = {}
        self._undeployed: dict[str, EndpointSpec] = {}
        self._meters: dict[str, EndpointMeter] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # -- endpoints ----------------------------------------------------------------------------

    def set_endpoint(self, spec: EndpointSpec, versions: dict[int, ServedVersion]) -> None:
        """Serve an endpoint from now on with this traffic; calls under way finish as they began."""
        meter = self._meters.setdefault(spec.name, EndpointMeter())
        self._routes[spec.name] = Route(spec, versions, meter)
        self._undeployed.pop(spec.name, None)

    def remove_endpoint(self, spec: EndpointSpec) -> None:
        """Answer 404 for this endpoint from now on, and say that it is undeployed."""
        self._routes.pop(spec.name, None)
        self._undeployed[spec.name] = spec

    def observe(self, name: str) -> EndpointTelemetry:
        """The last minute of an endpoint; zeros when it was never called."""
        route = self._routes.get(name)
        pools = {v: s.pool for v, s in route.versions.items()} if route is not None else {}
        return telemetry.observe(
            self._meters.setdefault(name, EndpointMeter()),
            {version: pool.concurrency for version, pool in pools.items()},
            sum(pool.waiting for pool in pools.values()),
        )

    def since(self, name: str, moment: float) -> tuple[int, list[float]]:
        """An endpoint's calls since the hub started, and the seconds that each took which ended
        after monotonic `moment`, of the latest few thousand.
        """
        meter = self._meters.get(name)
        if meter is None:
            return 0, []
        return sum(meter.counts.values()), meter.since(moment)

    # -- dispatcher ---------------------------------------------------------------------------

    def body_limit(self, request: Request) -> int:
        """Bytes allowed for this request's body: the endpoint's own limit, or the control API's."""
        match = self._router.match(request.method, request.target)
        route = self._routes.get(match.endpoint) if match is not None else None
        return route.spec.limits.body_bytes if route is not None else CONTROL_BODY_BYTES

    def handle(self, exchange: Exchange) -> None:
        """Answer a complete request."""
        request = exchange.request
        match = self._router.match(request.method, request.target)
        if match is None or match.kind not in ("oip", "invocations"):
            self._handle_other(exchange, match)
            return
        prediction = self._begin(exchange, match)
        try:
            self._admit(prediction)
            route = prediction.route = self.route(match.endpoint)
            served = prediction.served = route.choose(match.version)
            if len(request.body) > LARGE_BODY_BYTES:
                self._spawn(self._predict_large(prediction, route, served))
                return
            inputs = prediction.decode(served.signature)
        except MlopsError as error:
            prediction.fail(error)
            return
        self._submit(prediction, route, served, inputs)

    async def _predict_large(
        self, prediction: Prediction, route: Route, served: ServedVersion
    ) -> None:
        """Decode a large body in a thread, so that the others' calls go on meanwhile."""
        served.pool.count(1)  # a pool is not closed while a call for it is on the way
        try:
            inputs = await asyncio.to_thread(prediction.decode, served.signature)
        except MlopsError as error:
            prediction.fail(error)
            return
        finally:
            served.pool.count(-1)
        self._submit(prediction, route, served, inputs)

    def _submit(
        self, prediction: Prediction, route: Route, served: ServedVersion, inputs: Inputs
    ) -> None:
        deadline = prediction.started + route.spec.limits.deadline_seconds
        for shadow in route.shadows:
            self._shadow(prediction, shadow)
        served.pool.submit(Call(inputs, deadline, prediction.done, origin=prediction))

    def refuse(self, exchange: Exchange, error: MlopsError) -> None:
        """Answer a request whose body was too large or too slow; a prediction is recorded."""
        request = exchange.request
        match = self._router.match(request.method, request.target)
        if match is None or match.kind not in ("oip", "invocations"):
            exchange.reply_error(error)
            return
        prediction = self._begin(exchange, match)
        try:
            self._admit(prediction)
            prediction.route = self._routes.get(match.endpoint)
        except MlopsError as denied:
            error = denied
        prediction.fail(error)

    def _begin(self, exchange: Exchange, match: Match) -> Prediction:
        return Prediction(self.recorder, exchange.request, exchange, match, monotonic())

    def _admit(self, prediction: Prediction) -> None:
        """Find out who calls and for whom, and refuse who may not; raises MlopsError."""
        request = prediction.request
        self._check_host(request)
        prediction.caller = caller = self._authenticator.authenticate(
            request.headers.get(b"authorization"), request.peer
        )
        claim = request.headers.get(ON_BEHALF_OF)
        if claim is not None:
            # refused or not, the record has whoever was proven
            prediction.caller = caller = acting_for(caller, claim)
        authorise(caller, "invoke", prediction.match.endpoint)

    def _shadow(self, origin: Prediction, served: ServedVersion) -> None:
        """Give a copy of the call to a shadow version; its answer is only recorded."""
        shadow = Prediction(self.recorder, origin.request, None, origin.match, origin.started)
        shadow.caller, shadow.route, shadow.served = origin.caller, origin.route, served
        try:
            inputs = shadow.decode(served.signature)
        except MlopsError as error:
            shadow.fail(error)
            return
        assert origin.route is not None
        deadline = origin.started + origin.route.spec.limits.deadline_seconds
        served.pool.submit(Call(inputs, deadline, shadow.done, origin=shadow))

    def route(self, name: str) -> Route:
        """How calls of an endpoint go now; raise NotFound when nothing answers for it."""
        route = self._routes.get(name)
        if route is not None:
            return route
        if (spec := self._undeployed.get(name)) is not None:
            raise NotFound(
                f"Endpoint '{name}' is undeployed.",
                reason="It is remembered, and nothing answers for it.",
                fix=f"Bring it back: {how_to_deploy(spec)}.",
                code="undeployed",
            )
        raise no_endpoint(name, self._routes, fix=f"Deploy it: %deploy {name}.")

    def _check_host(self, request: Request) -> None:
        if request.peer.kind != "unix" and not self._host_allowed(
            request.headers.get(b"host", b"")
        ):
            raise Forbidden(
                "This host name is not the hub's.",
                reason="The Host header names another server (a guard against DNS rebinding).",
                fix="Call the hub by the address that it prints, e.g. http://127.0.0.1:PORT.",
                code="host_refused",
            )

    # -- all that is no prediction ------------------------------------------------------------

    def _handle_other(self, exchange: Exchange, match: Match | None) -> None:
        request = exchange.request
        caller: Caller | None = None
        denied: MlopsError | None = None
        try:
            self._check_host(request)
            caller = self._authenticator.authenticate(
                request.headers.get(b"authorization"), request.peer
            )
        except Unauthenticated as error:
            denied = error
        except MlopsError as error:
            exchange.reply_error(error)
            return
        if match is not None:
            claim = request.headers.get(ON_BEHALF_OF)
            try:
                if caller is not None and claim is not None:
                    caller = acting_for(caller, claim)
                response = self._inspect(match, caller, denied)
            except MlopsError as error:
                exchange.reply(error.status, oip.error(error), head=error_head(error))
            else:
                assert isinstance(response.body, bytes)
                exchange.reply(response.status, response.body, response.content_type)
            return
        request.caller = caller
        self._spawn(self._answer_control(exchange, denied))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _inspect(self, match: Match, caller: Caller | None, denied: MlopsError | None) -> Response:
        """Health, metadata and metrics. Health is open; the rest needs a proven caller."""
        if match.kind in ("live", "server_ready"):
            return Response(body=b'{"live":true}' if match.kind == "live" else b'{"ready":true}')
        if caller is None:
            assert denied is not None
            raise denied
        if match.kind == "server":
            return Response(body=oip.server_metadata())
        if match.kind == "metrics":
            authorise(caller, "read", None)
            return Response(
                body=telemetry.render(self._meters, self._replica_counts()),
                content_type="text/plain; version=0.0.4; charset=utf-8",
            )
        authorise(caller, "invoke", match.endpoint)
        route = self.route(match.endpoint)
        served = route.choose(match.version)
        if match.kind == "ready":
            ready = bool(served.pool.ready_count) or not served.pool.desired
            body = {"name": match.endpoint, "ready": ready, "live": ready}
            return Response(200 if ready else 503, orjson.dumps(body))
        versions = [str(version) for version in sorted(route.versions)]
        return Response(body=orjson.dumps(oip.metadata(served.signature, match.endpoint, versions)))

    def _replica_counts(self) -> list[ReplicaCounts]:
        return [
            ReplicaCounts(
                name,
                version,
                served.pool.desired,
                served.pool.ready_count,
                served.pool.concurrency,
                served.pool.waiting,
            )
            for name, route in self._routes.items()
            for version, served in route.versions.items()
        ]

    async def _answer_control(self, exchange: Exchange, denied: MlopsError | None) -> None:
        try:
            response = await self._control(exchange.request)
        except Unauthenticated as error:
            # the first attempt at a proof knows better what was wrong with it
            exchange.reply_error(denied or error)
            return
        except MlopsError as error:
            exchange.reply_error(error)
            return
        except Exception:
            exchange.reply_error(
                MlopsError(
                    "The hub failed to answer this request.",
                    reason="This is a fault of the hub, not of the request.",
                    fix="See the hub's log: mlops-jupyter hub logs.",
                )
            )
            raise
        head = "".join(f"{name}: {value}\r\n" for name, value in response.headers).encode()
        if isinstance(response.body, bytes):
            exchange.reply(response.status, response.body, response.content_type, head)
        else:
            await _stream(exchange, response, head)


async def _stream(exchange: Exchange, response: Response, head: bytes) -> None:
    """Send a body as it comes; whoever makes it learns at once when nobody reads any more."""
    chunks = response.body
    assert not isinstance(chunks, bytes)
    try:
        if exchange.request.method == "HEAD":
            exchange.reply(response.status, b"", response.content_type, head)
            return
        # a reader may go whenever he likes: that is no fault to be logged
        with contextlib.suppress(ConnectionResetError):
            await exchange.stream(response.status, chunks, response.content_type, head)
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
