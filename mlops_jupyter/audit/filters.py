"""What records can be searched by."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from mlops_jupyter.audit import schema
from mlops_jupyter.audit.zones import EQUAL, needle, pair_needle
from mlops_jupyter.types.errors import InvalidRequest

_LONGEST = 256
_FOREVER = 2**62
_record = schema.record.c
_TEXT_COLUMNS = ("id", "endpoint", "model", "caller", "error", "request_id", "action")


@dataclass(frozen=True)
class Filters:
    """Conditions that all must hold; None asks for nothing.

    Attributes
    ----------
    since, until
        Wall-clock bounds in microseconds since 1970, UTC, both included.
    failed
        True: only records with an error or a status of 400 or more.
    text
        Part of an id, name, error, action or request id, in any case of letters.
    before
        Cursor of a page: only records of a lower index.
    """

    endpoint: str | None = None
    model: str | None = None
    version: int | None = None
    caller: str | None = None
    kind: str | None = None
    action: str | None = None
    request_id: str | None = None
    status: int | None = None
    failed: bool = False
    since: int | None = None
    until: int | None = None
    text: str | None = None
    before: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str) and not _is_text(value):
                raise InvalidRequest(
                    f"The filter '{field.name}' is not text of at most {_LONGEST} characters."
                )
            if isinstance(value, int) and not 0 <= value < _FOREVER:
                raise InvalidRequest(f"The filter '{field.name}' is out of range.")

    def equal(self) -> dict[str, Any]:
        """Columns and the values that they must have."""
        wanted = {name: getattr(self, name, None) for name in EQUAL}
        wanted["failed"] = 1 if self.failed or (self.status or 0) >= 400 else None
        return {name: value for name, value in wanted.items() if value is not None}

    def times(self) -> tuple[int, int] | None:
        """The bounds of time, None when there are none."""
        if self.since is None and self.until is None:
            return None
        until = _FOREVER if self.until is None else self.until
        return (0 if self.since is None else self.since), until

    def needles(self) -> list[bytes]:
        """What a block's summary must hold for the block to be looked at."""
        found = [needle(name, value) for name, value in self.equal().items()]
        if self.endpoint is not None and self.caller is not None:
            found.append(pair_needle(self.endpoint, self.caller))
        return found

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """The conditions on a record's search columns."""
        found = [_record[name] == value for name, value in self.equal().items()]
        times = self.times()
        if times is not None:
            found.append(_record.t_us.between(*times))
        if self.text:
            found.append(_contains(self.text))
        return found


class _Like(FunctionElement[bool]):
    """LIKE in any case of letters, without a lower() of each row, which takes six times as long."""

    type = sa.Boolean()
    inherit_cache = True


@compiles(_Like)
def _like(element: _Like, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = (compiler.process(part, **options) for part in element.clauses)
    # SQLite's own LIKE is case-insensitive
    word = "LIKE" if compiler.dialect.name == "sqlite" else "ILIKE"
    return f"({column} {word} {pattern} ESCAPE '!')"


def _contains(text: str) -> sa.ColumnElement[bool]:
    for character in "!%_":
        text = text.replace(character, f"!{character}")
    return sa.or_(*(_Like(_record[name], f"%{text}%") for name in _TEXT_COLUMNS))


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    # SQLite ends a pattern at NUL
    return len(value) <= _LONGEST and "\0" not in value
