"""Pipelines among the endpoints: checked against what the others serve, and drawn as they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlops_jupyter.hub.fleet import Loaded
from mlops_jupyter.hub.live import LiveEndpoint
from mlops_jupyter.pipelines import Graph, graph_of
from mlops_jupyter.pipelines.check import check
from mlops_jupyter.pipelines.evaluator import Evaluator
from mlops_jupyter.pipelines.served import Checked, Endpoints, Served, check_cycles
from mlops_jupyter.types import EndpointSpec, InvalidInput, ModelVersion, NotFound


class Pipelines:
    """Checks and describes pipelines; `live` gives what the hub serves now."""

    def __init__(self, live: Callable[[], Mapping[str, LiveEndpoint]]) -> None:
        self._live = live

    def check(self, graph: Graph, name: str = "") -> Checked:
        """Check a graph that is to be endpoint `name`; raises InvalidInput."""
        endpoints = self._endpoints()
        if name:
            check_cycles(name, [graph], endpoints)
        return check(graph, endpoints)

    def check_change(self, spec: EndpointSpec, versions: Mapping[int, ModelVersion]) -> None:
        """Refuse that an endpoint serves pipelines which cannot run, or that lead back to it."""
        graphs = [graph for one in versions.values() if (graph := graph_of(one)) is not None]
        if not graphs:
            return
        endpoints = self._endpoints()
        check_cycles(spec.name, graphs, endpoints)
        for graph in graphs:
            check(graph, endpoints)
        if spec.gpu:
            raise InvalidInput(
                "A pipeline has no use for a GPU.",
                reason="It runs in the hub; its steps' endpoints have the GPUs.",
                fix="Leave --gpu out.",
                code="pipeline_gpu",
            )

    def evaluator(self, name: str) -> Evaluator:
        """What answers for most calls of a pipeline; raises NotFound when it is none."""
        live = self._live().get(name)
        loaded = None if live is None else live.loaded.get(live.spec.traffic.main)
        if loaded is not None and isinstance(loaded.pool, Evaluator):
            return loaded.pool
        raise NotFound(
            f"There is no pipeline '{name}' that answers.",
            reason="" if live is None else "The endpoint serves a model, or nothing.",
            fix="Look at those that are there: %mlops.",
            code="pipeline_not_found",
        )

    def _endpoints(self) -> Endpoints:
        live = self._live()
        answering = [name for name, one in live.items() if one.spec.deployed and one.loaded]
        gone = [name for name in live if name not in answering]
        return Endpoints(self._find, answering, gone)

    def _find(self, name: str) -> Served | None:
        live = self._live().get(name)
        if live is None or not live.spec.deployed or not live.loaded:
            return None
        return _served(live, live.loaded)


def _served(live: LiveEndpoint, loaded: Mapping[int, Loaded]) -> Served:
    traffic = live.spec.traffic
    aliases = {alias: n for n, one in loaded.items() for alias in one.version.aliases}
    if live.spec.alias is not None:
        aliases[live.spec.alias] = traffic.main
    graphs: dict[int, Any] = {
        n: one.pool.graph for n, one in loaded.items() if isinstance(one.pool, Evaluator)
    }
    weighted = [n for n, weight in traffic.weights.items() if weight and n in loaded]
    return Served(
        {n: one.served.signature for n, one in loaded.items()},
        weighted,
        traffic.main,
        aliases,
        graphs,
    )
