"""A user's hub as Python sees it: one method for each thing that its HTTP API can do.

>>> hub = Hub.connect()              # doctest: +SKIP
>>> hub.endpoint("churn").predict(X) # doctest: +SKIP
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote

from mlops_jupyter.client.answers import (
    HubInfo,
    LoggedEvent,
    LoggedRecord,
    NewToken,
    Payload,
    RecordPage,
    TokenSummary,
    Verification,
    WhoAmI,
)
from mlops_jupyter.client.connection import Connection, wait_until_gone
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
    import httpx

    from mlops_jupyter.client.endpoint import Endpoint

T = TypeVar("T")
SLACK_SECONDS = 30.0
"""How much longer than the hub the client waits, so that the hub's own words arrive."""


class Hub:
    """A connection to the user's hub. Use :meth:`connect`.

    Every method raises the hub's own error as the class of `mlops_jupyter.types` that it is, and
    Unavailable when there is no hub to reach. `revision`, where there is one, makes a change only
    if the endpoint is still at that revision, and raises Conflict otherwise.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def connect(cls, start: bool = True, home: str | Path | None = None) -> Hub:
        """Find the running hub, or start one.

        Parameters
        ----------
        start
            Whether to start a hub when none runs; also later, should this one go away.
        home
            State directory; default ``MLOPS_JUPYTER_HOME`` or the platform's place.
        """
        connection = Connection(home, start=start)
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
        """Who the hub takes the caller for, and by which proof."""
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

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document of the hub's API."""
        return self._get("/openapi.json", dict[str, Any])

    def metrics(self) -> str:
        """The hub's metrics in Prometheus text."""
        return self._text("/metrics")

    # versions

    def add_version(self, version: ModelVersion) -> ModelVersion:
        """Put a registered version into the hub's catalogue; it copies the artifacts by digest."""
        return self._send("POST", "/versions", ModelVersion, _plain(version))

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
        body = _given(
            version=_plain(version),
            scaling=_plain(scaling),
            audit=_plain(audit),
            limits=_plain(limits),
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
        body = _given(scaling=_plain(policy), revision=revision)
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
        body = _given(
            weights={str(version): weight for version, weight in weights.items()},
            shadows=list(shadows),
            versions=[_plain(version) for version in versions],
            revision=revision,
        )
        return self._change("POST", f"{_endpoint(name)}/traffic", body)

    def promote(
        self, name: str, version: int, *, alias: str | None = None, revision: int | None = None
    ) -> EndpointStatus:
        """Give all traffic to `version`; answers once it serves."""
        body = _given(version=version, alias=alias, revision=revision)
        return self._change("POST", f"{_endpoint(name)}/promote", body)

    def rollback(self, name: str, *, revision: int | None = None) -> EndpointStatus:
        """Go back to the traffic that served before."""
        body = _given(revision=revision)
        return self._change("POST", f"{_endpoint(name)}/rollback", body, repeatable=False)

    def undeploy(self, name: str, *, revision: int | None = None) -> EndpointStatus:
        """Stop serving; the endpoint is remembered and can be deployed again."""
        return self._change("POST", f"{_endpoint(name)}/undeploy", _given(revision=revision))

    def log(self, name: str, version: int | None = None) -> str:
        """The last output of the endpoint's workers, at most 64 KiB."""
        return self._text(f"{_endpoint(name)}/log", {"version": version})

    def metadata(self, name: str, version: int | None = None) -> dict[str, Any]:
        """The inference protocol's description of the endpoint: names and types of its tensors."""
        return self._get(infer_path(name, version), dict[str, Any])

    # the ledger

    def records(
        self,
        *,
        endpoint: str | None = None,
        model: str | None = None,
        version: int | None = None,
        caller: str | None = None,
        kind: str | None = None,
        status: int | None = None,
        failed: bool = False,
        since: float | None = None,
        until: float | None = None,
        text: str | None = None,
        limit: int | None = None,
        before: str | int | None = None,
    ) -> RecordPage:
        """Search the ledger, newest first; times are epoch seconds, `before` a page's cursor."""
        query = audit_query(
            endpoint=endpoint, model=model, version=version, caller=caller, kind=kind,
            status=status, failed=failed, since=since, until=until, text=text,
            limit=limit, before=before,
        )  # fmt: skip
        return self._get("/audit/records", RecordPage, query)

    def record(self, key: str | int) -> LoggedRecord:
        """One record by its id or its index."""
        return self._get(_record(key), LoggedRecord)

    def payload(self, key: str | int, which: Literal["input", "output"]) -> Payload:
        """The bytes that went in or came out; reading them is itself recorded."""
        response = self._connection.request("GET", f"{_record(key)}/{which}", repeatable=False)
        return Payload(response.content, response.headers.get("Content-Type", ""))

    def receipt(self, key: str | int) -> str:
        """The proof that a record is in the ledger, to keep elsewhere (tlog-proof text)."""
        return self._text(f"{_record(key)}/receipt")

    def checkpoint(self) -> str:
        """The signed head of the ledger, to keep elsewhere."""
        return self._text("/audit/checkpoint")

    def key(self) -> str:
        """The key that verifies checkpoints."""
        return self._text("/audit/key")

    def verify(self, against: str | None = None) -> Verification:
        """Check the whole ledger, also against a checkpoint kept elsewhere."""
        return self._send("POST", "/audit/verify", Verification, _given(against=against))

    def export(self, form: Literal["jsonl", "csv"] = "jsonl", **filters: Any) -> Iterator[bytes]:
        """The matching records as text, a part at a time; filters as in :meth:`records`."""
        query = {"format": form, **audit_query(**filters)}
        with self._connection.stream("/audit/export", query) as parts:
            yield from parts

    def event(
        self,
        action: str,
        detail: Mapping[str, Any] | None = None,
        *,
        code: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        model: Mapping[str, Any] | None = None,
    ) -> LoggedEvent:
        """Record something that this client did elsewhere, such as a registration."""
        body = _given(action=action, detail=detail, code=code, data=data, model=model)
        return self._send("POST", "/audit/events", LoggedEvent, body, repeatable=False)

    # tokens of applications

    def create_token(
        self, application: str, endpoints: Sequence[str], expires_seconds: float
    ) -> NewToken:
        """Make a token with which `application` may call `endpoints`, and nothing else."""
        body = _given(
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

    # how it is sent

    def _get(self, path: str, kind: type[T], query: Mapping[str, Any] | None = None) -> T:
        return _decode(self._connection.request("GET", path, query=query), kind)

    def _text(self, path: str, query: Mapping[str, Any] | None = None) -> str:
        return self._connection.request("GET", path, query=query).text

    def _send(
        self, method: str, path: str, kind: type[T], body: Any, *, repeatable: bool = True
    ) -> T:
        response = self._connection.request(method, path, json_body=body, repeatable=repeatable)
        return _decode(response, kind)

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
        return _decode(response, EndpointStatus)


def infer_path(name: str, version: int | None = None) -> str:
    """The inference protocol's path of an endpoint, or of one version behind it."""
    path = f"/v2/models/{quote(check_name(name, 'endpoint name'), safe='')}"
    return path if version is None else f"{path}/versions/{version}"


def audit_query(**filters: Any) -> dict[str, Any]:
    """The query of a search: nothing for filters that are not set."""
    return {name: value for name, value in filters.items() if value not in (None, False, "")}


def _endpoint(name: str) -> str:
    return f"/endpoints/{quote(check_name(name, 'endpoint name'), safe='')}"


def _record(key: str | int) -> str:
    return f"/audit/records/{quote(str(key), safe='')}"


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _plain(value: Any) -> Any:
    return None if value is None else dataclasses.asdict(value)


def _decode(response: httpx.Response, kind: type[T]) -> T:
    import msgspec

    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MlopsError(
            "The hub's answer could not be understood.",
            reason=f"{error}.",
            fix="Hub and client may be of different versions; restart the hub: "
            "mlops-jupyter hub stop.",
            code="answer_not_understood",
        ) from error
