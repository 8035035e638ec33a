"""A user's hub as Python sees it: one method for each thing that its HTTP API can do.

>>> hub = Hub.connect()              # doctest: +SKIP
>>> hub.endpoint("churn").predict(X) # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlops_jupyter.client.answers import (
    EndpointHistory,
    HubInfo,
    NewToken,
    TokenSummary,
    WhoAmI,
)
from mlops_jupyter.client.calls import decode, given, plain
from mlops_jupyter.client.connection import Connection, wait_until_gone
from mlops_jupyter.client.ledger import LedgerCalls
from mlops_jupyter.client.pipelines import PipelineCalls
from mlops_jupyter.client.runs import RunCalls
from mlops_jupyter.client.sweeps import ScheduleCalls, SweepCalls
from mlops_jupyter.types import (
    AuditPolicy,
    EndpointStatus,
    Limits,
    MlopsError,
    ModelVersion,
    ScalingPolicy,
    Unavailable,
    check_name,
)

if TYPE_CHECKING:
    from mlops_jupyter.client.endpoint import Endpoint

SILENCE_SECONDS = 45.0
"""A hub that says nothing for this long, not even that it is there, is not there."""

SLACK_SECONDS = 30.0
"""How much longer than the hub the client waits, so that the hub's own words arrive."""


class Hub(LedgerCalls, PipelineCalls, RunCalls, SweepCalls, ScheduleCalls):
    """A connection to the user's hub. Use :meth:`connect`.

    Every method raises the hub's own error as the class of `mlops_jupyter.types` that it is, and
    Unavailable when there is no hub to reach. `revision`, where there is one, makes a change only
    if the endpoint is still at that revision, and raises Conflict otherwise.
    """

    @classmethod
    def connect(
        cls,
        start: bool = True,
        home: str | Path | None = None,
        *,
        on_behalf_of: Mapping[str, str] | None = None,
    ) -> Hub:
        """Find the running hub, or start one.

        Parameters
        ----------
        start
            Whether to start a hub when none runs; also later, should this one go away.
        home
            State directory; default ``MLOPS_JUPYTER_HOME`` or the platform's place.
        on_behalf_of
            ``{"sub": "user:ada", "method": "jupyterhub"}``: somebody whom this program has
            identified, and for whom it acts. The hub records it as this user's word.
        """
        connection = Connection(home, start=start, on_behalf_of=on_behalf_of)
        connection.hub  # noqa: B018  connects, so that a hub that cannot start says so here
        return cls(connection)

    def close(self) -> None:
        """Close the connections; the hub and everything in it runs on."""
        self._connection.close()

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Hub({self.url!r}, home={str(self.home)!r})"

    @property
    def home(self) -> Path:
        """The state directory."""
        return self._connection.home

    @property
    def url(self) -> str:
        """Where the hub listens on TCP."""
        return self._connection.hub.url

    @property
    def connection(self) -> Connection:
        """The HTTP connection, for calls that this class has no word for."""
        return self._connection

    # the hub itself

    def info(self) -> HubInfo:
        """What the hub is, where it listens and how its ledger is."""
        return self._get("/hub", HubInfo)

    def whoami(self) -> WhoAmI:
        """Who the hub takes the caller for, by which proof, and what he may do."""
        return self._get("/whoami", WhoAmI)

    def healthy(self) -> bool:
        """Whether the hub answers; never starts one."""
        quiet = Connection(self.home, start=False)
        try:
            quiet.request("GET", "/healthz", timeout=SLACK_SECONDS)
        except MlopsError:
            return False
        finally:
            quiet.close()
        return True

    def stop(self, timeout: float = SLACK_SECONDS) -> None:
        """Stop the hub and its workers, and wait until it has ended (at most `timeout` seconds)."""
        hub = self._connection.hub
        self._connection.request("POST", "/hub/stop", json_body={}, repeatable=False)
        self._connection.close()
        if not wait_until_gone(hub, timeout):
            raise Unavailable(
                "The hub has not stopped yet.",
                reason=f"Process {hub.pid} still runs after {timeout:g} s; calls may be in hand.",
                fix="Wait, or see what it does: mlops-jupyter hub logs.",
                code="hub_stopping",
            )

    def events(self) -> Iterator[dict[str, Any]]:
        """Changes as they happen, from a first ``{"event": "hello", ...}`` on.

        Blocks between events and ends when the hub goes. An empty dict comes every 15 s when there
        is nothing else, so that whoever wants to stop gets a chance to.
        """
        with self._connection.stream("/events", timeout=SILENCE_SECONDS) as parts:
            rest = b""
            try:
                for part in parts:
                    *lines, rest = (rest + part).split(b"\n")
                    for line in lines:
                        yield decode(line, dict[str, Any])
            except Unavailable:
                # the connection was cut: that is how some hubs go
                return

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document of the hub's API."""
        return self._get("/openapi.json", dict[str, Any])

    def metrics(self) -> str:
        """The hub's metrics in Prometheus text."""
        return self._text("/metrics")

    # versions

    def add_version(self, version: ModelVersion) -> ModelVersion:
        """Put a registered version into the hub's catalogue; it copies the artifacts by digest."""
        return self._send("POST", "/versions", ModelVersion, plain(version))

    def versions(self, model: str | None = None) -> list[ModelVersion]:
        """The versions in the hub's catalogue."""
        return self._get("/versions", list[ModelVersion], {"model": model})

    # endpoints

    def endpoint(self, name: str) -> Endpoint:
        """An object to call the endpoint with, and to show others how to."""
        from mlops_jupyter.client.endpoint import Endpoint

        return Endpoint(self, check_name(name, "endpoint name"))

    def predict(
        self,
        name: str,
        data: Any,
        *,
        version: int | None = None,
        params: Mapping[str, Any] | None = None,
        on_part: Callable[[int, int], object] | None = None,
    ) -> Any:
        """Ask an endpoint; see :func:`mlops_jupyter.client.predict.predict`."""
        from mlops_jupyter.client.predict import predict

        return predict(
            self._connection, name, data, version=version, params=params, on_part=on_part
        )

    def endpoints(self) -> list[EndpointStatus]:
        """All endpoints, also undeployed ones."""
        return self._get("/endpoints", list[EndpointStatus])

    def status(self, name: str) -> EndpointStatus:
        """What one endpoint is doing now."""
        return self._get(_endpoint(name), EndpointStatus)

    def deploy(
        self,
        name: str,
        version: ModelVersion,
        *,
        scaling: ScalingPolicy | None = None,
        audit: AuditPolicy | None = None,
        limits: Limits | None = None,
        gpu: int | None = None,
        alias: str | None = None,
        target: str | None = None,
        revision: int | None = None,
        wait: float = 0.0,
    ) -> EndpointStatus:
        """Serve `version` at the endpoint `name`; what is None stays as it is, or the default.

        Parameters
        ----------
        wait
            Seconds to wait until it is ready or failed; 0 answers at once.
        """
        body = given(
            version=plain(version),
            scaling=plain(scaling),
            audit=plain(audit),
            limits=plain(limits),
            gpu=gpu,
            alias=alias,
            target=target,
            revision=revision,
        )
        return self._change("PUT", _endpoint(name), body, wait=wait)

    def scale(
        self, name: str, scaling: ScalingPolicy | str, *, revision: int | None = None
    ) -> EndpointStatus:
        """Change how many replicas an endpoint has."""
        policy = ScalingPolicy.parse(scaling) if isinstance(scaling, str) else scaling
        body = given(scaling=plain(policy), revision=revision)
        return self._change("POST", f"{_endpoint(name)}/scale", body)

    def traffic(
        self,
        name: str,
        weights: Mapping[int, int],
        *,
        shadows: Iterable[int] = (),
        versions: Sequence[ModelVersion] = (),
        revision: int | None = None,
    ) -> EndpointStatus:
        """Divide the calls among versions; `versions` are those not yet in the catalogue."""
        body = given(
            weights={str(version): weight for version, weight in weights.items()},
            shadows=list(shadows),
            versions=[plain(version) for version in versions],
            revision=revision,
        )
        return self._change("POST", f"{_endpoint(name)}/traffic", body)

    def promote(
        self, name: str, version: int, *, alias: str | None = None, revision: int | None = None
    ) -> EndpointStatus:
        """Give all traffic to `version`; answers once it serves."""
        body = given(version=version, alias=alias, revision=revision)
        return self._change("POST", f"{_endpoint(name)}/promote", body)

    def rollback(self, name: str, *, revision: int | None = None) -> EndpointStatus:
        """Go back to the traffic that served before."""
        body = given(revision=revision)
        return self._change("POST", f"{_endpoint(name)}/rollback", body, repeatable=False)

    def undeploy(self, name: str, *, revision: int | None = None) -> EndpointStatus:
        """Stop serving; the endpoint is remembered and can be deployed again."""
        return self._change("POST", f"{_endpoint(name)}/undeploy", given(revision=revision))

    def history(self, name: str, seconds: int = 300) -> EndpointHistory:
        """What an endpoint did in the last `seconds` (at most an hour), for a small chart."""
        return self._get(f"{_endpoint(name)}/history", EndpointHistory, {"seconds": seconds})

    def log(self, name: str, version: int | None = None) -> str:
        """The last output of the endpoint's workers, at most 64 KiB."""
        return self._text(f"{_endpoint(name)}/log", {"version": version})

    def metadata(self, name: str, version: int | None = None) -> dict[str, Any]:
        """The inference protocol's description of the endpoint: names and types of its tensors."""
        return self._get(infer_path(name, version), dict[str, Any])

    # tokens of applications

    def create_token(
        self, application: str, endpoints: Sequence[str], expires_seconds: float
    ) -> NewToken:
        """Make a token with which `application` may call `endpoints`, and nothing else."""
        body = given(
            application=application,
            endpoints=list(endpoints),
            expires_seconds=expires_seconds,
        )
        return self._send("POST", "/tokens", NewToken, body, repeatable=False)

    def tokens(self) -> list[TokenSummary]:
        """All tokens, without their secrets."""
        return self._get("/tokens", list[TokenSummary])

    def revoke_token(self, token_id: str) -> None:
        """Make a token worthless."""
        self._connection.request("DELETE", f"/tokens/{quote(token_id, safe='')}")

    # how a change is sent

    def _change(
        self,
        method: str,
        path: str,
        body: dict[str, Any],
        *,
        wait: float = 0.0,
        repeatable: bool = True,
    ) -> EndpointStatus:
        response = self._connection.request(
            method,
            path,
            query={"wait": f"{wait:g}"} if wait else None,
            json_body=body,
            # a change that was made and repeated would be refused for its own revision
            repeatable=repeatable and "revision" not in body,
            timeout=max(wait + SLACK_SECONDS, 600.0),
        )
        return decode(response.content, EndpointStatus)


def infer_path(name: str, version: int | None = None) -> str:
    """The inference protocol's path of an endpoint, or of one version behind it."""
    path = f"/v2/models/{quote(check_name(name, 'endpoint name'), safe='')}"
    return path if version is None else f"{path}/versions/{version}"


def _endpoint(name: str) -> str:
    return f"/endpoints/{quote(check_name(name, 'endpoint name'), safe='')}"
