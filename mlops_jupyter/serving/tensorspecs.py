"""A signature of tensors, compiled: from packed buffers and shapes to checked `Inputs`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.serving.columns import Payload, check_rows
from mlops_jupyter.serving.tensors import Inputs
from mlops_jupyter.types import InvalidInput

_MAX_HEADERS = 256

_DATATYPES = {
    "bool": "BOOL",
    "str": "BYTES",
    "bytes": "BYTES",
    "object": "BYTES",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
}
_DATATYPES |= {
    f"{prefix}int{bits}": f"{prefix.upper()}INT{bits}"
    for prefix in ("", "u")
    for bits in (8, 16, 32, 64)
}


def datatype_of(dtype: str) -> str:
    """The protocol's datatype of a numpy dtype's name; raises ValueError when there is none."""
    name = re.sub(r"^(str|bytes)\d+$", r"\1", dtype)
    if name not in _DATATYPES:
        raise ValueError(f"tensors of {ascii(dtype)[:40]} cannot be sent in this protocol")
    return _DATATYPES[name]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of a signature: -1 in `shape` is any size, `key` its name in requests."""

    name: str | None
    key: str
    dtype: str
    datatype: str
    shape: tuple[int, ...]

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse a shape that does not fit."""
        fits = len(shape) == len(self.shape) and all(
            wanted in (-1, size) for wanted, size in zip(self.shape, shape, strict=True)
        )
        if not fits:
            raise InvalidInput(
                f"{self.title} must have the shape {list(self.shape)}, not {list(shape)}.",
                reason="-1 stands for any size.",
                fix="Reshape the data.",
                code="wrong_shape",
            )
        if 0 in shape:
            raise InvalidInput(
                f"{self.title} is empty: its shape is {list(shape)}.",
                fix="Send at least one row.",
                code="empty_batch",
            )

    @property
    def title(self) -> str:
        """How an error names it."""
        return f"Tensor '{self.key}'" if self.name is not None else "The input tensor"


class TensorPlan:
    """The plan of a signature of tensors.

    Attributes
    ----------
    unnamed
        The signature has a single tensor without a name: an input of any name is taken for it.
    stackable
        The first axis of every tensor is free, so that calls can be stacked along it.
    quick
        It is one float64 tensor of two axes.
    """

    def __init__(self, ref: str, specs: tuple[TensorSpec, ...]) -> None:
        self.ref = ref
        self.specs = specs
        self.unnamed = specs[0].name is None
        self.index = {spec.key: position for position, spec in enumerate(specs)}
        self.stackable = all(spec.shape[:1] == (-1,) for spec in specs)
        first = specs[0]
        self.quick = len(specs) == 1 and first.datatype == "FP64" and len(first.shape) == 2
        self._headers: dict[tuple[tuple[int, ...], ...], dict[str, Any]] = {}

    def build(
        self, buffers: Sequence[bytes], shapes: Sequence[tuple[int, ...]], params: Payload
    ) -> Inputs:
        """Inputs from one buffer and one shape a tensor, in the signature's order."""
        trailing = tuple([shape[1:] for shape in shapes])
        header = self._headers.get(trailing)
        if header is not None and len(shapes) == 1 and self.stackable and shapes[0]:
            rows = shapes[0][0]  # the other axes were found to fit before
            check_rows(rows)
        else:
            for spec, shape in zip(self.specs, shapes, strict=True):
                spec.check_shape(shape)
            rows = self._rows(shapes)
        if header is None:
            header = self._headers[trailing] = {
                "form": "tensors",
                "columns": [spec.key for spec in self.specs],
                "types": [spec.datatype for spec in self.specs],
                "shapes": [list(shape) for shape in trailing],
            }
            if len(self._headers) > _MAX_HEADERS:
                self._headers.clear()
        values, text = params
        if not self.stackable:
            # the shapes as they are: the first axis is not the rows
            header = {**header, "whole_shapes": [list(shape) for shape in shapes]}
            return Inputs(rows, "tensors", object(), tuple(buffers), header, values)
        key = ("tensors", trailing) if text is None else ("tensors", trailing, text)
        return Inputs(rows, "tensors", key, tuple(buffers), header, values)

    def _rows(self, shapes: Sequence[tuple[int, ...]]) -> int:
        free = [
            (spec, shape[0])
            for spec, shape in zip(self.specs, shapes, strict=True)
            if spec.shape[:1] == (-1,)
        ]
        if not free:
            return shapes[0][0] if shapes[0] else 1
        (first, rows), *others = free
        for spec, other in others:
            if other != rows:
                raise InvalidInput(
                    f"Tensor '{spec.key}' has {other} rows, where '{first.key}' has {rows}.",
                    reason="All tensors of a call must have the same first axis.",
                    fix="Send one entry a row in every tensor.",
                    code="uneven_columns",
                )
        check_rows(rows)
        return rows

    def missing(self, keys: Sequence[str]) -> InvalidInput:
        """The answer to a call that lacks tensors; they are named."""
        names = ", ".join(f"'{key}'" for key in keys[:5])
        return InvalidInput(
            f"The data lacks the tensor{'s' if len(keys) > 1 else ''} {names}.",
            reason=f"The signature of {self.ref} has {len(self.specs)} tensors.",
            fix="Names are case-sensitive: see the model's metadata.",
            code="missing_column",
        )
