"""What an endpoint is doing, in the words of `DEPLOY_STATES` with a reason. Pure."""

from __future__ import annotations

import re
from collections.abc import Hashable

from mlops_jupyter.hub.fleet import Loaded
from mlops_jupyter.hub.live import LiveEndpoint
from mlops_jupyter.pipelines import is_pipeline
from mlops_jupyter.serving.telemetry import EndpointTelemetry
from mlops_jupyter.types import EndpointStatus, Replicas

_FIGURE = re.compile(r"[0-9]+(\.[0-9]+)?")


def describe(
    live: LiveEndpoint, change: str, telemetry: EndpointTelemetry, url: str
) -> EndpointStatus:
    """The status of an endpoint.

    Parameters
    ----------
    change
        The verb of a change under way, or empty.
    url
        Where the hub listens.
    """
    state, reason = _state(live, change)
    stored = live.stored
    before = stored.history[-1].traffic.versions if stored.history else ()
    main = live.loaded.get(live.spec.traffic.main)
    return EndpointStatus(
        spec=stored.spec,
        state=state,
        reason=reason,
        replicas=tuple(_replicas(live)),
        url=f"{url}/endpoints/{live.name}/invocations",
        requests_per_second=telemetry.requests_per_second,
        p50_ms=telemetry.p50_ms,
        p99_ms=telemetry.p99_ms,
        previous=before,
        updated_at=stored.updated_at,
        updated_by=stored.updated_by,
        pipeline=main is not None and is_pipeline(main.version),
    )


def facts(live: LiveEndpoint, change: str) -> Hashable:
    """What a listener is told of when it changes: all of the status but its rates.

    Of reasons the words count and not the figures: seconds since a call, calls at once. What else
    is a figure in them (a version, replicas) is among the facts itself.
    """
    state, reason = _state(live, change)
    stored = live.stored
    replicas = tuple(
        (one.version, one.desired, one.ready, one.pending, _words(one.reason))
        for one in _replicas(live)
    )
    return stored.spec.revision, stored.updated_at, state, _words(reason), replicas


def _words(reason: str) -> str:
    return _FIGURE.sub("", reason)


def _state(live: LiveEndpoint, change: str) -> tuple[str, str]:
    if not live.spec.deployed and not change:
        return "undeployed", "It is remembered and can be deployed again."
    if not live.loaded:
        if live.problem is not None and not change:
            return "failed", str(live.problem)
        return "pending", "The change is accepted; nothing has been started yet."
    return _working_state(live, change)


def _working_state(live: LiveEndpoint, change: str) -> tuple[str, str]:
    serving = live.serving
    behind = [one for one in serving if one.pool.pending]
    reason = _change_reason(live, change)
    if live.ready == 0:
        failed = [one for one in serving if one.pool.failure is not None]
        if failed:
            return "failed", _pool_reason(failed[0])
        if live.problem is not None and not change:
            return "failed", str(live.problem)
        if all(one.pool.desired == 0 for one in serving) and not change:
            return "idle", reason or live.scaling_reason or "The next call starts a replica."
        starting = [one for one in live.loaded.values() if one.pool.pids]
        return ("loading" if starting or live.stored.served else "pending"), (
            reason or _pool_reason(behind[0] if behind else serving[0])
        )
    hurt = [one for one in behind if one.pool.setback]
    if hurt:
        return "degraded", reason or _pool_reason(hurt[0])
    return "ready", reason or (_coming_reason(serving) if behind else live.scaling_reason)


def _change_reason(live: LiveEndpoint, change: str) -> str:
    """What is being changed, or what could not be, while the endpoint serves on."""
    new = [str(version) for version in live.coming if live.coming[version] not in _now(live)]
    if change and new:
        return f"Version {', '.join(new)} is loading for a {change}; what served before serves on."
    if live.problem is not None:
        return f"The last change failed, so what served before serves on: {live.problem}"
    return ""


def _now(live: LiveEndpoint) -> list[Loaded]:
    return list(live.loaded.values())


def _pool_reason(one: Loaded) -> str:
    # a serverless version whose start failed has nothing pending, and is not loading either
    why = one.pool.reason or one.pool.failure or "it is loading."
    return f"Version {one.version.version}: {why}"


def _coming_reason(serving: list[Loaded]) -> str:
    ready = sum(one.pool.ready_count for one in serving)
    coming = sum(one.pool.pending for one in serving)
    verb = "is" if coming == 1 else "are"
    return f"{ready} of {ready + coming} replicas ready, {coming} {verb} loading"


def _replicas(live: LiveEndpoint) -> list[Replicas]:
    """Replicas by version; of a version that is being replaced by itself, what serves now."""
    every = {**live.coming, **live.loaded}
    return [
        Replicas(
            version,
            one.pool.desired,
            one.pool.ready_count,
            one.pool.pending,
            one.pool.reason or (live.scaling_reason if version in live.loaded else ""),
        )
        for version, one in sorted(every.items())
    ]
