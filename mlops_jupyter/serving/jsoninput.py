"""Reading JSON bodies strictly.

RFC 8259 and no more: no NaN or Infinity, no invalid UTF-8, no lone surrogates, no numbers beyond
float64, bounded depth; whole numbers of any size stay exact. Two members with one name in one
object are refused, since JSON leaves open which of them counts.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from mlops_jupyter.types import InvalidRequest

_DECODER = msgspec.json.Decoder()
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_NOT_JSON_NUMBERS = re.compile(rb"[\[:,\s]-?(?:NaN|nan|Infinity|Inf|inf)\b")
_SEND_NULL = "Send null where a value is missing."


def load(body: bytes) -> Any:
    """The value of a JSON text; InvalidRequest (``invalid_json``) says where it breaks."""
    try:
        return _DECODER.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise malformed(body, error) from None


def malformed(body: bytes, error: Exception) -> InvalidRequest:
    """The answer to a body that is not JSON."""
    fix = "Send one JSON object, encoded as UTF-8."
    if not body.strip():
        reason = "The body is empty."
    elif isinstance(error, RecursionError):
        reason = "It is nested too deep."
        fix = "Send at most a few levels of lists and objects."
    elif isinstance(error, UnicodeDecodeError):
        reason = "A text in it is not valid UTF-8."
    elif _NOT_JSON_NUMBERS.search(_STRINGS.sub(b'""', body)):
        reason, fix = "JSON has no NaN and no Infinity.", _SEND_NULL
    elif "out of range" in str(error):
        reason = "A number in it is beyond the range of float64."
    elif "surrogate" in str(error):
        reason = "A text in it has half of a surrogate pair."
    else:
        reason = f"{error}."
    return InvalidRequest(
        "The body is not valid JSON.", reason=reason, fix=fix, code="invalid_json"
    )


def refuse_duplicates(body: bytes, document: Any, pairs: int) -> None:
    """Refuse a body in which an object has two members with one name.

    Every member has one colon outside strings, and parsing keeps one member a name: more colons
    than members are duplicates. `pairs` is what the caller counted at the levels that he knows;
    when that equals the plain count of colons, nothing else needs to be looked at.
    """
    if body.count(b":") == pairs:
        return
    colons = _STRINGS.sub(b"", body).count(b":")
    if colons not in (pairs, _count_pairs(document)):
        raise InvalidRequest(
            "An object in the body has two members with the same name.",
            reason="JSON leaves open which of them counts.",
            fix="Send each name once.",
            code="duplicate_key",
        )


def _count_pairs(document: Any) -> int:
    pairs = 0
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if type(value) is dict:
            pairs += len(value)
            waiting.extend(v for v in value.values() if type(v) is dict or type(v) is list)
        elif type(value) is list:
            waiting.extend(v for v in value if type(v) is dict or type(v) is list)
    return pairs
