"""What can go wrong between a worker's program and who asks it."""

from __future__ import annotations

import signal


class ProgramError(Exception):
    """The program answered with an error; `error_class` is its own word for it."""

    fix = "Look at the worker's log, and try the program: mlops-jupyter worker test FOLDER."

    def __init__(self, message: str, error_class: str = "WorkerError") -> None:
        super().__init__(message)
        self.error_class = error_class


class BadAnswer(ProgramError):
    """What the program answered breaks the protocol; the message says how, in one sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "BadAnswer")


class NotReady(Exception):
    """The program did not become ready; the message says why, with its last words."""

    fix = ProgramError.fix


class ProgramEnded(Exception):
    """The program ended; `status` as ``subprocess`` counts (negative: by that signal)."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The program {how_it_ended(status)}.")
        self.status = status


def how_it_ended(status: int) -> str:
    """A process's end in words."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
