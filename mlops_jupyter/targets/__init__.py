"""Where replicas run. ``local``: processes on this machine, forked from warm zygotes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from mlops_jupyter.serving.replica import Spawner
from mlops_jupyter.types import ModelVersion


class Target(Protocol):
    """A place where replicas can run."""

    def warm(self, version: ModelVersion, path: Path) -> None:
        """Get ready for replicas of `version`, whose artifacts are at `path`, in the background.

        What fails shows when a replica starts.
        """

    def check_replicas(self, wanted: int) -> None:
        """Refuse more replicas of one endpoint than this place can reasonably hold.

        Raises
        ------
        InvalidRequest
            `wanted` is too many; the error says how many may be asked for.
        """

    def spawner(self, version: ModelVersion, gpus: int) -> Spawner:
        """The source of replicas of `version`, each with `gpus` devices of its own.

        Raises
        ------
        Unavailable
            The target has fewer devices than one replica needs.
        """

    async def close(self) -> None:
        """Stop everything that was started here."""
