"""A program that speaks JSON lines on its standard input and output.

One request is under way at a time: what waits meanwhile is stacked into the next one, which costs
a program less than several that overlap. On standard output a line that begins with ``{`` is a
message, any other is noise for the log.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from .errors import BadAnswer, NotReady, ProgramEnded
from .manifest import Manifest
from .messages import MAX_LINE, outputs_of, read, request
from .process import Process

_READ = 1 << 18
_F_SETPIPE_SZ = 1031
_NOISE = 2000


class LinesProgram:
    """A running program; `ask` it, and `attend` to it while there is nothing to ask."""

    def __init__(
        self,
        manifest: Manifest,
        folder: Path,
        *,
        inherited: Mapping[str, str] = os.environ,
        own_group: bool = True,
        before: Callable[[], None] | None = None,
    ) -> None:
        self._process = Process(
            manifest,
            folder,
            inherited=inherited,
            only_log=False,
            own_group=own_group,
            before=before,
        )
        process = self._process.process
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        for descriptor in (self._in, self._out):
            os.set_blocking(descriptor, False)
            with contextlib.suppress(OSError):
                fcntl.fcntl(descriptor, _F_SETPIPE_SZ, 1 << 20)
        self._process.follow_log()
        self._buffer = bytearray()
        self._scanned = 0
        self._number = 0
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        if self._process.handle is not None:
            self._poll.register(self._process.handle, select.POLLIN)
        try:
            self._await_ready(manifest.start_seconds)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    def ask(
        self, rows: int, inputs: Mapping[str, bytes], params: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The outputs for `rows` rows of inputs, each given as JSON text.

        Raises
        ------
        ProgramError
            The program answered with an error, or not as the protocol asks (BadAnswer).
        ProgramEnded
            It ended; or it was ended, because nothing can be read from it any more.
        """
        self._number += 1
        text = request(self._number, rows, inputs, params)
        if len(text) > MAX_LINE:
            raise BadAnswer(
                f"The request has {len(text) >> 20} MiB, a line at most {MAX_LINE >> 20}."
            )
        self._write(memoryview(text + b"\n"))
        while True:
            for line in self._lines():
                message = read(line)
                number = message.get("id")
                if number == self._number:
                    return outputs_of(message)
                if type(number) is not int or not 0 < number < self._number:
                    raise BadAnswer(f"The program answered the id {ascii(number)[:40]}, unasked.")
                _note(f"a second answer to the request {number}", line)
            self._wait(None)

    def attend(self, other: int) -> None:
        """Wait until the descriptor `other` can be read; raise ProgramEnded if that comes first."""
        self._poll.register(other, select.POLLIN)
        try:
            while True:
                ready = dict(self._poll.poll())
                if self._out in ready:
                    self._fill()
                    for line in self._lines():
                        _note("a message that nobody asked for", line)
                elif self._process.handle in ready:
                    raise ProgramEnded(self._process.wait())
                if other in ready:
                    return
        finally:
            self._poll.unregister(other)

    def stop(self) -> None:
        """Close its input, and kill it if it does not end."""
        self._process.stop()

    # -- inner --------------------------------------------------------------------------------

    def _await_ready(self, seconds: float) -> None:
        until = monotonic() + seconds
        while True:
            for line in self._lines():
                try:
                    message = read(line)
                except BadAnswer as error:
                    raise NotReady(f"Before it was ready: {error}") from None
                if message.get("ready") is True:
                    return
                with contextlib.suppress(BadAnswer):
                    outputs_of(message)  # raises what the program says of its failure
                _note("a message before it was ready", line)
            try:
                if not self._wait(until - monotonic()):
                    raise NotReady(
                        f'The program did not write {{"ready": true}} within {seconds:g} s.'
                        f"{self._process.last_words()}"
                    )
            except ProgramEnded:
                raise self._process.ended_early() from None

    def _write(self, data: memoryview) -> None:
        """Write all of `data`; what the program prints meanwhile is taken in, so it never waits."""
        while data:
            try:
                data = data[os.write(self._in, data) :]
                continue
            except BlockingIOError:
                pass
            except BrokenPipeError:
                self._closed()
            self._poll.register(self._in, select.POLLOUT)
            try:
                self._wait(None)
            finally:
                self._poll.unregister(self._in)

    def _wait(self, seconds: float | None) -> bool:
        """Take in what the program wrote, once there is something; whether there was in time."""
        ready = dict(self._poll.poll(None if seconds is None else max(seconds, 0) * 1000))
        if self._out in ready:
            self._fill()
        elif self._process.handle in ready:
            raise ProgramEnded(self._process.wait())
        return bool(ready)

    def _fill(self) -> None:
        try:
            data = os.read(self._out, _READ)
        except BlockingIOError:
            return
        if not data:
            self._closed()
        self._buffer += data
        if len(self._buffer) > MAX_LINE and b"\n" not in data:
            _note(f"a line of more than {MAX_LINE >> 20} MiB, which ends it", self._buffer)
            self._process.process.kill()
            raise ProgramEnded(self._process.wait())

    def _closed(self) -> None:
        """Its end of a pipe is closed: it has ended, or cannot be talked to any more."""
        try:
            self._process.process.wait(1.0)
        except subprocess.TimeoutExpired:
            _note("closed its standard input or output, which ends it", b"")
            self._process.process.kill()
        raise ProgramEnded(self._process.wait())

    def _lines(self) -> Iterator[bytes]:
        """The messages that are there as whole lines; noise goes to the log."""
        while (end := self._buffer.find(b"\n", self._scanned)) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._scanned = 0
            if line.startswith(b"{"):
                yield line
            elif line.strip():
                _note("", line)
        self._scanned = len(self._buffer)


def _note(what: str, line: bytes | bytearray) -> None:
    """Put what is not an answer into the log."""
    shown = bytes(line[:_NOISE]).decode("utf-8", "replace").rstrip()
    sys.stderr.write(f"[stdout] {f'({what}) ' if what else ''}{shown}\n")
    sys.stderr.flush()
