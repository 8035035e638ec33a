"""Routes on endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from mlops_jupyter.hub.endpoints import Deployment, Endpoints
from mlops_jupyter.hub.history import MAX_SECONDS, STEP_SECONDS, History
from mlops_jupyter.hub.home import Home
from mlops_jupyter.hub.routes import Call, Route, text_response
from mlops_jupyter.hub.status import describe
from mlops_jupyter.serving.gateway import Gateway
from mlops_jupyter.serving.messages import Response
from mlops_jupyter.serving.workerlog import tail
from mlops_jupyter.types import (
    AuditPolicy,
    EndpointStatus,
    InvalidInput,
    InvalidRequest,
    Limits,
    ModelVersion,
    ScalingPolicy,
    Traffic,
)

MAX_WAIT_SECONDS = 3600.0
MAX_GPUS = 64


class DeployBody(msgspec.Struct, forbid_unknown_fields=True):
    """What to serve, and how; what is left out stays as it is, or takes the default."""

    version: ModelVersion
    scaling: ScalingPolicy | str | None = None
    audit: AuditPolicy | None = None
    limits: Limits | None = None
    gpu: int | None = None
    alias: str | None = None
    target: str | None = None
    revision: int | None = None


class ScaleBody(msgspec.Struct, forbid_unknown_fields=True):
    """How to scale, as an object or as text such as ``elastic:1-4``."""

    scaling: ScalingPolicy | str
    revision: int | None = None


class TrafficBody(msgspec.Struct, forbid_unknown_fields=True):
    """Weights that sum to 100, shadows, and the versions that are not yet catalogued."""

    weights: dict[int, int]
    shadows: tuple[int, ...] = ()
    versions: tuple[ModelVersion, ...] = ()
    revision: int | None = None


class PromoteBody(msgspec.Struct, forbid_unknown_fields=True):
    """The version that gets all traffic, and the alias that points at it."""

    version: int
    alias: str | None = None
    revision: int | None = None


class RevisionBody(msgspec.Struct, forbid_unknown_fields=True):
    """The revision that the change is meant for; none is whatever is there."""

    revision: int | None = None


class WaitQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Seconds to wait until the endpoint is ready or failed."""

    wait: float = 0.0


class LogQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The version whose workers' output is wanted; the main one by default."""

    version: int | None = None


class HistoryQuery(msgspec.Struct, forbid_unknown_fields=True):
    """How many seconds to look back, at most an hour."""

    seconds: int = 300


class EndpointHistory(msgspec.Struct):
    """Steps of `step` seconds, oldest first; no p99 for a step without calls."""

    step: int
    requests_per_second: list[float]
    p99_ms: list[float | None]


class EndpointRoutes:
    """Handlers of the routes on endpoints; `url` gives where the hub listens."""

    def __init__(
        self,
        endpoints: Endpoints,
        gateway: Gateway,
        history: History,
        home: Home,
        url: Callable[[], str],
    ) -> None:
        self._endpoints = endpoints
        self._gateway = gateway
        self._past = history
        self._home = home
        self._url = url

    def routes(self) -> list[Route]:
        """The table's part."""
        one, status = "/endpoints/{name}", EndpointStatus
        conflict = (400, 404, 409, 500, 503)
        return [
            Route("GET", "/endpoints", "read", "All endpoints.", self._every, list[EndpointStatus]),
            Route("GET", one, "read", "One endpoint.", self._show, status, errors=(400,)),
            Route(
                "PUT", one, "deploy", "Serve a version.", self._deploy, status,
                query=WaitQuery, body=DeployBody, errors=conflict, changes=True,
            ),
            Route(
                "POST", f"{one}/scale", "deploy", "Change how many replicas there are.",
                self._scale, status, body=ScaleBody, errors=conflict, changes=True,
            ),
            Route(
                "POST", f"{one}/traffic", "deploy", "Divide the calls among versions.",
                self._traffic, status, body=TrafficBody, errors=conflict, changes=True,
            ),
            Route(
                "POST", f"{one}/promote", "deploy", "Give a version all traffic.",
                self._promote, status, body=PromoteBody, errors=conflict, changes=True,
            ),
            Route(
                "POST", f"{one}/rollback", "deploy", "Go back to what served before.",
                self._rollback, status, body=RevisionBody, errors=conflict, changes=True,
            ),
            Route(
                "POST", f"{one}/undeploy", "deploy", "Stop serving; it is remembered.",
                self._undeploy, status, body=RevisionBody, errors=conflict, changes=True,
            ),
            Route(
                "GET", f"{one}/history", "read", "What it did of late, for a chart.",
                self._history, EndpointHistory, query=HistoryQuery,
            ),
            Route(
                "GET", f"{one}/log", "read", "The last output of the workers.",
                self._log, "text/plain", query=LogQuery,
            ),
        ]  # fmt: skip

    def status(self, name: str) -> EndpointStatus:
        """What one endpoint is doing."""
        live = self._endpoints.get(name)
        change = self._endpoints.under_change(name)
        return describe(live, change, self._gateway.observe(name), self._url())

    async def _every(self, _call: Call) -> Any:
        return [self.status(name) for name in self._endpoints.names()]

    async def _show(self, call: Call) -> Any:
        return self.status(call.path["name"])

    async def _deploy(self, call: Call) -> Any:
        body: DeployBody = call.body
        wait: float = call.query.wait
        if not 0 <= wait <= MAX_WAIT_SECONDS:
            raise InvalidRequest(
                "The query string does not fit.",
                reason=f"'wait' must be from 0 to {MAX_WAIT_SECONDS:.0f} seconds.",
                code="invalid_query",
            )
        _check_limits(body)
        wanted = Deployment(
            version=body.version,
            scaling=_policy(body.scaling),
            audit=body.audit,
            limits=body.limits,
            gpu=body.gpu,
            alias=body.alias,
            target=body.target,
        )
        name = call.path["name"]
        await self._endpoints.deploy(name, wanted, call.caller, body.revision, wait)
        return self.status(name)

    async def _scale(self, call: Call) -> Any:
        body: ScaleBody = call.body
        policy = _policy(body.scaling)
        assert policy is not None
        await self._endpoints.scale(call.path["name"], policy, call.caller, body.revision)
        return self.status(call.path["name"])

    async def _traffic(self, call: Call) -> Any:
        body: TrafficBody = call.body
        traffic = Traffic(body.weights, body.shadows)
        await self._endpoints.traffic(
            call.path["name"], traffic, body.versions, call.caller, body.revision
        )
        return self.status(call.path["name"])

    async def _promote(self, call: Call) -> Any:
        body: PromoteBody = call.body
        await self._endpoints.promote(
            call.path["name"], body.version, body.alias, call.caller, body.revision
        )
        return self.status(call.path["name"])

    async def _rollback(self, call: Call) -> Any:
        await self._endpoints.rollback(call.path["name"], call.caller, call.body.revision)
        return self.status(call.path["name"])

    async def _undeploy(self, call: Call) -> Any:
        await self._endpoints.undeploy(call.path["name"], call.caller, call.body.revision)
        return self.status(call.path["name"])

    async def _history(self, call: Call) -> Any:
        seconds: int = call.query.seconds
        if not STEP_SECONDS <= seconds <= MAX_SECONDS:
            raise InvalidRequest(
                "The query string does not fit.",
                reason=f"'seconds' must be from {STEP_SECONDS:.0f} to {MAX_SECONDS}.",
                code="invalid_query",
            )
        live = self._endpoints.get(call.path["name"])
        rates, latencies = self._past.of(live.name, seconds)
        return EndpointHistory(int(STEP_SECONDS), rates, latencies)

    async def _log(self, call: Call) -> Response:
        live = self._endpoints.get(call.path["name"])
        version = call.query.version or live.spec.traffic.main
        path = self._home.worker_log(live.name, version)
        return text_response((await asyncio.to_thread(tail, path)).decode("utf-8", "replace"))


def _policy(scaling: ScalingPolicy | str | None) -> ScalingPolicy | None:
    return ScalingPolicy.parse(scaling) if isinstance(scaling, str) else scaling


def _check_limits(body: DeployBody) -> None:
    limits = body.limits or Limits()
    problem = ""
    if not 0 < limits.deadline_seconds <= 3600:
        problem = "The deadline must be over 0 s and at most an hour - at `$.limits`"
    elif not 1 <= limits.queue <= 1_000_000:
        problem = "The queue must hold from 1 to 1000000 calls - at `$.limits`"
    elif not 1 <= limits.body_bytes <= 1 << 30:
        problem = "A body may have from 1 byte to 1 GiB - at `$.limits`"
    elif limits.memory_bytes is not None and limits.memory_bytes < 32 << 20:
        problem = "A worker needs at least 32 MiB of memory - at `$.limits`"
    elif not 1 <= limits.max_batch_rows <= 1_000_000:
        problem = "A batch may have from 1 to 1000000 rows - at `$.limits`"
    elif body.gpu is not None and not 0 <= body.gpu <= MAX_GPUS:
        problem = f"A replica may have from 0 to {MAX_GPUS} GPUs - at `$.gpu`"
    elif body.alias is not None and not 1 <= len(body.alias) <= 255:
        problem = "An alias has from 1 to 255 characters - at `$.alias`"
    if problem:
        raise InvalidInput(
            "The body does not fit this operation.", reason=f"{problem}.", code="invalid_body"
        )
