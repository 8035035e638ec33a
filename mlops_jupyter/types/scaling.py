"""The three ways to scale as one value: ``fixed:2``, ``elastic:1-4,target=2``, ``serverless``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mlops_jupyter.types.errors import InvalidRequest

MAX_REPLICAS = 1000
_HELP = (
    "Write fixed:N, elastic:MIN-MAX[,target=CONCURRENCY] or "
    "serverless[:0-MAX][,target=CONCURRENCY][,idle=SECONDSs]."
)


@dataclass(frozen=True)
class ScalingPolicy:
    """How many replicas an endpoint has.

    Attributes
    ----------
    mode
        ``fixed`` (always `min` = `max`), ``elastic`` (`min` to `max` by concurrency, never zero) or
        ``serverless`` (zero when idle, up to `max`).
    min, max
        Bounds on the number of replicas of the whole endpoint.
    target
        Concurrent requests that one replica should carry (Knative's soft target).
    idle_seconds
        Serverless only: how long without a request before the last replica goes.
    """

    mode: Literal["fixed", "elastic", "serverless"] = "fixed"
    min: int = 1
    max: int = 1
    target: float = 1.0
    idle_seconds: float = 60.0

    def __post_init__(self) -> None:
        problem = ""
        if self.mode not in ("fixed", "elastic", "serverless"):
            problem = f"'{self.mode}' is not a way to scale."
        elif not 0 <= self.min <= self.max:
            problem = f"The minimum {self.min} is over the maximum {self.max}."
        elif self.max < 1:
            problem = "At least one replica must be allowed."
        elif self.max > MAX_REPLICAS:
            problem = f"At most {MAX_REPLICAS} replicas are allowed."
        elif self.mode == "fixed" and self.min != self.max:
            problem = "A fixed endpoint has one number of replicas."
        elif self.mode == "elastic" and self.min < 1:
            problem = "An elastic endpoint keeps at least one replica; use serverless for zero."
        elif self.mode == "serverless" and self.min != 0:
            problem = "A serverless endpoint starts from zero; use elastic for a minimum."
        elif not 0 < self.target <= 10_000:
            problem = "The target concurrency must be over 0 and at most 10000."
        elif not 0 < self.idle_seconds <= 86_400:
            problem = "The idle time must be over 0 s and at most a day."
        if problem:
            raise InvalidRequest(problem, fix=_HELP, code="invalid_scaling")

    @classmethod
    def parse(cls, text: str) -> ScalingPolicy:
        """Read the form that :meth:`__str__` writes; raise InvalidRequest otherwise."""
        head, *options = [part.strip() for part in str(text).strip().split(",")]
        mode, _, bounds = head.partition(":")
        values = {"target": 1.0, "idle": 60.0}
        for option in options:
            match = re.fullmatch(r"(target|idle)=([0-9]+(?:\.[0-9]+)?)s?", option)
            if match is None or (match[1] == "idle" and mode != "serverless"):
                raise InvalidRequest(
                    f"{ascii(option)[:40]} is not an option of '{ascii(mode)[1:20]}' scaling."
                    if option
                    else "There is an empty option after a comma.",
                    fix=_HELP,
                    code="invalid_scaling",
                )
            values[match[1]] = float(match[2])
        low, high = _bounds(mode, bounds)
        return cls(mode, low, high, values["target"], values["idle"])  # type: ignore[arg-type]

    def __str__(self) -> str:
        if self.mode == "fixed":
            return f"fixed:{self.min}"
        text = f"{self.mode}:{self.min}-{self.max}"
        if self.target != 1.0:
            text += f",target={self.target:g}"
        if self.mode == "serverless" and self.idle_seconds != 60.0:
            text += f",idle={self.idle_seconds:g}s"
        return text


def _bounds(mode: str, text: str) -> tuple[int, int]:
    if mode == "fixed" and re.fullmatch(r"[0-9]{1,5}", text or "1"):
        return int(text or 1), int(text or 1)
    if mode == "serverless" and not text:
        return 0, 1
    if mode in ("elastic", "serverless") and (match := re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)):
        return int(match[1]), int(match[2])
    raise InvalidRequest(
        f"{ascii(f'{mode}:{text}')[:50]} is not a scaling policy.",
        fix=_HELP,
        code="invalid_scaling",
    )
