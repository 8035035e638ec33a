"""Routes on pipelines: what one would take and give, and what each step of one does now."""

from __future__ import annotations

import json
from time import monotonic
from typing import Any

import msgspec

from mlops_jupyter.hub.endpoints import Endpoints
from mlops_jupyter.hub.routes import Call, Route
from mlops_jupyter.pipelines import Graph, parse_pipeline, write_pipeline
from mlops_jupyter.pipelines.evaluator import Evaluator
from mlops_jupyter.pipelines.layout import laid_out
from mlops_jupyter.pipelines.meters import StepMeter
from mlops_jupyter.types import InvalidInput, check_name
from mlops_jupyter.types.pipeline import PipelineStatus, StepStats


class CheckBody(msgspec.Struct, forbid_unknown_fields=True):
    """A pipeline as text or as a graph, and the endpoint that it is to be."""

    text: str | None = None
    graph: dict[str, Any] | None = None
    name: str | None = None


class PipelineRoutes:
    """Handlers of the routes on pipelines."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    def routes(self) -> list[Route]:
        """The table's part."""
        return [
            Route(
                "POST", "/pipelines/check", "read", "Whether a pipeline can run; changes nothing.",
                self._check, PipelineStatus, body=CheckBody, errors=(400,),
            ),
            Route(
                "GET", "/pipelines/{name}", "read", "A pipeline's graph, and what its steps do.",
                self._show, PipelineStatus, errors=(400,),
            ),
        ]  # fmt: skip

    async def _check(self, call: Call) -> Any:
        body: CheckBody = call.body
        if (body.text is None) == (body.graph is None):
            raise InvalidInput(
                "A pipeline comes as 'text' or as 'graph'.", fix="Send one.", code="invalid_body"
            )
        graph = Graph.from_dict(body.graph) if body.text is None else parse_pipeline(body.text)
        name = "" if body.name is None else check_name(body.name, "endpoint name")
        signature = self._endpoints.pipelines.check(graph, name).signature()
        return status_of(name, 0, graph, signature, {})

    async def _show(self, call: Call) -> Any:
        name = check_name(call.path["name"], "endpoint name")
        one: Evaluator = self._endpoints.pipelines.evaluator(name)
        live = self._endpoints.get(name)
        version = live.loaded[live.spec.traffic.main].version
        stats = {step: stats_of(meter) for step, meter in one.meters.items()}
        return status_of(name, version.version, one.graph, version.signature or {}, stats)


def status_of(
    name: str,
    version: int,
    graph: Graph,
    signature: dict[str, Any],
    stats: dict[str, StepStats],
) -> PipelineStatus:
    """A pipeline with its drawing."""
    takes, gives = (_types(signature.get(side)) for side in ("inputs", "outputs"))
    nodes, edges = laid_out(graph, list(takes), list(gives), stats)
    return PipelineStatus(
        name, version, write_pipeline(graph), graph.to_dict(), signature, nodes, edges, takes, gives
    )


def _types(side: Any) -> dict[str, str]:
    items = json.loads(side) if isinstance(side, str) else side or []
    return {
        str(item.get("name")): _type(item) + ("" if item.get("required", True) else "?")
        for item in items
    }


def _type(item: dict[str, Any]) -> str:
    if item.get("type") == "array":
        return f"array({_type(item['items'])})"
    return str(item.get("type"))


def stats_of(step: StepMeter) -> StepStats:
    """What a step did."""
    now = monotonic()
    p50, p99 = step.meter.quantiles(now)
    return StepStats(
        step.calls,
        step.meter.rate(now),
        p50,
        p99,
        step.error_share(),
        step.failures,
        step.fallbacks,
        step.skipped,
        step.last_error,
        step.last_error_at,
    )
