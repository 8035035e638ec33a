"""A scaling policy while somebody fills it in: what is typed, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from mlops_jupyter.types import InvalidRequest, ScalingPolicy

Mode = Literal["fixed", "elastic", "serverless"]
MODES: tuple[Mode, ...] = ("fixed", "elastic", "serverless")
FIELDS: dict[Mode, tuple[str, ...]] = {
    "fixed": ("count",),
    "elastic": ("low", "high", "target"),
    "serverless": ("high", "target", "idle"),
}
"""The fields that mean something in each mode."""


@dataclass(frozen=True)
class Draft:
    """What the fields hold; those that another mode would use are kept for when it comes back.

    Attributes
    ----------
    count
        Replicas in mode ``fixed``.
    low, high
        Fewest and most replicas otherwise; ``serverless`` has no fewest.
    """

    mode: Mode = "fixed"
    count: int = 1
    low: int = 1
    high: int = 1
    target: float = 1.0
    idle: float = 60.0

    @classmethod
    def of(cls, policy: ScalingPolicy) -> Draft:
        """The draft that changes nothing of `policy`."""
        least = policy.min if policy.mode == "elastic" else 1
        count = policy.min or 1
        return cls(policy.mode, count, least, policy.max, policy.target, policy.idle_seconds)

    def put(self, field: str, value: object) -> Draft:
        """The draft with one field changed; the other bound moves along before they cross."""
        changed = replace(self, **{field: value})  # type: ignore[arg-type]
        if changed.mode != "elastic" or changed.low <= changed.high:
            return changed
        if field == "low":
            return replace(changed, high=changed.low)
        return replace(changed, low=changed.high)

    def policy(self) -> ScalingPolicy:
        """The policy, or InvalidRequest that says what is wrong with it."""
        match self.mode:
            case "fixed":
                return ScalingPolicy("fixed", self.count, self.count)
            case "elastic":
                return ScalingPolicy("elastic", self.low, self.high, self.target)
        return ScalingPolicy("serverless", 0, self.high, self.target, self.idle)

    def problem(self) -> str:
        """What is wrong, in a sentence; empty when nothing is."""
        try:
            self.policy()
        except InvalidRequest as error:
            return error.message
        return ""


def goes_to_zero(present: ScalingPolicy, wanted: ScalingPolicy) -> bool:
    """Whether an endpoint that always has a replica may have none with what is wanted."""
    return wanted.min == 0 < present.min
