"""One input of a call: a column or tensor of which any range of rows can be encoded.

Numbers travel as the inference protocol's binary data, text as its BYTES (missing text has the
length ``0xFFFFFFFF``), and whatever is neither as JSON values, which the hub checks and words the
errors for.
"""

from __future__ import annotations

import base64
import datetime
import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mlops_jupyter.types import InvalidRequest

Header = dict[str, Any]
MISSING = b"\xff\xff\xff\xff"
_KINDS = {"b": "BOOL", "i": "INT", "u": "UINT", "f": "FP"}
_length = struct.Struct("<I").pack


class Column(Protocol):
    """What can be sent a range of rows at a time."""

    @property
    def name(self) -> str:
        """The input's name."""

    @property
    def row_bytes(self) -> float:
        """Bytes of one row, or fewer where only its encoding tells."""

    def __len__(self) -> int: ...

    def encode(self, start: int, stop: int) -> tuple[Header, bytes | None]:
        """The input's header, and its binary data unless the header holds the data."""


@dataclass(frozen=True)
class Numbers:
    """A numpy array of numbers or booleans, little-endian; datetimes as int64 nanoseconds."""

    name: str
    array: Any

    @property
    def row_bytes(self) -> float:  # noqa: D102  see Column
        return float(self.array.nbytes) / max(1, len(self.array))

    def __len__(self) -> int:
        return len(self.array)

    def encode(  # noqa: D102  see Column
        self, start: int, stop: int
    ) -> tuple[Header, bytes | None]:
        part = self.array[start:stop]
        datatype = _KINDS[part.dtype.kind]
        if datatype != "BOOL":
            datatype += str(part.dtype.itemsize * 8)
        return _binary(self.name, list(part.shape), datatype, part.tobytes())


@dataclass(frozen=True)
class Texts:
    """Texts and bytes, None for missing ones."""

    name: str
    values: Sequence[str | bytes | None]

    @property
    def row_bytes(self) -> float:  # noqa: D102  see Column
        return 4.0

    def __len__(self) -> int:
        return len(self.values)

    def encode(  # noqa: D102  see Column
        self, start: int, stop: int
    ) -> tuple[Header, bytes | None]:
        parts: list[bytes] = []
        for value in self.values[start:stop]:
            if value is None:
                parts.append(MISSING)
                continue
            data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
            parts += (_length(len(data)), data)
        return _binary(self.name, [len(self.values[start:stop])], "BYTES", b"".join(parts))


@dataclass(frozen=True)
class Values:
    """Plain Python values, or lists of them, of the datatype that the endpoint declares."""

    name: str
    datatype: str
    values: Sequence[Any]

    @property
    def row_bytes(self) -> float:  # noqa: D102  see Column
        return 2.0

    def __len__(self) -> int:
        return len(self.values)

    def encode(  # noqa: D102  see Column
        self, start: int, stop: int
    ) -> tuple[Header, bytes | None]:
        part = [plain(value, self.name) for value in self.values[start:stop]]
        shape, inner = [len(part)], part
        while inner and isinstance(inner[0], list):
            inner = inner[0]
            shape.append(len(inner))
        header = {"name": self.name, "shape": shape, "datatype": self.datatype, "data": part}
        return header, None


def _binary(name: str, shape: list[int], datatype: str, data: bytes) -> tuple[Header, bytes]:
    parameters = {"binary_data_size": len(data)}
    return {"name": name, "shape": shape, "datatype": datatype, "parameters": parameters}, data


def json_text(value: Any, name: str) -> str | None:
    """A nested value as the text of a BYTES element; None when it is missing."""
    value = plain(value, name)
    return None if value is None else json.dumps(value, allow_nan=False)


def plain(value: Any, name: str) -> Any:
    """`value` as JSON knows it: numpy's and pandas' scalars, dates and missing values resolved.

    Raises
    ------
    InvalidRequest
        JSON has no such value; `name` is the column's.
    """
    kind = type(value)
    if kind in (str, int, bool) or value is None:
        return value
    if kind is float:
        # JSON has no NaN, which is how pandas says that a value is missing
        return None if math.isnan(value) else _finite(value, name)
    if isinstance(value, dict):
        return {str(key): plain(inner, name) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner, name) for inner in value]
    return _plain_object(value, name)


def _plain_object(value: Any, name: str) -> Any:
    if is_missing(value):
        return None
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    if not hasattr(value, "tolist"):
        raise InvalidRequest(
            f"The column '{name}' holds values that cannot be sent.",
            reason=f"There is no form for values of type {type(value).__name__}.",
            fix="Convert them to numbers, text, dates, lists or dicts.",
            code="cannot_be_sent",
        )
    if value.dtype.kind == "M":
        return None if str(value) == "NaT" else str(value)
    return plain(value.tolist(), name)


def is_missing(value: Any) -> bool:
    """Whether this is NaN, pandas' NA or NaT."""
    if isinstance(value, float):
        return math.isnan(value)
    return type(value).__name__ in ("NAType", "NaTType")


def _finite(value: float, name: str) -> float:
    if math.isinf(value):
        raise InvalidRequest(
            f"The column '{name}' holds an infinite number among other values.",
            reason="JSON has no infinity; only a column of nothing but floats can be sent with it.",
            fix="Convert the column to float, or replace the infinite values.",
            code="cannot_be_sent",
        )
    return value
