"""A run that has not ended, and what its processes say of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlops_jupyter.training.folder import RunFolder
from mlops_jupyter.training.progress import advance
from mlops_jupyter.training.runner import cancel
from mlops_jupyter.types import RunStatus


@dataclass(eq=False)
class LiveRun:
    """A run that has not ended.

    Attributes
    ----------
    values
        Secrets by name, from whoever submitted the run; kept in memory only.
    cancelled_by
        Who asked for its end.
    facts, known
        Finds out what the run is made of, beside it; what was found.
    ended
        How it ended, where that waits for its facts or its last processes.
    cleared
        Ends what a supervisor that is gone has left.
    """

    status: RunStatus
    folder: RunFolder
    values: Mapping[str, str] = field(default_factory=dict)
    offset: int = 0
    process: Any = None
    gpus: tuple[int, ...] = ()
    cancelled_by: str = ""
    facts: asyncio.Task[None] | None = None
    known: dict[str, Any] = field(default_factory=dict)
    ended: RunStatus | None = None
    cleared: asyncio.Task[None] | None = None
    told_to_end: bool = False
    waits_because: str = ""
    tried_at: float = 0.0
    starting: bool = False

    @property
    def described(self) -> RunStatus:
        """The run as it is shown, with the reason why it waits."""
        if self.status.state == "queued" and self.waits_because:
            return replace(self.status, reason=self.waits_because)
        return self.status

    def devices(self) -> tuple[int, ...]:
        """The GPUs that it was started with, as its folder tells the hub after."""
        try:
            said = self.folder.environment().get("CUDA_VISIBLE_DEVICES", "")
        except OSError:
            return ()
        return tuple(int(one) for one in said.split(",") if one.isdecimal())

    def look(self) -> RunStatus:
        """The run after what its processes have said since the last look."""
        if self.process is not None:
            self.process.poll()
        gone = not self._supervised()
        status = self.status
        while True:
            events, self.offset = self.folder.events(self.offset)
            for event in events:
                status = advance(status, event)
            # what it said last must be read before it is judged
            if not events or not gone:
                break
        if gone and not status.ended:
            status = self._without_supervisor(status)
        if status.state == "cancelled" and self.cancelled_by:
            status = replace(status, reason=f"Cancelled by {self.cancelled_by}.")
        return status

    def terminate(self) -> None:
        """Ask the supervisor, once, to end the run."""
        # one that has said nothing yet does not listen yet either
        if self.offset and not self.told_to_end:
            self.told_to_end = cancel(self.folder)

    def _supervised(self) -> bool:
        if self.folder.supervisor_pid() is not None:
            return True
        # one that was started just now has not said yet who it is
        return self.process is not None and self.process.returncode is None

    def _without_supervisor(self, status: RunStatus) -> RunStatus:
        """The end of a run whose supervisor is gone and whose events do not tell of it."""
        result = self.folder.result()
        if result is not None:
            status = advance(status, {**result, "event": "end", "t": time.time()})
            if status.ended:
                return status
        code = getattr(self.process, "returncode", None)
        how = f" It was ended by signal {-code}." if code is not None and code < 0 else ""
        return replace(
            status,
            state="lost",
            code="supervisor_died",
            reason=f"The process that watched the run is gone, without a verdict.{how}",
            ended_at=time.time(),
        )
