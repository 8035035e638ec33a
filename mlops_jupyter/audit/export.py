"""Taking records out: JSON Lines (the exact bytes), CSV that a spreadsheet cannot run, Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from mlops_jupyter.types.errors import InvalidRequest

FORMATS = ("jsonl", "csv")
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

Records = Iterable[tuple[int, bytes]]


def export(records: Records, form: str) -> Iterator[bytes]:
    """Pieces of a file of this form, from :meth:`AuditQuery.each`; raise InvalidRequest."""
    if form == "jsonl":
        return export_jsonl(records)
    if form == "csv":
        return export_csv(records)
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
    try:
        import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
        import pyarrow.parquet as pq  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise InvalidRequest(
            "Parquet export needs pyarrow.", fix="Install pyarrow, or export as jsonl or csv."
        ) from None
    whole = {"index", "t_wall_us", "status", "latency_us", "rows", "model.version"}
    whole |= {"input.bytes", "output.bytes"}
    names = (*COLUMNS, "record")
    of_name = dict.fromkeys(whole, pa.int64()) | {"shadow": pa.bool_()}
    kinds = [of_name.get(name, pa.string()) for name in names]
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for piece in _pieces(records):
            rows = [_values(index, leaf) for index, leaf in piece]
            arrays = [
                pa.array([_as(value, kind, pa) for value in column], kind)
                for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(rows)
    return count


def _pieces(records: Records) -> Iterator[list[tuple[int, bytes]]]:
    piece: list[tuple[int, bytes]] = []
    for record in records:
        piece.append(record)
        if len(piece) == _ROWS:
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
