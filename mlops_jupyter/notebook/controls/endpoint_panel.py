"""The controls of one endpoint: how it is, how it scales, how its calls are shared."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from mlops_jupyter.notebook.chart import charts
from mlops_jupyter.notebook.controls.draft import goes_to_zero
from mlops_jupyter.notebook.controls.listening import Event
from mlops_jupyter.notebook.controls.panel import Panel, button, no_answer, note, show
from mlops_jupyter.notebook.controls.scaling_form import ScalingForm
from mlops_jupyter.notebook.controls.traffic_form import TrafficForm
from mlops_jupyter.notebook.displays import replicas_wanted, traffic_words
from mlops_jupyter.notebook.html import Html, clock, element, muted, panel, state_word
from mlops_jupyter.types import Conflict, EndpointStatus, MlopsError, NotFound, ScalingPolicy

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub

_SECONDS = 300
_STEP = 5.0
"""Seconds between samples of the rates while calls come."""
_TO_ZERO = (
    "Without calls there will be no replica, and the next call waits until one has started. "
    "Let it go to zero?"
)


class EndpointPanel(Panel):
    """Shows an endpoint while it lives, and changes it when 'Apply' is pressed.

    What is edited is compared with the endpoint as it was when editing began: when somebody else
    was quicker nothing is overwritten, and the endpoint's present state is shown instead.

    Attributes
    ----------
    on_status
        Called in the panel's thread with each status that the hub gives.
    """

    def __init__(
        self,
        hub: Hub,
        status: EndpointStatus,
        on_status: Callable[[EndpointStatus], None] = lambda _status: None,
    ) -> None:
        super().__init__(hub)
        self.name = status.spec.name
        self.on_status = on_status
        self._now = self._base = status
        self._reachable = True
        self._called = True
        self._seen: deque[tuple[float, float | None]] = deque(maxlen=int(_SECONDS / _STEP))
        self.facts: Any = widgets.HTML()
        self.chart: Any = widgets.HTML()
        self.banner: Any = widgets.HTML()
        self.scaling = ScalingForm(self._edited)
        self.traffic = TrafficForm(self._edited)
        self.apply = button("Apply", "make the endpoint what is set here", self._apply, "primary")
        self.reset = button("Reset", "show the endpoint as it is", self._reset)
        self.yes = button("Let it go to zero", "scale as asked", self._confirmed, "warning")
        self.no = button("Keep replicas", "change nothing", self._declined)
        self.confirmation: Any = widgets.VBox(
            [widgets.HTML(str(note(_TO_ZERO))), widgets.HBox([self.yes, self.no])]
        )
        self.root.children = (
            self.facts,
            self.banner,
            self.chart,
            self.scaling.root,
            self.traffic.root,
            widgets.HBox([self.apply, self.reset, self.closing]),
            self.confirmation,
            self.message,
        )
        show(self.confirmation, False)
        self._fill(status)
        self._show(status)

    # what is wanted

    @property
    def edited(self) -> bool:
        """Whether the controls hold something else than the endpoint did when they were filled."""
        return self._rescaled or self._reshared

    @property
    def _rescaled(self) -> bool:
        # numbers that the mode does not use make no difference
        policy = self._wanted()
        return policy is None or str(policy) != str(self._base.spec.scaling)

    @property
    def _reshared(self) -> bool:
        return self.traffic.weights != self._base.spec.traffic.weights

    def _wanted(self) -> ScalingPolicy | None:
        return None if self.scaling.draft.problem() else self.scaling.draft.policy()

    # what the reader does

    def _edited(self) -> None:
        with self.lock:
            show(self.confirmation, False)
            if problem := self.scaling.draft.problem():
                self.say_warning(problem)
            else:
                self.say("")
            self.settle()

    def _apply(self) -> None:
        wanted = self._wanted()
        if wanted is None or not self._may_apply():
            return
        if self._rescaled and goes_to_zero(self._base.spec.scaling, wanted):
            show(self.confirmation, True)
            self.settle()
        else:
            self._submit(wanted)

    def _confirmed(self) -> None:
        wanted = self._wanted()
        if wanted is not None and self._asking() and self._may_apply():
            show(self.confirmation, False)
            self._submit(wanted)

    def _declined(self) -> None:
        with self.lock:
            show(self.confirmation, False)
            self.settle()

    def _reset(self) -> None:
        with self.lock:
            show(self.confirmation, False)
            self.say("")
            self._fill(self._now)
            self.settle()

    # what is done

    def _submit(self, wanted: ScalingPolicy) -> None:
        policy = wanted if self._rescaled else None
        weights = self.traffic.weights if self._reshared else None
        parts = [str(policy)] if policy else []
        if weights:
            parts.append(", ".join(f"{one}={share}" for one, share in weights.items()))
        words = " and ".join(parts)
        self.do(f"Applying {words}", lambda: self._change(policy, weights, words))

    def _change(
        self, policy: ScalingPolicy | None, weights: dict[int, int] | None, words: str
    ) -> None:
        status = self._base
        try:
            if policy is not None:
                status = self.hub.scale(self.name, policy, revision=status.spec.revision)
                self._base = status
            if weights is not None:
                shadows = [
                    shadow for shadow in status.spec.traffic.shadows if not weights.get(shadow)
                ]
                status = self.hub.traffic(
                    self.name, weights, shadows=shadows, revision=status.spec.revision
                )
        except Conflict as error:
            self._show_fresh(error)
            return
        with self.lock:
            self._fill(status)
            self._show(status)
            self.say_done(f"Applied {words}: revision {status.spec.revision}, {clock()}.")

    def _show_fresh(self, error: Conflict) -> None:
        """Somebody else was first: show what there is now, before anything is tried again."""
        fresh = self.hub.status(self.name)
        with self.lock:
            self._fill(fresh)
            self._show(fresh)
            self.say_error(error)
            self.message.value += str(
                note(
                    f"Nothing was overwritten. Here is the endpoint as it is now, revision "
                    f"{fresh.spec.revision}{_by(fresh)}: {fresh.spec.scaling}, "
                    f"{traffic_words(fresh)}."
                )
            )

    # what is shown

    def look(self) -> None:
        """Show the endpoint, and its rates."""
        status = self.hub.status(self.name)
        drawn = self._charts(status)
        with self.lock:
            if self.closed:
                return
            self._reachable = True
            self._called = status.requests_per_second > 0
            if status.spec.revision != self._base.spec.revision and not self.edited:
                self._fill(status)
            self._show(status)
            self.chart.value = str(drawn)
        self.on_status(status)

    def concerns(self, event: Event) -> bool:
        """Whether it is about this endpoint, or calls were made."""
        if event["event"] == "records":
            # rates follow at their own pace: a look for each call would be a busy one
            asleep, self._called = not self._called, True
            return asleep
        return event["event"] == "endpoint" and event.get("name") == self.name

    def pace(self) -> float | None:
        """Rates are sampled while there are any; changes are told."""
        return _STEP if self._called else None

    def away(self, error: MlopsError) -> None:
        """Show that the hub does not answer, and take the controls away."""
        self._reachable = False
        self.banner.value = str(no_answer(error))
        show(self.banner, True)
        self.settle()

    def settle(self) -> None:
        """Set which controls can be used."""
        with self.lock:
            usable = self._usable()
            self.scaling.enable(usable)
            self.traffic.enable(usable)
            self.apply.disabled = not self._may_apply() or self._asking()
            self.reset.disabled = not (usable and self.edited)

    def _usable(self) -> bool:
        return self._reachable and not self.busy and self._now.spec.deployed

    def _may_apply(self) -> bool:
        return self._usable() and self._wanted() is not None and self.edited

    def _asking(self) -> bool:
        return bool(self.confirmation.layout.display != "none")

    def _fill(self, status: EndpointStatus) -> None:
        self._base = status
        self.scaling.fill(status.spec.scaling)
        self.traffic.fill(status.spec.traffic)

    def _show(self, status: EndpointStatus) -> None:
        self._now = status
        self.facts.value = str(_facts(status))
        self.banner.value = str(self._banner(status))
        show(self.banner, bool(self.banner.value))
        self.settle()

    def _banner(self, status: EndpointStatus) -> Html | str:
        if not status.spec.deployed:
            return note(f"It is undeployed; '%deploy {status.spec.model}' brings it back.")
        elsewhere = status.spec.revision != self._base.spec.revision
        if elsewhere and self.edited and not self.busy:
            return note(
                f"Changed meanwhile{_by(status)} (revision {status.spec.revision}): "
                f"{status.spec.scaling}, {traffic_words(status)}. 'Reset' shows that here."
            )
        return ""

    def _charts(self, status: EndpointStatus) -> Html:
        try:
            kept = self.hub.history(self.name, _SECONDS)
        except NotFound:
            # a hub that keeps no history: what this panel has seen itself
            self._seen.append((status.requests_per_second, status.p99_ms))
            return charts([one for one, _ in self._seen], [one for _, one in self._seen], 0)
        # a young hub has fewer steps: the rest of the time stays empty
        steps = int(_SECONDS / (kept.step or _STEP)) + 1
        missing: list[float | None] = [None] * (steps - len(kept.requests_per_second))
        rates, latencies = [*missing, *kept.requests_per_second], [*missing, *kept.p99_ms]
        return charts(rates, latencies, _SECONDS)


def _facts(status: EndpointStatus) -> Html:
    desired, ready, pending = replicas_wanted(status)
    counts = f"desired {desired} · ready {ready} · pending {pending}"
    reason = next((one.reason for one in status.replicas if one.reason), status.reason)
    return panel(
        element("strong", status.spec.name),
        " \u00a0 ",
        state_word(status.state),
        f" \u00a0 {counts} \u00a0 ",
        muted(reason),
    )


def _by(status: EndpointStatus) -> str:
    return f" by {status.updated_by}" if status.updated_by else ""
