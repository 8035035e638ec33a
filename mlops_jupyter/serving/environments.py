"""The environments that models run in: the notebook's own interpreter, or one that uv made.

A ``kernel`` environment is an interpreter that exists; a ``locked`` one is built from the
requirements that MLflow stored with the model, once for each digest, and shared by all versions
with the same requirements. This package itself is linked into it, so its worker speaks the hub's
frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mlops_jupyter
from mlops_jupyter.environments import (
    POLL_SECONDS,
    WAITING,
    build_variables,
    collect,
    complaint,
    try_lock,
    uv_command,
)
from mlops_jupyter.types import Environment, ModelVersion, Unavailable

OLDEST_PYTHON = (3, 11)
"""What this package runs on."""

Progress = Callable[[str], None]

_DESCRIBE = """
import importlib.metadata as m, json, platform, re, sys
found = {}
for d in m.distributions():
    name = d.metadata["Name"]
    if name:
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), d.version)
print(json.dumps([sys.executable, platform.python_version(), found]))
"""
_WORKER_NEEDS = ("numpy", "pandas")


@dataclass(frozen=True)
class Lock:
    """What determines a locked environment.

    Attributes
    ----------
    python
        Major and minor version, e.g. ``3.11``.
    requirements
        Lines of pip's requirements format.
    folder
        The model's folder, against which relative paths in the lines are read.
    """

    python: str
    requirements: tuple[str, ...]
    folder: Path

    @property
    def digest(self) -> str:
        """SHA-256 hex over the lines, files that they name, the Python version and platform."""
        total = hashlib.sha256()
        total.update(f"{self.python}\n{platform.system()}-{platform.machine()}\n".encode())
        for line in sorted(self.requirements):
            total.update(line.encode() + b"\n")
            path = self.folder / line
            if "/" in line and "\0" not in line and path.is_file():
                total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()


def kernel_environment(python: str = sys.executable) -> Environment:
    """Describe an interpreter; its digest covers the installed distributions. Takes about 0.3 s.

    Raises
    ------
    Unavailable
        There is no such interpreter, or it does not work.
    """
    command = [python, "-I", "-c", _DESCRIBE]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=True)
        path, version, found = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        lines = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace").splitlines()
        raise Unavailable(
            "The interpreter of the environment does not work.",
            reason=lines[-1] if lines else f"{type(error).__name__}.",
            fix="Register the model again from a kernel that exists.",
            code="environment_broken",
        ) from None
    frozen = "".join(f"{name}=={number}\n" for name, number in sorted(found.items()))
    digest = hashlib.sha256(f"{path}\n{version}\n{frozen}".encode()).hexdigest()
    return Environment("kernel", path, digest)


def read_lock(model: Path) -> Lock:
    """What MLflow stored about the environment of the model in this folder.

    Raises
    ------
    Unavailable
        There is no requirements.txt, or the Python is one that this package does not run on.
    """
    try:
        text = (model / "requirements.txt").read_text()
    except OSError:
        raise Unavailable(
            "The model has no requirements.txt.",
            reason="A locked environment is made from the requirements stored with the model.",
            fix="Register the model again, or deploy it in the kernel's environment.",
            code="no_requirements",
        ) from None
    lines = [re.sub(r"(^|\s)#.*$", "", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    named = {re.split(r"[\s\[<>=!~;@]", line, maxsplit=1)[0].lower() for line in lines}
    if not named & {"mlflow", "mlflow-skinny"}:
        lines.append("mlflow-skinny>=3.10,<4,!=3.18.0")
    lines += [name for name in _WORKER_NEEDS if name not in named]
    return Lock(_python_version(model), tuple(lines), model)


def _python_version(model: Path) -> str:
    wanted = platform.python_version()
    with contextlib.suppress(OSError):
        text = (model / "python_env.yaml").read_text()
        if match := re.search(r"^python:\s*['\"]?(\d+\.\d+[\w.]*)", text, re.MULTILINE):
            wanted = match[1]
    major, minor = (int(part) for part in wanted.split(".")[:2])
    if (major, minor) < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise Unavailable(
            f"The model was trained on Python {major}.{minor}.",
            reason=f"A worker needs Python {oldest} or newer.",
            fix=f"Train and register it on Python {oldest} or newer.",
            code="python_too_old",
        )
    return f"{major}.{minor}"


class Environments:
    """Interpreters for versions; locked ones are kept in `root`, one folder a digest."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def python(
        self, version: ModelVersion, path: Path | None = None, progress: Progress | None = None
    ) -> str:
        """The interpreter that `version` runs on; a locked one is built when it is not there.

        Parameters
        ----------
        path
            The model's folder, if not the version's own.
        progress
            Called with a line of text whenever something happened in a build.

        Raises
        ------
        Unavailable
            It cannot be made; the reason has uv's last lines.
        """
        if version.environment.kind == "kernel":
            return version.environment.python or sys.executable
        lock = read_lock(path or Path(version.path))
        return await self.locked(lock, progress or (lambda _line: None))

    async def locked(self, lock: Lock, progress: Progress) -> str:
        """The interpreter of a locked environment, built first if need be."""
        folder = self._root / lock.digest
        if not folder.exists():
            self._root.mkdir(parents=True, exist_ok=True)
            async with _exclusive(self._root / f"{lock.digest}.lock", progress):
                if not folder.exists():
                    await self._build(lock, folder, progress)
        _link_ourselves(folder)
        os.utime(folder)
        return str(folder / "bin" / "python")

    def collect(self, kept: Iterable[str], unused_seconds: float) -> list[str]:
        """Delete those that were not used for so long but the digests `kept`; see `collect`."""
        return collect(self._root, kept, unused_seconds)

    async def _build(self, lock: Lock, folder: Path, progress: Progress) -> None:
        building = self._root / f".{lock.digest}.building"
        # a build that was killed may have left it, and the lock says that nobody works on it now
        shutil.rmtree(building, ignore_errors=True)
        same = lock.python == ".".join(platform.python_version_tuple()[:2])
        base = getattr(sys, "_base_executable", sys.executable) if same else lock.python
        requirements = self._root / f".{lock.digest}.txt"
        try:
            requirements.write_text("\n".join(lock.requirements) + "\n")
            progress(f"Making an environment with Python {lock.python}")
            await _uv(["venv", "--relocatable", "--python", base, str(building)], lock, progress)
            python = str(building / "bin" / "python")
            install = ["pip", "install", "--python", python, "-r", str(requirements)]
            await _uv(install, lock, progress)
            building.rename(folder)
            progress("The environment is ready")
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, building, ignore_errors=True)
            raise
        finally:
            requirements.unlink(missing_ok=True)


def _link_ourselves(folder: Path) -> None:
    """Link this package, and nothing else of the hub's, into the environment.

    A link instead of a copy: the worker is of the hub's version also after an upgrade.
    """
    source = Path(mlops_jupyter.__file__).parent
    (packages,) = folder.glob("lib/python3.*/site-packages")
    link = packages / "mlops_jupyter"
    if link.is_symlink() and link.readlink() == source:
        return
    fresh = packages / f".mlops_jupyter.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(source)
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)  # the model's requirements name this package
    fresh.replace(link)


async def _uv(arguments: list[str], lock: Lock, progress: Progress) -> None:
    """Run uv, pass on what it says, raise Unavailable with its last lines when it fails."""
    command = uv_command()
    if command is None:
        raise Unavailable(
            "Locked environments need uv.",
            reason="The package uv is not installed beside the hub.",
            fix="pip install uv, or deploy in the kernel's environment.",
            code="environment_failed",
        )
    process = await asyncio.create_subprocess_exec(
        command,
        *arguments,
        "--no-progress",
        "--color=never",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=lock.folder,
        env=build_variables(os.environ),
        start_new_session=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        async for raw in process.stdout:
            line = raw.decode("utf-8", "replace").strip()
            if line:
                lines.append(line)
                progress(line)
        status = await process.wait()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        await process.wait()
        raise
    if status:
        raise _failed(lines or [f"uv ended with status {status}."], lock)


def _failed(said: Sequence[str], lock: Lock) -> Unavailable:
    found = complaint(said, lock.requirements)
    fix = (
        "Register the model again with requirements that can be had, or deploy it in the "
        "kernel's environment."
    )
    if found.kind == "unreachable":
        fix = "Check the network, or set UV_INDEX_URL before the hub starts; then deploy again."
    return Unavailable(
        f"The model's environment cannot be made. {found.message}".strip(),
        reason=found.reason,
        fix=fix,
        code="environment_failed",
    )


@contextlib.asynccontextmanager
async def _exclusive(path: Path, progress: Progress) -> AsyncIterator[None]:
    """Hold a lock file, across tasks and processes."""
    with path.open("w") as file:
        told = False
        while not try_lock(file):
            if not told:
                progress(WAITING)
                told = True
            await asyncio.sleep(POLL_SECONDS)
        yield
