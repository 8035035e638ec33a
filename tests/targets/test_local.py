"""Replicas on this machine: forked from one warm zygote an environment, gone with the target."""

import asyncio
import socket
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from mlops_jupyter.serving.gpus import Gpu, GpuInventory
from mlops_jupyter.serving.pool import Pool
from mlops_jupyter.serving.worker import WorkerSpec
from mlops_jupyter.targets import local
from mlops_jupyter.targets.local import LocalTarget
from mlops_jupyter.types import Environment, InvalidRequest, Limits, Unavailable
from tests.hub.models import describe, save


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "1"
    save(folder, 1.0)
    return describe(folder, "linear", 1)


@asynccontextmanager
async def target(tmp_path, gpus=()):
    found = [Gpu(index, f"GPU-{index}", "test", 1 << 30) for index in gpus]
    target = LocalTarget(tmp_path / "environments", tmp_path / "logs", GpuInventory(lambda: found))
    try:
        yield target
    finally:
        await target.close()


def spec_of(version, tmp_path):
    return WorkerSpec(
        endpoint="churn",
        model=version.model,
        version=version.version,
        path=version.path,
        signature=version.signature,
        flavors=version.flavors,
        log_path=str(tmp_path / "logs" / "worker.log"),
    )


class Started:
    """A worker started without a pool, with our end of its socket."""

    def __init__(self, process, ours):
        self.process = process
        self.pid = process.pid
        self._ours = ours

    @classmethod
    async def of(cls, target, version, tmp_path, gpus=0):
        ours, theirs = socket.socketpair()
        try:
            spawner = target.spawner(version, gpus)
            process = await spawner.start(spec_of(version, tmp_path), theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return cls(process, ours)

    @property
    def parent(self):
        return psutil.Process(self.pid).ppid()

    async def end(self):
        """Close the socket, which is all that a worker lives for."""
        self._ours.close()
        return await self.process.wait()


def test_workers_share_a_zygote_and_end_with_their_socket(tmp_path, version):
    async def main():
        async with target(tmp_path) as here:
            other = replace(version, version=2)
            first = await Started.of(here, version, tmp_path)
            second = await Started.of(here, other, tmp_path)
            assert first.parent == second.parent != psutil.Process().pid
            assert await first.end() == 0
            assert psutil.pid_exists(second.pid)
            await second.end()

    asyncio.run(main())


def test_a_zygote_that_died_is_replaced(tmp_path, version):
    async def main():
        async with target(tmp_path) as here:
            worker = await Started.of(here, version, tmp_path)
            zygote = worker.parent
            psutil.Process(zygote).kill()
            assert await worker.process.wait() != 0
            again = await Started.of(here, version, tmp_path)
            assert again.parent != zygote
            await again.end()
            await worker.end()

    asyncio.run(main())


def test_when_the_target_closes_nothing_is_left(tmp_path, version):
    async def main():
        async with target(tmp_path) as here:
            worker = await Started.of(here, version, tmp_path)
            left = [psutil.Process(worker.pid), psutil.Process(worker.parent)]
        _, alive = psutil.wait_procs(left, timeout=10)
        assert alive == []
        with pytest.raises(Unavailable) as caught:
            await Started.of(here, version, tmp_path)
        assert caught.value.code == "stopping"

    asyncio.run(main())


def test_warming_makes_the_zygote_that_the_first_worker_uses(tmp_path, version):
    async def main():
        async with target(tmp_path) as here:
            here.warm(version, Path(version.path))
            worker = await Started.of(here, version, tmp_path)
            zygotes = psutil.Process().children()
            assert worker.parent in [one.pid for one in zygotes]
            assert len([one for one in zygotes if "zygote" in " ".join(one.cmdline())]) == 1
            await worker.end()

    asyncio.run(main())


def test_an_interpreter_that_is_gone_is_a_clear_error_of_the_start_and_not_of_the_warming(
    tmp_path, version
):
    async def main():
        gone = replace(version, environment=Environment("kernel", "/nowhere/python", "f" * 64))
        async with target(tmp_path) as here:
            here.warm(gone, Path(version.path))
            with pytest.raises(Unavailable) as caught:
                await Started.of(here, gone, tmp_path)
            assert caught.value.code == "environment_broken"

    asyncio.run(main())


def test_of_the_zygotes_that_nobody_uses_only_a_few_stay(tmp_path, version, monkeypatch):
    async def main():
        monkeypatch.setattr(local, "IDLE_ZYGOTES", 1)
        other = replace(version, environment=Environment("kernel", sys.executable, "b" * 64))
        async with target(tmp_path) as here:
            first = await Started.of(here, version, tmp_path)
            oldest = psutil.Process(first.parent)
            await first.end()
            second = await Started.of(here, other, tmp_path)
            newest = psutil.Process(second.parent)
            await second.end()
            while oldest.is_running() and oldest.status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0.01)
            assert newest.is_running()

    asyncio.run(main())


def test_gpus_are_refused_where_there_are_none(tmp_path, version):
    async def main():
        async with target(tmp_path) as here:
            with pytest.raises(Unavailable) as caught:
                here.spawner(version, 1)
            assert caught.value.code == "no_gpu"
            assert here.gpus() == []

    asyncio.run(main())


def test_each_replica_has_its_own_gpu_and_gives_it_back(tmp_path, version):
    async def main():
        async with target(tmp_path, gpus=(0, 1)) as here:
            one = await Started.of(here, version, tmp_path, gpus=1)
            two = await Started.of(here, version, tmp_path, gpus=1)
            assert [gpu["in_use"] for gpu in here.gpus()] == [True, True]
            with pytest.raises(Unavailable) as caught:
                await Started.of(here, version, tmp_path, gpus=1)
            assert caught.value.code == "gpus_in_use"
            one.process.kill()
            await one.process.wait()
            while here.gpus()[0]["in_use"]:
                await asyncio.sleep(0.01)
            three = await Started.of(here, version, tmp_path, gpus=1)
            for worker in (two, three):
                worker.process.kill()
                await worker.process.wait()

    asyncio.run(main())


def test_a_replica_that_was_sent_away_is_no_failure(tmp_path, version):
    """Going to zero and back again and again must not run into the back-off of crashes."""

    async def main():
        async with target(tmp_path) as here:
            pool = Pool(spec_of(version, tmp_path), here.spawner(version, 0), Limits())
            for _ in range(5):
                pool.scale(1)
                await pool.ready(30.0)
                (pid,) = pool.pids
                pool.scale(0)
                while psutil.pid_exists(pid) or pool.ready_count or pool.pids:
                    await asyncio.sleep(0.01)
            pool.scale(1)
            await pool.ready(2.0)
            await pool.close(0.0)

    asyncio.run(main())


@pytest.mark.parametrize(("processors", "most"), [(1, 8), (2, 8), (3, 12), (16, 64), (None, 8)])
def test_a_machine_holds_four_replicas_a_processor_and_eight_at_least(
    tmp_path, monkeypatch, processors, most
):
    monkeypatch.delenv(local.REPLICAS, raising=False)
    monkeypatch.setattr(local.os, "cpu_count", lambda: processors)
    here = LocalTarget(tmp_path, tmp_path)
    here.check_replicas(most)
    with pytest.raises(InvalidRequest) as caught:
        here.check_replicas(most + 1)
    assert caught.value.code == "too_many_replicas"
    assert f"up to {most}" in caught.value.reason
    assert local.REPLICAS in caught.value.fix


def test_the_number_of_replicas_can_be_set(tmp_path, monkeypatch):
    monkeypatch.setenv(local.REPLICAS, " 100 ")
    here = LocalTarget(tmp_path, tmp_path)
    here.check_replicas(100)
    with pytest.raises(InvalidRequest):
        here.check_replicas(101)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "1001", "9" * 5000, "٣"])
def test_a_number_of_replicas_that_is_none_is_refused(tmp_path, monkeypatch, text):
    monkeypatch.setenv(local.REPLICAS, text)
    with pytest.raises(InvalidRequest) as caught:
        LocalTarget(tmp_path, tmp_path)
    assert caught.value.code == "invalid_max_replicas"


def test_no_worker_is_started_when_memory_is_short_and_the_pool_says_so(tmp_path, version):
    async def main():
        available = [8 << 30]
        here = LocalTarget(
            tmp_path / "environments",
            tmp_path / "logs",
            GpuInventory(list),
            available_bytes=lambda: available[0],
        )
        try:
            pool = Pool(spec_of(version, tmp_path), here.spawner(version, 0), Limits())
            pool.scale(1)
            await pool.ready(30.0)
            available[0] = 299 << 20
            pool.scale(2)
            while pool.failure is None:
                await pool.settled()
            assert pool.failure.code == "not_enough_memory"
            assert "not enough memory" in pool.reason
            assert "299 MiB" in pool.reason
            assert pool.ready_count == len(pool.pids) == 1
            available[0] = 300 << 20
            while pool.ready_count < 2:
                await pool.settled()
            await pool.close(0.0)
        finally:
            await here.close()

    asyncio.run(main())
