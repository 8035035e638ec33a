"""From the caller's data to what MLflow can keep of it: a small example and an input schema.

MLflow infers a schema by looking at every cell in Python: 20 s for a million rows of 30 numbers.
Here types come from a small sample and only the question "is any value missing?" goes over
everything, in numpy.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.types import InvalidInput

EXAMPLE_ROWS = 5
EXAMPLE_BYTES = 1_000_000
"""Bounds on the example that is stored with a version: rows, and bytes of arrays."""
_SAMPLE_ROWS = 100


class ModelAdvice(UserWarning):
    """Advice on a registered model: nothing is wrong, and something may surprise later."""


def advise(text: str) -> None:
    """Tell the user, by a warning that a notebook may show in its own way."""
    warnings.warn(text, ModelAdvice, stacklevel=2)


@dataclass(frozen=True)
class Example:
    """What is stored of the input: its first rows as MLflow takes them, its schema, its params."""

    data: Any
    inputs: Any
    params: dict[str, Any] | None = None


def take_example(given: Any, target: Any = None, *, keep_lists: bool = False) -> Example:
    """Cut `given` to a few rows and infer its schema; ``(data, params)`` is understood too.

    Parameters
    ----------
    given
        DataFrame, Series, array, sparse matrix, dict of arrays, list.
    target
        Name of the column of true answers, if it is one of the frame's; it is no input.
    keep_lists
        The model itself takes lists; else a list of rows of numbers stands for a matrix.

    Raises
    ------
    InvalidInput
        There are no rows, or a column whose type no signature can express; it is named.
    """
    params = None
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], dict):
        given, params = given
    import pandas as pd

    if isinstance(given, pd.Series):
        name = "0" if given.name is None else given.name
        given = given.to_frame(name)
    if isinstance(given, pd.DataFrame):
        return _of_frame(_without(given, target), params)
    if not isinstance(given, list | dict | str | bytes | int | float) and not hasattr(
        given, "shape"
    ):
        raise _no_signature(given)
    data = _first_rows(given if keep_lists else _matrix(given))
    return Example(data, _infer(data), params)


def _matrix(given: Any) -> Any:
    """A list of rows of numbers as an array; anything else as it is."""
    import numpy as np

    if isinstance(given, list) and given and isinstance(given[0], list | tuple):
        try:
            array = np.asarray(given)
        except ValueError:
            return given
        return array if array.dtype.kind in "biuf" else given
    return given


def _without(frame: Any, target: Any) -> Any:
    if not isinstance(target, str):
        return frame
    if target not in frame.columns:
        raise InvalidInput(
            "The target is not a column of the input.",
            reason="A target that is given as a name must be one of the input's columns.",
            fix="Name an existing column, or pass the true answers themselves.",
        )
    return frame.drop(columns=[target])


def _of_frame(frame: Any, params: dict[str, Any] | None) -> Example:
    _check_shape(frame)
    whole = {str(name): frame.iloc[:, at] for at, name in enumerate(frame.columns)}
    if len(whole) < frame.shape[1]:
        raise InvalidInput(
            "Two columns of the input have the same name.",
            reason="A signature names each column once.",
            fix="Rename one of them.",
        )
    missing = {name: bool(column.isna().any()) for name, column in whole.items()}
    import pandas as pd

    sample = pd.DataFrame({name: _sample(column) for name, column in whole.items()})
    plain = pd.DataFrame({name: _plain(sample[name], missing[name]) for name in sample.columns})
    schema = _frame_schema(plain, missing)
    head = frame.iloc[: _rows_of(frame, int(frame.memory_usage(deep=False).sum()))]
    example = pd.DataFrame(
        {name: _plain(head.iloc[:, at], missing[name]) for at, name in enumerate(whole)}
    ).reset_index(drop=True)
    _advise_on(whole, missing)
    if not all(isinstance(name, str) for name in frame.columns):
        advise("Some columns are named by numbers; calls name them by text: '0', '1' …")
    return Example(example, schema, params)


def _check_shape(frame: Any) -> None:
    if frame.columns.nlevels > 1:
        raise InvalidInput(
            "The input's columns have several levels.",
            reason="A signature names each column by one text.",
            fix="Flatten them: X.columns = ['_'.join(map(str, c)) for c in X.columns].",
        )
    if not len(frame) or not frame.shape[1]:
        raise _empty()


def _empty() -> InvalidInput:
    return InvalidInput(
        "The input example is empty.",
        reason="The signature is inferred from rows.",
        fix="Pass some rows of the data that the model was trained on.",
    )


def _rows_of(data: Any, size: int) -> int:
    """How many rows fit the bounds: at least one."""
    per_row = max(1, size // max(1, len(data)))
    return max(1, min(EXAMPLE_ROWS, EXAMPLE_BYTES // per_row))


def _sample(column: Any) -> Any:
    """Some rows that tell the column's type: for objects those that have a value."""
    import numpy as np
    import pandas as pd

    rows = min(_SAMPLE_ROWS, len(column))
    head = column.iloc[:rows]
    if getattr(column.dtype, "kind", "O") == "O" and head.isna().any():
        present = column[column.notna().to_numpy()].iloc[:rows]
        if len(present):
            head = present.iloc[np.resize(np.arange(len(present)), rows)]
    return pd.Series(head.array)


def _plain(column: Any, missing: bool) -> Any:
    """The column in a dtype that MLflow's checks let through.

    Categories become their values, zoned times naive UTC, sparse columns dense, and nullable
    integers and booleans what numpy has for them.
    """
    import pandas as pd

    dtype = column.dtype
    kind = getattr(dtype, "kind", "O")
    plain = column
    if isinstance(dtype, pd.CategoricalDtype):
        plain = column.astype(object if missing else dtype.categories.dtype)
    elif isinstance(dtype, pd.SparseDtype):
        plain = column.sparse.to_dense()
    elif isinstance(dtype, pd.DatetimeTZDtype):
        plain = column.dt.tz_convert("UTC").dt.tz_localize(None)
    elif pd.api.types.is_extension_array_dtype(dtype) and kind in "iufb":
        if kind in "iu":
            wanted: Any = "float64" if missing else dtype.numpy_dtype
        else:
            wanted = dtype.numpy_dtype if kind == "f" or not missing else object
        plain = column.astype(wanted)
    return plain


def _frame_schema(plain: Any, missing: dict[str, bool]) -> Any:
    from mlflow.types import Schema

    schema = _infer(plain)
    if not schema.has_input_names():
        # the columns that fail are found one by one, so that the error can name them
        for name in plain.columns:
            if not _infer(plain[[name]]).has_input_names():
                raise InvalidInput(
                    f"Column {ascii(name)[:60]} has the type {plain[name].dtype}.",
                    reason="MLflow's signatures know booleans, integers to 64 bits (signed), "
                    "floats, text, bytes, naive times, and lists and dicts of these.",
                    fix="Convert it, e.g. durations to seconds, unsigned 64-bit integers to int64, "
                    "mixed columns to text.",
                    code="inexpressible_column",
                )
    return Schema([_optional(column) if missing[column.name] else column for column in schema])


def _optional(column: Any) -> Any:
    from mlflow.types import ColSpec

    return ColSpec(column.type, column.name, required=False)


def _infer(data: Any) -> Any:
    from mlflow.models import infer_signature

    try:
        schema = infer_signature(data).inputs
    except Exception as error:
        raise _no_signature(data) from error
    if schema is None:
        raise _empty()
    return schema


def _no_signature(data: Any) -> InvalidInput:
    return InvalidInput(
        f"No signature can be inferred from a {type(data).__name__}.",
        reason="MLflow's signatures describe tables, tensors, lists and dicts.",
        fix="Pass a DataFrame, an array, a dict of arrays or a list.",
    )


def _first_rows(data: Any) -> Any:
    """The first rows of arrays, matrices, lists and dicts of them; anything else as it is."""
    if isinstance(data, dict):
        return {name: _first_rows(value) for name, value in data.items()}
    shape = getattr(data, "shape", None)
    if isinstance(data, str | bytes) or not (shape or isinstance(data, list | tuple)):
        return data
    rows = shape[0] if shape else len(data)
    if not rows:
        raise _empty()
    if isinstance(data, list | tuple):
        return data[:EXAMPLE_ROWS]
    size = int(getattr(data, "nbytes", 0))
    per_row = max(1, size // rows)
    return data[: max(1, min(EXAMPLE_ROWS, EXAMPLE_BYTES // per_row))]


def _advise_on(whole: dict[str, Any], missing: dict[str, bool]) -> None:
    import pandas as pd

    integers: list[str] = []
    nullable: list[str] = []
    categories: list[str] = []
    zoned: list[str] = []
    for name, column in whole.items():
        kind = getattr(column.dtype, "kind", "O")
        if isinstance(column.dtype, pd.CategoricalDtype):
            categories.append(name)
        elif isinstance(column.dtype, pd.DatetimeTZDtype):
            zoned.append(name)
        elif kind in "iu":
            (nullable if missing[name] else integers).append(name)
    if integers:
        advise(
            f"{_listed(integers)} must be whole numbers in every call: one missing value there and "
            "the call is refused. If they can be missing, register with X.astype('float64')."
        )
    if nullable:
        advise(
            f"{_listed(nullable)} hold missing whole numbers, which MLflow cannot pass on: "
            "the signature takes floats (double) instead."
        )
    if categories:
        advise(
            f"{_listed(categories)} are categories, which MLflow cannot pass on: "
            "the model gets their plain values."
        )
    if zoned:
        advise(
            f"{_listed(zoned)} are times with a zone, which MLflow cannot pass on: "
            "the model gets UTC without a zone."
        )


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ("Column " if len(names) == 1 else "Columns ") + shown + more
