"""Signatures and bodies for the tests of the protocols, and the data that came of a body."""

from __future__ import annotations

import base64
import json
from typing import Any

from mlops_jupyter.serving import invocations, oip, packing
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.tensors import Inputs, Outputs, Tensor
from mlops_jupyter.types.datatypes import MISSING_TIME

LEAF_TYPES = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")


def columns(**types: Any) -> Signature:
    """A signature of named columns; a type may be a dict with more members."""
    described = [
        {"required": True, **(kind if isinstance(kind, dict) else {"type": kind}), "name": name}
        for name, kind in types.items()
    ]
    return compiled(described)


def unnamed(*types: str) -> Signature:
    return compiled([{"type": kind, "required": True} for kind in types])


def tensors(**specs: tuple[str, tuple[int, ...]]) -> Signature:
    return compiled([{"name": name, **_spec(*spec)} for name, spec in specs.items()])


def tensor(dtype: str, *shape: int) -> Signature:
    return compiled([_spec(dtype, shape)])


def _spec(dtype: str, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": list(shape)}}


def compiled(inputs: Any, outputs: Any = None, params: Any = None) -> Signature:
    described = {"inputs": inputs, "outputs": outputs, "params": params}
    return Signature.compile(
        {key: None if value is None else json.dumps(value) for key, value in described.items()},
        name="churn",
        version=3,
    )


# -- bodies ---------------------------------------------------------------------------------------


def entry(name: str, datatype: str, shape: list[int], data: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, **more}


def infer(signature: Signature, *inputs: dict[str, Any], **members: Any) -> Inputs:
    return infer_with_options(signature, *inputs, **members)[0]


def infer_with_options(
    signature: Signature, *inputs: dict[str, Any], **members: Any
) -> tuple[Inputs, oip.Options]:
    body = json.dumps({"inputs": list(inputs), **members}).encode()
    return oip.decode(body, None, signature)


def infer_binary(signature: Signature, *parts: tuple[dict[str, Any], bytes | None]) -> Inputs:
    """An inference request whose inputs with bytes carry them behind the JSON."""
    entries = []
    for header, data in parts:
        described = {**header}
        if data is not None:
            described.pop("data", None)
            described["parameters"] = {"binary_data_size": len(data)}
        entries.append(described)
    head = json.dumps({"inputs": entries}).encode()
    tail = b"".join(data for _, data in parts if data is not None)
    return oip.decode(head + tail, len(head), signature)[0]


def invoke(signature: Signature, document: Any) -> Inputs:
    return invocations.decode(json.dumps(document).encode(), "application/json", signature)[0]


def split(signature: Signature, names: list[Any], *rows: list[Any]) -> Inputs:
    return invoke(signature, {"dataframe_split": {"columns": names, "data": list(rows)}})


def records(signature: Signature, *rows: dict[str, Any]) -> Inputs:
    return invoke(signature, {"dataframe_records": list(rows)})


def one(signature: Signature, value: Any) -> Any:
    """What a single value of the only column becomes."""
    (values,) = data_of(split(signature, ["x"], [value])).values()
    return values[0]


# -- what came of it ------------------------------------------------------------------------------

_DATATYPES = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "datetime": "INT64",
    "float": "FP32",
    "double": "FP64",
}


def data_of(inputs: Inputs) -> dict[Any, list[Any]]:
    """The buffers as Python values by column; a matrix has the one column ''."""
    found = {}
    for name, kind, buffer in zip(
        inputs.header["columns"], inputs.header["types"], inputs.buffers, strict=True
    ):
        if kind in _DATATYPES:
            values = list(packing.unpack(_DATATYPES[kind], buffer))
            if kind == "datetime":
                values = [None if value == MISSING_TIME else value for value in values]
        elif kind in packing.INTEGER_RANGES or kind in ("FP16", "FP32", "FP64", "BOOL"):
            values = list(packing.unpack(kind, buffer))
        elif kind == "binary":
            values = packing.unpack_bytes(buffer)
        else:
            values = packing.unpack_texts(buffer)
            if kind not in ("string", "BYTES"):
                values = [None if value is None else json.loads(value) for value in values]
        found[name] = values
    return found


def matrix_of(inputs: Inputs) -> list[list[float]]:
    """The rows of a matrix."""
    (values,) = data_of(inputs).values()
    (width,) = inputs.header["shapes"][0]
    return [values[i : i + width] for i in range(0, len(values), width)]


def texts(*items: str | bytes | None) -> bytes:
    return packing.pack_bytes([i.encode() if isinstance(i, str) else i for i in items])


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# -- answers --------------------------------------------------------------------------------------


def output(datatype: str, values: Any, *shape: int, name: str = "predictions") -> Tensor:
    data = texts(*values) if datatype == "BYTES" else packing.pack(datatype, values)
    return Tensor(name, datatype, shape or (len(values),), data)


def answer(*outputs: Tensor, container: str = "ndarray", **extra: Any) -> Outputs:
    rows = outputs[0].shape[0] if outputs and outputs[0].shape else 1
    return Outputs(rows, container, outputs, extra)
