"""One prediction from request to recorded answer."""

from __future__ import annotations

import os
from time import monotonic
from typing import Any

import orjson

from mlops_jupyter.audit import Entry, Payload
from mlops_jupyter.serving import invocations, oip
from mlops_jupyter.serving.account import TRACEPARENT, Account, Journal, Trace
from mlops_jupyter.serving.connection import Exchange
from mlops_jupyter.serving.messages import JSON, Request, error_head
from mlops_jupyter.serving.recorder import Recorder
from mlops_jupyter.serving.routing import Match, Route, ServedVersion, blank_record
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.tensors import Inputs, Outputs
from mlops_jupyter.types import AuditPolicy, AuditUnavailable, Caller, MlopsError

_DEFAULT_AUDIT = AuditPolicy()
_JSON = JSON.encode()


class Prediction:
    """A call's request, what is known of it so far, and the way its answer takes.

    `exchange` is None for a shadow: its answer is recorded and goes nowhere.
    """

    __slots__ = (
        "_account",
        "caller",
        "exchange",
        "match",
        "options",
        "recorder",
        "request",
        "route",
        "rows",
        "served",
        "started",
    )

    def __init__(
        self,
        recorder: Recorder,
        request: Request,
        exchange: Exchange | None,
        match: Match,
        started: float,
    ) -> None:
        self.recorder = recorder
        self.request = request
        self.exchange = exchange
        self.match = match
        self.started = started
        self.caller: Caller | None = None
        self.route: Route | None = None
        self.served: ServedVersion | None = None
        self.options: Any = None
        self.rows = 0
        self._account: Account | None = None

    def account(self) -> Account:
        """On whose account a pipeline calls its steps for this call."""
        if self._account is None:
            assert self.caller is not None
            headers = self.request.headers
            run, claimed = os.urandom(16).hex(), self._claimed_id()
            self._account = Account(
                self.caller,
                self.request.peer.address,
                Trace.begin(headers.get(TRACEPARENT)),
                run,
                run if claimed is None else claimed,
                Journal(self.recorder),
                shadow=self.exchange is None,
            )
        return self._account

    def decode(self, signature: Signature) -> Inputs:
        """Read and check the body; raises MlopsError."""
        request = self.request
        headers = request.headers
        if self.match.kind == "oip":
            length = headers.get(b"inference-header-content-length")
            inputs, self.options = oip.decode(
                request.body, oip.header_length(length, len(request.body)), signature
            )
        else:
            content_type = headers.get(b"content-type", b"application/json").decode("latin-1")
            inputs, self.options = invocations.decode(request.body, content_type, signature)
        self.rows = inputs.rows
        return inputs

    def done(self, outcome: Outputs | MlopsError, predict_us: int) -> None:
        """The replica's answer, or why there is none."""
        if isinstance(outcome, MlopsError):
            self.fail(outcome)
            return
        assert self.served is not None
        head = b""
        try:
            if self.match.kind == "oip":
                body, content_type, header_length = oip.encode(
                    outcome, self.options, self.match.endpoint, self.served.version.version
                )
                if header_length is not None:
                    head = b"Inference-Header-Content-Length: %d\r\n" % header_length
            else:
                body, content_type = invocations.encode(outcome, self.options)
        except MlopsError as error:
            self.fail(error)
            return
        self._finish(200, body, content_type, head, None)

    def fail(self, error: MlopsError) -> None:
        """Answer with an error, after its record."""
        oip_call = self.match.kind == "oip"
        body = oip.error(error) if oip_call else orjson.dumps(error.to_dict())
        self._finish(error.status, body, JSON, error_head(error), error)

    # -- recording ----------------------------------------------------------------------------

    def _finish(
        self, status: int, body: bytes, content_type: str, head: bytes, error: MlopsError | None
    ) -> None:
        account = self._account
        if account is not None:
            account.journal.flush()
            head += b"traceparent: %b\r\n" % account.trace.header
        now = monotonic()
        seconds = now - self.started
        policy = self.route.spec.audit if self.route is not None else _DEFAULT_AUDIT
        entry = self._entry(status, body, content_type, seconds, policy, error)
        exchange = self.exchange
        if self.route is not None and exchange is not None:
            version = self.served.version.version if self.served is not None else 0
            self.route.meter.count(version, status, now, seconds)
        if exchange is None or policy.mode == "async":
            self.recorder.relaxed(entry)
            if exchange is not None:
                exchange.reply(status, body, content_type, head)
            return

        def release(record_id: str | None, index: int, failure: AuditUnavailable | None) -> None:
            if account is not None:
                failure = failure or account.journal.lost
            if failure is not None:
                exchange.reply_error(failure)
                return
            exchange.reply(
                status,
                body,
                content_type,
                b"%bX-Request-Id: %b\r\nX-Audit-Record: %d\r\n" % (head, record_id.encode(), index),  # type: ignore[union-attr]
            )

        self.recorder.strict(entry, release)

    def _entry(
        self,
        status: int,
        body: bytes,
        content_type: str,
        seconds: float,
        policy: AuditPolicy,
        error: MlopsError | None,
    ) -> Entry:
        request, caller, route = self.request, self.caller, self.route
        if route is not None and caller is not None:
            record = route.record_of(caller, self.served).copy()
        else:
            record = blank_record(caller, self.match.endpoint, policy)
        record["status"] = status
        record["latency_us"] = int(seconds * 1_000_000)
        record["rows"] = self.rows
        record["client"] = {"peer": request.peer.address}
        if self.exchange is None:
            record["shadow"] = True
        self._add_trace(record)
        if error is not None:
            record["error"] = error.code
            record["error_class"] = getattr(error, "error_class", type(error).__name__)
        keep = policy.level == "full"
        sent = request.headers.get(b"content-type")
        media = JSON if sent is None or sent == _JSON else sent.decode("latin-1")[:100]
        return Entry(
            record,
            # nobody who proved nothing may fill the disk
            Payload(request.body, media, keep and caller is not None),
            Payload(body, content_type, keep),
        )

    def _add_trace(self, record: dict[str, Any]) -> None:
        """Add what links the record with others: the caller's request id, the trace, the run."""
        headers, account = self.request.headers, self._account
        if account is not None:
            record["request_id"] = account.request_id
            record["trace"] = account.trace.to_record()
            record["pipeline"] = {"run": account.run}
            return
        claimed = self._claimed_id()
        if claimed is not None:
            record["request_id"] = claimed
        if TRACEPARENT in headers:
            record["trace"] = Trace.begin(headers[TRACEPARENT]).to_record()

    def _claimed_id(self) -> str | None:
        """The id that the caller gave the request: a claim, cut."""
        claimed = self.request.headers.get(b"x-request-id")
        return None if claimed is None else claimed[:128].decode("latin-1")
