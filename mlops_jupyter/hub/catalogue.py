"""Registered versions and their bytes, kept by digest and never changed.

A version is its digest. Its artifacts are copied to ``models/<digest>`` when it is catalogued, so
that nothing that happens to the registry or to the notebook's folder reaches what is served. Before
every deployment the bytes are hashed again, at the source (while it exists) and in the copy.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
from dataclasses import replace
from pathlib import Path

from mlops_jupyter.hub import records
from mlops_jupyter.hub.notices import Notices
from mlops_jupyter.hub.state import State
from mlops_jupyter.types import (
    Caller,
    Conflict,
    InvalidRequest,
    ModelVersion,
    NotFound,
    Unavailable,
    check_name,
    did_you_mean,
    digest_folder,
)

_DIGEST = re.compile(r"[0-9a-f]{64}")
_INCOMING = ".incoming-"


class Catalogue:
    """The versions that the hub knows; `folder` is ``models/`` of the state directory."""

    def __init__(self, state: State, folder: Path, notices: Notices | None = None) -> None:
        self._state = state
        self._folder = folder
        self._notices = notices or Notices()
        for unfinished in folder.glob(f"{_INCOMING}*"):
            shutil.rmtree(unfinished, ignore_errors=True)

    async def add(self, version: ModelVersion, caller: Caller) -> ModelVersion:
        """Catalogue `version` with a copy of its artifacts; the same version again is no error.

        Raises
        ------
        InvalidRequest
            The description cannot be one of a version, or its artifacts cannot be read.
        Conflict
            ``version_changed``: the bytes are not those that were registered.
        Unavailable
            The artifacts cannot be copied (disk full, say).
        """
        _check_description(version)
        present = self._state.version(version.model, version.version)
        if present is not None and present.digest != version.digest:
            raise _changed(version, "Another digest is recorded for this version.")
        await asyncio.to_thread(_bring_in, version, self.path(version))
        wanted = version
        if present is not None:
            # what a version is stays as recorded; where it was found and runs may move
            wanted = replace(
                present,
                path=version.path,
                aliases=version.aliases,
                environment=version.environment,
            )
        if wanted != present:
            action = "version.register" if present is None else "version.update"
            record = records.control(
                "outcome",
                action,
                caller,
                status=200,
                model=records.model(wanted),
                **records.lineage(wanted),
            )
            self._state.save_version(wanted, record)
            self._notices.version(wanted.model)
        return wanted

    def get(self, model: str, version: int) -> ModelVersion:
        """A catalogued version; raise NotFound with what there is otherwise."""
        if found := self._state.version(model, version):
            return found
        known = self._state.versions(model)
        if known:
            numbers = ", ".join(str(one.version) for one in known[-8:])
            reason = f"The hub knows version {numbers}."
        else:
            every = {one.model for one in self._state.versions()}
            reason = did_you_mean(model, every) or "The hub knows no model yet."
        raise NotFound(
            f"There is no version {model}/{version}.",
            reason=reason,
            fix="Register it first, or name a version that exists.",
            code="unknown_version",
        )

    def path(self, version: ModelVersion) -> Path:
        """Where the hub keeps the artifacts of `version`."""
        return self._folder / version.digest

    async def check(self, version: ModelVersion) -> Path:
        """Hash the kept copy, and the source while it exists; return the copy's path.

        Raises
        ------
        Conflict
            ``version_changed``: either differs from the recorded digest.
        """
        await asyncio.to_thread(_check_bytes, version, self.path(version))
        return self.path(version)


def _check_description(version: ModelVersion) -> None:
    check_name(version.model, "model name")
    problem = ""
    if version.version < 1:
        problem = "A version is a positive whole number."
    elif not _DIGEST.fullmatch(version.digest):
        problem = "A digest is 64 lower-case hexadecimal digits."
    elif not Path(version.path).is_absolute():
        problem = "The path of the artifacts must be absolute."
    if problem:
        raise InvalidRequest(
            "The description of the version is not valid.",
            reason=problem,
            fix="Send the ModelVersion as register() returned it.",
            code="invalid_version",
        )


def _bring_in(version: ModelVersion, kept: Path) -> None:
    """Copy the artifacts to `kept`, unless they are there, and prove the digest of both."""
    if kept.exists():
        _check_bytes(version, kept)
        return
    source = Path(version.path)
    if not source.is_dir():
        raise InvalidRequest(
            f"The artifacts of {version.ref} are not there.",
            reason="The path that came with the version is not a folder that the hub can see.",
            fix="Register the model again, or fetch its artifacts first.",
            code="artifacts_missing",
        )
    incoming = kept.parent / f"{_INCOMING}{secrets.token_hex(8)}"
    try:
        _copy_folder(source, incoming)
        # the copy is hashed, not the source: what is checked is what will be served
        if _digest(version, incoming) != version.digest:
            raise _changed(version, "The bytes in its folder are not those that were registered.")
        try:
            incoming.rename(kept)
        except OSError:
            # somebody else brought in the same bytes meanwhile
            if not kept.is_dir():
                raise
    except ValueError as error:
        raise _not_plain(version, error) from error
    except OSError as error:
        raise Unavailable(
            f"The artifacts of {version.ref} could not be copied.",
            reason=f"{error.strerror or type(error).__name__}.",
            fix="Make room on the disk of the state directory, or make the artifacts readable.",
            code="artifacts_not_copied",
        ) from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _check_bytes(version: ModelVersion, kept: Path) -> None:
    if _digest(version, kept) != version.digest:
        raise _changed(
            version,
            "The hub's own copy was changed.",
            fix=f"Find out who did; then delete {kept} and deploy again from the intact source.",
        )
    source = Path(version.path)
    if source.is_dir() and _digest(version, source) != version.digest:
        raise _changed(version, "The bytes in its folder are not those that were registered.")


def _digest(version: ModelVersion, folder: Path) -> str:
    try:
        return digest_folder(folder)
    except ValueError as error:
        raise _not_plain(version, error) from error


def _copy_folder(source: Path, copy: Path) -> None:
    """Copy plain files durably and read-only; raise ValueError for anything else."""
    copy.mkdir(mode=0o700)
    for entry in sorted(source.iterdir()):
        into = copy / entry.name
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            raise ValueError(f"{entry.name} is not a plain file")
        if entry.is_dir():
            _copy_folder(entry, into)
        else:
            with entry.open("rb") as read, into.open("xb") as written:
                shutil.copyfileobj(read, written, 1024 * 1024)
                written.flush()
                os.fsync(written.fileno())
            into.chmod(0o444)
    descriptor = os.open(copy, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_plain(version: ModelVersion, error: ValueError) -> InvalidRequest:
    return InvalidRequest(
        f"The artifacts of {version.ref} cannot be taken.",
        reason=f"{error}.",
        fix="Replace links and special files by plain files, and register the model again.",
        code="artifacts_not_plain",
    )


def _changed(version: ModelVersion, reason: str, fix: str = "") -> Conflict:
    return Conflict(
        f"The artifacts of {version.ref} have changed since it was registered.",
        reason=reason,
        fix=fix or "Register the model again; that makes a new version.",
        code="version_changed",
    )
