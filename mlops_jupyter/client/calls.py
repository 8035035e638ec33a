"""How the client's methods are sent: a request with JSON, an answer as a typed object."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from mlops_jupyter.client.connection import Connection
from mlops_jupyter.types import MlopsError

T = TypeVar("T")


class Calls:
    """A connection with what all methods share."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _get(self, path: str, kind: type[T], query: Mapping[str, Any] | None = None) -> T:
        return decode(self._connection.request("GET", path, query=query).content, kind)

    def _text(self, path: str, query: Mapping[str, Any] | None = None) -> str:
        return self._connection.request("GET", path, query=query).text

    def _send(
        self, method: str, path: str, kind: type[T], body: Any, *, repeatable: bool = True
    ) -> T:
        response = self._connection.request(method, path, json_body=body, repeatable=repeatable)
        return decode(response.content, kind)


def given(**fields: Any) -> dict[str, Any]:
    """A body of the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def plain(value: Any) -> Any:
    """A dataclass as JSON has it; None stays None."""
    return None if value is None else dataclasses.asdict(value)


def decode(content: bytes, kind: type[T]) -> T:
    """An answer as `kind`; raise MlopsError when it is of another shape."""
    import msgspec

    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MlopsError(
            "The hub's answer could not be understood.",
            reason=f"{error}.",
            fix="Hub and client may be of different versions; restart the hub: "
            "mlops-jupyter hub stop.",
            code="answer_not_understood",
        ) from error
