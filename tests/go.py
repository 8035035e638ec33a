"""Programs in Go that answer in our stead, built where Go is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def built(source: Path, folder: Path, module: str) -> Path:
    """Build the program in `source` into `folder`; skip without Go, or where `module` is away."""
    if shutil.which("go") is None:
        pytest.skip("Go is not installed")
    program = folder / source.name
    done = subprocess.run(
        ["go", "build", "-o", str(program), "."],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    if done.returncode:
        unreachable = ("dial tcp", "no such host", "i/o timeout", "module lookup disabled")
        if any(word in done.stderr for word in unreachable):
            pytest.skip(f"{module} cannot be had")
        pytest.fail(done.stderr)
    return program
