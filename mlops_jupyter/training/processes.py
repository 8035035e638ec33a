"""The processes of a run: all that descend from its supervisor, found, weighed and ended.

A kernel has a session of its own, and so has whatever a cell detaches. On Linux the supervisor is
made the parent of every orphan below it, so that none is lost; elsewhere, and after a supervisor
was killed, processes are known by the run's id in their environment.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

RUN_VARIABLE = "MLOPS_JUPYTER_RUN"
"""Environment variable of a run's kernel that holds the run's id."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_POLL_SECONDS = 0.02
_LINUX = sys.platform.startswith("linux")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (Linux; else nothing)."""
    if _LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Be killed when `parent` dies, and at once if it has (Linux; else nothing)."""
    if not _LINUX:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def offer_to_oom_killer() -> None:
    """When memory runs out, the system should take this process and its children first (Linux)."""
    if _LINUX:
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500")


def oom_kills() -> int | None:
    """How many processes the system has killed for lack of memory since it started."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def descendants() -> list[psutil.Process]:
    """All processes below this one that have not ended."""
    return [process for process in psutil.Process().children(recursive=True) if _lives(process)]


def of_run(run_id: str) -> list[psutil.Process]:
    """All processes of this user that carry a run's id; for a run whose supervisor is gone."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(RUN_VARIABLE) == run_id and process.pid != os.getpid():
                found.append(process)
    return found


def memory(processes: Iterable[psutil.Process], *, shared_once: bool = False) -> int:
    """Bytes of main memory that `processes` hold.

    Parameters
    ----------
    shared_once
        Count pages that several of them share once and not in each of them; slower, and only
        Linux knows.
    """
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            if shared_once and _LINUX:
                total += process.memory_full_info().pss
            else:
                total += process.memory_info().rss
    return total


def reap(but: int = 0) -> None:
    """Take note of children that have ended, so that they go; `but` is somebody else's to wait for.

    Elsewhere than on Linux nobody is adopted, and so there is nothing to do.
    """
    if not _LINUX:
        return
    with contextlib.suppress(ChildProcessError):
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or ended.si_pid == but:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)


def end_all(find: Callable[[], list[psutil.Process]], grace_seconds: float) -> None:
    """End every process that `find` finds, until it finds none.

    Each is asked once, has `grace_seconds` to follow, and is killed then; so is what it starts
    meanwhile.
    """
    left = find()
    send(left, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        reap()
        left = [process for process in left if _lives(process)]
    # more than one round, for those that were forked between the look and the kill
    for _ in range(100):
        reap()
        left = find()
        if not left:
            return
        send(left, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


def send(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to those that still live; a pid that is another process's now is left alone."""
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            process.send_signal(number)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
