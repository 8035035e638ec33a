"""Taking records out: JSON Lines (the exact bytes), CSV that a spreadsheet cannot run, Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from mlops_jupyter.types.errors import InvalidInput, InvalidRequest

FORMATS = ("jsonl", "csv", "parquet")
COLUMNS = (
    "index",
    "id",
    "t_wall_us",
    "kind",
    "action",
    "phase",
    "endpoint",
    "model.name",
    "model.version",
    "model.digest",
    "actor.sub",
    "actor.method",
    "actor.token_id",
    "on_behalf_of.sub",
    "on_behalf_of.method",
    "status",
    "error",
    "error_class",
    "latency_us",
    "rows",
    "mode",
    "level",
    "shadow",
    "request_id",
    "input.commit",
    "input.bytes",
    "input.type",
    "output.commit",
    "output.bytes",
    "output.type",
    "client.peer",
)
"""Columns of CSV and Parquet; ``record``, the whole record as JSON text, comes last."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_ROWS = 1000
_GROUP_ROWS = 10_000
"""Rows of a Parquet row group, which is made in memory."""

_WHOLE = (
    "index",
    "t_wall_us",
    "status",
    "latency_us",
    "rows",
    "model.version",
    "input.bytes",
    "output.bytes",
)
"""Columns of whole numbers."""

Records = Iterable[tuple[int, bytes]]


def export(records: Records, form: str) -> Iterator[bytes]:
    """Pieces of a file of this form, from :meth:`AuditQuery.each`.

    Raises
    ------
    InvalidRequest
        There is no such form.
    InvalidInput
        Parquet's library is not installed.
    """
    if form == "jsonl":
        return export_jsonl(records)
    if form == "csv":
        return export_csv(records)
    if form == "parquet":
        return _parquet(records, *_arrow())
    raise InvalidRequest(
        "There is no such export format.", fix=f"Choose one of {', '.join(FORMATS)}."
    )


def export_jsonl(records: Records) -> Iterator[bytes]:
    """A line a record: exactly the bytes that the tree covers, so that a root can be recomputed."""
    for piece in _pieces(records):
        yield b"".join(leaf + b"\n" for _, leaf in piece)


def export_csv(records: Records) -> Iterator[bytes]:
    """RFC 4180 with a header; text that a spreadsheet would take for a formula gets a quote."""
    yield _csv_text([(*COLUMNS, "record")])
    for piece in _pieces(records):
        yield _csv_text([_cells(index, leaf) for index, leaf in piece])


def export_parquet(records: Records, path: Path) -> int:
    """Write a Parquet file; return the number of records. Needs pyarrow."""
    count = 0

    def counted() -> Iterator[tuple[int, bytes]]:
        nonlocal count
        for record in records:
            count += 1
            yield record

    pieces = export(counted(), "parquet")
    with path.open("wb") as file:
        file.writelines(pieces)
    return count


def _arrow() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet, which are large and not needed otherwise."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
        import pyarrow.parquet as pq  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise InvalidInput(
            "Parquet export needs pyarrow.",
            reason="It is not installed where the hub runs.",
            fix="Install pyarrow there, or export as jsonl or csv.",
            code="parquet_not_available",
        ) from None
    return pa, pq


class _Sink(io.RawIOBase):
    """A file that is taken away in pieces while it is written."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._size += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._size

    def take(self) -> bytes:
        """All that was written since the last time."""
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def _parquet(records: Records, pa: Any, pq: Any) -> Iterator[bytes]:
    names = (*COLUMNS, "record")
    of_name = dict.fromkeys(_WHOLE, pa.int64()) | {"shadow": pa.bool_()}
    kinds = [of_name.get(name, pa.string()) for name in names]
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    sink = _Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for piece in _pieces(records, _GROUP_ROWS):
            rows = [_values(index, leaf) for index, leaf in piece]
            arrays = [
                pa.array([_as(value, kind, pa) for value in column], kind)
                for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield sink.take()
    # the hub lives for long, and the next export may be far
    pa.default_memory_pool().release_unused()
    yield sink.take()


def _pieces(records: Records, rows: int = _ROWS) -> Iterator[list[tuple[int, bytes]]]:
    piece: list[tuple[int, bytes]] = []
    for record in records:
        piece.append(record)
        if len(piece) == rows:
            yield piece
            piece = []
    if piece:
        yield piece


def _values(index: int, leaf: bytes) -> list[Any]:
    record = orjson.loads(leaf)
    values: list[Any] = [index]
    for name in COLUMNS[1:]:
        outer, _, inner = name.partition(".")
        value = record.get(outer)
        values.append(value.get(inner) if inner and isinstance(value, dict) else value)
    values.append(leaf.decode())
    return values


def _as(value: Any, kind: Any, pa: Any) -> Any:
    if value is None or kind == pa.string():
        return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
    wanted = bool if kind == pa.bool_() else int
    return value if type(value) is wanted else None


def _cells(index: int, leaf: bytes) -> list[str]:
    return [_cell(value) for value in _values(index, leaf)]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    # what begins like a formula is run by spreadsheets (CWE-1236)
    return "'" + text if text.lstrip(" ").startswith(_FORMULA) or text[:1] == "\0" else text


def _csv_text(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
