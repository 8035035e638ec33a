"""The control API's table: one `Route` says all there is to know of a method and path.

Matching, checking of rights, decoding, the OpenAPI document and the tests all read this table, so
a route cannot be there for one of them and not for the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from mlops_jupyter.serving.messages import Response
from mlops_jupyter.types import Caller, MlopsError, NotFound, Unauthenticated


@dataclass(frozen=True)
class Call:
    """A request whose caller may do this, taken apart: `path` values, `query` and `body` typed."""

    caller: Caller
    path: dict[str, str]
    query: Any
    body: Any


@dataclass(frozen=True)
class Route:
    """One operation.

    Attributes
    ----------
    action
        What the caller must be allowed to do (see `mlops_jupyter.access`); None is open to all.
    answer
        Type of the JSON answer; a text is a media type of something else; None is no content.
    query, body
        Types of the query string (a Struct) and of the JSON body; None is none.
    changes
        Whether a refused call leaves a record of its own.
    """

    method: str
    path: str
    action: str | None
    summary: str
    handle: Callable[[Call], Awaitable[Any]]
    answer: Any = None
    status: int = 200
    query: type | None = None
    body: Any = None
    errors: tuple[int, ...] = ()
    changes: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the path's variables."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


class MethodNotAllowed(MlopsError):
    """The path is there, and not for this method."""

    status = 405
    code = "method_not_allowed"


class Table:
    """Finds the route of a request. Paths match exactly as sent; only variables are decoded."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._by_shape: dict[tuple[str, ...], dict[str, Route]] = {}
        for route in self.routes:
            shape = tuple("{}" if part[:1] == "{" else part for part in route.path.split("/"))
            methods = self._by_shape.setdefault(shape, {})
            if route.method in methods:
                raise ValueError(f"{route.method} {route.path} is there twice")
            methods[route.method] = route

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of `method` and `path` (as sent, without the query) and its variables.

        Raises
        ------
        NotFound
            There is no such path.
        MethodNotAllowed
            There is, for other methods.
        """
        parts = path.split("/")
        methods = self._find(parts)
        if methods is None:
            raise NotFound(
                "The hub's API has no such path.",
                fix="See /openapi.json for what there is.",
                code="no_such_path",
            )
        route = methods.get(method)
        if route is None:
            raise MethodNotAllowed(
                "The hub's API has this path for other methods only.",
                fix=f"Use {' or '.join(sorted(methods))}.",
            )
        shape = route.path.split("/")
        values = (unquote(part) for part, want in zip(parts, shape, strict=True) if want[:1] == "{")
        return route, dict(zip(route.names, values, strict=True))

    def _find(self, parts: list[str]) -> dict[str, Route] | None:
        # an exact path wins over one with variables: /audit/records/x against /audit/records/{key}
        best: tuple[int, dict[str, Route]] | None = None
        for shape, methods in self._by_shape.items():
            if len(shape) != len(parts):
                continue
            if all(
                want in ("{}", part) and part
                for want, part in zip(shape[1:], parts[1:], strict=True)
            ):
                variables = shape.count("{}")
                if best is None or variables < best[0]:
                    best = variables, methods
        return best[1] if best else None


def proven(caller: Caller | None) -> Caller:
    """The caller, or Unauthenticated when nobody proved who calls."""
    if caller is None:
        raise Unauthenticated(
            "Nobody proved who is calling.",
            reason="There is no valid token in the Authorization header.",
            fix="Send 'Authorization: Bearer TOKEN'; `mlops-jupyter token create` makes one.",
        )
    return caller


JSON = "application/json"


def text_response(text: str, media: str = "text/plain; charset=utf-8") -> Response:
    """An answer that is not JSON."""
    return Response(200, text.encode(), media)
