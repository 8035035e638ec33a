"""How many calls were in hand on average over the last minute and the last six seconds.

The average is weighted by time, as Knative's queue proxy does it: ten calls of 0.1 s in a second
are a concurrency of one. Memory is a ring of one-second buckets, so a day costs what a minute does.
"""

from __future__ import annotations

from dataclasses import dataclass

STABLE_SECONDS = 60
PANIC_SECONDS = 6
"""Knative's defaults: ``stable-window`` and ``panic-window-percentage`` 10 % of it."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the autoscaler decides on.

    Attributes
    ----------
    stable, panic
        Average concurrency over the stable and the panic window.
    in_flight
        Calls in hand at this moment, waiting ones included.
    idle_seconds
        Time since the last call ended or since the window was opened; 0 while there are calls.
    rate
        Calls that came, per second, over the stable window.
    """

    stable: float
    panic: float
    in_flight: int = 0
    idle_seconds: float = 0.0
    rate: float = 0.0


class ConcurrencyWindow:
    """Averages fed by every change of the number of calls in hand. Not for several threads.

    While there is less history than a window, the average is over what there is, but over one
    second at least. A clock that steps back counts as standing still.

    Parameters
    ----------
    stable_seconds, panic_seconds
        Lengths of the two windows, whole seconds.
    now
        Start of the history on the caller's monotonic clock; default: the first use.
    """

    __slots__ = (
        "_area",
        "_areas",
        "_arrivals",
        "_at",
        "_counts",
        "_edge",
        "_idle_since",
        "_in_flight",
        "_origin",
        "_panic",
        "_second",
        "_size",
        "_stable",
    )

    def __init__(
        self,
        stable_seconds: int = STABLE_SECONDS,
        panic_seconds: int = PANIC_SECONDS,
        now: float | None = None,
    ) -> None:
        if not 1 <= panic_seconds <= stable_seconds:
            raise ValueError("the panic window is from one second to the stable window")
        self._stable = stable_seconds
        self._panic = panic_seconds
        # the second that is being filled, the window, and the second that is leaving it
        self._size = stable_seconds + 2
        self._areas = [0.0] * self._size
        self._counts = [0] * self._size
        self._in_flight = 0
        self._area = 0.0
        self._arrivals = 0
        self._second = 0
        self._origin: float | None = None
        self._edge = self._at = self._idle_since = float("-inf")
        if now is not None:
            self._open(now)

    def change(self, now: float, in_flight: int) -> None:
        """Note that from `now` on there are `in_flight` calls in hand, waiting ones included."""
        if now >= self._edge:
            self._roll(now)
        before = self._in_flight
        if now > self._at:
            self._area += before * (now - self._at)
            self._at = now
        if in_flight > before:
            self._arrivals += in_flight - before
        elif in_flight == 0 and before:
            self._idle_since = self._at
        self._in_flight = in_flight

    def touch(self, now: float) -> None:
        """Start the idle time anew without a call, e.g. when a replica was started on purpose."""
        self._advance(now)
        self._idle_since = self._at

    def metrics(self, now: float) -> Metrics:
        """The averages at `now`."""
        self._advance(now)
        return Metrics(
            stable=self._average(self._areas, self._area, self._stable),
            panic=self._average(self._areas, self._area, self._panic),
            in_flight=self._in_flight,
            idle_seconds=0.0 if self._in_flight else self._at - self._idle_since,
            rate=self._average(self._counts, self._arrivals, self._stable),
        )

    def _advance(self, now: float) -> None:
        if now >= self._edge:
            self._roll(now)
        if now > self._at:
            self._area += self._in_flight * (now - self._at)
            self._at = now

    def _open(self, now: float) -> None:
        self._origin = self._at = self._idle_since = now
        self._edge = now + 1.0

    def _roll(self, now: float) -> None:
        """Close the seconds that have passed and make the one of `now` the one being filled."""
        if self._origin is None:
            self._open(now)
            return
        target = int(now - self._origin)
        passed = target - self._second
        held = self._in_flight
        self._areas[self._second % self._size] = self._area + held * max(0.0, self._edge - self._at)
        self._counts[self._second % self._size] = self._arrivals
        for second in range(target - min(passed, self._size) + 1, target):
            self._areas[second % self._size] = float(held)
            self._counts[second % self._size] = 0
        self._second = target
        self._at = self._origin + target
        self._edge = self._at + 1.0
        self._area = 0.0
        self._arrivals = 0

    def _average(self, buckets: list[float] | list[int], filling: float, seconds: int) -> float:
        assert self._origin is not None
        part = self._at - (self._origin + self._second)
        total = filling
        for back in range(1, min(seconds, self._second + 1)):
            total += buckets[(self._second - back) % self._size]
        if self._second >= seconds:
            # the oldest second is partly outside; its calls are taken as spread evenly
            total += buckets[(self._second - seconds) % self._size] * (1.0 - part)
        return total / min(float(seconds), max(1.0, self._second + part))
