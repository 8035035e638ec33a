"""What each step of a pipeline did of late."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from time import monotonic

from mlops_jupyter.serving.telemetry import EndpointMeter

WINDOW_SECONDS = 60.0
_KEPT = 4096


@dataclass
class StepMeter:
    """Calls of a step by this pipeline, retries within a call, and rows that went past it."""

    meter: EndpointMeter = field(default_factory=EndpointMeter)
    calls: int = 0
    failures: int = 0
    fallbacks: int = 0
    skipped: int = 0
    last_error: str = ""
    last_error_at: float = 0.0
    _failed: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def count(self, status: int, seconds: float) -> None:
        """Count one call that has ended."""
        now = monotonic()
        self.calls += 1
        self.meter.count(0, status, now, seconds)

    def fail(self, error: str, at: float) -> None:
        """Count a call that no attempt answered; `at` is wall-clock seconds."""
        self.failures += 1
        self._failed.append(monotonic())
        self.last_error, self.last_error_at = error, at

    def error_share(self) -> float:
        """The part of the last minute's calls that failed."""
        since = monotonic() - WINDOW_SECONDS
        failed = sum(moment > since for moment in self._failed)
        return failed / max(len(self.meter.since(since)), failed, 1)
