"""A search of the ledger that the hub answers in pieces, put together to pages.

The hub knows filters that must all hold. Records of a name, as of an endpoint or of a model, take a
query each: their answers are merged by the records' index, which is also what cursors are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlops_jupyter.notebook.records import AuditTable

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub

SEARCH_SECONDS = 5.0
"""After this long a search gives what it has found; `AuditTable.next` goes on from there."""
_PIECE = 1000
_AHEAD = 100
"""Records looked for beyond a page, to say how many more there are."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """Filters of the hub, and what else must be true of a record."""

    filters: Mapping[str, Any]
    fits: Callable[[Record], bool] = bool


def queries(name: str | None, asked: Mapping[str, Any]) -> list[Query]:
    """The queries whose records together are those of `name`, within what is `asked`."""
    if name is None:
        return [Query(asked)]
    found = [
        Query({**asked, key: name})
        for key in ("endpoint", "model")
        if asked.get(key) in (None, name)
    ]
    narrowed = any(asked.get(key) is not None for key in ("endpoint", "model", "version"))
    if not narrowed and asked.get("kind") in (None, "access"):
        found.append(Query({**asked, "kind": "access"}, lambda record: _grants(record, name)))
    return found


def _grants(record: Record, name: str) -> bool:
    """Whether the record is that of a token for the endpoint `name`."""
    detail = record.get("detail")
    endpoints = detail.get("endpoints") if isinstance(detail, dict) else None
    return isinstance(endpoints, list) and name in endpoints


@dataclass(frozen=True)
class Search:
    """What is searched for; `page` gives the records.

    Attributes
    ----------
    limit
        Records a page.
    shown
        What was asked, in words.
    intents
        Whether intents are given, too, whose outcome is known.
    """

    hub: Hub
    queries: Sequence[Query]
    limit: int
    shown: str = ""
    intents: bool = False

    def page(self, before: int | None, closed: frozenset[str]) -> AuditTable:
        """Up to `limit` records from before that index; `closed` are intents with an outcome."""
        deadline = time.monotonic() + SEARCH_SECONDS
        wanted = self.limit + _AHEAD
        found: list[Record] = []
        known = set(closed)
        cursor = before
        size = indexed = 0
        while True:
            piece, cursor, size, indexed = self._piece(wanted - len(found), cursor)
            for record in piece:
                if record.get("phase") == "outcome" and record.get("intent"):
                    known.add(str(record["intent"]))
                elif not self.intents and _is_closed(record, known):
                    continue
                found.append(record)
            if cursor is None or len(found) >= wanted or time.monotonic() > deadline:
                break
        kept, beyond = found[: self.limit], found[self.limit :]
        onwards = int(kept[-1]["index"]) if beyond else cursor
        closed = frozenset(known)
        return AuditTable(
            kept,
            size=size,
            behind=size - indexed,
            asked=self.shown,
            left=_count(len(beyond), cursor is None),
            fetch=lambda key, side: payload_of(self.hub, key, side),
            older=None if onwards is None else lambda: self.page(onwards, closed),
        )

    def _piece(self, limit: int, before: int | None) -> tuple[list[Record], int | None, int, int]:
        """Records of all queries from before that index, complete down to the next cursor."""
        merged: dict[int, Record] = {}
        floor: int | None = None
        size = indexed = 0
        for query in self.queries:
            page = self.hub.records(**query.filters, limit=min(limit, _PIECE), before=before)
            merged.update(
                (int(record["index"]), record) for record in page.records if query.fits(record)
            )
            if page.next is not None:
                floor = max(int(page.next), floor or 0)
            size, indexed = page.size, page.indexed
        # below the floor one of the queries has not looked yet
        seen = sorted((at for at in merged if floor is None or at >= floor), reverse=True)
        kept = seen[:limit]
        cursor = kept[-1] if len(seen) > limit else floor
        return [merged[at] for at in kept], cursor, size, indexed


def payload_of(hub: Hub, key: str, side: str) -> bytes:
    """The bytes of one side of a call; that they were read is itself recorded."""
    which: Literal["input", "output"] = "input" if side == "input" else "output"
    return hub.payload(key, which).data


def _is_closed(record: Record, closed: set[str]) -> bool:
    return record.get("phase") == "intent" and str(record.get("id")) in closed


def _count(beyond: int, all_seen: bool) -> str:
    if not beyond:
        return ""
    return f"{beyond:,}" if all_seen else f"{beyond:,} or"
