"""The fields of a scaling policy: what is typed is checked at once, and bounds never cross."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from mlops_jupyter.notebook.controls.draft import FIELDS, MODES, Draft
from mlops_jupyter.types import ScalingPolicy

_TOOLTIPS = (
    "always the same number of replicas",
    "between two numbers of replicas, by the calls",
    "none while nobody calls, then as many as are needed",
)
_LABELS = {
    "count": ("replicas", "how many replicas there always are"),
    "low": ("min", "fewest replicas"),
    "high": ("max", "most replicas"),
    "target": ("target", "concurrent calls that one replica should carry"),
    "idle": ("idle (s)", "seconds without a call before the last replica goes"),
}
_WIDTH = "190px"


class ScalingForm:
    """Widgets in which a scaling policy is edited.

    Attributes
    ----------
    mode, fields
        The widgets, to be set as a reader would.
    draft
        What they hold.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.draft = Draft()
        self._changed = changed
        self._filling = False
        self.mode: Any = widgets.ToggleButtons(
            options=MODES, tooltips=_TOOLTIPS, style={"button_width": "90px"}
        )
        self.fields: dict[str, Any] = {name: _field(name) for name in _LABELS}
        self.root: Any = widgets.VBox(
            [
                self.mode,
                widgets.HBox(
                    list(self.fields.values()), layout=widgets.Layout(flex_flow="row wrap")
                ),
            ]
        )
        self.mode.observe(lambda change: self._put("mode", change["new"]), "value")
        for name, field in self.fields.items():
            field.observe(lambda change, name=name: self._put(name, change["new"]), "value")
        self.fill(ScalingPolicy())

    def fill(self, policy: ScalingPolicy) -> None:
        """Show `policy`, whatever was typed before."""
        self.draft = Draft.of(policy)
        self._show()

    def enable(self, enabled: bool) -> None:
        """Let the reader edit, or not."""
        for widget in (self.mode, *self.fields.values()):
            widget.disabled = not enabled

    def _put(self, name: str, value: object) -> None:
        if self._filling:
            return
        self.draft = self.draft.put(name, value)
        self._show()
        self._changed()

    def _show(self) -> None:
        self._filling = True
        try:
            self.mode.value = self.draft.mode
            for name, field in self.fields.items():
                field.value = getattr(self.draft, name)
                field.layout.display = "" if name in FIELDS[self.draft.mode] else "none"
        finally:
            self._filling = False


def _field(name: str) -> Any:
    label, tooltip = _LABELS[name]
    kind = widgets.FloatText if name in ("target", "idle") else widgets.IntText
    return kind(
        description=label,
        tooltip=tooltip,
        layout=widgets.Layout(width=_WIDTH),
        style={"description_width": "70px"},
    )
