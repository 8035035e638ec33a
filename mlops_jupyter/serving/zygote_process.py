"""The zygote itself: a process with the libraries imported, from which workers are forked.

It is single-threaded (a fork copies one thread, and locks that others held stay locked) and does
little between forks: it drains its workers' output into their logs and reports their exits. It
ends when the hub closes its socket, and its workers end with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import selectors
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from mlops_jupyter import __version__
from mlops_jupyter.serving import frames, isolation, priming
from mlops_jupyter.serving.worker import WorkerSpec, describe, serve
from mlops_jupyter.serving.workerlog import WorkerLog

if TYPE_CHECKING:
    from mlops_jupyter.serving.worker import Loaded

REPLY, EVENT, REQUEST = 16, 17, 18
"""Kinds of frames between a hub and its zygotes."""

_READ = 1 << 16
_DRAIN = 1 << 20
_LAST_READS = 16
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031


@dataclass
class _Child:
    """A worker: where its output comes from, and where it says what the next one can be spared."""

    pid: int
    path: str
    log: WorkerLog
    output: int
    findings: int
    heard: bytes = b""


class ZygoteProcess:
    """The zygote's event loop."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader = frames.Reader(frames.MAX_FRAME)
        self._fds: list[int] = []
        self._children: dict[int, _Child] = {}
        self._proofs: dict[str, dict[str, Any]] = {}  # by path of the model
        self._selector = selectors.DefaultSelector()
        self._running = True
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        # a handler of any kind makes the signal reach the wake-up descriptor
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._wake = wake_read
        self._selector.register(wake_read, selectors.EVENT_READ, self._reap)
        self._selector.register(sock, selectors.EVENT_READ, self._receive)

    def run(self) -> None:
        """Serve the hub until it closes the socket."""
        while self._running:
            for key, _ in self._selector.select():
                # an earlier event of the same round may have closed it, or given its number away
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
        for pid in self._children:
            _kill_group(pid)

    def say(self, kind: int, header: dict[str, Any], id: int = 0) -> None:  # noqa: A002
        """Send the hub one message."""
        try:
            for piece in frames.encode(id, kind, header, []):
                self._sock.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            self._running = False

    # -- requests -----------------------------------------------------------------------------

    def _receive(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self._sock, _READ, 4)
        except (ConnectionResetError, BrokenPipeError):
            data, fds = b"", []
        self._fds += fds
        if not data:
            self._running = False
            return
        for frame in self._reader.feed(data):
            self._answer(frame)

    def _answer(self, frame: frames.Frame) -> None:
        request = frame.header
        answer: dict[str, Any] = {}
        fds, self._fds = self._fds, []  # one request is under way at a time, so they are its own
        try:
            match request["op"]:
                case "prepare":
                    self._prepare(request["modules"])
                case "fork" | "spawn" as how:
                    spec = WorkerSpec.from_json(request["spec"])
                    answer["pid"] = self._start(how, spec, fds[0])
                case other:
                    raise ValueError(f"there is no request {other!r}")
        except BaseException as error:
            answer = {"error": describe(error)}
        finally:
            for descriptor in fds:
                os.close(descriptor)
        self.say(REPLY, answer, frame.id)

    def _prepare(self, modules: list[str]) -> None:
        before = set(sys.modules)
        priming.import_all(modules)
        if set(sys.modules) - before:
            priming.prime()
            settle()

    # -- workers ------------------------------------------------------------------------------

    def _start(self, how: str, spec: WorkerSpec, sock: int) -> int:
        output, output_end = os.pipe()
        findings, findings_end = os.pipe()
        try:
            for pipe in (output, findings):
                os.set_blocking(pipe, False)
            if sys.platform.startswith("linux"):
                # so that it can print while this process imports something
                with contextlib.suppress(OSError):
                    fcntl.fcntl(output_end, _F_SETPIPE_SZ, _PIPE_BYTES)
            sys.stdout.flush()
            sys.stderr.flush()
            parent, proof = os.getpid(), self._proofs.get(spec.path)
            pid = os.fork()
            if pid == 0:
                _become_worker(how, spec, parent, (sock, output_end, findings_end), proof)
        except BaseException:
            os.close(output)
            os.close(findings)
            raise
        finally:
            os.close(output_end)
            os.close(findings_end)
        child = _Child(pid, spec.path, WorkerLog(spec.log_path), output, findings)
        self._children[pid] = child
        self._selector.register(output, selectors.EVENT_READ, lambda: self._drain(child))
        self._selector.register(findings, selectors.EVENT_READ, lambda: self._hear(child))
        return pid

    def _drain(self, child: _Child) -> None:
        """Move what a worker printed to its log, a bounded piece at a time."""
        data = _read(child.output, _DRAIN)
        if data:
            child.log.write(data)
        elif data is not None:
            self._forget(child.output)

    def _hear(self, child: _Child) -> None:
        data = _read(child.findings, _READ)
        if data:
            child.heard = (child.heard + data)[:_DRAIN]
        elif data is not None:
            self._forget(child.findings)
            with contextlib.suppress(ValueError, RecursionError, KeyError, TypeError):
                found = json.loads(child.heard)
                if found["proof"]:
                    # a worker can only mislead those that run the same model
                    self._proofs[child.path] = found["proof"]
                if found["modules"]:
                    priming.follow(found["modules"])
                    settle()

    def _forget(self, descriptor: int) -> None:
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)
            os.close(descriptor)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        for pid in list(self._children):
            # looked at before it is collected: until then its id, and its group's, are not reused
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            _kill_group(pid)
            _, status = os.waitpid(pid, 0)
            child = self._children.pop(pid)
            for _ in range(_LAST_READS):  # bounded: what has left the session may print for ever
                if child.output in self._selector.get_map() and _pending(child.output):
                    self._drain(child)
            self._forget(child.output)
            self._forget(child.findings)
            code = os.waitstatus_to_exitcode(status)
            self.say(EVENT, {"event": "exit", "pid": pid, "status": code})


def _become_worker(
    how: str,
    spec: WorkerSpec,
    parent: int,
    fds: tuple[int, int, int],
    proof: dict[str, Any] | None,
) -> None:
    """In the child of a fork: be the worker, and never come back."""
    sock, output, findings = fds
    status = 1
    try:
        isolation.forget_parent()
        os.dup2(output, 1)
        os.dup2(output, 2)
        if how == "spawn":
            _execute(spec, sock, parent)
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(line_buffering=True, write_through=True)  # type: ignore[union-attr]
        isolation.enter(spec.memory_bytes, keep=(sock, findings), parent=parent)
        tell = _teller(findings, frozenset(sys.modules))
        status = serve(socket.socket(fileno=sock), spec, proof, tell)
    except BaseException as error:
        with contextlib.suppress(BaseException):
            sys.excepthook(type(error), error, error.__traceback__)
    finally:
        isolation.leave(status)


def _teller(pipe: int, before: frozenset[str]) -> Callable[[Loaded], None]:
    def tell(loaded: Loaded) -> None:
        found = {"modules": priming.hints(before), "proof": loaded.proof()}
        with contextlib.suppress(OSError), os.fdopen(pipe, "wb") as file:
            file.write(json.dumps(found).encode())

    return tell


def _execute(spec: WorkerSpec, sock: int, parent: int) -> None:
    """Become a fresh interpreter: CUDA does not survive a fork."""
    isolation.die_with_parent(parent)
    os.setsid()
    with tempfile.TemporaryFile() as file:
        file.write(spec.to_json().encode())
        file.seek(0)
        os.dup2(file.fileno(), 0)
    os.set_inheritable(sock, True)
    environment = isolation.environment(os.environ, spec.gpus)
    command = [sys.executable, "-m", "mlops_jupyter.serving.worker", str(sock)]
    os.execve(sys.executable, command, environment)  # noqa: S606 - an argument list, no shell


def _read(descriptor: int, size: int) -> bytes | None:
    """What there is to read: empty at the end, None when nothing is there now."""
    try:
        return os.read(descriptor, size)
    except BlockingIOError:
        return None


def _pending(descriptor: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(0))


def _kill_group(pid: int) -> None:
    """End a worker and all that it started in its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def settle() -> None:
    """Move every object out of the collector's sight, so that workers share the pages for long."""
    gc.collect()
    gc.freeze()


def threads() -> list[str]:
    """Names of this process's threads, as far as the system tells."""
    folder = Path("/proc/self/task")
    if not folder.exists():
        return []
    names = []
    for task in folder.iterdir():
        with contextlib.suppress(OSError):
            names.append((task / "comm").read_text().strip())
    return names


def main(argv: list[str]) -> None:
    """``python -m mlops_jupyter.serving.zygote <fd> <module>…``."""
    sock = socket.socket(fileno=int(argv[0]))
    sock.setblocking(True)
    os.set_inheritable(sock.fileno(), False)
    started = perf_counter()
    gc.disable()
    zygote = ZygoteProcess(sock)
    try:
        priming.import_all(argv[1:])
        priming.prime()
    except BaseException as error:
        zygote.say(EVENT, {"event": "failed", **describe(error)})
        raise
    settle()
    elapsed = round((perf_counter() - started) * 1e3)
    ready = {"event": "ready", "version": __version__, "ms": elapsed, "threads": threads()}
    zygote.say(EVENT, ready)
    zygote.run()
