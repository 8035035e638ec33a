"""Programs that are HTTP servers on a Unix socket, well and badly, asked without a hub."""

from __future__ import annotations

import os
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlops_jupyter.workers.mlops_worker import (
    BadAnswer,
    HttpProgram,
    Manifest,
    NotReady,
    ProgramEnded,
    ProgramError,
)
from mlops_jupyter.workers.mlops_worker.messages import dump

SERVER = """
import http.server, json, os, socketserver, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass  # it wants an address of the caller
    def do_GET(self):
        self.reply(200 if self.path == "/health" else 404, b"ok")
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        x = request["inputs"]["x"]
%s
        self.reply(200, json.dumps({"id": request["id"], "outputs": {"y": x}}).encode())
    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

print("listening", flush=True)
socketserver.ThreadingUnixStreamServer(os.environ["MLOPS_WORKER_SOCKET"], Handler).serve_forever()
"""
Start = Callable[..., HttpProgram]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server that does `bad` before it answers; it is stopped after the test."""
    started: list[HttpProgram] = []

    def begin(bad: str = "pass", **fields: Any) -> HttpProgram:
        code = SERVER % textwrap.indent(textwrap.dedent(bad).strip(), " " * 8)
        (tmp_path / "server.py").write_text(code)
        given = {"protocol": "http", "start_seconds": 20.0, **fields}
        started.append(HttpProgram(Manifest("python", ("python3", "server.py"), **given), tmp_path))
        return started[-1]

    yield begin
    for program in started:
        program.stop()


def ask(program: HttpProgram, *values: Any) -> Any:
    return program.ask(len(values), {"x": dump(values)})["y"]


def test_each_request_is_answered(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    program = start()
    assert [ask(program, number) for number in range(20)] == [[number] for number in range(20)]
    program.stop()
    assert "listening" in capfd.readouterr().err


def test_a_connection_that_the_server_closes_is_opened_again(start: Start) -> None:
    program = start("self.close_connection = True")
    assert [ask(program, 1), ask(program, 2), ask(program, 3)] == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("bad", "error", "said"),
    [
        ("return self.reply(500, b'oops')", ProgramError, "the status 500"),
        ("return self.reply(503, b'{}')", ProgramError, "the status 503"),
        (
            """return self.reply(422, b'{"error": {"class": "Odd", "message": "It is bad."}}')""",
            ProgramError,
            "It is bad",
        ),
        ("return self.reply(200, b'oops')", BadAnswer, "is not JSON"),
        ("""return self.reply(200, b'{"id": 99, "outputs": {}}')""", BadAnswer, "another id"),
        ("""return self.reply(200, b'{"outputs": {"y": [NaN]}}')""", BadAnswer, "write null"),
        ("return self.reply(200, b'x' * (65 << 20))", BadAnswer, "over 64 MiB"),
    ],
)
def test_a_bad_answer_fails_its_call_and_no_other(
    start: Start, bad: str, error: type[Exception], said: str
) -> None:
    program = start(f"if x == ['bad']: {bad}")
    with pytest.raises(error, match=said):
        ask(program, "bad")
    assert ask(program, "good") == ["good"]


def test_an_answer_without_an_id_is_taken(start: Start) -> None:
    program = start("""return self.reply(200, b'{"outputs": {"y": [1]}}')""")
    assert ask(program, 1) == [1]


def test_a_server_that_dies_says_how(start: Start) -> None:
    program = start("os._exit(6)")
    with pytest.raises(ProgramEnded) as ended:
        ask(program, 1)
    assert ended.value.status == 6


def test_a_server_that_is_never_healthy_is_not_ready(start: Start) -> None:
    with pytest.raises(NotReady, match=r"within 0.5 s: GET /up answered 404"):
        start(start_seconds=0.5, health="/up")


def test_its_socket_goes_with_it_and_those_of_the_killed_are_swept(start: Start) -> None:
    folder = Path(tempfile.gettempdir())
    gone = next(pid for pid in range(2, 4_000_000) if not psutil.pid_exists(pid))
    left = folder / f"mlops-worker-{gone}-left"
    left.mkdir(exist_ok=True)
    program = start()
    assert not left.exists()
    ours = list(folder.glob(f"mlops-worker-{os.getpid()}-*"))
    assert ours
    program.stop()
    assert not any(path.exists() for path in ours)
