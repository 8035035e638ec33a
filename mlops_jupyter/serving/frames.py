"""Frames between the gateway and a worker: how they are written and read, without any I/O.

A frame is ``u32 length`` (of all that follows), ``u64 id``, ``u8 kind``, ``u32 header length``,
header (JSON) and the binary buffers in the header's order; all little-endian. The header is padded
with spaces, which JSON allows, so that the buffers start at a multiple of 8 bytes and numpy can
use them where they lie.

Only the standard library is needed, since a worker's environment may hold nothing else of ours;
where orjson is there, headers cost a third.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]

PREDICT, RESULT, ERROR, READY, STOP = 1, 2, 3, 4, 5
"""Kinds of frames."""

MAX_FRAME = 2**32 - 1
"""Bytes that may follow a frame's length field."""

MAX_ANSWER = 2**30
"""The same for what a worker sends: it is not trusted, and the gateway holds frames in memory."""

Buffer: TypeAlias = bytes | bytearray | memoryview

_PREFIX = struct.Struct("<IQBI")
_REST = _PREFIX.size - 4
_ALIGN = 8
_SMALL = 1 << 16


class FrameError(ValueError):
    """What was received is no frame, or what is to be sent does not fit in one."""


@dataclass(slots=True)
class Frame:
    """One received frame; `body` holds the buffers, still packed."""

    id: int
    kind: int
    header: dict[str, Any]
    body: memoryview


def encode(id: int, kind: int, header: dict[str, Any], buffers: Sequence[Buffer]) -> list[Buffer]:  # noqa: A002
    """The pieces of a frame, to be written one after the other; the buffers are not copied.

    Raises
    ------
    FrameError
        The frame would pass `MAX_FRAME` bytes.
    """
    text = _dump(header)
    text += b" " * (-(_PREFIX.size + len(text)) % _ALIGN)
    length = _REST + len(text) + sum(map(_size, buffers))
    if length > MAX_FRAME:
        raise FrameError(f"A frame of {length} bytes is over the limit of {MAX_FRAME}.")
    return [_PREFIX.pack(length, id, kind, len(text)) + text, *buffers]


def join_small(pieces: Sequence[Buffer]) -> Sequence[Buffer]:
    """The pieces as one if they are small: one system call is then cheaper than several."""
    if sum(map(_size, pieces)) <= _SMALL:
        return [b"".join(pieces)]
    return pieces


def _size(buffer: Buffer) -> int:
    return buffer.nbytes if isinstance(buffer, memoryview) else len(buffer)


class Reader:
    """Takes received bytes in pieces of any size and gives whole frames.

    A frame that arrives in many pieces grows in one buffer, in linear time. A length is checked
    against `max_frame` but believed no further: memory is taken for bytes that have arrived.
    """

    def __init__(self, max_frame: int = MAX_ANSWER) -> None:
        self._max = max_frame
        self._part = bytearray()
        self._total = 0  # of the frame that `_part` begins; 0 while its length is not known

    def feed(self, data: Buffer) -> Iterator[Frame]:
        """Take `data`; yield every frame that is now complete. Raises FrameError on nonsense."""
        view = memoryview(data)
        while view.nbytes:
            if not self._part and view.nbytes >= 4 and view.nbytes >= self._measure(view):
                # a copy of its own: aligned, and it does not keep its neighbours alive
                frame, view = memoryview(bytes(view[: self._total])), view[self._total :]
            else:
                view = self._collect(view)
                if not self._total or len(self._part) < self._total:
                    return
                frame, self._part = memoryview(self._part), bytearray()
            self._total = 0
            yield _parse(frame)

    def _measure(self, head: Buffer) -> int:
        self._total = 4 + int.from_bytes(head[:4], "little")
        if not _PREFIX.size <= self._total <= self._max + 4:
            raise FrameError(f"A frame of {self._total - 4} bytes is not possible here.")
        return self._total

    def _collect(self, view: memoryview) -> memoryview:
        """Take from `view` what the frame under way still lacks."""
        for _ in range(2):  # first the length, then the rest
            wanted = (self._total or 4) - len(self._part)
            self._part += view[:wanted]
            view = view[wanted:]
            if not self._total and len(self._part) == 4:
                self._measure(self._part)
        return view


def _parse(view: memoryview) -> Frame:
    _, frame_id, kind, header_length = _PREFIX.unpack_from(view)
    start = _PREFIX.size + header_length
    if start > view.nbytes:
        raise FrameError("A frame's header is longer than the frame.")
    try:
        header = _load(bytes(view[_PREFIX.size : start]))
    except (ValueError, RecursionError) as error:
        raise FrameError("A frame's header is not JSON.") from error
    if not isinstance(header, dict):
        raise FrameError("A frame's header is not a JSON object.")
    return Frame(frame_id, kind, header, view[start:])


def _dump(header: dict[str, Any]) -> bytes:
    if orjson is not None:
        try:
            return orjson.dumps(header)
        except TypeError:
            pass  # integers past 64 bits
    return json.dumps(header, separators=(",", ":")).encode()


_load = json.loads if orjson is None else orjson.loads
