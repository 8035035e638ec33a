"""One hub per state directory: a locked file that says who runs and where it listens.

The lock is the kernel's (``flock``), so it goes when the process does, however it ends. The file
stays: deleting a locked file would let two processes hold "the" lock. What it says counts only
while the process that it names is alive, which (pid, start time) tells apart from a reused pid.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

import psutil

from mlops_jupyter.types import Unavailable

_POLL_SECONDS = 0.02


def started_at(pid: int) -> float | None:
    """Start time of a living process as psutil gives it, or None."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except psutil.Error:
        return None


def read_running(path: Path) -> dict[str, Any] | None:
    """What the lock file says of a hub that is alive, or None."""
    try:
        said = json.loads(path.read_bytes() or b"null")
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("pid"), int):
        return None
    started = started_at(said["pid"])
    # the clock's resolution and a changed system clock move psutil's answer by a few hundredths
    if started is None or abs(started - float(said.get("started", 0))) > 1.0:
        return None
    return said


class HubLock:
    """The held lock. `publish` what others need to find this hub; `clear` before stopping."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.ftruncate(descriptor, 0)

    def publish(self, said: dict[str, Any]) -> None:
        """Write `said` together with this process's pid and start time."""
        whole = {"pid": os.getpid(), "started": started_at(os.getpid()), **said}
        text = json.dumps(whole).encode() + b"\n"
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text, 0)

    def clear(self) -> None:
        """Say that nobody should come any more; the lock itself stays held."""
        os.ftruncate(self._descriptor, 0)

    def stands(self, path: Path) -> bool:
        """Whether `path` is still the file that is locked, and not deleted or replaced."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), path.stat())
        except OSError:
            return False

    def release(self) -> None:
        """Let the next one have it."""
        os.close(self._descriptor)


def claim(path: Path, wait_seconds: float = 30.0) -> HubLock | dict[str, Any]:
    """Take the lock, or return what the hub that holds it says.

    A hub that is starting or stopping holds the lock and says nothing yet; it is waited for.

    Raises
    ------
    Unavailable
        Somebody holds the lock and said nothing for `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return HubLock(descriptor)
        except BlockingIOError:
            os.close(descriptor)
        if running := read_running(path):
            return running
        if time.monotonic() > deadline:
            raise Unavailable(
                "Another hub holds the lock of this state directory and does not answer.",
                reason=f"It was starting or stopping for over {wait_seconds:.0f} seconds.",
                fix=f"See {path.parent / 'logs' / 'hub.log'}, end that process, and try again.",
                code="hub_locked",
            )
        time.sleep(_POLL_SECONDS)
