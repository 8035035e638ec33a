"""Reading an inference request of the Open Inference Protocol.

Source: the protocol's REST specification (kserve/open-inference-protocol) and its binary tensor
data extension (Triton): with ``Inference-Header-Content-Length`` the body is that many bytes of
JSON and then the data of the inputs that carry ``binary_data_size``, one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any

from mlops_jupyter.serving import packing
from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.types import InvalidInput, InvalidRequest, did_you_mean
from mlops_jupyter.types.datatypes import ITEM_SIZES

DATATYPES = (*ITEM_SIZES, "BYTES")
_DATATYPES = frozenset(DATATYPES)
_REQUEST_KEYS = frozenset(("id", "parameters", "inputs", "outputs"))
_INPUT_KEYS = frozenset(("name", "shape", "datatype", "parameters", "data"))
_OUTPUT_KEYS = frozenset(("name", "parameters"))
_MAX_RANK = 32
_MAX_ELEMENTS = 2**40
_EXAMPLE = '{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [0.5, 1.5]}]}'


@dataclass(frozen=True, slots=True)
class Options:
    """What the answer depends on besides the data.

    Attributes
    ----------
    id
        The request's own id, echoed.
    outputs
        Names asked for, each with whether its data shall be binary; None for all.
    binary
        Whether data is binary where an output does not say.
    """

    id: str | None = None
    outputs: tuple[tuple[str, bool], ...] | None = None
    binary: bool = False


PLAIN = Options()
"""The options of a request that asks for nothing special: all outputs, as JSON."""


@dataclass(slots=True)
class Received:
    """One input of a request: `raw` (packed data), or when that is None `values` (flat, JSON)."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: list[Any]
    raw: bytes | None
    content_type: str | None

    def packed(self) -> bytes:
        """The data as elements of the declared datatype; raises InvalidInput for a misfit."""
        if self.raw is not None:
            return self.raw
        try:
            return packing.pack(self.datatype, self.values)
        except Misfit as misfit:
            raise self.refusal(misfit) from None

    def refusal(self, misfit: Misfit) -> InvalidInput:
        """The answer to an element that its declared datatype cannot hold."""
        return InvalidInput(
            f"An input declared as {self.datatype} holds another kind of value.",
            reason=f"The value at position {misfit.index} (counted from 0) {misfit.problem}.",
            fix="Declare the datatype that the data has, or send data of the declared one.",
            code="wrong_type",
        )


def bad(message: str, reason: str = "", fix: str = f"Send e.g. {_EXAMPLE}.") -> InvalidRequest:
    """The answer to a request that is not one of this protocol."""
    return InvalidRequest(message, reason=reason, fix=fix, code="invalid_inference_request")


def read(document: Any, tail: bytes | None) -> tuple[list[Received], Options, dict[str, Any], int]:
    """Inputs, options, request parameters, and how many members the known objects have.

    `tail` is the binary data after the JSON, None when the request has none.
    """
    if type(document) is not dict:
        raise bad("The body must be a JSON object.")
    _check_keys(document, _REQUEST_KEYS, "The request")
    inputs = document.get("inputs")
    if type(inputs) is not list or not inputs:
        raise bad("The request must have 'inputs', a list with at least one entry.")
    parameters = _parameters(document, "The request")
    options, pairs = _options(document, parameters)
    pairs += len(document) + len(parameters)
    received = []
    start = 0
    for position, item in enumerate(inputs):
        entry = _one_value(item)
        if entry is None:
            entry, start = _input(item, position, tail, start)
            pairs += len(item.get("parameters") or ())
        pairs += len(item)
        received.append(entry)
    if tail is not None and start != len(tail):
        raise bad(
            "The binary sizes do not add up to the body.",
            reason=f"The inputs' binary_data_size sum to {start} bytes; {len(tail)} bytes follow "
            "the JSON.",
            fix="Let Inference-Header-Content-Length be the JSON's length in bytes.",
        )
    if len({entry.name for entry in received}) != len(received):
        raise bad("Two inputs have the same name.", fix="Send each input once.")
    return received, options, parameters, pairs


def _check_keys(given: dict[str, Any], known: frozenset[str], what: str) -> None:
    if given.keys() <= known:
        return
    strange = next(key for key in given if key not in known)
    raise bad(
        f"{what} has a member that the protocol does not know.",
        reason=did_you_mean(strange[:64], sorted(known)),
        fix=f"Send {', '.join(sorted(known))} only.",
    )


def _parameters(owner: dict[str, Any], what: str) -> dict[str, Any]:
    parameters = owner.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise bad(f"{what} has 'parameters' that are not an object.")
    return parameters


def _flag(parameters: dict[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if type(value) is not bool:
        raise bad(f"The parameter '{name}' must be true or false.")
    return value


def _options(document: dict[str, Any], parameters: dict[str, Any]) -> tuple[Options, int]:
    request_id = document.get("id")
    if request_id is not None and type(request_id) is not str:
        raise bad("The request's 'id' must be text.")
    binary = _flag(parameters, "binary_data_output", False)
    outputs = document.get("outputs")
    if outputs is None and request_id is None and not binary:
        return PLAIN, 0
    if outputs is None:
        return Options(request_id, None, binary), 0
    if type(outputs) is not list:
        raise bad("The request's 'outputs' must be a list.")
    wanted: dict[str, bool] = {}
    pairs = 0
    for item in outputs:
        if type(item) is not dict or type(item.get("name")) is not str:
            raise bad("Each entry of 'outputs' must be an object with a 'name'.")
        _check_keys(item, _OUTPUT_KEYS, "An entry of 'outputs'")
        own = _parameters(item, "An entry of 'outputs'")
        if item["name"] in wanted:
            raise bad("Two entries of 'outputs' have the same name.")
        wanted[item["name"]] = _flag(own, "binary_data", binary)
        pairs += len(item) + len(own)
    return Options(request_id, tuple(wanted.items()) or None, binary), pairs


# -- one input ------------------------------------------------------------------------------------


def _one_value(item: Any) -> Received | None:
    """The quick way for one value as JSON; None for all other inputs, wrong ones included."""
    if type(item) is not dict or len(item) != 4:
        return None
    shape, data, datatype, name = map(item.get, ("shape", "data", "datatype", "name"))
    if (
        shape == [1]
        and type(shape[0]) is int
        and type(data) is list
        and len(data) == 1
        and type(data[0]) is not list
        and type(datatype) is str
        and datatype in _DATATYPES
        and type(name) is str
    ):
        return Received(name, datatype, (1,), data, None, None)
    return None


def _input(item: Any, position: int, tail: bytes | None, start: int) -> tuple[Received, int]:
    what = f"Input {position} (counted from 0)"
    if type(item) is not dict:
        raise bad(f"{what} is not an object.")
    _check_keys(item, _INPUT_KEYS, what)
    name, datatype = item.get("name"), item.get("datatype")
    if type(name) is not str:
        raise bad(f"{what} must have a 'name' that is text.")
    if datatype not in DATATYPES or type(datatype) is not str:
        raise bad(
            f"{what} must have a 'datatype' of the protocol.",
            reason=did_you_mean(str(datatype)[:16], DATATYPES) if datatype else "It has none.",
            fix=f"Send one of {', '.join(DATATYPES)}.",
        )
    shape = _shape(item.get("shape"), what)
    parameters = _parameters(item, what)
    content_type = parameters.get("content_type")
    if content_type is not None and type(content_type) is not str:
        raise bad(f"{what} has a 'content_type' that is not text.")
    size = parameters.get("binary_data_size")
    if size is not None:
        raw, start = _binary(item, size, tail, start, what)
        _check_raw(raw, datatype, prod(shape), what)
        return Received(name, datatype, shape, [], raw, content_type), start
    values = _flatten(item.get("data"), shape, what)
    return Received(name, datatype, shape, values, None, content_type), start


def _shape(shape: Any, what: str) -> tuple[int, ...]:
    if (
        type(shape) is not list
        or len(shape) > _MAX_RANK
        or not all(type(size) is int and 0 <= size <= _MAX_ELEMENTS for size in shape)
        or prod(shape) > _MAX_ELEMENTS
    ):
        raise bad(
            f"{what} must have a 'shape': a list of whole numbers from 0 on.",
            reason=f"At most {_MAX_RANK} axes and 2^40 elements are taken.",
        )
    return tuple(shape)


def _binary(
    item: dict[str, Any], size: Any, tail: bytes | None, start: int, what: str
) -> tuple[bytes, int]:
    if type(size) is not int or size < 0:
        raise bad(f"{what} has a 'binary_data_size' that is not a whole number from 0 on.")
    if "data" in item:
        raise bad(f"{what} has both 'data' and 'binary_data_size'.", fix="Send one of them.")
    if tail is None:
        raise bad(
            f"{what} announces binary data, and the request has none.",
            fix="Send the header Inference-Header-Content-Length: the JSON's length in bytes.",
        )
    if start + size > len(tail):
        raise bad(
            f"The binary data of {what[0].lower()}{what[1:]} is longer than the body.",
            reason=f"{size} bytes are announced, {len(tail) - start} are left.",
            fix="Let binary_data_size be the bytes of that input's data.",
        )
    return tail[start : start + size], start + size


def _check_raw(raw: bytes, datatype: str, count: int, what: str) -> None:
    if datatype == "BYTES":
        try:
            found = len(packing.walk_bytes(raw)[0])
        except Misfit as misfit:
            raise bad(
                f"The binary data of {what[0].lower()}{what[1:]} is broken.",
                reason=f"Element {misfit.index} {misfit.problem}.",
                fix="Send each element as its length (4 bytes, little-endian) and its bytes.",
            ) from None
    else:
        found, rest = divmod(len(raw), ITEM_SIZES[datatype])
        found = -1 if rest else found
        if datatype == "BOOL" and raw.translate(None, b"\0\1"):
            raise bad(f"{what} has booleans other than 0 and 1.", fix="Send one byte each, 0 or 1.")
    if found != count:
        raise bad(
            f"The data of {what[0].lower()}{what[1:]} does not fit its shape.",
            reason=f"The shape has {count} elements of {datatype}; the data is {len(raw)} bytes.",
            fix="Let the product of the shape be the number of elements.",
        )


def _flatten(data: Any, shape: tuple[int, ...], what: str) -> list[Any]:
    """JSON data as a flat list, from flat or nested (as the shape) lists."""
    if type(data) is not list:
        raise bad(f"{what} must have 'data', a list.")
    count = prod(shape)
    if len(shape) < 2 or not data or type(data[0]) is not list:
        if len(data) != count:
            raise _unfit(what, count)
        return data
    level: list[list[Any]] = [data]
    for size in shape[:-1]:
        if any(len(entries) != size for entries in level):
            raise _unfit(what, count)
        level = list(chain.from_iterable(level))
        if any(type(entries) is not list for entries in level):
            raise _unfit(what, count)
    if any(len(entries) != shape[-1] for entries in level):
        raise _unfit(what, count)
    return list(chain.from_iterable(level))


def _unfit(what: str, count: int) -> InvalidRequest:
    return bad(
        f"The data of {what[0].lower()}{what[1:]} does not fit its shape.",
        reason=f"The shape has {count} elements.",
        fix="Send 'data' flat, or nested exactly as the shape says.",
    )
