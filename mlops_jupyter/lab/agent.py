"""The registry's process: MLflow takes seconds and 160 MiB, which a Jupyter server must not.

It is started when somebody asks for the first time and ends by itself when nobody asks any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from mlops_jupyter.types import MlopsError, Unavailable, error_from_dict

IDLE_SECONDS = 120.0
ANSWER_SECONDS = 60.0
FETCH_SECONDS = 660.0
"""Artifacts may have to be fetched from a store far away."""

LINE_BYTES = 64 * 1024 * 1024
_END_SECONDS = 5.0


class Agent:
    """Asks the registry through its process, one question at a time.

    Parameters
    ----------
    home
        State directory, where the registry is unless MLflow's own settings name another.
    idle
        Seconds after which the process ends when nobody asks.
    patience
        Seconds that an answer may take for which nothing has to be fetched.
    """

    def __init__(
        self, home: Path, *, idle: float = IDLE_SECONDS, patience: float = ANSWER_SECONDS
    ) -> None:
        self._home = home
        self._patience = patience
        self._idle = idle
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._asked = 0

    async def models(self) -> Any:
        """All models by name."""
        return await self._ask("models")

    async def versions(self, name: str) -> Any:
        """All versions of a model, newest first."""
        return await self._ask("versions", name=name)

    async def resolve(self, ref: str) -> Any:
        """One version with its artifacts on this machine."""
        return await self._ask("resolve", FETCH_SECONDS, ref=ref)

    async def set_alias(
        self, name: str, alias: str, version: int, only_from: int | None = None
    ) -> Any:
        """Move an alias; ``{before, moved}``."""
        return await self._ask(
            "set_alias", name=name, alias=alias, version=version, only_from=only_from
        )

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _END_SECONDS)
        except TimeoutError:
            await _kill(process)

    async def _ask(self, do: str, seconds: float = 0.0, **more: Any) -> Any:
        async with self._turn:
            self._asked += 1
            line = msgspec.json.encode({"id": self._asked, "do": do, **more}) + b"\n"
            seconds = seconds or self._patience
            said = await self._exchange(line, seconds)
            # it may have ended for idleness just when it was asked
            said = said or await self._exchange(line, seconds)
        if not said:
            raise _failed("Its process ended before it answered.", code="registry_ended")
        answer = msgspec.json.decode(said)
        if answer.get("id") != self._asked and answer.get("id") is not None:
            raise _failed("Its answers are out of order.", code="registry_ended")
        if "error" in answer:
            raise _error(answer["error"])
        return answer["result"]

    async def _exchange(self, line: bytes, seconds: float) -> bytes:
        """Send a line and return the line that answers it; empty when the process has ended."""
        process = await self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                process.stdin.write(line)
                await process.stdin.drain()
                return await process.stdout.readline()
        except (ConnectionError, ValueError):
            await _kill(process)
            return b""
        except TimeoutError:
            await _kill(process)
            raise _failed(
                f"It did not answer within {seconds:g} s.", code="registry_timeout"
            ) from None
        except asyncio.CancelledError:
            # its answer would be taken for that to the next question
            process.kill()
            raise

    async def _running(self) -> asyncio.subprocess.Process:
        process = self._process
        if process is None or process.returncode is not None:
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "mlops_jupyter.registry.agent"),
                    f"{self._idle:g}",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=LINE_BYTES,
                    env=dict(os.environ, MLOPS_JUPYTER_HOME=str(self._home)),
                )
            except OSError as error:
                raise _failed(f"{error.strerror}.", code="registry_not_started") from error
            self._process = process
        return process


async def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _failed(reason: str, code: str) -> Unavailable:
    return Unavailable(
        "The model registry cannot be asked now.",
        reason=reason,
        fix="Try again; if it repeats, see the Jupyter server's log.",
        code=code,
    )


def _error(said: dict[str, Any]) -> MlopsError:
    return error_from_dict(int(said.get("status", 500)), said)
