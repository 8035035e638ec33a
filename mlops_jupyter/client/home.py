"""Where a user's hub keeps its state, and whether one runs there.

A hub counts as running while the process that its lock file names is alive; pid and start time
together tell it apart from a stranger that got the same pid later. The lock itself is never
touched from here: even a shared ``flock`` for an instant could turn a starting hub away.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mlops_jupyter.types import Unavailable
from mlops_jupyter.types.home import state_home

START_TIME_TOLERANCE = 1.0
"""Seconds by which two readings of one process's start time may differ."""


@dataclass(frozen=True)
class RunningHub:
    """What a running hub says of itself: `url` for everybody, `socket` (a path) or None."""

    pid: int
    url: str
    socket: str | None = None
    version: str = ""


def home_path(home: str | Path | None = None) -> Path:
    """The state directory: `home` if given, else the user's own."""
    return Path(home).expanduser().absolute() if home else state_home()


def running_hub(home: Path) -> RunningHub | None:
    """The hub that runs in this state directory, or None.

    Raises
    ------
    Unavailable
        The state directory cannot be read.
    """
    try:
        text = (home / "hub.lock").read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(home, error) from error
    said = read_said(text)
    if said is None or not _alive(said[1], said[2]):
        return None
    return said[0]


def read_said(text: bytes) -> tuple[RunningHub, int, float] | None:
    """Read what a hub wrote about itself: (hub, pid, start time), or None when it is not whole."""
    try:
        said = json.loads(text)
        socket = said.get("socket")
        hub = RunningHub(
            pid=int(said["pid"]),
            url=str(said["url"]).rstrip("/"),
            socket=str(socket) if socket else None,
            version=str(said.get("version") or ""),
        )
        return hub, hub.pid, float(said.get("started") or 0.0)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _alive(pid: int, started: float) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(float(process.create_time()) - started) <= START_TIME_TOLERANCE
    except (psutil.Error, ValueError, OverflowError):
        return False


def read_token(home: Path) -> str:
    """The local user's token.

    Raises
    ------
    Unavailable
        The file is missing or cannot be read.
    """
    path = home / "token"
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            "The hub's token file cannot be read.",
            reason=f"{path}: {getattr(error, 'strerror', None) or 'not text'}.",
            fix="Use the account that started the hub, or restart it: mlops-jupyter hub stop.",
            code="token_unreadable",
        ) from error
    if not token.isascii() or not token.isprintable():
        raise Unavailable(
            "The hub's token file is damaged.",
            reason=f"{path} holds something other than one line of ASCII text.",
            fix="Delete it and restart the hub: mlops-jupyter hub stop.",
            code="token_unreadable",
        )
    return token


def unusable(home: Path, error: OSError) -> Unavailable:
    """The error that says that a state directory cannot be used."""
    return Unavailable(
        f"The state directory {home} cannot be used.",
        reason=f"{error.strerror or type(error).__name__}.",
        fix="Make it writable for you, or set MLOPS_JUPYTER_HOME to a folder that is.",
        code="state_directory_not_writable",
    )
