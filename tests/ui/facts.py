"""What the tests put into a hub before they look."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from mlops_jupyter.client import Hub
from mlops_jupyter.types import (
    EndpointStatus,
    Environment,
    MlopsError,
    ModelVersion,
    ScalingPolicy,
)

T = TypeVar("T")
ROW = {"dataframe_split": {"columns": ["tenure", "spend", "calls"], "data": [[3.0, 40.0, 5.0]]}}

MARKUP = '<img src="x" class="planted" onerror="window.planted = 1">'
SCRIPT = '<script class="planted">window.planted = 1</script>'
COMMAND = (
    '<button class="planted" data-commandlinker-command="apputils:change-theme" '
    'data-commandlinker-args=\'{"theme": "JupyterLab Dark"}\'>dark</button>'
)
MARKDOWN = "[click](javascript:window.planted=1) ![x](x) **bold** `code`"
REVERSED = "\u202emoc.live\u202c\u2066\u0000"
LONG = "L" * 10_000
HOSTILE = (MARKUP, SCRIPT, COMMAND, MARKDOWN, LONG)


def deploy(hub: Hub, name: str, version: int = 1, scaling: str = "fixed:1") -> EndpointStatus:
    """An endpoint of the trained model that is ready for calls."""
    found = next(v for v in hub.versions("churn") if v.version == version)
    return hub.deploy(name, found, scaling=ScalingPolicy.parse(scaling), wait=60)


def call(hub: Hub, name: str, body: bytes | None = None, media: str = "application/json") -> str:
    """Call an endpoint with any bytes; the id of the record."""
    content = json.dumps(ROW).encode() if body is None else body
    path = f"/endpoints/{name}/invocations"
    try:
        answer = hub.connection.request(
            "POST", path, content=content, headers={"Content-Type": media}
        )
    except MlopsError:
        newest = hub.connection.request("GET", "/audit/records", query={"endpoint": name})
        return str(newest.json()["records"][0]["id"])
    return answer.headers["X-Request-Id"]


@contextlib.contextmanager
def callers(home: Path, name: str) -> Iterator[None]:
    """Calls to an endpoint that come and go like people, until the block ends."""
    enough = threading.Event()

    def go_on() -> None:
        with Hub.connect(home=home, start=False) as hub:
            for number in itertools.count():
                call(hub, name)
                # a wave, so that a curve of it looks like one
                if enough.wait(0.3 + 0.2 * math.sin(number / 4)):
                    return

    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(go_on)
        try:
            yield
        finally:
            enough.set()
        going.result()


def report(hub: Hub, name: str) -> None:
    """Let a client report a registration in which everything that can be is called `name`."""
    event = {
        "action": "register",
        "detail": {"note": name},
        "model": {"name": name, "version": 1},
        "code": {"notebook": name, "cell": name, "git": name},
    }
    hub.connection.request("POST", "/audit/events", json_body=event)


def disguised(version: ModelVersion, name: str) -> ModelVersion:
    """The same artifacts as a model that somebody else says he made."""
    told = replace(version.lineage, user=name, notebook=name, cell_id=name, git_commit=name)
    return replace(version, model="disguised", version=1, aliases=(), lineage=told)


def crowd(hub: Hub, version: ModelVersion, folder: Path, count: int) -> None:
    """Many endpoints, none of which costs more than its name: their Python never answers."""
    python = folder / "python-that-never-answers"
    python.write_text("#!/bin/sh\nexec sleep 600\n")
    python.chmod(0o700)
    stuck = replace(version, environment=Environment("kernel", str(python), "e" * 64))
    known = hub.add_version(stuck)
    for number in range(count):
        hub.deploy(f"churn-{number:03}", known, scaling=ScalingPolicy.parse("serverless:0-1"))


def eventually(look: Callable[[], T], seconds: float = 15.0) -> T:
    """What `look` returns once it is true; the last answer when it never is."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def records(hub: Hub, **filters: object) -> list[dict[str, object]]:
    """The newest records that fit, newest first."""
    found = hub.connection.request("GET", "/audit/records", query=filters).json()["records"]
    return list(found)
