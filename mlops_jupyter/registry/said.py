"""What another library's exception says, as one sentence that can stand in a message of ours."""

from __future__ import annotations

from mlops_jupyter.registry.lineage import without_credentials

_LENGTH = 200


def said(error: BaseException) -> str:
    """The first line of `error`, without credentials, with a mark at its end."""
    text = (str(getattr(error, "strerror", None) or error).strip().splitlines() or [""])[0]
    text = " ".join(without_credentials(word) for word in text.split())
    if len(text) > _LENGTH:
        return text[:_LENGTH] + "…"
    return text if not text or text[-1] in ".!?…" else text.rstrip(":;,") + "."


def named(error: BaseException) -> str:
    """The same, after the name of the error's class."""
    text = said(error)
    return f"{type(error).__name__}: {text}" if text else f"{type(error).__name__}."
