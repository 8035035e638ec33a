"""What a run is made of, recorded when it starts: code, environment, seeds, machine."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_jupyter.registry.lineage import _git as git
from mlops_jupyter.registry.lineage import notebook_digest, without_credentials
from mlops_jupyter.registry.run_environment import installed, kernel_interpreter
from mlops_jupyter.registry.run_hardware import container, hardware, system

__all__ = ["kernel_interpreter", "run_lineage"]

MAX_DIFF_BYTES = 1 << 20
MAX_UNTRACKED = 500
_DIFF = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-relative", "--binary", "HEAD")

Facts = dict[str, Any]


def run_lineage(
    notebook: Path, interpreter: str | None, seeds: Mapping[str, Any]
) -> tuple[Facts, dict[str, bytes]]:
    """Facts for a run's record, and files that go beside them; never raises, blocks for seconds.

    Parameters
    ----------
    notebook
        The file as its owner knows it: its repository is the run's.
    interpreter
        Of the kernel; see `kernel_interpreter`.
    seeds
        The run's parameters; those that are seeds by their names are recorded.

    Returns
    -------
    facts
        ``notebook_sha256`` (sources alone), ``git``, ``environment``, ``seeds``, ``hardware``,
        ``system``, ``container``; None where a thing is not there.
    files
        ``git.diff`` and ``environment.txt`` where there is something to say.
    """
    tree, diff = _work_tree(notebook.parent)
    environment, frozen = _environment(interpreter, notebook.parent, tree)
    facts = {
        "notebook_sha256": notebook_digest(notebook),
        "git": tree,
        "environment": environment,
        "seeds": _seeds(seeds),
        "hardware": hardware(),
        "system": system(),
        "container": container(),
    }
    files = {"git.diff": diff, "environment.txt": frozen}
    return facts, {name: content for name, content in files.items() if content}


def _work_tree(folder: Path) -> tuple[Facts | None, bytes]:
    """Commit, branch, remote and what differs; with the difference as a patch."""
    words = ("status", "--porcelain=v2", "--branch", "--untracked-files=normal", "-z")
    status = git(folder, *words)
    if status is None:
        return None, b""
    lines = status.split("\0")
    header = dict(line[2:].partition(" ")[::2] for line in lines if line.startswith("# "))
    untracked = [line[2:] for line in lines if line.startswith("? ")]
    commit, branch = header.get("branch.oid", ""), header.get("branch.head", "")
    known = bool(re.fullmatch(r"[0-9a-f]{40,64}", commit))
    remote = git(folder, "config", "--get", "remote.origin.url")
    changed = any(line[:2] in ("1 ", "2 ", "u ") for line in lines)
    diff = git(folder, "diff", *_DIFF) if changed and known else ""
    facts: Facts = {
        "commit": commit if known else None,
        "branch": None if branch == "(detached)" else branch or None,
        "dirty": changed or bool(untracked),
        "remote": without_credentials(remote.strip()) if remote else None,
        "root": (git(folder, "rev-parse", "--show-toplevel") or "").strip() or None,
        "untracked": untracked[:MAX_UNTRACKED],
    }
    patch, problem = _patch(diff, untracked)
    if changed:
        facts |= {"diff_sha256": hashlib.sha256(patch).hexdigest(), "diff_problem": problem}
    return facts, patch


def _patch(diff: str | None, untracked: list[str]) -> tuple[bytes, str]:
    """The patch's file, and why it cannot be applied; ``git apply`` passes over the first lines."""
    content = (diff or "").encode()
    problem = ""
    if diff is None:
        problem = "git did not give it in time"
    elif len(content) > MAX_DIFF_BYTES:
        problem = f"cut from {len(content):,} to {MAX_DIFF_BYTES:,} bytes"
        content = content[:MAX_DIFF_BYTES]
    said = [f"# not whole: {problem}"] if problem else []
    said += [f"# untracked: {ascii(path)[1:-1]}" for path in untracked[:MAX_UNTRACKED]]
    if len(untracked) > MAX_UNTRACKED:
        said.append(f"# untracked: {len(untracked) - MAX_UNTRACKED} more")
    return "".join(f"{line}\n" for line in said).encode() + content, problem


def _environment(interpreter: str | None, folder: Path, tree: Facts | None) -> tuple[Facts, bytes]:
    found = installed(interpreter) if interpreter else None
    facts: Facts = {"interpreter": interpreter, "lock": _lock_file(folder, tree)}
    if found is None:
        return facts, b""
    facts |= {"language": found.language, "version": found.version, "sha256": found.sha256}
    return facts, found.text.encode()


def _lock_file(folder: Path, tree: Facts | None) -> Facts | None:
    """The nearest ``uv.lock`` beside the notebook or above it, not above its repository."""
    folder = folder.resolve()
    top = Path((tree or {}).get("root") or folder).resolve()
    for place in (folder, *folder.parents):
        lock = place / "uv.lock"
        if lock.is_file():
            try:
                return {"path": str(lock), "sha256": hashlib.sha256(lock.read_bytes()).hexdigest()}
            except OSError:
                return None
        if place == top:
            break
    return None


def _seeds(parameters: Mapping[str, Any]) -> Facts:
    """Parameters that are seeds by their names, and the hash seed that the kernel gets by them."""
    found = {
        name: value
        for name, value in parameters.items()
        if "seed" in name.lower() or name.lower() in ("random_state", "rng")
    }
    seed = parameters.get("seed")
    if isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 1 << 32:
        return {**found, "PYTHONHASHSEED": str(seed)}
    inherited = os.environ.get("PYTHONHASHSEED")
    return {**found, "PYTHONHASHSEED": inherited} if inherited else found
