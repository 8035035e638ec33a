"""The Open Inference Protocol, version 2, over REST: requests in, answers and metadata out.

Source: kserve/open-inference-protocol, specification/protocol/inference_rest.md, with the binary
tensor data extension. Reading is in ``oip_request.py`` and ``oip_inputs.py``, writing in
``oip_response.py``; here are the doors, and the quick way for the bodies that are sent most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
import orjson

from mlops_jupyter.serving import jsoninput, packing
from mlops_jupyter.serving.columns import Column, Table
from mlops_jupyter.serving.oip_inputs import NATIVE, fit_columns, fit_tensors, raw_input
from mlops_jupyter.serving.oip_request import PLAIN, Options, bad, read
from mlops_jupyter.serving.oip_response import encode
from mlops_jupyter.serving.signature import Description, Signature
from mlops_jupyter.serving.tensors import Inputs
from mlops_jupyter.serving.tensorspecs import TensorPlan, TensorSpec
from mlops_jupyter.types import MlopsError

__all__ = [
    "Options",
    "decode",
    "encode",
    "error",
    "header_length",
    "metadata",
    "server_metadata",
]

EXTENSIONS = ["model_metadata", "binary_tensor_data"]
_EXACT = 2.0**53
_Double = Annotated[float, msgspec.Meta(gt=-_EXACT, lt=_EXACT)]
"""A number that the parser cannot have rounded from a whole one."""


class _Tensor(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    name: str
    shape: tuple[int, int]
    datatype: Literal["FP64"]
    data: list[_Double]


class _TensorRequest(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    inputs: tuple[_Tensor]
    id: str | None = None


_read_tensor = msgspec.json.Decoder(_TensorRequest).decode


@lru_cache(maxsize=256)
def _row_reader(table: Table) -> Callable[[bytes], Any]:
    """Parser of one row sent as a named input a column; other names, shapes or types it refuses.

    A parser that knows the names makes no new text of them, and looks nothing up afterwards.
    """
    column = msgspec.defstruct(
        "Column",
        [
            ("name", Literal[tuple(table.keys)]),
            ("shape", Annotated[list[Literal[1]], msgspec.Meta(min_length=1, max_length=2)]),
            ("datatype", Literal["FP64"]),
            ("data", tuple[_Double]),
        ],
        gc=False,
        forbid_unknown_fields=True,
    )
    request = msgspec.defstruct(
        "Request",
        [("inputs", list[column]), ("id", str | None, None)],  # type: ignore[valid-type]
        gc=False,
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(request).decode


def header_length(value: bytes | None, body_length: int) -> int | None:
    """The value of Inference-Header-Content-Length as a checked number; None when absent."""
    if value is None:
        return None
    text = value.strip()
    if not text.isdigit() or len(text) > 12 or int(text) > body_length:
        raise bad(
            "Inference-Header-Content-Length must be a number of bytes within the body.",
            reason=f"The body has {body_length} bytes.",
            fix="Send the length of the JSON part, or leave the header out.",
        )
    return int(text)


def decode(body: bytes, header_length: int | None, signature: Signature) -> tuple[Inputs, Options]:
    """Read and check an inference request.

    Parameters
    ----------
    header_length
        Bytes of JSON before binary data; None when the whole body is JSON, 0 when none of it is.

    Raises
    ------
    InvalidRequest
        The body is not a request of the protocol.
    InvalidInput
        It is, and its data does not fit the signature; the column or tensor is named.
    """
    if header_length is None:
        quick = _decode_quick(body, signature)
        if quick is not None:
            return quick
    table, plan = signature.table, signature.tensors
    if header_length == 0:
        received, options = [raw_input(body, table, plan)], PLAIN
        params = signature.params.check(None)
    else:
        text = body if header_length is None else body[:header_length]
        document = jsoninput.load(text)
        tail = None if header_length is None else body[header_length:]
        received, options, parameters, pairs = read(document, tail)
        jsoninput.refuse_duplicates(text, document, pairs)
        known = {name: parameters[name] for name in signature.params.known if name in parameters}
        params = signature.params.check(known)
    if table is not None:
        return fit_columns(received, table, params), options
    assert plan is not None
    return fit_tensors(received, plan, params), options


# -- the quick way --------------------------------------------------------------------------------


def _decode_quick(body: bytes, signature: Signature) -> tuple[Inputs, Options] | None:
    """Inputs of plain FP64 requests for all-double signatures; None for all others.

    None says nothing about the request: the general way then decides, and words the errors. The
    typed parser guards the types and refuses whole numbers that it may have rounded; here are left
    the shapes and duplicate names (more colons than members).
    """
    table, plan = signature.table, signature.tensors
    if not (table.matrix if table is not None else plan is not None and plan.quick):
        return None
    pairs = body.count(b":")
    named = table if pairs > 6 else None
    try:
        request = _row_reader(named)(body) if named is not None else _read_tensor(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    inputs = request.inputs
    if pairs != 4 * len(inputs) + (1 if request.id is None else 2):
        return None
    if named is not None:
        found = _quick_columns(inputs, named, signature)
    else:
        found = _quick_tensor(inputs[0], table, plan, signature)
    return None if found is None else (found, PLAIN if request.id is None else Options(request.id))


def _quick_columns(inputs: Sequence[Any], table: Table, signature: Signature) -> Inputs | None:
    names = [entry.name for entry in inputs]
    row = [entry.data[0] for entry in inputs]
    if names != table.keys:
        by_name = dict(zip(names, row, strict=True))
        if len(by_name) != table.width or len(row) != table.width:
            return None
        row = [by_name[name] for name in table.keys]
    data = packing.packer("d", table.width)(*row)
    return table.from_matrix(data, 1, signature.params.absent)


def _quick_tensor(
    entry: _Tensor, table: Table | None, plan: TensorPlan | None, signature: Signature
) -> Inputs | None:
    rows, width = entry.shape
    data = entry.data
    if rows <= 0 or rows * width != len(data):
        return None
    if table is not None:
        if width != table.width or entry.name in table.index:
            return None
        packed = packing.packer("d", len(data))(*data)
        return table.from_matrix(packed, rows, signature.params.absent)
    assert plan is not None
    if not plan.unnamed and entry.name != plan.specs[0].key:
        return None
    packed = packing.packer("d", len(data))(*data)
    return plan.build((packed,), ((rows, width),), signature.params.absent)


# -- metadata and errors --------------------------------------------------------------------------


def metadata(signature: Signature, name: str, versions: list[str]) -> dict[str, Any]:
    """The protocol's model metadata.

    What a datatype alone does not say is in a tensor's ``parameters``: ``content_type`` (``str``,
    ``base64``, ``datetime`` or ``json``, for BYTES) and ``optional``.
    """
    return {
        "name": name,
        "versions": versions,
        "platform": "mlflow",
        "inputs": _describe(signature.inputs, "input"),
        "outputs": _describe(signature.outputs, "output"),
    }


def _describe(items: Description, what: str) -> list[dict[str, Any]]:
    described = []
    each: Sequence[Column | TensorSpec] = items
    for position, item in enumerate(each):
        name = f"{what}-{position}" if item.name is None else str(item.name)
        if not isinstance(item, Column):
            described.append({"name": name, "datatype": item.datatype, "shape": list(item.shape)})
            continue
        entry: dict[str, Any] = {
            "name": name,
            "datatype": NATIVE.get(item.type, "BYTES"),
            "shape": [-1],
        }
        parameters: dict[str, Any] = {}
        if item.type not in NATIVE:
            parameters["content_type"] = _CONTENT_TYPES.get(item.type, "json")
        if not item.required:
            parameters["optional"] = True
        if parameters:
            entry["parameters"] = parameters
        described.append(entry)
    return described


_CONTENT_TYPES = {"string": "str", "binary": "base64", "datetime": "datetime"}


def server_metadata() -> bytes:
    """The body of ``GET /v2``."""
    from mlops_jupyter import __version__

    return orjson.dumps({"name": "mlops-jupyter", "version": __version__, "extensions": EXTENSIONS})


def error(error: MlopsError | str) -> bytes:
    """The body of an error answer: the protocol's ``error`` beside our own members."""
    if isinstance(error, str):
        return orjson.dumps({"error": error})
    return orjson.dumps({"error": str(error), **error.to_dict()})
