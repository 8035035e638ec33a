"""What a cell puts out: bounded in the notebook, whole in the logs, its last line live."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MAX_CELL_BYTES = 10 << 20
"""Most that a cell's outputs take in the notebook."""
MAX_LOG_BYTES = 100 << 20
MAX_LINE = 300
LINE_SECONDS = 0.2
"""Shortest time between two `line` events."""

_PIECE = 1 << 16
# what an output costs beside its text, so that a million tiny ones are bounded too
_OUTPUT_COST = 256
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_OVERWRITTEN = re.compile(r".*\r(?=[^\n])")
_PROCESS_FOLDER = re.compile(r"ipykernel_\d+")

Output = dict[str, Any]


OUR_MIME = "application/vnd.mlops-jupyter."


def plain(text: str) -> str:
    """`text` without the codes that colour it on a terminal."""
    return _ANSI.sub("", text)


def last_line(text: str) -> str:
    """The last line of `text` that says something, as a terminal would show it."""
    for line in reversed(plain(text[-_PIECE:]).splitlines()):
        if line.strip():
            return line.strip()[:MAX_LINE]
    return ""


def is_ours(output: Mapping[str, Any]) -> bool:
    """Whether an output comes from a verb of ours, or tells the record something."""
    return any(mime.startswith(OUR_MIME) for mime in output.get("data") or ())


def outputs_sha256(outputs: list[Output]) -> str:
    """SHA-256 hex of a cell's outputs, without what no two runs share.

    Left out are execution counts, how a stream was cut into pieces and mixed with other outputs,
    the process id in the names that ipykernel gives to cells, and what our own verbs show: a
    version's number and the time of day are others each time.
    """
    streams: dict[str, str] = {}
    others = []
    for output in outputs:
        if output["output_type"] == "stream":
            streams[output["name"]] = streams.get(output["name"], "") + output["text"]
        elif not is_ours(output):
            others.append({k: v for k, v in output.items() if k not in ("execution_count", "id")})
    text = json.dumps([streams, others], sort_keys=True)
    return hashlib.sha256(_PROCESS_FOLDER.sub("ipykernel", text).encode()).hexdigest()


class Budget:
    """How much a cell may still add to the notebook, in bytes."""

    def __init__(self, limit: int = MAX_CELL_BYTES) -> None:
        self._limit = limit
        self._used = 0
        self._told = False

    def reset(self) -> None:
        """The cell cleared its outputs."""
        self._used = 0
        self._told = False

    def fits(self, content: Mapping[str, Any]) -> bool:
        """Whether another output can be kept; counts it if so."""
        cost = _OUTPUT_COST + _size(content)
        fits = self._used + cost <= self._limit
        self._used += cost if fits else 0
        return fits

    def part(self, text: str) -> str:
        """As much of the beginning of `text` as can be kept; counts it."""
        part = text[: max(0, self._limit - self._used)]
        self._used += len(part) + 16
        return part

    def note(self) -> str:
        """What is said, once, in the place of what does not fit; empty afterwards."""
        if self._told:
            return ""
        self._told = True
        return f"… cut: this cell put out more than {self._limit >> 20} MB; see the run's logs.\n"


def joined(outputs: list[Output], name: str, text: str) -> bool:
    """Append `text` to the last of `outputs` if that is the same stream; tell whether it was.

    Text that a carriage return overwrites is dropped, as a terminal would. A piece that is long
    is left alone from its next line on, so that much output is not copied again and again.
    """
    last = outputs[-1] if outputs else None
    if last is None or last["output_type"] != "stream" or last["name"] != name:
        return False
    if len(last["text"]) > _PIECE and (last["text"].endswith("\n") or len(text) > _PIECE):
        return False
    last["text"] = overwritten(last["text"] + text)
    return True


def overwritten(text: str) -> str:
    """`text` without what a carriage return overwrites."""
    return _OVERWRITTEN.sub("", text) if "\r" in text else text


class Log:
    """A file that takes text as it comes, up to a bound."""

    def __init__(self, path: Path, limit: int = MAX_LOG_BYTES) -> None:
        self._file = path.open("ab", buffering=0)
        self._left = limit - self._file.tell()
        self._limit = limit

    def write(self, text: str) -> None:
        """Append `text`; what is beyond the bound is left out with a note. Never raises."""
        if self._left <= 0 or not text:
            return
        content = text.encode("utf-8", "replace")
        if len(content) > self._left:
            content = content[: self._left] + b"\n... cut: the log is full at %d MB\n" % (
                self._limit >> 20
            )
        self._left -= len(content)
        try:
            self._file.write(content)
        except OSError:
            # a full disk must not end the run: the notebook may still be all right
            self._left = 0


class LastLine:
    """Tells the last line that was printed, at most every `LINE_SECONDS`."""

    def __init__(
        self,
        tell: Callable[[str, str], None],
        later: Callable[[float, Callable[[], None]], Any],
        now: Callable[[], float],
    ) -> None:
        self._tell = tell
        self._later = later
        self._now = now
        self._waiting: tuple[str, str] | None = None
        self._told: tuple[str, str] | None = None
        self._told_at = -LINE_SECONDS
        self._due = False

    def see(self, stream: str, text: str) -> None:
        """Text was printed."""
        line = last_line(text)
        if not line:
            return
        self._waiting = (stream, line)
        wait = self._told_at + LINE_SECONDS - self._now()
        if wait <= 0:
            self.flush()
        elif not self._due:
            self._due = True
            self._later(wait, self._fall_due)

    def flush(self) -> None:
        """Tell what waits."""
        line, self._waiting = self._waiting, None
        if line is not None and line != self._told:
            self._told, self._told_at = line, self._now()
            self._tell(*line)

    def _fall_due(self) -> None:
        self._due = False
        self.flush()


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(len(str(key)) + _size(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return sum(map(_size, value)) + len(value)
    return 8
