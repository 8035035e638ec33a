"""Sweeps: runs of one notebook over a space of parameters, and the best of them.

A grid and a random search put all their runs into the queue at once; a search that learns asks for
the next point when a run has ended. A hub that starts goes on from the runs that there are.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlops_jupyter.hub import records
from mlops_jupyter.hub.notices import Notices
from mlops_jupyter.hub.publications import Publications
from mlops_jupyter.hub.run_store import RunFilter
from mlops_jupyter.hub.runs import Runs
from mlops_jupyter.hub.submission import Submission, prepare
from mlops_jupyter.hub.sweep_store import SweepStore
from mlops_jupyter.training.notebook import Notebook
from mlops_jupyter.training.parameters import declared
from mlops_jupyter.training.sweep import Objective, Search, Trial, best, open_search, parse_space
from mlops_jupyter.types import (
    Caller,
    Conflict,
    MlopsError,
    NotFound,
    RunSpec,
    RunStatus,
    SweepSpec,
    SweepStatus,
    Trigger,
)

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class LiveSweep:
    """A sweep that goes on: its search, and the runs that it has started by id."""

    status: SweepStatus
    search: Search
    base: Submission
    values: Mapping[str, str] = field(default_factory=dict)
    caller: Caller | None = None
    trials: dict[str, Trial] = field(default_factory=dict)
    cancelled_by: str = ""


class Sweeps:
    """All sweeps of the hub and the verbs on them."""

    def __init__(
        self, store: SweepStore, runs: Runs, notices: Notices, publications: Publications
    ) -> None:
        self._store = store
        self._runs = runs
        self._notices = notices
        self._live: dict[str, LiveSweep] = {}
        self._publications = publications
        runs.on_end.append(self._run_ended)
        publications.on_published.append(self._run_published)

    def all(self) -> list[SweepStatus]:
        """Every sweep, newest first."""
        live = self._live
        return [live[one.id].status if one.id in live else one for one in self._store.all()]

    def status(self, sweep: str) -> SweepStatus:
        """One sweep; raise NotFound otherwise."""
        live = self._live.get(sweep)
        kept = live.status if live else self._store.get(sweep)
        if kept is None:
            raise NotFound(
                "There is no such sweep.",
                fix="mlops-jupyter runs list shows the runs and the sweeps they belong to.",
                code="no_such_sweep",
            )
        return kept

    async def start(
        self, spec: SweepSpec, texts: dict[str, str], values: Mapping[str, str], caller: Caller
    ) -> SweepStatus:
        """Start a sweep: its space and its notebook are checked before any run is queued.

        Raises
        ------
        InvalidRequest
            The space, the search or the parameters do not fit.
        """
        base = await asyncio.to_thread(prepare, spec.run, texts, "given")
        search = await asyncio.to_thread(_search_of, spec, base)
        sweep = "s" + secrets.token_hex(6)
        run = replace(base.spec, sweep=sweep, trigger=Trigger("sweep", sweep))
        status = SweepStatus(
            sweep,
            replace(spec, run=run),
            submitted_at=round(time.time(), 6),
            submitted_by=records.subject(caller),
            total=search.total or spec.count or 0,
        )
        first = search.ask()
        if first is not None:
            # what fits one point fits all: names and types are the same
            await asyncio.to_thread(prepare, self._with(run, first), None, "sweep")
        live = LiveSweep(status, search, base, values, caller)
        self._store.save(status, _record("sweep.start", status, caller))
        self._live[sweep] = live
        self._runs.parallel[sweep] = spec.parallel
        await self._publications.begin_sweep(status)
        if first is not None:
            await self._submit(live, first)
        await self._fill(live)
        return live.status

    def cancel(self, sweep: str, caller: Caller | None) -> SweepStatus:
        """End a sweep and all its runs.

        Raises
        ------
        Conflict
            It has ended already.
        """
        status = self.status(sweep)
        live = self._live.get(sweep)
        if live is None:
            raise Conflict(
                f"The sweep {sweep} has ended already.",
                reason=f"It is {status.state}.",
                code="sweep_ended",
            )
        live.cancelled_by = records.subject(caller)
        for run in [one for one in self._runs.active() if one.spec.sweep == sweep]:
            self._runs.cancel(run.id, caller)
        self._settle(live)
        return self.status(sweep)

    def restore(self) -> None:
        """Go on with the sweeps of the hub before."""
        for status in self._store.all(unended=True):
            known, _ = self._runs.page(RunFilter(sweep=status.id, limit=10_000))
            runs = sorted(map(_decoded, known), key=lambda one: one.submitted_at)
            try:
                base = self._base(status.spec.run, runs)
                search = _search_of(status.spec, base)
            except (MlopsError, OSError) as error:
                _log.warning("sweep %s cannot go on: %s", status.id, error)
                continue
            # what has ended is counted anew
            live = LiveSweep(replace(status, done=0, failed=0), search, base)
            self._live[status.id] = live
            self._runs.parallel[status.id] = status.spec.parallel
            for run in runs:
                point = self._point(live, run)
                search.replay(point)
                live.trials[run.id] = Trial(run.id, point, None)
                if run.ended:
                    self._tell(live, run)
            asyncio.get_running_loop().create_task(self._fill(live))

    def _base(self, spec: RunSpec, runs: Sequence[RunStatus]) -> Submission:
        """The sweep's notebook: as its runs have it, whatever became of the file."""
        if not runs:
            return prepare(spec, None, "given")
        first = self._runs.get(runs[0].id)
        copy = self._runs.folder(first.id).input.read_bytes()
        return Submission(spec, copy, first.record, declared(Notebook.read(copy)))

    # -- parts --------------------------------------------------------------------------------

    async def _fill(self, live: LiveSweep) -> None:
        """Put into the queue what the search asks for now."""
        try:
            while not live.cancelled_by:
                going = sum(not trial.ended for trial in live.trials.values())
                if live.search.learns and going >= live.status.spec.parallel:
                    break
                point = live.search.ask()
                if point is None:
                    break
                await self._submit(live, point)
        except MlopsError as error:
            _log.warning("sweep %s: %s", live.status.id, error)
            live.status = replace(live.status, state="failed", reason=str(error))
        self._settle(live)

    async def _submit(self, live: LiveSweep, point: dict[str, Any]) -> None:
        spec = self._with(live.status.spec.run, point)
        base = live.base
        given = {name: {"value": value, "from": "sweep"} for name, value in point.items()}
        parameters = {**base.record.get("parameters", {}), **given}
        run = self._runs.submit(
            spec,
            base.copy,
            live.caller,
            values=live.values,
            record={**base.record, "parameters": parameters},
        )
        live.trials[run.id] = Trial(run.id, point, None)

    def _with(self, run: RunSpec, point: Mapping[str, Any]) -> RunSpec:
        return replace(run, parameters={**run.parameters, **point})

    def _point(self, live: LiveSweep, run: RunStatus) -> dict[str, Any]:
        names = live.search.names
        return {name: run.spec.parameters[name] for name in names if name in run.spec.parameters}

    def _run_ended(self, run: RunStatus) -> None:
        live = self._live.get(run.spec.sweep or "")
        metric = live.status.spec.metric if live else ""
        unknown = run.state == "succeeded" and metric and metric not in run.metrics
        # the notebook may have told MLflow alone
        if not (unknown and self._publications.active):
            self._run_published(run)

    def _run_published(self, run: RunStatus) -> None:
        live = self._live.get(run.spec.sweep or "")
        if live is None or run.id not in live.trials or live.trials[run.id].ended:
            return
        self._tell(live, run)
        if live.search.learns and not live.cancelled_by:
            asyncio.get_running_loop().create_task(self._fill(live))
        else:
            self._settle(live)

    def _tell(self, live: LiveSweep, run: RunStatus) -> None:
        value = run.metrics.get(live.status.spec.metric) if run.state == "succeeded" else None
        trial = replace(live.trials[run.id], value=value, ended=True)
        live.trials[run.id] = trial
        live.search.tell(trial)
        spec = live.status.spec
        top = best(live.trials.values(), Objective(spec.metric, spec.direction))
        live.status = replace(
            live.status,
            done=live.status.done + 1,
            failed=live.status.failed + (run.state != "succeeded"),
            best_run=top.run_id if top else None,
            best_value=top.value if top else None,
        )
        self._notices.sweep(live.status.id)

    def _settle(self, live: LiveSweep) -> None:
        """End the sweep when its last run has ended."""
        status = live.status
        going = any(not trial.ended for trial in live.trials.values())
        if going or status.id not in self._live:
            return
        if not live.cancelled_by and status.state == "running" and not live.search.exhausted:
            return
        state, reason = status.state, status.reason
        if live.cancelled_by:
            state, reason = "cancelled", f"Cancelled by {live.cancelled_by}."
        elif state == "running":
            failed = status.failed == status.done
            state = "failed" if failed else "succeeded"
            reason = "No run of it succeeded." if failed else ""
        live.status = replace(
            status, state=state, reason=reason, ended_at=round(time.time(), 6),
            total=max(status.total, status.done),
        )  # fmt: skip
        self._store.save(live.status, _record("sweep.end", live.status, None))
        self._publications.end_sweep(live.status)
        del self._live[status.id]
        self._runs.parallel.pop(status.id, None)
        self._notices.sweep(status.id)


def _search_of(spec: SweepSpec, base: Submission) -> Search:
    return open_search(
        spec.search,
        parse_space(spec.space, base.declared),
        count=spec.count,
        seed=spec.seed,
        objective=Objective(spec.metric, spec.direction),
    )


def _decoded(entry: Any) -> RunStatus:
    import msgspec

    return entry if isinstance(entry, RunStatus) else msgspec.json.decode(entry, type=RunStatus)


def _record(action: str, status: SweepStatus, caller: Caller | None) -> dict[str, Any]:
    spec = status.spec
    record = records.control("outcome", action, caller, status=200)
    detail: dict[str, Any] = {
        "sweep": status.id,
        "notebook": spec.run.notebook,
        "space": list(spec.space),
        "search": spec.search,
        "runs": status.total,
        "state": status.state,
    }
    if spec.metric:
        detail["metric"] = f"{spec.direction} {spec.metric}"
    if status.best_run:
        detail["best"] = f"{status.best_run}: {status.best_value!r}"
    return {**record, "detail": detail}
