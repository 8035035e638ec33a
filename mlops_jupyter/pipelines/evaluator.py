"""What answers for a version of a pipeline: not a process, but the hub calling other endpoints.

To the gateway it is what a pool of workers is: it takes calls and answers each once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from mlops_jupyter.pipelines.fields import (
    Context,
    Field,
    converted,
    pack,
    read_inputs,
    write_answer,
)
from mlops_jupyter.pipelines.fieldtype import type_of
from mlops_jupyter.pipelines.graph import Graph
from mlops_jupyter.pipelines.meters import StepMeter
from mlops_jupyter.pipelines.run import Run
from mlops_jupyter.pipelines.steps import Door, Place
from mlops_jupyter.serving.account import Account
from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.serving.replica import Call
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.tensors import Outputs
from mlops_jupyter.types import (
    EndpointSpec,
    MlopsError,
    ModelError,
    Overloaded,
    Unavailable,
)


class Evaluator:
    """Answers for one version of a pipeline behind one endpoint; see `serving.backend.Backend`.

    Parameters
    ----------
    check
        Awaited once before the version answers: proves its bytes.
    on_concurrency
        Called with (monotonic seconds, calls in hand) at every change.
    """

    def __init__(
        self,
        spec: EndpointSpec,
        graph: Graph,
        signature: Signature,
        door: Door,
        check: Callable[[], Awaitable[object]],
        on_concurrency: Callable[[float, int], None] = lambda _now, _count: None,
    ) -> None:
        self.name = spec.name
        self.graph = graph
        self.signature = signature
        self.meters = {step.name: StepMeter() for step in graph.steps}
        self.desired = 0
        self.concurrency = 0
        self.failure: MlopsError | None = None
        self.setback = ""
        self._limits = spec.limits
        self._door = door
        self._check = check
        self._on_concurrency = on_concurrency
        self._outputs = [(item.key, type_of(item)) for item in signature.outputs]
        self._runs: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._closed = False
        self._checked = False

    # -- as a pool ----------------------------------------------------------------------------

    @property
    def ready_count(self) -> int:
        """As many as are wanted: there is nothing to start."""
        return 0 if self.failure is not None else self.desired

    @property
    def pending(self) -> int:
        """None is ever on its way."""
        return self.desired - self.ready_count

    @property
    def waiting(self) -> int:
        """No call waits here; they wait at the steps."""
        return 0

    @property
    def reason(self) -> str:
        """Why it does not answer."""
        return "" if self.failure is None else str(self.failure)

    @property
    def pids(self) -> tuple[int, ...]:
        """No process."""
        return ()

    def count(self, change: int) -> None:
        """Note that `change` calls more (or fewer) are in hand."""
        self.concurrency += change
        self._on_concurrency(monotonic(), self.concurrency)

    def scale(self, desired: int) -> None:
        """Want so many replicas; they cost nothing."""
        if desired != self.desired:
            self.desired = desired
            self._changed.set()

    async def ready(self, timeout: float) -> None:
        """Prove the version's bytes; raise why it cannot answer."""
        try:
            async with asyncio.timeout(timeout):
                await self._check()
        except TimeoutError:
            raise Unavailable(
                "The pipeline's files could not be checked in time.",
                fix="Call again.",
                code="load_timeout",
            ) from None
        except MlopsError as error:
            self.failure = error
            raise
        self.failure = None
        self._checked = True

    async def settled(self) -> None:
        """Wait for the next change in the number of replicas."""
        self._changed.clear()
        await self._changed.wait()

    async def close(self, grace: float = 10.0) -> None:
        """Finish the calls in hand for up to `grace` seconds, then give them up."""
        if self._runs:
            await asyncio.wait(self._runs, timeout=grace)
        self._closed = True
        self.desired = 0
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)

    # -- calls --------------------------------------------------------------------------------

    def submit(self, call: Call) -> None:
        """Run the graph for a call."""
        refusal = self._refusal()
        if refusal is not None:
            call.done(refusal, 0)
            return
        self.count(1)
        task = asyncio.get_running_loop().create_task(self._run(call))
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)

    def _refusal(self) -> MlopsError | None:
        if self._closed:
            return Unavailable("The endpoint is stopping.", fix="Call again.", code="stopping")
        if self.failure is not None:
            return self.failure
        if self.concurrency >= self._limits.queue:
            return Overloaded(
                "The pipeline has too many calls in hand.",
                reason=f"{self.concurrency} run through it.",
                fix="Try again after Retry-After seconds, or scale up the slowest step.",
            )
        return None

    async def _run(self, call: Call) -> None:
        began = monotonic()
        outcome: Outputs | MlopsError
        try:
            assert call.origin is not None
            outcome = await self._answer(call, call.origin.account(), began)
        except MlopsError as error:
            outcome = error
        except asyncio.CancelledError:
            outcome = Unavailable("The endpoint is stopping.", fix="Call again.", code="stopping")
        except Exception as fault:
            outcome = MlopsError(
                "The hub failed to run the pipeline.",
                reason=f"{type(fault).__name__}: {fault}",
                fix="This is a fault of the hub; see its log: mlops-jupyter hub logs.",
            )
        self.count(-1)
        call.done(outcome, round((monotonic() - began) * 1e6))

    async def _answer(self, call: Call, account: Account, began: float) -> Outputs:
        if self.name in account.above:
            raise Unavailable(
                f"The pipeline '{self.name}' is a step of itself.",
                reason=f"The call came through {' → '.join((*account.above, self.name))}.",
                fix="Deploy one of them without the step that leads back.",
                code="pipeline_cycle",
            )
        if not self._checked:
            # after a restart of the hub nothing has been loaded before the first call
            await self.ready(max(call.deadline - monotonic(), 0.0))
        context = read_inputs(call.inputs, self.signature)
        rows = call.inputs.rows
        run = Run(Place(account, self.name, began), self._door, self.meters, call.deadline)
        # every step ends by the deadline, and nothing else waits
        context, _ = await run.sequence(self.graph.nodes, context, rows)
        return write_answer(
            [name for name, _ in self._outputs], self._declared(context, rows), rows
        )

    def _declared(self, context: Context, rows: int) -> Context:
        """The fields of the answer, each of the type that the signature says."""
        found: Context = {}
        for name, kind in self._outputs:
            field = context.get(name)
            try:
                data = (
                    pack([None] * rows, kind, required=False)
                    if field is None
                    else converted(field, kind, required=False)
                )
            except Misfit as misfit:
                raise ModelError(
                    f"The field '{name}' of the answer is not {kind}.",
                    reason=f"The value in row {misfit.index} (counted from 0) {misfit.problem}.",
                    fix="A step's endpoint has changed: register and deploy the pipeline again.",
                    code="unusable_answer",
                ) from None
            found[name] = Field(kind, data, rows)
        return found
