r"""How parameters are written in R: papermill's translator, with texts that R reads as they are.

papermill writes ``é`` as ``\xe9``, which is a byte to R. ``\u00e9`` is the character in every
locale; R takes 10,000 of them in one literal, and none beside a ``\x``.
"""

from __future__ import annotations

import math
from typing import Any

from papermill.translators import (  # type: ignore[import-untyped]
    RTranslator,
    papermill_translators,
)

LANGUAGES = ("R", "sparkrkernel")
"""By what papermill finds the translator: a language, or a kernel's name."""

_LITERAL = 5_000
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Translator(RTranslator):  # type: ignore[misc]
    """Writes every value that JSON has, but for a zero byte, which no text of R can hold."""

    @classmethod
    def translate_str(cls, val: str) -> str:
        """A literal; a long text in several, because the parser bounds them."""
        parts = [val[at : at + _LITERAL] for at in range(0, len(val), _LITERAL)] or [""]
        literals = ['"' + "".join(map(_escaped, part)) + '"' for part in parts]
        return literals[0] if len(literals) == 1 else f"paste0({', '.join(literals)})"

    @classmethod
    def translate_float(cls, val: float) -> str:
        """A number, also one that is none."""
        if math.isfinite(val):
            return repr(val)
        return "NaN" if math.isnan(val) else "Inf" if val > 0 else "-Inf"

    @classmethod
    def translate_dict(cls, val: dict[str, Any]) -> str:
        """A named list; ``list("" = 1)`` is an error, and so are names that are put together."""
        names = ", ".join(map(cls.translate_str, val))
        keys = f"c({names})" if val else "character(0)"
        return f"stats::setNames({cls.translate_list(list(val.values()))}, {keys})"


def register() -> None:
    """Have papermill write R in this way in this process."""
    for language in LANGUAGES:
        papermill_translators.register(language, Translator)


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if 0x20 <= code < 0x7F:
        return character
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
