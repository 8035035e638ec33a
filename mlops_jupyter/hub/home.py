"""The state directory: where everything that outlives a process is kept."""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlops_jupyter.types import Unavailable

SOCKET_PATH_BYTES = 100
"""Longest path of a Unix socket that every platform accepts (Linux 107, macOS 103)."""


@dataclass(frozen=True)
class Home:
    """The paths inside one state directory; see ``docs/architecture.md``."""

    root: Path

    @property
    def lock(self) -> Path:
        """Locked while a hub runs; says where."""
        return self.root / "hub.lock"

    @property
    def token(self) -> Path:
        """The local user's token."""
        return self.root / "token"

    @property
    def socket(self) -> Path | None:
        """The hub's Unix socket, or None where the path would be too long for one."""
        path = self.root / "hub.sock"
        return path if len(os.fsencode(path)) <= SOCKET_PATH_BYTES else None

    @property
    def database(self) -> Path:
        """State and ledger."""
        return self.root / "hub.db"

    @property
    def keys(self) -> Path:
        """The ledger's signing keys."""
        return self.root / "keys"

    @property
    def models(self) -> Path:
        """Artifacts by digest."""
        return self.root / "models"

    @property
    def environments(self) -> Path:
        """Locked environments by digest."""
        return self.root / "environments"

    @property
    def rebuilt(self) -> Path:
        """Environments that were made again for the repeat of a run, by digest."""
        return self.environments / "runs"

    @property
    def runs(self) -> Path:
        """A folder for each run."""
        return self.root / "runs"

    @property
    def notebooks(self) -> Path:
        """What runs execute, by digest."""
        return self.root / "notebooks"

    @property
    def logs(self) -> Path:
        """Output of the hub and the workers."""
        return self.root / "logs"

    def worker_log(self, endpoint: str, version: int) -> Path:
        """Output of the workers of one version behind one endpoint."""
        return self.logs / "workers" / f"{endpoint}-{version}.log"


def open_home(root: Path) -> Home:
    """Make the state directory and its folders with mode 0700, and prove that they can be written.

    Raises
    ------
    Unavailable
        The directory cannot be made or written, or belongs to somebody else.
    """
    home = Home(root)
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if root.stat().st_uid != os.geteuid():
            raise PermissionError("it belongs to another user")
        root.chmod(0o700)
        for folder in (
            home.keys,
            home.models,
            home.environments,
            home.runs,
            home.logs,
            home.logs / "workers",
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise Unavailable(
            f"The state directory {root} cannot be used.",
            reason=f"{error.strerror or error}.".replace("..", "."),
            fix="Make it writable for you, or set MLOPS_JUPYTER_HOME to a folder that is.",
            code="state_directory_not_writable",
        ) from error
    return home


def local_token(home: Home) -> str:
    """Return the local user's token, made on first use.

    The file appears whole or not at all and is never readable by others: it is written under
    another name with mode 0600 and linked into place.
    """
    try:
        return _private_text(home.token)
    except FileNotFoundError:
        pass
    fresh = home.root / f".token-{secrets.token_hex(8)}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        # a link does not replace what a hub that started at the same time has made
        try:
            os.link(fresh, home.token)
        except FileExistsError:
            pass
    finally:
        fresh.unlink()
    return _private_text(home.token)


def _private_text(path: Path) -> str:
    """Read a secret, closing the file's mode first if something has opened it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor) as file:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
        token = file.read().strip()
    if len(token) < 32:
        raise Unavailable(
            f"The token file {path} is damaged.",
            reason="It holds fewer than 32 characters.",
            fix="Delete it; the hub makes a new one when it starts.",
            code="token_file_damaged",
        )
    return token
