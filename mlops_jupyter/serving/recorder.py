"""Group commit: answers wait until the records of their batch are durable.

Everything that finishes within one turn of the event loop shares one commit. There is no timer and
no second thread: measured, both cost more than they bring (docs/performance.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from mlops_jupyter.audit import Entry, Ledger
from mlops_jupyter.types import AuditUnavailable

MAX_BATCH = 512
MAX_ASYNC_BACKLOG = 10_000

Release = Callable[[str | None, int, AuditUnavailable | None], None]
"""Called with (record id, index in the log, None), or with (None, -1, error)."""


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    release: Release | None


class Recorder:
    """Writes entries to the ledger in batches and releases the answers that wait for them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: list[_Waiting] = []
        self._scheduled = False

    def strict(self, entry: Entry, release: Release) -> None:
        """Record `entry`; `release` is called when it is durable or cannot be."""
        self._waiting.append(_Waiting(entry, release))
        self._schedule()

    def relaxed(self, entry: Entry) -> None:
        """Record `entry` when the ledger can; else count it as dropped."""
        if len(self._waiting) >= MAX_ASYNC_BACKLOG:
            self._ledger.count_dropped(1)
            return
        self._waiting.append(_Waiting(entry, None))
        self._schedule()

    def flush(self) -> None:
        """Write all that waits, now."""
        while self._waiting:
            self._commit()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._commit)

    def _commit(self) -> None:
        self._scheduled = False
        batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        if self._waiting:
            self._schedule()
        if not batch:
            return
        try:
            written = self._ledger.append([waiting.entry for waiting in batch])
        except AuditUnavailable as error:
            dropped = 0
            for waiting in batch:
                if waiting.release is None:
                    dropped += 1
                else:
                    waiting.release(None, -1, error)
            if dropped:
                self._ledger.count_dropped(dropped)
            return
        first, ids = written.first, written.ids
        for offset, waiting in enumerate(batch):
            if waiting.release is not None:
                waiting.release(ids[offset], first + offset, None)
