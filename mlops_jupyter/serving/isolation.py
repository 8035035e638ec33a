"""What keeps a worker apart: a bare environment, its own session, limits, no other descriptors.

A worker runs the code of whoever trained the model. It runs as the same user, so this is no jail;
it is what keeps secrets out of the process, and accidents (a fork, a flood of output, memory
without end) from reaching the hub.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import os
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

_ALLOWED = frozenset(
    {
        "CONDA_DEFAULT_ENV",
        "CONDA_PREFIX",
        "CUDA_HOME",
        "CUDA_PATH",
        "CURL_CA_BUNDLE",
        "DYLD_FALLBACK_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "HF_HOME",
        "HOME",
        "LANG",
        "LANGUAGE",
        "LD_LIBRARY_PATH",
        "LOGNAME",
        # which of its kernels a numeric library takes decides the last digits of an answer
        "MKL_CBWR",
        "NPY_DISABLE_CPU_FEATURES",
        "ONEDNN_MAX_CPU_ISA",
        "OPENBLAS_CORETYPE",
        "OPENBLAS_L2_SIZE",
        "PATH",
        "PYTHONHASHSEED",
        "PYTHONPATH",
        "PYTHONUTF8",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "SYSTEMROOT",
        "TEMP",
        "TF_ENABLE_ONEDNN_OPTS",
        "TMP",
        "TMPDIR",
        "TORCH_HOME",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
        "XDG_CACHE_HOME",
    }
)
"""Variables that a worker may inherit; also ``LC_*`` and ``NVIDIA_*``. All others stay behind."""

_SET = {
    # a forked worker is one core's worth of work; threads of BLAS or OpenMP do not survive a fork
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # telemetry starts threads, and a worker has nobody to tell
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # else MLflow quotes the caller's whole data in its errors
    "MLFLOW_DISABLE_SCHEMA_DETAILS": "true",
    # the bytes are bound to the digest that was registered, and this process is what contains them
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",
    # the folder that it is started in must not shadow modules
    "PYTHONSAFEPATH": "1",
    "PYTHONUNBUFFERED": "1",
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    "CUDA_VISIBLE_DEVICES": "",
    "CUDA_MODULE_LOADING": "LAZY",
}

_PR_SET_PDEATHSIG = 1


def environment(inherited: Mapping[str, str], gpus: tuple[int, ...] = ()) -> dict[str, str]:
    """The environment of a zygote or worker: what is on the list, and our own settings."""
    allowed = {
        name: value
        for name, value in inherited.items()
        if name in _ALLOWED or name.startswith(("LC_", "NVIDIA_"))
    }
    return {**allowed, **_SET, "CUDA_VISIBLE_DEVICES": ",".join(map(str, gpus))}


def die_with_parent(parent: int) -> None:
    """Be killed when `parent` dies, and at once if that has happened (Linux; else nothing)."""
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def end_group_with_parent() -> None:
    """Take the whole process group along when the parent dies (Linux; else nothing).

    `die_with_parent` kills this process alone; this is for one that has started others.
    """
    if not sys.platform.startswith("linux"):
        return
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def enter(memory_bytes: int | None, keep: tuple[int, ...], parent: int | None = None) -> None:
    """Confine this process for the rest of its life.

    Parameters
    ----------
    memory_bytes
        Growth of private memory that is allowed from here on.
    keep
        Descriptors to keep besides 0, 1 and 2; all others are closed.
    parent
        The process to die with.
    """
    with contextlib.suppress(PermissionError):
        os.setsid()  # already a leader when it was started as one
    if parent is not None:
        die_with_parent(parent)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    _close_all_but({0, 1, 2, *keep})
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes is not None:
        _limit_memory(memory_bytes)
    with contextlib.suppress(OSError):
        # when memory runs out, the kernel should take a worker and not the hub
        Path("/proc/self/oom_score_adj").write_text("500")
    faulthandler.enable()


def leave(status: int) -> NoReturn:
    """End the process without running what an imported library left for the end."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status)


def forget_parent() -> None:
    """After a fork: garbage collection on, random numbers of one's own, signals as they were."""
    gc.enable()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def _close_all_but(keep: set[int]) -> None:
    listing = Path("/proc/self/fd" if sys.platform.startswith("linux") else "/dev/fd")
    for descriptor in [int(path.name) for path in listing.iterdir()]:
        if descriptor not in keep:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _limit_memory(growth: int) -> None:
    """Bound the data segment: unlike RLIMIT_AS it does not count mapped files and shared code."""
    used = _data_bytes()
    kind = resource.RLIMIT_DATA if used is not None else resource.RLIMIT_AS
    _, hard = resource.getrlimit(kind)
    wanted = (used or 0) + growth
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (limit, limit))


def _data_bytes() -> int | None:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    lines = (line for line in status.splitlines() if line.startswith("VmData:"))
    return next((int(line.split()[1]) * 1024 for line in lines), None)
