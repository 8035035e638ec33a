"""The pools behind the endpoints: made, loaded before they serve, drained after.

Nothing here writes state or records; `endpoints.py` decides, this file carries out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from mlops_jupyter.hub.catalogue import Catalogue
from mlops_jupyter.hub.home import Home
from mlops_jupyter.pipelines import Graph, graph_of
from mlops_jupyter.pipelines.evaluator import Evaluator
from mlops_jupyter.pipelines.steps import Door
from mlops_jupyter.serving.backend import Backend
from mlops_jupyter.serving.pool import Pool
from mlops_jupyter.serving.replica import Process, Spawner
from mlops_jupyter.serving.routing import ServedVersion
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.worker import WorkerSpec
from mlops_jupyter.targets import Target
from mlops_jupyter.types import EndpointSpec, Limits, ModelVersion, ScalingPolicy, Unavailable

LOAD_SECONDS = 1800.0
"""Longest that a version may take to load, the making of its environment included."""

FULL_STRENGTH_SECONDS = 60.0
"""Longest that a switch waits for replicas after the first."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A version with its pool, and what the pool was made for: another shape is another pool."""

    served: ServedVersion
    limits: Limits
    gpus: int

    @property
    def version(self) -> ModelVersion:
        """What is served."""
        return self.served.version

    @property
    def pool(self) -> Backend:
        """Its replicas."""
        return self.served.pool

    @property
    def works(self) -> bool:
        """Whether it answers, or nothing is known that would keep it from answering."""
        return self.pool.failure is None or self.pool.ready_count > 0

    def fits(self, spec: EndpointSpec, version: ModelVersion) -> bool:
        """Whether this pool can go on serving `version` as `spec` wants it."""
        same = self.version.digest == version.digest and self.version.ref == version.ref
        same = same and self.version.environment == version.environment
        return same and self.limits == spec.limits and self.gpus == spec.gpu


class CheckedSpawner:
    """Starts workers only of a version whose bytes are still those that were registered."""

    def __init__(self, catalogue: Catalogue, version: ModelVersion, spawner: Spawner) -> None:
        self._catalogue = catalogue
        self._version = version
        self._spawner = spawner
        self._lock = asyncio.Lock()
        self._checked = False

    @property
    def doing(self) -> str:
        """What the start of a worker waits for."""
        return self._spawner.doing

    async def start(self, spec: WorkerSpec, sock: socket.socket) -> Process:
        """Start a worker; the bytes are hashed before the first one."""
        async with self._lock:
            if not self._checked:
                await self._catalogue.check(self._version)
                self._checked = True
        return await self._spawner.start(spec, sock)


class Fleet:
    """Makes and ends the pools of all endpoints."""

    def __init__(self, home: Home, catalogue: Catalogue, target: Target, door: Door) -> None:
        self._home = home
        self._catalogue = catalogue
        self._target = target
        self._door = door
        self._retiring: set[asyncio.Task[None]] = set()
        self._following: dict[Backend, asyncio.Task[None]] = {}

    def check_scaling(self, policy: ScalingPolicy) -> None:
        """Raise InvalidRequest when the target cannot hold as many replicas as `policy` allows."""
        self._target.check_replicas(policy.max)

    def make(
        self,
        spec: EndpointSpec,
        version: ModelVersion,
        on_concurrency: Callable[[float, int], None],
    ) -> Loaded:
        """A pool for `version` that has no replica yet; its environment is being got ready.

        Raises
        ------
        InvalidRequest
            The version has no usable signature.
        """
        signature = Signature.compile(version.signature, version.model, version.version)
        graph = graph_of(version)
        if graph is not None:
            return self._make_pipeline(spec, version, graph, signature, on_concurrency)
        worker = WorkerSpec(
            endpoint=spec.name,
            model=version.model,
            version=version.version,
            path=str(self._catalogue.path(version)),
            signature=version.signature,
            flavors=version.flavors,
            memory_bytes=spec.limits.memory_bytes,
            log_path=str(self._home.worker_log(spec.name, version.version)),
        )
        self._target.warm(version, self._catalogue.path(version))
        spawner = CheckedSpawner(self._catalogue, version, self._target.spawner(version, spec.gpu))
        pool = Pool(worker, spawner, spec.limits, on_concurrency)
        return Loaded(ServedVersion(version, signature, pool), spec.limits, spec.gpu)

    def _make_pipeline(
        self,
        spec: EndpointSpec,
        version: ModelVersion,
        graph: Graph,
        signature: Signature,
        on_concurrency: Callable[[float, int], None],
    ) -> Loaded:
        evaluator = Evaluator(
            spec,
            graph,
            signature,
            self._door,
            lambda: self._catalogue.check(version),
            on_concurrency,
        )
        return Loaded(ServedVersion(version, signature, evaluator), spec.limits, spec.gpu)

    def follow(self, one: Loaded, changed: Callable[[], None]) -> None:
        """Call `changed` whenever a replica of `one` comes or goes, until it is retired."""
        if one.pool not in self._following:
            self._following[one.pool] = self._spawn(_follow(one.pool, changed))

    async def load(self, loaded: Iterable[tuple[Loaded, int]]) -> None:
        """Bring pools to their number of replicas; raise why one of them cannot have any."""
        wanted = [(one, count) for one, count in loaded if count]
        for one, count in wanted:
            # what serves already keeps its strength until the switch
            one.pool.scale(max(count, one.pool.desired))
        loop = asyncio.get_running_loop()
        ready = [loop.create_task(one.pool.ready(LOAD_SECONDS)) for one, _ in wanted]
        try:
            await asyncio.gather(*ready)
        except TimeoutError:
            raise Unavailable(
                "The model was not ready in time.",
                reason=f"It was still loading after {LOAD_SECONDS:.0f} s.",
                fix="Look at the endpoint's log.",
                code="load_timeout",
            ) from None
        finally:
            for task in ready:
                task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FULL_STRENGTH_SECONDS):
                for one, _ in wanted:
                    while one.pool.pending and one.pool.failure is None:
                        await one.pool.settled()

    def retire(self, loaded: Iterable[Loaded], grace: float | None = None) -> asyncio.Task[None]:
        """End pools that get no more calls, once those they have are answered.

        `grace` is the longest wait in seconds; None is the deadline that every call has anyway.
        """
        loaded = list(loaded)
        for one in loaded:
            if following := self._following.pop(one.pool, None):
                following.cancel()
        task = self._spawn(_retire(loaded, grace))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        return task

    async def retired(self) -> None:
        """Wait until every retired pool has ended."""
        while self._retiring:
            await asyncio.wait(self._retiring)

    @staticmethod
    def _spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)


async def _follow(pool: Backend, changed: Callable[[], None]) -> None:
    while True:
        await pool.settled()
        changed()


async def _retire(loaded: list[Loaded], grace: float | None) -> None:
    for one in loaded:
        deadline = monotonic() + (one.limits.deadline_seconds + 1.0 if grace is None else grace)
        # calls may wait for a replica that is still starting, so a pool is not closed before
        while one.pool.concurrency and monotonic() < deadline:
            await asyncio.sleep(0.01)
        try:
            await one.pool.close(0.0)
        except Exception:
            _log.exception("the pool of %s could not be closed", one.version.ref)
