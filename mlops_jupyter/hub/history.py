"""What endpoints did of late, in steps: rates and latencies for a small chart.

The hub samples it from counters that are there anyway, so it costs a call nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mlops_jupyter.serving.telemetry import p99_ms

STEP_SECONDS = 5.0
MAX_SECONDS = 3600

Observe = Callable[[str, float], tuple[int, list[float]]]
"""Of an endpoint: its calls since the hub started, and the seconds that each took which ended
after a moment."""

_STEPS = int(MAX_SECONDS / STEP_SECONDS)
_QUIET: tuple[float, float | None] = (0.0, None)


@dataclass
class _Past:
    calls: int
    steps: deque[tuple[float, float | None]] = field(default_factory=lambda: deque(maxlen=_STEPS))


class History:
    """The last hour of every endpoint.

    Parameters
    ----------
    now
        Start of the first step, on the clock that `sample` is called with.
    """

    def __init__(self, now: float) -> None:
        self._from = now
        self._past: dict[str, _Past] = {}

    def sample(self, now: float, names: Iterable[str], observe: Observe) -> None:
        """Close the present step if its time is over; to be called more often than a step."""
        seconds = now - self._from
        if seconds < STEP_SECONDS:
            return
        for name in names:
            calls, took = observe(name, self._from)
            past = self._past.get(name)
            if past is None:
                past = self._past[name] = _Past(0)
            came, past.calls = calls - past.calls, calls
            p99 = p99_ms(sorted(took)) if took else None
            past.steps.append((came / seconds, p99) if came else _QUIET)
        self._from = now

    def of(self, name: str, seconds: int) -> tuple[list[float], list[float | None]]:
        """Calls per second and p99 in milliseconds of each step of the last `seconds`.

        Oldest first; shorter when the hub or the endpoint has not been there for as long.
        """
        past = self._past.get(name)
        steps = list(past.steps)[-max(int(seconds / STEP_SECONDS), 1) :] if past else []
        return [rate for rate, _ in steps], [p99 for _, p99 in steps]
