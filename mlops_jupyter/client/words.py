"""What somebody typed as ``NAME=VALUE``, read in the same way in a cell and in a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from mlops_jupyter.types import InvalidRequest

_SHOWN = 60


def named_values(words: Iterable[str], example: str) -> dict[str, str]:
    """Read ``NAME=VALUE`` words, each name once.

    Parameters
    ----------
    example
        What an error proposes to write, such as ``--set MODE=quick``.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals) or name in found:
            # a name alone is shown: what follows it may be a secret that was typed by mistake
            shown = ascii(name if equals else word)
            raise InvalidRequest(
                f"{shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'} is "
                + ("given twice." if name in found else "not NAME=VALUE."),
                fix=f"Write e.g. '{example}'.",
                code="invalid_usage",
            )
        found[name] = value
    return found
