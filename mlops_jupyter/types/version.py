"""A registered version of a model, its lineage and its environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Environment:
    """Where a model's code runs.

    Attributes
    ----------
    kind
        ``kernel`` (the interpreter that the notebook runs on) or ``locked`` (made by uv from the
        model's requirements, cached by digest).
    python
        Path of the interpreter for ``kernel``.
    digest
        SHA-256 hex over what determines the environment; equal digests share one zygote.
    """

    kind: Literal["kernel", "locked"] = "kernel"
    python: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Lineage:
    """Where a version came from. Absent facts are None, never guessed."""

    user: str | None = None
    notebook: str | None = None
    notebook_sha256: str | None = None
    cell_id: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
    git_remote: str | None = None
    environment_sha256: str | None = None
    python_version: str | None = None
    data_sha256: str | None = None
    data_rows: int | None = None
    data_columns: int | None = None


@dataclass(frozen=True)
class ModelVersion:
    """One immutable version of a model, as the hub's catalogue keeps it.

    Attributes
    ----------
    digest
        SHA-256 hex over the artifact folder (every file's path and bytes).
    path
        Local folder that holds the artifacts when the description is sent to the hub.
    signature
        MLflow's signature as its ``to_dict()`` writes it: keys inputs, outputs, params, each a JSON
        string or None.
    flavors
        The ``flavors`` mapping of the MLmodel file, JSON-compatible.
    """

    model: str
    version: int
    digest: str
    path: str
    signature: dict[str, Any] | None = None
    flavors: dict[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    lineage: Lineage = field(default_factory=Lineage)
    environment: Environment = field(default_factory=Environment)
    tracking_uri: str = ""
    run_id: str | None = None
    created_at: float = 0.0

    @property
    def ref(self) -> str:
        """``model/version``."""
        return f"{self.model}/{self.version}"
