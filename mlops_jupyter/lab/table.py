"""The hub's routes that a browser may reach, each with the right that Jupyter must give for it.

What is not here does not exist for a browser: neither the endless ``/events`` nor ``/hub/stop``,
which has a route of its own, nor ``/audit/events``, by which a client reports what it did itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mlops_jupyter.types import MlopsError, NotFound

Action = Literal["read", "write", "execute"]

READ_SECONDS = 10.0
CHANGE_SECONDS = 660.0
DEPLOY_SECONDS = 3660.0
"""A deployment may be waited for as long as the hub lets one wait, and a minute."""

CONTROL_BYTES = 8 * 1024 * 1024
PREDICTION_BYTES = 1 << 30
"""The largest body that any endpoint may be set to take; the endpoint's own limit is the hub's."""


@dataclass(frozen=True)
class Allowed:
    """One route of the hub.

    Attributes
    ----------
    action
        What Jupyter's authorizer must allow on the resource ``mlops``.
    seconds
        How long the answer may take to begin, while the hub shows that it lives.
    predicts
        Whether the endpoint's own deadline counts instead of `seconds`.
    """

    method: str
    path: str
    action: Action
    seconds: float = READ_SECONDS
    body_bytes: int = CONTROL_BYTES
    predicts: bool = False

    @property
    def reads(self) -> bool:
        """Whether it changes nothing that a stopped hub would have to be started for."""
        return self.action == "read"


class MethodNotAllowed(MlopsError):
    """The path is there, and not for this method."""

    status = 405
    code = "method_not_allowed"


def _read(*paths: str, seconds: float = READ_SECONDS) -> list[Allowed]:
    return [Allowed("GET", path, "read", seconds) for path in paths]


def _change(method: str, *paths: str, seconds: float = CHANGE_SECONDS) -> list[Allowed]:
    return [Allowed(method, path, "write", seconds) for path in paths]


def _predict(*paths: str) -> list[Allowed]:
    return [
        Allowed("POST", path, "execute", body_bytes=PREDICTION_BYTES, predicts=True)
        for path in paths
    ]


_ENDPOINT, _RECORD, _MODEL = "/endpoints/{}", "/audit/records/{}", "/v2/models/{}"
_RUN = "/runs/{}"

TABLE: tuple[Allowed, ...] = (
    *_read("/hub", "/whoami", "/openapi.json", "/versions", "/tokens"),
    *_change("POST", "/versions"),
    *_change("POST", "/tokens", seconds=READ_SECONDS),
    *_change("DELETE", "/tokens/{}", seconds=READ_SECONDS),
    *_read("/endpoints", _ENDPOINT, f"{_ENDPOINT}/log", f"{_ENDPOINT}/history"),
    *_change("PUT", _ENDPOINT, seconds=DEPLOY_SECONDS),
    *_change("POST", *(f"{_ENDPOINT}/{verb}" for verb in ("scale", "traffic", "promote"))),
    *_change("POST", f"{_ENDPOINT}/rollback", f"{_ENDPOINT}/undeploy"),
    *_read("/pipelines/{}"),
    # a check changes nothing: it says what a version would be that nobody deploys yet
    Allowed("POST", "/pipelines/check", "read"),
    *_read(_MODEL, f"{_MODEL}/ready", f"{_MODEL}/versions/{{}}", f"{_MODEL}/versions/{{}}/ready"),
    *_predict(f"{_ENDPOINT}/invocations", f"{_MODEL}/infer", f"{_MODEL}/versions/{{}}/infer"),
    *_read("/runs", _RUN, f"{_RUN}/log", f"{_RUN}/input", f"{_RUN}/output"),
    *_read(f"{_RUN}/artifacts/{{}}"),
    *_read(f"{_RUN}/html", f"{_RUN}/compare/{{}}", seconds=CHANGE_SECONDS),
    *_read("/notebook", "/sweeps", "/sweeps/{}", "/schedules", "/schedules/{}", "/cron"),
    *_change("POST", "/runs", f"{_RUN}/cancel", f"{_RUN}/rerun", "/sweeps", "/sweeps/{}/cancel"),
    *_change("PUT", "/schedules/{}"),
    *_change("DELETE", "/schedules/{}"),
    *_change("POST", *(f"/schedules/{{}}/{verb}" for verb in ("suspend", "resume", "trigger"))),
    *_read("/audit/records", _RECORD, f"{_RECORD}/input", f"{_RECORD}/output"),
    *_read(f"{_RECORD}/receipt", "/audit/checkpoint", "/audit/key", "/audit/verification"),
    *_read("/audit/export", seconds=CHANGE_SECONDS),
    # a check changes nothing that is checked: who may read the ledger may check it
    Allowed("POST", "/audit/verify", "read", CHANGE_SECONDS),
)


def find_route(method: str, path: str, table: Iterable[Allowed] = TABLE) -> Allowed:
    """The route of `method` and `path`, as sent and without the query.

    Raises
    ------
    NotFound
        No route has such a path.
    MethodNotAllowed
        One has, for other methods.
    """
    parts = path.split("/")
    fitting = [route for route in table if _fits(route.path.split("/"), parts)]
    for route in fitting:
        if route.method == method:
            return route
    if fitting:
        methods = " or ".join(sorted({route.method for route in fitting}))
        raise MethodNotAllowed("This path is there for other methods only.", fix=f"Use {methods}.")
    raise NotFound(
        "There is no such path.",
        reason="Jupyter passes on only the hub's routes that its pages need.",
        fix="Ask the hub itself for anything else: mlops-jupyter hub status says where it is.",
        code="no_such_path",
    )


def _fits(wanted: list[str], parts: list[str]) -> bool:
    return len(wanted) == len(parts) and all(
        want == part or (want == "{}" and part not in ("", ".", ".."))
        for want, part in zip(wanted, parts, strict=True)
    )
