"""Our engine without a ledger, to see what the audit costs: `python unaudited.py MODEL PORT`.

The product has no such mode: no answer leaves without its record. Only the ledger here, which
forgets everything, makes one.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import uvloop
import yaml

from mlops_jupyter.access import Peer
from mlops_jupyter.audit import Range
from mlops_jupyter.serving.gateway import Gateway
from mlops_jupyter.serving.http import HttpServer
from mlops_jupyter.serving.messages import Request, Response
from mlops_jupyter.serving.pool import Pool
from mlops_jupyter.serving.routing import ServedVersion
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.worker import WorkerSpec
from mlops_jupyter.types import (
    Caller,
    EndpointSpec,
    Limits,
    ModelVersion,
    Principal,
    Traffic,
    Unauthenticated,
)


class Forgetful:
    """A ledger's face with nothing behind it."""

    origin = "none"
    size = 0

    def append(self, entries: list[Any]) -> Range:
        first, self.size = self.size, self.size + len(entries)
        return Range(first, len(entries), ("-",) * len(entries))

    def count_dropped(self, count: int) -> None:
        pass


class OneToken:
    """Proves the one benchmark token."""

    caller = Caller(Principal("app:bench", "app"), "api-token", "b", frozenset({"cancer"}))

    def authenticate(self, authorization: bytes | None, peer: Peer) -> Caller:
        if authorization != b"Bearer benchmark":
            raise Unauthenticated("The token is not known.")
        return self.caller


class Spawned:
    """Starts the worker as a process of its own."""

    async def start(self, spec: WorkerSpec, sock: Any) -> Any:
        command = [sys.executable, "-m", "mlops_jupyter.serving.worker", str(sock.fileno())]
        process = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.PIPE, pass_fds=[sock.fileno()]
        )
        assert process.stdin is not None
        process.stdin.write(spec.to_json().encode())
        process.stdin.close()
        return process


async def control(request: Request) -> Response:
    return Response(404)


async def main(model: Path, port: int) -> None:
    described = yaml.safe_load((model / "MLmodel").read_text())
    version = ModelVersion(
        "cancer", 1, "-", str(model), described["signature"], described["flavors"]
    )
    spec = EndpointSpec("cancer", "cancer", Traffic({1: 100}))
    worker = WorkerSpec("cancer", "cancer", 1, str(model), version.signature, version.flavors)
    pool = Pool(worker, Spawned(), Limits())  # type: ignore[arg-type]
    gateway = Gateway(Forgetful(), OneToken(), control, host_allowed=lambda host: True)  # type: ignore[arg-type]
    pool.scale(1)
    await pool.ready()
    signature = Signature.compile(version.signature, name="cancer", version=1)
    gateway.set_endpoint(spec, {1: ServedVersion(version, signature, pool)})
    server = HttpServer(gateway)
    await server.start("127.0.0.1", port)
    await asyncio.sleep(3600)


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
