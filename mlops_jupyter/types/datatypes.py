"""The datatypes of the Open Inference Protocol, and how their values are packed.

Packing follows the protocol's binary tensor extension: little-endian, row-major, and for BYTES
each element as a 4-byte length and its bytes. Two additions: length ``0xFFFFFFFF`` is a missing
text, and int64 ``-2**63`` a missing datetime.
"""

from __future__ import annotations

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
