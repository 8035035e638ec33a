"""The messages of the protocol: how a request is written and an answer is read, without any I/O.

A request is one line of JSON, ``{"id", "rows", "inputs"}``; its answer repeats the id with
``outputs`` or ``error``. Missing numbers are null, the infinities 1e999 and -1e999: both are JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from .errors import BadAnswer, ProgramError

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]

MAX_LINE = 64 * 1024 * 1024
"""Bytes of one line, in either direction."""

_INFINITIES = (math.inf, -math.inf)


def dump(value: Any) -> bytes:
    """Compact JSON text in UTF-8 of what holds no infinite numbers; NaN is null."""
    if orjson is not None:
        try:
            return orjson.dumps(value)
        except TypeError:
            pass  # integers past 64 bits
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except ValueError:
        return json.dumps(_without_nan(value), separators=(",", ":")).encode()


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return value


def dump_floats(values: Sequence[Any]) -> bytes:
    """A list of numbers that may be NaN (null) or infinite, or of such lists."""
    if values and isinstance(values[0], list):
        return b"[" + b",".join(map(dump_floats, values)) + b"]"
    if orjson is not None and _INFINITIES[0] not in values and _INFINITIES[1] not in values:
        return orjson.dumps(values)  # writes NaN as null
    return ("[" + ",".join(map(_float, values)) + "]").encode()


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "null" if math.isnan(value) else "1e999" if value > 0 else "-1e999"


def request(
    number: int, rows: int, inputs: Mapping[str, bytes], params: Mapping[str, Any] | None
) -> bytes:
    """One request, its inputs given as JSON texts, without an end of line."""
    columns = b",".join(b"%b:%b" % (dump(name), text) for name, text in inputs.items())
    more = b"" if not params else b',"params":' + dump(params)
    return b'{"id":%d,"rows":%d,"inputs":{%b}%b}' % (number, rows, columns, more)


def read(line: bytes) -> dict[str, Any]:
    """The object in a line; raises BadAnswer when it holds none."""
    try:
        message = _load(line)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"The program's answer is not JSON: {_said(error)}.") from None
    if not isinstance(message, dict):
        raise BadAnswer("The program's answer is no JSON object.")
    return message


def _load(line: bytes) -> Any:
    if orjson is not None:
        try:
            return orjson.loads(line)
        except ValueError:
            pass  # 1e999, which is JSON, is too much for it; or it is none
    return json.loads(line, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON, write null for a missing number and 1e999 for infinity")


def _said(error: BaseException) -> str:
    return str(error).partition(": line")[0][:150]


def outputs_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of an answer; raises ProgramError for an answer that is an error."""
    if (error := message.get("error")) is not None:
        said = error if isinstance(error, dict) else {"message": error}
        raise ProgramError(
            str(said.get("message") or "The program gave no reason."),
            str(said.get("class") or "WorkerError")[:100],
        )
    outputs = message.get("outputs")
    if not isinstance(outputs, dict):
        raise BadAnswer("The program's answer has neither 'outputs' nor 'error'.")
    return outputs
