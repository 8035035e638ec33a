"""What goes over HTTP, as the gateway and the control API see it: requests, responses, errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from mlops_jupyter.access import Peer
from mlops_jupyter.types import Caller, MlopsError

JSON = "application/json"


class RequestTimeout(MlopsError):
    """The sender was too slow."""

    status = 408
    code = "request_timeout"


class HeadTooLarge(MlopsError):
    """The request line and headers are over the limit."""

    status = 431
    code = "head_too_large"


@dataclass(slots=True)
class Request:
    """One request. `target` is the request target as sent, `headers` have lower-case names."""

    method: str
    target: bytes
    headers: dict[bytes, bytes]
    body: bytes
    peer: Peer
    caller: Caller | None = None

    @property
    def path(self) -> str:
        """Path, percent-decoded once, without the query."""
        return unquote(self.target.partition(b"?")[0].decode("latin-1"))

    @property
    def query(self) -> str:
        """Query string as sent, without the question mark."""
        return self.target.partition(b"?")[2].decode("latin-1")


@dataclass(slots=True)
class Response:
    """An answer of the control API; `body` may be a stream of chunks."""

    status: int = 200
    body: bytes | AsyncIterator[bytes] = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Request], Awaitable[Response]]


def error_head(error: MlopsError) -> bytes:
    """Header lines that belong to an error's status (RFC 9110 10.2.3, 11.6.1)."""
    retry = getattr(error, "retry_after", None)
    if retry is not None:
        return b"Retry-After: %d\r\n" % retry
    if error.status == 401:
        return b'WWW-Authenticate: Bearer realm="mlops-jupyter"\r\n'
    return b""
