"""Pipelines: graphs of endpoints that are endpoints; start reading at ``graph.py``.

What is here exported is pure and may be used anywhere; ``check``, ``evaluator`` and what they need
know the engine and run in the hub.
"""

from mlops_jupyter.pipelines.build import Part, as_part, ensemble, field, parallel, step, switch
from mlops_jupyter.pipelines.graph import (
    FLAVOR,
    Ensemble,
    Graph,
    Node,
    Parallel,
    Step,
    Switch,
    graph_of,
    is_pipeline,
)
from mlops_jupyter.pipelines.syntax import InvalidPipeline
from mlops_jupyter.pipelines.text import parse_pipeline
from mlops_jupyter.pipelines.writer import write_pipeline

__all__ = [
    "FLAVOR",
    "Ensemble",
    "Graph",
    "InvalidPipeline",
    "Node",
    "Parallel",
    "Part",
    "Step",
    "Switch",
    "as_part",
    "ensemble",
    "field",
    "graph_of",
    "is_pipeline",
    "parallel",
    "parse_pipeline",
    "step",
    "switch",
    "write_pipeline",
]
