"""MLflow's scoring shapes: what ``mlflow models serve`` takes at ``/invocations``, and its answer.

Source: mlflow/pyfunc/scoring_server and mlflow/utils/proto_json_utils.py of MLflow 3.17. The shapes
mean here what they mean there:

- ``dataframe_split`` and ``dataframe_records`` are frames. A record that lacks a column has null.
- ``instances`` are rows (values, or objects by column); ``inputs`` are columns by name, or rows.
  With a column of lists or objects, ``inputs`` as an object is one row. In both, the text for a
  binary column is the bytes themselves, where the frames have base64.
- An object with ``messages``, ``prompt`` or ``input`` is one row, and its answer is not wrapped.

More is taken than there: rows without column names, in the signature's order; datetimes with an
offset everywhere; missing text anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.serving import csvinput, jsoninput, packing
from mlops_jupyter.serving.columns import Column, Payload, Table, check_rows
from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.serving.predictions import encode_predictions
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.tensorinput import from_frame, from_values
from mlops_jupyter.serving.tensors import Inputs, Outputs
from mlops_jupyter.serving.tensorspecs import TensorPlan
from mlops_jupyter.types import InvalidInput, InvalidRequest, did_you_mean

_SHAPES = ("dataframe_split", "dataframe_records", "instances", "inputs")
_UNWRAPPED = ("messages", "prompt", "input")
_SPLIT_KEYS = frozenset(("columns", "data", "index"))
_FIX = (
    'Send one of {"dataframe_split": {"columns": […], "data": [[…]]}}, '
    '{"dataframe_records": [{…}]}, {"instances": […]} and {"inputs": …}, and "params" if any.'
)


@dataclass(frozen=True, slots=True)
class Options:
    """How to answer: `unwrapped` leaves out ``{"predictions": …}``."""

    unwrapped: bool = False


_WRAPPED = Options()


def decode(body: bytes, content_type: str, signature: Signature) -> tuple[Inputs, Options]:
    """Read and check a body of JSON or CSV.

    Raises
    ------
    InvalidRequest
        The body is not of one of MLflow's shapes (400, and 415 for another content type).
    InvalidInput
        Its data does not fit the signature; the column is named.
    """
    if content_type == "application/json" or _media_type(content_type) == "application/json":
        return _decode_json(body, signature)
    header, rows = csvinput.read(body)
    params = signature.params.absent
    if signature.table is None:
        assert signature.tensors is not None
        cells = [[csvinput.cell(text) for text in row] for row in rows]
        return from_frame(signature.tensors, header, cells, params), _WRAPPED
    table = signature.table
    position = {name: index for index, name in enumerate(header)}
    if not signature.named:
        position = {column.key: index for index, column in enumerate(table.columns)}
        if len(header) < table.width:
            raise table.wrong_width(0, len(header))
    columns = [
        csvinput.column_values(column, [row[position[column.key]] for row in rows])
        if column.key in position
        else None
        for column in table.columns
    ]
    return table.from_columns(columns, len(rows), params), _WRAPPED


def encode(outputs: Outputs, options: Options) -> tuple[bytes, str]:
    """The answer as MLflow's scoring server writes it, but with null for NaN."""
    return encode_predictions(outputs, wrapped=not options.unwrapped), "application/json"


def _media_type(content_type: str) -> str:
    media, *parameters = (part.strip() for part in content_type.lower().split(";"))
    wrong = [part for part in parameters if part and part not in _UTF8]
    if media not in ("application/json", "text/csv") or wrong:
        error = InvalidRequest(
            "This content type is not taken."
            if not wrong
            else "Only the charset UTF-8 is taken, and no other parameter of a content type.",
            fix="Send application/json or text/csv.",
            code="unsupported_content_type",
        )
        error.status = 415
        raise error
    return media


_UTF8 = frozenset(("charset=utf-8", 'charset="utf-8"', "header=present"))


# -- JSON -----------------------------------------------------------------------------------------


def _decode_json(body: bytes, signature: Signature) -> tuple[Inputs, Options]:
    document = jsoninput.load(body)
    if type(document) is not dict:
        raise _bad("The body must be a JSON object.")
    shapes = [key for key in _SHAPES if key in document]
    if len(shapes) != 1:
        if not shapes and any(key in document for key in _UNWRAPPED):
            return _decode_unwrapped(body, document, signature)
        raise _wrong_members(document, shapes)
    shape = shapes[0]
    if len(document) != (2 if "params" in document else 1):
        raise _wrong_members(document, shapes)
    data = document[shape]
    jsoninput.refuse_duplicates(body, document, len(document) + _pairs(shape, data))
    given = document.get("params")
    params = signature.params.absent if given is None else signature.params.check(given)
    if shape == "dataframe_records" and type(data) is not list:
        raise _bad("'dataframe_records' must be a list of objects.")
    if signature.table is not None:
        return _fit_table(signature.table, shape, data, params, signature.named), _WRAPPED
    assert signature.tensors is not None
    return _fit_tensors(signature.tensors, shape, data, params), _WRAPPED


def _fit_table(table: Table, shape: str, data: Any, params: Payload, named: bool) -> Inputs:
    if shape == "dataframe_split":
        return _from_split(table, named, *_split_parts(data), params)
    if shape == "dataframe_records":
        return _from_records(table, data, params)
    return _from_values(table, data, shape, params)


def _fit_tensors(plan: TensorPlan, shape: str, data: Any, params: Payload) -> Inputs:
    if shape == "dataframe_split":
        return from_frame(plan, *_split_parts(data), params)
    if shape == "dataframe_records":
        return from_frame(plan, *_records_as_rows(data), params)
    return from_values(plan, data, shape, params)


def _pairs(shape: str, data: Any) -> int:
    if type(data) is dict:
        return len(data)
    if shape != "dataframe_split" and type(data) is list and data and type(data[0]) is dict:
        return sum(len(row) for row in data if type(row) is dict)
    return 0


def _split_parts(data: Any) -> tuple[list[str] | None, list[Any]]:
    if type(data) is not dict or "data" not in data or not data.keys() <= _SPLIT_KEYS:
        raise _bad("'dataframe_split' must have 'data', and may have 'columns' and 'index'.")
    names, rows, index = data.get("columns"), data["data"], data.get("index")
    if type(rows) is not list:
        raise _bad("'data' of 'dataframe_split' must be a list of rows.")
    if index is not None and (type(index) is not list or len(index) != len(rows)):
        raise _bad("'index' of 'dataframe_split' must be a list with one entry a row.")
    if names is None:
        return None, rows
    if type(names) is not list:
        raise _bad("'columns' of 'dataframe_split' must be a list of names.")
    if set(map(type, names)) - {str}:
        if not all(type(name) in (str, int) for name in names):
            raise _bad("'columns' of 'dataframe_split' must be a list of names.")
        names = [str(name) for name in names]
    return names, rows


def _check_widths(rows: list[Any], width: int) -> None:
    if set(map(type, rows)) <= {list} and set(map(len, rows)) <= {width}:
        return
    number, row = next(
        (i, row) for i, row in enumerate(rows) if type(row) is not list or len(row) != width
    )
    found = f"has {len(row)} values" if type(row) is list else "is not a list"
    raise _bad(f"Row {number} (counted from 0) {found}; there are {width} columns.")


def _from_split(
    table: Table, named: bool, names: list[str] | None, rows: list[Any], params: Payload
) -> Inputs:
    if names == table.keys or names is None:
        if names is None and rows and type(rows[0]) is list and len(rows[0]) != table.width:
            raise table.wrong_width(0, len(rows[0]))
        _check_widths(rows, table.width)
        return table.from_rows(rows, params)
    _check_widths(rows, len(names))
    if not named:  # MLflow: the first columns, whatever they are called
        if len(names) < table.width:
            raise table.wrong_width(0, len(names))
        return table.from_rows([row[: table.width] for row in rows], params)
    position = {name: index for index, name in enumerate(names)}
    if len(position) != len(names):
        raise _bad("Two of 'columns' have the same name.")
    columns = [
        [row[position[key]] for row in rows] if key in position else None for key in table.keys
    ]
    return table.from_columns(columns, len(rows), params)


def _records_as_rows(records: list[Any]) -> tuple[list[str], list[list[Any]]]:
    _check_records(records)
    names = list(dict.fromkeys(name for record in records for name in record))
    return names, [[record.get(name) for name in names] for record in records]


def _check_records(records: list[Any]) -> None:
    if set(map(type, records)) - {dict}:
        number = next(i for i, record in enumerate(records) if type(record) is not dict)
        raise _bad(f"Record {number} (counted from 0) is not an object.")


def _from_records(table: Table, records: list[Any], params: Payload) -> Inputs:
    _check_records(records)
    if len(records) == 1:
        record = records[0]
        if list(record) == table.keys:
            return table.from_rows([list(record.values())], params)
        columns = [[record[key]] if key in record else None for key in table.keys]
        return table.from_columns(columns, 1, params)
    columns = []
    for key in table.keys:
        try:
            columns.append([record[key] for record in records])
        except KeyError:
            present = any(key in record for record in records)
            columns.append([record.get(key) for record in records] if present else None)
    return table.from_columns(columns, len(records), params)


# -- instances and inputs -------------------------------------------------------------------------


def _from_values(table: Table, data: Any, shape: str, params: Payload) -> Inputs:
    if type(data) is dict:
        columns, rows = _columns_of(table, data, shape)
        return _with_plain_binary(table, columns, rows, params)
    if type(data) is not list:
        if table.width != 1:
            raise _bad(f"'{shape}' must be a list or an object.")
        return _with_plain_binary(table, [[data]], 1, params)
    check_rows(len(data))
    if type(data[0]) is dict and not (table.width == 1 and _takes_objects(table)):
        _check_records(data)
        columns = [
            [row.get(key) for row in data] if any(key in row for row in data) else None
            for key in table.keys
        ]
        return _with_plain_binary(table, columns, len(data), params)
    if type(data[0]) is list and not (table.width == 1 and _takes_lists(table)):
        _check_widths(data, table.width)
        if table.matrix:
            return table.from_rows(data, params)
        return _with_plain_binary(
            table, [list(cells) for cells in zip(*data, strict=True)], len(data), params
        )
    if table.width != 1:
        raise _bad(f"'{shape}' must hold rows: lists of {table.width} values, or objects.")
    return _with_plain_binary(table, [data], len(data), params)


def _takes_lists(table: Table) -> bool:
    return table.columns[0].type in ("array", "any")


def _takes_objects(table: Table) -> bool:
    column = table.columns[0]
    return column.type in ("object", "map", "any") and not column.named


def _columns_of(
    table: Table, data: dict[str, Any], shape: str
) -> tuple[list[list[Any] | None], int]:
    """Columns by name: lists of values, or one row when they are not."""
    found: list[Any] = [data.get(key, _ABSENT) for key in table.keys]
    present = [value for value in found if value is not _ABSENT]
    lists = [value for value in present if type(value) is list]
    one_row = any(column.type in ("array", "object") for column in table.columns)
    if one_row or not lists:
        return [None if value is _ABSENT else [value] for value in found], 1
    if len(lists) != len(present):
        raise _bad(f"Some columns of '{shape}' are lists of values and some are not.")
    return [None if value is _ABSENT else value for value in found], len(lists[0])


_ABSENT = object()


def _with_plain_binary(
    table: Table, columns: Sequence[Sequence[Any] | None], rows: int, params: Payload
) -> Inputs:
    """As `Table.from_columns`, but text for a binary column is the bytes themselves."""
    if not any(column.type == "binary" for column in table.columns):
        return table.from_columns(columns, rows, params)
    encoded = [
        _base64(column, values) if column.type == "binary" and values is not None else values
        for column, values in zip(table.columns, columns, strict=True)
    ]
    return table.from_columns(encoded, rows, params)


def _base64(column: Column, values: Sequence[Any]) -> list[str | None]:
    try:
        items = packing.unpack_bytes(packing.pack_texts(values))
    except Misfit as misfit:
        raise column.refusal(misfit) from None
    return [None if item is None else packing.to_base64(item) for item in items]


def _decode_unwrapped(
    body: bytes, document: dict[str, Any], signature: Signature
) -> tuple[Inputs, Options]:
    jsoninput.refuse_duplicates(body, document, len(document))
    known = signature.params.known
    params = signature.params.check({k: v for k, v in document.items() if k in known})
    row = {key: value for key, value in document.items() if key not in known}
    if signature.table is None:
        raise InvalidInput("This model takes tensors, not messages.", fix=_FIX, code="wrong_type")
    return _from_records(signature.table, [row], params), Options(unwrapped=True)


# -- refusals -------------------------------------------------------------------------------------


def _wrong_members(document: dict[str, Any], shapes: list[str]) -> InvalidRequest:
    if len(shapes) > 1:
        return _bad("The body has several of MLflow's shapes.", "There must be exactly one.")
    strange = [key for key in document if key not in (*_SHAPES, "params")]
    hint = did_you_mean(strange[0][:64], (*_SHAPES, "params")) if strange else ""
    if shapes:
        return _bad("The body has a member that is none of MLflow's.", hint)
    return _bad("The body has none of MLflow's shapes.", hint)


def _bad(message: str, reason: str = "") -> InvalidRequest:
    return InvalidRequest(message, reason=reason, fix=_FIX, code="invalid_scoring_request")
