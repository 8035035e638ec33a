"""The replicas of one version behind one endpoint, and the calls that wait for them.

Natural micro-batching: while every replica is busy, calls wait; a replica that becomes idle gets
all that wait and fit together as one batch. There is no timer: an idle server adds no delay.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

from mlops_jupyter.serving.replica import Call, Replica, Spawner
from mlops_jupyter.serving.stacking import split, stack
from mlops_jupyter.serving.tensors import Outputs
from mlops_jupyter.serving.worker import WorkerSpec
from mlops_jupyter.types import (
    DeadlineExceeded,
    Limits,
    MlopsError,
    ModelError,
    Overloaded,
    Unavailable,
)

LOAD_SECONDS = 300.0
_TICK_SECONDS = 0.025
_QUIET_TURNS = 16
_HEAVY_US = 1000
"""Predict time from which a worker is kept busy at once; a lighter one gets larger batches."""

_BACKOFF_SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_STABLE_SECONDS = 30.0


class Pool:
    """Replicas of one version.

    Parameters
    ----------
    spec
        What a worker is told.
    spawner
        Where replicas come from.
    limits
        Queue length, rows a batch.
    on_concurrency
        Called with (monotonic seconds, calls queued and running) at every change.
    """

    def __init__(
        self,
        spec: WorkerSpec,
        spawner: Spawner,
        limits: Limits,
        on_concurrency: Callable[[float, int], None] = lambda _now, _count: None,
    ) -> None:
        self.spec = spec
        self.limits = limits
        self.desired = 0
        self.concurrency = 0
        self.failure: MlopsError | None = None  # why the last start failed, until one works
        self.setback = ""  # why a replica was lost or not started, until all that are wanted answer
        self._spawner = spawner
        self._on_concurrency = on_concurrency
        self._queue: deque[Call] = deque()
        self._replicas: list[Replica] = []
        self._idle: list[Replica] = []
        self._dispatch_due = False
        self._starts: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._not_before = 0.0  # back-off: no start earlier
        self._retry: asyncio.TimerHandle | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._changed: asyncio.Event = asyncio.Event()
        self._closed = False

    # -- what there is ------------------------------------------------------------------------

    @property
    def ready_count(self) -> int:
        """Replicas that answer."""
        return sum(replica.state in ("idle", "busy") for replica in self._replicas)

    @property
    def pending(self) -> int:
        """Replicas that are wanted or starting, and do not answer yet."""
        return max(self.desired - self.ready_count, 0)

    @property
    def waiting(self) -> int:
        """Calls that wait for a replica."""
        return len(self._queue)

    @property
    def reason(self) -> str:
        """Why replicas are pending, in words; empty when none is."""
        if not self.pending:
            return ""
        if self.failure is not None:
            seconds = max(self._not_before - monotonic(), 0.0)
            return f"{self.failure} Next try in {seconds:.0f} s."
        if self.setback:
            return f"{self.setback} Another is being started."
        if not self._starts:
            return "A worker is about to start."
        return self._spawner.doing or "The model is loading."

    @property
    def ready_header(self) -> dict[str, object]:
        """What a replica said of itself when it was ready: scorer, load time, outputs."""
        for replica in self._replicas:
            if replica.state in ("idle", "busy"):
                return replica.ready_header
        return {}

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers, starting ones included."""
        return tuple(replica.pid for replica in self._replicas if replica.pid)

    # -- calls --------------------------------------------------------------------------------

    def submit(self, call: Call) -> None:
        """Queue a call; its `done` is called when it is over, at once when it is refused."""
        if len(self._queue) >= self.limits.queue:
            call.done(
                Overloaded(
                    "The endpoint's queue is full.",
                    reason=f"{len(self._queue)} calls wait for {self.ready_count} replicas.",
                    fix="Try again after Retry-After seconds, or scale the endpoint up.",
                ),
                0,
            )
            return
        if self.failure is not None and not self.ready_count and not self._starts:
            call.done(self._unavailable(), 0)
            return
        self._queue.append(call)
        self.count(1)
        if self._idle:
            self._dispatch_soon()
        elif not self.desired:
            self.scale(1)
        if self._tick is None:
            self._arm_tick()

    def _dispatch_soon(self) -> None:
        """Dispatch at the end of this turn of the event loop, so that what arrives together, and
        what arrives while that is read, goes together. A lone call waits for nothing.
        """
        if not self._dispatch_due:
            self._dispatch_due = True
            self._await_quiet(_QUIET_TURNS)

    def _await_quiet(self, turns: int) -> None:
        waiting = len(self._queue)

        def turn_ended() -> None:
            if turns and len(self._queue) > waiting:
                self._await_quiet(turns - 1)
            else:
                self._dispatch_due = False
                self._dispatch()

        asyncio.get_running_loop().call_soon(turn_ended)

    def _dispatch(self) -> None:
        while self._queue and self._idle:
            replica = self._idle.pop()
            batch = self._next_batch(bool(replica.ready_header.get("batchable")))
            try:
                header, buffers = stack([call.inputs for call in batch])
                replica.send(batch, header, buffers)
            except Exception as error:  # the data of a call must not take the others along
                replica.state = "idle"
                self._idle.append(replica)
                for call in batch:
                    self._finish(call, ModelError("The batch cannot be sent.", reason=str(error)))

    def _next_batch(self, batchable: bool) -> list[Call]:
        queue = self._queue
        first = queue.popleft()
        batch = [first]
        if not batchable or first.solo:
            return batch
        key, rows, most = first.inputs.key, first.inputs.rows, self.limits.max_batch_rows
        while queue and not queue[0].solo and queue[0].inputs.key == key:
            rows += queue[0].inputs.rows
            if rows > most:
                break
            batch.append(queue.popleft())
        return batch

    def _on_result(self, replica: Replica, result: Outputs | MlopsError, predict_us: int) -> None:
        batch, replica.batch = replica.batch, []
        if replica.state == "idle":
            self._idle.append(replica)
        outcomes: Sequence[Outputs | MlopsError]
        if isinstance(result, Outputs):
            try:
                batchable = bool(replica.ready_header.get("batchable"))
                rows = [call.inputs.rows for call in batch]
                outcomes = split(result, rows, row_wise=batchable)
            except MlopsError as error:
                outcomes = [error] * len(batch)
        else:
            outcomes = [result] * len(batch)
        if len(batch) > 1 and isinstance(outcomes[0], MlopsError):
            self._retry_alone(batch)
            self._dispatch()
            return
        if predict_us > _HEAVY_US:
            self._dispatch()  # the worker predicts while we encode and commit
        self.count(-len(batch))
        for call, outcome in zip(batch, outcomes, strict=True):
            call.done(outcome, predict_us)
        if self._queue:
            self._dispatch_soon()

    def _retry_alone(self, batch: list[Call]) -> None:
        """One row may have spoilt the batch: each call again by itself finds the one."""
        for call in reversed(batch):
            call.solo = True
            self._queue.appendleft(call)

    def _finish(self, call: Call, outcome: MlopsError) -> None:
        self.count(-1)
        call.done(outcome, 0)

    def count(self, change: int) -> None:
        """Note that `change` calls more (or fewer) are in hand, also outside the queue."""
        self.concurrency += change
        self._on_concurrency(monotonic(), self.concurrency)

    # -- deadlines ----------------------------------------------------------------------------

    def _arm_tick(self) -> None:
        self._tick = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._check_deadlines)

    def _check_deadlines(self) -> None:
        self._tick = None
        now = monotonic()
        overdue = [call for call in self._queue if call.deadline <= now]
        if overdue:
            self._queue = deque(call for call in self._queue if call.deadline > now)
            for call in overdue:
                self._finish(call, self._too_late("It waited for a free replica."))
        for replica in self._replicas:
            if replica.batch and any(call.deadline <= now for call in replica.batch):
                self._stop_overdue(replica, now)
        if self.concurrency and not self._closed:
            self._arm_tick()

    def _stop_overdue(self, replica: Replica, now: float) -> None:
        batch, replica.batch = replica.batch, []
        replica.overdue = True
        replica.state = "gone"
        replica.kill()
        self._retry_alone([call for call in batch if call.deadline > now])
        for call in batch:
            if call.deadline <= now:
                self._finish(call, self._too_late("The model was still predicting."))

    def _too_late(self, reason: str) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"There was no answer within {self.limits.deadline_seconds:g} s.",
            reason=reason,
            fix="Send fewer rows, scale the endpoint up, or deploy it with a longer --deadline.",
        )

    # -- replicas -----------------------------------------------------------------------------

    def scale(self, desired: int) -> None:
        """Want `desired` replicas: start what is missing, drain what is too much.

        To want what is wanted already costs little, and mends a number that went astray.
        """
        self.desired = desired
        self._reconcile()

    async def ready(self, timeout: float = LOAD_SECONDS) -> None:
        """Wait for the first replica that answers; raise why there is none.

        At least one replica must be desired.
        """
        async with asyncio.timeout(timeout):
            while not self.ready_count:
                if self.failure is not None:
                    raise self.failure
                self._changed.clear()
                await self._changed.wait()

    async def settled(self) -> None:
        """Wait for the next change in the number or state of replicas."""
        self._changed.clear()
        await self._changed.wait()

    async def close(self, grace: float = 10.0) -> None:
        """Finish the calls in hand for up to `grace` seconds, then stop every worker."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self.concurrency and self.ready_count:
                    await asyncio.sleep(0.01)
        self._closed = True
        self.desired = 0
        for timer in (self._retry, self._tick):
            if timer is not None:
                timer.cancel()
        for start in list(self._starts):
            start.cancel()
        await asyncio.gather(*self._starts, return_exceptions=True)
        replicas = list(self._replicas)
        for replica in replicas:
            replica.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await asyncio.gather(*(replica.gone() for replica in replicas))
        for replica in replicas:
            replica.kill()
        await asyncio.gather(*(replica.gone() for replica in replicas), return_exceptions=True)
        while self._queue:
            self._finish(self._queue.popleft(), self._unavailable())

    def _reconcile(self) -> None:
        if self._closed:
            return
        alive = [r for r in self._replicas if r.state in ("starting", "idle", "busy")]
        missing = self.desired - len(alive)
        if missing > 0:
            delay = self._not_before - monotonic()
            if delay <= 0:
                for _ in range(missing):
                    self._start_one()
            elif self._retry is None:
                self._retry = asyncio.get_running_loop().call_later(delay, self._retry_now)
        for replica in sorted(alive, key=_dispensable)[: max(-missing, 0)]:
            if replica in self._idle:
                self._idle.remove(replica)
            replica.dismissed = True
            if replica.state == "starting":
                replica.state = "gone"
                replica.kill()
            else:
                replica.drain()
        if not self.pending:
            self.setback = ""
        self._changed.set()

    def _retry_now(self) -> None:
        self._retry = None
        self._reconcile()

    def _start_one(self) -> None:
        replica = Replica(self._on_result, self._on_lost)
        self._replicas.append(replica)
        task = asyncio.get_running_loop().create_task(self._run_start(replica))
        self._starts.add(task)
        task.add_done_callback(self._starts.discard)

    async def _run_start(self, replica: Replica) -> None:
        try:
            await replica.start(self.spec, self._spawner, LOAD_SECONDS)
        except asyncio.CancelledError:
            replica.state = "gone"
            self._forget(replica)
            raise
        except Exception as error:
            replica.state = "gone"
            self._forget(replica)
            if not replica.dismissed:
                self._failed(error)
        else:
            self.failure = None
            self._idle.append(replica)
            self._dispatch()
            self._reconcile()

    def _on_lost(self, replica: Replica) -> None:
        """The worker is gone: its calls fail, the others wait for the next one."""
        batch, replica.batch = replica.batch, []
        if replica in self._idle:
            self._idle.remove(replica)
        served = replica in self._replicas and bool(replica.ready_header)
        if not served:
            return  # its start reports why
        self._forget(replica)
        for call in batch:
            self._finish(call, replica.died())
        if self._closed:
            return
        if not replica.dismissed:
            self.setback = f"A worker is gone. {replica.exit_reason}"
            if not replica.overdue and monotonic() - replica.started_at < _STABLE_SECONDS:
                self._back_off()
            else:
                self._failures = 0
        self._reconcile()

    def _forget(self, replica: Replica) -> None:
        if replica in self._replicas:
            self._replicas.remove(replica)

    def _failed(self, error: Exception) -> None:
        """A replica could not be started: say why to those who wait, try again later."""
        self.failure = (
            error
            if isinstance(error, MlopsError)
            else Unavailable("No worker can be started.", reason=f"{type(error).__name__}: {error}")
        )
        self.setback = str(self.failure)
        self._back_off()
        if not self.ready_count:
            while self._queue:
                self._finish(self._queue.popleft(), self._unavailable())
        self._reconcile()

    def _back_off(self) -> None:
        delay = _BACKOFF_SECONDS[min(self._failures, len(_BACKOFF_SECONDS) - 1)]
        self._failures += 1
        self._not_before = monotonic() + delay

    def _unavailable(self) -> Unavailable:
        if self._closed:
            return Unavailable("The endpoint is stopping.", fix="Call again.", code="stopping")
        return Unavailable(
            "No replica can be started.",
            reason=str(self.failure or ""),
            fix="Mend the cause and deploy again, or roll back.",
            code="no_replica",
        )


def _dispensable(replica: Replica) -> int:
    return ("starting", "idle", "busy").index(replica.state)
