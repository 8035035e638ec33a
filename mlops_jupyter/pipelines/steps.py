"""One attempt of one step: its data bound to the endpoint's signature, its call, its record.

A step is called as any caller would call the endpoint: by its traffic, with its shadows, counted
for its scaling. It runs on the pipeline's account: who may call the pipeline need not be allowed to
call the endpoint, and the record says who asked and through which pipeline.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Protocol

import orjson

from mlops_jupyter.audit import Entry, Payload
from mlops_jupyter.pipelines.binding import JSON, LARGE_BYTES, bind, read_fields, write_inputs
from mlops_jupyter.pipelines.fields import Context
from mlops_jupyter.pipelines.graph import Step
from mlops_jupyter.serving import oip_response
from mlops_jupyter.serving.account import Account, Trace
from mlops_jupyter.serving.oip_request import Options
from mlops_jupyter.serving.predictions import encode_predictions
from mlops_jupyter.serving.replica import Call
from mlops_jupyter.serving.routing import Route, ServedVersion, blank_record
from mlops_jupyter.serving.tensors import Inputs, Outputs
from mlops_jupyter.types import (
    AuditPolicy,
    DeadlineExceeded,
    MlopsError,
    Unavailable,
)

_BINARY_OPTIONS = Options(None, None, True)


class Door(Protocol):
    """What a pipeline needs of the gateway."""

    def route(self, name: str) -> Route:
        """How calls of an endpoint go now; raises NotFound when nothing answers for it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a run an attempt stands: in which pipeline, and which attempt it is."""

    account: Account
    pipeline: str
    began: float
    attempt: int = 1
    fallback: bool = False


class Attempt:
    """One call of a step's endpoint, from its binding to its record."""

    def __init__(self, step: Step, place: Place, door: Door, rows: int) -> None:
        self.step = step
        self.place = place
        self.rows = rows
        self.trace = place.account.trace.child()
        self._door = door
        self._started = monotonic()
        self._route: Route | None = None
        self._served: ServedVersion | None = None
        self._inputs: Inputs | None = None
        self._outputs: Outputs | None = None
        self._shadow = place.account.shadow

    def account(self) -> Account:
        """For steps that are pipelines themselves: the same run, a span further in."""
        outer = self.place.account
        return replace(outer, trace=self.trace, above=(*outer.above, self.place.pipeline))

    async def run(self, context: Context, deadline: float) -> Context:
        """The fields that the step gives; raises MlopsError. Either is recorded."""
        error: MlopsError | None = None
        try:
            outputs = await self._ask(context, deadline)
            self._outputs = outputs
            assert self._served is not None
            return read_fields(self.step, self._served.signature, outputs, self.rows)
        except MlopsError as failure:
            error = failure
            raise
        except asyncio.CancelledError:
            error = Unavailable("The run ended before the step did.", code="abandoned")
            error.status = 499
            raise
        finally:
            self._record(error)

    async def _ask(self, context: Context, deadline: float) -> Outputs:
        if self._started >= deadline:
            raise DeadlineExceeded(
                "The pipeline's time was over before the step began.",
                reason="The steps before it took as long as the pipeline may.",
                fix="Scale up the slowest step, or deploy the pipeline with a longer --deadline.",
            )
        self._route = route = self._door.route(self.step.endpoint)
        version = self.step.version
        if self.step.alias is not None:
            version = version_of(route, self.step.alias)
        self._served = served = route.choose(version)
        self._inputs = inputs = bind(self.step, served.signature, context, self.rows)
        limit = self._started + route.spec.limits.deadline_seconds
        answer: asyncio.Future[Outputs] = asyncio.get_running_loop().create_future()

        def done(outcome: Outputs | MlopsError, _us: int) -> None:
            if answer.done():
                return
            if isinstance(outcome, MlopsError):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

        if not self._shadow:
            for shadow in route.shadows:
                self._ask_shadow(shadow, context, limit)
        # a step's timeout ends the wait, not the worker: that is for the endpoint's own deadline
        served.pool.submit(Call(inputs, limit, done, origin=self))
        if answer.done():
            return answer.result()
        until = min(deadline, limit)
        if self.step.timeout is not None:
            until = min(until, self._started + self.step.timeout)
        try:
            async with asyncio.timeout(max(until - monotonic(), 0.0)):
                return await answer
        except TimeoutError:
            raise DeadlineExceeded(
                f"There was no answer within {until - self._started:.3g} s.",
                reason="The step's endpoint was still busy with the call.",
                fix="Send fewer rows, scale the endpoint up, or allow the step more time.",
            ) from None

    def _ask_shadow(self, served: ServedVersion, context: Context, limit: float) -> None:
        """Give a copy of the call to a shadow version; its answer is only recorded."""
        shadow = Attempt(self.step, self.place, self._door, self.rows)
        shadow._shadow = True
        shadow._route, shadow._served = self._route, served

        def done(outcome: Outputs | MlopsError, _us: int) -> None:
            if isinstance(outcome, MlopsError):
                shadow._record(outcome)
            else:
                shadow._outputs = outcome
                shadow._record(None)

        try:
            shadow._inputs = bind(self.step, served.signature, context, self.rows)
        except MlopsError as error:
            shadow._record(error)
            return
        served.pool.submit(Call(shadow._inputs, limit, done, origin=shadow))

    # -- the record ---------------------------------------------------------------------------

    def _record(self, error: MlopsError | None) -> None:
        now = monotonic()
        route, account = self._route, self.place.account
        record = step_record(self.step, self.place, self.trace, route, self._served)
        record["status"] = 200 if error is None else error.status
        record["latency_us"] = int((now - self._started) * 1_000_000)
        record["pipeline"]["at_us"] = int((self._started - self.place.began) * 1_000_000)
        record["rows"] = self.rows
        if self._shadow:
            record["shadow"] = True
        if error is not None:
            record["error"] = error.code
            record["error_class"] = getattr(error, "error_class", type(error).__name__)
        strict = True
        keep = True
        if route is not None:
            keep = route.spec.audit.level == "full"
            strict = route.spec.audit.mode == "strict" and not self._shadow
            if not self._shadow:
                version = self._served.version.version if self._served is not None else 0
                route.meter.count(version, record["status"], now, now - self._started)
        sides = {"input": self._sent(keep), "output": self._received(error, keep)}
        account.journal.add(Entry(record, **sides), strict=strict)

    def _sent(self, keep: bool) -> Payload | None:
        if self._inputs is None or self._served is None:
            return None
        return Payload(*write_inputs(self._inputs, self._served.signature), keep)

    def _received(self, error: MlopsError | None, keep: bool) -> Payload | None:
        if error is not None:
            return Payload(orjson.dumps(error.to_dict()), JSON, keep)
        if self._outputs is None:
            return None
        try:
            size = sum(len(tensor.data) for tensor in self._outputs.tensors)
            if size < LARGE_BYTES:
                return Payload(encode_predictions(self._outputs), JSON, keep)
            body, media, _ = oip_response.encode(
                self._outputs, _BINARY_OPTIONS, self.step.endpoint, ""
            )
        except MlopsError:
            # what cannot be written was refused as the step's answer, too
            return None
        return Payload(body, media, keep)


def step_record(
    step: Step, place: Place, trace: Trace, route: Route | None, served: ServedVersion | None
) -> dict[str, Any]:
    """What all records of a step share."""
    account = place.account
    if route is not None:
        record = route.record_of(account.caller, served).copy()
    else:
        record = blank_record(account.caller, step.endpoint, AuditPolicy())
    record["client"] = {"peer": account.peer}
    record["request_id"] = account.request_id
    record["trace"] = trace.to_record()
    where: dict[str, Any] = {
        "run": account.run,
        "step": step.name,
        "name": place.pipeline,
        "parent": account.trace.span_id,
    }
    if place.attempt > 1:
        where["attempt"] = place.attempt
    if place.fallback:
        where["fallback"] = True
    record["pipeline"] = where
    return record


def version_of(route: Route, alias: str) -> int:
    """The version that an alias means among those that the endpoint serves."""
    if route.spec.alias == alias:
        return route.spec.traffic.main
    for number, served in route.versions.items():
        if alias in served.version.aliases:
            return number
    raise Unavailable(
        f"Endpoint '{route.spec.name}' serves no version with the alias '{alias}'.",
        reason=f"It serves {', '.join(map(str, sorted(route.versions)))}.",
        fix=f"Promote the version: %promote {route.spec.name} VERSION --alias {alias}.",
        code="alias_not_served",
    )
