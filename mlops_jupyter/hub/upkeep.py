"""What the hub does by itself: closing orphans, the ledger's columns and signatures."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from mlops_jupyter.audit import AuditQuery, Entry, Ledger
from mlops_jupyter.hub.catalogue import Catalogue
from mlops_jupyter.hub.state import State
from mlops_jupyter.targets.local import LocalTarget
from mlops_jupyter.training.environment import discard_unused
from mlops_jupyter.types import AuditUnavailable, InvalidRequest

SLICE_RECORDS = 128
"""Lost search columns made at a time; a slice keeps the loop busy for about a millisecond."""

PAUSE_SECONDS = 0.1

ENVIRONMENT_DAYS = "MLOPS_JUPYTER_ENVIRONMENT_DAYS"
"""Environment variable: days after which a locked environment that no endpoint needs is deleted."""

_USUAL_DAYS = 30.0
_DAY_SECONDS = 86_400.0

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


async def keep_environments(
    state: State, catalogue: Catalogue, target: LocalTarget, rebuilt: Path, days: float
) -> None:
    """Delete environments that no endpoint and no run needs, once a day, for ever.

    `rebuilt` has those of repeated runs. Those of deployed endpoints stay, of the versions before
    them too: a rollback finds them.
    """
    while True:
        try:
            needed = {ref for one in state.endpoints() if one.spec.deployed for ref in one.refs}
            versions = [catalogue.get(*ref) for ref in needed]
            kept = [(version, catalogue.path(version)) for version in versions]
            gone = await asyncio.to_thread(target.collect, kept, days)
            gone += await asyncio.to_thread(discard_unused, rebuilt, days * _DAY_SECONDS)
            for digest in gone:
                _log.info("an environment that nobody used was deleted: %s", digest)
        except Exception:
            _log.exception("environments are not looked through")
        await asyncio.sleep(_DAY_SECONDS)


def environment_days() -> float:
    """How long an unused environment is kept.

    Raises
    ------
    InvalidRequest
        ``MLOPS_JUPYTER_ENVIRONMENT_DAYS`` is no number of days.
    """
    text = os.environ.get(ENVIRONMENT_DAYS, "").strip()
    try:
        days = float(text or _USUAL_DAYS)
    except ValueError:
        days = -1.0
    if not 0 <= days < 1e6:
        raise InvalidRequest(
            f"{ENVIRONMENT_DAYS} is not a number of days.",
            reason="It says after how many days without use an environment is deleted.",
            fix=f"Set {ENVIRONMENT_DAYS} to such a number, or unset it.",
            code="invalid_environment_days",
        )
    return days
