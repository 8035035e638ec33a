"""Parts of what a run's kernel printed: cut between whole characters, tails at whole lines."""

from __future__ import annotations

import os
from pathlib import Path

LOG_BYTES = 256 * 1024
"""The most that one part holds."""


def read_part(path: Path, offset: int, before: int | None = None) -> tuple[int, bytes]:
    """Read a part of a file, which may grow, and say at which byte it starts.

    Parameters
    ----------
    offset
        The first byte. A negative one asks for the last bytes before `before`: the part starts
        with a line, unless a single line fills it.
    before
        The byte at which the part ends at the latest; None for the file's end.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            end = size if before is None else min(before, size)
            start = offset if offset >= 0 else max(end - min(-offset, LOG_BYTES), 0)
            file.seek(start)
            data = file.read(max(0, min(end - start, LOG_BYTES)))
    except FileNotFoundError:
        return max(offset, 0), b""
    cut = _line_start(data) if offset < 0 and start > 0 else 0
    return start + cut, _whole_characters(data[cut:])


def _line_start(data: bytes) -> int:
    """Where the first whole line begins; where the first character does, if there is no line."""
    line = data.find(b"\n") + 1
    if 0 < line < len(data):
        return line
    return next((at for at, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)


def _whole_characters(data: bytes) -> bytes:
    """Leave out a character of which up to three bytes are missing at the end."""
    for cut in range(1, min(4, len(data)) + 1):
        first = data[-cut]
        if first & 0xC0 == 0xC0:
            width = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
            return data[:-cut] if cut < width else data
        if first < 0x80:
            break
    return data
