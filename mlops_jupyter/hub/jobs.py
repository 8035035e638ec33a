"""Runs, sweeps and schedules, put together: what the hub opens, serves and keeps going."""

from __future__ import annotations

import os
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import psutil
from sqlalchemy.engine import Engine

from mlops_jupyter.audit import Ledger
from mlops_jupyter.hub.home import Home
from mlops_jupyter.hub.notices import Notices
from mlops_jupyter.hub.publications import Publications, lineage
from mlops_jupyter.hub.reruns import Reruns
from mlops_jupyter.hub.routes import Route
from mlops_jupyter.hub.run_routes import RunRoutes
from mlops_jupyter.hub.run_start import JUPYTER_PATH
from mlops_jupyter.hub.run_store import RunStore
from mlops_jupyter.hub.running import Running
from mlops_jupyter.hub.runs import Runs
from mlops_jupyter.hub.schedule_routes import ScheduleRoutes, SweepRoutes
from mlops_jupyter.hub.schedule_store import ScheduleStore
from mlops_jupyter.hub.schedules import Schedules
from mlops_jupyter.hub.sweep_store import SweepStore
from mlops_jupyter.hub.sweeps import Sweeps
from mlops_jupyter.hub.webhooks import Webhooks
from mlops_jupyter.targets.local import LocalTarget
from mlops_jupyter.training.queue import Slots
from mlops_jupyter.types import InvalidRequest, RunStatus

CPUS = "MLOPS_JUPYTER_RUN_CPUS"
"""Environment variable: how many cores runs may have together; default all."""

_MEMORY_SHARE = 0.9


@dataclass
class Jobs:
    """What the hub has to do with notebooks."""

    runs: Runs
    sweeps: Sweeps
    schedules: Schedules
    webhooks: Webhooks
    publications: Publications
    reruns: Reruns

    @classmethod
    def open(
        cls,
        home: Home,
        engine: Engine,
        reader: Engine,
        ledger: Ledger,
        notices: Notices,
        target: LocalTarget,
    ) -> Jobs:
        """Open the tables and take over what an earlier hub has left."""
        store = RunStore(engine, reader, ledger)
        slots = Slots(
            cpus=_cpus(),
            memory_bytes=int(psutil.virtual_memory().total * _MEMORY_SHARE),
            gpus=len(target.gpus()),
        )

        def environment(run: RunStatus) -> Mapping[str, str]:
            known = publications.variables(run)
            # an environment that was made again has its kernelspec apart
            place = str(run.record.get("jupyter_path") or "")
            return {**known, "MLOPS_JUPYTER_RUN_USER": run.submitted_by, JUPYTER_PATH: place}

        runs = Runs(
            Running(store, home.runs, notices, slots, target.inventory, environment, lineage)
        )
        publications = Publications(home.root, runs)
        sweeps = Sweeps(SweepStore(engine, reader, ledger), runs, notices, publications)
        schedules = Schedules(
            ScheduleStore(engine, reader, ledger), runs, store, notices, home.notebooks
        )
        webhooks = Webhooks(home.keys / "webhook")
        runs.on_end.append(webhooks.run_ended)
        runs.restore()
        sweeps.restore()
        publications.catch_up(home.runs)
        reruns = Reruns(runs, publications, home.rebuilt)
        return cls(runs, sweeps, schedules, webhooks, publications, reruns)

    def routes(self) -> list[Route]:
        """The control API's part."""
        return [
            *RunRoutes(self.runs, self.reruns).routes(),
            *SweepRoutes(self.sweeps).routes(),
            *ScheduleRoutes(self.schedules).routes(),
        ]

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """What goes on as long as the hub does."""
        return [self.runs.supervise(), self.schedules.keep_time()]

    async def close(self) -> None:
        """Stop following; what runs goes on."""
        await self.runs.close()
        await self.webhooks.close()
        await self.reruns.close()
        await self.publications.close()


def _cpus() -> float:
    text = os.environ.get(CPUS)
    if not text:
        return float(os.cpu_count() or 1)
    try:
        cpus = float(text)
    except ValueError:
        cpus = 0.0
    if not 0 < cpus <= 4096:
        raise InvalidRequest(
            f"{CPUS} is not a number of cores.",
            fix="Set it to a number over 0, or unset it.",
            code="invalid_setting",
        )
    return cpus
