"""Runs of small notebooks by the real supervisor, executor and kernels."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlops_jupyter.training import runner
from mlops_jupyter.training.folder import RunFolder
from mlops_jupyter.types import RunSpec

PATIENCE_SECONDS = 90.0
"""Only bounds how long a broken test takes."""


def notebook(*cells: str, kernel: str = "python3", language: str = "python") -> bytes:
    """A notebook of code cells; one that begins with ``# parameters`` is tagged as such."""
    return json.dumps(
        {
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{index}",
                    "metadata": {"tags": ["parameters"]} if "# parameters" in source else {},
                    "source": source,
                    "outputs": [],
                    "execution_count": None,
                }
                for index, source in enumerate(cells)
            ],
            "metadata": {
                "kernelspec": {"name": kernel, "display_name": kernel, "language": language}
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    ).encode()


def eventually(condition: Callable[[], Any], what: str = "it") -> Any:
    """Wait until `condition` holds and return what it gave."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        held = condition()
        if held:
            return held
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {PATIENCE_SECONDS:g} s")


@dataclass
class Run:
    """A run that has been started."""

    folder: RunFolder
    supervisor: subprocess.Popen[bytes]
    _offset: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)

    def read(self) -> list[dict[str, Any]]:
        new, self._offset = self.folder.events(self._offset)
        self.events += new
        return self.events

    def wait_for(self, event: str, **fields: Any) -> dict[str, Any]:
        """The first event of that kind with these fields, once it has come."""

        def found() -> dict[str, Any] | None:
            wanted = {"event": event, **fields}
            return next((e for e in self.read() if wanted.items() <= e.items()), None)

        return eventually(found, f"event {event} {fields}")

    def printed(self, line: str) -> dict[str, Any]:
        return self.wait_for("line", line=line)

    def end(self) -> dict[str, Any]:
        """The verdict, once the supervisor has ended."""
        self.supervisor.wait(PATIENCE_SECONDS)
        self.read()
        result = self.folder.result()
        assert result is not None, self.folder.executor_log.read_text()
        return result

    def executor(self) -> psutil.Process:
        """The process in which papermill runs."""
        children = psutil.Process(self.supervisor.pid).children()
        return next(
            child for child in children if "mlops_jupyter.training.executor" in child.cmdline()
        )

    def output(self) -> dict[str, Any]:
        """The executed notebook."""
        return json.loads(self.folder.output.read_bytes())

    def cell_states(self) -> list[str]:
        """What the executed notebook says of its cells."""
        return [cell["metadata"]["papermill"]["status"] for cell in self.output()["cells"]]

    def processes(self) -> list[psutil.Process]:
        """What still runs in the run's name."""
        from mlops_jupyter.training.processes import of_run

        return of_run(self.folder.run_id)


Start = Callable[..., Run]


@pytest.fixture(scope="session")
def runs_root() -> Iterator[Path]:
    """One for all tests, so that HTML is made by one process at a time."""
    root = Path(tempfile.mkdtemp(prefix="mj-runs-"))
    yield root
    shutil.rmtree(root, ignore_errors=True)


_numbers = itertools.count(1)


@pytest.fixture
def start(runs_root: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a run of some cells, or of a notebook's bytes; it ends with the test."""
    started: list[Run] = []

    def start(
        *cells: str,
        content: bytes | None = None,
        secrets: Mapping[str, str] | None = None,
        kernel_environment: Mapping[str, str] | None = None,
        root: Path = runs_root,
        **spec: Any,
    ) -> Run:
        spec = {"notebook": str(tmp_path / "fit.ipynb"), "folder": str(tmp_path), **spec}
        name = f"run-{os.getpid()}-{next(_numbers)}"
        content = notebook(*cells) if content is None else content
        folder = RunFolder.make(root, name, RunSpec(**spec), content, kernel_environment)
        run = Run(folder, runner.spawn(folder, secrets))
        started.append(run)
        return run

    yield start
    for run in started:
        if run.supervisor.poll() is None:
            run.supervisor.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.supervisor.wait(PATIENCE_SECONDS)
        runner.clear(run.folder.run_id)


@pytest.fixture(scope="session")
def r_kernel() -> str:
    """The name of a kernel for R."""
    from jupyter_client.kernelspec import KernelSpecManager

    specs = KernelSpecManager().get_all_specs()
    names = [name for name, found in specs.items() if found["spec"].get("language") == "R"]
    if not names:
        pytest.skip("no kernel for R here; on Debian: apt-get install r-cran-irkernel")
    return names[0]
