"""What a recorded run needs to be repeated: its environment made again, and its data looked for."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from mlops_jupyter.environments import POLL_SECONDS, WAITING, collect, complaint, try_lock
from mlops_jupyter.training.folder import write_atomically
from mlops_jupyter.types import InvalidRequest, Unavailable

Progress = Callable[[str], None]

_OURSELVES = "mlops-jupyter"
_DONE = "environment.json"


@dataclass(frozen=True)
class Rebuilt:
    """An environment that was made again.

    Attributes
    ----------
    kernel
        Name of its kernelspec, for `RunSpec.kernel`; Jupyter finds it with `jupyter_path` in
        ``JUPYTER_PATH``.
    kernelspec
        The kernelspec's folder.
    python
        Its interpreter.
    other
        What is not as it was recorded, one sentence each: local packages, another Python.
    """

    kernel: str
    kernelspec: Path
    python: Path
    other: tuple[str, ...] = ()

    @property
    def jupyter_path(self) -> Path:
        """The folder that ``kernels`` is in."""
        return self.kernelspec.parent.parent


@dataclass(frozen=True)
class Frozen:
    """Recorded packages, told apart by where they can be had.

    Attributes
    ----------
    lines
        Requirements that an index or a repository has.
    local
        ``name==version`` by name of what was installed from a folder.
    """

    lines: tuple[str, ...]
    local: Mapping[str, str]

    @classmethod
    def read(cls, freeze: str) -> Frozen:
        """Read ``environment.txt``; raises InvalidRequest for what no environment is made of."""
        lines: list[str] = []
        local: dict[str, str] = {}
        for number, text in enumerate(freeze.splitlines(), 1):
            line, _, comment = text.partition("  # from ")
            match = re.match(r"([A-Za-z0-9][\w.-]*)(==[\w.!+-]+| @ \S+)$", line.strip())
            if match is None and line.strip() and not line.startswith("#"):
                raise InvalidRequest(
                    "The recorded environment cannot be made again.",
                    reason=f"Line {number} of it is no Python package.",
                    fix="Choose the kernel to repeat the run with: kernel=.",
                    code="no_python_environment",
                )
            if match and (comment or match[1] == _OURSELVES):
                local[match[1]] = line.strip()
            elif match:
                lines.append(line.strip())
        return cls(tuple(sorted(lines)), local)


def rebuild(
    freeze: str,
    python_version: str,
    cache: Path,
    progress: Progress,
    uv: Sequence[str] = ("uv",),
) -> Rebuilt:
    """Make a recorded environment again, or find the one that was made before; blocks.

    Packages that were installed from a folder, this one among them, are taken from where they are
    now; the answer says which.

    Parameters
    ----------
    freeze
        The recorded ``environment.txt`` of a Python kernel.
    python_version
        As recorded, ``3.11.7``; another patch of the same minor version is taken if need be.
    cache
        Folder of all such environments.
    uv
        The command.

    Raises
    ------
    InvalidRequest
        The record is not of a Python environment.
    Unavailable
        ``package_gone`` names a package that cannot be had any more; ``python_gone``;
        ``uv_missing``; ``environment_failed`` has uv's last lines.
    """
    frozen = Frozen.read(freeze)
    digest = hashlib.sha256(
        f"{python_version}\n{platform.system()}-{platform.machine()}\n{freeze}".encode()
    ).hexdigest()
    kernel = _kernel(digest)
    folder = cache / digest
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _exclusive(cache / f"{digest}.lock", progress):
        if not (folder / _DONE).exists():
            # one that was killed half way has no mark
            shutil.rmtree(folder, ignore_errors=True)
            try:
                other = _build(frozen, python_version, folder, uv, progress)
                write_atomically(folder / _DONE, json.dumps(other).encode())
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        os.utime(folder)
        python = folder / "bin" / "python"
        kernelspec = _write_kernelspec(cache, kernel, python, digest)
    return Rebuilt(kernel, kernelspec, python, tuple(json.loads((folder / _DONE).read_bytes())))


def discard_unused(cache: Path, unused_seconds: float) -> list[str]:
    """Delete environments that no repeat used for so long, kernelspecs too; their digests."""
    gone = collect(cache, [], unused_seconds)
    for digest in gone:
        shutil.rmtree(_kernelspec_folder(cache, _kernel(digest)), ignore_errors=True)
    return gone


def _kernel(digest: str) -> str:
    return f"{_OURSELVES}-{digest[:16]}"


def _kernelspec_folder(cache: Path, kernel: str) -> Path:
    return cache / "share" / "jupyter" / "kernels" / kernel


def _build(
    frozen: Frozen, python_version: str, folder: Path, uv: Sequence[str], progress: Progress
) -> list[str]:
    """Make the environment in `folder`; what is not as it was recorded."""
    other = _make_python(python_version, folder, uv, progress)
    install = ["pip", "install", "--python", str(folder / "bin" / "python")]
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(f"{line}\n" for line in frozen.lines))
    # the record is whole, so that nothing has to be found out
    _run(uv, [*install, "--no-deps", "-r", str(requirements)], folder, progress, frozen.lines)
    if not any(re.match(r"ipykernel(==| @ )", line) for line in frozen.lines):
        _run(uv, [*install, "ipykernel"], folder, progress)
        other.append("ipykernel was not installed; its newest version is.")
    return other + [_take_local(*package, folder) for package in frozen.local.items()]


def _make_python(version: str, folder: Path, uv: Sequence[str], progress: Progress) -> list[str]:
    progress(f"Making an environment with Python {version}")
    minor = ".".join(version.split(".")[:2])
    here = platform.python_version()
    base = getattr(sys, "_base_executable", sys.executable)
    choices = {version: base if version == here else version}
    choices[minor] = base if here.startswith(f"{minor}.") else minor
    problem = ""
    for wanted, python in choices.items():
        try:
            _run(uv, ["venv", "--python", python, str(folder)], folder.parent, progress)
        except Unavailable as error:
            if error.code != "environment_failed":
                raise
            problem = error.reason
            continue
        if wanted == version:
            return []
        return [f"Python {version} is not there; another {minor} is taken."]
    raise Unavailable(
        f"Python {version} cannot be had any more.",
        reason=problem,
        fix=f"Install it (uv python install {version}), or choose another kernel: kernel=.",
        code="python_gone",
    )


def _take_local(name: str, recorded: str, folder: Path) -> str:
    """Copy what is installed here of a package that no index has; the sentence that says so.

    Of an editable one that is no more than the link to its sources. Nothing is built.
    """
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise _gone(
            recorded, "It was installed from a folder, and is not installed here."
        ) from None
    (packages,) = folder.glob("lib/python3.*/site-packages")
    for file in found.files or ():
        # scripts and shared data lie outside, and name the interpreter that they were made for
        if ".." not in file.parts and not file.is_absolute():
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), target)
    recorded_version = recorded.partition("==")[2]
    change = "" if found.version == recorded_version else f"; it was {recorded_version}"
    return f"{name} is the one that is installed now, {found.version}{change}."


def _write_kernelspec(cache: Path, kernel: str, python: Path, digest: str) -> Path:
    spec = _kernelspec_folder(cache, kernel)
    spec.mkdir(parents=True, exist_ok=True)
    said = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": f"Recorded environment {digest[:8]}",
        "language": "python",
        "metadata": {"debugger": True},
    }
    write_atomically(spec / "kernel.json", json.dumps(said, indent=1).encode())
    return spec


def _run(
    uv: Sequence[str],
    arguments: Sequence[str],
    folder: Path,
    progress: Progress,
    lines: Sequence[str] = (),
) -> None:
    """Run uv and pass on what it says; `lines` are the requirements that may be missing."""
    command = [*uv, *arguments, "--no-progress", "--color=never"]
    said: list[str] = []
    try:
        with subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for text in process.stdout:
                if line := text.strip():
                    said.append(line)
                    progress(line)
    except OSError as error:
        raise Unavailable(
            "Environments are made again by uv.",
            reason=f"{command[0]}: {error.strerror or error}.",
            fix="pip install uv, or choose another kernel: kernel=.",
            code="uv_missing",
        ) from error
    if process.returncode == 0:
        return
    found = complaint(said or [f"uv ended with status {process.returncode}."], lines)
    if found.kind == "missing":
        raise _gone(found.requirement, found.reason)
    raise Unavailable(
        f"The recorded environment cannot be made again. {found.message}".strip(),
        reason=found.reason,
        fix="Choose another kernel to repeat the run with: kernel=.",
        code="environment_failed",
    )


def _gone(requirement: str, reason: str) -> Unavailable:
    return Unavailable(
        f"{requirement} cannot be had any more.",
        reason=reason,
        fix="Repeat the run with a kernel that you have, kernel=; the comparison says that the "
        "environment was another.",
        code="package_gone",
    )


@contextmanager
def _exclusive(path: Path, progress: Progress) -> Iterator[None]:
    """Hold a lock file, across threads and processes."""
    with path.open("w") as file:
        told = False
        while not try_lock(file):
            if not told:
                progress(WAITING)
                told = True
            time.sleep(POLL_SECONDS)
        yield


def missing_data(record: Mapping[str, Any], digest: Callable[[str], str]) -> list[str]:
    """Which of the recorded data are gone or have changed, one sentence each.

    Parameters
    ----------
    record
        Of a run; its ``data`` have ``name``, ``sha256`` and, where they are files, ``path``.
    digest
        SHA-256 hex of a file or folder by its path; raises where it cannot be read.
    """
    problems = []
    for said in record.get("data", ()):
        name, path = said.get("name"), said.get("path")
        if not path:
            # a frame: the notebook makes it again, and its digest is compared afterwards
            continue
        if not os.path.lexists(path):
            problems.append(f"The data '{name}' are gone: there is no {path}.")
            continue
        try:
            now = digest(path)
        except Exception as error:
            problems.append(f"The data '{name}' cannot be read: {error}")
            continue
        if now != said.get("sha256"):
            problems.append(f"The data '{name}' have changed since: {path}.")
    return problems
