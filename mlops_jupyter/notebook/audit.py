"""Reading the ledger from a notebook: ``audit(…)``, ``audit.show(id)``, ``audit.verify()``."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Any

from mlops_jupyter.notebook.audit_tree import read_run, run_of
from mlops_jupyter.notebook.connection import connected
from mlops_jupyter.notebook.records import AuditRecord, AuditTable, kept_sides
from mlops_jupyter.notebook.searching import Search, payload_of, queries
from mlops_jupyter.notebook.views import VerificationView
from mlops_jupyter.types import InvalidRequest, did_you_mean

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub
    from mlops_jupyter.notebook.controls.shown import Controls

Moment = str | float | None
"""``24h`` (ago), ``7d``, an ISO 8601 date and time, or seconds since 1970."""
MAX_PAGE = 10_000
_RECORD_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Audit:
    """The ledger as a notebook reads it. Call it to search."""

    def __call__(
        self,
        name: str | None = None,
        *,
        endpoint: str | None = None,
        model: str | None = None,
        version: int | None = None,
        since: Moment = "24h",
        until: Moment = None,
        by: str | None = None,
        kind: str | None = None,
        failed: bool = False,
        text: str | None = None,
        intents: bool = False,
        limit: int = 100,
    ) -> AuditTable | AuditRecord:
        """Who called which version of which model, when, with which data and what came out.

        Parameters
        ----------
        name
            Of an endpoint or a model: calls of both, changes to both, and tokens for the endpoint.
            A record's id gives that record; of a pipeline's call with its steps as a tree.
        endpoint, model, version
            Only records of just these.
        since, until
            ``24h`` (ago), ``7d``, ``2026-11-23T08:00``, or seconds since 1970; None for no bound.
        by
            The caller: ``user:alice``, ``app:billing``, or ``alice`` for the local user.
        kind
            ``prediction``, ``control``, ``access``, ``gap`` or ``system``.
        failed
            Only what failed or was refused.
        intents
            Also what was about to be done, where the record of what came of it follows.
        limit
            Records a page; `AuditTable.next` gives the next one.
        """
        if name is not None and _RECORD_ID.fullmatch(name):
            return self.show(name)
        search = search_of(
            connected(),
            name,
            endpoint=endpoint,
            model=model,
            version=version,
            since=since,
            until=until,
            by=by,
            kind=kind,
            failed=failed,
            text=text,
            intents=intents,
            limit=limit,
        )
        return search.page(None, frozenset())

    search = __call__

    def show(self, key: str | int, *, payloads: bool = False) -> AuditRecord:
        """One record by its id or index, in full.

        Parameters
        ----------
        payloads
            Also read what went in and came out; that read is itself recorded.
        """
        return record_of(connected(), key, payloads=payloads)

    def controls(self, name: str | None = None, **filters: Any) -> Controls:
        """The records of a search with a table below them to filter, page through and open.

        It is shown where a cell ends with this, if somebody sits before it.

        Parameters
        ----------
        name, filters
            As for the search itself.
        """
        from mlops_jupyter.notebook.controls.shown import audit_controls

        found = self(name, **filters)
        if isinstance(found, AuditRecord):
            raise InvalidRequest(
                "One record has no table to page through.",
                fix="Leave --ui out to see the record; name an endpoint or a model for a table.",
                code="invalid_usage",
            )
        return audit_controls(connected(), found, name, filters)

    def verify(self, against: str | None = None) -> VerificationView:
        """Check the whole ledger, also against a checkpoint that was kept elsewhere."""
        return VerificationView(connected().verify(against))

    def receipt(self, key: str | int) -> str:
        """The proof that a record is in the ledger (tlog-proof text), to keep elsewhere."""
        return connected().receipt(key)

    def checkpoint(self) -> str:
        """The signed head of the ledger, to keep elsewhere and verify against."""
        return connected().checkpoint()

    def __getattr__(self, name: str) -> Any:
        # the package's room of the same name, for whoever says mlops_jupyter.audit and means that
        room = sys.modules.get("mlops_jupyter.audit")
        if room is not None and not name.startswith("__") and hasattr(room, name):
            return getattr(room, name)
        known = [word for word in dir(type(self)) if not word.startswith("_")]
        raise AttributeError(
            f"audit has no '{name}'. {did_you_mean(name, known)}", name=name, obj=self
        )


def search_of(
    hub: Hub,
    name: str | None = None,
    *,
    since: Moment = "24h",
    until: Moment = None,
    by: str | None = None,
    intents: bool = False,
    limit: int = 100,
    **exact: Any,
) -> Search:
    """A search as `Audit` takes it; `exact` are filters of the hub as they are."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidRequest(
            f"The limit is from 1 to {MAX_PAGE}.",
            reason="The rest is a page further.",
            fix="Take the older records with .next().",
            code="invalid_limit",
        )
    now = time.time()
    asked = {
        **exact,
        "since": _moment(since, now),
        "until": _moment(until, now),
        "caller": _caller(by),
    }
    first = {key: exact.get(key) for key in ("endpoint", "model", "version")}
    words = {"": name, **first, "since": since, "until": until, "caller": by, **exact}
    shown = ", ".join(
        label if value is True else f"{label} {value}".strip()
        for label, value in words.items()
        if value not in (None, False, "")
    )
    return Search(hub, queries(name, asked), limit, shown, intents)


def record_of(hub: Hub, key: str | int, *, payloads: bool = False) -> AuditRecord:
    """One record in full; reading its payloads is itself recorded."""
    found = hub.record(key)
    record = {**found.record, "index": found.index, "log": found.log, "leaf": found.leaf}
    sides = kept_sides(found.record) if payloads else []
    kept = {side: payload_of(hub, str(key), side) for side in sides}
    steps = read_run(hub, record) if run_of(record) else ()
    return AuditRecord(record, lambda known, side: payload_of(hub, known, side), kept, steps)


def _moment(given: Moment, now: float) -> float | None:
    from mlops_jupyter.client import parse_moment

    return parse_moment(given, now) if isinstance(given, str) else given


def _caller(by: str | None) -> str | None:
    if not by or ":" in by:
        return by
    return f"user:{by}"
