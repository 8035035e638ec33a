"""What answers for one version behind one endpoint, as gateway and hub see it.

`Pool` does it by worker processes, a pipeline by calling other endpoints.
"""

from __future__ import annotations

from typing import Protocol

from mlops_jupyter.serving.replica import Call
from mlops_jupyter.types import MlopsError


class Backend(Protocol):
    """Takes calls and answers each once; see `Pool` for what the members mean."""

    desired: int
    concurrency: int
    failure: MlopsError | None
    setback: str

    @property
    def ready_count(self) -> int:
        """Replicas that answer."""

    @property
    def pending(self) -> int:
        """Replicas that are wanted and do not answer yet."""

    @property
    def waiting(self) -> int:
        """Calls that wait for a replica."""

    @property
    def reason(self) -> str:
        """Why replicas are pending, in words."""

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers."""

    def submit(self, call: Call) -> None:
        """Take a call; its `done` is called when it is over."""

    def count(self, change: int) -> None:
        """Note that `change` calls more (or fewer) are in hand."""

    def scale(self, desired: int) -> None:
        """Want so many replicas."""

    async def ready(self, timeout: float) -> None:
        """Wait for the first replica that answers; raise why there is none."""

    async def settled(self) -> None:
        """Wait for the next change in the number or state of replicas."""

    async def close(self, grace: float) -> None:
        """Finish the calls in hand for up to `grace` seconds, then end."""
