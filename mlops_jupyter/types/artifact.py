"""Files that a run keeps: their names, their bounds, and the copy by digest."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mlops_jupyter.types.errors import InvalidRequest, MlopsError, NotFound, TooLarge, Unavailable

MAX_ARTIFACT_BYTES = 1 << 30
MAX_ARTIFACTS = 1000
MAX_NAME = 200
ARTIFACTS_VARIABLE = "MLOPS_JUPYTER_ARTIFACTS"
"""Environment variable of a run's kernel: the folder that the run's artifacts are kept in."""

_PART = 1 << 20


@dataclass(frozen=True)
class Artifact:
    """A file of a run: its name there, SHA-256 hex over its bytes, and how many they are."""

    name: str
    sha256: str
    bytes: int


def check_artifact_name(name: object) -> str:
    """Return `name` if it is a relative path such as ``plots/roc.png``; raise InvalidRequest."""
    text = name if isinstance(name, str) else ""
    parts = text.split("/")
    fits = 0 < len(text) <= MAX_NAME and text.isprintable() and "\\" not in text
    if fits and not any(part in ("", ".", "..") for part in parts) and text.strip() == text:
        return text
    shown = ascii(name)
    raise InvalidRequest(
        f"{shown if len(shown) <= 40 else shown[:40] + '…'} cannot be the name of an artifact.",
        reason=f"A name is a relative path of 1 to {MAX_NAME} characters, without '..'.",
        fix="Choose a name such as 'model.pkl' or 'plots/roc.png'.",
        code="invalid_artifact",
    )


def open_artifact(path: Path) -> BinaryIO:
    """Open a file that a run is to keep; raise MlopsError where it is none."""
    try:
        # a pipe that nobody writes to must not be waited for
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"There is no file {ascii(str(path))[:200]} to keep.",
            reason="It was not written, or in another folder.",
            fix="Write it first, and give its path from the working directory.",
            code="no_such_file",
        ) from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(getattr(error, "strerror", None) or error)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _unreadable(path, "It is not a file")
    return os.fdopen(descriptor, "rb")


def keep_artifact(name: str, source: BinaryIO, target: Path | None) -> Artifact:
    """Copy `source` to `target`, and tell its digest; without a target nothing is written.

    Raises
    ------
    TooLarge
        It is over `MAX_ARTIFACT_BYTES`.
    Unavailable
        It cannot be written, as on a full disk; nothing is left of it.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with open(os.devnull if target is None else target, "wb") as copy:  # noqa: PTH123
            while part := source.read(_PART):
                size += len(part)
                if size > MAX_ARTIFACT_BYTES:
                    raise _too_large(name)
                digest.update(part)
                copy.write(part)
    except (OSError, MlopsError) as error:
        if target is not None:
            with suppress(OSError):
                target.unlink()
        if isinstance(error, MlopsError):
            raise
        raise artifact_not_kept(name, error) from None
    return Artifact(name, digest.hexdigest(), size)


def artifact_not_kept(name: str, error: OSError) -> Unavailable:
    """The error for a file that cannot be written where the run is kept."""
    return Unavailable(
        f"The artifact '{name}' cannot be kept.",
        reason=f"{error.strerror or error}.",
        fix="Make room on the disk of the hub's state directory.",
        code="artifact_not_kept",
    )


def file_name(path: str | os.PathLike[str]) -> str:
    """What the file at `path` is called where no other name is given."""
    return PurePosixPath(os.fspath(path)).name


def _unreadable(path: Path, reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"{ascii(str(path))[:200]} cannot be kept.",
        reason=f"{reason}.",
        fix="Give the path of one file that you may read; pack a folder into an archive.",
        code="invalid_artifact",
    )


def _too_large(name: str) -> TooLarge:
    return TooLarge(
        f"The artifact '{name}' is over {MAX_ARTIFACT_BYTES >> 30} GB.",
        reason="What a run keeps is copied into the hub's state directory.",
        fix="Keep a part of it, or write it elsewhere and say where with mj.fact.",
        code="artifact_too_large",
    )
