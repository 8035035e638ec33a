"""An endpoint: what is asked for (spec) and what there is (status)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mlops_jupyter.types.errors import InvalidRequest
from mlops_jupyter.types.scaling import ScalingPolicy

DEPLOY_STATES = ("pending", "loading", "ready", "idle", "degraded", "failed", "undeployed")
"""States of an endpoint.

pending: accepted, nothing started; loading: first replica is starting; ready: answers (replicas
that are still on their way after a scale-up are in the reason); idle: serverless at zero, the next
call starts a replica; degraded: answers with fewer replicas than desired, because one died or could
not be started; failed: no replica can be started (the reason says why); undeployed: remembered.
"""

USUAL_ALIAS = "champion"
"""The alias that a promotion moves when the endpoint was deployed by none."""


@dataclass(frozen=True)
class Traffic:
    """Weights over versions, which sum to 100, plus shadow versions that get copies of calls."""

    weights: dict[int, int]
    shadows: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        problem = ""
        if not self.weights or any(weight < 0 for weight in self.weights.values()):
            problem = "Traffic needs at least one version, and no weight below 0."
        elif sum(self.weights.values()) != 100:
            problem = f"The weights sum to {sum(self.weights.values())}, not to 100."
        elif set(self.shadows) & {v for v, weight in self.weights.items() if weight}:
            problem = "A version cannot both serve and shadow."
        if problem:
            raise InvalidRequest(
                problem, fix="Write e.g. '3=90 4=10 --shadow 5'.", code="invalid_traffic"
            )

    @property
    def versions(self) -> tuple[int, ...]:
        """Every version that needs replicas, sorted."""
        served = {version for version, weight in self.weights.items() if weight}
        return tuple(sorted(served | set(self.shadows)))

    @property
    def main(self) -> int:
        """The version with the largest weight (the newest of equals)."""
        return max(self.weights, key=lambda version: (self.weights[version], version))


@dataclass(frozen=True)
class AuditPolicy:
    """What the ledger keeps of each call.

    level ``full`` keeps payloads, ``metadata`` digests only; mode ``strict`` answers only after the
    record is durable, ``async`` counts what it drops in a gap record.
    """

    level: Literal["full", "metadata"] = "full"
    mode: Literal["strict", "async"] = "strict"


@dataclass(frozen=True)
class Limits:
    """Bounds of one endpoint: seconds per call, queued calls, bytes per body, bytes per worker."""

    deadline_seconds: float = 30.0
    queue: int = 1024
    body_bytes: int = 16 * 1024 * 1024
    memory_bytes: int | None = None
    max_batch_rows: int = 4096


@dataclass(frozen=True)
class EndpointSpec:
    """The desired state of an endpoint. `revision` counts changes, for compare-and-swap."""

    name: str
    model: str
    traffic: Traffic
    scaling: ScalingPolicy = field(default_factory=ScalingPolicy)
    target: str = "local"
    alias: str | None = None
    audit: AuditPolicy = field(default_factory=AuditPolicy)
    limits: Limits = field(default_factory=Limits)
    gpu: int = 0
    deployed: bool = True
    revision: int = 0


@dataclass(frozen=True)
class Replicas:
    """Replicas of one version: how many are wanted, answer, and are on their way, and why."""

    version: int
    desired: int
    ready: int
    pending: int
    reason: str = ""


@dataclass(frozen=True)
class EndpointStatus:
    """What an endpoint is doing now.

    Attributes
    ----------
    pipeline
        Whether a pipeline answers most calls, so that ``GET /pipelines/{name}`` draws it.
    """

    spec: EndpointSpec
    state: str
    reason: str
    replicas: tuple[Replicas, ...] = ()
    url: str = ""
    requests_per_second: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    previous: tuple[int, ...] = ()
    updated_at: float = 0.0
    updated_by: str = ""
    pipeline: bool = False
