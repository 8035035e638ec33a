"""The part of the client that reads, checks and adds to the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import quote

from mlops_jupyter.client.answers import (
    LastVerification,
    LoggedEvent,
    LoggedRecord,
    Payload,
    RecordPage,
    Verification,
)
from mlops_jupyter.client.calls import Calls, given


class LedgerCalls(Calls):
    """Search, proof, verification and export of the ledger."""

    def records(
        self,
        *,
        endpoint: str | None = None,
        model: str | None = None,
        version: int | None = None,
        caller: str | None = None,
        kind: str | None = None,
        status: int | None = None,
        failed: bool = False,
        since: float | None = None,
        until: float | None = None,
        text: str | None = None,
        limit: int | None = None,
        before: str | int | None = None,
        fields: Literal["all", "summary"] = "all",
    ) -> RecordPage:
        """Search the ledger, newest first; times are epoch seconds, `before` a page's cursor.

        With `fields` ``summary`` records come without what a list does not show: the blocks
        ``input``, ``output``, ``code`` and ``data``.
        """
        query = _audit_query(
            endpoint=endpoint, model=model, version=version, caller=caller, kind=kind,
            status=status, failed=failed, since=since, until=until, text=text,
            limit=limit, before=before, fields=None if fields == "all" else fields,
        )  # fmt: skip
        return self._get("/audit/records", RecordPage, query)

    def record(self, key: str | int) -> LoggedRecord:
        """One record by its id or its index."""
        return self._get(_record(key), LoggedRecord)

    def payload(self, key: str | int, which: Literal["input", "output"]) -> Payload:
        """The bytes that went in or came out; reading them is itself recorded."""
        response = self._connection.request("GET", f"{_record(key)}/{which}", repeatable=False)
        return Payload(response.content, response.headers.get("Content-Type", ""))

    def receipt(self, key: str | int) -> str:
        """The proof that a record is in the ledger, to keep elsewhere (tlog-proof text)."""
        return self._text(f"{_record(key)}/receipt")

    def checkpoint(self) -> str:
        """The signed head of the ledger, to keep elsewhere."""
        return self._text("/audit/checkpoint")

    def key(self) -> str:
        """The key that verifies checkpoints."""
        return self._text("/audit/key")

    def verify(self, against: str | None = None) -> Verification:
        """Check the whole ledger, also against a checkpoint kept elsewhere."""
        return self._send("POST", "/audit/verify", Verification, given(against=against))

    def verification(self) -> LastVerification | None:
        """What the newest check of the ledger found; None when there was none."""
        # the checker cannot tell a union from a class here
        kind: Any = LastVerification | None
        found: LastVerification | None = self._get("/audit/verification", kind)
        return found

    def export(
        self, form: Literal["jsonl", "csv", "parquet"] = "jsonl", **filters: Any
    ) -> Iterator[bytes]:
        """The matching records as a file, a part at a time; filters as in :meth:`records`."""
        query = {"format": form, **_audit_query(**filters)}
        with self._connection.stream("/audit/export", query) as parts:
            yield from parts

    def event(
        self,
        action: str,
        detail: Mapping[str, Any] | None = None,
        *,
        code: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        model: Mapping[str, Any] | None = None,
    ) -> LoggedEvent:
        """Record something that this client did elsewhere, such as a registration."""
        body = given(action=action, detail=detail, code=code, data=data, model=model)
        return self._send("POST", "/audit/events", LoggedEvent, body, repeatable=False)


def _audit_query(**filters: Any) -> dict[str, Any]:
    """The query of a search: nothing for filters that are not set."""
    return {name: value for name, value in filters.items() if value not in (None, False, "")}


def _record(key: str | int) -> str:
    return f"/audit/records/{quote(str(key), safe='')}"
