"""A pipeline as it is drawn: its nodes and edges in their places, and what each step does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class StepStats:
    """What a step did since the pipeline's version is served; rates are those of the last minute.

    Attributes
    ----------
    error_share
        The part of the last minute's calls that no attempt answered, from 0 to 1.
    skipped
        Rows that a switch has led past it.
    last_error, last_error_at
        The newest failure in words, and when (epoch seconds, 0 for never).
    """

    calls: int = 0
    requests_per_second: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    error_share: float = 0.0
    failures: int = 0
    fallbacks: int = 0
    skipped: int = 0
    last_error: str = ""
    last_error_at: float = 0.0


@dataclass(frozen=True)
class PipelineNode:
    """A node of the drawing.

    Attributes
    ----------
    kind
        ``input`` and ``output`` stand at the ends; a ``switch`` has its condition as the label.
    column, row
        Its place, from 0; the drawing reads from left to right.
    endpoint, ref
        Of a step: the endpoint, and that with the version or alias it is pinned to.
    """

    id: str
    kind: Literal["input", "step", "switch", "ensemble", "output"]
    label: str
    column: int
    row: int
    endpoint: str = ""
    ref: str = ""
    stats: StepStats | None = None


@dataclass(frozen=True)
class PipelineEdge:
    """An arrow from one node to another."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True)
class PipelineStatus:
    """A pipeline that is served, or that would be.

    Attributes
    ----------
    version
        The version with most traffic; 0 for one that is not deployed.
    text
        The canonical text.
    signature
        What it takes and gives, as MLflow's ``ModelSignature.to_dict()`` writes it.
    """

    name: str
    version: int
    text: str
    graph: dict[str, Any]
    signature: dict[str, Any]
    nodes: tuple[PipelineNode, ...] = ()
    edges: tuple[PipelineEdge, ...] = ()
    takes: dict[str, str] = field(default_factory=dict)
    gives: dict[str, str] = field(default_factory=dict)
