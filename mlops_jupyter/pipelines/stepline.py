"""A step's line: the endpoint, what it takes and gives, and its options."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from mlops_jupyter.pipelines.graph import ONLY, Step
from mlops_jupyter.pipelines.syntax import InvalidPipeline, Token, Tokens
from mlops_jupyter.types import ModelRef, check_name, did_you_mean

OPTIONS = ("timeout", "retry", "wait", "fallback")
_SECONDS = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(ms|s|m)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def read_step(tokens: Tokens) -> Step:
    """The step that a line describes."""
    ref = _ref(tokens)
    name = ref.name
    if tokens.took("as"):
        at = tokens.next.at
        name = _name(tokens, "a name for the step")
        _check(tokens, at, name, "step name")
    takes = _mapping(tokens, ")") if tokens.took("(") else {}
    gives = _mapping(tokens, "") if tokens.took("->") else {}
    options = _options(tokens)
    return Step(
        name,
        ref.name,
        ref.version,
        ref.alias,
        takes={
            ONLY if field is None else key: key if field is None else field
            for key, field in takes.items()
        },
        gives={key: ONLY if output is None else output for key, output in gives.items()},
        **options,
    )


def _mapping(tokens: Tokens, closing: str) -> dict[str, str | None]:
    """``a=b, c``, where `c` alone has None; without a `closing` mark it ends with its last name."""
    found: dict[str, str | None] = {}
    while not (closing and tokens.took(closing)):
        if found:
            tokens.need(",", "Separate them by commas.")
        at = tokens.next.at
        key = read_field(tokens)
        if key in found:
            tokens.refuse(f"{ascii(key)[:40]} is there twice", at)
        found[key] = read_field(tokens) if tokens.took("=") else None
        if not closing and tokens.next.text != ",":
            break
    alone = [key for key, value in found.items() if value is None]
    if closing and alone and len(found) > 1:
        tokens.refuse(
            f"{ascii(alone[0])[:40]} stands for no input", tokens.next.at, "Write input=field."
        )
    return found


def _options(tokens: Tokens) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while tokens.next.kind != "end":
        token = tokens.next
        option = tokens.took(*OPTIONS)
        if not option:
            hint = did_you_mean(token.text[:40], OPTIONS) if token.kind == "name" else ""
            tokens.expected("the end of the line or an option", hint)
        key = {"retry": "retries"}.get(option, option)
        if key in found or (option == "fallback" and "constants" in found):
            tokens.refuse(f"'{option}' is there twice", token.at)
        tokens.need("=", f"Write e.g. {option}={_EXAMPLES[option]}.")
        if option == "fallback":
            if tokens.took("{"):
                found["constants"] = _constants(tokens)
            else:
                found["fallback"] = str(_ref(tokens))
        else:
            found[key] = _count(tokens) if option == "retry" else _seconds(tokens)
    return found


_EXAMPLES = {"timeout": "5s", "retry": "2", "wait": "100ms", "fallback": "another-endpoint"}


def _constants(tokens: Tokens) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while not tokens.took("}"):
        if found:
            tokens.need(",", "Separate values by commas.")
        key = read_field(tokens)
        tokens.need(":", 'Write e.g. fallback={label: "unknown"}.')
        found[key] = _constant(tokens)
    return found


def _constant(tokens: Tokens) -> Any:
    token = tokens.next
    words = {"true": True, "false": False, "null": None}
    if token.kind == "text":
        return tokens.string(tokens.take())
    if token.kind == "number":
        number = json.loads(tokens.take().text)
        if not math.isfinite(number) or (type(number) is int and abs(number) >= 2**63):
            tokens.refuse("the number is too large", token.at)
        return number
    if token.kind == "name" and token.text in words:
        return words[tokens.take().text]
    return tokens.expected("a text in quotes, a number, true, false or null")


def _count(tokens: Tokens) -> int:
    token = tokens.next
    if token.kind != "number" or not token.text.isdecimal() or len(token.text) > 4:
        tokens.expected("a whole number")
    return int(tokens.take().text)


def _seconds(tokens: Tokens) -> float:
    match = _SECONDS.fullmatch(tokens.next.text) if tokens.next.kind == "name" else None
    if match is None:
        tokens.expected("a time", "Write e.g. 5s, 100ms or 2m.")
    tokens.take()
    return round(float(match[1]) * _UNITS[match[2]], 9)


def _ref(tokens: Tokens) -> ModelRef:
    at = tokens.next.at
    name = _name(tokens, "the name of an endpoint")
    _check(tokens, at, name, "endpoint name")
    if tokens.took("@"):
        at = tokens.next.at
        alias = _name(tokens, "an alias")
        _check(tokens, at, alias, "alias")
        return ModelRef(name, alias=alias)
    if tokens.took("/"):
        at = tokens.next.at
        version = _count(tokens)
        if not version:
            tokens.refuse("versions are counted from 1", at)
        return ModelRef(name, version=version)
    return ModelRef(name)


def _name(tokens: Tokens, what: str) -> str:
    if tokens.next.kind not in ("name", "number", "field"):
        tokens.expected(what)
    return tokens.field(tokens.take())


def read_field(tokens: Tokens) -> str:
    """The name of a field, bare or in backquotes."""
    token: Token = tokens.next
    if token.kind not in ("name", "field"):
        tokens.expected("the name of a field", "A name that is no plain word is in backquotes.")
    return tokens.field(tokens.take())


def _check(tokens: Tokens, at: int, name: str, what: str) -> None:
    try:
        check_name(name, what)
    except InvalidPipeline:
        raise
    except Exception as error:
        tokens.refuse(f"{ascii(name)[:40]} is not a valid {what}", at, getattr(error, "reason", ""))
