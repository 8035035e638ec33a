"""One endpoint while the hub runs: its pools, how many replicas each has, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

from mlops_jupyter.hub.fleet import Loaded
from mlops_jupyter.hub.state import StoredEndpoint
from mlops_jupyter.scaling import AutoscalerState, ConcurrencyWindow, decide
from mlops_jupyter.serving.backend import Backend
from mlops_jupyter.types import EndpointSpec, MlopsError, Traffic


@dataclass
class LiveEndpoint:
    """Mutable, and changed only by the hub's loop.

    Attributes
    ----------
    loaded
        What serves, by version; `coming` is what a change under way is loading.
    desired
        Replicas of the whole endpoint, shadows apart.
    problem
        Why the last change failed, until one works.
    mode
        The way of scaling that `scaler` belongs to.
    pools
        Those of `serving`, whose calls in hand make the endpoint's concurrency.
    """

    stored: StoredEndpoint
    loaded: dict[int, Loaded] = field(default_factory=dict)
    coming: dict[int, Loaded] = field(default_factory=dict)
    problem: MlopsError | None = None
    desired: int = 0
    scaling_reason: str = ""
    window: ConcurrencyWindow = field(default_factory=ConcurrencyWindow)
    scaler: AutoscalerState = field(default_factory=AutoscalerState)
    mode: str = ""
    pools: tuple[Backend, ...] = ()

    def __post_init__(self) -> None:
        self.desired = self.spec.scaling.min
        self.mode = self.spec.scaling.mode

    @property
    def spec(self) -> EndpointSpec:
        """What is wanted of it."""
        return self.stored.spec

    @property
    def name(self) -> str:
        """Its name."""
        return self.stored.spec.name

    @property
    def serving(self) -> list[Loaded]:
        """What callers are answered by: every version with traffic, shadows left out."""
        shadows = self.spec.traffic.shadows
        return [one for version, one in self.loaded.items() if version not in shadows]

    @property
    def answers(self) -> bool:
        """Whether calls can be expected to be answered."""
        return bool(self.serving) and all(one.works for one in self.serving)

    @property
    def ready(self) -> int:
        """Replicas that answer callers."""
        return sum(one.pool.ready_count for one in self.serving)

    def feed(self, now: float, _count: int) -> None:
        """Note that the number of calls in hand changed; pools call this, twice a call."""
        total = 0
        for pool in self.pools:
            total += pool.concurrency
        self.window.change(now, total)

    def wake(self, spec: EndpointSpec, loaded: dict[int, Loaded]) -> list[tuple[Loaded, int]]:
        """How many replicas to load before `spec` serves: at least one of each version."""
        bounds = spec.scaling
        self.desired = min(max(self.desired, bounds.min, 1), bounds.max)
        # started on purpose: the time after which it is idle begins now
        self.window.touch(monotonic())
        shares = share(self.desired, spec.traffic)
        return [(loaded[version], count) for version, count in shares.items()]

    def rescale(self, now: float) -> None:
        """Decide how many replicas there should be and why, and apply it."""
        policy = self.spec.scaling
        if policy.mode != self.mode:
            # how long nobody called before says nothing to a policy that was not there yet
            self.mode, self.scaler = policy.mode, AutoscalerState()
            self.window.touch(now)
        metrics = self.window.metrics(now)
        decision = decide(policy, metrics, self.ready, now, self.scaler)
        self.scaler, self.scaling_reason = decision.state, decision.reason
        self.desired = decision.desired
        self.apply()

    def apply(self) -> None:
        """Give every version its share of the desired replicas.

        What a change under way has started for the spec to come is not taken away by this one.
        """
        self.pools = tuple(one.pool for one in self.serving)
        bounds = self.spec.scaling
        self.desired = min(max(self.desired, bounds.min), bounds.max)
        for version, count in share(self.desired, self.spec.traffic).items():
            one = self.loaded.get(version)
            if one is None:
                continue
            comes = self.coming.get(version) is one
            one.pool.scale(max(count, one.pool.desired) if comes else count)


def share(total: int, traffic: Traffic) -> dict[int, int]:
    """Divide `total` replicas by the weights (largest remainders), at least one for each version.

    The sum is `total`, or the number of versions if that is more.

    A shadow gets one replica of its own while the endpoint has any: its answers go nowhere, so it
    may be slower than what it shadows.
    """
    weights = {version: weight for version, weight in traffic.weights.items() if weight}
    if total <= 0:
        return dict.fromkeys(traffic.versions, 0)
    exact = {version: total * weight / 100 for version, weight in weights.items()}
    shares = {version: max(int(count), 1) for version, count in exact.items()}
    wanted = max(total, len(shares))
    while sum(shares.values()) != wanted:
        # give to whom the rounding took most, take from whom it gave most
        over = {version: shares[version] - exact[version] for version in shares}
        if sum(shares.values()) < wanted:
            shares[min(over, key=lambda version: (over[version], version))] += 1
        else:
            several = [version for version in shares if shares[version] > 1]
            shares[max(several, key=lambda version: (over[version], version))] -= 1
    return shares | dict.fromkeys(traffic.shadows, 1)
