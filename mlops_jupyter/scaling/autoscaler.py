"""How many replicas an endpoint should have: a pure decision with its reason in words.

The rules are those of Knative's pod autoscaler (``pkg/autoscaler/scaling/autoscaler.go`` and its
defaults in ``config/core/configmaps/autoscaler.yaml``), decided every :data:`TICK_SECONDS`:

- wanted = ceil(average concurrency / target), once over the stable window (60 s) and once over the
  panic window (6 s); a tick at most halves the replicas and at most multiplies them by 1000;
- when the panic window asks for twice what is ready, panic: the most that was asked for during the
  panic is kept, nothing is scaled down, until a stable window has passed below that threshold;
- no replica counts as one, so that growing from zero has something to grow from.

Beside Knative, two things follow from `ScalingPolicy`: the time without a call after which a
serverless endpoint goes to zero is exactly `idle_seconds` (in Knative it is the stable window plus
a grace period), and to be idle for as long ends a panic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlops_jupyter.scaling.windows import PANIC_SECONDS, STABLE_SECONDS, Metrics
from mlops_jupyter.types import ScalingPolicy

TICK_SECONDS = 2.0
PANIC_THRESHOLD = 2.0
MAX_SCALE_UP_RATE = 1000.0
MAX_SCALE_DOWN_RATE = 2.0
_NO_LOAD = "no load"


@dataclass(frozen=True, slots=True)
class AutoscalerState:
    """What one decision hands to the next.

    Attributes
    ----------
    panic_at
        When the panic threshold was last exceeded; None outside a panic.
    panic_most
        The most replicas that were asked for during this panic.
    """

    panic_at: float | None = None
    panic_most: int = 0

    @classmethod
    def start(cls, ready: int, now: float) -> AutoscalerState:
        """The state of an autoscaler that finds `ready` replicas and knows no history.

        With more than one it starts in a panic, so that none goes before there are data.
        """
        return cls(now, ready) if ready > 1 else cls()


@dataclass(frozen=True, slots=True)
class Decision:
    """The replicas wanted, why, and the state for the next decision."""

    desired: int
    reason: str
    state: AutoscalerState


def decide(
    policy: ScalingPolicy, metrics: Metrics, ready: int, now: float, state: AutoscalerState
) -> Decision:
    """Return how many replicas there should be.

    Parameters
    ----------
    ready
        Replicas that answer calls now.
    now
        Seconds on the monotonic clock that `metrics` and `state` come from.
    state
        What the decision before this one returned; at first :meth:`AutoscalerState.start`.
    """
    if policy.mode == "fixed":
        return Decision(policy.min, f"fixed at {policy.min}", AutoscalerState())
    if policy.mode == "serverless" and metrics.in_flight == 0:
        if metrics.idle_seconds >= policy.idle_seconds:
            return _idle(policy, metrics, ready)
        if ready == 0 and metrics.stable == 0:
            return Decision(0, "no call yet; the first one starts a replica", AutoscalerState())
    return _by_load(policy, metrics, ready, now, state)


def _idle(policy: ScalingPolicy, metrics: Metrics, ready: int) -> Decision:
    quiet = f"no call for {metrics.idle_seconds:.0f} s (idle after {policy.idle_seconds:g} s)"
    desired = _fewest(ready) if ready > 1 else 0
    if desired:
        quiet += f"; {ready} ready replicas are at most halved in a tick"
    return Decision(min(desired, policy.max), quiet, AutoscalerState())


def _by_load(
    policy: ScalingPolicy, metrics: Metrics, ready: int, now: float, state: AutoscalerState
) -> Decision:
    fewest, most = _fewest(ready), math.ceil(MAX_SCALE_UP_RATE * max(1, ready))
    by_stable = _replicas(metrics.stable, policy)
    by_panic = _replicas(metrics.panic, policy)
    wanted, reason = by_stable, _load(metrics.stable, STABLE_SECONDS, policy, by_stable)
    after = _panic(state, by_panic >= PANIC_THRESHOLD * max(1, ready), now)
    panicking = after.panic_at is not None
    if panicking and by_panic > by_stable:
        wanted, reason = by_panic, _load(metrics.panic, PANIC_SECONDS, policy, by_panic)
    desired = min(max(wanted, fewest), most)
    if desired != wanted:
        limit = "at most halved" if desired > wanted else "multiplied by at most 1000"
        reason += f", kept at {desired}: {ready} ready replicas are {limit} in a tick"
    if panicking:
        reason += _panic_reason(after, desired, now)
        desired = max(desired, after.panic_most)
        after = AutoscalerState(after.panic_at, desired)
    return _bounded(policy, metrics, desired, reason, after)


def _panic(state: AutoscalerState, over: bool, now: float) -> AutoscalerState:
    if over:
        return AutoscalerState(now, state.panic_most)
    if state.panic_at is not None and now > state.panic_at + STABLE_SECONDS:
        return AutoscalerState()
    return state


def _bounded(
    policy: ScalingPolicy, metrics: Metrics, desired: int, reason: str, state: AutoscalerState
) -> Decision:
    fewest = policy.min
    if policy.mode == "serverless":
        # whoever comes here is waited for, or has not been idle for long enough
        fewest = 1
    if desired > policy.max:
        return Decision(policy.max, f"{reason}, limited to the maximum {policy.max}", state)
    if desired >= fewest:
        return Decision(desired, reason, state)
    if policy.mode == "elastic":
        least = "raised to the minimum" if reason != _NO_LOAD else "the minimum is"
        why = f"{least} {fewest}"
    elif metrics.in_flight:
        calls = "call" if metrics.in_flight == 1 else "calls"
        return Decision(fewest, f"1 for the waiting {calls}", state)
    else:
        left = policy.idle_seconds - metrics.idle_seconds
        why = f"the last one stays for another {left:.0f} s"
    return Decision(fewest, f"{reason}, {why}", state)


def _panic_reason(state: AutoscalerState, desired: int, now: float) -> str:
    assert state.panic_at is not None
    if state.panic_at == now:
        reason = ", panic: that is twice what is ready"
    else:
        left = state.panic_at + STABLE_SECONDS - now
        reason = f", panic for another {max(0.0, left):.0f} s"
    if desired < state.panic_most:
        reason += f", so {state.panic_most} are kept"
    return reason


def _replicas(concurrency: float, policy: ScalingPolicy) -> int:
    # as many digits as Knative keeps, lest an average of 4.0000000001 costs a replica
    return math.ceil(round(concurrency / policy.target, 6))


def _fewest(ready: int) -> int:
    return math.floor(max(1, ready) / MAX_SCALE_DOWN_RATE)


def _load(value: float, seconds: int, policy: ScalingPolicy, wanted: int) -> str:
    if value == 0:
        return _NO_LOAD
    shown = f"{value:.1f}" if value >= 0.05 else "under 0.1"
    return f"{shown} calls at once ({seconds} s average), target {policy.target:g} each: {wanted}"
