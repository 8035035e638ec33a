"""Files that a run's cells name: copied by their digest into the run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_jupyter.training.masking import Mask
from mlops_jupyter.types import InvalidRequest, MlopsError, TooLarge
from mlops_jupyter.types.artifact import (
    MAX_ARTIFACTS,
    Artifact,
    artifact_not_kept,
    check_artifact_name,
    keep_artifact,
    open_artifact,
)

_NEW = ".new-"


@dataclass
class Artifacts:
    """Keeps in `folder` what cells name.

    Attributes
    ----------
    base
        Where relative paths begin.
    """

    folder: Path
    base: Path
    mask: Mask
    _named: list[Mapping[str, Any]] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def hear(self, said: Mapping[str, Any]) -> None:
        """A cell has named a file: ``{name, path}``."""
        self._named.append(said)

    def keep(self) -> tuple[list[Artifact], MlopsError | None]:
        """Copy what was named since the last time, up to the first that cannot be kept; blocks."""
        named, self._named = self._named, []
        kept: list[Artifact] = []
        try:
            # what comes before one that cannot be kept stays
            kept.extend(self._keep(said) for said in named)
        except MlopsError as error:
            return kept, error
        return kept, None

    def tidy(self) -> None:
        """Remove what was never named."""
        for left in self.folder.glob(".*"):
            left.unlink(missing_ok=True)

    def _keep(self, said: Mapping[str, Any]) -> Artifact:
        name = check_artifact_name(said.get("name"))
        if name not in self._known and len(self._known) >= MAX_ARTIFACTS:
            raise TooLarge(
                f"A run keeps at most {MAX_ARTIFACTS} artifacts.",
                fix="Pack them into an archive.",
                code="too_many_artifacts",
            )
        source = self.base / str(said.get("path") or "")
        new = self.folder / f"{_NEW}{len(self._known)}"
        try:
            with open_artifact(source) as file:
                kept = keep_artifact(name, file, new)
            if self.mask.shows_in(new):
                raise _holds_secret(name)
            new.replace(self.folder / kept.sha256)
        except OSError as error:
            raise artifact_not_kept(name, error) from None
        finally:
            new.unlink(missing_ok=True)
            # what a cell handed over was for this alone
            if source.parent == self.folder and source.name.startswith("."):
                source.unlink(missing_ok=True)
        self._known.add(name)
        return kept


def _holds_secret(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"The artifact '{name}' holds the value of a secret.",
        reason="Secrets reach the kernel's environment, and are not kept with a run.",
        fix="Leave it out of the file.",
        code="secret_in_artifact",
    )
