"""Secrets that a notebook lets slip are written as ``***``."""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

MASKED = "***"
MIN_LENGTH = 6
"""Shorter values occur by chance; masking them would say more than it hides."""


class Mask:
    """Hides `secrets` in text, also in the forms that they take in JSON, reprs, URLs and lines."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= MIN_LENGTH}
        # the longest first, so that no end of it is left beside a shorter one
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, self._forms))) if forms else None

    def text(self, text: str) -> str:
        """`text` without secrets, and without lone surrogates, which no file could hold."""
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode()
        return text if self._pattern is None else self._pattern.sub(MASKED, text)

    def deep(self, value: Any) -> Any:
        """`value` with every string in it masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.deep(key): self.deep(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.deep(item) for item in value]
        return value

    def shows_in(self, path: Path) -> bool:
        """Whether the bytes of a file hold a secret; raises `OSError`."""
        if self._pattern is None or not path.stat().st_size:
            return False
        pattern = re.compile(self._pattern.pattern.encode())
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return pattern.search(data) is not None

    def held(self, text: str) -> int:
        """Length of the end of `text` that may be the beginning of a secret."""
        return max((_overlap(text, form) for form in self._forms), default=0)


class StreamMask:
    """Masks text that comes in pieces, between which a secret may be cut."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._tail = ""

    def feed(self, text: str) -> str:
        """What can be shown now that `text` has come."""
        text = self._mask.text(self._tail + text)
        keep = self._mask.held(text)
        self._tail = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """What was held back; nothing follows."""
        tail, self._tail = self._tail, ""
        return tail


def _forms(secret: str) -> Iterable[str]:
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield quote(secret)
    yield quote(secret, safe="")
    yield quote_plus(secret)
    # a key of several lines is often shown line by line
    yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= 16)


def _overlap(text: str, form: str) -> int:
    """Length of the longest end of `text` that `form` begins with, below the length of `form`."""
    tail = text[-(len(form) - 1) :]
    at = tail.find(form[:MIN_LENGTH])
    while at >= 0:
        if form.startswith(tail[at:]):
            return len(tail) - at
        at = tail.find(form[:MIN_LENGTH], at + 1)
    lengths = range(MIN_LENGTH - 1, 0, -1)
    return next((length for length in lengths if tail.endswith(form[:length])), 0)
