"""Models that were made in another environment: saved by MLflow there, with what it answers there.

The environment is made by the hub's own builder in the hub's own place, so a version that asks for
the same packages finds it there.
"""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_jupyter.serving.environments import Environments, read_lock
from mlops_jupyter.types import Unavailable

from . import makers

MLFLOW = f"mlflow-skinny=={version('mlflow-skinny')}"


@dataclass(frozen=True)
class Foreign:
    """A saved model, the interpreter it was made in, and its answers there."""

    folder: Path
    python: str
    answers: dict[int, Any]


def build(environments: Path, folder: Path, requirements: list[str]) -> str:
    """The interpreter of these requirements; skips the test where no index can be reached."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "requirements.txt").write_text("\n".join(requirements))
    try:
        return asyncio.run(Environments(environments).locked(read_lock(folder), lambda _: None))
    except Unavailable as error:
        if error.message.endswith("The package index cannot be reached."):
            pytest.skip(f"no package index can be reached for {', '.join(requirements)}")
        raise


def make(name: str, requirements: list[str], environments: Path, folder: Path) -> Foreign:
    """Make the model `name` of `makers` where only `requirements` are installed."""
    requirements = [MLFLOW, *requirements]
    python = build(environments, folder / "asked", requirements)
    # isolated from the tests' variables and working directory
    done = subprocess.run(
        [python, "-I", makers.__file__, name, str(folder), *requirements],
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answers = {int(path.stem): np.load(path) for path in folder.glob("*.npy")}
    return Foreign(folder / "model", python, answers)
