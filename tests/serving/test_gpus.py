"""The machine's GPUs and who has which; the bookkeeping is tested on made-up devices."""

from __future__ import annotations

import pytest

from mlops_jupyter.serving.gpus import Gpu, GpuInventory, inventory
from mlops_jupyter.types import Unavailable


def devices(count: int) -> GpuInventory:
    found = [Gpu(index, f"GPU-{index}", "Test 1000", 16 << 30) for index in range(count)]
    return GpuInventory(lambda: found)


def test_a_machine_without_a_driver_has_no_gpus() -> None:
    pynvml = pytest.importorskip("pynvml")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        assert inventory() == ()
    else:
        assert all(gpu.memory_bytes > 0 and gpu.uuid for gpu in inventory())


def test_asking_for_a_gpu_where_there_is_none_is_refused_in_plain_words() -> None:
    with pytest.raises(Unavailable) as caught:
        devices(0).check(1)
    assert caught.value.message == "--gpu 1 was asked; this machine has no NVIDIA GPU."
    assert caught.value.fix
    assert caught.value.code == "no_gpu"


def test_asking_for_more_than_there_are_says_how_many_there_are() -> None:
    with pytest.raises(Unavailable, match="--gpu 3 was asked; this machine has 2 NVIDIA GPUs"):
        devices(2).claim(3)


def test_asking_for_none_is_fine_everywhere() -> None:
    devices(0).check(0)
    assert devices(0).claim(0) == ()


def test_two_replicas_never_share_a_device() -> None:
    gpus = devices(4)
    first, second = gpus.claim(2), gpus.claim(2)
    assert sorted(first + second) == [0, 1, 2, 3]
    with pytest.raises(Unavailable) as caught:
        gpus.claim(1)
    assert caught.value.code == "gpus_in_use"
    assert "0 of 4 are free" in caught.value.message


def test_a_refused_claim_takes_nothing() -> None:
    gpus = devices(3)
    gpus.claim(2)
    with pytest.raises(Unavailable):
        gpus.claim(2)
    assert gpus.claim(1) == (2,)


def test_released_devices_can_be_claimed_again() -> None:
    gpus = devices(1)
    gpus.release(gpus.claim(1))
    gpus.release((0, 99))
    assert gpus.claim(1) == (0,)


def test_the_driver_is_asked_once_and_not_before_it_must_be() -> None:
    asked = []

    def find() -> list[Gpu]:
        asked.append(1)
        return []

    gpus = GpuInventory(find)
    assert asked == []
    assert gpus.gpus == gpus.free == ()
    assert asked == [1]


def test_a_description_says_which_are_in_use() -> None:
    gpus = devices(2)
    gpus.claim(1)
    described = gpus.describe()
    assert [one["in_use"] for one in described] == [True, False]
    assert described[0]["name"] == "Test 1000"
