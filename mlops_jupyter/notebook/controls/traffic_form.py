"""A slider for each version that serves: together they are always all calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from mlops_jupyter.notebook.controls.shares import WHOLE, Shares
from mlops_jupyter.notebook.html import muted, panel
from mlops_jupyter.types import Traffic


class TrafficForm:
    """Sliders over the versions behind an endpoint.

    Attributes
    ----------
    sliders
        The widgets by version, to be moved as a reader would.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._shares = Shares({})
        self._filling = False
        self._enabled = True
        self.sliders: dict[int, Any] = {}
        self._rows: Any = widgets.VBox()
        # by which the front end finds them and gives them names
        self._rows.add_class("mj-shares")
        self._words: Any = widgets.HTML()
        self.root: Any = widgets.VBox([self._rows, self._words])

    @property
    def weights(self) -> dict[int, int]:
        """The shares that the sliders show; they sum to 100."""
        return dict(self._shares.weights)

    def fill(self, traffic: Traffic) -> None:
        """Show `traffic`, whatever was moved before."""
        self._shares = Shares(traffic.weights)
        if sorted(self.sliders) != sorted(traffic.weights):
            self._build(sorted(traffic.weights))
        words = [f"version {shadow} gets copies of the calls" for shadow in traffic.shadows]
        if len(self.sliders) == 1:
            words.insert(0, "one version serves all calls; %traffic adds another")
        self._words.value = str(panel(muted(" · ".join(words)))) if words else ""
        self._show()

    def enable(self, enabled: bool) -> None:
        """Let the reader move the sliders, or not; a single version has all calls anyhow."""
        self._enabled = enabled
        for slider in self.sliders.values():
            slider.disabled = not enabled or len(self.sliders) == 1

    def _build(self, versions: list[int]) -> None:
        for old in self.sliders.values():
            for owned in (old.layout, old.style, old):
                owned.close()
        self.sliders = {version: self._slider(version) for version in versions}
        self._rows.children = tuple(self.sliders.values())
        self.enable(self._enabled)

    def _slider(self, version: int) -> Any:
        slider = widgets.IntSlider(
            min=0,
            max=WHOLE,
            description=f"version {version}",
            tooltip=f"per cent of the calls that version {version} answers",
            readout_format="d",
            style={"description_width": "90px"},
        )
        slider.observe(lambda change: self._move(version, change["new"]), "value")
        return slider

    def _move(self, version: int, share: int) -> None:
        if self._filling:
            return
        self._shares.move(version, share)
        self._show()
        self._changed()

    def _show(self) -> None:
        self._filling = True
        try:
            for version, slider in self.sliders.items():
                slider.value = self._shares.weights[version]
        finally:
            self._filling = False
