"""Guards against web pages that call a server on this computer.

DNS rebinding: a page's own name suddenly resolves to 127.0.0.1, so the browser takes the hub for
the page's own server; but it still sends the page's name as Host. Names are compared whole and
byte for byte, as a pattern that is not anchored is how others were bypassed (CVE-2026-40110).
Cross-site requests: browsers add an Origin to every request that changes something.

Neither applies to the Unix socket, which no page can reach.
"""

from __future__ import annotations

from functools import lru_cache

from mlops_jupyter.types import Forbidden

NAMES = ("localhost", "127.0.0.1", "[::1]")
_SAFE = frozenset({b"GET", b"HEAD"})


@lru_cache(maxsize=64)
def _values(port: int) -> frozenset[bytes]:
    values = {f"{name}:{port}".encode() for name in NAMES}
    if port == 80:
        values |= {name.encode() for name in NAMES}
    return frozenset(values)


def allowed(host: bytes | None, port: int) -> bool:
    """Whether a Host header names this computer and the port that the hub listens on."""
    return host in _values(port)


def same_origin(origin: bytes, port: int) -> bool:
    """Whether an Origin header names the hub itself. ``null`` (a sandboxed page) does not."""
    scheme, separator, host = origin.partition(b"://")
    return scheme == b"http" and bool(separator) and allowed(host, port)


def check_site(method: bytes, host: bytes | None, origin: bytes | None, port: int) -> None:
    """Refuse a request that a web page of somebody else's may have caused.

    Raises
    ------
    Forbidden
        The Host is another, or another site's page wants to change something.
    """
    if not allowed(host, port):
        raise Forbidden(
            "The Host header is not one of this hub.",
            reason="Only names of this computer are answered, against DNS rebinding.",
            fix=f"Use http://127.0.0.1:{port}.",
            code="host_not_allowed",
        )
    if origin is not None and method not in _SAFE and not same_origin(origin, port):
        raise Forbidden(
            "Web pages may not do this.",
            reason="The request was caused by a page of another origin.",
            fix="Call the hub from a program, with a token.",
            code="origin_not_allowed",
        )
