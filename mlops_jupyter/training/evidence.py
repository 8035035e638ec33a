"""The executed notebook on disk: written as a whole, seldom, and true at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_jupyter.training.folder import write_atomically
from mlops_jupyter.training.repair import Notebook, encoded, marked
from mlops_jupyter.types import CellProgress

GAP_SECONDS = 2.0
"""Shortest time between two writes, but for the last."""
_SHARE = 10


class Evidence:
    """Writes `notebook`, which changes, to `path`, with what is known of its `cells`.

    Parameters
    ----------
    later
        Calls a function after some seconds.
    """

    def __init__(
        self,
        notebook: Notebook,
        path: Path,
        later: Callable[[float, Callable[[], None]], Any],
    ) -> None:
        self.cells: dict[int, CellProgress] = {}
        self._notebook = notebook
        self._path = path
        self._later = later
        self._due = False
        self._gap = 0.0
        self._written_at = time.monotonic()

    def changed(self) -> None:
        """Write soon; a disk that is full now may have room at the end."""
        if not self._due:
            self._due = True
            wait = self._written_at + self._gap - time.monotonic()
            self._later(max(0.0, wait), self._write_if_possible)

    def write(self) -> None:
        """Write now; raises `OSError`."""
        self._due = False
        begun = time.monotonic()
        write_atomically(self._path, encoded(marked(self._notebook, self.cells)))
        self._written_at = time.monotonic()
        # a notebook that takes long to write is written less often
        self._gap = max(GAP_SECONDS, _SHARE * (self._written_at - begun))

    def _write_if_possible(self) -> None:
        if not self._due:
            return
        try:
            self.write()
        except OSError:
            self._written_at = time.monotonic()
