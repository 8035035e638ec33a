"""A worker's output in a file of bounded size, of which the newest part is kept."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

KEEP_BYTES = 64 * 1024
"""How much of the newest output is always there."""

MAX_BYTES = 4 * KEEP_BYTES
_CUT = b"[earlier output is left out]\n"


class WorkerLog:
    """Appends to `path`; past `MAX_BYTES` the file starts anew with the last `KEEP_BYTES`."""

    def __init__(self, path: str | Path | None) -> None:
        self._path = None if path is None else Path(path)
        self._size = 0
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._size = self._path.stat().st_size

    def write(self, data: bytes) -> None:
        """Append `data`; a disk that is full or a folder that is gone loses it silently."""
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            if self._size + len(data) > MAX_BYTES:
                self._start_anew(data)
                return
            with self._path.open("ab") as file:
                file.write(data)
            self._size += len(data)

    def _start_anew(self, data: bytes) -> None:
        assert self._path is not None
        kept = tail(self._path, KEEP_BYTES) + data
        kept = kept[-KEEP_BYTES:]
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.write_bytes(_CUT + kept)
        fresh.replace(self._path)  # readers see the old file or the new one
        self._size = len(_CUT) + len(kept)


def tail(path: str | Path, size: int = KEEP_BYTES) -> bytes:
    """The last `size` bytes of a file; nothing when it is not there."""
    try:
        with Path(path).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - size))
            return file.read()
    except OSError:
        return b""
