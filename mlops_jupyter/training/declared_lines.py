"""The parameters that a cell of another language than Python declares, where a line says one.

Read is ``name = literal`` as R, Julia, Scala, Matlab, the .NET languages and bash write it; of what
stands there otherwise the name alone is known.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from mlops_jupyter.training.declaration import Parameter, json_like, type_of, with_default


@dataclass(frozen=True)
class _Syntax:
    """How a language writes what a line of parameters is made of."""

    comment: str = "#"
    words: tuple[tuple[str, Any], ...] = (("true", True), ("false", False))
    opening: str = r"\["
    escapes: bool = True
    numbers: str = "int"
    """What a whole number without a mark is."""


_DOTNET = _Syntax("//", (("true", True), ("false", False), ("null", None), ("None", None)))
_R = _Syntax(
    words=(("TRUE", True), ("T", True), ("FALSE", False), ("F", False), ("NULL", None)),
    opening=r"(?:c|list)\s*\(",
    numbers="float",
)
_BASH = _Syntax(opening=r"\(")
_SYNTAX = {
    "r": _R,
    "julia": _Syntax(words=(("true", True), ("false", False), ("nothing", None))),
    "scala": replace(_DOTNET, opening=r"(?:Seq|List|Array|Vector)\s*\("),
    "matlab": _Syntax("%", opening=r"[\[{]", escapes=False),
    "c#": _DOTNET,
    "f#": _DOTNET,
    "pwsh": _Syntax(
        words=(("$true", True), ("$false", False), ("$null", None)), opening=r"@\(", escapes=False
    ),
    "bash": _BASH,
}
for _name, _same in (("csharp", "c#"), ("fsharp", "f#"), ("powershell", "pwsh")):
    _SYNTAX[_name] = _SYNTAX[_same]

_LINE = re.compile(
    r"(?:(?:export|readonly|local|val|var|let|const|mutable|int|long|double|float|string|bool)\s+)*"
    r"\$?(?P<name>[^\W\d][\w.]*|\.[^\W\d][\w.]*)"
    r"(?:\s*::?\s*[\w.\[\]{}]+)?\s*(?:<-|=(?![=>]))\s*(?P<value>\S.*)"
)
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?([LlfFdD]?)(?![\w.])")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_PLAIN_QUOTED = re.compile(r""""(?:[^"]|"")*"|'(?:[^']|'')*'""")


def read_lines(source: str, language: str) -> Iterator[Parameter]:
    """Yield the parameters that the source of a cell assigns, a line each."""
    syntax = _SYNTAX.get(language.lower(), _Syntax())
    for line in source.splitlines():
        match = _LINE.fullmatch(line.rstrip())
        # only in R is a dot part of a name
        if match is None or ("." in match["name"] and syntax is not _R):
            continue
        parameter = Parameter(match["name"])
        if syntax is _BASH:
            yield _bash(parameter, match["value"])
        else:
            yield _literal_line(parameter, match["value"], syntax)


def _literal_line(parameter: Parameter, text: str, syntax: _Syntax) -> Parameter:
    try:
        value, end = _read_literal(text, 0, syntax)
    except (ValueError, SyntaxError, RecursionError):
        return replace(parameter, text=text)
    rest = text[end:].lstrip(" \t;")
    if rest and not rest.startswith(syntax.comment):
        return replace(parameter, text=text)
    kind = type_of(value)
    if kind == "int" and syntax.numbers == "float" and "L" not in text[:end]:
        parameter = replace(parameter, type="float")
    help_text = rest.lstrip(syntax.comment[0]).strip()
    return with_default(replace(parameter, text=text[:end], help=help_text), value)


def _read_literal(text: str, at: int, syntax: _Syntax) -> tuple[Any, int]:
    """Read a literal that begins at `at`; return it and where it ends. Raises ValueError."""
    for word, value in syntax.words:
        end = at + len(word)
        if text.startswith(word, at) and not re.match(r"[\w.(]", text[end : end + 1]):
            return value, end
    number = _NUMBER.match(text, at)
    if number:
        digits = number[0].rstrip("LlfFdD").replace("_", "")
        whole = re.fullmatch(r"[-+]?\d+", digits) and number[1] not in ("f", "F", "d", "D")
        return (int(digits) if whole else json_like(float(digits))), number.end()
    quoted = (_QUOTED if syntax.escapes else _PLAIN_QUOTED).match(text, at)
    if quoted:
        return _unquoted(quoted[0], syntax), quoted.end()
    opening = re.compile(syntax.opening).match(text, at)
    if opening:
        return _read_list(text, opening.end(), syntax)
    raise ValueError


def _read_list(text: str, at: int, syntax: _Syntax) -> tuple[list[Any], int]:
    items: list[Any] = []
    while True:
        at = _skip(text, at, " \t")
        if text[at : at + 1] in (")", "]", "}"):
            return items, at + 1
        item, at = _read_literal(text, at, syntax)
        items.append(item)
        at = _skip(text, at, " \t")
        if text[at : at + 1] in (",", ";"):
            at += 1
        elif text[at : at + 1] not in (")", "]", "}"):
            raise ValueError


def _skip(text: str, at: int, blanks: str) -> int:
    while at < len(text) and text[at] in blanks:
        at += 1
    return at


def _unquoted(text: str, syntax: _Syntax) -> str:
    mark, inner = text[0], text[1:-1]
    if not syntax.escapes:
        return inner.replace(mark * 2, mark)
    if "\\" not in inner:
        return inner
    value = ast.literal_eval(text)
    assert isinstance(value, str)
    return str(json_like(value))


def _bash(parameter: Parameter, text: str) -> Parameter:
    parameter = replace(parameter, text=text)
    array = text.startswith("(") and text.endswith(")")
    try:
        words = shlex.split(text[1:-1] if array else text, comments=True)
    except ValueError:
        return parameter
    if "$" in text or "`" in text or (len(words) > 1 and not array):
        return parameter
    if array:
        return with_default(parameter, list(words))
    word = words[0] if words else ""
    if re.fullmatch(r"[-+]?\d{1,18}", word):
        return with_default(parameter, int(word))
    if re.fullmatch(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d{1,3})?", word):
        return with_default(parameter, float(word))
    return with_default(parameter, {"true": True, "false": False}.get(word, word))
