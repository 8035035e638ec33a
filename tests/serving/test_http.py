"""The listener: strict HTTP/1.1, bounds on everything, answers in order."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.serving.connection import Exchange
from mlops_jupyter.serving.http import HttpLimits, HttpServer
from mlops_jupyter.serving.messages import Request
from mlops_jupyter.types import MlopsError

BODY_LIMIT = 10_000
LIMITS = HttpLimits(
    head_bytes=4096,
    head_seconds=0.3,
    body_seconds=0.3,
    body_bytes_per_second=1e9,
    idle_seconds=1.0,
    write_seconds=0.5,
    linger_seconds=0.5,
    connections=50,
)


class Echo:
    """Answers with the body; paths choose when: /late after the next request, /stream in chunks."""

    def __init__(self) -> None:
        self.late: list[Exchange] = []
        self.seen: list[Request] = []
        self.refused: list[MlopsError] = []

    def body_limit(self, request: Request) -> int:
        return BODY_LIMIT

    def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        self.seen.append(request)
        if request.path == "/late":
            self.late.append(exchange)
            return
        if request.path == "/stream":
            task = asyncio.get_running_loop().create_task(
                exchange.stream(200, _parts(), "text/plain")
            )
            task.add_done_callback(lambda done: done.exception())
        elif request.path == "/huge":
            exchange.reply(200, b"x" * 50_000_000)
        else:
            exchange.reply(200, request.body or request.path.encode(), "text/plain")
        for waiting in self.late:
            waiting.reply(200, b"late", "text/plain")
        self.late.clear()

    def refuse(self, exchange: Exchange, error: MlopsError) -> None:
        self.refused.append(error)
        exchange.reply_error(error)


async def _parts() -> AsyncIterator[bytes]:
    for number in range(1000):
        yield b"%05d" % number * 20


@contextmanager
def running(socket_path: Path | None = None) -> Iterator[tuple[HttpServer, Echo]]:
    echo = Echo()
    server = HttpServer(echo, LIMITS)
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start("127.0.0.1", 0, socket_path), loop).result(5)
        yield server, echo
        asyncio.run_coroutine_threadsafe(server.close(1.0), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def listening() -> Iterator[tuple[HttpServer, Echo]]:
    with running() as pair:
        yield pair


def talk(port: int, data: bytes, *, shut: bool = False) -> bytes:
    """Send bytes as they are, read until the server closes or is silent for two seconds."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
        client.sendall(data)
        if shut:
            client.shutdown(socket.SHUT_WR)
        answer = b""
        while True:
            try:
                part = client.recv(65536)
            except (TimeoutError, ConnectionResetError):
                break
            if not part:
                break
            answer += part
        return answer


HEAD = b"Host: x\r\nConnection: close\r\n"


def test_a_request_is_answered_and_the_connection_reused(
    listening: tuple[HttpServer, Echo],
) -> None:
    server, _ = listening
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
        first = client.post("/echo", content=b"hello")
        second = client.get("/path%20with?query=1")
    assert (first.status_code, first.content) == (200, b"hello")
    assert second.text == "/path with"
    assert first.headers["x-content-type-options"] == "nosniff"


def test_pipelined_requests_are_answered_in_order(listening: tuple[HttpServer, Echo]) -> None:
    server, _ = listening
    answer = talk(
        server.port,
        b"GET /late HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/1.1\r\n" + HEAD + b"\r\n",
    )
    assert answer.index(b"late") < answer.index(b"/second")
    assert answer.count(b"HTTP/1.1 200") == 2


def test_a_chunked_body_is_put_together(listening: tuple[HttpServer, Echo]) -> None:
    server, _ = listening
    answer = talk(
        server.port,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HEAD + b"\r\n"
        b"3;ext=1\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
    )
    assert answer.endswith(b"abcdefg")


def test_a_stream_arrives_whole(listening: tuple[HttpServer, Echo]) -> None:
    server, _ = listening
    answer = httpx.get(f"http://127.0.0.1:{server.port}/stream")
    assert len(answer.content) == 100_000
    assert answer.content.startswith(b"00000") and answer.content.endswith(b"00999")


def test_a_head_request_gets_no_body(listening: tuple[HttpServer, Echo]) -> None:
    server, _ = listening
    answer = talk(server.port, b"HEAD /x HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert b"Content-Length: 2" in answer


def test_expect_continue_is_honoured(listening: tuple[HttpServer, Echo]) -> None:
    server, _ = listening
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as client:
        client.sendall(
            b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" + HEAD + b"\r\n"
        )
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.sendall(b"ok")
        assert b"200 OK" in client.recv(4096)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        b"Content-Length: 3\r\nContent-Length: 3\r\n",
        b"Content-Length: 3\r\nContent-Length: 4\r\n",
        b"Content-Length: 3, 3\r\n",
        b"Content-Length: -3\r\n",
        b"Content-Length: +3\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Folded: a\r\n b\r\n",
        b"Space : a\r\n",
        b"Nul: a\0b\r\n",
        b"Host: y\r\n",
        b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    ],
)
def test_an_ambiguous_head_is_refused_and_the_connection_closed(
    listening: tuple[HttpServer, Echo], head: bytes
) -> None:
    server, echo = listening
    before = len(echo.seen)
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = talk(server.port, b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\nabc" + smuggled)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"Date: ") == 1
    assert all(request.path != "/smuggled" for request in echo.seen[before:])


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET http://elsewhere/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(listening: tuple[HttpServer, Echo], line: bytes) -> None:
    server, _ = listening
    assert talk(server.port, line).startswith(b"HTTP/1.1 400 ")


def test_a_body_over_the_limit_is_refused_before_it_is_sent(
    listening: tuple[HttpServer, Echo],
) -> None:
    server, echo = listening
    answer = talk(
        server.port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc"
    )
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"too_large"' in answer
    assert echo.refused[-1].status == 413


def test_a_chunked_body_without_end_is_cut_at_the_limit(
    listening: tuple[HttpServer, Echo],
) -> None:
    server, _ = listening
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    answer = talk(
        server.port,
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 40,
    )
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_client_that_still_sends_reads_the_refusal(listening: tuple[HttpServer, Echo]) -> None:
    server, _ = listening
    with httpx.Client() as client:
        answer = client.post(f"http://127.0.0.1:{server.port}/", content=b"x" * 3_000_000)
    assert answer.status_code == 413


def test_headers_over_the_limit_are_refused(listening: tuple[HttpServer, Echo]) -> None:
    server, _ = listening
    for head in (b"A: " + b"x" * 100_000, b"A: b\r\n" * 5000):
        assert talk(server.port, b"GET / HTTP/1.1\r\n" + head).startswith(b"HTTP/1.1 431 ")


def test_a_slow_head_times_out(listening: tuple[HttpServer, Echo]) -> None:
    server, _ = listening
    assert talk(server.port, b"GET / HTTP/1.1\r\nHost:").startswith(b"HTTP/1.1 408 ")


def test_a_slow_body_times_out_and_is_reported(listening: tuple[HttpServer, Echo]) -> None:
    server, echo = listening
    answer = talk(server.port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert echo.refused[-1].status == 408


def test_an_idle_connection_is_closed_silently(listening: tuple[HttpServer, Echo]) -> None:
    server, _ = listening
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        assert client.recv(10) == b""


def test_a_reader_that_takes_nothing_is_cut_and_others_are_served(
    listening: tuple[HttpServer, Echo],
) -> None:
    server, _ = listening
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(b"GET /huge HTTP/1.1\r\nHost: x\r\n\r\n")
        assert httpx.get(f"http://127.0.0.1:{server.port}/other").text == "/other"
        deadline = threading.Event()
        for _ in range(50):
            if not any(connection._writable for connection in list(server.connections)):
                break
            deadline.wait(0.1)
        else:
            pytest.fail("the slow reader still holds its connection")


def test_a_half_closed_client_gets_its_answer(listening: tuple[HttpServer, Echo]) -> None:
    server, _ = listening
    answer = talk(server.port, b"GET /half HTTP/1.1\r\nHost: x\r\n\r\n", shut=True)
    assert answer.endswith(b"/half")


def test_a_client_that_leaves_early_disturbs_nobody(listening: tuple[HttpServer, Echo]) -> None:
    server, _ = listening
    for _ in range(5):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n")
        client.close()
    assert httpx.get(f"http://127.0.0.1:{server.port}/after").text == "/after"


def test_connections_over_the_cap_are_refused(listening: tuple[HttpServer, Echo]) -> None:
    server, _ = listening
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(60)]
    try:
        clients[-1].settimeout(2)
        assert clients[-1].recv(100).startswith(b"HTTP/1.1 503 ")
    finally:
        for client in clients:
            client.close()


def test_the_unix_socket_proves_the_peers_uid(tmp_path: Path) -> None:
    path = tmp_path / "hub.sock"
    with running(path) as (_, echo):
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
            assert client.get("http://hub/who").text == "/who"
        assert echo.seen[-1].peer.kind == "unix"
        assert echo.seen[-1].peer.uid == path.stat().st_uid
        assert path.stat().st_mode & 0o077 == 0


@settings(max_examples=100, deadline=None)
@given(cuts=st.lists(st.integers(1, 150), max_size=6), body=st.binary(max_size=60))
def test_how_the_bytes_are_cut_does_not_matter(
    listening: tuple[HttpServer, Echo], cuts: list[int], body: bytes
) -> None:
    server, _ = listening
    data = b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n" % len(body) + HEAD + b"\r\n" + body
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start = 0
        for cut in [*sorted(cuts), len(data)]:
            client.sendall(data[start:cut])
            start = max(start, cut)
        answer = b""
        while part := client.recv(4096):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(body or b"/x")


@settings(max_examples=100, deadline=None)
@given(noise=st.binary(min_size=1, max_size=300))
def test_noise_never_stops_the_server(listening: tuple[HttpServer, Echo], noise: bytes) -> None:
    server, _ = listening
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as client:
        client.sendall(noise)
        client.shutdown(socket.SHUT_WR)
        try:
            while client.recv(4096):
                pass
        except ConnectionResetError:
            pass
    assert httpx.get(f"http://127.0.0.1:{server.port}/alive").text == "/alive"
