"""Writing an inference response of the Open Inference Protocol.

How to rebuild what the model returned is in the response's ``parameters``: ``container`` and, as
JSON text, ``extra``. In JSON data, NaN and the infinities are null, as JSON has none of them; a
caller who needs them asks for binary data. BYTES are text; if one element is not UTF-8 all are
base64 and the output's ``content_type`` says so. In binary BYTES the length 0xFFFFFFFF is a missing
element.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from math import prod
from typing import Any

import orjson

from mlops_jupyter.serving import packing
from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.serving.oip_request import PLAIN, Options
from mlops_jupyter.serving.tensors import Outputs, Tensor
from mlops_jupyter.types import InvalidRequest, ModelError, did_you_mean
from mlops_jupyter.types.datatypes import ITEM_SIZES, STRUCT_CODES

JSON = "application/json"
BINARY = "application/octet-stream"


def encode(
    outputs: Outputs,
    options: Options,
    model: str,
    version: int | str,
    record_parameters: dict[str, Any] | None = None,
) -> tuple[bytes, str, int | None]:
    """Body, content type, and the JSON part's length when binary data follows it.

    Parameters
    ----------
    record_parameters
        Strings, numbers and booleans to add to the response's ``parameters``.

    Raises
    ------
    InvalidRequest
        An output was asked for that the model does not have.
    ModelError
        The worker's data does not fit its own description.
    """
    try:
        return _encode(outputs, options, model, version, record_parameters)
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        # names, shapes and `extra` come from the worker and may be anything
        raise unusable(f"It is not what it says it is ({type(error).__name__}).") from None


def _encode(
    outputs: Outputs,
    options: Options,
    model: str,
    version: int | str,
    record_parameters: dict[str, Any] | None,
) -> tuple[bytes, str, int | None]:
    tensors = outputs.tensors
    if options is PLAIN and len(tensors) == 1 and record_parameters is None:
        tensor = tensors[0]
        code = STRUCT_CODES.get(tensor.datatype)
        if code is not None:
            extra = orjson.dumps(outputs.extra) if outputs.extra else b""
            head, size, count = _head(
                model,
                version,
                outputs.container,
                extra,
                tensor.name,
                tensor.datatype,
                tensor.shape,
                tensor.content_type,
            )
            if len(tensor.data) == size:
                data = orjson.dumps(packing.unpacker(code, count)(tensor.data))
                return b"".join((head, data, b"}]}")), JSON, None
    return _encode_any(outputs, options, model, version, record_parameters)


@lru_cache(maxsize=1024)
def _head(
    model: str,
    version: int | str,
    container: str,
    extra: bytes,
    name: str,
    datatype: str,
    shape: tuple[int, ...],
    content_type: str | None,
) -> tuple[bytes, int, int]:
    """All that stands before the data of an answer with one output; its bytes and elements."""
    output: dict[str, Any] = {"name": name, "shape": shape, "datatype": datatype}
    if content_type is not None:
        output["parameters"] = {"content_type": content_type}
    parameters = {"container": container}
    if extra:
        parameters["extra"] = extra.decode()
    head = {
        "model_name": model,
        "model_version": str(version),
        "parameters": parameters,
        "outputs": [output],
    }
    count = prod(shape)
    text = orjson.dumps(head).removesuffix(b"}]}") + b',"data":'
    return text, count * ITEM_SIZES[datatype], count


def _encode_any(
    outputs: Outputs,
    options: Options,
    model: str,
    version: int | str,
    record_parameters: dict[str, Any] | None,
) -> tuple[bytes, str, int | None]:
    parameters: dict[str, Any] = {"container": outputs.container}
    if outputs.extra:
        parameters["extra"] = orjson.dumps(outputs.extra).decode()
    parameters.update(record_parameters or {})
    answer: dict[str, Any] = {"model_name": model, "model_version": str(version)}
    if options.id is not None:
        answer["id"] = options.id
    described: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for tensor, binary in _choose(outputs.tensors, options):
        check_tensor(tensor)
        if binary:
            described.append(_describe(tensor, {"binary_data_size": len(tensor.data)}))
            tail.append(tensor.data)
        else:
            described.append(_describe_json(tensor))
    answer["parameters"] = parameters
    answer["outputs"] = described
    head = orjson.dumps(answer)
    if not tail:
        return head, JSON, None
    return b"".join((head, *tail)), BINARY, len(head)


def _choose(tensors: tuple[Tensor, ...], options: Options) -> list[tuple[Tensor, bool]]:
    if options.outputs is None:
        return [(tensor, options.binary) for tensor in tensors]
    by_name = {tensor.name: tensor for tensor in tensors}
    chosen = []
    for name, binary in options.outputs:
        if name not in by_name:
            raise InvalidRequest(
                "An output was asked for that the model does not have.",
                reason=did_you_mean(name[:64], by_name),
                fix="Leave 'outputs' out to get all of them.",
                code="unknown_output",
            )
        chosen.append((by_name[name], binary))
    return chosen


def _describe(tensor: Tensor, parameters: dict[str, Any]) -> dict[str, Any]:
    if tensor.content_type is not None:
        parameters = {"content_type": tensor.content_type, **parameters}
    described: dict[str, Any] = {
        "name": tensor.name,
        "shape": tensor.shape,
        "datatype": tensor.datatype,
    }
    if parameters:
        described["parameters"] = parameters
    return described


def _describe_json(tensor: Tensor) -> dict[str, Any]:
    if tensor.datatype != "BYTES":
        described = _describe(tensor, {})
        described["data"] = packing.unpack(tensor.datatype, tensor.data)
        return described
    texts, is_base64 = bytes_as_texts(tensor)
    described = _describe(tensor, {"content_type": "base64"} if is_base64 else {})
    described["data"] = texts
    return described


def bytes_as_texts(tensor: Tensor) -> tuple[list[str | None], bool]:
    """Elements of a BYTES tensor as JSON can hold them, and whether they became base64."""
    if tensor.content_type != "base64":
        try:
            return packing.unpack_texts(tensor.data), False
        except Misfit:
            pass
    items = packing.unpack_bytes(tensor.data)
    return [None if item is None else base64.b64encode(item).decode() for item in items], True


def check_tensor(tensor: Tensor) -> None:
    """Refuse a worker's tensor whose data does not fit its datatype and shape."""
    count = prod(tensor.shape)
    fits = False
    if tensor.datatype in ITEM_SIZES:
        fits = len(tensor.data) == count * ITEM_SIZES[tensor.datatype]
    elif tensor.datatype == "BYTES":
        try:
            fits = len(packing.walk_bytes(tensor.data)[0]) == count
        except Misfit:
            fits = False
    if not fits:
        raise unusable(f"Its data does not fit the shape {list(tensor.shape)}.")


def unusable(reason: str) -> ModelError:
    """The answer when a worker's result breaks the agreed form."""
    return ModelError(
        "The model's answer cannot be used.",
        reason=reason,
        fix="Call the model in the notebook with the same data and look at what it returns.",
        code="unusable_answer",
    )
