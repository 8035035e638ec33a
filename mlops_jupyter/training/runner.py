"""Starts and ends runs: what the hub calls."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mlops_jupyter.training import processes
from mlops_jupyter.training.folder import RunFolder, channels_prefix

LOST_GRACE_SECONDS = 2.0


def spawn(
    folder: RunFolder,
    secrets: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start the supervisor of a run; it goes on when this process ends.

    Parameters
    ----------
    secrets
        Values by the name of the kernel's environment variable. They go through a pipe, for
        anyone may read a command line.
    environment
        All variables of the supervisor, and so of the kernel; None for those of this process.
    """
    with folder.supervisor_log.open("ab") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-P", "-m", "mlops_jupyter.training.supervisor", str(folder.path)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
    assert supervisor.stdin is not None
    with contextlib.suppress(BrokenPipeError), supervisor.stdin as pipe:
        pipe.write(msgspec.json.encode(dict(secrets or {})))
    return supervisor


def cancel(folder: RunFolder) -> bool:
    """Ask a run to end, which takes it up to 8 s; False where nobody supervises it."""
    pid = folder.supervisor_pid()
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    return True


def clear(run_id: str) -> int:
    """End what is left of a run whose supervisor is gone; returns how many processes there were."""
    left = processes.of_run(run_id)
    processes.end_all(lambda: processes.of_run(run_id), LOST_GRACE_SECONDS)
    for path in Path(tempfile.gettempdir()).glob(f"{glob.escape(channels_prefix(run_id))}*"):
        shutil.rmtree(path, ignore_errors=True)
    return len(left)
