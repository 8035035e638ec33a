"""A program that is an HTTP server on a Unix socket; ``MLOPS_WORKER_SOCKET`` tells it the path.

It is ready once its health path answers 200. A request is a POST to ``/predict`` with the same body
as a line of the other protocol; any status but 200 is an error.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .errors import BadAnswer, NotReady, ProgramEnded, ProgramError
from .manifest import Manifest
from .messages import MAX_LINE, outputs_of, read, request
from .process import Process

VARIABLE = "MLOPS_WORKER_SOCKET"
_PREFIX = "mlops-worker-"
_POLL_SECONDS = 0.01
_HEALTH_SECONDS = 5.0
_LOST = (ConnectionError, http.client.RemoteDisconnected, http.client.BadStatusLine)


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float | None = None) -> None:
        super().__init__("worker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class HttpProgram:
    """A running program; `ask` it, and `attend` to it while there is nothing to ask."""

    def __init__(
        self,
        manifest: Manifest,
        folder: Path,
        *,
        inherited: Mapping[str, str] = os.environ,
        own_group: bool = True,
        before: Callable[[], None] | None = None,
    ) -> None:
        _sweep()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self._path = str(self._folder / "socket")
        told = {**manifest.environment, VARIABLE: self._path}
        try:
            self._process = Process(
                replace(manifest, environment=told),
                folder,
                inherited=inherited,
                only_log=True,
                own_group=own_group,
                before=before,
            )
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._process.follow_log()
        self._connection = _Connection(self._path)
        self._number = 0
        try:
            self._await_ready(manifest)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    def ask(
        self, rows: int, inputs: Mapping[str, bytes], params: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The outputs for `rows` rows of inputs; raises as `LinesProgram.ask`."""
        self._number += 1
        body = request(self._number, rows, inputs, params)
        try:
            status, data = self._post(body)
        except _LOST:
            raise ProgramEnded(self._ended()) from None
        except http.client.HTTPException as error:
            self._connection.close()
            raise BadAnswer(f"The program's answer is not HTTP: {error!r:.100}.") from None
        if status == 200:
            message = read(data)
            if message.get("id", self._number) != self._number:
                raise BadAnswer("The program answered another id than it was asked.")
            return outputs_of(message)
        with contextlib.suppress(BadAnswer):
            outputs_of(read(data))
        raise ProgramError(f"The program answered with the status {status}.")

    def attend(self, other: int) -> None:
        """Wait until the descriptor `other` can be read; raise ProgramEnded if that comes first."""
        watched = [other] if self._process.handle is None else [other, self._process.handle]
        ready, _, _ = select.select(watched, [], [])
        if other not in ready:
            raise ProgramEnded(self._process.wait())

    def stop(self) -> None:
        """End it: a server does not look at its standard input, so it is asked by SIGTERM too."""
        self._connection.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.process.terminate()
        self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    # -- inner --------------------------------------------------------------------------------

    def _post(self, body: bytes) -> tuple[int, bytes]:
        """Send once more on a fresh connection if the server had closed the idle one."""
        fresh = self._connection.sock is None
        try:
            return self._exchange(body)
        except (BrokenPipeError, http.client.RemoteDisconnected, ConnectionResetError):
            self._connection.close()
            if fresh or self._process.process.poll() is not None:
                raise
            return self._exchange(body)

    def _exchange(self, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        self._connection.request("POST", "/predict", body, headers)
        response = self._connection.getresponse()
        data = response.read(MAX_LINE + 1)
        if len(data) > MAX_LINE:
            self._connection.close()
            raise BadAnswer(f"The program's answer is over {MAX_LINE >> 20} MiB.")
        return response.status, data

    def _ended(self) -> int:
        """The status of a program that hung up; one that lives on is ended: it holds our call."""
        try:
            self._process.process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.process.kill()
        return self._process.wait()

    def _await_ready(self, manifest: Manifest) -> None:
        until = time.monotonic() + manifest.start_seconds
        found = "nothing listens on the socket"
        while time.monotonic() < until:
            if self._process.process.poll() is not None:
                raise self._process.ended_early()
            try:
                connection = _Connection(self._path, _HEALTH_SECONDS)
                connection.request("GET", manifest.health)
                status = connection.getresponse().status
                connection.close()
            except (OSError, http.client.HTTPException):
                pass
            else:
                if status == 200:
                    return
                found = f"GET {manifest.health} answered {status}"
            time.sleep(_POLL_SECONDS)
        raise NotReady(
            f"The program was not ready within {manifest.start_seconds:g} s: {found}."
            f"{self._process.last_words()}"
        )


def _sweep() -> None:
    """Remove the sockets of processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
