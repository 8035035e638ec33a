"""What a verb gives back when controls are asked for: the facts, and a panel below them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from mlops_jupyter.notebook.controls.front_end import cell_of, shell_of_notebook, why_no_controls
from mlops_jupyter.notebook.html import Html
from mlops_jupyter.notebook.live import Words
from mlops_jupyter.notebook.views import EndpointView, View

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub
    from mlops_jupyter.notebook.controls.panel import Panel
    from mlops_jupyter.notebook.records import AuditTable

_WIDGET = "application/vnd.jupyter.widget-view+json"
_DEAD = "Here were the controls of {what}. They live as long as their kernel: run the cell again."
_CLOSED = "The controls of {what} are closed; run the cell again to have them back."


class Picture(Protocol):
    """Facts that show themselves, as all results do."""

    def to_dict(self) -> dict[str, Any]:
        """The facts as plain data."""
        ...

    def _repr_html_(self) -> str: ...


class Controls(View):
    """Facts of the moment with controls below them, shown where a cell ends with this.

    The facts are an output of their own, which a saved notebook keeps; the controls are another,
    left out with a sentence where nobody could use them.

    Attributes
    ----------
    panel
        The panel, once it is shown; None before, and where there can be none.
    """

    def __init__(
        self,
        what: str,
        picture: Picture,
        open_panel: Callable[[Controls], Panel],
    ) -> None:
        self.what = what
        self.panel: Panel | None = None
        self._picture = picture
        self._open_panel = open_panel
        self._handle: Any = None
        self._shown = ""

    def close(self) -> None:
        """Close the panel; the facts stay as they are."""
        if self.panel is not None:
            self.panel.close()

    def follow(self, picture: Picture) -> None:
        """Show newer facts in place of those before, where they are shown."""
        self._picture = picture
        # what did not change is left alone, or the notebook would always have unsaved changes
        if self._handle is not None and repr(self) != self._shown:
            self._shown = repr(self)
            self._handle.update(_bundle(self), raw=True)

    def to_dict(self) -> dict[str, Any]:
        """The facts as plain data."""
        return self._picture.to_dict()

    def _html(self) -> Html:
        return Html(self._picture._repr_html_())

    def _text(self) -> str:
        return repr(self._picture)

    def _ipython_display_(self) -> None:
        from IPython.display import DisplayHandle, display

        shell = shell_of_notebook()
        self._shown = repr(self)
        self._handle = DisplayHandle()
        self._handle.display(_bundle(self), raw=True)
        if words := why_no_controls(shell):
            display(Words(words))
        else:
            self._show_panel(shell)

    def _show_panel(self, shell: Any) -> None:
        from IPython.display import DisplayHandle

        from mlops_jupyter.notebook.controls.panel import remember

        if self.panel is None or self.panel.closed:
            self.panel = self._open_panel(self)
            remember(self.panel, cell_of(shell), shell)
        handle = DisplayHandle()
        bundle = _bundle(Words(_DEAD.format(what=self.what)))
        view = {"version_major": 2, "version_minor": 0, "model_id": self.panel.root.model_id}
        handle.display({_WIDGET: view, **bundle}, raw=True)
        # a widget that is gone would show itself as an error
        gone = _bundle(Words(_CLOSED.format(what=self.what)))
        self.panel.when_closed(lambda: handle.update(gone, raw=True))
        self.panel.start()


def _bundle(view: View) -> dict[str, str]:
    return {"text/html": view._repr_html_(), "text/plain": repr(view)}


def endpoint_controls(hub: Hub, view: EndpointView) -> Controls:
    """Controls of the endpoint that `view` shows."""

    def open_panel(controls: Controls) -> Panel:
        from mlops_jupyter.notebook.controls.endpoint_panel import EndpointPanel

        return EndpointPanel(
            hub, view.status, lambda status: controls.follow(type(view)(hub, status))
        )

    return Controls(view.name, view, open_panel)


def audit_controls(
    hub: Hub, page: AuditTable, name: str | None, filters: Mapping[str, Any]
) -> Controls:
    """A table of the search whose first page is `page`."""

    def open_panel(_controls: Controls) -> Panel:
        from mlops_jupyter.notebook.controls.audit_panel import AuditPanel

        return AuditPanel(hub, page, name, filters)

    return Controls("the audit history", page, open_panel)
