"""The GPUs of this machine, and which replica has which.

Devices are found through NVIDIA's management library (``nvidia-ml-py``); indices are in the order
of the PCI bus, as workers see them with ``CUDA_DEVICE_ORDER=PCI_BUS_ID``. A replica gets whole
devices of its own; nothing is shared.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mlops_jupyter.types import Unavailable


@dataclass(frozen=True)
class Gpu:
    """One device: index on the PCI bus, NVIDIA's UUID, name, bytes of memory."""

    index: int
    uuid: str
    name: str
    memory_bytes: int


def inventory() -> tuple[Gpu, ...]:
    """The machine's NVIDIA devices; empty without a driver. Blocks for some milliseconds."""
    try:
        import pynvml
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        return tuple(_read(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


def _read(pynvml: Any, index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    uuid, name = pynvml.nvmlDeviceGetUUID(handle), pynvml.nvmlDeviceGetName(handle)
    memory = int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    return Gpu(index, str(uuid), str(name), memory)


class GpuInventory:
    """Hands out devices. Safe to use from several threads; the driver is asked once.

    Parameters
    ----------
    find
        What finds the devices.
    """

    def __init__(self, find: Callable[[], Sequence[Gpu]] = inventory) -> None:
        self._find = find
        self._lock = threading.Lock()
        self._found: tuple[Gpu, ...] | None = None
        self._claimed: set[int] = set()

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """All devices of the machine."""
        with self._lock:
            if self._found is None:
                self._found = tuple(self._find())
            return self._found

    @property
    def free(self) -> tuple[Gpu, ...]:
        """Devices that no replica has."""
        return tuple(gpu for gpu in self.gpus if gpu.index not in self._claimed)

    def check(self, count: int) -> None:
        """Raise Unavailable (``no_gpu``) when the machine has fewer than `count` devices at all."""
        have = len(self.gpus)
        if count <= have:
            return
        raise Unavailable(
            f"--gpu {count} was asked; this machine has "
            + (f"{have} NVIDIA GPU{'s' if have > 1 else ''}." if have else "no NVIDIA GPU."),
            reason="" if have else "NVIDIA's driver is not there, or shows no device.",
            fix="Deploy with a smaller --gpu, or on a target that has them."
            if have
            else "Deploy without --gpu, or on a target that has GPUs.",
            code="no_gpu",
        )

    def claim(self, count: int) -> tuple[int, ...]:
        """Take `count` free devices; give their indices back with `release`.

        Raises
        ------
        Unavailable
            The machine has fewer at all (``no_gpu``), or too few are free (``gpus_in_use``).
        """
        self.check(count)
        with self._lock:
            free = [gpu.index for gpu in self._found or () if gpu.index not in self._claimed]
            if len(free) < count:
                raise Unavailable(
                    f"{count} GPU{'s are' if count > 1 else ' is'} needed; {len(free)} of "
                    f"{len(self._found or ())} {'is' if len(free) == 1 else 'are'} free.",
                    reason="Each replica has its devices to itself.",
                    fix="Scale down or undeploy an endpoint that has GPUs.",
                    code="gpus_in_use",
                )
            taken = tuple(free[:count])
            self._claimed.update(taken)
            return taken

    def reclaim(self, indices: Iterable[int]) -> tuple[int, ...]:
        """Take the very devices that something has which an earlier hub had started."""
        taken = tuple(indices)
        with self._lock:
            self._claimed.update(taken)
        return taken

    def release(self, indices: Iterable[int]) -> None:
        """Give devices back; what was not claimed is ignored."""
        with self._lock:
            self._claimed.difference_update(indices)

    def describe(self) -> list[dict[str, Any]]:
        """Every device as JSON values, with ``in_use``."""
        return [{**asdict(gpu), "in_use": gpu.index in self._claimed} for gpu in self.gpus]
