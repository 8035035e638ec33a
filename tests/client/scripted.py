"""A small real HTTP server that says what a test lets it say, found like a hub."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil

TOKEN = "local-token-0123456789-0123456789-0123456789"


@dataclass
class Asked:
    """One request that came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    over: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What to answer; `cut` closes the connection instead."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


Script = Callable[[Asked], Answer | Any]


class ScriptedHub:
    """Listens on TCP, and on a Unix socket if asked to; tells the client so in ``hub.lock``."""

    def __init__(self, home: Path, script: Script, *, with_socket: bool = False) -> None:
        self.home = home
        self.script = script
        self.asked: list[Asked] = []
        self._servers: list[socketserver.BaseServer] = []
        self.connections: list[Any] = []
        home.mkdir(exist_ok=True)
        (home / "token").write_text(TOKEN + "\n")
        tcp = _Tcp(("127.0.0.1", 0), _handler(self, "tcp"))
        self._serve(tcp)
        self.port = tcp.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket = str(home / "hub.sock") if with_socket else None
        if self.socket:
            self._serve(_Unix(self.socket, _handler(self, "unix")))
        self.write_lock()

    def write_lock(self, **changes: Any) -> None:
        process = psutil.Process()
        said = {
            "pid": os.getpid(),
            "started": process.create_time(),
            "port": self.port,
            "url": self.url,
            "socket": self.socket,
            "version": "0",
        }
        (self.home / "hub.lock").write_text(json.dumps(said | changes))

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for connection in self.connections:
            # the client may have ended it already
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self, server: socketserver.BaseServer) -> None:
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()


class _Tcp(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True


class _Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def _handler(hub: ScriptedHub, over: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            hub.connections.append(self.connection)

        def address_string(self) -> str:
            return over

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self) -> None:
            split = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(split.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, split.path, query, headers, body, over)
            hub.asked.append(asked)
            answer = hub.script(asked)
            if not isinstance(answer, Answer):
                answer = Answer(body=answer)
            if answer.cut:
                self.close_connection = True
                return
            data = answer.body
            if not isinstance(data, bytes):
                data = b"" if data is None else json.dumps(data).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if answer.status != 204:
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _answer

    return Handler
