"""A run's folder: what was asked for, what happens, and how it ended.

Whoever starts the run makes it; its supervisor and executor fill it; anyone may read on.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlops_jupyter.types import RunSpec

MAX_READ_BYTES = 1 << 20
"""Most of the events that are read at once."""
MAX_EVENT_BYTES = 1 << 18
"""A longer event is not written, so that a reader always gets on."""

_BALLAST_BYTES = 1 << 17


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path` as a whole or not at all; raises `OSError`."""
    new = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}")
    try:
        # not a file of `tempfile`, whose mode is its owner's alone
        with new.open("xb") as file:
            file.write(content)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def channels_prefix(run_id: str) -> str:
    """How the name of a run's temporary folder begins, where its kernel's sockets are."""
    return f"mj-run-{run_id[:40]}."


class RunFolder:
    """The files of one run below `path`, which exists."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.input = path / "input.ipynb"
        self.output = path / "output.ipynb"
        self.html = path / "output.html"
        self.events_file = path / "events.jsonl"
        self.stdout = path / "stdout.log"
        self.stderr = path / "stderr.log"
        self.executor_log = path / "executor.log"
        self.supervisor_log = path / "supervisor.log"
        self.result_file = path / "result.json"
        self.artifacts = path / "artifacts"
        self.supervisor_file = path / "supervisor.json"
        self._spec = path / "spec.json"
        self._environment = path / "environment.json"
        self._ballast = path / "ballast"

    @classmethod
    def make(
        cls,
        root: Path,
        run_id: str,
        spec: RunSpec,
        notebook: bytes,
        environment: Mapping[str, str] | None = None,
    ) -> RunFolder:
        """Make the folder of a new run; raises `FileExistsError` for a known `run_id`.

        Parameters
        ----------
        root
            Folder of all runs; made where it is missing.
        notebook
            The bytes that are executed, whatever becomes of the file they came from.
        environment
            What the kernel gets besides `RunSpec.environment`; for addresses, not for secrets.
        """
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = cls(root / run_id)
        folder.path.mkdir(mode=0o700)
        folder.artifacts.mkdir(mode=0o700)
        folder.input.write_bytes(notebook)
        folder.input.chmod(0o400)
        folder._environment.write_bytes(msgspec.json.encode(dict(environment or {})))
        # the standard library's JSON, because a parameter may be NaN or infinite
        folder._spec.write_text(json.dumps(msgspec.to_builtins(spec)))
        return folder

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    def spec(self) -> RunSpec:
        """What was asked for."""
        return msgspec.convert(json.loads(self._spec.read_bytes()), RunSpec)

    def environment(self) -> dict[str, str]:
        """What the kernel gets besides the spec's own variables."""
        return msgspec.json.decode(self._environment.read_bytes(), type=dict[str, str])

    def append(self, line: bytes) -> None:
        """Add one event, already a line of JSON without its end; raises `OSError`."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.events_file, flags, 0o600)
        try:
            os.write(descriptor, line + b"\n")
        finally:
            os.close(descriptor)

    def events(self, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """Events from a byte offset on, and the offset to read on from.

        A last line that is not whole yet is left for the next time; so is what goes beyond
        `MAX_READ_BYTES`. A line that is no JSON object is passed over.
        """
        try:
            with self.events_file.open("rb") as file:
                file.seek(offset)
                read = file.read(MAX_READ_BYTES)
        except FileNotFoundError:
            return [], offset
        whole = read[: read.rfind(b"\n") + 1]
        events = (_decoded(line) for line in whole.splitlines())
        return [event for event in events if event is not None], offset + len(whole)

    def result(self) -> dict[str, Any] | None:
        """The supervisor's verdict; None before the end."""
        try:
            return _decoded(self.result_file.read_bytes())
        except FileNotFoundError:
            return None

    def hold_ballast(self) -> None:
        """Take up room that `write_result` can use when the disk is full."""
        try:
            self._ballast.write_bytes(bytes(_BALLAST_BYTES))
        except OSError:
            self._ballast.unlink(missing_ok=True)

    def drop_ballast(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)

    def claim(self, pid: int, started: float) -> int:
        """Say who supervises, and hold the lock that says so for as long as that process lives.

        Returns the descriptor that holds the lock.
        """
        new = self.supervisor_file.with_suffix(".new")
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, msgspec.json.encode({"pid": pid, "started": started}))
        # nobody sees the file before it is locked
        new.replace(self.supervisor_file)
        return descriptor

    def supervisor_pid(self) -> int | None:
        """Process that supervises the run; None where there is none (any more).

        A lock answers, because a pid can be another process's by now, and the start time of a
        process moves when the clock is set.
        """
        try:
            descriptor = os.open(self.supervisor_file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            said = _decoded(os.read(descriptor, 4096)) or {}
            return int(said["pid"])
        finally:
            os.close(descriptor)
        return None


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        decoded = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return decoded if isinstance(decoded, dict) else None
