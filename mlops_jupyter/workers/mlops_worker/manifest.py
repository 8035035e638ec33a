"""What a worker's program is and how it is talked to, as its ``worker.toml`` says.

The file was checked when the model was registered (``mlops_jupyter/workers/manifest.py``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
ROWS = 1024
HEALTH_PATH = "/health"


@dataclass(frozen=True)
class Manifest:
    """A worker's program.

    Attributes
    ----------
    command
        Its argument list; a first word with a slash is a file of the worker's folder, any other a
        program of the system.
    environment
        Variables that it gets besides those of every worker.
    protocol
        ``json-lines`` or ``http``.
    start_seconds
        Longest time until it must be ready.
    rows
        Most rows of one message.
    independent
        Whether a row's answer depends on that row alone; only then are calls stacked or cut.
    health
        For ``http``: the path that answers 200 once the program is ready.
    needs
        Programs that must be installed, each with the package that brings it.
    example
        A few values of each input, asked once at every start.
    """

    language: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    protocol: str = "json-lines"
    start_seconds: float = START_SECONDS
    rows: int = ROWS
    independent: bool = True
    health: str = HEALTH_PATH
    needs: tuple[tuple[str, str], ...] = ()
    signature: str = ""
    example: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Manifest:
        """The manifest in the parsed ``worker.toml``."""
        batch = table.get("batch") or {}
        health = table.get("health") or {}
        return cls(
            language=table["language"],
            command=tuple(table["command"]),
            environment=dict(table.get("environment") or {}),
            protocol=table.get("protocol", "json-lines"),
            start_seconds=float(table.get("start_seconds", START_SECONDS)),
            rows=int(batch.get("rows", ROWS)),
            independent=bool(batch.get("independent", True)),
            health=health.get("path", HEALTH_PATH),
            needs=tuple((need["program"], need["package"]) for need in table.get("needs") or ()),
            signature=table.get("signature", ""),
            example=table.get("example"),
        )


def make_executable(folder: Path, names: tuple[str, ...]) -> None:
    """Let files of the folder be run again: registries and copies keep bytes and no modes."""
    for name in names:
        path = folder / name
        if path.is_file() and not os.access(path, os.X_OK):
            path.chmod(path.stat().st_mode | 0o500)


def surroundings(manifest: Manifest, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of the program: what it inherits, UTF-8 unless told otherwise, its own."""
    given = {**inherited, **manifest.environment}
    if not any(given.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG")):
        given["LANG"] = "C.UTF-8"  # else R and Java read and write ASCII
    return given
