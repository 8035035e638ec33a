"""A file that only takes up room, released when the disk is full so that this can be recorded."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


class Ballast:
    """`size` bytes reserved at `path`; None as a path reserves nothing."""

    def __init__(self, path: Path | None, size: int) -> None:
        self._path = path
        self._size = size

    @property
    def held(self) -> bool:
        """Whether the room is reserved, or need not be."""
        try:
            return self._path is None or self._path.stat().st_size >= self._size
        except OSError:
            return False

    def fill(self) -> bool:
        """Reserve the room if twice of it is free; tell whether it is held now."""
        if self._path is None or self.held:
            return True
        try:
            if shutil.disk_usage(self._path.parent).free < 2 * self._size:
                return False
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._reserve(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Give the room back to the disk."""
        if self._path is not None:
            try:
                self._path.unlink(missing_ok=True)
            except OSError:
                # a read-only disk takes nothing back either
                return

    def _reserve(self, descriptor: int) -> None:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, self._size)
            return
        for _ in range(0, self._size, 1 << 16):
            os.write(descriptor, bytes(1 << 16))
