"""Register a pipeline: a graph of endpoints, as an MLflow model.

What the model holds is the graph. Loaded by plain MLflow it cannot predict by itself, since its
steps are endpoints of a hub, and it says so.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mlops_jupyter.registry import distributions, publish
from mlops_jupyter.registry.artifact import Artifact
from mlops_jupyter.registry.collector import collector_paused
from mlops_jupyter.registry.lineage import trace_lineage
from mlops_jupyter.registry.quiet import quiet
from mlops_jupyter.registry.registry import with_alias
from mlops_jupyter.registry.store import open_store, working_folder
from mlops_jupyter.types import Environment, ModelVersion, check_name

FLAVOR = "mlops_pipeline"
GRAPH_FILE = "graph.json"
TEXT_FILE = "pipeline.txt"


@collector_paused()
def register_pipeline(
    name: str,
    graph: Mapping[str, Any],
    text: str,
    signature: Mapping[str, Any],
    *,
    alias: str | None = None,
    tags: Mapping[str, str] | None = None,
    description: str | None = None,
    user_ns: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """Register a checked graph as the next version of `name`.

    Parameters
    ----------
    graph, text, signature
        As the hub's check of the pipeline returned them.
    alias, tags, description, user_ns
        As for :func:`~mlops_jupyter.registry.register`.

    Raises
    ------
    InvalidRequest
        A name, alias or tag is not valid.
    Unavailable
        The registry does not answer within seconds.
    """
    check_name(name, "model name")
    publish.check_words(alias, None, None, tags)
    with quiet(), ExitStack() as undo:
        store = open_store()
        temporary = undo.enter_context(
            tempfile.TemporaryDirectory(prefix=".saving-", dir=working_folder())
        )
        saved = _save(graph, text, signature, Path(temporary))
        version = publish.publish(
            store,
            name,
            saved,
            publish.Facts(
                lineage=trace_lineage(frozen="", data=None, user_ns=user_ns),
                environment=Environment("kernel", sys.executable),
                params={},
                metrics={},
                tags=tags or {},
                description=description,
            ),
        )
        return version if alias is None else with_alias(store, version, alias)


def _save(
    graph: Mapping[str, Any], text: str, signature: Mapping[str, Any], temporary: Path
) -> Artifact:
    import mlflow.pyfunc
    from mlflow.models import Model, ModelSignature

    data = temporary / "pipeline"
    data.mkdir()
    (data / GRAPH_FILE).write_text(json.dumps(graph, indent=2, ensure_ascii=False) + "\n")
    (data / TEXT_FILE).write_text(text)
    description = Model()
    description.add_flavor(FLAVOR, graph=json.loads(json.dumps(graph)), folder="data/pipeline")
    folder = temporary / "model"
    mlflow.pyfunc.save_model(
        str(folder),
        loader_module="mlops_jupyter.registry.pipeline",
        data_path=str(data),
        mlflow_model=description,
        signature=ModelSignature.from_dict(dict(signature)),
        pip_requirements=distributions.pinned({"mlflow"}),
    )
    artifact = Artifact(folder, description)
    artifact.write_description()
    return artifact


def _load_pyfunc(path: str) -> PipelineModel:
    """MLflow's entry to a saved pipeline."""
    return PipelineModel(json.loads((Path(path) / GRAPH_FILE).read_text()))


class PipelineModel:
    """A pipeline outside of a hub: its graph, and no way to answer."""

    def __init__(self, graph: Mapping[str, Any]) -> None:
        self.graph = graph

    def predict(self, _data: Any, params: Any = None) -> Any:
        """Refuse: the steps are endpoints."""
        raise NotImplementedError(
            "A pipeline is answered by the hub that serves its steps: deploy it there, %deploy "
            "NAME, and ask the endpoint."
        )
