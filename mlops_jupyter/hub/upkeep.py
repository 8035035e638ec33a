"""What the hub does by itself: closing orphans, the ledger's columns and signatures."""

from __future__ import annotations

import asyncio
import logging

from mlops_jupyter.audit import AuditQuery, Entry, Ledger
from mlops_jupyter.types import AuditUnavailable

SLICE_RECORDS = 128
"""Lost search columns made at a time; a slice keeps the loop busy for about a millisecond."""

PAUSE_SECONDS = 0.1

_log = logging.getLogger(__name__)


def close_orphans(ledger: Ledger, query: AuditQuery) -> int:
    """Give every intent without an outcome the outcome ``unknown``; return how many there were.

    An orphan is a change that was under way when a hub ended. Its effect is either wholly in the
    kept state or not at all, but nobody can say any more whether it would have worked.
    """
    try:
        orphans = query.open_intents()
        entries = [
            Entry(
                {
                    "kind": "control",
                    "phase": "outcome",
                    "action": record.get("action"),
                    "endpoint": record.get("endpoint"),
                    "intent": record["id"],
                    "status": 500,
                    "error": "unknown",
                    "detail": {"reason": "The hub ended before the change did."},
                }
            )
            for record in orphans
        ]
        if entries:
            ledger.append(entries)
            _log.warning("%d changes were under way when the hub ended", len(entries))
    except AuditUnavailable as error:
        # they stay orphans until a start at which the ledger can write
        _log.warning("orphans are not closed: %s", error)
        return 0
    return len(entries)


async def keep_ledger(ledger: Ledger) -> None:
    """Sign checkpoints, and make search columns that were lost, for ever."""
    while True:
        try:
            busy = ledger.index_pending(SLICE_RECORDS) > 0
            ledger.sign_if_due()
        except Exception:
            _log.exception("the ledger's upkeep failed")
            busy = False
        # between two slices of a long backlog every waiting call gets its turn
        await asyncio.sleep(0.002 if busy else PAUSE_SECONDS)
