"""A table of the ledger: filter it, page through it, open a record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from mlops_jupyter.notebook.audit import record_of, search_of
from mlops_jupyter.notebook.audit_table import Filters, caption, detail, filters_of, head, line
from mlops_jupyter.notebook.controls.listening import Event
from mlops_jupyter.notebook.controls.panel import Panel, button, no_answer, note, show
from mlops_jupyter.notebook.html import MUTED, Html, element, muted, panel
from mlops_jupyter.notebook.records import AuditRecord, AuditTable, kept_sides
from mlops_jupyter.types import MlopsError, Unavailable

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub

_PAGE = 20
_REST = 1.0
_EFFORT = 10
"""The table asks for at most a tenth of the time, however slow its search is."""
_CLASS = "mj-records"
_FONT = "font-family:var(--jp-code-font-family,monospace);font-size:12px"
# the label is there to be read out: sighted readers have the caption and the head of the table
_STYLE = Html(
    f"<style>.{_CLASS} select{{{_FONT};padding:0 4px}}"
    f".{_CLASS} .widget-label{{position:absolute;clip-path:inset(50%)}}</style>"
)
_FIELDS = {
    "endpoint": "name of an endpoint, or of a model",
    "caller": "alice, user:alice, app:billing",
    "status": "HTTP status, such as 404",
    "since": "24h, 7d, 2026-11-23T08:00; empty for all",
    "until": "as since; empty for now",
    "text": "words in the record",
}


class AuditPanel(Panel):
    """A list of records, newest first, that grows while nothing in it is chosen.

    Attributes
    ----------
    fields, failed
        The filters' widgets, to be set as a reader would.
    rows
        The list; its value is the index of the chosen record in the ledger.
    """

    def __init__(
        self, hub: Hub, page: AuditTable, name: str | None, given: Mapping[str, Any]
    ) -> None:
        super().__init__(hub)
        self.rest = _REST
        filters, self._others = filters_of(name, given)
        self._limit = int(self._others.pop("limit", _PAGE))
        self._pages: list[AuditTable] = [page]
        self._reachable = True
        self._listing = False
        self._record: AuditRecord | None = None
        self.banner: Any = widgets.HTML()
        self.fields: dict[str, Any] = {
            field: _field(field, getattr(filters, field)) for field in _FIELDS
        }
        self.failed: Any = widgets.Checkbox(
            value=filters.failed, description="failed", indent=False, layout={"width": "80px"}
        )
        self.rows: Any = widgets.Select(
            options=(), rows=12, description="records", layout={"width": "auto"}
        )
        self.rows.add_class(_CLASS)
        self.caption: Any = widgets.HTML()
        self.newer = button("Newer", "the page before; on the first one, what is new", self._newer)
        self.older = button("Older", "the next page", self._older)
        self.read = button(
            "Request and answer", "what went in and came out; that you read it is recorded",
            self._read,
        )  # fmt: skip
        self.back = button("Back to the list", "close this record", self._back)
        self.detail: Any = widgets.HTML()
        self.opened: Any = widgets.VBox([self.detail, widgets.HBox([self.read, self.back])])
        wrap = widgets.Layout(flex_flow="row wrap")
        self.root.children = (
            widgets.HBox([*self.fields.values(), self.failed], layout=wrap),
            self.banner,
            widgets.HTML(str(_head())),
            self.rows,
            self.caption,
            widgets.HBox([self.newer, self.older, self.closing]),
            self.opened,
            self.message,
        )
        show(self.opened, False)
        show(self.banner, False)
        for widget in (*self.fields.values(), self.failed):
            widget.observe(lambda _change: self._filter(), "value")
        self.rows.observe(lambda change: self._choose(change["new"]), "value")
        self._show(page)

    @property
    def page(self) -> AuditTable:
        """The records that are shown."""
        return self._pages[-1]

    @property
    def _grows(self) -> bool:
        """Whether new records may come in: on the first page, while none is chosen."""
        return len(self._pages) == 1 and self._record is None

    # what the reader does

    def _filter(self) -> None:
        self.do("Searching", self._search)

    def _older(self) -> None:
        def go() -> None:
            if (page := self.page.next()) is not None:
                self._turn([*self._pages, page])

        if not self.older.disabled:
            self.do("Turning the page", go)

    def _newer(self) -> None:
        def go() -> None:
            if len(self._pages) > 1:
                self._turn(self._pages[:-1])
            else:
                self._search()

        if not self.newer.disabled:
            self.do("Turning the page", go)

    def _choose(self, index: int | None) -> None:
        if self._listing:
            return
        found = [record for record in self.page if record.get("index") == index]
        with self.lock:
            self._open(found[0] if found else None, {})

    def _back(self) -> None:
        self.rows.index = None

    def _read(self) -> None:
        chosen = self._record

        def read() -> None:
            if chosen is None:
                return
            record = record_of(self.hub, chosen.id, payloads=True)
            payloads = {side: getattr(record, side)() for side in kept_sides(record)}
            with self.lock:
                if self._record is chosen:
                    self._open(record, payloads)
                    self.say("")

        if chosen is not None and not self.read.disabled:
            self.do("Reading what went in and came out", read)

    # what is shown

    def look(self) -> None:
        """Show what is new, unless the reader is elsewhere or has chosen a record."""
        if self._grows:
            page = self._find()
            with self.lock:
                # the reader may have chosen a record meanwhile
                if self._grows:
                    self._turn([page])
        else:
            self.hub.connection.request("GET", "/healthz")
        with self.lock:
            if not self.closed:
                self._reachable = True
                show(self.banner, False)
                self.settle()

    def concerns(self, event: Event) -> bool:
        """Whether the ledger grew."""
        return bool(event["event"] == "records")

    def away(self, error: MlopsError) -> None:
        """Show that the hub does not answer; what is listed stays."""
        if not isinstance(error, Unavailable):
            self.say_error(error)
            return
        self._reachable = False
        self.banner.value = str(no_answer(error))
        show(self.banner, True)
        self.settle()

    def settle(self) -> None:
        """Set which buttons can be used."""
        usable = self._reachable and not self.busy
        self.older.disabled = not (usable and self.page.to_dict()["more"])
        self.newer.disabled = not usable
        self.read.disabled = not (usable and self._record and kept_sides(self._record))

    def _search(self) -> None:
        self._turn([self._find()])

    def _find(self) -> AuditTable:
        begun = time.monotonic()
        held = {name: field.value for name, field in self.fields.items()}
        asked = Filters(failed=self.failed.value, **held).asked()
        search = search_of(self.hub, **{**self._others, **asked}, limit=self._limit)
        page = search.page(None, frozenset())
        self.rest = max(_REST, _EFFORT * (time.monotonic() - begun))
        return page

    def _turn(self, pages: list[AuditTable]) -> None:
        with self.lock:
            if self.closed:
                return
            self._pages = pages
            self._show(self.page)
            self.say("")
            self.settle()

    def _show(self, page: AuditTable) -> None:
        options = [(line(record), record.get("index")) for record in page]
        words = caption(page, len(self._pages), self._others)
        self.caption.value = str(panel(element("div", words, style=MUTED)))
        if tuple(options) == tuple(self.rows.options):
            return
        chosen = self.rows.value
        self._listing = True
        try:
            # a list whose first row were chosen by itself would open it
            self.rows.index = None
            self.rows.options = options
            places = [place for place, (_, index) in enumerate(options) if index == chosen]
            self.rows.index = places[0] if places and chosen is not None else None
        finally:
            self._listing = False
        if self.rows.index is None:
            self._open(None, {})

    def _open(self, record: AuditRecord | None, payloads: Mapping[str, bytes]) -> None:
        self._record = record
        show(self.opened, record is not None)
        if record is not None:
            kept = bool(kept_sides(record))
            hint = () if kept else (note(muted("What went in and came out was not kept.")),)
            self.detail.value = str(Html("".join((detail(record, payloads), *hint))))
        self.settle()


def _head() -> Html:
    return Html(_STYLE + element("div", head(), style=f"{_FONT};padding:0 5px;white-space:pre"))


def _field(name: str, value: str) -> Any:
    return widgets.Text(
        value=value,
        description=name,
        tooltip=_FIELDS[name],
        placeholder=_FIELDS[name],
        continuous_update=False,
        layout={"width": "240px"},
        style={"description_width": "60px"},
    )
