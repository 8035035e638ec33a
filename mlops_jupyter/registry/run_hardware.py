"""The machine that a run has: processor, memory, limits, GPUs, system, container."""

from __future__ import annotations

import os
import platform
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_UNLIMITED = 1 << 62
_IMAGES = ("MLOPS_JUPYTER_IMAGE", "JUPYTER_IMAGE_SPEC", "JUPYTER_IMAGE", "CONTAINER_IMAGE")
"""Variables by which whoever started a container says of what; JupyterHub sets the second."""


def hardware(root: Path = Path("/")) -> dict[str, Any]:
    """Processor, memory in bytes, limits of the control group, and GPUs.

    Parameters
    ----------
    root
        Where ``proc`` and ``sys`` are.
    """
    import psutil

    return {
        "host": socket.gethostname(),
        "machine": platform.machine(),
        "cpu": _cpu_model(root),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_bytes": int(psutil.virtual_memory().total),
        "limits": limits(root),
        "gpus": _gpus(),
    }


def system() -> dict[str, Any]:
    """Operating system and kernel."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = ""
    return {"name": name or platform.system(), "kernel": platform.release()}


def limits(root: Path = Path("/")) -> dict[str, float]:
    """The control group's bounds, as far as there are any: ``cpus`` and ``memory_bytes``."""
    found: dict[str, float] = {}
    for controller, folder in _groups(root):
        if controller in ("", "memory"):
            for name in ("memory.max", "memory.limit_in_bytes"):
                bound = _numbers(folder / name)
                if bound and bound[0] < _UNLIMITED:
                    found["memory_bytes"] = min(bound[0], found.get("memory_bytes", bound[0]))
        if controller in ("", "cpu"):
            quota = _numbers(folder / "cpu.max")
            if len(quota) < 2:
                quota = [
                    *_numbers(folder / "cpu.cfs_quota_us"),
                    *_numbers(folder / "cpu.cfs_period_us"),
                ]
            if len(quota) == 2 and quota[0] > 0 and quota[1] > 0:
                cpus = round(quota[0] / quota[1], 3)
                found["cpus"] = min(cpus, found.get("cpus", cpus))
    return found


def _groups(root: Path) -> list[tuple[str, Path]]:
    """Folders of this process's control groups, with those above them, by controller."""
    found = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        for controller in names.split(",") if names else [""]:
            mount = root / "sys/fs/cgroup" / controller
            inner = Path(path.lstrip("/"))
            found += [(controller, mount / part) for part in (inner, *inner.parents)]
    return found


def _numbers(path: Path) -> list[float]:
    """The numbers in a file; none where it is not there or says ``max``."""
    return [float(word) for word in _text(path).split() if re.fullmatch(r"-?\d+", word)]


def _cpu_model(root: Path) -> str:
    found = re.search(
        r"^(?:model name|Model|cpu model)\s*:\s*(.+)$", _text(root / "proc/cpuinfo"), re.MULTILINE
    )
    return found[1].strip() if found else platform.processor()


def _gpus() -> list[dict[str, Any]]:
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:
        # no library, or no driver: there is no GPU that could be used
        return []
    try:
        driver = str(pynvml.nvmlSystemGetDriverVersion())
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return [
            {
                "name": str(pynvml.nvmlDeviceGetName(handle)),
                "uuid": str(pynvml.nvmlDeviceGetUUID(handle)),
                "memory_bytes": int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
                "driver": driver,
            }
            for handle in handles
        ]
    except pynvml.NVMLError:
        return []
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def container(
    root: Path = Path("/"), environ: Mapping[str, str] = os.environ
) -> dict[str, Any] | None:
    """The container that this process is in; None outside of one.

    A process cannot see its image's digest. It is recorded where whoever started the container
    says it: podman in ``/run/.containerenv``, anybody by a variable such as
    ``MLOPS_JUPYTER_IMAGE=name@sha256:…``.
    """
    podman = _text(root / "run/.containerenv")
    kind = (
        "kubernetes"
        if environ.get("KUBERNETES_SERVICE_HOST")
        else "podman"
        if podman or (root / "run/.containerenv").exists()
        else "docker"
        if (root / ".dockerenv").exists()
        else environ.get("container", "")
    )
    if not kind:
        return None
    said = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', podman, re.MULTILINE))
    image = next((environ[name] for name in _IMAGES if environ.get(name)), said.get("image"))
    digest = re.search(r"sha256:[0-9a-f]{64}", image or "")
    own = re.search(
        r"(?:docker|containerd|crio|libpod|pods)[^\n]*?([0-9a-f]{64})",
        _text(root / "proc/self/cgroup") + _text(root / "proc/self/mountinfo"),
    )
    return {
        "kind": kind,
        "image": image,
        "image_digest": digest[0] if digest else None,
        "id": said.get("id") or (own[1] if own else None),
    }


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
