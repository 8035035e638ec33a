"""Names of models and endpoints, and references such as ``churn/3`` and ``churn@champion``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from mlops_jupyter.types.errors import InvalidRequest

NAME_PATTERN = r"[a-z0-9][a-z0-9._-]{0,62}"
_NAME = re.compile(NAME_PATTERN)


def check_name(name: str, what: str = "name") -> str:
    """Return `name` if it fits ``[a-z0-9][a-z0-9._-]{0,62}``, else raise InvalidRequest.

    The offending name is shown escaped and cut, since it may hold anything.
    """
    if isinstance(name, str) and _NAME.fullmatch(name) and ".." not in name:
        return name
    shown = ascii(name)
    if len(shown) > 40:
        shown = shown[:40] + "…"
    raise InvalidRequest(
        f"{shown} is not a valid {what}.",
        reason="Names are lower-case letters, digits, '.', '_' and '-', at most 63, "
        "start with a letter or digit and hold no '..'.",
        fix="Choose a name such as 'churn' or 'churn-eu.v2'.",
        code="invalid_name",
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that names the closest known words, or an empty string."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return "Did you mean " + " or ".join(f"'{word}'" for word in close) + "?"
    if 0 < len(known) <= 8:
        return "There is " + ", ".join(f"'{word}'" for word in sorted(known)) + "."
    return ""


@dataclass(frozen=True)
class ModelRef:
    """A model with at most one of version and alias: ``churn``, ``churn/3``, ``churn@champion``."""

    name: str
    version: int | None = None
    alias: str | None = None

    @classmethod
    def parse(cls, text: str) -> ModelRef:
        """Read ``name``, ``name/version`` or ``name@alias``; raise InvalidRequest otherwise."""
        if "@" in text:
            name, _, alias = text.partition("@")
            return cls(check_name(name, "model name"), alias=check_name(alias, "alias"))
        if "/" in text:
            name, _, version = text.partition("/")
            check_name(name, "model name")
            if not re.fullmatch(r"[1-9][0-9]{0,8}", version):
                raise InvalidRequest(
                    f"{ascii(version)[:40]} is not a version.",
                    reason="A version is a positive whole number.",
                    fix=f"Write '{name}/3', or '{name}@champion' for an alias.",
                    code="invalid_name",
                )
            return cls(name, version=int(version))
        return cls(check_name(text, "model name"))

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name}/{self.version}"
        return f"{self.name}@{self.alias}" if self.alias else self.name
