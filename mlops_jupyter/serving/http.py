"""The hub's one listener: HTTP/1.1 on asyncio and httptools.

A protocol of our own instead of an ASGI server, since the data path needs no coroutine, no task and
no queue per request: measured, it answers twice as many (docs/performance.md). A dispatcher gets an
Exchange when a request is complete and answers it whenever it likes; see ``connection.py``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from time import monotonic, time

from mlops_jupyter.serving.connection import Connection, Dispatcher


@dataclass(frozen=True)
class HttpLimits:
    """Bounds of every connection: bytes, seconds and counts."""

    head_bytes: int = 64 * 1024
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    body_bytes_per_second: float = 100_000.0
    idle_seconds: float = 75.0
    write_seconds: float = 60.0
    linger_seconds: float = 2.0
    connections: int = 2000


@dataclass
class HttpServer:
    """Listens on a TCP port and, if given, a Unix socket, for one dispatcher."""

    dispatcher: Dispatcher
    limits: HttpLimits = field(default_factory=HttpLimits)

    def __post_init__(self) -> None:
        self.connections: set[Connection] = set()
        self.common_head = b""
        self.port = 0
        self._servers: list[asyncio.Server] = []
        self._sweep: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, socket_path: Path | None = None) -> None:
        """Listen; `port` 0 takes a free one. Raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(self), host, port, backlog=1024, reuse_port=False
        )
        self.port = server.sockets[0].getsockname()[1]
        self._servers.append(server)
        if socket_path is not None:
            socket_path.unlink(missing_ok=True)
            self._servers.append(
                await loop.create_unix_server(
                    lambda: Connection(self), str(socket_path), backlog=256
                )
            )
            socket_path.chmod(0o600)
        self._renew_head()
        self._sweep = loop.create_task(self._sweep_connections())

    def admit(self, connection: Connection) -> bool:
        """Count a connection in; false when there are too many."""
        self.connections.add(connection)
        return len(self.connections) <= self.limits.connections

    async def close(self, grace: float = 5.0) -> None:
        """Stop listening, let answers under way leave for up to `grace` seconds, cut the rest."""
        for server in self._servers:
            server.close()
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self.connections):
            connection._closing = True
            if not connection.pipeline:
                connection.close()
        end = monotonic() + grace
        while self.connections and monotonic() < end:
            await asyncio.sleep(0.02)
        for connection in list(self.connections):
            connection.abort()

    async def _sweep_connections(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._renew_head()
            now = monotonic()
            for connection in list(self.connections):
                if connection.deadline and connection.deadline < now:
                    connection.expire()

    def _renew_head(self) -> None:
        self.common_head = (
            f"Date: {formatdate(time(), usegmt=True)}\r\n"
            "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
        ).encode()
