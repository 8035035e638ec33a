"""The process that watches one run from its first attempt to its verdict; it outlives the hub.

``python -m mlops_jupyter.training.supervisor RUN_FOLDER`` with the secrets as JSON on standard
input. SIGTERM cancels the run.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import psutil

from mlops_jupyter.training import processes
from mlops_jupyter.training.folder import (
    MAX_EVENT_BYTES,
    RunFolder,
    channels_prefix,
    write_atomically,
)
from mlops_jupyter.training.masking import Mask
from mlops_jupyter.training.progress import advance
from mlops_jupyter.training.repair import encoded, marked
from mlops_jupyter.training.task import Task
from mlops_jupyter.training.verdict import Verdict, judge, retriable, settled
from mlops_jupyter.training.watch import Alarm, Watch
from mlops_jupyter.types import RunStatus

HEARTBEAT_SECONDS = 5.0
MAX_BACKOFF_SECONDS = 3600.0


def main() -> int:
    """Supervise the run in the folder that is the only argument."""
    folder = RunFolder(Path(sys.argv[1]).absolute())
    secrets = msgspec.json.decode(sys.stdin.buffer.read() or b"{}", type=dict[str, str])
    alarm = Alarm()
    started = psutil.Process().create_time()
    lock = folder.claim(os.getpid(), started)
    processes.adopt_orphans()
    try:
        Supervisor(folder, secrets, alarm).run()
    except Exception as error:
        # a fault of ours must not leave a run without its end
        processes.end_all(processes.descendants, 0)
        reason = f"The run's supervisor failed: {type(error).__name__}: {error}"
        verdict = Verdict("failed", "supervisor_failed", reason, ended_at=time.time())
        folder.drop_ballast()
        write_atomically(folder.result_file, msgspec.json.encode(verdict))
        raise
    finally:
        os.close(lock)
    if folder.output.exists():
        render(folder)
    return 0


def render(folder: RunFolder) -> None:
    """Have the executed notebook made into HTML by a process that nobody waits for."""
    subprocess.Popen(
        [sys.executable, "-P", "-m", "mlops_jupyter.training.html", str(folder.path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


class Supervisor:
    """Supervises the run of `folder`; one object a process."""

    def __init__(self, folder: RunFolder, secrets: Mapping[str, str], alarm: Alarm) -> None:
        self._folder = folder
        self._spec = folder.spec()
        self._secrets = dict(secrets)
        self._mask = Mask(secrets.values())
        # what the hub makes of the events is what the verdict says of cells and metrics
        self._status = RunStatus(folder.run_id, self._spec, "starting", started_at=time.time())
        self._alarm = alarm

    def run(self) -> Verdict:
        """Attempt it as often as was asked for, and write the verdict."""
        self._folder.hold_ballast()
        number = 1
        verdict = self._attempt(number)
        while number <= self._spec.retries and retriable(verdict):
            number += 1
            verdict = self._attempt(number) if self._pause(verdict) else _not_again(verdict)
        verdict = self._delivered(self._complete(verdict))
        self._folder.drop_ballast()
        write_atomically(self._folder.result_file, msgspec.json.encode(verdict))
        self._emit({"event": "end", **msgspec.to_builtins(verdict)})
        return verdict

    def _attempt(self, number: int) -> Verdict:
        self._emit({"event": "attempt", "attempt": number})
        self._folder.output.unlink(missing_ok=True)
        channels = tempfile.mkdtemp(prefix=channels_prefix(self._folder.run_id))
        try:
            task = Task(os.getpid(), channels, self._secrets)
            watch = Watch(self._folder, self._spec, self._mask, self._alarm, self._emit)
            seen = watch.run(task, self._running)
        finally:
            shutil.rmtree(channels, ignore_errors=True)
        verdict = judge(
            seen,
            run_seconds=self._spec.run_seconds,
            memory_bytes=self._spec.resources.memory_bytes,
        )
        cells = settled(self._status.cells, verdict, time.time())
        self._status = replace(self._status, cells=cells)
        if seen.outcome is None:
            self._repair()
        return verdict

    def _running(self) -> int | None:
        cell = self._status.cell
        return cell.index if cell is not None and cell.state == "running" else None

    def _pause(self, verdict: Verdict) -> bool:
        """Wait before the next attempt; tell whether there is to be one."""
        doubled = self._spec.backoff_seconds * 2 ** (self._status.attempt - 1)
        deadline = time.monotonic() + min(doubled, MAX_BACKOFF_SECONDS)
        until = time.time() + min(doubled, MAX_BACKOFF_SECONDS)
        why = {"code": verdict.code, "reason": verdict.reason}
        self._emit({"event": "retry", "until": until, **why})
        while not self._alarm.rung and time.monotonic() < deadline:
            self._alarm.wait(min(HEARTBEAT_SECONDS, deadline - time.monotonic()))
            self._emit({"event": "memory", "bytes": 0})
        return not self._alarm.rung

    def _complete(self, verdict: Verdict) -> Verdict:
        """The verdict on the last attempt with what was seen of the run."""
        return replace(
            verdict,
            attempt=self._status.attempt,
            started_at=self._status.started_at or 0.0,
            ended_at=time.time(),
            peak_bytes=self._status.peak_bytes,
            metrics=self._status.metrics,
            cells=self._status.cells,
        )

    def _delivered(self, verdict: Verdict) -> Verdict:
        """Put a copy of the executed notebook where it was asked for."""
        if self._spec.output is None or not self._folder.output.exists():
            return verdict
        path = Path(self._spec.notebook).parent / self._spec.folder / self._spec.output
        try:
            write_atomically(path, self._folder.output.read_bytes())
        except OSError as error:
            reason = f"The executed notebook could not be written to {path}: {error.strerror}."
            if verdict.state == "succeeded":
                return replace(verdict, state="failed", code="output_not_written", reason=reason)
            return replace(verdict, reason=f"{verdict.reason} {reason}")
        return verdict

    def _repair(self) -> None:
        """Make the executed notebook true whose executor was killed."""
        for path in (self._folder.output, self._folder.input):
            try:
                notebook = json.loads(path.read_bytes())
                cells = {cell.index: cell for cell in self._status.cells}
                write_atomically(self._folder.output, encoded(marked(notebook, cells)))
            except (OSError, ValueError, AttributeError, TypeError):
                # not written yet, no notebook, or a full disk: then the verdict alone is true
                continue
            return

    def _emit(self, event: Mapping[str, Any]) -> None:
        """Keep an event, also where the disk is full."""
        event = {"t": time.time(), **event}
        self._status = advance(self._status, event)
        line = msgspec.json.encode(event)
        if len(line) <= MAX_EVENT_BYTES:
            with contextlib.suppress(OSError):
                self._folder.append(line)


def _not_again(verdict: Verdict) -> Verdict:
    reason = f"The run was cancelled before it was attempted again. {verdict.reason}"
    return Verdict("cancelled", reason=reason, error=verdict.error)


if __name__ == "__main__":
    sys.exit(main())
