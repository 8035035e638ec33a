"""``mlops/api/…``: the hub's own routes, passed through in parts, never as a whole."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
from tornado import web
from tornado.iostream import StreamClosedError

from mlops_jupyter.client.connection import lost
from mlops_jupyter.lab.answers import Handler
from mlops_jupyter.lab.link import CHUNK_SECONDS, Ask, read_error
from mlops_jupyter.lab.table import Action, Allowed, find_route
from mlops_jupyter.types import MlopsError, TooLarge

PREFIX = "/mlops/api"

# everything else stays on its side: cookies, authorization, and what belongs to one connection
_TO_HUB = ("Content-Type", "Content-Length", "Content-Encoding", "Accept", "X-Request-Id")
_OIP = "Inference-Header-Content-Length"
_FROM_HUB = ("Content-Length", "Content-Disposition", "Content-Encoding", "Retry-After", _OIP)
_SLACK_SECONDS = 10.0
_CSP = "Content-Security-Policy"
# a bare number is what JupyterLab adds to get past a cache
_OURS = re.compile(r"token|_xsrf|no_track_activity|[0-9]*")


def hub_query(query: str) -> str:
    """The query without what a page adds for Jupyter itself: its secrets are none of the hub's."""
    kept = (pair for pair in query.split("&") if not _OURS.fullmatch(pair.partition("=")[0]))
    return "&".join(kept)


class Upload:
    """A request's body on its way to the hub; a slow hub slows the browser, not our memory."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=8)
        self._closed = False

    async def put(self, chunk: bytes | None) -> None:
        """Add a part, or None for the end; waits while the hub has not taken the ones before."""
        if not self._closed:
            await self._chunks.put(chunk)

    def close(self) -> None:
        """Nobody reads any more: let whoever waits go on."""
        self._closed = True
        while not self._chunks.empty():
            self._chunks.get_nowait()

    async def parts(self) -> AsyncIterator[bytes]:
        """The parts until the end."""
        while (chunk := await self._chunks.get()) is not None:
            yield chunk


@web.stream_request_body
class ProxyHandler(Handler):
    """Answers with what the hub answers to the same request, for the routes in the table."""

    _route: Allowed
    _refused: MlopsError | None = None
    _upload: Upload | None = None
    _received = 0
    _sending: asyncio.Task[httpx.Response] | None = None
    _closing: asyncio.Future[None] | None = None
    _passing = False
    _gone = False

    async def prepare(self) -> None:  # type: ignore[override]
        """Check everything, then let the body pass while it comes."""
        try:
            await super().prepare()
        except MlopsError as error:
            # answered after the body: a browser that still sends would not see the answer
            self._refused = error
        if self._refused is not None or self.request.method == "OPTIONS":
            return
        headers = self.request.headers
        length = headers.get("Content-Length", "")
        if length.isdigit() and int(length) > self._route.body_bytes:
            self._refuse_size()
        elif (length and length != "0") or "Transfer-Encoding" in headers:
            self._upload = Upload()
            self._begin(self._upload.parts())
        else:
            self._begin(None)

    def action(self) -> Action:
        """The action of the route in the table."""
        self._route = find_route(self.request.method or "", self._path())
        return self._route.action

    def _path(self) -> str:
        base: str = self.settings["base_url"]
        return self.request.path[len(base.rstrip("/") + PREFIX) :]

    def _refuse_size(self) -> None:
        self._refused = TooLarge(
            "The body is too large.",
            reason=f"This operation takes at most {self._route.body_bytes} bytes.",
            fix="Send it in parts.",
        )
        if self._sending is not None:
            self._sending.cancel()

    def _begin(self, content: AsyncIterator[bytes] | None) -> None:
        self._sending = asyncio.create_task(self._send(content))
        self._sending.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[httpx.Response]) -> None:
        if self._upload is not None:
            self._upload.close()
        if not task.cancelled() and task.exception() is None and self._gone:
            self._closing = asyncio.ensure_future(task.result().aclose())

    async def _send(self, content: AsyncIterator[bytes] | None) -> httpx.Response:
        asked = self.request.headers
        headers = {name: asked[name] for name in (*_TO_HUB, _OIP) if name in asked}
        # what a browser could unpack is passed on as it is, so the hub had better not pack it
        headers["Accept-Encoding"] = "identity"
        headers.update(self.asker.headers())
        route = self._route
        seconds = await self._deadline(headers) if route.predicts else route.seconds
        query = hub_query(self.request.query)
        ask = Ask(route.method, self._path(), query, headers, content, route.reads, seconds)
        return await self.services.link.send(ask)

    async def _deadline(self, headers: dict[str, str]) -> float:
        """The time that the endpoint itself gives a call, and some."""
        name = self._path().split("/")[3 if self._path().startswith("/v2/") else 2]
        who = {key: value for key, value in headers.items() if key.startswith("X-Mlops-")}
        ask = Ask("GET", f"/endpoints/{name}", headers=who, reads=False)
        status = await self.services.link.call(ask)
        return float(status["spec"]["limits"]["deadline_seconds"]) + _SLACK_SECONDS

    async def data_received(self, chunk: bytes) -> None:
        """Pass a part of the body on."""
        if self._refused is not None or self._upload is None:
            return
        self._received += len(chunk)
        if self._received > self._route.body_bytes:
            self._refuse_size()
        else:
            await self._upload.put(chunk)

    def on_connection_close(self) -> None:
        """Nobody waits for the answer any more."""
        super().on_connection_close()
        self._gone = True
        if self._sending is not None and not self._passing:
            if self._sending.done():
                self._sent(self._sending)
            self._sending.cancel()

    async def _pass(self) -> None:
        if self._upload is not None and self._refused is None:
            await self._upload.put(None)
        if self._refused is not None:
            raise self._refused
        assert self._sending is not None
        try:
            response = await self._sending
        except asyncio.CancelledError:
            return
        self._passing = True
        try:
            if response.status_code >= 400:
                raise await read_error(response)
            await self._relay(response)
        finally:
            await response.aclose()

    async def _relay(self, response: httpx.Response) -> None:
        self.set_status(response.status_code)
        for name in _FROM_HUB:
            if name in response.headers:
                self.set_header(name, response.headers[name])
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Type", response.headers.get("Content-Type", ""))
        if _CSP in response.headers:
            # both hold: what is kept is somebody's input, and no page
            self.set_header(_CSP, f"{self.content_security_policy}; {response.headers[_CSP]}")
        parts = response.aiter_raw().__aiter__()
        try:
            while True:
                async with asyncio.timeout(CHUNK_SECONDS):
                    chunk = await anext(parts, None)
                if chunk is None:
                    break
                self.write(chunk)
                await self.flush()
        except StreamClosedError:
            return
        except (httpx.TransportError, TimeoutError) as error:
            if not self._headers_written:
                raise lost(error) from error
            # half an answer must not look like a whole one
            self.log.warning("the hub's answer ended early: %s", type(error).__name__)
            self.request.connection.stream.close()  # type: ignore[union-attr]
            return
        self.finish(set_content_type=self._headers.get("Content-Type", ""))

    @web.authenticated
    async def get(self, *_: str) -> None:
        """Pass on a GET."""
        await self._pass()

    @web.authenticated
    async def post(self, *_: str) -> None:
        """Pass on a POST."""
        await self._pass()

    @web.authenticated
    async def put(self, *_: str) -> None:
        """Pass on a PUT."""
        await self._pass()

    @web.authenticated
    async def delete(self, *_: str) -> None:
        """Pass on a DELETE."""
        await self._pass()
