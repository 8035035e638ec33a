r"""What papermill writes wrongly when it turns a parameter into code, language by language.

Papermill pastes names as they are and writes every string as Python would escape it, which another
language reads otherwise: ``\xe9`` is a byte to Julia, ``$`` in quotes runs code in Julia and
PowerShell. Read from ``papermill/translators.py`` of 2.7, and for R from `r_translator`; what is
written rightly is let through.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.training.declaration import type_of

_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_EXACT_IN_DOUBLE = 2**53
_LONG = 2**63 - 1


@dataclass(frozen=True)
class Translation:
    """What a language can be given.

    Attributes
    ----------
    name
        The language as it is called in sentences.
    is_identifier
        Whether a name can be assigned to.
    wrong_characters
        What would come out otherwise in a string.
    largest
        The largest whole number, without its sign, that is kept exactly.
    finite
        Whether NaN and infinity cannot be written.
    refused
        Types, by `type_of`, that cannot be written at all.
    flat, uniform
        Whether a list can hold no list, and whether all its items must be of one type.
    """

    name: str
    is_identifier: Callable[[str], bool]
    wrong_characters: re.Pattern[str] | None = None
    largest: int | None = _LONG
    finite: bool = True
    refused: tuple[str, ...] = ()
    flat: bool = False
    uniform: bool = False

    def problem(self, value: Any) -> str:
        """Say what of `value` would be written wrongly; an empty string where all is well."""
        return next(self._problems(value), "")

    def _problems(self, value: Any) -> Iterator[str]:
        kind = type_of(value)
        if kind in self.refused:
            yield f"papermill cannot write {_SAID[kind]} in {self.name}"
        elif isinstance(value, float) and self.finite and not math.isfinite(value):
            yield f"papermill cannot write NaN and infinity in {self.name}"
        elif kind == "int" and self.largest is not None and abs(value) > self.largest:
            yield f"a whole number over {self.largest} is not exact in {self.name}"
        elif isinstance(value, str):
            wrong = self.wrong_characters and self.wrong_characters.search(value)
            if wrong:
                yield f"papermill writes {wrong[0]!a} in a string wrongly for {self.name}"
        elif isinstance(value, list):
            yield from self._list_problems(value)
            for item in value:
                yield from self._problems(item)
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from self._problems(key)
                yield from self._problems(item)

    def _list_problems(self, value: list[Any]) -> Iterator[str]:
        if self.flat and any(isinstance(item, (list, dict)) for item in value):
            yield f"a list cannot be in a list in {self.name}"
        if self.uniform and len({type_of(item) for item in value}) != 1:
            yield f"a list of {self.name} holds values of one type, one at least"


def translation(kernel: str, language: str) -> Translation | None:
    """Return what papermill's translator for a kernel can do; None where it has none."""
    return _BY_KERNEL.get(kernel) or _BY_LANGUAGE.get(language)


_SAID = {
    **{"none": "None", "bool": "a truth value", "int": "a number", "float": "a number"},
    **{"str": "text", "list": "a list", "dict": "a mapping"},
}


def _words(text: str, pattern: re.Pattern[str] = _WORD) -> Callable[[str], bool]:
    reserved = frozenset(text.split())
    return lambda name: pattern.fullmatch(name) is not None and name not in reserved


_PYTHON = Translation(
    "Python",
    lambda name: name.isidentifier() and not keyword.iskeyword(name),
    largest=None,
    finite=False,
)
_R = Translation(
    "R",
    _words(
        "if else repeat while function for next break in TRUE FALSE NULL Inf NaN NA NA_integer_ "
        "NA_real_ NA_character_ NA_complex_",
        re.compile(r"([A-Za-z]|\.(?![0-9]))[A-Za-z0-9._]*"),
    ),
    # its translator is ours, and its texts end at a zero byte
    re.compile(r"\0"),
    _EXACT_IN_DOUBLE,
    finite=False,
)
_JULIA = Translation(
    "Julia",
    _words(
        "baremodule begin break catch const continue do else elseif end export false finally for "
        "function global if import let local macro module quote return struct true try using while"
    ),
    re.compile(r"[$\x80-\xff]"),
)
_SCALA = Translation(
    "Scala",
    _words(
        "abstract case catch class def do else extends false final finally for forSome if implicit "
        "import lazy macro match new null object override package private protected return sealed "
        "super this throw trait try true type val var while with yield _"
    ),
    # it knows neither \x.. nor \U........
    re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]|[^\0-\uffff]"),
)
_MATLAB = Translation(
    "Matlab",
    _words(
        "break case catch classdef continue else elseif end for function global if otherwise "
        "parfor persistent return spmd switch try while",
        re.compile(r"[A-Za-z]\w{0,62}", re.ASCII),
    ),
    # its strings know no escapes
    re.compile(r"[^ -~]|\\"),
    _EXACT_IN_DOUBLE,
    finite=False,
    refused=("none",),
)
_CSHARP = Translation(
    "C#",
    _words(
        "abstract as base bool break byte case catch char checked class const continue decimal "
        "default delegate do double else enum event explicit extern false finally fixed float for "
        "foreach goto if implicit in int interface internal is lock long namespace new null object "
        "operator out override params private protected public readonly ref return sbyte sealed "
        "short sizeof stackalloc static string struct switch this throw true try typeof uint ulong "
        "unchecked unsafe ushort using virtual void volatile while"
    ),
    # \x.. swallows the digits that follow
    re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]"),
    refused=("none",),
    uniform=True,
)
_FSHARP = Translation(
    "F#",
    _words(
        "abstract and as assert base begin class default delegate do done downcast downto elif "
        "else end exception extern false finally fixed for fun function global if in inherit "
        "inline interface internal lazy let match member module mutable namespace new not null of "
        "open or override private public rec return select sig static struct then to true try "
        "type upcast use val void when while with yield"
    ),
    uniform=True,
)
_POWERSHELL = Translation(
    "PowerShell",
    _words("true false null args input this"),
    # its escapes begin with a backtick, and $ in quotes is evaluated
    re.compile(r"[^ -~]|[\\$`]"),
    finite=False,
)
_BASH = Translation(
    "bash",
    _words(
        "if then else elif fi case esac for select while until do done in function time BASHOPTS "
        "BASH_VERSINFO EUID PPID SHELLOPTS UID"
    ),
    re.compile(r"\0"),
    refused=("dict",),
    flat=True,
)
_BY_KERNEL = {"pysparkkernel": _PYTHON, "sparkkernel": _SCALA, "sparkrkernel": _R}
_BY_LANGUAGE = {
    **{"python": _PYTHON, "R": _R, "scala": _SCALA, "julia": _JULIA, "matlab": _MATLAB},
    **{".net-csharp": _CSHARP, ".net-fsharp": _FSHARP, ".net-powershell": _POWERSHELL},
    "bash": _BASH,
}
# the .NET kernels are found by their name, like every kernel of a language's name
_BY_KERNEL |= _BY_LANGUAGE
