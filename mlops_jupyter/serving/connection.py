"""One client's connection, and the exchanges on it: requests in, answers out in their order.

llhttp parses strictly (RFC 9112): a request with both Content-Length and Transfer-Encoding, a
repeated length, folded headers or bare line feeds is refused. This file adds the bounds: bytes of a
head, bytes of a body, seconds for either, pipelined requests.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Protocol, cast

import httptools
import orjson

from mlops_jupyter.access import Peer
from mlops_jupyter.serving.messages import (
    JSON,
    HeadTooLarge,
    Request,
    RequestTimeout,
    error_head,
)
from mlops_jupyter.types import InvalidRequest, MlopsError, TooLarge, Unavailable

if TYPE_CHECKING:
    from mlops_jupyter.serving.http import HttpServer

_MAX_PIPELINE = 32
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_STATUS_LINES[422] = b"HTTP/1.1 422 Unprocessable Content\r\n"
_UNIQUE_HEADERS = frozenset((b"host", b"authorization", b"content-type"))


class Dispatcher(Protocol):
    """Who answers requests."""

    def body_limit(self, request: Request) -> int:
        """Bytes that this request's body may have; its head is complete, its body empty."""

    def handle(self, exchange: Exchange) -> None:
        """Answer a complete request, now or later."""

    def refuse(self, exchange: Exchange, error: MlopsError) -> None:
        """Answer a request whose body was not read to its end."""


class Exchange:
    """A request and the place of its answer in the connection's order."""

    __slots__ = ("_answer", "_connection", "_keep_alive", "_linger", "_turn", "request")

    def __init__(self, connection: Connection, request: Request, keep_alive: bool) -> None:
        self.request = request
        self._connection = connection
        self._keep_alive = keep_alive
        self._linger = False  # the client may still be sending: let it read the answer first
        self._answer: bytes | None = None
        self._turn: asyncio.Future[None] | None = None

    def reply(self, status: int, body: bytes, content_type: str = JSON, head: bytes = b"") -> None:
        """Answer once; `head` holds further header lines, each ended by CRLF."""
        self._answer = b"".join(
            (
                _STATUS_LINES[status],
                self._connection.server.common_head,
                head,
                b"" if self._keep_alive else b"Connection: close\r\n",
                b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n"
                % (content_type.encode(), len(body)),
                b"" if self.request.method == "HEAD" else body,
            )
        )
        self._connection.flush()

    async def stream(
        self, status: int, chunks: AsyncIterator[bytes], content_type: str, head: bytes = b""
    ) -> None:
        """Answer with a body of unknown length (chunked), as fast as the reader takes it."""
        connection = self._connection
        if connection.pipeline[0] is not self:
            self._turn = asyncio.get_running_loop().create_future()
            await self._turn
        connection.write(
            _STATUS_LINES[status]
            + connection.server.common_head
            + head
            + b"Connection: close\r\nTransfer-Encoding: chunked\r\nContent-Type: %b\r\n\r\n"
            % content_type.encode()
        )
        self._keep_alive = False
        try:
            async for chunk in chunks:
                if chunk:
                    await connection.writable()
                    connection.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            self._answer = b"0\r\n\r\n"
            connection.flush()
        except BaseException:
            connection.abort()  # a cut stream must not look complete
            raise

    def reply_error(self, error: MlopsError, head: bytes = b"") -> None:
        """Answer with an error's status and body."""
        self.reply(error.status, orjson.dumps(error.to_dict()), JSON, head + error_head(error))

    def close_after(self) -> None:
        """Close the connection once this answer is sent."""
        self._keep_alive = False


class Connection(asyncio.Protocol):
    """One client's connection: a strict parser, bounds, and answers in order."""

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.pipeline: deque[Exchange] = deque()
        self.deadline = monotonic() + server.limits.idle_seconds
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._peer = Peer("tcp", None, "")
        self._closing = False  # no further request is read
        self._lingering = False
        self._writable: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._request: Request | None = None  # its head is complete, its body is not
        self._begin()

    # -- asyncio ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._peer = _peer_of(self._transport)
        if not self.server.admit(self):
            self._fail(
                Unavailable(
                    "There are too many connections.",
                    fix="Reuse connections (keep-alive).",
                    code="too_many_connections",
                )
            )

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        if not self._head_complete:
            if self._head_bytes == 0:
                self.deadline = monotonic() + self.server.limits.head_seconds
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, MlopsError):
                self._fail(cause)
            else:
                self._fail(
                    InvalidRequest(
                        "The request is not valid HTTP/1.1.",
                        reason=f"{error}.",
                        fix="Send it with an ordinary HTTP client.",
                        code="malformed_http",
                    )
                )
        else:
            if not self._head_complete and self._head_bytes > self.server.limits.head_bytes:
                self._fail(HeadTooLarge("The headers are too large.", fix="Send fewer of them."))

    def eof_received(self) -> bool:
        self._closing = True
        if self._lingering:
            return False
        return bool(self.pipeline)  # a half-closed client still gets its answers

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()
        self.deadline = monotonic() + self.server.limits.write_seconds
        self._pause_reading()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None
        self._resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._transport = None
        self.server.connections.discard(self)
        if self._writable is not None and not self._writable.done():
            self._writable.set_exception(ConnectionResetError())
            self._writable.exception()
        for exchange in self.pipeline:
            if exchange._turn is not None and not exchange._turn.done():
                exchange._turn.set_exception(ConnectionResetError())

    # -- llhttp -------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._head_complete:
            self._begin()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in self._headers and name in _UNIQUE_HEADERS:
            raise InvalidRequest("A header is repeated that must be unique.", fix="Send it once.")
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        self._head_complete = True
        headers = self._headers
        if not self._target.startswith(b"/"):
            raise InvalidRequest("The request target is not a path.", fix="Send a path.")
        if self._parser.should_upgrade():
            raise InvalidRequest("Protocol upgrades are not offered.", fix="Use plain HTTP/1.1.")
        request = Request(
            self._parser.get_method().decode("ascii"), self._target, headers, b"", self._peer
        )
        self._request = request
        length = headers.get(b"content-length")
        if length is None and b"transfer-encoding" not in headers:
            return
        if headers.get(b"transfer-encoding", b"chunked").strip().lower() != b"chunked":
            raise InvalidRequest("Only chunked transfer coding is offered.", fix="Send it plain.")
        limits = self.server.limits
        self._limit = self.server.dispatcher.body_limit(request)
        size = int(length) if length is not None else 0
        if size > self._limit:
            self._refuse(_too_large(self._limit))
            return
        self.deadline = monotonic() + limits.body_seconds + size / limits.body_bytes_per_second
        if headers.get(b"expect", b"").lower() == b"100-continue" and not self.pipeline:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            self._refuse(_too_large(self._limit))
        elif not self._closing:
            self._body.append(data)

    def on_message_complete(self) -> None:
        if self._closing or self._request is None:
            return
        request, self._request = self._request, None
        body = self._body
        request.body = body[0] if len(body) == 1 else b"".join(body)
        exchange = Exchange(self, request, self._parser.should_keep_alive())
        self.pipeline.append(exchange)
        self.deadline = 0.0
        self._head_bytes = 0
        if not exchange._keep_alive:
            self._closing = True
        if len(self.pipeline) >= _MAX_PIPELINE:
            self._pause_reading()
        self.server.dispatcher.handle(exchange)

    # -- answers ------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send the answers that are complete, in order."""
        pipeline = self.pipeline
        while pipeline and pipeline[0]._answer is not None:
            exchange = pipeline.popleft()
            assert exchange._answer is not None
            self.write(exchange._answer)
            if not exchange._keep_alive:
                self._linger() if exchange._linger else self.close()
                return
        if pipeline:
            turn = pipeline[0]._turn
            if turn is not None and not turn.done():
                turn.set_result(None)
        else:
            self.deadline = monotonic() + self.server.limits.idle_seconds
            if self._closing:
                self.close()
        if self._reading_paused and len(pipeline) < _MAX_PIPELINE and self._writable is None:
            self._resume_reading()

    def write(self, data: bytes) -> None:
        """Write, unless the client is gone."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    async def writable(self) -> None:
        """Wait until the reader has taken most of what was written."""
        if self._transport is None:
            raise ConnectionResetError
        if self._writable is not None:
            await self._writable

    def close(self) -> None:
        """Close once everything written is sent."""
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def expire(self) -> None:
        """The deadline passed: end an idle connection, refuse a slow sender, cut a slow reader."""
        if self._writable is not None or self._lingering:
            self.abort()
        elif self._request is not None:
            self._refuse(
                RequestTimeout(
                    "The request's body came too slowly.", fix="Send it faster or in parts."
                )
            )
        elif self._head_bytes:
            self._fail(RequestTimeout("The headers came too slowly.", fix="Send them at once."))
        elif not self.pipeline:
            self.close()

    # -- inner --------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._limit = 0
        self._head_bytes = 0
        self._head_complete = False
        self._request = None

    def _refuse(self, error: MlopsError) -> None:
        request, self._request = self._request, None
        if request is None:
            return
        self._closing = True
        exchange = Exchange(self, request, keep_alive=False)
        exchange._linger = True
        self.pipeline.append(exchange)
        self.deadline = 0.0
        self.server.dispatcher.refuse(exchange, error)

    def _linger(self) -> None:
        """Send the end, then discard what still comes; a close now could destroy the answer."""
        self.deadline = monotonic() + self.server.limits.linger_seconds
        self._lingering = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def _fail(self, error: MlopsError) -> None:
        """Answer bytes that are no request, behind the answers that are still due, and close."""
        self._closing = True
        exchange = Exchange(self, Request("", b"/", {}, b"", self._peer), keep_alive=False)
        exchange._linger = True
        self.pipeline.append(exchange)
        exchange.reply_error(error)

    def _pause_reading(self) -> None:
        if not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused and self._transport is not None and not self._closing:
            self._reading_paused = False
            self._transport.resume_reading()


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The body is over the limit of {limit} bytes.",
        fix="Send fewer rows a request; the Python client's predict() does so by itself.",
    )


def _peer_of(transport: asyncio.Transport) -> Peer:
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family == socket.AF_UNIX:
        size = struct.calcsize("3i")
        _pid, uid, _gid = struct.unpack(
            "3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        )
        return Peer("unix", uid, "unix")
    address = transport.get_extra_info("peername")
    return Peer("tcp", None, str(address[0]) if address else "")
