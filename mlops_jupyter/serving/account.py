"""On whose account a call is made, and its place in a trace: W3C Trace Context, level 1."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from typing import Any, Protocol

from mlops_jupyter.audit import Entry
from mlops_jupyter.serving.recorder import Recorder
from mlops_jupyter.types import AuditUnavailable, Caller

TRACEPARENT = b"traceparent"
_HEADER = re.compile(rb"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class Trace:
    """A span: the trace that it belongs to, its own id, and the span that it is part of, if any."""

    trace_id: str
    span_id: str
    parent_id: str | None = None

    @classmethod
    def begin(cls, header: bytes | None = None) -> Trace:
        """A span below the one that a ``traceparent`` header names, or the first of a new trace."""
        match = None if header is None else _HEADER.fullmatch(header)
        # version 00 has four parts; later ones may have more
        known = match is not None and not (match[1] == b"00" and match[5])
        if match is None or not known or not match[2].strip(b"0") or not match[3].strip(b"0"):
            return cls(os.urandom(16).hex(), _new_span())
        return cls(match[2].decode(), _new_span(), match[3].decode())

    def child(self) -> Trace:
        """A new span within this one."""
        return Trace(self.trace_id, _new_span(), self.span_id)

    @property
    def header(self) -> bytes:
        """The ``traceparent`` header that names this span, recorded as all are."""
        return f"00-{self.trace_id}-{self.span_id}-01".encode()

    def to_record(self) -> dict[str, Any]:
        """The span as a record has it."""
        found: dict[str, Any] = {"id": self.trace_id, "span": self.span_id}
        if self.parent_id is not None:
            found["parent"] = self.parent_id
        return found


def _new_span() -> str:
    return os.urandom(8).hex()


class Journal:
    """The records of calls that one call has led to.

    An answer that goes on to the next step waits for no disk. What is recorded of it is written in
    one commit with the record of the whole, or before, when that takes longer than
    `LONGEST_SECONDS`.
    """

    LONGEST_SECONDS = 0.05

    def __init__(self, recorder: Recorder) -> None:
        self.lost: AuditUnavailable | None = None
        self._recorder = recorder
        self._entries: list[tuple[Entry, bool]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, entry: Entry, *, strict: bool) -> None:
        """Keep an entry; when it is `strict` and cannot be written, `lost` will say why."""
        self._entries.append((entry, strict))
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.LONGEST_SECONDS, self.flush)

    def flush(self) -> None:
        """Hand all entries to the recorder, which writes in the order it is given them."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        entries, self._entries = self._entries, []
        for entry, strict in entries:
            if strict:
                self._recorder.strict(entry, self._written)
            else:
                self._recorder.relaxed(entry)

    def _written(self, _id: str | None, _index: int, error: AuditUnavailable | None) -> None:
        self.lost = self.lost or error


@dataclass(frozen=True, slots=True)
class Account:
    """What a call that makes further calls hands on to them.

    Attributes
    ----------
    run
        Id that the records of all calls of one run of a pipeline share.
    above
        The pipelines that the call has come through, outermost first.
    shadow
        Whether the answer goes nowhere.
    journal
        Keeps the records of the run's calls until they are written.
    """

    caller: Caller
    peer: str
    trace: Trace
    run: str
    request_id: str
    journal: Journal
    shadow: bool = False
    above: tuple[str, ...] = ()


class Origin(Protocol):
    """Who can say on whose account a call is made."""

    def account(self) -> Account:
        """The account, the same one at each call."""
