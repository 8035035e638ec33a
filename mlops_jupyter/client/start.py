"""Starting a hub: a detached process that says through a pipe when it is ready.

The child inherits the pipe's writing end (its number is in ``MLOPS_JUPYTER_READY_FD``), writes one
JSON line and closes it: ``{"url", "socket", "pid"}`` of the hub that runs now, whether it is this
child or one that was quicker, or ``{"error": {code, message, reason, fix}}``.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

from mlops_jupyter.client.home import RunningHub, read_said, unusable
from mlops_jupyter.types import MlopsError, Unavailable, error_from_dict

READY_FD = "MLOPS_JUPYTER_READY_FD"
_LINE_LIMIT = 64 * 1024


def start_hub(home: Path, *, timeout: float = 60.0) -> RunningHub:
    """Start a hub for `home` unless one starts at the same time; return the one that runs.

    Raises
    ------
    Unavailable
        It did not become ready within `timeout` seconds, or ended; the reason has its last words.
    """
    log = _open_log(home)
    reading, writing = os.pipe()
    environment = dict(os.environ, MLOPS_JUPYTER_HOME=str(home))
    environment[READY_FD] = str(writing)
    # -P: a random.py in the notebook's folder must not end up inside the hub
    command = [sys.executable, "-P", "-m", "mlops_jupyter.hub"]
    try:
        with contextlib.closing(os.fdopen(log, "ab", closefd=True)) as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=home,
                env=environment,
                pass_fds=(writing,),
                start_new_session=True,
            )
        # a hub that ends before this process must not stay behind as a zombie
        threading.Thread(target=process.wait, name="mlops-jupyter-hub", daemon=True).start()
    except OSError as error:
        os.close(reading)
        raise unusable(home, error) from error
    finally:
        os.close(writing)
    try:
        line = _read_line(reading, timeout)
    finally:
        os.close(reading)
    return _understand(line, home, timeout)


def _open_log(home: Path) -> int:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "logs").mkdir(mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(home / "logs" / "hub.log", flags, 0o600)
    except OSError as error:
        raise unusable(home, error) from error


def _read_line(descriptor: int, timeout: float) -> bytes | None:
    """Return what came before the line's or the file's end; None when the time passed first."""
    deadline = time.monotonic() + timeout
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP)
    received = b""
    while b"\n" not in received and len(received) < _LINE_LIMIT:
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not poll.poll(remaining * 1000):
            return None
        part = os.read(descriptor, _LINE_LIMIT)
        if not part:
            break
        received += part
    return received


def _understand(line: bytes | None, home: Path, timeout: float) -> RunningHub:
    if line is None:
        raise _not_started(home, f"It was not ready within {timeout:g} s.")
    if (said := read_said(line)) is not None:
        return said[0]
    try:
        body = json.loads(line)["error"]
        error: MlopsError = error_from_dict(Unavailable.status, body)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _not_started(home, "It ended before it was ready.") from None
    raise error


def _not_started(home: Path, reason: str) -> Unavailable:
    path = home / "logs" / "hub.log"
    last = last_lines(path, 1)
    if last:
        reason += f" Its last words: {last[0][:300]}"
    return Unavailable(
        "The hub did not start.",
        reason=reason,
        fix=f"Read {path} (mlops-jupyter hub logs), then try again.",
        code="hub_not_started",
    )


def last_lines(path: Path, count: int) -> list[str]:
    """The last `count` non-empty lines among the last 64 KiB of a text file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 64 * 1024))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-count:] if count > 0 else []
