"""``worker init``: a folder to begin with, one a kind of program, which works as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlops_jupyter.types import Conflict, InvalidRequest, did_you_mean

ADAPTERS = Path(__file__).parent / "adapters"

_NEXT = {
    "r": "Write the model into model.R",
    "java": "Write the model into Rule.java and compile it: javac *.java",
    "node": "Write the model into model.js",
    "binary": "Write the program and its words into worker.toml",
    "http": "Put your server in place of server.js",
}


def kinds() -> tuple[str, ...]:
    """The kinds of folders that there are."""
    return tuple(_NEXT)


def init_worker(kind: str, folder: Path) -> str:
    """Make `folder` with an adapter, a model to replace and a ``worker.toml``; say what is next.

    Raises
    ------
    InvalidRequest
        There is no such kind.
    Conflict
        The folder has files of these names already; nothing was written.
    """
    if kind not in _NEXT:
        raise InvalidRequest(
            f"There is no kind of worker {ascii(kind)[:40]}.",
            reason=did_you_mean(kind[:40], _NEXT),
            fix=f"One of: {', '.join(_NEXT)}.",
            code="unknown_kind",
        )
    files = [path for path in sorted((ADAPTERS / kind).iterdir()) if path.is_file()]
    if present := [path.name for path in files if (folder / path.name).exists()]:
        raise Conflict(
            f"The folder has a file {present[0]} already.",
            fix="Name a folder that is new or has no such files.",
            code="file_exists",
        )
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copyfile(path, folder / path.name)
    return f"{_NEXT[kind]}, then try it: mlops-jupyter worker test {folder}"
