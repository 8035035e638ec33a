"""Whether two results of a model are the same in every respect that a caller could notice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def same(left: Any, right: Any) -> bool:  # noqa: PLR0911
    """Equal types, dtypes, shapes, labels and values; NaN equals NaN, and nothing is rounded."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        return _same_arrays(left, right)
    if hasattr(left, "iloc"):
        return _same_pandas(left, right)
    if isinstance(left, Mapping):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if callable(getattr(left, "toarray", None)):
        return _same_arrays(left.toarray(), right.toarray())
    if isinstance(left, float | np.floating) and np.isnan(left):
        return bool(np.isnan(right))
    return bool(left == right)


def _same_arrays(left: Any, right: Any) -> bool:
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if left.dtype == object:
        return all(map(same, left.ravel().tolist(), right.ravel().tolist()))
    return bool(np.array_equal(left, right, equal_nan=left.dtype.kind in "fcMm"))


def _same_pandas(left: Any, right: Any) -> bool:
    # equals() takes care of dtypes, values and missing values, but not of names
    labels = [(left.index, right.index)]
    if hasattr(left, "columns"):
        labels.append((left.columns, right.columns))
    elif left.name != right.name:
        return False
    if any(not mine.identical(other) for mine, other in labels):
        return False
    return bool(left.equals(right))
