"""The programs that a worker needs on the machine, and which package brings each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any

from mlops_jupyter.types import Unavailable
from mlops_jupyter.workers.mlops_worker.manifest import Manifest

_PACKAGES = {
    "Rscript": "r-base-core",
    "apertium": "apertium",
    "java": "openjdk-17-jre-headless",
    "node": "nodejs",
    "python3": "python3",
    "scala": "scala",
    "tesseract": "tesseract-ocr",
}
"""Debian's packages of programs that a command is likely to start with."""


def missing_needs(manifest: Manifest, path: str | None = None) -> list[tuple[str, str]]:
    """Programs that are not found on `path`, each with its package (empty if not known).

    What the command starts with is needed without being listed.
    """
    needs = dict(manifest.needs)
    program = manifest.command[0]
    if "/" not in program:
        needs.setdefault(program, _PACKAGES.get(program, ""))
    path = manifest.environment.get("PATH", path)
    return [need for need in sorted(needs.items()) if shutil.which(need[0], path=path) is None]


def check_needs(table: Mapping[str, Any], ref: str) -> None:
    """Refuse to serve the worker in `table`, a parsed ``worker.toml``, where a program is missing.

    Raises
    ------
    Unavailable
        ``program_missing``: names the programs and the packages to install.
    """
    missing = missing_needs(Manifest.of(table), os.environ.get("PATH"))
    if missing:
        raise Unavailable(
            f"{ref} needs {_listed([program for program, _ in missing])}, "
            "which is not installed here.",
            fix=how_to_install(missing),
            code="program_missing",
        )


def how_to_install(missing: list[tuple[str, str]]) -> str:
    """What to type on Debian to get the missing programs, as a sentence."""
    packages = [package for _, package in missing if package]
    if not packages:
        return "Install it, and see that the hub's PATH has it."
    return f"Install it: apt-get install {' '.join(packages)} (Debian's name)."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
