"""A Jupyter server with the extension, asked over HTTP; pytest-jupyter stays in this room.

Its fixtures are imported here and not loaded as a plugin: two of them run for every test there is,
and would give tests of other rooms an event loop and a server to clean up.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403
from tornado.httpclient import HTTPClientError, HTTPResponse

from tests.conftest import state_directory


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Ask = Callable[..., Awaitable[Answer]]


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {"mlops_jupyter": True},
            "allow_unauthenticated_access": False,
        }
    }


@pytest.fixture
def ask(jp_base_url: str, http_server_client: Any, jp_auth_header: dict[str, str]) -> Ask:
    """Ask the extension: ``await ask("status")``; with a body it is a POST.

    The path goes as it is written; `headers` replace the ones that prove who asks.
    """

    async def ask(
        path: str,
        body: Any = None,
        *,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        method = method or ("GET" if body is None else "POST")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        try:
            response: HTTPResponse = await http_server_client.fetch(
                f"{jp_base_url}mlops/{path}",
                method=method,
                body=body,
                headers=jp_auth_header if headers is None else headers,
                allow_nonstandard_methods=True,
                request_timeout=60,
                follow_redirects=False,
                **more,
            )
        except HTTPClientError as error:
            assert error.response is not None, error
            response = error.response
        return Answer(response.code, response.headers, response.body or b"")

    return ask


@pytest.fixture
def own_home() -> Iterator[Path]:
    """A state directory where no hub runs yet."""
    with state_directory() as path:
        yield path


@pytest.fixture(scope="package")
def home() -> Iterator[Path]:
    """One for the whole room: registering models takes seconds."""
    with state_directory() as path:
        yield path


@pytest.fixture(scope="package")
def hub(home: Path) -> Iterator[Any]:
    from mlops_jupyter.client import Hub

    with Hub.connect(home=home) as connected:
        yield connected


@pytest.fixture(scope="package")
def churn(hub: Any, cancer: Any, classifier: Any, stump: Any) -> Any:
    """The endpoint ``churn`` at version 1 of a real hub; version 2 is registered only."""
    from mlops_jupyter import registry

    version = registry.register("churn", classifier, cancer.data, alias="champion")
    registry.register("churn", stump, cancer.data)
    hub.add_version(version)
    status = hub.deploy("churn", version, alias="champion", wait=120)
    assert status.state == "ready", status.reason
    return hub.endpoint("churn")


@pytest.fixture
def rows(cancer: Any) -> bytes:
    """A body that the endpoint ``churn`` takes."""
    return json.dumps({"inputs": cancer.data.head(2).to_dict("records")}).encode()


@pytest.fixture
def json_headers(jp_auth_header: dict[str, str]) -> dict[str, str]:
    return {**jp_auth_header, "Content-Type": "application/json"}


async def until(condition: Callable[[], Any]) -> None:
    """Wait for something that is on its way."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def hub_pid(home: Path) -> int | None:
    """Process of the hub that runs there."""
    from mlops_jupyter.client.home import running_hub

    hub = running_hub(home)
    return None if hub is None else hub.pid


Listen = Callable[[], Any]


@pytest.fixture
def listen(jp_ws_fetch: Any) -> Listen:
    """Listen to Jupyter's events: ``async with listen() as heard: await heard(what="hub")``."""

    @asynccontextmanager
    async def listen() -> AsyncIterator[Callable[..., Awaitable[dict[str, Any]]]]:
        socket = await jp_ws_fetch("api", "events", "subscribe")

        async def heard(**wanted: Any) -> dict[str, Any]:
            async with asyncio.timeout(30):
                while True:
                    message = await socket.read_message()
                    assert message is not None, "the stream of events was closed"
                    event: dict[str, Any] = json.loads(message)
                    if all(event.get(name) == value for name, value in wanted.items()):
                        return event

        try:
            yield heard
        finally:
            socket.close()

    return listen
