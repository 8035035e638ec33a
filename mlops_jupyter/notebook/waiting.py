"""Waiting until an endpoint has the replicas that are wanted of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlops_jupyter.types import EndpointStatus, Unavailable

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub

SCALE_SECONDS = 60.0
"""Longest wait for a scaling; after it the status says what is still pending and why."""
_TICK = 0.15


def settled(status: EndpointStatus) -> bool:
    """Whether there are as many replicas as the policy asks for at the least."""
    if status.state == "failed":
        return True
    ready = sum(replica.ready for replica in status.replicas)
    pending = sum(replica.pending for replica in status.replicas)
    policy = status.spec.scaling
    too_many = policy.mode == "fixed" and ready > policy.max * max(1, len(status.replicas))
    return ready >= policy.min and not pending and not too_many


def until_scaled(
    hub: Hub,
    status: EndpointStatus,
    look: Callable[[EndpointStatus], None],
    seconds: float = SCALE_SECONDS,
) -> EndpointStatus:
    """Ask again until the endpoint has settled or `seconds` have passed.

    Raises
    ------
    Unavailable
        No replica can be started; the reason says why.
    """
    deadline = time.monotonic() + seconds
    while not settled(status) and time.monotonic() < deadline:
        look(status)
        time.sleep(_TICK)
        status = hub.status(status.spec.name)
    if status.state == "failed":
        raise Unavailable(
            f"Endpoint '{status.spec.name}' has no replica that answers.",
            reason=status.reason,
            fix=f"See what its workers said: mlops_jupyter.endpoint('{status.spec.name}').log().",
            code="no_replica",
        )
    return status
