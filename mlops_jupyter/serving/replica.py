"""One replica seen from the gateway: a worker process and the socket to it.

One batch is in flight at a time; what waits meanwhile is stacked by the pool into the next one.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol, cast

from mlops_jupyter.serving import frames
from mlops_jupyter.serving.account import Origin
from mlops_jupyter.serving.tensors import Inputs, Outputs, Tensor
from mlops_jupyter.serving.worker import WorkerSpec
from mlops_jupyter.types import InvalidInput, MlopsError, ModelError, Unavailable, WorkerDied


class Process(Protocol):
    """A worker process, wherever it was started."""

    @property
    def pid(self) -> int:
        """Process id."""

    async def wait(self) -> int:
        """Exit status; negative is the signal that ended it."""

    def kill(self) -> None:
        """End it at once."""


class Spawner(Protocol):
    """Where replicas come from; a target implements it."""

    @property
    def doing(self) -> str:
        """What a start waits for, such as a line of an environment's build; empty for nothing."""

    async def start(self, spec: WorkerSpec, sock: socket.socket) -> Process:
        """Start a worker that speaks frames on `sock`; raise MlopsError when it cannot."""


@dataclass(slots=True)
class Call:
    """One prediction on its way: its data, until when it may take, and who gets the answer.

    `done` is called exactly once, with the outputs and the batch's predict time in microseconds,
    or with an error and 0. `origin` says on whose account it is made.
    """

    inputs: Inputs
    deadline: float
    done: Callable[[Outputs | MlopsError, int], None]
    solo: bool = False
    origin: Origin | None = None


class Replica(asyncio.Protocol):
    """A worker: `start`, then `send` a batch whenever it is idle, then `stop`.

    `on_result` gets (replica, header, body) of a RESULT or an error; `on_lost` is called once when
    the worker is gone, after `exit_reason` is known.
    """

    def __init__(
        self,
        on_result: Callable[[Replica, Outputs | MlopsError, int], None],
        on_lost: Callable[[Replica], None],
    ) -> None:
        self.batch: list[Call] = []
        self.state = "starting"  # starting, idle, busy, draining, gone
        self.ready_header: dict[str, Any] = {}
        self.started_at = monotonic()
        self.overdue = False  # killed by us, for a call past its deadline
        self.dismissed = False  # no longer wanted: its end is no failure
        self.exit_reason = ""
        self._on_result = on_result
        self._on_lost = on_lost
        self._process: Process | None = None
        self._transport: asyncio.Transport | None = None
        self._reader = frames.Reader()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watch: asyncio.Task[None] | None = None
        self._next_id = 0

    @property
    def pid(self) -> int:
        """The worker's process id; 0 before it is known."""
        return self._process.pid if self._process is not None else 0

    async def start(self, spec: WorkerSpec, spawner: Spawner, timeout: float) -> None:
        """Start the worker and wait until its model is loaded and has predicted once.

        Raises ModelError with the model's own words when it cannot be loaded, Unavailable when no
        process can be started, it is not ready after `timeout` seconds, or it was dismissed
        meanwhile.
        """
        self._check_wanted()
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            try:
                self._process = await spawner.start(spec, theirs)
            finally:
                theirs.close()
            # nobody could end a process that was not there yet
            self._check_wanted()
            await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
        except BaseException:
            ours.close()
            self.kill()
            raise
        self._watch = asyncio.get_running_loop().create_task(self._watch_exit())
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self._ready)
            self._check_wanted()
        except TimeoutError:
            self.kill()
            raise Unavailable(
                f"{spec.model}/{spec.version} was not ready after {timeout:g} s.",
                reason="Loading the model takes longer than the limit.",
                fix=f"Look at the worker's log of endpoint '{spec.endpoint}'.",
                code="load_timeout",
            ) from None
        except BaseException:
            self.kill()
            raise
        self.state = "idle"

    def send(self, batch: list[Call], header: dict[str, Any], buffers: list[bytes]) -> None:
        """Give an idle worker its next batch."""
        assert self.state == "idle"
        assert self._transport is not None
        self.state = "busy"
        self.batch = batch
        self._next_id += 1
        self._transport.writelines(frames.encode(self._next_id, frames.PREDICT, header, buffers))

    def drain(self) -> None:
        """Let it finish what is in hand and exit."""
        if self.state == "idle" and self._transport is not None:
            self._transport.writelines(frames.encode(0, frames.STOP, {}, []))
        if self.state in ("idle", "busy"):
            self.state = "draining"

    def kill(self) -> None:
        """End the worker at once."""
        if self._process is not None:
            self._process.kill()

    async def gone(self) -> None:
        """Wait until the process has ended."""
        if self._watch is not None:
            await asyncio.shield(self._watch)

    # -- asyncio ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._receive(frame)
        except frames.FrameError:
            # a worker is not trusted: what does not speak the protocol is ended
            self.kill()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        # A worker without a socket is of no use, even if a child of its own keeps it alive.
        self.kill()

    # -- inner --------------------------------------------------------------------------------

    def _check_wanted(self) -> None:
        """Raise when it must not become ready: it was dismissed, or its process has ended."""
        if self.dismissed:
            raise Unavailable("The replica is no longer wanted.", code="dismissed")
        if self.state == "gone":
            raise self.died()

    def _receive(self, frame: frames.Frame) -> None:
        if frame.kind == frames.READY:
            self.ready_header = frame.header
            if not self._ready.done():
                self._ready.set_result(None)
            return
        error = None
        if frame.kind == frames.ERROR:
            error = _model_error(frame.header)
            if not self._ready.done():
                self._ready.set_exception(error)
                return
        if frame.id != self._next_id or not self.batch:
            return
        draining = self.state == "draining"
        if not draining:
            self.state = "idle"
        self._on_result(self, *((error, 0) if error else _result(frame)))
        if draining and self._transport is not None:
            self._transport.writelines(frames.encode(0, frames.STOP, {}, []))

    async def _watch_exit(self) -> None:
        assert self._process is not None
        status = await self._process.wait()
        self.state = "gone"
        self.exit_reason = _exit_reason(status, self.overdue)
        if self._transport is not None:
            self._transport.abort()
        if not self._ready.done():
            self._ready.set_exception(
                ModelError(
                    "The worker ended while it loaded the model.",
                    reason=self.exit_reason,
                    fix="Look at the worker's log; load the model in the notebook to see why.",
                    code="load_failed",
                )
            )
            self._ready.exception()  # nobody may be waiting any more
        self._on_lost(self)

    def died(self) -> WorkerDied:
        """The error for calls that this worker held when it went."""
        return WorkerDied(
            "The worker died while it held this call.",
            reason=self.exit_reason,
            fix="Call again: another worker is being started. If it repeats, see the worker's log.",
        )


_SEE_TRACEBACK = "Call the model in the notebook with the same data to see the whole traceback."


def _model_error(header: dict[str, Any]) -> MlopsError:
    """The error that a worker describes; a model may say itself that its input is wrong."""
    name = str(header.get("error_class") or "Exception")
    if name == InvalidInput.__name__ and header.get("phase") != "load":
        return InvalidInput(
            "The model cannot use this input.",
            reason=str(header.get("message") or ""),
            fix="Correct the input and call again.",
        )
    error = ModelError(
        "The model raised an error." if header.get("phase") != "load" else "The model cannot load.",
        reason=f"{name}: {header.get('message') or ''}".strip(),
        fix=str(header.get("fix") or _SEE_TRACEBACK),
        code="model_error" if header.get("phase") != "load" else "load_failed",
    )
    error.error_class = name  # type: ignore[attr-defined]
    return error


def _result(frame: frames.Frame) -> tuple[Outputs | MlopsError, int]:
    """Outputs and predict time of a RESULT; a worker's header is not believed to be well-formed."""
    header, body, start = frame.header, frame.body, 0
    tensors = []
    try:
        for output in header["outputs"]:
            end = start + int(output["size"])
            if not start <= end <= len(body):
                raise ValueError("an output is longer than the frame")
            tensors.append(
                Tensor(
                    str(output["name"]),
                    str(output["datatype"]),
                    tuple(int(size) for size in output["shape"]),
                    bytes(body[start:end]),
                    output.get("content_type"),
                )
            )
            start = end
        extra = dict(header.get("extra") or {})
        outputs = Outputs(int(header["rows"]), str(header["container"]), tuple(tensors), extra)
        return outputs, int(header.get("predict_us", 0))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return (
            ModelError(
                "The worker's answer cannot be understood.",
                reason=f"{type(error).__name__}: {error}"[:200],
                fix="Look at the worker's log.",
                code="unusable_answer",
            ),
            0,
        )


def _exit_reason(status: int, overdue: bool) -> str:
    if overdue:
        return "It was stopped: a call in its batch passed the deadline."
    if status >= 0:
        return f"Its process exited with status {status}."
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    hint = " (often: out of memory)" if -status == signal.SIGKILL else ""
    return f"Its process was ended by {name}{hint}."
