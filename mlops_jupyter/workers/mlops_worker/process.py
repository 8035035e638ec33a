"""A worker's program as a process: started without a shell, its output in the log, ended whole."""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from .errors import NotReady, how_it_ended
from .manifest import Manifest, make_executable, surroundings

STOP_SECONDS = 0.5
"""How long a program may take to end once its standard input is closed."""

_LOG_SECONDS = 0.2
"""How long to wait for the end of its log, which a child of its own may hold open."""

_LAST_LINES = 6
_LINE = 300


class Process:
    """The process of a program, and the last lines that it wrote to its log.

    Parameters
    ----------
    only_log
        Whether its standard output is log too.
    own_group
        Whether it leads a process group that ends with it. False where whoever started this
        process ends its whole group (the hub's workers).
    before
        Called in the new process before the program.
    """

    def __init__(
        self,
        manifest: Manifest,
        folder: Path,
        *,
        inherited: Mapping[str, str],
        only_log: bool,
        own_group: bool,
        before: Callable[[], None] | None = None,
    ) -> None:
        command = list(manifest.command)
        if "/" in command[0]:
            make_executable(folder, (command[0],))
            command[0] = str(folder / command[0])
        self._own_group = own_group
        try:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=surroundings(manifest, inherited),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if only_log else subprocess.PIPE,
                bufsize=0,
                start_new_session=own_group,
                preexec_fn=before,  # noqa: PLW1509 - a worker has one thread when it starts it
            )
        except OSError as error:
            raise NotReady(
                f"The program {ascii(manifest.command[0])[:80]} cannot be run: "
                f"{error.strerror or error}."
            ) from error
        self.pid = self.process.pid
        # readable once the process has ended, even if a child of its own holds its output open
        self.handle: int | None = None
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                self.handle = os.pidfd_open(self.pid)
        self._said: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
        log = self.process.stderr or self.process.stdout
        assert log is not None
        self._reader = threading.Thread(target=self._log, args=(log,), daemon=True)

    def follow_log(self) -> None:
        """Copy what the program logs to this process's own standard error from now on."""
        self._reader.start()

    def _log(self, log: IO[bytes]) -> None:
        part = b""
        while data := os.read(log.fileno(), 1 << 16):
            with contextlib.suppress(OSError):
                os.write(2, data)
            *lines, part = (part + data[-4096:]).split(b"\n")
            for line in lines:
                if text := line.decode("utf-8", "replace").strip():
                    self._said.append(text[:_LINE])
            part = part[-_LINE:]

    def last_words(self) -> str:
        """The last lines of its log as the end of a sentence, empty if there are none."""
        return f" Its last words: {' | '.join(self._said)}" if self._said else ""

    def ended_early(self) -> NotReady:
        """The error of a program that ended before it was ready."""
        status = self.wait()
        return NotReady(
            f"The program {how_it_ended(status)} before it was ready.{self.last_words()}"
        )

    def wait(self) -> int:
        """Its exit status, once it has ended and what it logged is copied."""
        status = self.process.wait()
        self._reader.join(_LOG_SECONDS)
        return status

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Close its standard input; kill it if it has not ended in time."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self._own_group:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None
