"""The log's name, its signing key, and what it signed last: kept apart from the database.

Each name has its own key file. Beside it stands the last checkpoint that was signed, so that a
database put back from an old copy is noticed before anything contradictory is signed.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from pathlib import Path

from mlops_jupyter.audit.note import Checkpoint, InvalidNote, Signer, check_origin
from mlops_jupyter.types.errors import AuditUnavailable


def new_origin() -> str:
    """A name that no other log has: ``mlops-jupyter/<host>/<random>``."""
    host = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "-" for c in _host())
    return check_origin(f"mlops-jupyter/{host}/{secrets.token_hex(6)}")


def _host() -> str:
    return socket.gethostname()[:60] or "localhost"


class Keys:
    """The key folder of one ledger, mode 0700, files 0600."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(folder, error) from None

    def load(self, origin: str) -> Signer | None:
        """The signing key of this log, or None when it is not here."""
        path = self._path(origin, "key")
        try:
            signer = Signer.parse(path.read_text())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, error) from None
        if signer.name != origin:
            raise InvalidNote("The signing key belongs to another log.", reason=f"In {path}.")
        return signer

    def create(self, origin: str) -> Signer:
        """Make the signing key of a new log; it is on disk when this returns."""
        signer = Signer(check_origin(origin), secrets.token_bytes(32))
        path = self._path(origin, "key")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(signer.to_text() + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unusable(path, error) from None
        return signer

    def last_signed(self, signer: Signer) -> Checkpoint | None:
        """The last checkpoint given out under this key, or None; damage counts as None."""
        try:
            note = self._path(signer.name, "last").read_text()
            return Checkpoint.open(note, signer.verifier)
        except (OSError, UnicodeDecodeError, InvalidNote):
            return None

    def remember(self, signer: Signer, note: str) -> None:
        """Keep the checkpoint that is about to be given out.

        Not synced: a crash of the machine can only forget, never contradict.
        """
        path = self._path(signer.name, "last")
        part = path.with_suffix(".part")
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(note)
            part.replace(path)
        except OSError as error:
            raise _unusable(path, error) from None

    def _path(self, origin: str, suffix: str) -> Path:
        short = hashlib.sha256(origin.encode()).hexdigest()[:16]
        return self._folder / f"ledger-{short}.{suffix}"


def _unusable(path: Path, error: OSError) -> AuditUnavailable:
    return AuditUnavailable(
        "The ledger's keys cannot be used.",
        reason=f"{error.strerror or type(error).__name__}: {path}.",
        fix="Make the keys folder readable and writable for the hub's user.",
    )
