"""Reading the ledger from a notebook: ``audit(…)``, ``audit.show(id)``, ``audit.verify()``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Literal

from mlops_jupyter.notebook.connection import connected
from mlops_jupyter.notebook.records import AuditRecord, AuditTable
from mlops_jupyter.notebook.views import VerificationView
from mlops_jupyter.types import InvalidRequest

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub

Moment = str | float | None
"""``24h`` (ago), ``7d``, an ISO 8601 date and time, or seconds since 1970."""
MAX_PAGE = 10_000
SEARCH_SECONDS = 5.0
"""After this long a search gives what it has found; `AuditTable.next` goes on from there."""
_PIECE = 1000


class Audit:
    """The ledger as a notebook reads it. Call it to search."""

    def __call__(
        self,
        endpoint: str | None = None,
        *,
        model: str | None = None,
        version: int | None = None,
        since: Moment = "24h",
        until: Moment = None,
        by: str | None = None,
        kind: str | None = None,
        failed: bool = False,
        text: str | None = None,
        limit: int = 100,
    ) -> AuditTable:
        """Who called which version of which model, when, with which data and what came out.

        Parameters
        ----------
        since, until
            ``24h`` (ago), ``7d``, ``2026-11-23T08:00``, or seconds since 1970; None for no bound.
        by
            The caller: ``user:alice``, ``app:billing``, or ``alice`` for the local user.
        kind
            ``prediction``, ``control``, ``access``, ``gap`` or ``system``.
        failed
            Only what failed or was refused.
        limit
            Records a page; `AuditTable.next` gives the next one.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidRequest(
                f"The limit is from 1 to {MAX_PAGE}.",
                reason="The rest is a page further.",
                fix="Take the older records with .next().",
                code="invalid_limit",
            )
        now = time.time()
        asked: dict[str, Any] = {
            "endpoint": endpoint,
            "model": model,
            "version": version,
            "since": _moment(since, now),
            "until": _moment(until, now),
            "caller": _caller(by),
            "kind": kind,
            "failed": failed,
            "text": text,
        }
        words = {**asked, "since": since, "until": until, "caller": by}
        shown = ", ".join(
            name if value is True else f"{name} {value}"
            for name, value in words.items()
            if value not in (None, False, "")
        )
        return _page(connected(), asked, limit, None, shown)

    def show(self, key: str | int, *, payloads: bool = False) -> AuditRecord:
        """One record by its id or index, in full.

        Parameters
        ----------
        payloads
            Also read what went in and came out; that read is itself recorded.
        """
        hub = connected()
        found = hub.record(key)
        record = {**found.record, "index": found.index, "log": found.log, "leaf": found.leaf}
        kept = (
            {
                side: self._payload(hub, str(key), side)
                for side in ("input", "output")
                if (found.record.get(side) or {}).get("ref")
            }
            if payloads
            else {}
        )
        return AuditRecord(record, lambda known, side: self._payload(hub, known, side), kept)

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
        return getattr(sys.modules.get("mlops_jupyter.audit"), name)

    @staticmethod
    def _payload(hub: Hub, key: str, side: str) -> bytes:
        which: Literal["input", "output"] = "input" if side == "input" else "output"
        return hub.payload(key, which).data


def _page(
    hub: Hub, asked: dict[str, Any], limit: int, before: str | int | None, shown: str
) -> AuditTable:
    """Up to `limit` records; the hub cuts a long search into pieces, which are put together."""
    deadline = time.monotonic() + SEARCH_SECONDS
    records: list[dict[str, Any]] = []
    cursor = before
    while True:
        page = hub.records(**asked, limit=min(limit - len(records), _PIECE), before=cursor)
        records += page.records
        cursor = page.next
        if cursor is None or len(records) >= limit or time.monotonic() > deadline:
            break
    return AuditTable(
        records,
        size=page.size,
        behind=page.size - page.indexed,
        asked=shown,
        fetch=lambda key, side: Audit._payload(hub, key, side),
        older=None if cursor is None else lambda: _page(hub, asked, limit, cursor, shown),
    )


def _moment(given: Moment, now: float) -> float | None:
    from mlops_jupyter.client import parse_moment

    return parse_moment(given, now) if isinstance(given, str) else given


def _caller(by: str | None) -> str | None:
    if not by or ":" in by:
        return by
    return f"user:{by}"
