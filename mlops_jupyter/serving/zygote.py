"""The hub's end of a zygote: start one for an environment, fork workers from it, hear of their end.

A zygote (`zygote_process.py`) has an environment's libraries imported and primed, so that a worker
answers some 20 ms after it was asked for instead of seconds. One runs per environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_jupyter import __version__
from mlops_jupyter.serving import frames, isolation
from mlops_jupyter.serving.worker import WorkerSpec
from mlops_jupyter.serving.workerlog import tail
from mlops_jupyter.serving.zygote_process import EVENT, REQUEST
from mlops_jupyter.types import Unavailable
from mlops_jupyter.workers import FLAVOR

START_SECONDS = 180.0
"""Longest that imports may take; on a cold disk some libraries take a minute."""

_STOP_SECONDS = 5.0
_LAST_LINES = 8
_log = logging.getLogger(__name__)

_BASE = ("numpy", "pandas", "mlflow.pyfunc", "mlflow.pyfunc.model")
_LIBRARIES = {
    "catboost": ("catboost",),
    "lightgbm": ("lightgbm", "sklearn"),
    "onnx": ("onnxruntime",),
    "pmdarima": ("pmdarima",),
    "prophet": ("prophet",),
    "pytorch": ("torch",),
    "sklearn": ("sklearn.linear_model",),
    "spacy": ("spacy",),
    "statsmodels": ("statsmodels.api",),
    "tensorflow": ("tensorflow",),
    "transformers": ("transformers",),
    "xgboost": ("xgboost",),
}


def modules_for(flavors: Mapping[str, Any]) -> tuple[str, ...]:
    """What a zygote should have imported for models with these MLflow flavours."""
    if FLAVOR in flavors:
        return ("mlops_jupyter.serving.bridge",)
    modules = list(_BASE)
    for name in sorted(flavors):
        modules += _LIBRARIES.get(name, ())
    if backend := (flavors.get("keras") or {}).get("keras_backend"):
        modules.append(f"keras@{backend}")
    loader = (flavors.get("python_function") or {}).get("loader_module")
    if isinstance(loader, str) and loader.startswith("mlflow."):
        modules.append(loader)
    return tuple(dict.fromkeys(modules))


class WorkerProcess:
    """A worker that a zygote started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # a handle instead of a number, which could be another process's by the time of a kill
        self._handle: int | None = None
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                self._handle = os.pidfd_open(pid)

    @property
    def returncode(self) -> int | None:
        """Exit status; None while it runs."""
        return self._exit.result() if self._exit.done() else None

    async def wait(self) -> int:
        """Exit status, once it has ended; negative is the signal that ended it."""
        return await asyncio.shield(self._exit)

    def kill(self) -> None:
        """End it at once; what it started itself ends with it. Does nothing once it has ended."""
        if self._exit.done():
            return
        with contextlib.suppress(ProcessLookupError):
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            elif not hasattr(os, "pidfd_open"):
                os.kill(self.pid, signal.SIGKILL)

    def ended(self, status: int) -> None:
        """Called by the zygote's reader."""
        if not self._exit.done():
            self._exit.set_result(status)
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


class Zygote:
    """One environment's zygote; made by `start`.

    Attributes
    ----------
    pid
        Its process id.
    info
        What it said when it was ready: version, ms, threads.
    """

    def __init__(self, process: asyncio.subprocess.Process, sock: socket.socket, log: Path) -> None:
        self.pid = process.pid
        self.info: dict[str, Any] = {}
        self._process = process
        self._sock = sock
        self._log = log
        self._workers: dict[int, WorkerProcess] = {}
        self._turn = asyncio.Lock()
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._next_id = 0
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._ended: asyncio.Future[int] = loop.create_future()
        self._task = loop.create_task(self._read())

    @classmethod
    async def start(
        cls,
        python: str,
        modules: Sequence[str],
        log_path: Path,
        timeout: float = START_SECONDS,
    ) -> Zygote:
        """Start a zygote with the interpreter `python` and wait until it has imported `modules`.

        Raises
        ------
        Unavailable
            It did not start (``environment_broken``) or not in time (``environment_slow``); the
            reason holds the last lines that it printed.
        """
        log_path.parent.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with log_path.open("wb") as log:
                process = await asyncio.create_subprocess_exec(
                    python,
                    "-m",
                    "mlops_jupyter.serving.zygote",
                    str(theirs.fileno()),
                    *modules,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[theirs.fileno()],
                    env=isolation.environment(os.environ),
                    cwd=tempfile.gettempdir(),
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            raise _broken(f"{error.strerror or error}: the interpreter cannot be run.") from error
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        zygote = cls(process, ours, log_path)
        try:
            async with asyncio.timeout(timeout):
                await zygote._become_ready()
        except TimeoutError:
            await zygote.stop(0.0)
            raise Unavailable(
                f"The environment's process was not ready after {timeout:g} s.",
                reason=_last_lines(log_path) or "It printed nothing.",
                fix="Try again; the first import of a library on a slow disk takes longest.",
                code="environment_slow",
            ) from None
        except BaseException:
            await zygote.stop(0.0)
            raise
        return zygote

    @property
    def alive(self) -> bool:
        """Whether workers can be started from it."""
        return not self._ended.done()

    async def fork(self, spec: WorkerSpec, sock: socket.socket) -> WorkerProcess:
        """Fork a worker that speaks frames on `sock`; raises Unavailable when it cannot."""
        return await self._start("fork", spec, sock)

    async def spawn(self, spec: WorkerSpec, sock: socket.socket) -> WorkerProcess:
        """Start a worker as a fresh interpreter, which is what CUDA needs; else as `fork`."""
        return await self._start("spawn", spec, sock)

    async def prepare(self, modules: Sequence[str]) -> None:
        """Import more modules, so that workers that need them start quickly."""
        await self._ask({"op": "prepare", "modules": list(modules)})

    async def wait(self) -> int:
        """The zygote's exit status, once it has ended."""
        return await asyncio.shield(self._ended)

    async def stop(self, grace: float = _STOP_SECONDS) -> None:
        """End it, and with it every worker that it has."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        try:
            async with asyncio.timeout(grace):
                await self.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self.wait()
        await asyncio.gather(self._task, return_exceptions=True)

    # -- inner --------------------------------------------------------------------------------

    async def _become_ready(self) -> None:
        both: set[asyncio.Future[Any]] = {self._ready, self._ended}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not self._ready.done():
            raise _broken(_last_lines(self._log) or f"It ended with status {await self.wait()}.")
        said = self._ready.result()
        if said["event"] == "failed":
            raise _broken(f"{said['error_class']}: {said['message']}.")
        if said["version"] != __version__:
            raise Unavailable(
                "The environment has another version of mlops-jupyter than the hub.",
                reason=f"There it is {said['version']}, the hub's is {__version__}.",
                fix=f"Install mlops-jupyter=={__version__} there, or restart the hub.",
                code="environment_broken",
            )
        self.info = said

    async def _start(self, how: str, spec: WorkerSpec, sock: socket.socket) -> WorkerProcess:
        answer = await self._ask({"op": how, "spec": spec.to_json()}, sock)
        process: WorkerProcess = answer["worker"]
        return process

    async def _ask(
        self, request: dict[str, Any], sock: socket.socket | None = None
    ) -> dict[str, Any]:
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        async with self._turn:
            if not self.alive:
                raise self._gone()
            self._next_id += 1
            self._replies[self._next_id] = reply
            try:
                data = b"".join(frames.encode(self._next_id, REQUEST, request, []))
                await self._send(data, sock)
                answer = await asyncio.shield(reply)
            except OSError:
                raise self._gone() from None
            finally:
                self._replies.pop(self._next_id, None)
        if "error" in answer:
            error = answer["error"]
            raise _broken(f"{error['error_class']}: {error['message']}.")
        return answer

    async def _send(self, data: bytes, sock: socket.socket | None) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._sock, data[:-1])
        while True:
            try:
                # descriptors travel with a byte, so the last one waits for them
                socket.send_fds(self._sock, [data[-1:]], [] if sock is None else [sock.fileno()])
                return
            except BlockingIOError:
                await self._writable()

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        free = asyncio.Event()
        loop.add_writer(self._sock.fileno(), free.set)
        try:
            await free.wait()
        finally:
            loop.remove_writer(self._sock.fileno())

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        reader = frames.Reader()
        try:
            while data := await loop.sock_recv(self._sock, 1 << 16):
                for frame in reader.feed(data):
                    self._hear(frame)
        except (OSError, frames.FrameError):
            pass
        try:
            status = await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()  # without its socket it is of no use
            status = await self._process.wait()
        self._sock.close()
        self._ended.set_result(status)
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(self._gone())
        for worker in self._workers.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                # the zygote, which ends a worker's whole group, is not there to do it
                os.killpg(worker.pid, signal.SIGKILL)
            worker.kill()
            worker.ended(-signal.SIGKILL)
        self._workers.clear()

    def _hear(self, frame: frames.Frame) -> None:
        said = frame.header
        if frame.kind != EVENT:
            reply = self._replies.get(frame.id)
            if "pid" in said:
                # here and not where it is waited for: its exit may be the next message
                said["worker"] = self._workers[said["pid"]] = WorkerProcess(said["pid"])
            if reply is not None and not reply.done():
                reply.set_result(said)
            elif "pid" in said:
                said["worker"].kill()  # who asked for it has gone
        elif said["event"] == "exit":
            if worker := self._workers.pop(said["pid"], None):
                worker.ended(said["status"])
        elif not self._ready.done():
            self._ready.set_result(said)

    def _gone(self) -> Unavailable:
        return Unavailable(
            "The environment's process has ended.",
            reason=_last_lines(self._log) or "It printed nothing.",
            fix="Try again: another one is started.",
            code="environment_gone",
        )


def _broken(reason: str) -> Unavailable:
    return Unavailable(
        "The environment's process cannot be started.",
        reason=reason,
        fix="Check that the model's libraries and mlops-jupyter are installed in that environment.",
        code="environment_broken",
    )


def _last_lines(path: Path) -> str:
    lines = tail(path, 8192).decode("utf-8", "replace").splitlines()
    kept = [line.strip() for line in lines if line.strip()][-_LAST_LINES:]
    return " | ".join(kept)


if __name__ == "__main__":
    from mlops_jupyter.serving.zygote_process import main

    main(sys.argv[1:])
