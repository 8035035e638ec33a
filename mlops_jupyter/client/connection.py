"""HTTP to the hub: over its Unix socket where there is one, else over TCP with the token file.

A hub that went away between two calls is found again, or started again, once. A call whose answer
was lost on the way is sent a second time only if doing it twice changes nothing.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter.client.home import RunningHub, home_path, read_token, running_hub
from mlops_jupyter.client.start import start_hub
from mlops_jupyter.types import (
    InvalidRequest,
    MlopsError,
    Overloaded,
    Unavailable,
    error_from_dict,
)
from mlops_jupyter.types.identity import CLAIM_BYTES, ON_BEHALF_OF

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 5.0
DYING_SECONDS = 1.0
ANSWER_SECONDS = 600.0
"""Longest wait for an answer; each endpoint's own deadline is far shorter."""

ERROR_BYTES = 1024 * 1024


class Connection:
    """One hub's address and the open connections to it. Safe to share between threads.

    Parameters
    ----------
    home
        State directory of the hub.
    start
        Whether a hub that does not run may be started.
    on_behalf_of
        ``{"sub", "method"}`` of somebody whom this program has identified and acts for.
    """

    def __init__(
        self,
        home: str | Path | None = None,
        *,
        start: bool = True,
        on_behalf_of: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home_path(home)
        self.start = start
        self._headers = _claim(on_behalf_of) if on_behalf_of is not None else {}
        self._lock = threading.Lock()
        self._opened: tuple[httpx.Client, RunningHub, int] | None = None

    @property
    def hub(self) -> RunningHub:
        """The hub that is connected to; connects first if need be."""
        return self._open()[1]

    def close(self) -> None:
        """Close the open connections; the hub runs on."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened and opened[2] == os.getpid():
            opened[0].close()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json_body: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
        timeout: float = ANSWER_SECONDS,
    ) -> httpx.Response:
        """Send one request and return its answer.

        Parameters
        ----------
        query
            Values that are None are left out; True is written as 1.
        repeatable
            Whether doing it twice is the same as doing it once.

        Raises
        ------
        MlopsError
            The hub's own error, or Unavailable when there is no hub to reach.
        """
        sent = dict(headers or {})
        if json_body is not None:
            content = json.dumps(json_body).encode()
            sent["Content-Type"] = "application/json"

        def send(client: httpx.Client) -> httpx.Response:
            return client.request(
                method, path, params=_query(query), content=content, headers=sent, timeout=timeout
            )

        response = self._sent(send, repeatable=repeatable)
        if response.status_code >= 400:
            raise error_of(response.status_code, response.content, response.headers)
        return response

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, Any] | None = None, timeout: float = ANSWER_SECONDS
    ) -> Iterator[Iterator[bytes]]:
        """Give the parts of a long answer as they come, at most `timeout` seconds apart."""

        def send(client: httpx.Client) -> httpx.Response:
            request = client.build_request("GET", path, params=_query(query), timeout=timeout)
            return client.send(request, stream=True)

        response = self._sent(send, repeatable=True)
        try:
            if response.status_code >= 400:
                body = response.read()[:ERROR_BYTES]
                raise error_of(response.status_code, body, response.headers)
            yield self._parts(response)
        finally:
            response.close()

    def _parts(self, response: httpx.Response) -> Iterator[bytes]:
        import httpx

        try:
            yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise lost(error) from error

    def _sent(self, send: Any, *, repeatable: bool) -> httpx.Response:
        import httpx

        client, hub, _ = self._open()
        try:
            return send(client)  # type: ignore[no-any-return]
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            again = self._reopen(client, hub, error)
        except httpx.TimeoutException as error:
            raise Unavailable(
                "The hub did not answer in time.",
                reason=f"{type(error).__name__} after the client's limit.",
                fix="See what it is doing: mlops-jupyter hub logs.",
                code="hub_timeout",
            ) from error
        except httpx.TransportError as error:
            if not repeatable:
                raise lost(error) from error
            again = self._reopen(client, hub, error)
        try:
            return send(again)  # type: ignore[no-any-return]
        except httpx.TransportError as error:
            raise lost(error) from error

    def _reopen(self, client: httpx.Client, hub: RunningHub, error: Exception) -> httpx.Client:
        # the process of a hub that was killed is there a little longer than its sockets
        wait_until_gone(hub, DYING_SECONDS)
        with self._lock:
            # another thread may have been quicker
            if self._opened is not None and self._opened[0] is client:
                self._opened = None
        try:
            fresh, _, _ = self._open()
        except MlopsError as failure:
            raise failure from error
        return fresh

    def _open(self) -> tuple[httpx.Client, RunningHub, int]:
        opened = self._opened
        # connections do not survive a fork: parent and child would read each other's answers
        if opened is not None and opened[2] == os.getpid():
            return opened
        with self._lock:
            if self._opened is None or self._opened[2] != os.getpid():
                hub = self._find()
                self._opened = (_client(hub, self.home, self._headers), hub, os.getpid())
            return self._opened

    def _find(self) -> RunningHub:
        hub = running_hub(self.home)
        if hub is not None:
            return hub
        if not self.start:
            raise Unavailable(
                "No hub runs.",
                reason=f"Nobody holds the lock of {self.home}.",
                fix="Start it: mlops-jupyter hub start.",
                code="hub_not_running",
            )
        return start_hub(self.home)


def _claim(on_behalf_of: Mapping[str, str]) -> dict[str, str]:
    said = json.dumps(dict(on_behalf_of), separators=(",", ":"))
    if len(said) > CLAIM_BYTES:
        raise InvalidRequest(
            "The name to act for is too long.",
            reason=f"It and how it was proven may have {CLAIM_BYTES} bytes together.",
            fix="Use a shorter name, such as the one that the person logs in with.",
            code="invalid_on_behalf_of",
        )
    return {ON_BEHALF_OF: said}


def _client(hub: RunningHub, home: Path, more: Mapping[str, str]) -> httpx.Client:
    import httpx

    headers = {"User-Agent": "mlops-jupyter", **more}
    socket = hub.socket if hub.socket and _listens(hub.socket) else None
    if socket is None:
        headers["Authorization"] = f"Bearer {read_token(home)}"
    # trust_env off: a proxy or a .netrc of the user's must never see the hub's token
    return httpx.Client(
        transport=httpx.HTTPTransport(uds=socket, limits=httpx.Limits(max_connections=32)),
        base_url=hub.url,
        headers=headers,
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        trust_env=False,
    )


def _listens(path: str) -> bool:
    import socket

    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(CONNECT_SECONDS)
    try:
        probe.connect(path)
    except OSError:
        return False
    finally:
        probe.close()
    return True


def _query(query: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if query is None:
        return None
    kept = {name: value for name, value in query.items() if value is not None}
    return {name: int(value) if value is True else value for name, value in kept.items()}


def error_of(status: int, content: bytes, headers: Mapping[str, str]) -> MlopsError:
    """The error that an answer carries, in the hub's own shape or the inference protocol's."""
    try:
        body = json.loads(content)
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    if "message" not in body and isinstance(body.get("error"), str):
        body = {**body, "message": body["error"]}
    error = error_from_dict(status, body)
    wait = headers.get("Retry-After", "")
    if isinstance(error, Overloaded) and wait.isascii() and wait.isdigit():
        error.retry_after = int(wait)
    return error


def lost(error: Exception) -> Unavailable:
    """The error for a call that was sent and whose answer never came."""
    return Unavailable(
        "The hub went away before it answered.",
        reason=f"The connection ended: {error or type(error).__name__}.",
        fix="Try again; what was answered before is kept. If it repeats: mlops-jupyter hub logs.",
        code="answer_lost",
    )


def wait_until_gone(hub: RunningHub, timeout: float) -> bool:
    """Wait until the hub's process has ended; False when `timeout` seconds passed first."""
    import psutil

    try:
        psutil.Process(hub.pid).wait(timeout)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True
