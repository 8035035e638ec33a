"""What a command writes: lines, tables, JSON and CSV, safe to show in a terminal."""

from __future__ import annotations

import argparse
import contextlib
import csv
import dataclasses
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from mlops_jupyter.types import MlopsError

CELL = 60
"""Longest cell of a table, in characters."""


def write(text: str) -> None:
    """Write a line of text; control characters are shown as escapes."""
    sys.stdout.write("\n".join(visible(line) for line in text.split("\n")) + "\n")


def show_help(parser: argparse.ArgumentParser) -> None:
    """Let the words before a verb, said alone, show the whole help; exit status 2."""

    def run(_: argparse.Namespace) -> int:
        parser.print_help(sys.stderr)
        return 2

    parser.set_defaults(run=run, json=False)


def write_json(value: Any) -> None:
    """Write a value as indented JSON."""
    sys.stdout.write(json.dumps(jsonable(value), indent=2, ensure_ascii=True) + "\n")


def jsonable(value: Any) -> Any:
    """Dataclasses as dicts, at any depth."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): jsonable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(inner) for inner in value]
    return value


def visible(text: str) -> str:
    """`text` in which nothing moves the cursor, colours, or turns the direction of writing."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], right: Iterable[int] = ()) -> str:
    """Columns as wide as they need to be; those in `right` are set to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    grid = [[name.upper() for name in head], *cells]
    widths = [max(len(row[place]) for row in grid) for place in range(len(head))]
    numbers = set(right)
    lines = [
        "  ".join(
            cell.rjust(width) if place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in grid
    ]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = visible("" if value is None else str(value).replace("\n", " "))
    return text if len(text) <= CELL else text[: CELL - 1] + "…"


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV in which no cell is a formula for a spreadsheet (CWE-1236)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_no_formula(value) for value in row] for row in rows)
    return text.getvalue()


def _no_formula(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def local_time(seconds: float | None) -> str:
    """A moment in the local zone, to the second; nothing for None and 0."""
    if not seconds:
        return ""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def error_line(error: MlopsError) -> str:
    """One line that says what, why and how to fix it."""
    parts = [error.message, error.reason, f"Fix: {error.fix}" if error.fix else ""]
    text = " ".join(part for part in parts if part)
    return f"mlops-jupyter: {error.code}: {visible(text.replace(chr(10), ' '))}"


@contextlib.contextmanager
def destination(path: str | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that appears under its name only when it is whole.

    Raises
    ------
    MlopsError
        The file cannot be written.
    """
    if path is None or path == "-":
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(path)
    try:
        descriptor, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
            Path(part).replace(target)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise MlopsError(
            f"{path} cannot be written.",
            reason=f"{error.strerror or type(error).__name__}.",
            fix="Choose another file with -o.",
            code="file_not_writable",
        ) from error


def read_file(path: str) -> str:
    """The text of a file, or of standard input for ``-``.

    Raises
    ------
    MlopsError
        It cannot be read as text.
    """
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MlopsError(
            f"{path} cannot be read.",
            reason=f"{getattr(error, 'strerror', None) or 'It is not text'}.",
            fix="Give the name of a text file.",
            code="file_not_readable",
        ) from error
