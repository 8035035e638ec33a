"""The text form of a pipeline: one step a line, what belongs to a switch or branch indented.

::

    take scan: binary
    ocr(image=scan) -> text  timeout=5s retry=2
    langid -> lang
    switch lang != "en":
        translate/3 -> text  fallback={text: ""}
    parallel:
        sentiment -> mood
        topics@champion -> topic
    return mood, topic

`writer.write_pipeline` writes the canonical text, which reads as the same graph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlops_jupyter.pipelines.expression import parse_expression, write_expression
from mlops_jupyter.pipelines.graph import (
    Ensemble,
    Graph,
    Node,
    Parallel,
    Step,
    Switch,
    checked,
)
from mlops_jupyter.pipelines.stepline import read_field, read_step
from mlops_jupyter.pipelines.syntax import (
    KEYWORDS,
    QUOTED,
    InvalidPipeline,
    Tokens,
)
from mlops_jupyter.types import did_you_mean

MAX_TEXT = 100_000
WAYS = ("mean", "vote", "max")

_TOKEN = re.compile(
    r"\s+|"
    rf"{QUOTED}|"
    r"(?P<mark>->|[()=,/@{}:?])|"
    r"(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.-]))|"
    r"(?P<name>(?:[\w.]|-(?!>))+)"
)
_COMMENT = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|#.*""")


@dataclass(frozen=True)
class _Line:
    number: int
    indent: int
    text: str

    @property
    def word(self) -> str:
        """The keyword that it begins with, or nothing."""
        first = re.match(r"[a-z]+\b", self.text)
        return first[0] if first and first[0] in KEYWORDS else ""

    def refuse(self, problem: str, fix: str = "") -> InvalidPipeline:
        return InvalidPipeline(
            f"Line {self.number}, column {self.indent + 1}: {problem}.",
            reason=f"In {ascii(self.text)[:80]}.",
            fix=fix or "See '%mlops help pipeline' for the form.",
        )

    def tokens(self) -> Tokens:
        # kept as wide as it was written, so that columns are those of the text
        return Tokens(" " * self.indent + self.text, _TOKEN, self.number)


# -- reading --------------------------------------------------------------------------------------


def parse_pipeline(text: str) -> Graph:
    """Read a pipeline; raise InvalidPipeline with line and column of what cannot be read."""
    if len(text) > MAX_TEXT:
        raise InvalidPipeline(f"The pipeline's text is longer than {MAX_TEXT} characters.")
    reader = _Reader(_lines(text))
    graph = reader.whole()
    return checked(graph)


def _lines(text: str) -> list[_Line]:
    found = []
    for number, raw in enumerate(re.split("\r\n?|\n", text), 1):
        line = _COMMENT.sub(lambda match: match[1] or "", raw).rstrip()
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip(" "))
        if line[indent] == "\t":
            raise _Line(number, indent, line.strip()).refuse(
                "the line is indented by a tab", "Indent by blanks."
            )
        found.append(_Line(number, indent, line[indent:]))
    base = min((line.indent for line in found), default=0)
    if base and found[0].indent == base:
        # a text in a function is often indented as a whole
        return [_Line(line.number, line.indent - base, line.text) for line in found]
    return found


class _Reader:
    """Reads lines into nodes, a block of one indentation at a time."""

    def __init__(self, lines: list[_Line]) -> None:
        self._lines = lines
        self._place = 0

    @property
    def _next(self) -> _Line | None:
        return self._lines[self._place] if self._place < len(self._lines) else None

    def _take(self) -> _Line:
        self._place += 1
        return self._lines[self._place - 1]

    def whole(self) -> Graph:
        takes: dict[str, str] = {}
        while (line := self._next) and line.word == "take":
            takes.update(_take(self._take().tokens(), takes))
        nodes = self._block(0)
        returns: tuple[str, ...] = ()
        if (line := self._next) and line.word == "return" and not line.indent:
            returns = _returns(self._take().tokens())
        if (line := self._next) is not None:
            raise _misplaced(line, bool(returns))
        return Graph(nodes, returns, takes)

    def _block(self, indent: int) -> tuple[Node, ...]:
        nodes: list[Node] = []
        while (line := self._next) and line.indent >= indent:
            if line.indent > indent:
                raise line.refuse(
                    "the line is indented further than the one above",
                    "Only lines below 'switch', 'else', 'parallel', 'branch' and 'ensemble' are.",
                )
            if line.word in ("return", "take", "elif", "else", "branch"):
                break
            nodes.append(self._node())
        return tuple(nodes)

    def _inner(self, opener: _Line) -> tuple[Node, ...]:
        line = self._next
        if line is None or line.indent <= opener.indent:
            raise opener.refuse("nothing is indented below this line", "Indent what belongs to it.")
        nodes = self._block(line.indent)
        self._check_end(opener)
        return nodes

    def _check_end(self, opener: _Line) -> None:
        line = self._next
        if line is not None and line.indent > opener.indent:
            if line.word in ("take", "return", "branch"):
                raise _misplaced(line, returned=False)
            raise line.refuse("the line's indentation fits no line above")

    def _node(self) -> Node:
        line = self._take()
        if line.word == "switch":
            return self._switch(line)
        if line.word == "parallel":
            _only(line, "parallel")
            return self._parallel(line)
        if line.word == "ensemble":
            return self._ensemble(line)
        return read_step(line.tokens())

    def _switch(self, line: _Line) -> Switch:
        on = _condition(line)
        then = self._inner(line)
        otherwise: tuple[Node, ...] = ()
        following = self._next
        if following is not None and following.indent == line.indent:
            if following.word == "elif":
                otherwise = (self._switch(self._take()),)
            elif following.word == "else":
                _only(following, "else")
                otherwise = self._inner(self._take())
        return Switch(on, then, otherwise)

    def _parallel(self, opener: _Line) -> Parallel:
        branches: list[tuple[Node, ...]] = []
        first = self._next
        while (line := self._next) and first and line.indent == first.indent > opener.indent:
            if line.word == "branch":
                _only(line, "branch")
                branches.append(self._inner(self._take()))
            elif line.word in ("", "switch", "parallel", "ensemble"):
                branches.append((self._node(),))
            else:
                raise _misplaced(line, returned=False)
        self._check_end(opener)
        if len(branches) < 2:
            raise opener.refuse(
                "'parallel' needs at least two branches",
                "Write a step a line below it, or 'branch:' above several of them.",
            )
        return Parallel(tuple(branches))

    def _ensemble(self, line: _Line) -> Ensemble:
        tokens = line.tokens()
        tokens.take()
        way = tokens.took(*WAYS)
        if not way:
            tokens.expected("'mean', 'vote' or 'max'", did_you_mean(tokens.next.text[:40], WAYS))
        gives = read_field(tokens) if tokens.took("->") else "ensemble"
        tokens.need(":", "A line that others are indented below ends with a colon.")
        _end(tokens)
        members = self._inner(line)
        steps = tuple(member for member in members if isinstance(member, Step))
        if len(steps) != len(members) or len(steps) < 2:
            raise line.refuse(
                "an ensemble is made of at least two steps", "Write a step a line below it."
            )
        return Ensemble(way, steps, gives)  # type: ignore[arg-type]


def _misplaced(line: _Line, returned: bool) -> InvalidPipeline:
    if returned:
        return line.refuse("'return' is the last line", "Put this line above it.")
    reasons = {
        "take": "'take' stands before the first step",
        "return": "'return' stands at the end, not indented",
        "branch": "'branch' stands below 'parallel' only",
        "else": "'else' has no 'switch' above it",
        "elif": "'elif' has no 'switch' above it",
    }
    return line.refuse(reasons.get(line.word, "the line's indentation fits no line above"))


def _only(line: _Line, word: str) -> None:
    tokens = line.tokens()
    tokens.take()
    tokens.need(":", f"Write '{word}:'; an endpoint of that name stands in backquotes.")
    _end(tokens)


def _end(tokens: Tokens) -> None:
    if tokens.next.kind != "end":
        tokens.expected("the end of the line")


def _condition(line: _Line) -> str:
    start = len(line.word)
    if not line.text.endswith(":"):
        raise InvalidPipeline(
            f"Line {line.number}, column {line.indent + len(line.text) + 1}: ':' is expected.",
            reason=f"In {ascii(line.text)[:80]}.",
            fix="Write e.g. 'switch lang != \"en\":' and the steps indented below it.",
        )
    whole = " " * line.indent + line.text[:-1]
    return write_expression(parse_expression(whole, line.number, line.indent + start))


def _take(tokens: Tokens, known: dict[str, str]) -> dict[str, str]:
    tokens.take()
    found: dict[str, str] = {}
    while True:
        at = tokens.next.at
        name = read_field(tokens)
        mark = tokens.took("?")
        tokens.need(":", "Write e.g. 'take scan: binary, country?: string'.")
        if name in (one.removesuffix("?") for one in (*known, *found)):
            tokens.refuse(f"{ascii(name)[:40]} is there twice", at)
        found[name + mark] = _type(tokens)
        if not tokens.took(","):
            _end(tokens)
            return found


def _type(tokens: Tokens) -> str:
    if tokens.next.kind != "name":
        tokens.expected("a type", "Types: string, double, long, boolean, binary, array(double) …")
    word = tokens.take().text
    if tokens.took("("):
        word = f"{word}({_type(tokens)})"
        tokens.need(")")
    return word


def _returns(tokens: Tokens) -> tuple[str, ...]:
    tokens.take()
    found = [read_field(tokens)]
    while tokens.took(","):
        found.append(read_field(tokens))
    _end(tokens)
    return tuple(found)
