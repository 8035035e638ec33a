"""One attempt of a run, seen from outside: its executor's events, its memory, and its end."""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import psutil

from mlops_jupyter.training import processes
from mlops_jupyter.training.folder import RunFolder
from mlops_jupyter.training.masking import Mask, StreamMask
from mlops_jupyter.training.outputs import Log, last_line
from mlops_jupyter.training.task import Task
from mlops_jupyter.training.verdict import Attempt, Cause, Outcome
from mlops_jupyter.types import RunSpec

STOP_SECONDS = 6.0
"""How long an executor that was asked to stop may take; it gives its kernel up a second before."""
LEFTOVER_SECONDS = 1.0
"""How long a process that a cell left behind may take to end when it is asked to."""
SAMPLE_SECONDS = 1.0
BOUND_SAMPLE_SECONDS = 0.25
"""Time between two looks at a run's memory, without and with a bound."""
HEARTBEAT_SECONDS = 5.0

_CHANGE = 0.05
_EXIT_SECONDS = 5.0
_MAX_LOG_BYTES = 10 << 20
_TAIL = 4096
_READ_BYTES = 1 << 16

Emit = Callable[[Mapping[str, Any]], None]


class Alarm:
    """Remembers that this process was asked to end, and wakes whoever waits on `descriptor`."""

    def __init__(self) -> None:
        self.rung = False
        self.descriptor, bell = os.pipe()
        for end in (self.descriptor, bell):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ring)

    def wait(self, seconds: float) -> None:
        """Wait for `seconds`, or less if a signal comes."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.descriptor, selectors.EVENT_READ)
            selector.select(seconds)
        self.hush()

    def hush(self) -> None:
        """Take what woke us."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.descriptor, _READ_BYTES)

    def _ring(self, _number: int, _frame: Any) -> None:
        self.rung = True


class Watch:
    """Starts the executor and sees it through; one object an attempt.

    Parameters
    ----------
    alarm
        Cancels the attempt when it rings.
    emit
        Takes the events.
    """

    def __init__(
        self, folder: RunFolder, spec: RunSpec, mask: Mask, alarm: Alarm, emit: Emit
    ) -> None:
        self._folder = folder
        self._spec = spec
        self._alarm = alarm
        self._emit = emit
        self._log = Log(folder.executor_log, _MAX_LOG_BYTES)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._masked = StreamMask(mask)
        self._tail = ""
        self._events = b""
        self._outcome: Outcome | None = None
        self._cause: Cause = ""
        self._stop_at = float("inf")
        self._memory = _Memory(spec.resources.memory_bytes)
        self._oom_kills = processes.oom_kills()

    def run(self, task: Task, running: Callable[[], int | None]) -> Attempt:
        """See the attempt through to where no process of it is left.

        Parameters
        ----------
        running
            Index of the cell that runs, if one does.
        """
        events, events_in = os.pipe()
        log, log_in = os.pipe()
        executor = self._start(task, events_in, log_in)
        os.close(events_in)
        os.close(log_in)
        os.set_blocking(log, False)
        try:
            self._follow(executor, events, log, running)
            returncode = self._end(executor)
            while self._read_log(log) and log in select.select([log], [], [], 0)[0]:
                pass
        finally:
            os.close(events)
            os.close(log)
        words = last_line(self._tail)
        oom_killed = processes.oom_kills() != self._oom_kills
        return Attempt(self._outcome, self._cause, returncode, words, self._memory.used, oom_killed)

    def _start(self, task: Task, events: int, log: int) -> subprocess.Popen[bytes]:
        executor = subprocess.Popen(
            [sys.executable, "-P", "-m", "mlops_jupyter.training.executor", str(events)],
            cwd=self._folder.path,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=(events,),
            start_new_session=True,
        )
        assert executor.stdin is not None
        with contextlib.suppress(BrokenPipeError), executor.stdin as pipe:
            pipe.write(msgspec.json.encode(task))
        return executor

    def _follow(
        self,
        executor: subprocess.Popen[bytes],
        events: int,
        log: int,
        running: Callable[[], int | None],
    ) -> None:
        """Pass on what happens until the executor closes its events, or has to be killed."""
        now = time.monotonic()
        end_at = now + (self._spec.run_seconds or float("inf"))
        sample_at = now + self._memory.gap
        with selectors.DefaultSelector() as selector:
            for descriptor in (events, log, self._alarm.descriptor):
                selector.register(descriptor, selectors.EVENT_READ)
            while now < self._stop_at:
                wait = min(sample_at, self._stop_at, end_at if not self._cause else sample_at) - now
                ready = {key.fd for key, _ in selector.select(max(0.0, wait))}
                if log in ready and not self._read_log(log):
                    selector.unregister(log)
                if events in ready and not self._read_events(events, executor.pid):
                    return
                if self._alarm.descriptor in ready:
                    self._alarm.hush()
                now = time.monotonic()
                if now >= sample_at:
                    sample_at = now + self._memory.gap
                    self._weigh(executor.pid, running())
                if self._alarm.rung:
                    self._stop(executor, "cancelled")
                elif now >= end_at:
                    self._stop(executor, "run_timed_out")

    def _stop(self, executor: subprocess.Popen[bytes], cause: Cause) -> None:
        """Ask the executor to stop, once; it is killed if it takes too long."""
        if not self._cause:
            self._cause = cause
            self._stop_at = time.monotonic() + STOP_SECONDS
            executor.send_signal(signal.SIGUSR1)

    def _weigh(self, executor: int, index: int | None, *, look: bool = True) -> None:
        """Weigh the run: for its bound, its peaks, and as the sign that it lives.

        Without `look` only the processes that are known already are weighed, which is quick.
        """
        if look:
            processes.reap(but=executor)
            self._memory.found = processes.descendants()
        if self._memory.weigh() and not self._cause:
            # there is no time to ask
            self._cause = "out_of_memory"
            self._stop_at = 0.0
        if self._memory.tell(index):
            self._emit({"event": "memory", "bytes": self._memory.used, "index": index})

    def _end(self, executor: subprocess.Popen[bytes]) -> int:
        """Leave no process of the attempt; returns the executor's exit code."""
        killed = self._outcome is None and self._stop_at <= time.monotonic()
        if killed:
            processes.send(processes.descendants(), signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            executor.wait(_EXIT_SECONDS)
        returncode = executor.poll()
        if returncode is None:
            executor.kill()
            returncode = executor.wait()
        processes.end_all(processes.descendants, 0 if killed else LEFTOVER_SECONDS)
        return returncode

    def _read_events(self, descriptor: int, executor: int) -> bool:
        """Pass on what the executor tells; False at its end."""
        read = os.read(descriptor, _READ_BYTES)
        *lines, self._events = (self._events + read).split(b"\n")
        for line in lines:
            event = msgspec.json.decode(line)
            if event["event"] == "outcome":
                self._outcome = msgspec.convert(event, Outcome)
                continue
            if event["event"] == "kernel":
                self._memory.know(event["pid"])
            elif event["event"] == "cell" and event["state"] != "running":
                self._weigh(executor, event["index"], look=False)
            self._emit(event)
        return bool(read)

    def _read_log(self, descriptor: int) -> bool:
        """Keep what executor and kernel write beside their events; False at its end."""
        try:
            read = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return True
        text = self._masked.feed(self._decoder.decode(read))
        text += "" if read else self._masked.flush()
        self._log.write(text)
        self._tail = (self._tail + text)[-_TAIL:]
        return bool(read)


class _Memory:
    """What the processes of an attempt hold, and whether there is something new to say of it."""

    def __init__(self, bound: int) -> None:
        self.found: list[psutil.Process] = []
        self.used = 0
        self.gap = BOUND_SAMPLE_SECONDS if bound else SAMPLE_SECONDS
        self._bound = bound
        self._told = 0
        self._told_at = float("-inf")
        self._told_index: int | None = None

    def know(self, pid: int) -> None:
        """A process has been started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.found.append(psutil.Process(pid))

    def weigh(self) -> bool:
        """Add up what the processes hold; tell whether it is over the bound."""
        self.used = processes.memory(self.found)
        if not 0 < self._bound < self.used:
            return False
        # pages that forked processes share have been counted in each of them
        self.used = processes.memory(self.found, shared_once=True)
        return self.used > self._bound

    def tell(self, index: int | None) -> bool:
        """Whether to say it: after a change, of another cell, or as a sign of life."""
        now = time.monotonic()
        same = abs(self.used - self._told) <= _CHANGE * self._told and index == self._told_index
        if same and now - self._told_at < HEARTBEAT_SECONDS:
            return False
        self._told, self._told_at, self._told_index = self.used, now, index
        return True
