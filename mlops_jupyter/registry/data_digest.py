"""SHA-256 over a whole data set: every row, every column, names and types.

MLflow's own dataset digest hashes the first 10,000 rows of text and number columns to 8 characters;
this one is different after any change of one cell, and equal in every process for equal content.

What counts: the kind of container, column names in their order, dtypes, and all values in row
order. What does not: how pandas lays out its blocks, and an unnamed integer index, which is
bookkeeping (a shuffled split differs by its row order already). A named, textual or datetime index
is data and counts. Missing values in text and object columns are one value whichever of None, NaN
and NA stands for them; NaN counts as one value whatever its bits, while 0.0 and -0.0 differ.
A file's digest is that of ``sha256sum``, a folder's that of ``types.digest_folder``.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_jupyter.registry.cells import UnknownCell, encode_cell, encode_cells
from mlops_jupyter.types import InvalidInput, digest_folder

_FORMAT = b"mlops-jupyter data digest 1\n"


@dataclass(frozen=True)
class DataDigest:
    """SHA-256 hex over a data set, and its size (None where the data has no rows or columns)."""

    sha256: str
    rows: int | None = None
    columns: int | None = None


def digest_data(data: Any, target: Any = None) -> DataDigest:
    """Digest `data`, together with the true answers in `target` when they are given.

    Parameters
    ----------
    data
        DataFrame, Series, array, sparse matrix, Arrow table, list, dict, or the path of a file or
        folder.

    Raises
    ------
    InvalidInput
        The data holds objects without defined content, the path does not exist, or `target` has
        another number of rows.
    """
    digest = _digest(data)
    if target is None:
        return digest
    answers = _digest(target)
    if None not in (digest.rows, answers.rows) and digest.rows != answers.rows:
        raise InvalidInput(
            f"The target has {answers.rows} rows and the data {digest.rows}.",
            reason="Each row of the data needs one true answer.",
            fix="Pass the target that belongs to this data.",
        )
    both = hashlib.sha256(_FORMAT + f"pair {digest.sha256} {answers.sha256}".encode())
    return DataDigest(both.hexdigest(), digest.rows, digest.columns)


def _digest(data: Any) -> DataDigest:
    if isinstance(data, str | Path):
        return _digest_path(Path(data))
    total = hashlib.sha256(_FORMAT)
    try:
        rows, columns = _feed(total, data)
    except UnknownCell as error:
        raise InvalidInput(
            "The data cannot be digested.",
            reason=f"{error} has no content that two processes would agree on.",
            fix="Convert it to numbers, text, dates, lists or dicts, or pass data= another form.",
            code="undigestible_data",
        ) from error
    return DataDigest(total.hexdigest(), rows, columns)


def _digest_path(path: Path) -> DataDigest:
    try:
        if path.is_dir():
            return DataDigest(digest_folder(path))
        with path.open("rb") as file:
            return DataDigest(hashlib.file_digest(file, "sha256").hexdigest())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidInput(
            "The data's file cannot be read.",
            reason=f"{reason}.",
            fix="Pass the path of a readable file or folder, or the data itself.",
            code="data_unreadable",
        ) from error


def _feed(total: Any, data: Any) -> tuple[int | None, int | None]:
    """Feed `data` to the hash; return its rows and columns."""
    kind = _kind(data)
    if kind == "frame":
        return _feed_frame(total, data)
    if kind == "series":
        _note(total, "series", encode_cell(data.name))
        _feed_index(total, data.index)
        _feed_column(total, data)
        return len(data), 1
    if kind == "table":
        _note(total, "table", *(encode_cell(name) for name in data.column_names))
        for column in data.columns:
            _feed_arrow(total, column)
        return data.num_rows, data.num_columns
    if kind == "sparse":
        return _feed_sparse(total, data)
    if kind == "array":
        return _feed_array(total, data)
    total.update(b"cells\n")
    total.update(encode_cell(data))
    return (len(data) if isinstance(data, list | tuple) else None), None


def _kind(data: Any) -> str:
    """Tell what `data` is by its type's name, so that no library is imported for the question."""
    names = {f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in type(data).__mro__}
    for name, kind in (
        ("pandas.DataFrame", "frame"),
        ("pandas.Series", "series"),
        ("pyarrow.Table", "table"),
    ):
        if name in names:
            return kind
    if type(data).__module__.startswith("scipy.sparse"):
        return "sparse"
    if hasattr(data, "__array__") and not isinstance(data, list | tuple | dict):
        return "array"
    return "cells"


def _note(total: Any, word: str, *parts: bytes) -> None:
    total.update(f"{word} {len(parts)}\n".encode())
    for part in parts:
        total.update(struct.pack("<Q", len(part)))
        total.update(part)


def _feed_frame(total: Any, frame: Any) -> tuple[int, int]:
    _note(total, "frame", *(encode_cell(name) for name in frame.columns))
    _feed_index(total, frame.index)
    for position in range(frame.shape[1]):
        _feed_column(total, frame.iloc[:, position])
    return frame.shape[0], frame.shape[1]


def _feed_index(total: Any, index: Any) -> None:
    if index.nlevels == 1 and index.name is None and getattr(index.dtype, "kind", "O") in "iu":
        return
    for level in range(index.nlevels):
        values = index.get_level_values(level)
        _note(total, "index", encode_cell(values.name))
        _feed_column(total, values.to_series())


def _feed_column(total: Any, column: Any) -> None:
    """Feed one pandas column: its dtype, then all its values in a form without layout."""
    import numpy as np
    import pandas as pd

    dtype = column.dtype
    _note(total, "column", str(dtype).encode(), struct.pack("<Q", len(column)))
    if isinstance(dtype, pd.CategoricalDtype):
        total.update(b"ordered\n" if dtype.ordered else b"unordered\n")
        _feed_column(total, pd.Series(dtype.categories))
        _feed_numbers(total, column.cat.codes.to_numpy(np.int64))
    elif isinstance(dtype, pd.SparseDtype):
        _feed_column(total, column.sparse.to_dense())
    elif isinstance(dtype, np.dtype) and dtype.kind != "O":
        _feed_numbers(total, column.to_numpy())
    elif isinstance(dtype, pd.DatetimeTZDtype):
        _feed_numbers(total, column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
    elif isinstance(dtype, pd.PeriodDtype):
        _feed_numbers(total, column.array.asi8)
    elif isinstance(dtype, pd.IntervalDtype):
        _feed_column(total, pd.Series(column.array.left))
        _feed_column(total, pd.Series(column.array.right))
    elif isinstance(dtype, pd.ArrowDtype):
        _feed_arrow(total, column.array.__arrow_array__())
    elif isinstance(dtype, pd.StringDtype) or pd.api.types.infer_dtype(column) == "string":
        _feed_text(total, column)
    elif getattr(dtype, "kind", "O") in "biuf":
        missing = column.isna().to_numpy()
        filled = column.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        _feed_numbers(total, missing)
        _feed_numbers(total, filled)
    else:
        _feed_objects(total, column)


def _feed_text(total: Any, column: Any) -> None:
    import pyarrow as pa

    try:
        values = pa.array(column, type=pa.large_string(), from_pandas=True)
    except (pa.ArrowInvalid, UnicodeEncodeError):
        # lone surrogates have no UTF-8 form
        _feed_objects(total, column)
        return
    _feed_arrow(total, values)


def _feed_objects(total: Any, values: Iterable[Any]) -> None:
    total.update(b"cells\n")
    for chunk in encode_cells(values):
        total.update(chunk)


def _feed_arrow(total: Any, values: Any) -> None:
    """Feed an Arrow array or chunked array, whatever its chunks and what lies under its nulls."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
        if isinstance(values, pa.ChunkedArray):
            values = pa.concat_arrays(values.chunks)
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        values, kind = values.cast(pa.large_string()), pa.large_string()
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        values, kind = values.cast(pa.large_binary()), pa.large_binary()
    _note(total, "arrow", str(kind).encode())
    if kind in (pa.large_string(), pa.large_binary()):
        _feed_numbers(total, pc.is_null(values).to_numpy(zero_copy_only=False))
        values = pc.fill_null(values, "" if kind == pa.large_string() else b"")
        lengths = pc.binary_length(values).to_numpy(zero_copy_only=False)
        _feed_numbers(total, lengths)
        _feed_heap(total, values, int(lengths.sum()))
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        _feed_numbers(total, pc.is_null(values).to_numpy(zero_copy_only=False))
        _feed_numbers(total, pc.fill_null(values, 0).to_numpy(zero_copy_only=False))
    else:
        _feed_objects(total, values.to_pylist())


def _feed_heap(total: Any, values: Any, size: int) -> None:
    """Feed the bytes of all texts of a contiguous large_string or large_binary array."""
    import numpy as np

    _, offsets, heap = values.buffers()
    if heap is not None and size:
        start = int(np.frombuffer(offsets, np.int64, 1, offset=values.offset * 8)[0])
        total.update(memoryview(heap)[start : start + size])


def _feed_numbers(total: Any, values: Any) -> None:
    """Feed a numpy array of fixed-width elements, little-endian, row-major."""
    import numpy as np

    values = np.ascontiguousarray(values)
    if values.dtype.byteorder == ">" or (values.dtype.byteorder == "=" and not _LITTLE):
        values = values.astype(values.dtype.newbyteorder("<"))
    if values.dtype.kind in "fc":
        missing = np.isnan(values)
        if missing.any():
            # NaNs of many bit patterns become one
            values = np.where(missing, values.dtype.type(np.nan), values)
    _note(total, "numbers", values.dtype.str.encode(), repr(values.shape).encode())
    total.update(values.reshape(-1).view(np.uint8).data if values.size else b"")


def _feed_array(total: Any, data: Any) -> tuple[int | None, int | None]:
    import numpy as np

    array = np.asarray(data)
    mask = np.ma.getmask(data)
    _note(total, "array", repr(array.shape).encode())
    if mask is not np.ma.nomask:
        _feed_numbers(total, np.broadcast_to(mask, array.shape))
        array = np.ma.filled(data, np.zeros((), array.dtype)[()])
    if array.dtype.names:
        for name in array.dtype.names:
            _note(total, "field", name.encode())
            _feed_array(total, array[name])
    elif array.dtype.kind in "OT":
        _feed_objects(total, array.ravel().tolist())
    else:
        _feed_numbers(total, array)
    rows = array.shape[0] if array.ndim else None
    columns = array.shape[1] if array.ndim == 2 else (1 if array.ndim == 1 else None)
    return rows, columns


def _feed_sparse(total: Any, data: Any) -> tuple[int, int]:
    """Feed a sparse matrix by content: the same for every storage format."""
    import numpy as np

    rows = data.tocsr().copy()
    rows.sum_duplicates()
    rows.eliminate_zeros()
    rows.sort_indices()
    _note(total, "sparse", repr(tuple(map(int, rows.shape))).encode())
    _feed_numbers(total, rows.indptr.astype(np.int64))
    _feed_numbers(total, rows.indices.astype(np.int64))
    _feed_numbers(total, rows.data)
    return int(rows.shape[0]), int(rows.shape[1])


_LITTLE = struct.pack("=H", 1) == b"\x01\x00"
