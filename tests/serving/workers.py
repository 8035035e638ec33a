"""A zygote that tests can use from plain functions, and the gateway's end of a worker's socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from mlops_jupyter.serving import frames
from mlops_jupyter.serving.results import rebuild
from mlops_jupyter.serving.tensors import Outputs, Tensor
from mlops_jupyter.serving.worker import WorkerSpec
from mlops_jupyter.serving.zygote import WorkerProcess, Zygote

SECONDS = 60.0
"""Longest wait for anything; what is waited for takes milliseconds."""


class ModelFailed(Exception):
    """An ERROR frame."""

    def __init__(self, header: dict[str, Any]) -> None:
        super().__init__(header["error_class"], header["message"])
        self.header = header


class Worker:
    """A worker as the gateway has it: frames go out, frames come in."""

    def __init__(self, zoo: Nursery, process: WorkerProcess, sock: socket.socket) -> None:
        self.process = process
        self.pid = process.pid
        self.sock = sock
        self._nursery = zoo
        self._reader = frames.Reader()
        self._waiting: list[frames.Frame] = []
        sock.settimeout(SECONDS)

    def receive(self) -> frames.Frame | None:
        while not self._waiting:
            data = self.sock.recv(1 << 18)
            if not data:
                return None
            self._waiting += self._reader.feed(data)
        return self._waiting.pop(0)

    def ready(self) -> dict[str, Any]:
        frame = self.receive()
        assert frame is not None, "the worker ended before it was ready"
        if frame.kind == frames.ERROR:
            raise ModelFailed(frame.header)
        assert (frame.kind, frame.id) == (frames.READY, 0)
        return frame.header

    def send(self, number: int, header: dict[str, Any], body: bytes) -> None:
        for piece in frames.encode(number, frames.PREDICT, header, [body]):
            self.sock.sendall(piece)

    def answer(self, number: int) -> tuple[Any, dict[str, Any]]:
        """What the model returned, and the frame's header."""
        frame = self.receive()
        assert frame is not None, "the worker ended without an answer"
        assert frame.id == number
        if frame.kind == frames.ERROR:
            raise ModelFailed(frame.header)
        assert frame.kind == frames.RESULT
        header, start, tensors = frame.header, 0, []
        for one in header["outputs"]:
            data = bytes(frame.body[start : start + one["size"]])
            start += one["size"]
            shape = tuple(one["shape"])
            content_type = one.get("content_type")
            tensors.append(Tensor(one["name"], one["datatype"], shape, data, content_type))
        assert start == len(frame.body)
        outputs = Outputs(header["rows"], header["container"], tuple(tensors), header["extra"])
        return rebuild(outputs), header

    def predict(self, header: dict[str, Any], body: bytes) -> Any:
        self.send(1, header, body)
        return self.answer(1)[0]

    def stop(self) -> int:
        """Ask it to end, and give its exit status."""
        for piece in frames.encode(0, frames.STOP, {}, []):
            self.sock.sendall(piece)
        return self.wait()

    def wait(self) -> int:
        return self._nursery.run(self.process.wait())

    def kill(self) -> int:
        self._nursery.call(self.process.kill)
        return self.wait()

    def is_at_end(self) -> bool:
        """Whether the socket says that nobody is there any more."""
        with contextlib.suppress(ConnectionResetError):
            return self.receive() is None
        return True


class Nursery:
    """A loop in a thread with one zygote, as the hub has it."""

    def __init__(self, modules: Sequence[str], log: Path, python: str = sys.executable) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._workers: list[Worker] = []
        self.zygote: Zygote = self.run(Zygote.start(python, modules, log))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        async def within() -> Any:
            return function(*arguments)

        return self.run(within())

    def start(self, spec: WorkerSpec, how: str = "fork") -> Worker:
        ours, theirs = socket.socketpair()
        try:
            process = self.run(getattr(self.zygote, how)(spec, theirs))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        worker = Worker(self, process, ours)
        self._workers.append(worker)
        return worker

    def end_workers(self) -> None:
        for worker in self._workers:
            self.call(worker.process.kill)
            worker.wait()
            worker.sock.close()
        self._workers.clear()

    def close(self) -> None:
        self.end_workers()
        self.run(self.zygote.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait for something that another process does and nobody reports."""
    deadline = time.monotonic() + SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"it did not happen: {what}"
        time.sleep(0.005)
    return value


def is_running(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "State:\tZ" not in status


def memory_kb(pid: int, *fields: str) -> int:
    """Sum of fields of a process's smaps_rollup, in KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.split(":")[0] in fields)


def open_fds(pid: int) -> dict[int, str]:
    """What a process's descriptors lead to."""
    folder = Path(f"/proc/{pid}/fd")
    found = {}
    for entry in folder.iterdir():
        with contextlib.suppress(OSError):
            found[int(entry.name)] = str(entry.readlink())
    return found
