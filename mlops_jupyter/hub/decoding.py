"""Reading queries and bodies of the control API strictly, with errors that name the field."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from mlops_jupyter.types import InvalidInput, InvalidRequest

_ECHO = re.compile(r"Invalid enum value .*?(?= - at|$)", re.DOTALL)


def decode_body(body: bytes, kind: Any) -> Any:
    """Read a JSON body as `kind`.

    Raises
    ------
    InvalidRequest
        It is no JSON, or holds a key twice.
    InvalidInput
        It is JSON of another form; the field is named, the value is not shown.
    """
    try:
        # msgspec refuses invalid UTF-8, lone surrogates and NaN, but takes the last of two keys
        msgspec.json.decode(body)
        plain = json.loads(body, object_pairs_hook=_once)
    except RecursionError:
        raise _not_json("It is nested too deep.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise _not_json(f"{error}.") from None
    unknown = _unknown(plain, _type_info(kind), "$")
    if unknown:
        raise _unfit(unknown)
    try:
        return msgspec.convert(plain, kind, str_keys=True)
    except msgspec.ValidationError as error:
        raise _unfit(_ECHO.sub("It is not one of the allowed values", str(error))) from None


def decode_query(query: str, kind: type) -> Any:
    """Read a query string as the Struct `kind`; numbers and truth values are read from text."""
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=bool(query), errors="strict"
        )
        plain = _once(pairs)
    except ValueError as error:
        raise InvalidRequest(
            "The query string cannot be read.",
            reason=f"{error}.",
            fix="Write it as name=value&name=value.",
            code="invalid_query",
        ) from None
    unknown = _unknown(plain, _type_info(kind), "query ")
    try:
        if not unknown:
            return msgspec.convert(plain, kind, strict=False)
    except msgspec.ValidationError as error:
        unknown = _ECHO.sub("It is not one of the allowed values", str(error)).replace("$.", "")
    raise InvalidRequest(
        "The query string does not fit.",
        reason=f"{unknown}.",
        fix="See /openapi.json for the parameters.",
        code="invalid_query",
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{ascii(name)[:60]} is there twice")
        found[name] = value
    return found


@lru_cache(maxsize=64)
def _type_info(kind: Any) -> Any:
    from msgspec import inspect

    return inspect.type_info(kind)


def _unknown(value: Any, kind: Any, where: str) -> str:
    """A sentence on the first field that `kind` does not have, or an empty string."""
    from msgspec import inspect

    if isinstance(kind, inspect.UnionType):
        fitting = [one for one in kind.types if isinstance(value, _python_type(one))]
        return _unknown(value, fitting[0], where) if fitting else ""
    if isinstance(kind, (inspect.StructType, inspect.DataclassType)) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in kind.fields}
        for name, inner in value.items():
            if name not in fields:
                return f"There is no field {ascii(name)[:60]} - at `{where}`"
            if found := _unknown(inner, fields[name], f"{where}.{name}"):
                return found
    if isinstance(kind, (inspect.ListType, inspect.VarTupleType)) and isinstance(value, list):
        for index, inner in enumerate(value):
            if found := _unknown(inner, kind.item_type, f"{where}[{index}]"):
                return found
    return ""


def _python_type(kind: Any) -> type:
    from msgspec import inspect

    if isinstance(kind, (inspect.StructType, inspect.DataclassType, inspect.DictType)):
        return dict
    if isinstance(kind, (inspect.ListType, inspect.VarTupleType)):
        return list
    return type(None)


def _not_json(reason: str) -> InvalidRequest:
    return InvalidRequest(
        "The body is not valid JSON.",
        reason=reason,
        fix="Send one JSON object in UTF-8.",
        code="invalid_json",
    )


def _unfit(reason: str) -> InvalidInput:
    return InvalidInput(
        "The body does not fit this operation.",
        reason=f"{reason}.",
        fix="See /openapi.json for the fields.",
        code="invalid_body",
    )
