"""A signature of columns, compiled: from values or buffers a column to checked `Inputs`."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.serving.nested import LEAVES, Kind, pack_nested
from mlops_jupyter.serving.packing import pack_doubles
from mlops_jupyter.serving.tensors import Inputs
from mlops_jupyter.types import InvalidInput

MAX_ROWS = 1_000_000
"""Rows that one call may have; a body's size is bounded besides."""

_MAX_HEADERS = 256
_NAMED = 5
"""How many columns an error names."""

_FIXES = {
    "double": "Send numbers, and null where a value is missing.",
    "float": "Send numbers, and null where a value is missing.",
    "long": "Send whole numbers; a column that may be empty must be trained as double.",
    "integer": "Send whole numbers; a column that may be empty must be trained as double.",
    "boolean": "Send true or false.",
    "string": "Send text, and null where it is missing.",
    "binary": "Send base64 text.",
    "datetime": "Send ISO 8601 text such as '2024-05-17T10:00:00', and null where it is missing.",
}

Payload = tuple[dict[str, Any] | None, bytes | None]
"""Params of a call and the text that is equal for equal ones, as `Params.check` returns them."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a signature.

    Attributes
    ----------
    name
        As the model knows it: a string, or a number where the training frame had numbers.
    key
        As requests name it: always a string.
    """

    name: str | int
    key: str
    kind: Kind
    required: bool
    named: bool = True

    @property
    def type(self) -> str:
        """MLflow's name of the type: double, long, … array, object, map, any."""
        return self.kind.name

    def packer(self) -> Callable[[Sequence[Any]], bytes]:
        """The function that checks and packs this column's values."""
        return LEAVES.get(self.type) or partial(pack_nested, self.kind, self.required)

    def refusal(self, misfit: Misfit, row: int | None = None) -> InvalidInput:
        """The answer to a value that does not fit."""
        row = misfit.index if row is None else row
        return InvalidInput(
            f"Column '{self.key}' must be of type {self.kind}.",
            reason=f"The value in row {row} (counted from 0) {misfit.problem}.",
            fix=_FIXES.get(self.type, "Send values of that type."),
            code="wrong_type",
        )


class Table:
    """The plan of a signature of columns.

    Attributes
    ----------
    matrix
        Every column is a required double: rows go to the model as one float64 matrix.
    index
        Position of each column by its key.
    keys
        All keys, in the signature's order.
    packers
        For each column the function that checks and packs JSON values.
    """

    def __init__(self, ref: str, columns: tuple[Column, ...]) -> None:
        self.ref = ref
        self.columns = columns
        self.width = len(columns)
        self.keys = [column.key for column in columns]
        self.index = {key: position for position, key in enumerate(self.keys)}
        self.matrix = all(column.type == "double" and column.required for column in columns)
        self.matrix_header: dict[str, Any] = {
            "form": "matrix",
            "columns": [""],
            "types": ["double"],
            "shapes": [[self.width]],
        }
        self._required = [i for i, column in enumerate(columns) if column.required]
        self.packers = [column.packer() for column in columns]
        self._headers: dict[tuple[int, ...], dict[str, Any]] = {}

    # -- from values --------------------------------------------------------------------------

    def from_rows(self, rows: Sequence[Sequence[Any]], params: Payload) -> Inputs:
        """Inputs from rows whose cells are in the signature's order, each as wide as it is."""
        if not self.matrix:
            columns: list[Sequence[Any] | None] = list(zip(*rows, strict=True))
            return self.from_columns(columns or [None] * self.width, len(rows), params)
        count = len(rows)
        check_rows(count)
        cells = rows[0] if count == 1 else list(chain.from_iterable(rows))
        try:
            data = pack_doubles(cells)
        except Misfit as misfit:
            row, position = divmod(misfit.index, self.width)
            raise self.columns[position].refusal(misfit, row) from None
        return self.from_matrix(data, count, params)

    def from_columns(
        self, columns: Sequence[Sequence[Any] | None], rows: int, params: Payload
    ) -> Inputs:
        """Inputs from JSON values a column, in the signature's order; None is an absent column."""
        check_rows(rows)
        self.check_present(columns)
        buffers: list[bytes | None] = []
        for column, pack, values in zip(self.columns, self.packers, columns, strict=True):
            if values is None:
                buffers.append(None)
                continue
            if len(values) != rows:
                raise self.uneven(column, len(values), rows)
            try:
                buffers.append(pack(values))
            except Misfit as misfit:
                raise column.refusal(misfit) from None
        return self.from_buffers(buffers, rows, params)

    # -- from buffers -------------------------------------------------------------------------

    def from_matrix(self, data: bytes, rows: int, params: Payload) -> Inputs:
        """Inputs from float64 data, row-major, in the signature's order."""
        values, text = params
        key = "matrix" if text is None else ("matrix", text)
        return Inputs(rows, "matrix", key, (data,), self.matrix_header, values)

    def from_buffers(self, buffers: Sequence[bytes | None], rows: int, params: Payload) -> Inputs:
        """Inputs from a packed buffer a column; None is an absent optional column."""
        if self.matrix:
            present = [buffer for buffer in buffers if buffer is not None]
            if rows == 1:
                return self.from_matrix(b"".join(present), 1, params)
            return self.from_matrix(_interleave(present, rows), rows, params)
        here = tuple(i for i, buffer in enumerate(buffers) if buffer is not None)
        header = self._headers.get(here)
        if header is None:
            header = self._headers[here] = {
                "form": "frame",
                "columns": [self.columns[i].name for i in here],
                "types": [self.columns[i].type for i in here],
            }
            if len(self._headers) > _MAX_HEADERS:
                self._headers.clear()
        values, text = params
        key = ("frame", here) if text is None else ("frame", here, text)
        packed = tuple(buffer for buffer in buffers if buffer is not None)
        return Inputs(rows, "frame", key, packed, header, values)

    # -- refusals -----------------------------------------------------------------------------

    def check_present(self, columns: Sequence[Any]) -> None:
        """Refuse when a required column is None; all that are missing are named."""
        missing = [i for i in self._required if columns[i] is None]
        if not missing:
            return
        names = [f"'{self.keys[i]}'" for i in missing]
        shown = ", ".join(names[:_NAMED])
        if len(names) > _NAMED:
            shown += f" and {len(names) - _NAMED} more"
        plural = "s" if len(names) > 1 else ""
        raise InvalidInput(
            f"The data lacks the column{plural} {shown}.",
            reason=f"The signature of {self.ref} requires {_columns(len(self._required))}.",
            fix=self._send_all(missing),
            code="missing_column",
        )

    def _send_all(self, missing: Sequence[int]) -> str:
        """How to send what is missing: every column with its type, or where all of them stand."""
        if len(missing) <= _NAMED:
            wanted = [f"{self.keys[i]}: {self.columns[i].kind}" for i in missing]
            return f"Send {'; '.join(wanted)}. Names are case-sensitive."
        return (
            f"Send all {_columns(len(self._required))} that the signature requires: "
            "GET /v2/models/ENDPOINT lists them with their types. Names are case-sensitive."
        )

    def uneven(self, column: Column, length: int, rows: int) -> InvalidInput:
        """The answer to a column that is not as long as the others."""
        return InvalidInput(
            f"Column '{column.key}' has {length} values, where others have {rows}.",
            reason="All columns of a call must have the same number of rows.",
            fix="Send one value a row, null where it is missing.",
            code="uneven_columns",
        )

    def wrong_width(self, row: int, length: int) -> InvalidInput:
        """The answer to a row that has not one cell a column."""
        return InvalidInput(
            f"Row {row} (counted from 0) has {length} values; "
            f"the signature of {self.ref} has {_columns(self.width)}.",
            fix=f"Send {self.width} values a row, in the order of the columns.",
            code="wrong_width",
        )


def _columns(count: int) -> str:
    return f"{count} column{'' if count == 1 else 's'}"


def check_rows(rows: int) -> None:
    """Refuse an empty call and one with too many rows."""
    if rows == 0:
        raise InvalidInput(
            "The data has no rows.", fix="Send at least one row.", code="empty_batch"
        )
    if rows > MAX_ROWS:
        raise InvalidInput(
            f"The data has {rows} rows; a call may have {MAX_ROWS}.",
            fix="Send the rows in several calls.",
            code="too_many_rows",
        )


def _interleave(buffers: Sequence[bytes], rows: int) -> bytes:
    width = len(buffers)
    matrix = array("d", bytes(8 * rows * width))
    for position, buffer in enumerate(buffers):
        matrix[position::width] = array("d", buffer)
    return matrix.tobytes()
