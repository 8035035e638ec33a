"""What a supervisor hands to its executor, on standard input."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Task:
    """One attempt.

    Attributes
    ----------
    supervisor
        Process that the executor ends with.
    channels
        Folder with a short path for the kernel's sockets.
    secrets
        Values by the name of the kernel's environment variable.
    """

    supervisor: int
    channels: str
    secrets: dict[str, str] = field(default_factory=dict)
