"""uv as others see it: its command, what it may see, and its complaints in our words.

uv explains a failed resolution in sentences and gives no codes
(https://docs.astral.sh/uv/reference/troubleshooting/), so the sentences are what is read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

LAST_LINES = 12
"""Lines of uv's that a reason shows."""

_VARIABLES = ("UV_", "PIP_", "HTTP", "http", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")
_NAMES = frozenset(
    {
        "CURL_CA_BUNDLE",
        "HOME",
        "LANG",
        "LOGNAME",
        "NETRC",
        "PATH",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
        "USER",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
    }
)
_UNREACHABLE = re.compile(
    r"error sending request|client error \(Connect\)|dns error|network was disabled|timed out"
)
_FAILED = re.compile(r"Failed to (build|read|download and build|download|fetch) `([^`]+)`")
_MISSING = re.compile(r"not found|no versions? of|no wheels|only .* (?:is|are) available")
_CAUSE = re.compile(r"cause: (Because .*)")


@dataclass(frozen=True)
class Complaint:
    """What uv could not do.

    Attributes
    ----------
    kind
        ``unreachable`` (no index answers), ``missing`` (nobody has the package), ``build`` (it has
        no wheel and cannot be built here), ``conflict`` (requirements exclude each other) or
        ``other``.
    requirement
        The requirement at fault, as it was given; empty where there is none.
    reason
        uv's own words.
    """

    kind: Literal["unreachable", "missing", "build", "conflict", "other"]
    requirement: str
    reason: str

    @property
    def message(self) -> str:
        """One sentence that names the package; empty for ``other``."""
        what = self.requirement or "A package"
        return {
            "unreachable": "The package index cannot be reached.",
            "missing": f"{what} cannot be had.",
            "build": f"{what} cannot be built here.",
            "conflict": "The requirements exclude each other.",
            "other": "",
        }[self.kind]


def uv_command() -> str | None:
    """The path of uv; None where it is not installed."""
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        return None


def build_variables(inherited: Mapping[str, str]) -> dict[str, str]:
    """What uv, and the build scripts that it may run, get to see: uv's settings and no more."""
    return {
        name: value
        for name, value in inherited.items()
        if name in _NAMES or name.startswith(_VARIABLES) or name.startswith("LC_")
    }


def complaint(said: Sequence[str], requirements: Iterable[str]) -> Complaint:
    """Read what uv said before it failed.

    Parameters
    ----------
    said
        Its lines.
    requirements
        What was asked for, in pip's format.
    """
    text = " ".join(said)
    last = " | ".join(said[-LAST_LINES:])
    lines = list(requirements)
    if _UNREACHABLE.search(text):
        return Complaint("unreachable", "", last)
    if failed := _FAILED.search(text):
        return Complaint("build" if failed[1] == "build" else "missing", failed[2], last)
    if _MISSING.search(text) and (named := _named(text, lines)):
        return Complaint("missing", named, last)
    if cause := _CAUSE.search(text):
        return Complaint("conflict", "", cause[1])
    return Complaint("other", "", last)


def _named(text: str, lines: Sequence[str]) -> str:
    """The first requirement that is named whole, else the first whose name stands in the text."""
    for line in lines:
        if re.search(rf"(?<![\w.-]){re.escape(line)}(?![\w.])", text):
            return line
    for line in lines:
        name = re.split(r"[\s\[<>=!~;@]", line, maxsplit=1)[0]
        if re.search(rf"[`' ]{re.escape(name)}[`' =]", text, re.IGNORECASE):
            return line
    return ""
