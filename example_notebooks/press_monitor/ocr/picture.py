"""Looks at a picture before the program that reads it does: python3 picture.py FILE PROGRAM WORD…

What is no picture must not reach tesseract, which takes any other file for a list of pictures on
this machine. A picture of too many points is refused by what its first bytes say, unread.
"""

from __future__ import annotations

import os
import resource
import struct
import sys
from pathlib import Path

MOST_POINTS = 40_000_000
MOST_MEMORY = 1 << 30
MOST_SECONDS = 30

_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def size_of(picture: bytes) -> tuple[int, int]:
    """Width and height of a PNG or JPEG; raises ValueError for anything else."""
    if not picture:
        raise ValueError("The picture is empty.")
    try:
        if picture.startswith(b"\x89PNG\r\n\x1a\n") and picture[12:16] == b"IHDR":
            return struct.unpack_from(">II", picture, 16)
        if picture.startswith(b"\xff\xd8\xff"):
            return _size_of_jpeg(picture)
    except struct.error:
        raise ValueError("The picture is cut off.") from None
    raise ValueError("This is no picture: neither PNG nor JPEG.")


def _size_of_jpeg(picture: bytes) -> tuple[int, int]:
    place = 2
    while True:
        kind, length = struct.unpack_from(">xBH", picture, place)
        if kind in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", picture, place + 5)
            return width, height
        place += 2 + length


if __name__ == "__main__":
    try:
        width, height = size_of(Path(sys.argv[1]).read_bytes())
        if width * height > MOST_POINTS:
            raise ValueError(
                f"The picture has {width} x {height} points; {MOST_POINTS:,} are read at most."
            )
    except ValueError as problem:
        print(problem, file=sys.stderr)
        sys.exit(os.EX_DATAERR)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    os.execvp(sys.argv[2], sys.argv[2:])
