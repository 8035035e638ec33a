"""Clients that keep every answer they got."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from mlops_jupyter.client import Hub


@dataclass
class Answer:
    """One answer: its status, the record's id, and the body."""

    status: int
    record: str
    body: bytes


@dataclass
class Load:
    """Threads that call an endpoint until they are stopped; connection failures are no answers."""

    home: Path
    endpoint: str
    body: bytes
    clients: int = 4
    answers: list[Answer] = field(default_factory=list)
    disconnects: int = 0

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(self.clients)]
        self._token = (self.home / "token").read_text().strip()

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, count: int, timeout: float = 60.0) -> None:
        """Wait until `count` answers have come since the start."""
        end = time.monotonic() + timeout
        while len(self.answers) < count:
            assert time.monotonic() < end, f"only {len(self.answers)} answers of {count}"
            time.sleep(0.005)

    def more(self, count: int) -> None:
        """Wait for `count` further answers."""
        self.wait_for(len(self.answers) + count)

    def _run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        while not self._stop.is_set():
            try:
                if connection is None:
                    lock = json.loads((self.home / "hub.lock").read_text())
                    address = urlsplit(lock["url"])
                    connection = http.client.HTTPConnection(
                        str(address.hostname), address.port, timeout=30
                    )
                connection.request(
                    "POST", f"/endpoints/{self.endpoint}/invocations", self.body, headers
                )
                reply = connection.getresponse()
                body = reply.read()
                record = reply.headers.get("X-Request-Id") or ""
                self.answers.append(Answer(reply.status, record, body))
            except (OSError, http.client.HTTPException, ValueError, KeyError):
                self.disconnects += 1
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.02)


def ledger_ids(hub: Hub, **filters: object) -> set[str]:
    """The ids of all records that a search finds."""
    ids: set[str] = set()
    for part in b"".join(hub.export("jsonl", **filters)).splitlines():
        row = json.loads(part)
        ids.add(row.get("id") or row["record"]["id"])
    return ids
