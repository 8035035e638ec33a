"""Routes on the ledger. Reads run in threads over the engine that cannot write."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from mlops_jupyter.audit import (
    AuditQuery,
    Entry,
    Filters,
    InvalidRecord,
    Ledger,
    verify,
)
from mlops_jupyter.audit.export import export
from mlops_jupyter.hub import records
from mlops_jupyter.hub.routes import Call, Route, text_response
from mlops_jupyter.hub.state import State
from mlops_jupyter.serving.messages import Response
from mlops_jupyter.types import AuditUnavailable, InvalidInput, InvalidRequest, MlopsError

EVENT_BYTES = 32 * 1024
_BYTES = "application/octet-stream"
_VERIFY = "audit.verify"
_SHOWN_TYPES = frozenset({"application/json", "text/csv", _BYTES})
_BLOCKS = ("input", "output", "code", "data")
_MEDIA = {
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
_SHOWN = 500
"""Characters of a problem that go into a record."""

_log = logging.getLogger(__name__)
_ACTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,3}")
_OWN_ACTIONS = re.compile(
    r"(deploy|scale|traffic|promote|rollback|undeploy|hub|version|token|payload|audit)(\..*)?"
)

T = TypeVar("T")


class FilterQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Only records that fit; times are epoch seconds, `text` is found in any search column."""

    endpoint: str | None = None
    model: str | None = None
    version: int | None = None
    caller: str | None = None
    kind: str | None = None
    action: str | None = None
    request_id: str | None = None
    status: int | None = None
    failed: bool = False
    since: float | None = None
    until: float | None = None
    text: str | None = None


class SearchQuery(FilterQuery, kw_only=True):
    """A page: at most `limit` records from before the cursor `before`, whole or in short."""

    limit: int = 50
    before: int | None = None
    fields: Literal["all", "summary"] = "all"


class ExportQuery(FilterQuery, kw_only=True):
    """Everything that fits, as JSON lines, as CSV or as Parquet."""

    format: Literal["jsonl", "csv", "parquet"] = "jsonl"


class RecordPage(msgspec.Struct):
    """Records, newest first; `next` is the next page's cursor; `indexed` of `size` are seen."""

    records: list[dict[str, Any]]
    next: int | None
    size: int
    indexed: int


class LoggedRecord(msgspec.Struct):
    """A record with its place: leaf `index` of `log`, and the leaf's hash."""

    record: dict[str, Any]
    index: int
    log: str | None
    leaf: str


class VerifyBody(msgspec.Struct, forbid_unknown_fields=True):
    """A checkpoint kept elsewhere, which the ledger must agree with."""

    against: str | None = None


class Verification(msgspec.Struct):
    """Whether the whole ledger holds together, and what does not."""

    ok: bool
    size: int
    seconds: float
    records_per_second: float
    problems: list[dict[str, Any]]
    checked: dict[str, Any]


class LastVerification(msgspec.Struct):
    """What the newest verification found, and when (epoch seconds); its record is `index`."""

    ok: bool
    size: int
    at: float
    problems: int
    index: int


class EventBody(msgspec.Struct, forbid_unknown_fields=True):
    """Something that a client did elsewhere, such as a registration."""

    action: str
    detail: dict[str, Any] = {}
    code: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    model: dict[str, Any] | None = None


class LoggedEvent(msgspec.Struct):
    """Where the event was recorded."""

    id: str
    index: int


class AuditRoutes:
    """Handlers of the routes on the ledger."""

    def __init__(self, ledger: Ledger, query: AuditQuery, database: Path, state: State) -> None:
        self._ledger = ledger
        self._query = query
        self._database = database
        self._state = state

    def routes(self) -> list[Route]:
        """The table's part."""
        every, one = "/audit/records", "/audit/records/{key}"
        return [
            Route(
                "GET", every, "audit", "Search, newest first.", self._search, RecordPage,
                query=SearchQuery,
            ),
            Route("GET", one, "audit", "One record by id or index.", self._show, LoggedRecord),
            Route(
                "GET", f"{one}/input", "audit", "What went in; the read is recorded.",
                self._input, _BYTES, changes=True,
            ),
            Route(
                "GET", f"{one}/output", "audit", "What came out; the read is recorded.",
                self._output, _BYTES, changes=True,
            ),
            Route(
                "GET", f"{one}/receipt", "audit", "The proof that it is in the ledger.",
                self._receipt, "text/plain",
            ),
            Route(
                "GET", "/audit/checkpoint", "audit", "The signed head of the ledger.",
                self._checkpoint, "text/plain",
            ),
            Route(
                "GET", "/audit/key", "audit", "The key that verifies checkpoints.",
                self._key, "text/plain",
            ),
            Route(
                "POST", "/audit/verify", "audit", "Check every record and the tree.",
                self._verify, Verification, body=VerifyBody,
            ),
            Route(
                "GET", "/audit/verification", "audit", "What the newest check found.",
                self._verification, LastVerification | None,
            ),
            Route(
                "GET", "/audit/export", "audit", "All records that fit, as a stream.",
                self._export, "application/jsonl", query=ExportQuery, errors=(422,),
            ),
            Route(
                "POST", "/audit/events", "audit", "Record what a client did elsewhere.",
                self._event, LoggedEvent, status=201, body=EventBody, changes=True,
            ),
        ]  # fmt: skip

    async def _search(self, call: Call) -> Any:
        query: SearchQuery = call.query
        filters = _filters(query, before=query.before)
        page = await _read(lambda: self._query.search(filters, limit=query.limit))
        if query.fields == "summary":
            for record in page.records:
                for block in _BLOCKS:
                    record.pop(block, None)
        return RecordPage(page.records, page.next, page.size, page.indexed)

    async def _show(self, call: Call) -> Any:
        key = _key(call)
        return LoggedRecord(**await _read(lambda: self._query.show(key)))

    async def _input(self, call: Call) -> Response:
        return await self._payload(call, "input")

    async def _output(self, call: Call) -> Response:
        return await self._payload(call, "output")

    async def _receipt(self, call: Call) -> Response:
        key, note = _key(call), self._ledger.checkpoint()
        return text_response(await _read(lambda: self._query.receipt(key, note)))

    async def _checkpoint(self, _call: Call) -> Response:
        return text_response(self._ledger.checkpoint())

    async def _key(self, _call: Call) -> Response:
        return text_response(self._ledger.vkey)

    async def _verify(self, call: Call) -> Any:
        body: VerifyBody = call.body
        report = await _read(lambda: verify(self._database, against=body.against))
        found = Verification(**report.to_dict())
        self._note_verification(call, found)
        return found

    def _note_verification(self, call: Call, found: Verification) -> None:
        detail: dict[str, Any] = {
            "ok": found.ok,
            "size": found.size,
            "problems": len(found.problems),
        }
        if found.problems:
            first = found.problems[0]
            detail["first_problem"] = {**first, "what": str(first.get("what", ""))[:_SHOWN]}
        try:
            self._state.record(records.access(_VERIFY, call.caller, **detail))
        except AuditUnavailable as error:
            # who wants to know whether the ledger is whole must learn it when it is not
            _log.warning("the verification is not recorded: %s", error)

    async def _verification(self, _call: Call) -> Any:
        record = await _read(lambda: self._newest("access", _VERIFY))
        if record is None:
            return None
        detail = record["detail"]
        return LastVerification(
            detail["ok"],
            detail["size"],
            record["t_wall_us"] / 1e6,
            detail["problems"],
            record["index"],
        )

    def _newest(self, kind: str, action: str) -> dict[str, Any] | None:
        before: int | None = None
        while True:
            filters = Filters(kind=kind, action=action, before=before)
            page = self._query.search(filters, limit=1)
            if page.records or page.next is None:
                return page.records[0] if page.records else None
            before = page.next

    async def _export(self, call: Call) -> Response:
        query: ExportQuery = call.query
        filters = _filters(query)
        # in a thread, for Parquet's library is large
        parts = await asyncio.to_thread(export, self._query.each(filters), query.format)
        return Response(200, _stream(parts), _MEDIA[query.format])

    async def _event(self, call: Call) -> Any:
        body: EventBody = call.body
        if not _ACTION.fullmatch(body.action) or _OWN_ACTIONS.fullmatch(body.action):
            raise InvalidInput(
                "This is not the name of an action that a client can report.",
                reason="It is lower-case words joined by dots, and none of the hub's own actions.",
                fix="Choose a name such as 'register' or 'alias.set'.",
                code="invalid_body",
            )
        record = records.control(
            "outcome",
            body.action,
            call.caller,
            detail={**body.detail, "reported_by": "client"},
            code=body.code,
            data=body.data,
            model=body.model,
        )
        if len(msgspec.json.encode(record)) > EVENT_BYTES:
            raise InvalidInput(
                "The event is too large.",
                reason=f"Its record would be over {EVENT_BYTES} bytes.",
                code="invalid_body",
            )
        try:
            written = self._ledger.append([Entry(record)])
        except InvalidRecord as error:
            raise InvalidInput(
                "The event cannot be recorded.", reason=str(error), code="invalid_body"
            ) from None
        return LoggedEvent(written.ids[0], written.first)

    async def _payload(self, call: Call, side: str) -> Response:
        """Read a payload, after the read itself is recorded: nobody reads unseen."""
        key = _key(call)
        shown = await _read(lambda: self._query.show(key))
        detail = {"record": shown["record"].get("id"), "index": shown["index"], "side": side}
        self._state.record(records.access("payload.read", call.caller, **detail))
        try:
            payload = await _read(lambda: self._query.payload(shown["index"], side))
        except ValueError as error:
            raise MlopsError(
                "The payload is damaged.",
                reason=f"{error}.",
                fix="Run: mlops-jupyter audit verify.",
                code="payload_damaged",
            ) from error
        # what is kept is somebody's input: never let a browser take it for a page
        media = payload.content_type.partition(";")[0].strip().lower()
        content_type = payload.content_type if media in _SHOWN_TYPES else _BYTES
        head = (("Content-Disposition", "attachment"), ("Content-Security-Policy", "sandbox"))
        return Response(200, payload.data, content_type, head)


def _filters(query: FilterQuery, **more: Any) -> Filters:
    asked = {name: getattr(query, name) for name in FilterQuery.__struct_fields__}
    for name in ("since", "until"):
        seconds = asked[name]
        if seconds is None:
            continue
        if not 0 <= seconds < 1e11:
            raise InvalidRequest(
                f"The filter '{name}' is out of range.",
                reason="Times are seconds since 1970.",
                code="invalid_query",
            )
        asked[name] = int(seconds * 1e6)
    return Filters(**asked, **more)


def _key(call: Call) -> str | int:
    text = call.path["key"]
    if text.isascii() and text.isdigit() and len(text) <= 16:
        return int(text)
    if len(text) > 64:
        raise InvalidRequest(
            "This is neither a record's id nor its index.", code="invalid_record_key"
        )
    return text


async def _read(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except SQLAlchemyError as error:
        raise AuditUnavailable(
            "The ledger cannot be read now.",
            reason="Its database does not answer.",
            fix="Try again; if it repeats, see: mlops-jupyter hub logs.",
        ) from error


async def _stream(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Take chunks from a generator that reads the database, one at a time in a thread."""
    end = object()
    while (chunk := await asyncio.to_thread(next, chunks, end)) is not end:
        assert isinstance(chunk, bytes)
        yield chunk
