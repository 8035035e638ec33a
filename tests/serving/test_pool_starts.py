"""Replicas that are sent away while they start: none is left over, however the wishes change."""

import asyncio
from contextlib import asynccontextmanager

import psutil
import pytest

from mlops_jupyter.serving.pool import Pool
from mlops_jupyter.serving.worker import WorkerSpec
from mlops_jupyter.targets.local import LocalTarget
from mlops_jupyter.types import Limits, Unavailable
from tests.hub.models import describe, save

SECONDS = 60.0


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "1"
    save(folder, 1.0)
    return describe(folder, "linear", 1)


class Gate:
    """A spawner whose starts wait until it is opened, and then start real workers."""

    def __init__(self, spawner):
        self._spawner = spawner
        self.open = asyncio.Event()
        self.waiting = 0
        self.processes = []
        self.refusal = None

    @property
    def doing(self):
        return self._spawner.doing

    async def start(self, spec, sock):
        self.waiting += 1
        await self.open.wait()
        if self.refusal is not None:
            raise self.refusal
        process = await self._spawner.start(spec, sock)
        self.processes.append(process)
        return process


@asynccontextmanager
async def gated(tmp_path, version):
    """A pool behind a gate."""
    target = LocalTarget(tmp_path / "environments", tmp_path / "logs")
    gate = Gate(target.spawner(version, 0))
    spec = WorkerSpec(
        endpoint="churn",
        model=version.model,
        version=version.version,
        path=version.path,
        signature=version.signature,
        flavors=version.flavors,
        log_path=str(tmp_path / "worker.log"),
    )
    pool = Pool(spec, gate, Limits())
    try:
        async with asyncio.timeout(SECONDS):
            yield pool, gate
    finally:
        await pool.close(0.0)
        await target.close()


async def until(true):
    while not true():
        await asyncio.sleep(0.01)


def alive(gate):
    return sum(psutil.pid_exists(process.pid) for process in gate.processes)


def test_what_is_sent_away_before_it_has_a_process_does_not_stay(tmp_path, version):
    async def main():
        async with gated(tmp_path, version) as (pool, gate):
            pool.scale(6)
            await until(lambda: gate.waiting == 6)
            pool.scale(1)
            gate.open.set()
            await until(lambda: len(gate.processes) == 6 and pool.ready_count and alive(gate) == 1)
            assert len(pool.pids) == pool.ready_count == 1
            assert pool.failure is None
            assert not pool.setback

    asyncio.run(main())


def test_wishes_that_go_up_and_down_end_at_the_last_one(tmp_path, version):
    async def main():
        async with gated(tmp_path, version) as (pool, gate):
            for wish, started in ((5, 5), (1, 5), (4, 8), (1, 8)):
                pool.scale(wish)
                await until(lambda started=started: gate.waiting == started)
            gate.open.set()
            await until(lambda: len(gate.processes) == 8 and pool.ready_count and alive(gate) == 1)
            assert len(pool.pids) == 1

    asyncio.run(main())


def test_what_is_sent_away_in_the_turn_in_which_it_is_wanted_never_starts(tmp_path, version):
    async def main():
        async with gated(tmp_path, version) as (pool, gate):
            gate.open.set()
            pool.scale(50)
            pool.scale(1)
            await pool.ready()
            assert gate.waiting == 1

    asyncio.run(main())


def test_to_want_the_same_again_mends_a_number_that_went_astray(tmp_path, version):
    async def main():
        async with gated(tmp_path, version) as (pool, gate):
            gate.open.set()
            pool.scale(3)
            await until(lambda: pool.ready_count == 3)
            pool.desired = 1
            pool.scale(1)
            await until(lambda: alive(gate) == 1)
            assert pool.ready_count == 1

    asyncio.run(main())


def test_a_worker_that_died_is_a_setback_until_another_answers(tmp_path, version):
    async def main():
        async with gated(tmp_path, version) as (pool, gate):
            gate.open.set()
            pool.scale(2)
            await until(lambda: pool.ready_count == 2)
            assert not pool.setback
            gate.open.clear()
            gate.processes[0].kill()
            await until(lambda: pool.ready_count == 1)
            assert "SIGKILL" in pool.reason
            gate.open.set()
            await until(lambda: pool.ready_count == 2)
            assert not pool.setback
            assert not pool.reason

    asyncio.run(main())


def test_a_start_that_fails_is_a_setback_with_its_reason(tmp_path, version):
    async def main():
        async with gated(tmp_path, version) as (pool, gate):
            gate.open.set()
            pool.scale(1)
            await pool.ready()
            gate.refusal = Unavailable("There is not enough memory.", code="not_enough_memory")
            pool.scale(2)
            await until(lambda: pool.setback)
            assert "not enough memory" in pool.reason
            assert pool.ready_count == 1
            pool.scale(1)
            assert not pool.setback

    asyncio.run(main())
