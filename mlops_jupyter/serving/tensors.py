"""What goes to a worker and comes back: named, packed buffers.

How they are packed is in ``types/datatypes.py``.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Tensor:
    """One named output: an OIP `datatype`, a `shape`, and packed `data`."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes
    content_type: str | None = None


@dataclass(slots=True)
class Inputs:
    """The decoded and checked data of one call; see ``docs/architecture.md``.

    Attributes
    ----------
    rows
        Number of rows (first axis).
    form
        ``matrix`` (one float64 buffer), ``frame`` (a buffer a column) or ``tensors``.
    key
        Calls with equal keys may be stacked: equal columns, types, trailing shapes and no params.
    buffers
        Packed data, one a name in ``header["columns"]``; for ``matrix`` exactly one.
    header
        What the worker needs besides rows and sizes: form, columns, types, trailing shapes.
    """

    rows: int
    form: str
    key: Hashable
    buffers: tuple[bytes, ...]
    header: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] | None = None


@dataclass(slots=True)
class Outputs:
    """What a model returned for `rows` rows; `container` and `extra` say how to rebuild it."""

    rows: int
    container: str
    tensors: tuple[Tensor, ...]
    extra: dict[str, Any] = field(default_factory=dict)
