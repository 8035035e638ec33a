"""Lock files that hold across processes: whoever makes or deletes an environment has its lock."""

from __future__ import annotations

import fcntl
from typing import IO

POLL_SECONDS = 0.1
"""How often somebody who waits tries again."""

WAITING = "Waiting for another build of the same environment"
"""What somebody who waits says."""


def try_lock(file: IO[str]) -> bool:
    """Lock an open file until it is closed; False when somebody else has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
