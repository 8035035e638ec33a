"""The loop that applies what `mlops_jupyter.scaling` decides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

from mlops_jupyter.hub.endpoints import Endpoints
from mlops_jupyter.hub.history import History, Observe
from mlops_jupyter.scaling import TICK_SECONDS

_log = logging.getLogger(__name__)


async def autoscale(
    endpoints: Endpoints,
    history: History,
    observe: Observe,
    clock: Callable[[], float] = monotonic,
) -> None:
    """Scale every deployed endpoint, and sample the history of all, for ever."""
    while True:
        await asyncio.sleep(TICK_SECONDS)
        for live in endpoints:
            try:
                if live.spec.deployed and live.loaded:
                    live.rescale(clock())
                    endpoints.note_recovery(live)
            except Exception:
                _log.exception("endpoint %s could not be scaled", live.name)
        history.sample(clock(), endpoints.names(), observe)
