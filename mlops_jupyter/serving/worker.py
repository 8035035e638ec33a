"""The worker: an untrusted process that holds one model and answers frames on one socket.

It is forked by a zygote (see `zygote_process.py`), or for GPUs started afresh with
``python -m mlops_jupyter.serving.worker <fd>`` and its `WorkerSpec` as JSON on standard input. It
loads the model, says READY, then answers one PREDICT at a time until STOP or the end of its socket.

The hub imports `WorkerSpec` from here, so this file imports numpy, pandas and mlflow only when a
model is loaded.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from mlops_jupyter.serving import frames
from mlops_jupyter.workers import FLAVOR

if TYPE_CHECKING:
    from mlops_jupyter.serving.tensors import Outputs

MAX_MESSAGE = 2048
"""Bytes of an error's message that are passed on."""

_RECEIVE = 1 << 18


@dataclass(frozen=True)
class WorkerSpec:
    """What a worker is told.

    Attributes
    ----------
    path
        Local folder of the MLflow model.
    signature, flavors
        As in :class:`~mlops_jupyter.types.ModelVersion`.
    memory_bytes
        Most private memory that the model may take on top of what the imported libraries take;
        past it, it gets a MemoryError. None: no limit.
    gpus
        Indices of the devices that it may see; with any, it is spawned and not forked.
    log_path
        Where its output goes; None discards it.
    batchable
        Whether rows of several calls may be stacked; None: decided by the flavour.
    """

    endpoint: str
    model: str
    version: int
    path: str
    signature: Mapping[str, Any] | None = None
    flavors: Mapping[str, Any] = field(default_factory=dict)
    memory_bytes: int | None = None
    gpus: tuple[int, ...] = ()
    log_path: str | None = None
    batchable: bool | None = None

    def to_json(self) -> str:
        """The form that crosses process borders."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str | bytes) -> WorkerSpec:
        """Read what `to_json` wrote; fields of another version of this package are left out."""
        known = {item.name for item in fields(cls)}
        values = {name: value for name, value in json.loads(text).items() if name in known}
        return cls(**{**values, "gpus": tuple(values.get("gpus") or ())})


class Loaded(Protocol):
    """A model that answers: one of Python (`scorers.py`), or a program (`bridge.py`).

    Attributes
    ----------
    path
        Which way it is called, e.g. ``sklearn-matrix``.
    batchable
        Whether rows of several calls may be stacked.
    outputs
        Name, datatype and shape (-1 for the rows) of what it answers; empty if unknown.
    """

    @property
    def path(self) -> str: ...  # noqa: D102

    @property
    def batchable(self) -> bool: ...  # noqa: D102

    @property
    def outputs(self) -> list[dict[str, Any]]: ...  # noqa: D102

    def score(self, header: dict[str, Any], body: memoryview) -> Any:
        """Answer one PREDICT frame; raises whatever the model raises."""

    def pack(self, result: Any) -> Outputs:
        """What `score` returned, as outputs."""

    def proof(self) -> dict[str, Any]:
        """What spares a later worker of the same version some work; may be empty."""

    def attend(self, sock: socket.socket) -> None:
        """Called before each wait for a frame on `sock`; may wait there for it."""

    def stop(self) -> None:
        """Called once at the end."""


class WrongRowCount(ValueError):
    """A batchable model returned another number of rows than it was given."""


class Channel:
    """A blocking socket that frames are read from and written to."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        self._sock = sock
        self._reader = frames.Reader(frames.MAX_FRAME)
        self._owner = os.getpid()
        self._waiting: list[frames.Frame] = []

    def receive(self, attend: Callable[[socket.socket], None]) -> frames.Frame | None:
        """The next frame; None at the end of the socket. `attend` is called before each wait."""
        while not self._waiting:
            attend(self._sock)
            data = self._sock.recv(_RECEIVE)
            if not data:
                return None
            self._waiting = list(self._reader.feed(data))
        return self._waiting.pop(0)

    def send(
        self,
        id: int,  # noqa: A002
        kind: int,
        header: dict[str, Any],
        buffers: list[frames.Buffer] | None = None,
    ) -> None:
        """Write one frame. A child that the model forked never comes back from here."""
        if os.getpid() != self._owner:
            os._exit(0)
        for piece in frames.join_small(frames.encode(id, kind, header, buffers or [])):
            self._sock.sendall(piece)


def serve(
    sock: socket.socket,
    spec: WorkerSpec,
    proof: Mapping[str, Any] | None = None,
    on_ready: Callable[[Loaded], None] = lambda _loaded: None,
) -> int:
    """Load the model, answer until STOP or the end of `sock`; return the exit status.

    `proof` is what an earlier worker found out about this version, see `scorers.py`.
    """
    channel = Channel(sock)
    try:
        started = perf_counter()
        try:
            loaded = _load(spec, proof)
        except BaseException as error:
            _show(error)
            channel.send(0, frames.ERROR, {**describe(error), "phase": "load"})
            return 1
        channel.send(
            0,
            frames.READY,
            {
                "pid": os.getpid(),
                "path": loaded.path,
                "load_ms": round((perf_counter() - started) * 1e3, 3),
                "batchable": loaded.batchable,
                "outputs": loaded.outputs,
            },
        )
        on_ready(loaded)
        try:
            while (frame := channel.receive(loaded.attend)) and frame.kind != frames.STOP:
                if frame.kind == frames.PREDICT:
                    _answer(channel, loaded, frame)
        finally:
            loaded.stop()
    except (BrokenPipeError, ConnectionResetError):
        pass  # nobody is there any more
    return 0


def _load(spec: WorkerSpec, proof: Mapping[str, Any] | None) -> Loaded:
    if FLAVOR in spec.flavors:
        from mlops_jupyter.serving import bridge

        return bridge.load(spec)
    from mlops_jupyter.serving import scorers

    return scorers.load(spec, proof)


def _answer(channel: Channel, loaded: Loaded, frame: frames.Frame) -> None:
    header = frame.header
    try:
        started = perf_counter()
        result = loaded.score(header, frame.body)
        predict_us = int((perf_counter() - started) * 1e6)
        outputs = loaded.pack(result)
        if loaded.batchable:
            _check_rows(outputs, header["rows"])
        if sum(len(tensor.data) for tensor in outputs.tensors) > frames.MAX_ANSWER - (1 << 20):
            raise ValueError("The model's answer is over 1 GiB.")
    except BaseException as error:  # SystemExit too: a model's sys.exit() fails one call, no more
        _show(error)
        channel.send(frame.id, frames.ERROR, describe(error))
        return
    described = []
    for tensor in outputs.tensors:
        one: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype}
        one |= {"shape": tensor.shape, "size": len(tensor.data)}
        if tensor.content_type is not None:
            one["content_type"] = tensor.content_type
        described.append(one)
    answer = {
        "rows": outputs.rows,
        "container": outputs.container,
        "outputs": described,
        "predict_us": predict_us,
        "extra": outputs.extra,
    }
    channel.send(frame.id, frames.RESULT, answer, [tensor.data for tensor in outputs.tensors])


def _check_rows(outputs: Outputs, rows: int) -> None:
    for tensor in outputs.tensors:
        if tensor.shape[:1] != (rows,):
            found = tensor.shape[0] if tensor.shape else "no"
            raise WrongRowCount(f"The model returned {found} rows for {rows} rows.")


def describe(error: BaseException) -> dict[str, str]:
    """An error's class and its message, cut; the fix that it brings along, if it does."""
    try:
        message = str(error)
    except BaseException:
        message = ""
    encoded = message.encode("utf-8", "replace")
    if len(encoded) > MAX_MESSAGE:
        message = encoded[: MAX_MESSAGE - 3].decode("utf-8", "ignore") + "…"
    else:
        message = encoded.decode()
    name = getattr(error, "error_class", None)  # a program's own word for its error
    name = name if isinstance(name, str) else type(error).__name__
    described = {"error_class": name, "message": message}
    fix = getattr(error, "fix", None)
    return {**described, "fix": fix} if isinstance(fix, str) and fix else described


def _show(error: BaseException) -> None:
    """The traceback goes to the worker's log, which is where its author will look."""
    with contextlib.suppress(BaseException):
        sys.excepthook(type(error), error, error.__traceback__)
        sys.stderr.flush()


def main() -> None:
    """Entry of a spawned worker: ``python -m mlops_jupyter.serving.worker <fd>``."""
    from mlops_jupyter.serving import isolation

    spec = WorkerSpec.from_json(sys.stdin.buffer.read())
    sock = socket.socket(fileno=int(sys.argv[1]))
    isolation.enter(spec.memory_bytes, keep=(sock.fileno(),))
    isolation.leave(serve(sock, spec))


if __name__ == "__main__":
    main()
