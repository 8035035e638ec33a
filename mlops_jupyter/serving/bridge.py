"""The bridge: a worker that holds no model but a program of any language, and asks it.

It is forked from a light zygote (none of the libraries of Python models), so pool, batches,
deadlines, restarts and records are those of every worker. A frame becomes a request of the
program's protocol, its answer is checked against the signature's outputs. When the program ends the
bridge ends in the same way, and the pool starts another; when the bridge is killed the program and
what it started go with it, since they are in its process group.
"""

from __future__ import annotations

import base64
import contextlib
import faulthandler
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any, NoReturn

from mlops_jupyter.serving import datetimes, isolation, packing
from mlops_jupyter.serving.columns import Column
from mlops_jupyter.serving.misfit import Misfit, kind_of
from mlops_jupyter.serving.nested import LEAVES
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.tensors import Outputs, Tensor
from mlops_jupyter.serving.tensorspecs import TensorSpec
from mlops_jupyter.serving.worker import WorkerSpec
from mlops_jupyter.types.datatypes import MISSING_TIME
from mlops_jupyter.workers import FLAVOR
from mlops_jupyter.workers.mlops_worker import (
    BadAnswer,
    HttpProgram,
    LinesProgram,
    Manifest,
    ProgramEnded,
    start,
)
from mlops_jupyter.workers.mlops_worker.manifest import make_executable
from mlops_jupyter.workers.mlops_worker.messages import dump, dump_floats

Header = Mapping[str, Any]
Answer = dict[str, Any]
Program = LinesProgram | HttpProgram

_NUMBERS = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
}
_FLOATS = ("FP16", "FP32", "FP64")
_TIME = {"of": "time", "dtype": "<M8[ns]"}


def load(spec: WorkerSpec) -> Bridge:
    """Start the program of the worker model that `spec` names, and ask it its example if it has.

    Raises NotReady with the program's last words, or what the example's answer lacks.
    """
    described = spec.flavors[FLAVOR]
    manifest = Manifest.of(described["worker"])
    folder = Path(spec.path) / described["folder"]
    make_executable(folder, tuple(described.get("executables") or ()))
    signature = Signature.compile(spec.signature, spec.model, spec.version)
    parent = os.getpid()
    isolation.end_group_with_parent()
    program = start(
        manifest,
        folder,
        own_group=False,
        before=lambda: isolation.die_with_parent(parent),
    )
    batchable = manifest.independent if spec.batchable is None else spec.batchable
    bridge = Bridge(program, manifest, signature, batchable)
    if manifest.example:
        bridge.try_example(manifest.example)
    return bridge


class Bridge:
    """Answers frames through a program; what `worker.serve` asks of a loaded model."""

    def __init__(
        self, program: Program, manifest: Manifest, signature: Signature, batchable: bool
    ) -> None:
        self.path = f"worker-{manifest.protocol}"
        self.batchable = batchable
        self._program = program
        self._rows = manifest.rows if batchable else sys.maxsize
        self._inputs = [item.key for item in signature.inputs]
        self._outputs: Sequence[Column | TensorSpec] = signature.outputs
        self.outputs = [_described(item) for item in signature.outputs]

    def score(self, header: Header, body: memoryview) -> list[tuple[int, Answer]]:
        """The program's answers to a frame, each with its number of rows."""
        rows, params, most = header["rows"], header.get("params"), self._rows
        columns = list(self._columns(header, body))
        answers = []
        try:
            for first in range(0, rows, most):
                count = min(most, rows - first)
                part = {name: _text(v[first : first + count], kind) for name, v, kind in columns}
                answers.append((count, self._program.ask(count, part, params)))
        except ProgramEnded as ended:
            end_as(ended)
        return answers

    def try_example(self, example: Mapping[str, Any]) -> None:
        """Ask for the answer to a few values, and check it as that of a call."""
        rows = len(next(iter(example.values())))
        inputs = {name: dump(values) for name, values in example.items()}
        try:
            self.pack([(rows, self._program.ask(rows, inputs))])
        except ProgramEnded as ended:
            end_as(ended)

    def pack(self, answers: list[tuple[int, Answer]]) -> Outputs:
        """The program's answers as outputs, checked against the signature."""
        rows = sum(count for count, _ in answers)
        wanted = [item.key for item in self._outputs]
        for count, answer in answers:
            _check_names(answer, wanted)
            for name in wanted:
                found = answer[name]
                if type(found) is not list:
                    raise BadAnswer(f"The output '{name}' is {kind_of(found)} in place of a list.")
                if len(found) != count and (self.batchable or len(answers) > 1):
                    raise BadAnswer(
                        f"The output '{name}' has {len(found)} values for {count} rows."
                    )
        columns = [
            answers[0][1][name]
            if len(answers) == 1
            else list(chain.from_iterable(answer[name] for _, answer in answers))
            for name in wanted
        ]
        packed = [_pack(item, values) for item, values in zip(self._outputs, columns, strict=True)]
        tensors = tuple(tensor for tensor, _ in packed)
        notes = [note for _, note in packed]
        if isinstance(self._outputs[0], Column):
            told = {str(place): note for place, note in enumerate(notes) if note}
            return Outputs(rows, "frame", tensors, {"notes": told} if told else {})
        extras = [{"note": note} if note else {} for note in notes]
        if len(tensors) == 1 and self._outputs[0].name is None:
            return Outputs(rows, "ndarray", tensors, extras[0])
        parts = [
            [tensor.name, "ndarray", extra, [tensor.name], tensor.shape[0]]
            for tensor, extra in zip(tensors, extras, strict=True)
        ]
        return Outputs(rows, "dict", tensors, {"parts": parts})

    def proof(self) -> dict[str, Any]:
        """Nothing is proven that a later worker could be spared."""
        return {}

    def attend(self, sock: socket.socket) -> None:
        """Wait for the next frame; end as the program does if it ends meanwhile."""
        try:
            self._program.attend(sock.fileno())
        except ProgramEnded as ended:
            end_as(ended)

    def stop(self) -> None:
        """End the program."""
        self._program.stop()

    # -- a frame's values ---------------------------------------------------------------------

    def _columns(
        self, header: Header, body: memoryview
    ) -> Iterator[tuple[str, Sequence[Any], str]]:
        """Name, values a row and datatype of every input."""
        rows, form = header["rows"], header["form"]
        if form == "matrix":
            width = len(self._inputs)
            cells = packing.unpacker("d", rows * width)(bytes(body))
            for place, name in enumerate(self._inputs):
                yield name, cells[place::width], "FP64"
            return
        start = 0
        shapes = header["shapes"] if form == "tensors" else [[rows]] * len(header["columns"])
        for name, kind, size, shape in zip(
            header["columns"], header["types"], header["sizes"], shapes, strict=True
        ):
            data = bytes(body[start : start + size])
            start += size
            if form == "tensors":
                flat = _values(kind, data)
                yield str(name), _nested(flat, shape), kind
            else:
                yield str(name), _column_values(kind, data), _NUMBERS.get(kind, "")


def _column_values(kind: str, data: bytes) -> Sequence[Any]:
    """The values of a column of MLflow's type `kind` as JSON holds them."""
    if kind in _NUMBERS:
        return packing.unpack(_NUMBERS[kind], data)
    if kind == "datetime":
        ticks = packing.unpack("INT64", data)
        return [None if tick == MISSING_TIME else datetimes.write(tick) for tick in ticks]
    if kind == "string":
        return packing.unpack_texts(data)
    items = packing.unpack_bytes(data)
    if kind == "binary":
        return [None if item is None else base64.b64encode(item).decode() for item in items]
    return [None if item is None else json.loads(item) for item in items]


def _values(datatype: str, data: bytes) -> Sequence[Any]:
    if datatype == "BYTES":
        return packing.unpack_texts(data)
    return packing.unpack(datatype, data)


def _nested(flat: Sequence[Any], shape: Sequence[int]) -> Sequence[Any]:
    """A row-major list of values as lists in lists of the given shape."""
    for size in reversed(shape[1:]):
        flat = [list(flat[at : at + size]) for at in range(0, len(flat), size)]
    return flat


def _text(values: Sequence[Any], datatype: str) -> bytes:
    return dump_floats(values) if datatype in _FLOATS else dump(values)


# -- the program's answer -------------------------------------------------------------------------


def _check_names(answer: Answer, wanted: list[str]) -> None:
    if lacking := [name for name in wanted if name not in answer]:
        raise BadAnswer(f"The program's answer lacks the output '{lacking[0]}'.")
    if len(answer) > len(wanted):
        more = next(name for name in answer if name not in wanted)
        raise BadAnswer(f"The signature has no output {ascii(more)[:60]}, which was answered.")


def _pack(item: Column | TensorSpec, values: list[Any]) -> tuple[Tensor, dict[str, Any]]:
    """One output, and the note on how to rebuild it."""
    try:
        if isinstance(item, TensorSpec):
            return _pack_tensor(item, values)
        return _pack_column(item, values)
    except Misfit as misfit:
        raise BadAnswer(
            f"The output '{item.key}' is not as the signature says: "
            f"the value in row {misfit.index} (counted from 0) {misfit.problem}."
        ) from None


def _pack_column(column: Column, values: list[Any]) -> tuple[Tensor, dict[str, Any]]:
    shape = (len(values),)
    kind = column.type
    if datatype := _NUMBERS.get(kind):
        return Tensor(column.key, datatype, shape, LEAVES[kind](values)), {}
    if kind == "datetime":
        ticks = packing.unpack("INT64", datetimes.pack_datetimes(values))
        texts = [None if tick == MISSING_TIME else datetimes.write(tick) for tick in ticks]
        return Tensor(column.key, "BYTES", shape, packing.pack_texts(texts)), _TIME
    of = {"string": "text", "binary": "bytes"}.get(kind, "json")
    content_type = {"text": None, "bytes": "base64"}.get(of, "json")
    data = column.packer()(values)
    return Tensor(column.key, "BYTES", shape, data, content_type), {"of": of, "dtype": "object"}


def _pack_tensor(spec: TensorSpec, values: list[Any]) -> tuple[Tensor, dict[str, Any]]:
    shape = [len(values)]
    flat = values
    for size in spec.shape[1:]:
        sizes = {len(row) if type(row) is list else -1 for row in flat}
        found = sizes.pop() if len(sizes) == 1 else -1
        if (found < 0 and flat) or size not in (-1, found):
            raise Misfit(0, f"has not the shape {list(spec.shape[1:])}")
        shape.append(found)
        flat = list(chain.from_iterable(flat))
    try:
        data = packing.pack(spec.datatype, flat)
    except Misfit as misfit:
        raise Misfit(misfit.index // max(prod(shape[1:]), 1), misfit.problem) from None
    note = {"of": "text", "dtype": "object"} if spec.datatype == "BYTES" else {}
    return Tensor(spec.key if spec.name else "predictions", spec.datatype, tuple(shape), data), note


def _described(item: Column | TensorSpec) -> dict[str, Any]:
    if isinstance(item, TensorSpec):
        return {"name": item.key, "datatype": item.datatype, "shape": list(item.shape)}
    return {"name": item.key, "datatype": _NUMBERS.get(item.type, "BYTES"), "shape": [-1]}


def end_as(ended: ProgramEnded) -> NoReturn:
    """End this process as the program ended, so that the pool sees and says what happened."""
    sys.stderr.write(f"{ended}\n")
    if ended.status < 0:
        faulthandler.disable()
        sys.stderr.flush()
        with contextlib.suppress(OSError, ValueError):  # KILL and STOP have no handler
            signal.signal(-ended.status, signal.SIG_DFL)
        with contextlib.suppress(OSError):
            os.kill(os.getpid(), -ended.status)
    isolation.leave(ended.status if ended.status >= 0 else 1)
