"""The words of the pipelines' text: tokens with their places, and the error that names a place."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import NoReturn

from mlops_jupyter.types import InvalidRequest

FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
"""A field's name that needs no backquotes."""

WORDS = frozenset(("and", "or", "not", "in", "true", "false", "null", "True", "False", "None"))
"""Words of expressions, which no bare field can have as its name."""


KEYWORDS = ("take", "switch", "elif", "else", "parallel", "branch", "ensemble", "return")
"""Words that begin a line of a pipeline's text; an endpoint of such a name stands in backquotes."""


class InvalidPipeline(InvalidRequest):
    """A pipeline that cannot be understood or built."""

    code = "invalid_pipeline"


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number, text or mark, and the column (from 0) that it stands at.

    `kind` is ``name``, ``number``, ``text`` (in quotes), ``field`` (in backquotes), ``mark`` or
    ``end``.
    """

    kind: str
    text: str
    at: int


class Tokens:
    """The tokens of a line, read from left to right.

    Parameters
    ----------
    line
        The line's number, for errors; 0 when there is only the one.
    """

    def __init__(self, text: str, pattern: re.Pattern[str], line: int = 0, at: int = 0) -> None:
        self.text = text
        self.line = line
        self._tokens = self._split(pattern, at)
        self._place = 0

    def _split(self, pattern: re.Pattern[str], at: int) -> list[Token]:
        tokens = []
        while at < len(self.text):
            match = pattern.match(self.text, at)
            if match is None or match.end() == at:
                self.refuse(f"{self.text[at]!a} has no meaning here", at)
            if match.lastgroup is not None:
                tokens.append(Token(match.lastgroup, match[0], at))
            at = match.end()
        return [*tokens, Token("end", "", len(self.text))]

    @property
    def next(self) -> Token:
        """The token that comes now."""
        return self._tokens[self._place]

    def take(self) -> Token:
        """Read the token that comes now."""
        token = self.next
        self._place += token.kind != "end"
        return token

    def took(self, *texts: str) -> str:
        """Read a mark or word if it is one of `texts`, else read nothing and return nothing."""
        token = self.next
        if token.kind in ("mark", "name") and token.text in texts:
            return self.take().text
        return ""

    def need(self, text: str, fix: str = "") -> None:
        """Read the mark `text`, or refuse."""
        if not self.took(text):
            self.expected(f"'{text}'", fix)

    def expected(self, what: str, fix: str = "") -> NoReturn:
        """Refuse what comes now, where `what` should stand."""
        token = self.next
        found = "the line ends" if token.kind == "end" else f"there is {ascii(token.text)[:40]}"
        self.refuse(f"{what} is expected, and {found}", token.at, fix)

    def refuse(self, problem: str, at: int, fix: str = "") -> NoReturn:
        """Raise InvalidPipeline with the place."""
        place = f"Line {self.line}, column {at + 1}" if self.line else f"Column {at + 1}"
        raise InvalidPipeline(
            f"{place}: {problem}.",
            reason=f"In {ascii(self.text.strip())[:80]}.",
            fix=fix or "See '%mlops help pipeline' for the form.",
        )

    def field(self, token: Token) -> str:
        """The name in backquotes, or the word."""
        if token.kind != "field":
            return token.text
        name = token.text[1:-1].replace("``", "`")
        if not name or not name.isprintable():
            self.refuse("a name in backquotes must not be empty", token.at)
        return name

    def string(self, token: Token) -> str:
        """The text that a literal in quotes means."""
        body = token.text
        if body[0] == "'":
            body = '"' + body[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
        try:
            return str(json.loads(body))
        except ValueError:
            self.refuse("the text in quotes cannot be read", token.at, "Write it as in JSON.")


def write_field(name: str) -> str:
    """A field's name as text has it: bare, or in backquotes."""
    if FIELD.fullmatch(name) and name not in WORDS:
        return name
    return f"`{name.replace('`', '``')}`"


QUOTED = r"""(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<field>`(?:[^`\n]|``)+`)"""
