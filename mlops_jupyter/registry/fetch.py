"""From MLflow's description of a version to ours, with the artifacts on this machine."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_jupyter.registry import distributions
from mlops_jupyter.registry.artifact import Artifact
from mlops_jupyter.registry.lineage import TAG_PREFIX, from_tags
from mlops_jupyter.registry.store import Store, working_folder
from mlops_jupyter.types import (
    Conflict,
    Environment,
    InvalidInput,
    MlopsError,
    ModelVersion,
    Unavailable,
    digest_folder,
)


def complete(store: Store, version: Any) -> ModelVersion:
    """Bring the artifacts here, prove their digest, and read their description."""
    recorded_digest = (version.tags or {}).get(TAG_PREFIX + "digest")
    location = store.call("get_model_version_download_uri", version.name, str(version.version))
    folder = _local(location)
    if folder is None:
        folder = _kept(recorded_digest) or _download(store, version, location, recorded_digest)
    digest = _digest(version, folder)
    if recorded_digest and digest != recorded_digest:
        raise Conflict(
            f"The artifacts of {version.name}/{version.version} have changed since it was "
            "registered.",
            reason="The SHA-256 over its files differs from the one that was recorded.",
            fix="Find out who changed the files, and register the model again; "
            "that makes a new version.",
            code="version_changed",
        )
    return described(store, version, (folder, digest))


def recorded(store: Store, version: Any) -> ModelVersion:
    """The version as the registry describes it; its path is empty, its artifacts not looked at."""
    tags = version.tags or {}
    return ModelVersion(
        model=version.name,
        version=int(version.version),
        digest=tags.get(TAG_PREFIX + "digest", ""),
        path="",
        aliases=tuple(sorted(version.aliases or ())),
        lineage=from_tags(tags),
        environment=_environment(tags),
        tracking_uri=store.shown,
        run_id=version.run_id or None,
        created_at=(version.creation_timestamp or 0) / 1000,
    )


def described(store: Store, version: Any, here: tuple[Path, str]) -> ModelVersion:
    """The version with signature and flavours from the MLmodel file in the folder `here`."""
    from dataclasses import replace

    from mlflow.models import Model

    folder, digest = here
    try:
        description = Model.load(str(folder))
    except Exception as error:
        raise InvalidInput(
            f"{version.name}/{version.version} is not an MLflow model.",
            reason="Its MLmodel file is missing or cannot be read.",
            fix="Register the model again.",
            code="not_a_model",
        ) from error
    signature = description.signature
    return replace(
        recorded(store, version),
        digest=digest,
        path=str(folder),
        signature=signature.to_dict() if signature is not None else None,
        flavors=json.loads(json.dumps(description.flavors, default=str)),
    )


def bring_here(
    store: Store, version: Any, location: str, saved: Artifact, digest: str
) -> tuple[Path, str]:
    """Where the artifacts of a version just written can be read on this machine."""
    folder = _local(location)
    if folder is None:
        folder = _keep(saved.folder, digest)
    return folder, digest


def _environment(tags: Mapping[str, str]) -> Environment:
    """The recorded environment; the digest of this interpreter's own is taken anew."""
    try:
        said = json.loads(tags[TAG_PREFIX + "environment"])
        environment = Environment(said["kind"], str(said["python"]), str(said["digest"]))
    except (KeyError, ValueError, TypeError):
        environment = Environment()
    if environment.kind == "locked":
        return environment
    elsewhere = environment.python and environment.python != sys.executable
    if elsewhere and os.access(environment.python, os.X_OK):
        return environment
    digest = distributions.environment_digest(
        sys.executable, platform.python_version(), distributions.freeze()
    )
    return Environment("kernel", sys.executable, digest)


def _local(location: str) -> Path | None:
    """The folder that a location names, if it is one on this machine."""
    from mlflow.utils.file_utils import local_file_uri_to_path

    if "://" in location and not location.startswith("file:"):
        return None
    if location.partition(":")[0] in ("models", "runs", "mlflow-artifacts", "dbfs"):
        return None
    folder = Path(local_file_uri_to_path(location)).absolute() if location else None
    return folder if folder is not None and folder.is_dir() else None


def _folder() -> Path:
    folder = working_folder() / "downloads"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _kept(digest: str | None) -> Path | None:
    """An earlier download of the same bytes."""
    folder = _folder() / digest if digest else None
    return folder if folder is not None and folder.is_dir() else None


def _keep(source: Path, digest: str) -> Path:
    """Copy `source` to where downloads are kept; whole or not at all."""
    kept = _folder() / digest
    if kept.is_dir():
        return kept
    fresh = Path(tempfile.mkdtemp(prefix=".fresh-", dir=kept.parent))
    try:
        shutil.copytree(source, fresh / "model")
        try:
            (fresh / "model").rename(kept)
        except OSError:
            # another process brought the same bytes meanwhile
            if not kept.is_dir():
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return kept


def _download(store: Store, version: Any, location: str, digest: str | None) -> Path:
    import mlflow.artifacts

    with tempfile.TemporaryDirectory(prefix=".download-", dir=_folder()) as temporary:
        try:
            found = store.attempt(
                lambda: mlflow.artifacts.download_artifacts(
                    artifact_uri=location, dst_path=temporary, tracking_uri=store.tracking_uri
                )
            )
        except MlopsError as error:
            raise Unavailable(
                f"The artifacts of {version.name}/{version.version} cannot be fetched.",
                reason=error.reason or error.message,
                fix="Check that the artifact store can be reached from here; a server that keeps "
                "artifacts on its own disk must be started with --serve-artifacts.",
                code="artifacts_unavailable",
            ) from error
        folder = Path(found)
        (folder / "registered_model_meta").unlink(missing_ok=True)
        return _keep(folder, digest or digest_folder(folder))


def _digest(version: Any, folder: Path) -> str:
    try:
        return digest_folder(folder)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"The artifacts of {version.name}/{version.version} cannot be taken.",
            reason=f"{getattr(error, 'strerror', None) or error}.",
            fix="Replace links and special files by plain files, and register the model again.",
            code="artifacts_not_plain",
        ) from error
