"""Hands finished runs to MLflow, through a process of its own: the hub never imports MLflow.

A store that is away is asked again, less and less often, and nobody waits for it but the one who
awaits the answer. A run that was written has a file ``published.json`` in its folder; those without
are handed over again by the next hub.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from mlops_jupyter.training.folder import write_atomically
from mlops_jupyter.types import (
    Overloaded,
    RunStatus,
    SweepStatus,
    Unavailable,
    error_from_dict,
)

IDLE_SECONDS = 120.0
"""After which the registry's process ends when there is nothing to write."""

ANSWER_SECONDS = 300.0
MAX_WAITING = 10_000
MAX_TRIES = 5
"""How often a run is handed over whose writing ends, or stops, the registry's process."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
_END_SECONDS = 5.0
_LINE_BYTES = 16 << 20
_MARK = "published.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """A run as MLflow has it: its id there, and the newest value of every metric."""

    mlflow_run_id: str
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(eq=False)
class _Job:
    do: str
    arguments: dict[str, Any]
    answer: asyncio.Future[Any]
    tries: int = 0


class RunPublisher:
    """Writes runs and sweeps to MLflow, one after the other.

    Parameters
    ----------
    home
        State directory, where MLflow's store is unless ``MLFLOW_TRACKING_URI`` names another.
    idle, patience
        Seconds after which the registry's process ends for want of work, and after which an answer
        is given up.
    first_pause
        Seconds before a store that did not answer is asked again; doubled each time.
    """

    def __init__(
        self,
        home: Path,
        *,
        idle: float = IDLE_SECONDS,
        patience: float = ANSWER_SECONDS,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        self._process = _RegistryProcess(home, idle, patience)
        self._first_pause = first_pause
        self._waiting: asyncio.Queue[_Job] = asyncio.Queue(MAX_WAITING)
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def publish(self, status: RunStatus, folder: Path) -> Published:
        """Write a run that has ended, unless it was written before.

        Parameters
        ----------
        folder
            The run's folder; ``record.json`` and ``published.json`` are put there.

        Raises
        ------
        Overloaded
            Too many wait; the next hub hands it over.
        Unavailable
            The publisher is closing, or the registry's process ends whenever it writes this run.
        MlopsError
            MLflow refuses the run.
        """
        mark = folder / _MARK
        done = _marked(mark)
        if done is not None:
            return done
        content = record(status)
        await asyncio.to_thread(write_atomically, folder / "record.json", content)
        said = await self._ask("log_run", folder=str(folder))
        published = msgspec.convert(said, Published)
        await asyncio.to_thread(write_atomically, mark, msgspec.json.encode(published))
        return published

    async def start_sweep(self, sweep: SweepStatus) -> str:
        """Make MLflow's parent run of a sweep, or find it; its id. Raises as `publish`."""
        return str(await self._ask("start_sweep", sweep=msgspec.to_builtins(sweep)))

    async def end_sweep(self, sweep: SweepStatus) -> str:
        """Close MLflow's parent run of a sweep; its id. Raises as `publish`."""
        return str(await self._ask("end_sweep", sweep=msgspec.to_builtins(sweep)))

    async def compare_models(self, first: str, second: str) -> dict[str, Any]:
        """Whether two registered versions predict the same: digests, deviation. As `publish`."""
        said: dict[str, Any] = await self._ask("compare_models", first=first, second=second)
        return said

    async def close(self) -> None:
        """Give up what waits, and end the registry's process."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        while not self._waiting.empty():
            _fail(self._waiting.get_nowait(), _closing())
        await self._process.close()

    async def _ask(self, do: str, **arguments: Any) -> Any:
        if self._closed:
            raise _closing()
        job = _Job(do, arguments, asyncio.get_running_loop().create_future())
        try:
            self._waiting.put_nowait(job)
        except asyncio.QueueFull:
            raise Overloaded(
                "Too many runs wait for MLflow.",
                reason=f"{MAX_WAITING} have not been written yet.",
                fix="See in the hub's log why MLflow's store does not answer.",
                code="publisher_full",
            ) from None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())
        return await job.answer

    async def _work(self) -> None:
        pause = self._first_pause
        while True:
            job = await self._waiting.get()
            if job.answer.done():
                continue
            try:
                answer = await self._process.ask(job.do, **job.arguments)
            except Unavailable as error:
                if not self._again(job, error):
                    continue
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            except asyncio.CancelledError:
                _fail(job, _closing())
                raise
            except Exception as error:
                _fail(job, error)
            else:
                pause = self._first_pause
                if not job.answer.done():
                    job.answer.set_result(answer)

    def _again(self, job: _Job, error: Unavailable) -> bool:
        """Put a job back behind the others; False where it has been tried often enough."""
        if error.code in _PROCESS_FAULTS:
            job.tries += 1
        if job.tries >= MAX_TRIES or self._waiting.full():
            _fail(job, error)
            return False
        _log.warning("MLflow is asked again later: %s", error)
        self._waiting.put_nowait(job)
        return True


def unpublished(runs: Path) -> list[str]:
    """Ids of the runs below the folder `runs` that ended and were not written to MLflow; blocks."""
    if not runs.is_dir():
        return []
    return sorted(
        folder.name
        for folder in runs.iterdir()
        if (folder / "result.json").exists() and not (folder / _MARK).exists()
    )


def kernel_variables(home: Path, run: RunStatus, parent: str | None = None) -> dict[str, str]:
    """Variables by which MLflow in a run's kernel writes where the run itself is written to.

    Parameters
    ----------
    home
        State directory.
    parent
        MLflow's run of the sweep that the run belongs to.
    """
    found = {
        "MLOPS_JUPYTER_HOME": str(home),
        "MLOPS_JUPYTER_NOTEBOOK": run.spec.notebook,
        "MLOPS_JUPYTER_NOTEBOOK_SHA256": str(run.record.get("notebook_sha256") or ""),
        "MLOPS_JUPYTER_MLFLOW_PARENT": parent or "",
    }
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        found["MLFLOW_TRACKING_URI"] = f"sqlite:///{home / 'mlflow' / 'mlflow.db'}"
        # a new experiment's files would go under the notebook's folder
        found["_MLFLOW_SERVER_ARTIFACT_ROOT"] = (home / "mlflow" / "artifacts").as_uri()
    if not any(map(os.environ.get, ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"))):
        found["MLFLOW_EXPERIMENT_NAME"] = run.name
    return {name: value for name, value in found.items() if value}


def record(status: RunStatus) -> bytes:
    """All that is known of a run as JSON, with numbers that JSON lacks by their names."""
    return json.dumps(_finite(msgspec.to_builtins(status)), indent=1).encode() + b"\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _marked(path: Path) -> Published | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Published)
    except (OSError, msgspec.MsgspecError):
        return None


def _fail(job: _Job, error: Exception) -> None:
    if not job.answer.done():
        job.answer.set_exception(error)


def _closing() -> Unavailable:
    return Unavailable(
        "The run is not in MLflow yet.",
        reason="The hub is stopping.",
        fix="The next hub writes it.",
        code="hub_stopping",
    )


_PROCESS_FAULTS = ("registry_ended", "registry_timeout", "registry_not_started")


class _RegistryProcess:
    """The process ``mlops_jupyter.registry.agent``, started when it is asked something."""

    def __init__(self, home: Path, idle: float, patience: float) -> None:
        self._home = home
        self._idle = idle
        self._patience = patience
        self._process: asyncio.subprocess.Process | None = None
        self._asked = 0

    async def ask(self, do: str, **arguments: Any) -> Any:
        """Its answer; raises what it raised, or Unavailable where it gives none."""
        self._asked += 1
        line = msgspec.json.encode({"id": self._asked, "do": do, **arguments}) + b"\n"
        process = await self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self._patience):
                process.stdin.write(line)
                await process.stdin.drain()
                said = await process.stdout.readline()
        except TimeoutError:
            await self._kill()
            raise _fault(f"No answer within {self._patience:g} s.", "registry_timeout") from None
        except (ConnectionError, ValueError):
            said = b""
        except asyncio.CancelledError:
            # its answer would be taken for that to the next question
            await self._kill()
            raise
        if not said.endswith(b"\n"):
            await self._kill()
            raise _fault("Its process ended before it answered.", "registry_ended")
        answer = msgspec.json.decode(said)
        if "error" in answer:
            raise error_from_dict(int(answer["error"].get("status", 500)), answer["error"])
        return answer["result"]

    async def close(self) -> None:
        """End it, after what it does now."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await process.wait()
        except TimeoutError:
            await self._kill()

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "mlops_jupyter.registry.agent"),
                    f"{self._idle:g}",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=_LINE_BYTES,
                    env=dict(os.environ, MLOPS_JUPYTER_HOME=str(self._home)),
                )
            except OSError as error:
                raise _fault(f"{error.strerror}.", "registry_not_started") from error
        return self._process

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _fault(reason: str, code: str) -> Unavailable:
    return Unavailable(
        "MLflow cannot be written to now.",
        reason=reason,
        fix="It is tried again; see the hub's log if it repeats.",
        code=code,
    )
