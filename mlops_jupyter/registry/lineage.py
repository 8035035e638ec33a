"""Where a version came from: user, notebook, cell, commit, environment. Absent facts stay None."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mlops_jupyter.registry.data_digest import DataDigest
from mlops_jupyter.types import Lineage

TAG_PREFIX = "mlops."
_GIT_SECONDS = 3.0


def trace_lineage(
    *,
    frozen: str,
    data: DataDigest | None = None,
    user_ns: Mapping[str, Any] | None = None,
) -> Lineage:
    """Collect what this process can prove of where it runs.

    Parameters
    ----------
    frozen
        The environment as ``name==version`` lines; its SHA-256 is recorded.
    data
        Digest of the data that the model was made with.
    user_ns
        The notebook's variables; VS Code puts the notebook's path among them.
    """
    notebook = notebook_path(user_ns)
    commit, dirty, remote = git_state(notebook.parent if notebook else Path.cwd())
    return Lineage(
        user=user_name(),
        notebook=str(notebook) if notebook else None,
        notebook_sha256=notebook_digest(notebook) if notebook else None,
        cell_id=cell_id(),
        git_commit=commit,
        git_dirty=dirty,
        git_remote=remote,
        environment_sha256=hashlib.sha256(frozen.encode()).hexdigest(),
        python_version=platform.python_version(),
        data_sha256=data.sha256 if data else None,
        data_rows=data.rows if data else None,
        data_columns=data.columns if data else None,
    )


def user_name() -> str:
    """The operating system's name for this process's user; variables of the shell are not asked."""
    try:
        import pwd
    except ImportError:
        import getpass

        return getpass.getuser()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid:{os.getuid()}"


def notebook_path(user_ns: Mapping[str, Any] | None = None) -> Path | None:
    """The notebook that this kernel runs, if whoever started the kernel says so.

    Asked in this order: VS Code's ``__vsc_ipynb_file__`` in `user_ns`, ``MLOPS_JUPYTER_NOTEBOOK``
    (set for runs), and ``JPY_SESSION_NAME`` (set by Jupyter Server). Of the last only a path of an
    ``.ipynb`` counts: a console's session has a made-up name.
    """
    said = [
        (user_ns or {}).get("__vsc_ipynb_file__"),
        os.environ.get("MLOPS_JUPYTER_NOTEBOOK"),
        os.environ.get("JPY_SESSION_NAME"),
    ]
    for name in said:
        if isinstance(name, str) and name.endswith(".ipynb"):
            path = Path(name)
            return path if path.is_absolute() else _served(path)
    return None


def _served(path: Path) -> Path | None:
    """A path relative to the server's root: found above the working directory, or not at all."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / path).is_file():
            return folder / path
    return None


def notebook_digest(path: Path) -> str | None:
    """SHA-256 hex over a saved notebook's code and text, or None when it cannot be read.

    Only each cell's type and source count, in order: running a notebook, or clearing its outputs,
    leaves the digest as it is. It is that of the file as saved, which may lag behind the screen.
    """
    try:
        cells = json.loads(path.read_bytes())["cells"]
        sources = [[str(cell["cell_type"]), _joined(cell["source"])] for cell in cells]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    canonical = json.dumps(sources, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _joined(source: Any) -> str:
    return source if isinstance(source, str) else "".join(source)


def cell_id() -> str | None:
    """The id of the cell that runs, as the frontend sent it with the code; None without one."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None
    try:
        parent = kernel.get_parent("shell")
    except (AttributeError, LookupError):
        return None
    found = ((parent or {}).get("metadata") or {}).get("cellId")
    return found if isinstance(found, str) and found else None


def git_state(folder: Path) -> tuple[str | None, bool | None, str | None]:
    """Commit, whether anything differs from it, and the remote, of the work tree at `folder`.

    All None outside a repository, without git, or when git does not answer in three seconds.
    Files that git does not know (and does not ignore) count as a difference.
    """
    status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=normal")
    if status is None:
        return None, None, None
    commit, dirty = None, False
    for line in status.splitlines():
        if line.startswith("# branch.oid "):
            oid = line.rpartition(" ")[2]
            commit = oid if re.fullmatch(r"[0-9a-f]{40,64}", oid) else None
        elif not line.startswith("#"):
            dirty = True
    remote = _git(folder, "config", "--get", "remote.origin.url")
    return commit, dirty, without_credentials(remote.strip()) if remote else None


def _git(folder: Path, *words: str) -> str | None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }
    try:
        # a repository may name a program as its file monitor; asking for the state must not run it
        answer = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.decode("utf-8", "replace") if answer.returncode == 0 else None


def without_credentials(url: str) -> str:
    """`url` without user, password, query and fragment; ``git@host:path`` stays as it is."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def to_tags(lineage: Lineage) -> dict[str, str]:
    """The known facts as MLflow tags ``mlops.<field>``."""
    return {
        TAG_PREFIX + name: json.dumps(value) if isinstance(value, bool) else str(value)
        for name, value in asdict(lineage).items()
        if value is not None
    }


def from_tags(tags: Mapping[str, str]) -> Lineage:
    """Read what :func:`to_tags` wrote; facts that are absent or unreadable are None."""
    known: dict[str, Any] = {}
    for field in fields(Lineage):
        text = tags.get(TAG_PREFIX + field.name)
        if text is None:
            continue
        if "bool" in str(field.type):
            known[field.name] = {"true": True, "false": False}.get(text)
        elif "int" in str(field.type):
            known[field.name] = int(text) if re.fullmatch(r"\d{1,18}", text) else None
        else:
            known[field.name] = text
    return Lineage(**known)
