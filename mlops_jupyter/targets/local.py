"""Replicas as processes on this machine, forked from zygotes that have the libraries imported.

One zygote per environment is kept warm; it imports what else its models need. Replicas with GPUs
are started afresh by it instead of forked: a CUDA context does not survive a fork.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any

import psutil

from mlops_jupyter.serving.environments import Environments, read_lock
from mlops_jupyter.serving.gpus import GpuInventory
from mlops_jupyter.serving.replica import Process, Spawner
from mlops_jupyter.serving.worker import WorkerSpec
from mlops_jupyter.serving.zygote import Zygote, modules_for
from mlops_jupyter.types import InvalidRequest, MlopsError, ModelVersion, Unavailable
from mlops_jupyter.types.scaling import MAX_REPLICAS
from mlops_jupyter.workers import FLAVOR, check_needs

IDLE_ZYGOTES = 4
"""Zygotes without a worker that are kept; of more, those used longest ago are stopped."""

REPLICAS = "MLOPS_JUPYTER_MAX_REPLICAS"
"""Environment variable: most replicas of one endpoint."""

REPLICAS_PER_CPU = 4
FEW_REPLICAS = 8
"""Without that variable: four a processor, and as many as this on the smallest machine."""

SPARE_BYTES = 300 * 1024 * 1024
"""Memory that must be available for a replica to be started."""

_LINE = 120
"""Characters of a build's line that a status shows."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Warm:
    """A zygote, what it has imported, and for how many workers it is needed."""

    zygote: Zygote
    modules: set[str]
    users: int = 0
    used_at: float = field(default_factory=monotonic)


class LocalTarget:
    """Starts replicas on this machine.

    Parameters
    ----------
    environments
        Folder of locked environments.
    logs
        Folder of the zygotes' output.
    available_bytes
        Says how much memory can be had without swapping.

    Raises
    ------
    InvalidRequest
        ``MLOPS_JUPYTER_MAX_REPLICAS`` is no number of replicas.
    """

    def __init__(
        self,
        environments: Path,
        logs: Path,
        gpus: GpuInventory | None = None,
        available_bytes: Callable[[], int] = lambda: int(psutil.virtual_memory().available),
    ) -> None:
        self._environments = Environments(environments)
        self._logs = logs
        self.inventory = self._gpus = gpus or GpuInventory()
        self._available_bytes = available_bytes
        self._max_replicas = _max_replicas()
        self._warm: dict[str, _Warm] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._building: dict[str, str] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def warm(self, version: ModelVersion, path: Path) -> None:
        """Get the environment of `version`, whose artifacts are at `path`, ready for replicas.

        Returns at once; what fails shows when a replica starts.
        """
        self._spawn(self._warm_quietly(version, path))

    def check_replicas(self, wanted: int) -> None:
        """Refuse more replicas of one endpoint than this machine can reasonably hold.

        Raises
        ------
        InvalidRequest
            `wanted` is too many.
        """
        most = self._max_replicas
        if wanted > most:
            raise InvalidRequest(
                f"{wanted} replicas are too many for this machine.",
                reason=f"It has {os.cpu_count() or 1} processors, and an endpoint may have up to "
                f"{most} replicas here; each is a process with the model in memory.",
                fix=f"Ask for {most} or fewer, or set {REPLICAS} before the hub starts.",
                code="too_many_replicas",
            )

    def spawner(self, version: ModelVersion, gpus: int) -> Spawner:
        """The source of replicas of `version`, each with `gpus` devices of its own.

        Raises
        ------
        Unavailable
            This machine has fewer devices, or not the programs that a worker model needs.
        """
        if worker := version.flavors.get(FLAVOR):
            check_needs(worker["worker"], version.ref)
        if gpus:
            self._gpus.check(gpus)
        return LocalSpawner(self, version, gpus)

    def building(self, version: ModelVersion) -> str:
        """The latest line of the build of the version's environment; empty when none goes on."""
        line = self._building.get(version.digest)
        return f"Its environment is made: {line}." if line else ""

    def collect(self, needed: Iterable[tuple[ModelVersion, Path]], unused_days: float) -> list[str]:
        """Delete locked environments that were not used for so long; blocks.

        Parameters
        ----------
        needed
            Versions whose environment stays, with their folders.

        Returns
        -------
        list of str
            Digests of the environments that are gone.
        """
        kept = [
            read_lock(path).digest
            for version, path in needed
            if version.environment.kind == "locked" and path.exists()
        ]
        return self._environments.collect(kept, unused_days * 86_400)

    def gpus(self) -> list[dict[str, Any]]:
        """The devices of this machine; blocks while the driver is asked for the first time."""
        return self._gpus.describe()

    async def start(
        self, version: ModelVersion, spec: WorkerSpec, sock: socket.socket, gpus: int
    ) -> Process:
        """Start one worker that speaks frames on `sock`; raise MlopsError when it cannot be."""
        self._check_memory()
        claimed = self._gpus.claim(gpus) if gpus else ()
        try:
            warm, process = await self._start(version, replace(spec, gpus=claimed), sock)
        except BaseException:
            self._gpus.release(claimed)
            raise
        self._spawn(self._await_end(warm, process, claimed))
        return process

    async def close(self) -> None:
        """Stop every zygote, and with it every worker."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        warm, self._warm = list(self._warm.values()), {}
        await asyncio.gather(*(one.zygote.stop() for one in warm), return_exceptions=True)

    # -- workers ------------------------------------------------------------------------------

    def _check_memory(self) -> None:
        available = self._available_bytes()
        if available < SPARE_BYTES:
            raise Unavailable(
                "There is not enough memory for another replica.",
                reason=f"{available >> 20} MiB are available on this machine, "
                f"and {SPARE_BYTES >> 20} MiB must be.",
                fix="Scale endpoints down, or end other programs.",
                code="not_enough_memory",
            )

    async def _start(
        self, version: ModelVersion, spec: WorkerSpec, sock: socket.socket
    ) -> tuple[_Warm, Process]:
        """Fork or spawn; a zygote that died meanwhile is replaced once."""
        for last_try in (False, True):
            warm = await self._zygote(version, Path(spec.path))
            try:
                begin = warm.zygote.spawn if spec.gpus else warm.zygote.fork
                return warm, await begin(spec, sock)
            except BaseException as error:
                warm.users -= 1
                if last_try or not isinstance(error, Unavailable) or warm.zygote.alive:
                    raise
                _log.warning("a zygote has ended and is replaced: %s", error)
        raise AssertionError("the last try returns or raises")

    async def _await_end(self, warm: _Warm, process: Process, claimed: tuple[int, ...]) -> None:
        try:
            await process.wait()
        finally:
            self._gpus.release(claimed)
            warm.users -= 1
            warm.used_at = monotonic()
        self._stop_idle()

    # -- zygotes ------------------------------------------------------------------------------

    async def _zygote(self, version: ModelVersion, path: Path) -> _Warm:
        """The zygote of the version's environment with its libraries, counted as used."""
        python = await self._python(version, path)
        # an interpreter into which something else was installed since is another environment
        key = f"{python}\n{version.environment.digest}"
        wanted = modules_for(version.flavors)
        async with self._locks.setdefault(key, asyncio.Lock()):
            if self._closed:
                raise Unavailable("The hub is stopping.", fix="Try again.", code="stopping")
            warm = self._warm.get(key)
            if warm is None or not warm.zygote.alive:
                log = self._logs / f"zygote-{sha256(key.encode()).hexdigest()[:12]}.log"
                warm = _Warm(await Zygote.start(python, wanted, log), set(wanted))
                self._warm[key] = warm
                _log.info("a zygote runs for %s, process %d", python, warm.zygote.pid)
            elif missing := [name for name in wanted if name not in warm.modules]:
                await warm.zygote.prepare(missing)
                warm.modules.update(missing)
            warm.users += 1
            warm.used_at = monotonic()
            return warm

    async def _python(self, version: ModelVersion, path: Path) -> str:
        def told(line: str) -> None:
            self._building[version.digest] = line[:_LINE]

        # a second start says what the build is doing, not that it waits for it
        async with self._locks.setdefault(version.digest, asyncio.Lock()):
            try:
                return await self._environments.python(version, path, told)
            finally:
                self._building.pop(version.digest, None)

    async def _warm_quietly(self, version: ModelVersion, path: Path) -> None:
        try:
            warm = await self._zygote(version, path)
        except MlopsError as error:
            _log.warning("the environment of %s is not ready: %s", version.ref, error)
            return
        warm.users -= 1
        self._stop_idle()

    def _stop_idle(self) -> None:
        idle = [(warm.used_at, key) for key, warm in self._warm.items() if not warm.users]
        for _, key in sorted(idle)[: max(len(idle) - IDLE_ZYGOTES, 0)]:
            self._spawn(self._warm.pop(key).zygote.stop())

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("work of the local target failed", exc_info=error)


def _max_replicas() -> int:
    text = os.environ.get(REPLICAS, "").strip()
    if not text:
        return max(FEW_REPLICAS, REPLICAS_PER_CPU * (os.cpu_count() or 1))
    if text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_REPLICAS:
        return int(text[:6])
    raise InvalidRequest(
        f"{REPLICAS} is not a number of replicas.",
        reason=f"It must be a whole number from 1 to {MAX_REPLICAS}.",
        fix=f"Set {REPLICAS} to such a number, or unset it.",
        code="invalid_max_replicas",
    )


@dataclass(frozen=True)
class LocalSpawner:
    """Starts replicas of one version."""

    target: LocalTarget
    version: ModelVersion
    gpus: int

    @property
    def doing(self) -> str:
        """The build of the environment that a start waits for."""
        return self.target.building(self.version)

    async def start(self, spec: WorkerSpec, sock: socket.socket) -> Process:
        """Start one worker that speaks frames on `sock`; raise MlopsError when it cannot be."""
        return await self.target.start(self.version, spec, sock, self.gpus)
