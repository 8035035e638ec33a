"""The loop that applies what `mlops_jupyter.scaling` decides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

from mlops_jupyter.hub.endpoints import Endpoints
from mlops_jupyter.hub.live import LiveEndpoint
from mlops_jupyter.scaling import TICK_SECONDS, decide

_log = logging.getLogger(__name__)


async def autoscale(endpoints: Endpoints, clock: Callable[[], float] = monotonic) -> None:
    """Scale every deployed endpoint, for ever."""
    while True:
        await asyncio.sleep(TICK_SECONDS)
        for live in endpoints:
            try:
                if live.spec.deployed and live.loaded:
                    scale_once(live, clock())
                    endpoints.note_recovery(live)
            except Exception:
                _log.exception("endpoint %s could not be scaled", live.name)


def scale_once(live: LiveEndpoint, now: float) -> None:
    """Decide for one endpoint and apply it."""
    metrics = live.window.metrics(now)
    decision = decide(live.spec.scaling, metrics, live.ready, now, live.scaler)
    live.scaler = decision.state
    live.scaling_reason = decision.reason
    live.desired = decision.desired
    live.apply()
