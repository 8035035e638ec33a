"""What is known of a run beyond its events: its lineage when it starts, MLflow's run at its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_jupyter.hub.run_publisher import RunPublisher, kernel_variables, unpublished
from mlops_jupyter.hub.runs import Runs
from mlops_jupyter.training.folder import write_atomically
from mlops_jupyter.types import MlopsError, NotFound, RunStatus, SweepStatus, Unavailable

PUBLISH = "MLOPS_JUPYTER_PUBLISH_RUNS"
"""Environment variable: ``0`` lets runs leave nothing in MLflow but what their notebooks write."""

PARENT_SECONDS = 20.0
"""Longest wait for MLflow's parent run of a sweep; later its runs find it by its tag."""

_log = logging.getLogger(__name__)


def lineage(run: RunStatus, folder: Path) -> dict[str, Any]:
    """Facts for the record of a run that starts, with files beside them; blocks, never raises."""
    from mlops_jupyter.registry.run_lineage import kernel_interpreter, run_lineage

    kernel = run.spec.kernel or str(run.record.get("code", {}).get("kernel") or "python3")
    said = run.record.get("parameters", {})
    values = {name: one.get("value") for name, one in said.items()} | run.spec.parameters
    facts, files = run_lineage(Path(run.spec.notebook), kernel_interpreter(kernel), values)
    for name, content in files.items():
        with contextlib.suppress(OSError):
            write_atomically(folder / name, content)
    return facts


class Publications:
    """Writes ended runs and sweeps to MLflow, and takes from there what a notebook logged.

    Parameters
    ----------
    home
        State directory.
    """

    def __init__(self, home: Path, runs: Runs) -> None:
        self._home = home
        self._runs = runs
        self._publisher = RunPublisher(home) if os.environ.get(PUBLISH, "1") != "0" else None
        self._parents: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_published: list[Callable[[RunStatus], None]] = []
        runs.on_end.append(self._run_ended)

    @property
    def active(self) -> bool:
        """Whether anything is written at all."""
        return self._publisher is not None

    def variables(self, run: RunStatus) -> dict[str, str]:
        """Variables by which MLflow in a run's kernel writes where the run is written to."""
        return kernel_variables(self._home, run, self._parents.get(run.spec.sweep or ""))

    async def begin_sweep(self, sweep: SweepStatus) -> None:
        """Make MLflow's parent run, if MLflow answers soon."""
        if self._publisher is None:
            return
        try:
            async with asyncio.timeout(PARENT_SECONDS):
                self._parents[sweep.id] = await self._publisher.start_sweep(sweep)
        except (MlopsError, TimeoutError) as error:
            _log.warning("sweep %s has no run in MLflow yet: %s", sweep.id, error)

    def end_sweep(self, sweep: SweepStatus) -> None:
        """Close MLflow's parent run; returns at once."""
        self._parents.pop(sweep.id, None)
        if self._publisher is not None:
            self._do(self._end_sweep(self._publisher, sweep))

    async def compare_models(self, first: str, second: str) -> dict[str, Any]:
        """Whether two registered versions predict the same; see `RunPublisher.compare_models`."""
        if self._publisher is None:
            raise Unavailable(f"Runs have nothing to do with MLflow here: {PUBLISH} is 0.")
        return await self._publisher.compare_models(first, second)

    def catch_up(self, runs_folder: Path) -> None:
        """Hand over the runs that an earlier hub did not; returns at once."""
        if self._publisher is not None:
            self._do(self._catch_up(runs_folder))

    async def close(self) -> None:
        """Give up what waits: the next hub hands it over."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._publisher is not None:
            await self._publisher.close()

    # -- parts --------------------------------------------------------------------------------

    def _run_ended(self, run: RunStatus) -> None:
        if self._publisher is None or run.started_at is None:
            self._tell(run)
        else:
            self._do(self._publish(self._publisher, run))

    async def _publish(self, publisher: RunPublisher, run: RunStatus) -> None:
        try:
            published = await publisher.publish(run, self._runs.folder(run.id).path)
            found = replace(
                run,
                mlflow_run_id=published.mlflow_run_id,
                metrics={**published.metrics, **run.metrics},
            )
            self._runs.amend(found)
        except (MlopsError, OSError) as error:
            _log.warning("run %s is not in MLflow: %s", run.id, error)
            found = run
        self._tell(found)

    async def _end_sweep(self, publisher: RunPublisher, sweep: SweepStatus) -> None:
        try:
            await publisher.end_sweep(sweep)
        except MlopsError as error:
            _log.warning("sweep %s is not closed in MLflow: %s", sweep.id, error)

    async def _catch_up(self, runs_folder: Path) -> None:
        for run_id in await asyncio.to_thread(unpublished, runs_folder):
            with contextlib.suppress(NotFound):
                run = self._runs.get(run_id)
                if run.ended and self._publisher is not None:
                    await self._publish(self._publisher, run)

    def _tell(self, run: RunStatus) -> None:
        for told in self.on_published:
            told(run)

    def _do(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
