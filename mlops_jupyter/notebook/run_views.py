"""What the verbs on runs return: a run, several, a sweep, the schedules."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from mlops_jupyter.notebook import run_displays
from mlops_jupyter.notebook.html import Html, visible
from mlops_jupyter.notebook.views import Pasteable, View
from mlops_jupyter.types import MlopsError, RunStatus, ScheduleStatus, SweepStatus
from mlops_jupyter.types.artifact import Artifact

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub

JUDGED_SECONDS = 300.0
LOOK_SECONDS = 0.5
"""How often a picture that follows a run is made anew."""


class RunFailed(MlopsError):
    """A run that was waited for did not succeed."""

    code = "run_failed"


class Comparison(View):
    """How two runs compare: ``kind`` is identical, within_tolerance or differs."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._said = dict(said)

    @property
    def kind(self) -> str:
        """``identical``, ``within_tolerance`` or ``differs``."""
        return str(self._said.get("kind", ""))

    def to_dict(self) -> dict[str, Any]:
        """The verdict with all differences."""
        return dict(self._said)

    def _html(self) -> Html:
        return run_displays.verdict_html(self._said)

    def _text(self) -> str:
        return visible(self._said.get("text", ""))


class RunView(View):
    """A run as it stood when this was made; `refresh` asks again, `wait` until it has ended."""

    def __init__(self, hub: Hub, status: RunStatus) -> None:
        self._hub = hub
        self.status = status

    @property
    def id(self) -> str:
        """The run's id."""
        return self.status.id

    @property
    def state(self) -> str:
        """One of `mlops_jupyter.types.RunState`."""
        return self.status.state

    @property
    def metrics(self) -> dict[str, float]:
        """What it measured: the newest value of each name."""
        return dict(self.status.metrics)

    @property
    def models(self) -> tuple[str, ...]:
        """``name/version`` of the models that it registered."""
        return self.status.models

    def refresh(self) -> RunView:
        """The run as it stands now."""
        return RunView(self._hub, self._hub.run_status(self.id))

    def wait(
        self,
        seconds: float | None = None,
        *,
        check: bool = True,
        look: Callable[[RunView], None] | None = None,
    ) -> RunView:
        """Wait until it has ended, or for `seconds`; how it stands then.

        Parameters
        ----------
        check
            Whether to raise RunFailed when it ended without success.
        look
            Called with a picture of it meanwhile.
        """
        view = self.refresh()
        left = seconds
        while not view.status.ended and (left is None or left > 0):
            if look is not None:
                look(view)
            pause = LOOK_SECONDS if look is not None or left is not None else None
            view = RunView(self._hub, self._hub.wait_for_run(self.id, pause))
            if left is not None:
                left -= LOOK_SECONDS
        if check and view.status.ended:
            view.check()
        return view

    def apart(self) -> RunView:
        """The same run, over a connection of its own that starts no hub."""
        return RunView(_apart(self._hub), self.status)

    def later(self) -> RunView:
        """The run as it stands at its end, or after a moment."""
        return self.wait(LOOK_SECONDS, check=False)

    @property
    def verdict(self) -> Comparison | None:
        """How a repeat compares with its original, once that is known."""
        said = self.status.record.get("verdict")
        return Comparison(said) if isinstance(said, dict) else None

    def judged(self, seconds: float = JUDGED_SECONDS) -> RunView:
        """Wait until a repeat was compared, for `seconds` at most; how it stands then."""
        deadline = time.monotonic() + seconds
        view = self.refresh()
        while view.verdict is None and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            view = view.refresh()
        return view

    def check(self) -> None:
        """Raise RunFailed if it ended without success."""
        status = self.status
        if status.state == "succeeded":
            return
        raise RunFailed(
            f"The run {status.id} of {status.name} {_ENDED.get(status.state, status.state)}.",
            reason=status.reason,
            fix=f"See what it printed: mlops_jupyter.run('{status.id}').log('stderr'), "
            "and its notebook: .notebook().",
            code=status.code or "run_failed",
        )

    def cancel(self) -> RunView:
        """End it: its kernel is interrupted, and killed if it does not listen."""
        return RunView(self._hub, self._hub.cancel_run(self.id, wait=30.0))

    def log(self, stream: str = "stdout") -> Pasteable:
        """What its kernel printed to ``stdout`` or ``stderr``."""
        parts, offset = [], 0
        while (part := self._hub.run_log(self.id, stream, offset)).text:
            parts.append(part.text)
            offset = part.next
        return Pasteable("".join(parts))

    def notebook(self) -> dict[str, Any]:
        """The executed notebook, as far as it came."""
        document: dict[str, Any] = json.loads(self._hub.run_notebook(self.id))
        return document

    @property
    def artifacts(self) -> dict[str, Artifact]:
        """The files that it has kept, by name."""
        found = self.status.record.get("artifacts", ())
        return {one["name"]: Artifact(**one) for one in found}

    def artifact(self, name: str) -> bytes:
        """What one of the files that it has kept holds."""
        return b"".join(self._hub.run_artifact(self.id, name))

    def to_dict(self) -> dict[str, Any]:
        """Every fact, as `RunStatus` names them."""
        return dataclasses.asdict(self.status)

    def _html(self) -> Html:
        return run_displays.run_html(self.status)

    def _text(self) -> str:
        return run_displays.run_text(self.status)


_ENDED = {"timed_out": "ran out of time", "cancelled": "was cancelled", "lost": "was lost"}


class RunList(View, Sequence[RunView]):
    """Runs, newest first."""

    def __init__(self, hub: Hub, runs: Sequence[RunStatus]) -> None:
        self._hub = hub
        self._runs = tuple(runs)

    @overload
    def __getitem__(self, index: int) -> RunView: ...
    @overload
    def __getitem__(self, index: slice) -> RunList: ...
    def __getitem__(self, index: int | slice) -> RunView | RunList:
        if isinstance(index, slice):
            return RunList(self._hub, self._runs[index])
        return RunView(self._hub, self._runs[index])

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[RunView]:
        return (RunView(self._hub, run) for run in self._runs)

    def to_dict(self) -> dict[str, Any]:
        """``{id: facts}``."""
        return {run.id: dataclasses.asdict(run) for run in self._runs}

    def _html(self) -> Html:
        return run_displays.runs_html(self._runs)

    def _text(self) -> str:
        return run_displays.runs_text(self._runs)


class SweepView(View):
    """A sweep and its runs, best first, as they stood when this was made."""

    def __init__(self, hub: Hub, status: SweepStatus, runs: Sequence[RunStatus] = ()) -> None:
        self._hub = hub
        self.status = status
        self._runs = tuple(runs)

    @property
    def id(self) -> str:
        """The sweep's id."""
        return self.status.id

    @property
    def runs(self) -> RunList:
        """Its runs, best first."""
        return RunList(self._hub, self._runs)

    @property
    def best(self) -> RunView | None:
        """The run with the best value of the metric so far."""
        best = self.status.best_run
        return None if best is None else RunView(self._hub, self._hub.run_status(best))

    def refresh(self) -> SweepView:
        """The sweep as it stands now."""
        return sweep_view(self._hub, self._hub.sweep(self.id))

    def wait(
        self, seconds: float | None = None, *, look: Callable[[SweepView], None] | None = None
    ) -> SweepView:
        """Wait until all its runs have ended, or for `seconds`; how it stands then."""
        left = seconds
        view = self.refresh()
        while not view.status.ended and (left is None or left > 0):
            if look is not None:
                look(view)
            self._hub.wait_for_sweep(self.id, LOOK_SECONDS)
            view = view.refresh()
            if left is not None:
                left -= LOOK_SECONDS
        return view

    def apart(self) -> SweepView:
        """The same sweep, over a connection of its own that starts no hub."""
        return SweepView(_apart(self._hub), self.status, self._runs)

    def later(self) -> SweepView:
        """The sweep as it stands at its end, or after a moment."""
        return self.wait(LOOK_SECONDS)

    def cancel(self) -> SweepView:
        """End it and all its runs."""
        return sweep_view(self._hub, self._hub.cancel_sweep(self.id))

    def to_dict(self) -> dict[str, Any]:
        """Every fact, and the runs'."""
        return {
            **dataclasses.asdict(self.status),
            "runs": [dataclasses.asdict(run) for run in self._runs],
        }

    def _html(self) -> Html:
        return run_displays.sweep_html(self.status, self._runs)

    def _text(self) -> str:
        return run_displays.sweep_text(self.status, self._runs)


def sweep_view(hub: Hub, status: SweepStatus) -> SweepView:
    """A sweep with its runs, best first, then those that are still going, then the others."""
    runs = hub.runs(sweep=status.id, limit=1000).runs
    metric, sign = status.spec.metric, -1 if status.spec.direction == "maximize" else 1

    def rank(run: RunStatus) -> tuple[int, float]:
        if run.state == "succeeded" and metric in run.metrics:
            return 0, sign * run.metrics[metric]
        return (2 if run.ended else 1), run.submitted_at

    return SweepView(hub, status, sorted(runs, key=rank))


def _apart(hub: Hub) -> Hub:
    from mlops_jupyter.client.connection import Connection

    return type(hub)(Connection(hub.home, start=False))


class ScheduleList(View, Sequence[ScheduleStatus]):
    """Schedules by name."""

    def __init__(self, schedules: Sequence[ScheduleStatus]) -> None:
        self._schedules = tuple(schedules)

    @overload
    def __getitem__(self, index: int) -> ScheduleStatus: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ScheduleStatus]: ...
    def __getitem__(self, index: int | slice) -> ScheduleStatus | Sequence[ScheduleStatus]:
        return self._schedules[index]

    def __len__(self) -> int:
        return len(self._schedules)

    def to_dict(self) -> dict[str, Any]:
        """``{name: facts}``."""
        return {one.spec.name: dataclasses.asdict(one) for one in self._schedules}

    def _html(self) -> Html:
        return run_displays.schedules_html(self._schedules)

    def _text(self) -> str:
        return run_displays.schedules_text(self._schedules)
