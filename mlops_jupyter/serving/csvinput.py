"""CSV bodies as columns of JSON values.

The dialect is what ``DataFrame.to_csv`` writes and ``pandas.read_csv`` reads by default: commas,
double quotes, a header line, blank lines skipped, and pandas' words for missing values. Rows that
are shorter or longer than the header are refused; pandas would fill or shift them silently.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from mlops_jupyter.serving.columns import MAX_ROWS, Column, check_rows
from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.types import InvalidInput, InvalidRequest

_MISSING = frozenset(
    (
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
    )
)
"""What pandas reads as missing by default (pandas.io.parsers, STR_NA_VALUES)."""

_WHOLE = re.compile(r"\s*[+-]?\d{1,400}\s*", re.ASCII)
_NUMBER = re.compile(
    r"\s*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?)\s*",
    re.ASCII | re.IGNORECASE,
)
_BOOLEANS = {
    "True": True,
    "TRUE": True,
    "true": True,
    "False": False,
    "FALSE": False,
    "false": False,
}


def read(body: bytes) -> tuple[list[str], list[list[str]]]:
    """Header and rows of text; raises InvalidRequest (``invalid_csv``)."""
    try:
        text = body.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        # no more than is needed to see that there are too many
        lines = list(islice(filter(None, reader), MAX_ROWS + 2))
    except UnicodeDecodeError:
        raise _bad("It is not valid UTF-8.") from None
    except csv.Error as error:
        raise _bad(f"{error}.") from None
    if not lines:
        raise _bad("It is empty.")
    header, *rows = lines
    check_rows(len(rows))
    if len(set(header)) != len(header):
        raise _bad("Two columns have the same name.")
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise _bad(
                f"Row {number} (counted from 0) has {len(row)} fields, the header {len(header)}."
            )
    return header, rows


def column_values(column: Column, texts: Sequence[str]) -> list[Any]:
    """A column's fields as JSON values of its type; raises InvalidInput for one that is not."""
    convert = _CONVERTERS.get(column.type)
    if convert is None:
        raise InvalidInput(
            f"Column '{column.key}' is of type {column.kind}, which CSV cannot hold.",
            fix="Send JSON.",
            code="wrong_type",
        )
    values = []
    for row, text in enumerate(texts):
        try:
            values.append(None if text in _MISSING else convert(text))
        except ValueError:
            raise column.refusal(Misfit(row, "is text that is not of this type")) from None
    return values


def cell(text: str) -> Any:
    """A field of which no type is known: a number if it looks like one, null, or text."""
    if text in _MISSING:
        return None
    try:
        return _number(text)
    except ValueError:
        return _BOOLEANS.get(text, text)


def _number(text: str) -> float | int:
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    raise ValueError(text)


def _boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        raise ValueError(text)
    return _BOOLEANS[text]


_CONVERTERS: dict[str, Callable[[str], Any]] = {
    "double": _number,
    "float": _number,
    "long": _number,
    "integer": _number,
    "boolean": _boolean,
    "string": str,
    "binary": str,
    "datetime": str,
}


def _bad(reason: str) -> InvalidRequest:
    return InvalidRequest(
        "The body is not valid CSV.",
        reason=reason,
        fix="Send a header line and rows, as DataFrame.to_csv(index=False) writes them.",
        code="invalid_csv",
    )
