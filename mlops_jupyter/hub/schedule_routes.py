"""Routes on schedules and sweeps."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from mlops_jupyter.hub.routes import Call, Route
from mlops_jupyter.hub.run_routes import RunBody
from mlops_jupyter.hub.schedules import STARTS, Schedules
from mlops_jupyter.hub.sweeps import Sweeps
from mlops_jupyter.training.schedule import jitter, next_starts
from mlops_jupyter.types import InvalidRequest, ScheduleSpec, ScheduleStatus, SweepSpec, SweepStatus

MAX_STARTS = 100


class ScheduleBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A cron rule and what it runs; the fields mean what those of a Kubernetes CronJob mean."""

    run: RunBody
    cron: str
    time_zone: str = "UTC"
    pinned: bool = False
    concurrency: str = "Allow"
    starting_deadline_seconds: float | None = None
    suspended: bool = False
    jitter_seconds: float = 0.0
    succeeded_history: int = 100
    failed_history: int = 100
    revision: int | None = None


class CronQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A cron rule; `name` is the schedule's, on which its part of the jitter depends."""

    cron: str
    time_zone: str = "UTC"
    name: str = ""
    jitter_seconds: float = 0.0
    count: int = STARTS


class CronStarts(msgspec.Struct):
    """The next starts, epoch seconds; `offset_seconds` of jitter are in them."""

    starts: tuple[float, ...]
    offset_seconds: float


class SweepBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A notebook, a space of parameters, and how it is searched for what."""

    run: RunBody
    space: tuple[str, ...]
    search: str = "grid"
    count: int | None = None
    seed: int = 0
    parallel: int = 1
    metric: str = ""
    direction: str = "maximize"


class ScheduleRoutes:
    """Handlers of the routes on schedules."""

    def __init__(self, schedules: Schedules) -> None:
        self._schedules = schedules

    def routes(self) -> list[Route]:
        """The table's part."""
        one, status = "/schedules/{name}", ScheduleStatus
        return [
            Route("GET", "/schedules", "read", "All schedules.", self._all, list[ScheduleStatus]),
            Route("GET", one, "read", "One schedule.", self._show, status, errors=(400, 404)),
            Route(
                "GET", "/cron", "read", "When a cron rule would start something next.",
                self._cron, CronStarts, query=CronQuery, errors=(400,),
            ),
            Route(
                "PUT", one, "run", "Make or replace a schedule.", self._save, status,
                body=ScheduleBody, errors=(400, 404, 409, 413, 503), changes=True,
            ),
            Route(
                "DELETE", one, "run", "Remove a schedule; its runs stay.", self._delete,
                status=204, errors=(400, 404, 503), changes=True,
            ),
            Route(
                "POST", f"{one}/suspend", "run", "Start nothing for now.", self._suspend, status,
                errors=(400, 404, 503), changes=True,
            ),
            Route(
                "POST", f"{one}/resume", "run", "Start runs again.", self._resume, status,
                errors=(400, 404, 503), changes=True,
            ),
            Route(
                "POST", f"{one}/trigger", "run", "Start a run now, beside the rule.",
                self._trigger, status, errors=(400, 404, 503), changes=True,
            ),
        ]  # fmt: skip

    async def _all(self, _call: Call) -> Any:
        return self._schedules.all()

    async def _show(self, call: Call) -> Any:
        return self._schedules.status(call.path["name"])

    async def _cron(self, call: Call) -> Any:
        asked: CronQuery = call.query
        if not 1 <= asked.count <= MAX_STARTS or not 0 <= asked.jitter_seconds <= 86_400:
            raise InvalidRequest(
                "The query string does not fit.",
                reason=f"'count' must be 1 to {MAX_STARTS}, 'jitter_seconds' 0 to 86400.",
                code="invalid_query",
            )
        offset = jitter(asked.name, asked.jitter_seconds)
        starts = next_starts(asked.cron, asked.time_zone, offset, time.time(), asked.count)
        return CronStarts(starts, offset)

    async def _save(self, call: Call) -> Any:
        body: ScheduleBody = call.body
        if body.run.values:
            _refuse_values()
        spec = ScheduleSpec(
            name=call.path["name"],
            cron=body.cron,
            run=body.run.spec(),
            time_zone=body.time_zone,
            pinned=body.pinned,
            concurrency=body.concurrency,  # type: ignore[arg-type]
            starting_deadline_seconds=body.starting_deadline_seconds,
            suspended=body.suspended,
            jitter_seconds=body.jitter_seconds,
            succeeded_history=body.succeeded_history,
            failed_history=body.failed_history,
        )
        return await self._schedules.save(spec, body.run.texts, call.caller, body.revision)

    async def _delete(self, call: Call) -> Any:
        self._schedules.delete(call.path["name"], call.caller)

    async def _suspend(self, call: Call) -> Any:
        return self._schedules.suspend(call.path["name"], True, call.caller)

    async def _resume(self, call: Call) -> Any:
        return self._schedules.suspend(call.path["name"], False, call.caller)

    async def _trigger(self, call: Call) -> Any:
        await self._schedules.trigger(call.path["name"], call.caller)
        return self._schedules.status(call.path["name"])


class SweepRoutes:
    """Handlers of the routes on sweeps."""

    def __init__(self, sweeps: Sweeps) -> None:
        self._sweeps = sweeps

    def routes(self) -> list[Route]:
        """The table's part."""
        one = "/sweeps/{id}"
        return [
            Route(
                "GET", "/sweeps", "read", "All sweeps, newest first.", self._all,
                list[SweepStatus],
            ),
            Route(
                "POST", "/sweeps", "run", "Run a notebook over a space of parameters.",
                self._start, SweepStatus, status=201, body=SweepBody,
                errors=(400, 404, 413, 503), changes=True,
            ),
            Route("GET", one, "read", "One sweep.", self._show, SweepStatus, errors=(404,)),
            Route(
                "POST", f"{one}/cancel", "run", "End a sweep and all its runs.", self._cancel,
                SweepStatus, errors=(404, 409, 503), changes=True,
            ),
        ]  # fmt: skip

    async def _all(self, _call: Call) -> Any:
        return self._sweeps.all()

    async def _show(self, call: Call) -> Any:
        return self._sweeps.status(call.path["id"])

    async def _start(self, call: Call) -> Any:
        body: SweepBody = call.body
        spec = SweepSpec(
            body.run.spec(),
            body.space,
            search=body.search,  # type: ignore[arg-type]
            count=body.count,
            seed=body.seed,
            parallel=body.parallel,
            metric=body.metric,
            direction=body.direction,  # type: ignore[arg-type]
        )
        return await self._sweeps.start(spec, body.run.texts, body.run.values, call.caller)

    async def _cancel(self, call: Call) -> Any:
        return self._sweeps.cancel(call.path["id"], call.caller)


def _refuse_values() -> None:
    raise InvalidRequest(
        "A schedule keeps no values of secrets.",
        reason="It starts runs when nobody is there to give them.",
        fix="Refer to file: or keyring:, or to a variable of the hub's own environment.",
        code="secret_values_refused",
    )
