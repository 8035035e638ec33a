"""The fields of a scaling policy: what is typed is checked at once, and bounds never cross."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from mlops_jupyter.notebook.controls.draft import FIELDS, MODES, Draft, Mode
from mlops_jupyter.notebook.html import Html, muted, panel
from mlops_jupyter.types import ScalingPolicy

_MEANINGS: dict[Mode, str] = {
    "fixed": "always the same number of replicas",
    "elastic": "between two numbers of replicas, by the calls",
    "serverless": "none while nobody calls, then as many as are needed",
}
_LABELS = {
    "count": ("replicas", "how many replicas there always are"),
    "low": ("min", "fewest replicas"),
    "high": ("max", "most replicas"),
    "target": ("target", "concurrent calls that one replica should carry"),
    "idle": ("idle (s)", "seconds without a call before the last replica goes"),
}
_WIDTH = "190px"
_CLASS = "mj-mode"
_STYLE = Html(
    f"<style>.{_CLASS}{{flex-direction:row!important}}"
    f".{_CLASS} .widget-radio-box{{margin:0!important}}</style>"
)


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
        self.mode: Any = widgets.RadioButtons(
            options=MODES,
            description="scaling",
            tooltip="what decides how many replicas there are",
            orientation="horizontal",
            layout=widgets.Layout(width="auto"),
            style={"description_width": "70px"},
        )
        self.mode.add_class(_CLASS)
        self._meaning: Any = widgets.HTML()
        self.fields: dict[str, Any] = {name: _field(name) for name in _LABELS}
        self.root: Any = widgets.VBox(
            [
                self.mode,
                self._meaning,
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
            self._meaning.value = str(_STYLE + panel(muted(_MEANINGS[self.draft.mode])))
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
