"""How many replicas: pure decisions on measured concurrency. Knows nothing of HTTP or models."""

from mlops_jupyter.scaling.autoscaler import TICK_SECONDS, AutoscalerState, Decision, decide
from mlops_jupyter.scaling.windows import ConcurrencyWindow, Metrics

__all__ = [
    "TICK_SECONDS",
    "AutoscalerState",
    "ConcurrencyWindow",
    "Decision",
    "Metrics",
    "decide",
]
