"""The papermill engine of a run: cells one by one, each said when it starts and when it ends."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import from_dict

from mlops_jupyter.training import outputs
from mlops_jupyter.training.artifacts import Artifacts
from mlops_jupyter.training.client import Client, Tell
from mlops_jupyter.training.evidence import Evidence
from mlops_jupyter.training.kernel import Kernel, KernelNotStarted
from mlops_jupyter.training.masking import Mask
from mlops_jupyter.training.notebook import Notebook
from mlops_jupyter.training.repair import encoded
from mlops_jupyter.training.verdict import Outcome, exit_words
from mlops_jupyter.types import CellError, CellProgress
from mlops_jupyter.types.run import CellState

INTERRUPT_SECONDS = 3.0
"""How long an interrupted cell may take to yield."""
TERMINATE_SECONDS = 2.0
"""How long its kernel may then take to end."""

_MAX_VALUE = 2_000
_MAX_TRACEBACK = 20_000

Stop = Literal["", "asked", "cell_timed_out", "SIGINT", "SIGTERM"]


class Engine:
    """Executes one notebook in one kernel, which has been started.

    Parameters
    ----------
    runner
        Runs the loop that the kernel was started in.
    path
        Where the executed notebook is kept.
    logs
        Where the streams ``stdout`` and ``stderr`` go.
    artifacts
        Keeps the files that cells name.
    tell
        Takes the events.
    """

    def __init__(
        self,
        kernel: Kernel,
        runner: asyncio.Runner,
        *,
        path: Path,
        logs: Mapping[str, outputs.Log],
        artifacts: Artifacts,
        mask: Mask,
        tell: Tell,
        cell_seconds: float | None,
    ) -> None:
        self._kernel = kernel
        self._runner = runner
        self._path = path
        self._logs = logs
        self._artifacts = artifacts
        self._mask = mask
        self._tell = tell
        self._cell_seconds = cell_seconds
        self._stop: Stop = ""
        self._asked = asyncio.Event()
        self._given_up = asyncio.Event()
        self.began = False
        self.outcome = Outcome("stopped")

    def nb_kernel_name(self, _nb: Any, _name: str | None = None) -> str:
        """For papermill: the kernel is chosen already."""
        return self._kernel.name

    def nb_language(self, _nb: Any, _language: str | None = None) -> str:
        """For papermill: the language that parameters are written in."""
        return str(self._kernel.language)

    def execute_notebook(self, nb: Any, _kernel_name: str, **_options: Any) -> Any:
        """For papermill: execute `nb`; `outcome` says how it went."""
        self._runner.run(self._execute(nb))
        return nb

    def stop(self, why: Stop) -> None:
        """Interrupt the cell that runs, and execute no other; the first reason counts."""
        if not self._stop:
            self._stop = why
            self._asked.set()

    async def _end_kernel(self) -> None:
        """Once asked to stop: interrupt the kernel, then end it, then give it up."""
        await self._asked.wait()
        await self._kernel.interrupt()
        await asyncio.sleep(INTERRUPT_SECONDS)
        await self._kernel.terminate(TERMINATE_SECONDS)
        self._given_up.set()

    async def _execute(self, nb: Any) -> None:
        self.began = True
        loop = asyncio.get_running_loop()
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
        nb.metadata.kernelspec = {
            "name": self._kernel.name,
            "display_name": self._kernel.display_name,
            "language": self._kernel.language,
        }
        self._evidence = Evidence(nb, self._path, loop.call_later)
        self._evidence.cells = described(nb)
        self._tell({"event": "cells", "cells": [_said(c) for c in self._evidence.cells.values()]})
        self._evidence.changed()
        ending = asyncio.ensure_future(self._end_kernel())
        try:
            self.outcome = await self._start_and_execute(nb)
        finally:
            ending.cancel()
            self._write_last()

    def _write_last(self) -> None:
        try:
            self._evidence.write()
        except OSError as error:
            reason = f"The executed notebook could not be written: {error.strerror or error}."
            if self.outcome.state == "succeeded":
                self.outcome = Outcome("failed", "output_not_written", reason)
            else:
                self.outcome = replace(self.outcome, reason=f"{self.outcome.reason} {reason}")

    async def _start_and_execute(self, nb: Any) -> Outcome:
        ready = asyncio.ensure_future(self._kernel.ready())
        if not await _before(ready, self._asked):
            return self._stopped()
        try:
            client = Client(
                nb,
                self._kernel,
                ready.result(),
                self._mask,
                self._logs,
                self._artifacts,
                self._tell,
            )
        except KernelNotStarted as error:
            return self._kernel_ended(error.code, str(error))
        self._tell(
            {
                "event": "kernel",
                "name": self._kernel.name,
                "language": self._kernel.language,
                "pid": self._kernel.pid,
            }
        )
        outcome = await self._cells(client, nb)
        nb.metadata.language_info = self._kernel.language_info
        client.set_widgets_metadata()
        return outcome

    async def _cells(self, client: Client, nb: Any) -> Outcome:
        for index, cell in enumerate(nb.cells):
            if self._stop:
                return self._stopped()
            if cell.cell_type != "code":
                continue
            ended = await self._cell(client, index, cell)
            if ended is not None:
                return ended
        return Outcome("succeeded")

    async def _cell(self, client: Client, index: int, cell: Any) -> Outcome | None:
        """Execute one cell; returns how the run ended if it ended here."""
        begun = time.monotonic()
        self._mark(index, state="running", started_at=time.time())
        self._tell({"event": "cell", "index": index, "state": "running"})
        ended = await self._settle(client, index, cell)
        client.end_cell()
        if not self._stop:
            refused = await self._keep_artifacts(index, cell)
            ended = ended or refused
        known = self._mark(
            index,
            state=_cell_state(ended, self._stop),
            seconds=round(time.monotonic() - begun, 6),
            outputs_sha256=outputs.outputs_sha256(cell.outputs),
        )
        self._tell(
            {
                "event": "cell",
                "index": index,
                "state": known.state,
                "seconds": known.seconds,
                "outputs_sha256": known.outputs_sha256,
            }
        )
        return ended

    async def _settle(self, client: Client, index: int, cell: Any) -> Outcome | None:
        timer = None
        if self._cell_seconds is not None:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(self._cell_seconds, self.stop, "cell_timed_out")
        executing = asyncio.ensure_future(client.run_cell(cell, index))
        try:
            if not await _before(executing, self._given_up):
                return self._stopped(index, cell)
            executing.result()
        except DeadKernelError:
            if not self._stop:
                return self._kernel_ended(
                    "kernel_died", f"The kernel died in {self._named(index)}."
                )
        except CellExecutionError as exception:
            if not self._stop:
                return self._cell_failed(index, cell, exception)
        finally:
            if timer is not None:
                timer.cancel()
        return self._stopped(index, cell) if self._stop else None

    async def _keep_artifacts(self, index: int, cell: Any) -> Outcome | None:
        """Keep the files that the cell has named; one that cannot be is the cell's error."""
        kept, error = await asyncio.to_thread(self._artifacts.keep)
        for artifact in kept:
            self._tell({"event": "artifact", **asdict(artifact)})
        if error is None:
            return None
        name, said = type(error).__name__, self._mask.text(str(error))
        shown = {"output_type": "error", "ename": name, "evalue": said}
        cell.outputs.append(from_dict({**shown, "traceback": [f"{name}: {said}"]}))  # type: ignore[no-untyped-call]
        return self._failed(CellError(index, name, said))

    def _cell_failed(self, index: int, cell: Any, exception: CellExecutionError) -> Outcome:
        error = self._error(index, cell) or CellError(
            index,
            self._mask.text(exception.ename)[:_MAX_VALUE],
            self._mask.text(exception.evalue)[:_MAX_VALUE],
        )
        if error.name == "SystemExit" and error.value in ("", "0", "None"):
            reason = f"{self._named(index)} ended the notebook itself; "
            return Outcome("succeeded", "ended_early", reason + "the cells after it were not run.")
        return self._failed(error)

    def _failed(self, error: CellError) -> Outcome:
        said = f"{error.name}: {error.value}" if error.value else error.name
        reason = f"{self._named(error.cell)} failed: {said}"
        return Outcome("failed", "cell_failed", reason, error=error)

    def _kernel_ended(self, code: str, reason: str) -> Outcome:
        returncode = self._kernel.returncode
        if returncode is None:
            return Outcome("failed", code, reason)
        reason = f"{reason} Its process ended with {exit_words(returncode)}."
        return Outcome(
            "failed",
            code,
            reason,
            exit_code=returncode if returncode >= 0 else None,
            signal=-returncode if returncode < 0 else None,
        )

    def _stopped(self, index: int = -1, cell: Any = None) -> Outcome:
        """The run was ended from outside, or by the cell's own time limit."""
        if self._stop == "cell_timed_out":
            reason = f"{self._named(index)} took longer than its {self._cell_seconds:g} s."
            error = self._error(index, cell)
            return Outcome("timed_out", "cell_timed_out", reason, error=error)
        if self._stop in ("SIGINT", "SIGTERM"):
            reason = f"The process that executed the notebook was ended by {self._stop}."
            number = int(signal.Signals[self._stop])
            return Outcome("failed", "executor_died", reason, signal=number)
        return Outcome("stopped")

    def _error(self, index: int, cell: Any) -> CellError | None:
        """The exception that the cell shows; it is masked already."""
        shown = [output for output in cell.outputs if output["output_type"] == "error"]
        if not shown:
            return None
        traceback = outputs.plain("\n".join(shown[-1].get("traceback", ())))
        return CellError(
            index,
            str(shown[-1].get("ename", ""))[:_MAX_VALUE],
            outputs.plain(str(shown[-1].get("evalue", "")))[:_MAX_VALUE],
            traceback[-_MAX_TRACEBACK:],
        )

    def _named(self, index: int) -> str:
        title = self._mask.text(self._evidence.cells[index].title)
        return f"Cell {index} ({title})" if title else f"Cell {index}"

    def _mark(self, index: int, **changes: Any) -> CellProgress:
        known = replace(self._evidence.cells[index], **changes)
        self._evidence.cells[index] = known
        self._evidence.changed()
        return known


def described(nb: Any) -> dict[int, CellProgress]:
    """The code cells of a notebook by position, all pending."""
    cells = Notebook.read(encoded(nb)).code_cells
    return {
        cell.index: CellProgress(cell.index, title=cell.title, source_sha256=cell.source_sha256)
        for cell in cells
    }


async def _before(task: asyncio.Future[Any], event: asyncio.Event) -> bool:
    """Wait for `task`, which is cancelled if `event` comes first; tell whether it did not."""
    other = asyncio.ensure_future(event.wait())
    await asyncio.wait({task, other}, return_when=asyncio.FIRST_COMPLETED)
    other.cancel()
    if task.done():
        return True
    task.cancel()
    await asyncio.wait({task}, timeout=1)
    return False


def _cell_state(ended: Outcome | None, stop: Stop) -> CellState:
    if ended is None or ended.state == "succeeded":
        return "completed"
    if stop == "asked":
        return "cancelled"
    return "unknown" if stop in ("SIGINT", "SIGTERM") else "failed"


def _said(cell: CellProgress) -> dict[str, Any]:
    return {"index": cell.index, "title": cell.title, "source_sha256": cell.source_sha256}
