"""What goes to a worker and comes back: named, packed buffers.

Packing follows the binary tensor extension of the Open Inference Protocol: little-endian,
row-major, and for BYTES each element as a 4-byte length and its bytes. Two additions: length
``0xFFFFFFFF`` is a missing text, and int64 ``-2**63`` a missing datetime.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

MISSING_LENGTH = 0xFFFFFFFF
MISSING_TIME = -(2**63)

ITEM_SIZES = {
    "BOOL": 1,
    "UINT8": 1,
    "UINT16": 2,
    "UINT32": 4,
    "UINT64": 8,
    "INT8": 1,
    "INT16": 2,
    "INT32": 4,
    "INT64": 8,
    "FP16": 2,
    "FP32": 4,
    "FP64": 8,
}
"""Bytes of one element, for every datatype of the protocol but BYTES."""

STRUCT_CODES = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
"""The same datatypes as codes of the `struct` module (use with ``<``)."""


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
