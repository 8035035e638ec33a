"""The endpoints that a pipeline can be made of, and that none leads back to itself. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_jupyter.pipelines.fieldtype import FieldType, described
from mlops_jupyter.pipelines.graph import Graph
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.types import InvalidInput


@dataclass(frozen=True)
class Served:
    """What an endpoint serves: the signature and, of a pipeline, the graph of each version.

    `answering` are the versions with traffic, `main` that with most of it.
    """

    signatures: Mapping[int, Signature]
    answering: Sequence[int]
    main: int
    aliases: Mapping[str, int] = field(default_factory=dict)
    graphs: Mapping[int, Graph] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoints:
    """The endpoints that a graph can be made of: `find` gives what answers for a name, or None."""

    find: Callable[[str], Served | None]
    names: Sequence[str] = ()
    undeployed: Sequence[str] = ()


@dataclass(frozen=True)
class Checked:
    """What a pipeline takes and gives: fields with their types; False for one that may lack."""

    takes: Mapping[str, tuple[FieldType, bool]]
    gives: Mapping[str, tuple[FieldType, bool]]

    def signature(self) -> dict[str, Any]:
        """As MLflow's ``ModelSignature.to_dict()`` writes it."""

        def side(fields: Mapping[str, tuple[FieldType, bool]]) -> str:
            return json.dumps(
                [
                    {**described(kind), "name": name, "required": required}
                    for name, (kind, required) in fields.items()
                ]
            )

        return {"inputs": side(self.takes), "outputs": side(self.gives), "params": None}


class PipelineMisfit(InvalidInput):
    """The steps of a pipeline do not fit together, or an endpoint is not there."""

    code = "pipeline_misfit"


def check_cycles(name: str, graphs: Iterable[Graph], endpoints: Endpoints) -> None:
    """Refuse that the pipeline `name`, made of `graphs`, is reached through its own steps."""

    def follow(graphs: Iterable[Graph], path: tuple[str, ...]) -> None:
        for graph in graphs:
            for step in graph.steps:
                for one in (step, step.instead):
                    if one is not None:
                        reach(one.endpoint, path)

    def reach(endpoint: str, path: tuple[str, ...]) -> None:
        if endpoint == name:
            raise PipelineMisfit(
                f"The pipeline '{name}' would be a step of itself.",
                reason=f"It is reached by {' → '.join((*path, endpoint))}.",
                fix="Leave out the step that leads back.",
                code="pipeline_cycle",
            )
        served = endpoints.find(endpoint)
        if endpoint not in path and served is not None:
            follow(served.graphs.values(), (*path, endpoint))

    follow(graphs, (name,))
