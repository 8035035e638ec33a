"""The way to the user's hub, from Jupyter's event loop: nothing here waits in the loop's thread.

Whether a hub runs is looked up for each request, so one that was restarted, or started by a
notebook, is found at once. Starting is one task that all who need a hub wait for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from mlops_jupyter import __version__
from mlops_jupyter.client.connection import CONNECT_SECONDS, error_of, lost, wait_until_gone
from mlops_jupyter.client.home import RunningHub, home_path, read_token, running_hub
from mlops_jupyter.client.start import start_hub
from mlops_jupyter.types import InvalidRequest, MlopsError, Unavailable

ALIVE_SECONDS = 10.0
"""How long a hub may be silent; an answer that takes longer needs signs of life in between."""

STOP_SECONDS = 30.0
DYING_SECONDS = 2.0
"""How long a process may take to end whose socket is gone."""

RETRY_START_SECONDS = 10.0
"""A hub that could not be started is not started again for every request that wants it."""

CHUNK_SECONDS = 60.0
"""Longest silence within an answer that has begun."""

ERROR_BYTES = 1024 * 1024
ANSWER_BYTES = 64 * 1024 * 1024
_CONNECTIONS = 100


@dataclass
class Ask:
    """One request to the hub: `path` as it is sent, `reads` when it changes nothing."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content: AsyncIterator[bytes] | bytes | None = None
    reads: bool = True
    seconds: float = ALIVE_SECONDS

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path


class Link:
    """One Jupyter server's way to the hub of one state directory.

    Parameters
    ----------
    home
        State directory; by default the user's own.
    on_change
        Called when a hub was started or stopped from here.
    """

    def __init__(
        self, home: str | Path | None = None, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self.home = home_path(home)
        self.on_change = on_change
        self.stopped = False
        self.failure: MlopsError | None = None
        self._failed_at = 0.0
        self._ended: RunningHub | None = None
        self._starting: asyncio.Task[RunningHub] | None = None
        self._opened: tuple[RunningHub, httpx.AsyncClient] | None = None
        self._opening = asyncio.Lock()

    @property
    def starting(self) -> bool:
        """Whether a hub is being started from here."""
        return self._starting is not None and not self._starting.done()

    async def running(self) -> RunningHub | None:
        """The hub that runs now, of whatever version; never starts one."""
        return await asyncio.to_thread(running_hub, self.home)

    async def start(self) -> RunningHub:
        """Start a hub unless one runs; whoever asks meanwhile waits for the same start."""
        self.stopped = False
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
        # one caller who goes away must not end the start for the others
        return await asyncio.shield(self._starting)

    async def _start(self) -> RunningHub:
        try:
            hub = await self.running()
            if hub is None:
                hub = await asyncio.to_thread(start_hub, self.home)
        except MlopsError as error:
            self.failure, self._failed_at = error, asyncio.get_running_loop().time()
            raise
        self.failure = None
        self.on_change()
        return hub

    async def stop(self, headers: Mapping[str, str]) -> None:
        """Stop the hub, whatever its version, and wait until it has gone."""
        self._ended = hub = await self.running()
        self.stopped, self.failure = True, None
        if hub is None:
            return
        try:
            ask = Ask("POST", "/hub/stop", headers=headers, content=b"{}", reads=False)
            await read_answer(await self._send(hub, ask), ERROR_BYTES)
            gone = await asyncio.to_thread(wait_until_gone, hub, STOP_SECONDS)
        except MlopsError:
            self.stopped = False
            raise
        await self._forget(hub)
        self.on_change()
        if not gone:
            raise Unavailable(
                "The hub has not stopped yet.",
                reason=f"Process {hub.pid} still runs; calls may be in hand.",
                fix="Wait, or see what it does: mlops-jupyter hub logs.",
                code="hub_stopping",
            )

    async def send(self, ask: Ask, *, start: bool = True) -> httpx.Response:
        """Send a request; the answer's body is still to be read, and the answer to be closed.

        Parameters
        ----------
        start
            Whether a hub that does not run may be started; one that was stopped from here is
            started only by a request that changes something.
        """
        hub = await self._hub(ask, start=start)
        try:
            return await self._send(hub, ask)
        except Unavailable as error:
            lost_reading = error.code == "answer_lost" and ask.method == "GET"
            if error.code != "hub_unreachable" and not lost_reading:
                raise
        # it restarted, or closed a connection that nobody used: once more
        await self._until_gone(hub)
        return await self._send(await self._hub(ask, start=start), ask)

    async def _until_gone(self, hub: RunningHub) -> None:
        """Wait for the end of one that is dying: its socket is gone before its process is."""
        deadline = asyncio.get_running_loop().time() + DYING_SECONDS
        while await self.running() == hub and asyncio.get_running_loop().time() < deadline:
            if await self._answers(hub):
                return
            await asyncio.sleep(0.05)

    async def _answers(self, hub: RunningHub) -> bool:
        client = await self._client(hub)
        try:
            alive = await client.get(f"{hub.url}/healthz", timeout=DYING_SECONDS)
        except httpx.HTTPError:
            await self._forget(hub)
            return False
        return alive.is_success

    async def call(self, ask: Ask, *, start: bool = True) -> Any:
        """Send a request and return its JSON answer, or raise the hub's own error."""
        response = await self.send(ask, start=start)
        body = await read_answer(response, ANSWER_BYTES)
        try:
            return json.loads(body) if body else None
        except ValueError as error:
            raise not_understood() from error

    async def lines(self, ask: Ask, silence: float) -> AsyncGenerator[str, None]:
        """The lines of an endless answer, until the hub goes or is silent for `silence` seconds."""
        response = await self.send(ask, start=False)
        try:
            if response.status_code >= 400:
                await read_answer(response, ERROR_BYTES)
            lines = response.aiter_lines().__aiter__()
            while True:
                async with asyncio.timeout(silence):
                    try:
                        line = await anext(lines)
                    except StopAsyncIteration:
                        return
                yield line
        except (httpx.HTTPError, TimeoutError) as error:
            raise lost(error) from error
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close the connections; the hub runs on."""
        if self._starting is not None:
            self._starting.cancel()
        if self._opened is not None:
            await self._forget(self._opened[0])

    async def _hub(self, ask: Ask, *, start: bool) -> RunningHub:
        hub = await self.running()
        if hub is not None:
            if hub.version != __version__:
                raise other_version(hub)
            # whoever started another one wants it to run; the one that is being stopped may
            # still be seen for a while
            if hub != self._ended:
                self.stopped = False
            return hub
        if self.stopped and (ask.reads or not start):
            raise Unavailable(
                "The hub is stopped.",
                reason="It was stopped here, and reading does not start it again.",
                fix="Start it with the Start button of the section Hub.",
                code="hub_stopped",
            )
        if not start:
            raise Unavailable("No hub runs.", fix="Start it.", code="hub_not_running")
        age = asyncio.get_running_loop().time() - self._failed_at
        if self.failure is not None and ask.reads and age < RETRY_START_SECONDS:
            raise self.failure
        hub = await self.start()
        if hub.version != __version__:
            raise other_version(hub)
        return hub

    async def _send(self, hub: RunningHub, ask: Ask) -> httpx.Response:
        client = await self._client(hub)
        try:
            request = client.build_request(
                ask.method, f"{hub.url}{ask.target}", headers=dict(ask.headers), content=ask.content
            )
        except httpx.InvalidURL as error:
            raise InvalidRequest(
                "The address cannot be passed on to the hub.", reason=f"{error}."
            ) from error
        task = asyncio.create_task(client.send(request, stream=True))
        try:
            return await self._patiently(client, hub, task, ask.seconds)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            await self._forget(hub)
            raise unreachable(error) from error
        except httpx.PoolTimeout as error:
            raise Unavailable(
                "Too many answers of the hub are still being read.",
                reason=f"All {_CONNECTIONS} connections are in use.",
                fix="Wait for the exports that run, or close their tabs.",
                code="hub_connections_used",
            ) from error
        except httpx.TransportError as error:
            raise lost(error) from error
        finally:
            if not task.done():
                task.cancel()

    async def _patiently(
        self,
        client: httpx.AsyncClient,
        hub: RunningHub,
        task: asyncio.Task[httpx.Response],
        seconds: float,
    ) -> httpx.Response:
        """Wait `seconds` for an answer to begin, as long as the hub shows that it lives."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (remaining := deadline - loop.time()) > 0:
            done, _ = await asyncio.wait({task}, timeout=min(remaining, ALIVE_SECONDS))
            if done:
                return task.result()
            if seconds <= ALIVE_SECONDS:
                break
            try:
                alive = await client.get(f"{hub.url}/healthz", timeout=ALIVE_SECONDS)
                alive.raise_for_status()
            except httpx.TimeoutException as error:
                raise silent(ALIVE_SECONDS) from error
            except httpx.HTTPError:
                # the request itself fails, too, and says more
                continue
        raise silent(seconds)

    async def _client(self, hub: RunningHub) -> httpx.AsyncClient:
        async with self._opening:
            if self._opened is not None and self._opened[0] == hub:
                return self._opened[1]
            client = await self._open(hub)
            before, self._opened = self._opened, (hub, client)
        if before is not None:
            await before[1].aclose()
        return client

    async def _open(self, hub: RunningHub) -> httpx.AsyncClient:
        headers = {"User-Agent": f"mlops-jupyter/{__version__} (jupyter)"}
        socket = hub.socket if hub.socket and await _listens(hub.socket) else None
        if socket is None:
            token = await asyncio.to_thread(read_token, self.home)
            headers["Authorization"] = f"Bearer {token}"
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=16)
        # trust_env off: a proxy or a .netrc of the user's must never see the hub's token
        return httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=socket, limits=limits),
            headers=headers,
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS, pool=ALIVE_SECONDS),
            trust_env=False,
        )

    async def _forget(self, hub: RunningHub) -> None:
        opened = self._opened
        if opened is not None and opened[0] == hub:
            self._opened = None
            await opened[1].aclose()


async def read_answer(response: httpx.Response, limit: int) -> bytes:
    """The whole body of an answer, which is closed; raises the error that it is."""
    try:
        body = await _read(response, limit)
    except (httpx.TransportError, TimeoutError) as error:
        raise lost(error) from error
    finally:
        await response.aclose()
    if response.status_code >= 400:
        raise error_of(response.status_code, body, response.headers)
    if len(body) > limit:
        raise not_understood()
    return body


async def read_error(response: httpx.Response) -> MlopsError:
    """The error that an answer with a status of 400 or more carries."""
    body = b""
    with contextlib.suppress(httpx.TransportError, TimeoutError):
        body = await _read(response, ERROR_BYTES)
    return error_of(response.status_code, body, response.headers)


async def _read(response: httpx.Response, limit: int) -> bytes:
    """The body, read no further than just past `limit`."""
    body = bytearray()
    async with asyncio.timeout(CHUNK_SECONDS):
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > limit:
                break
    return bytes(body)


def other_version(hub: RunningHub) -> Unavailable:
    """The error for a hub that another version of the package started."""
    return Unavailable(
        "The hub is of another version.",
        reason=f"It is {hub.version or 'of an unknown version'}, Jupyter's part is {__version__}.",
        fix="Stop it and start it again, here or with mlops-jupyter hub stop; if Jupyter's part "
        "is the older one, restart Jupyter.",
        code="hub_other_version",
    )


def unreachable(error: Exception) -> Unavailable:
    """The error for a hub that runs, or seemed to, and takes no connection."""
    return Unavailable(
        "The hub cannot be reached.",
        reason=f"It takes no connection: {error or type(error).__name__}.",
        fix="Try again in a moment; if it repeats: mlops-jupyter hub logs.",
        code="hub_unreachable",
    )


def silent(seconds: float) -> Unavailable:
    """The error for a hub that took the request and says nothing."""
    return Unavailable(
        "The hub does not answer.",
        reason=f"It was silent for {seconds:g} s.",
        fix="Try again; if it repeats, see what it does: mlops-jupyter hub logs.",
        code="hub_timeout",
    )


def not_understood() -> MlopsError:
    """The error for an answer that is none."""
    return MlopsError(
        "The hub's answer could not be understood.",
        fix="Restart the hub; see mlops-jupyter hub logs.",
        code="answer_not_understood",
    )


async def _listens(path: str) -> bool:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_unix_connection(path)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
