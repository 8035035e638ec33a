"""The words after a magic: split like a shell line, parsed by argparse, refused with a reason.

IPython's own ``magic_arguments`` keep quotes in the words and fail with ``UsageError``, whose
message papermill loses, so neither is used.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from mlops_jupyter.notebook.html import visible
from mlops_jupyter.types import InvalidRequest, did_you_mean

_EXPANSION = re.compile(r"\$\{?[A-Za-z_]\w*\}?|\{.*\}")
_SHOWN = 60


class VerbParser(argparse.ArgumentParser):
    """Parser of one magic: raises InvalidRequest where argparse would print and exit."""

    def __init__(self, verb: str, summary: str, example: str) -> None:
        super().__init__(
            prog=f"%{verb}",
            description=summary,
            epilog=f"example: {example}",
            add_help=False,
            allow_abbrev=False,
            formatter_class=lambda prog: argparse.HelpFormatter(prog, width=88),
        )
        self.verb = verb
        self.summary = summary
        self.completes: dict[str, str] = {}
        self.add_argument("-h", "--help", action="store_true", help="show this and do nothing")

    def add(self, *flags: str, completes: str = "", among: Any = None, **options: Any) -> None:
        """Add an argument.

        `completes` says what its values are: model, endpoint, variable …; `among` is a group of
        flags of which one must be given.
        """
        action = (among or self).add_argument(*flags, **options)
        if completes:
            self.completes[action.dest] = completes

    @property
    def flags(self) -> list[str]:
        """Every long flag of this verb."""
        return [flag for flag in self._option_string_actions if flag.startswith("--")]

    def value_kind(self, flag: str) -> tuple[str, Sequence[str]] | None:
        """What follows `flag`: (kind, choices), or None when nothing follows it."""
        action = self._option_string_actions.get(flag)
        if action is None or action.nargs == 0:
            return None
        return self.completes.get(action.dest, ""), tuple(action.choices or ())

    def positional_kinds(self) -> list[tuple[str, bool]]:
        """What the words without a flag are, in order: (kind, may repeat)."""
        actions = self._get_positional_actions()
        return [(self.completes.get(a.dest, ""), a.nargs in ("*", "+")) for a in actions]

    @property
    def short_usage(self) -> str:
        """What must be given, on one line; the rest is behind ``--help``."""
        words = [self.prog]
        for action in self._actions:
            if not action.option_strings:
                shown = str(action.metavar)
                words.append(f"[{shown}]" if action.nargs in ("*", "?") else shown)
            elif action.required:
                words.append(f"{action.option_strings[-1]} {action.metavar}")
        for group in self._mutually_exclusive_groups:
            each = [f"{one.option_strings[-1]} {one.metavar}" for one in group._group_actions]
            words.append(" | ".join(each))
        return " ".join([*words, "[options]"])

    def error(self, message: str) -> NoReturn:
        """Raise InvalidRequest with the usage as its fix."""
        end = "" if message.endswith("?") else "."
        raise InvalidRequest(
            f"{self.prog}: {message[:200]}{end}",
            fix=f"Write {self.short_usage}; '{self.prog} --help' explains it.",
            code="invalid_usage",
        )

    def read(self, words: Sequence[str]) -> argparse.Namespace | None:
        """Parse `words`; None when help was asked for, which is printed."""
        if {"-h", "--help"} & set(words):
            print(self.format_help())  # noqa: T201 - the answer to --help
            return None
        for word in words:
            if _EXPANSION.fullmatch(word):
                raise InvalidRequest(
                    f"{self.prog}: {cut(word)} is not expanded.",
                    reason="These magics take words and names of variables as they stand.",
                    fix=f"Call the function of the same name: mlops_jupyter.{self.verb}(…).",
                    code="invalid_usage",
                )
        found, unknown = self.parse_known_intermixed_args(list(words))
        if unknown:
            self._refuse(unknown[0])
        return found

    def _refuse(self, word: str) -> NoReturn:
        if word.startswith("#"):
            self.error("a comment cannot follow a magic; put it on a line of its own")
        if not word.startswith("-"):
            self.error(f"there is one word too many, {cut(word)}")
        flag = word.partition("=")[0]
        hint = did_you_mean(flag, self.flags) if flag.startswith("--") else ""
        self.error(f"there is no flag {cut(flag)}. {hint}".removesuffix(". "))


def split(line: str) -> list[str]:
    """Split a magic's line as a POSIX shell would, without expanding anything."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidRequest(
            "The line cannot be split into words.",
            reason=f"{error}.",
            fix="Close the quote, or leave it out.",
            code="invalid_usage",
        ) from None


def variable(text: str, user_ns: Mapping[str, Any]) -> Any:
    """The value of the notebook's variable `text`: a name, or names joined by dots.

    Nothing is evaluated, so that a magic's line can never run code.
    """
    head, *attributes = text.split(".")
    if not all(part.isidentifier() for part in (head, *attributes)):
        raise InvalidRequest(
            f"{cut(text)} is not the name of a variable.",
            reason="Magics take values by name and evaluate nothing.",
            fix="Assign it to a variable first, or call the function of the magic's name with it.",
            code="invalid_variable",
        )
    if head not in user_ns:
        known = [name for name in user_ns if not name.startswith("_")]
        close = did_you_mean(head, known) if len(known) > 8 else ""
        raise InvalidRequest(
            f"There is no variable {cut(head)}.",
            reason="Nothing of that name is defined in this notebook.",
            fix=f"{close} Run the cell that defines it.".strip(),
            code="unknown_variable",
        )
    value = user_ns[head]
    for position, attribute in enumerate(attributes):
        try:
            value = getattr(value, attribute)
        except AttributeError:
            owner = ".".join((head, *attributes[:position]))
            raise InvalidRequest(
                f"{cut(owner)} has no attribute {cut(attribute)}.",
                fix="Check the spelling, or assign the value to a variable first.",
                code="unknown_variable",
            ) from None
    return value


def expression_in(line: str) -> str:
    """The first word of a magic's line that begins like a call or a selection, as it was typed.

    That is a name followed by a bracket, up to where its brackets are closed; at most 60
    characters of it. Empty when there is none.
    """
    match = re.search(r"(?<!\S)[^\W\d][\w.]*(?=[\[(])", line)
    if match is None:
        return ""
    depth, quote, end = 0, "", len(line)
    for place in range(match.end(), len(line)):
        sign = line[place]
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign.isspace() and not depth:
            end = place
            break
        else:
            depth += (sign in "[({") - (sign in "])}")
    shown = visible(line[match.start() : end].strip())
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"


def whole(text: str) -> int:
    """Read a whole number, for argparse."""
    if re.fullmatch(r"\d{1,9}", text) is None:
        raise argparse.ArgumentTypeError(f"{cut(text)} is not a whole number")
    return int(text)


def weights(words: Sequence[str]) -> dict[int, int]:
    """Read ``3=90 4=10`` as ``{3: 90, 4: 10}``."""
    found: dict[int, int] = {}
    for word in words:
        match = re.fullmatch(r"([1-9]\d{0,8})=(\d{1,3})%?", word)
        if match is None or int(match[1]) in found:
            raise InvalidRequest(
                f"{cut(word)} is not the traffic of one version.",
                reason="Each version is named once, with its share in whole per cent.",
                fix="Write e.g. '%traffic churn 3=90 4=10 --shadow 5'.",
                code="invalid_traffic",
            )
        found[int(match[1])] = int(match[2])
    return found


def versions(words: Sequence[str]) -> tuple[int, ...]:
    """Read version numbers given one by one or joined by commas."""
    numbers = [number for word in words for number in word.split(",")]
    for number in numbers:
        if re.fullmatch(r"[1-9]\d{0,8}", number) is None:
            raise InvalidRequest(
                f"{cut(number)} is not a version.",
                reason="A version is a positive whole number.",
                fix="Write e.g. '--shadow 5', or '--shadow 5,6'.",
                code="invalid_traffic",
            )
    return tuple(int(number) for number in numbers)


def cut(text: str) -> str:
    """`text` as ASCII between quotes and short enough for an error."""
    shown = ascii(text)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
