"""Which endpoint, version and protocol a request is for, and which version serves it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import accumulate
from random import random
from typing import Any, Literal

from mlops_jupyter.access import on_behalf_of
from mlops_jupyter.serving.backend import Backend
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.telemetry import EndpointMeter
from mlops_jupyter.types import (
    NAME_PATTERN,
    AuditPolicy,
    Caller,
    EndpointSpec,
    ModelVersion,
    NotFound,
    did_you_mean,
)

_CACHE_SIZE = 4096
_PATTERNS: tuple[tuple[str, str, str], ...] = (
    ("POST", "oip", rf"/v2/models/({NAME_PATTERN})(?:/versions/([1-9][0-9]{{0,8}}))?/infer"),
    ("POST", "invocations", rf"/endpoints/({NAME_PATTERN})/invocations"),
    ("GET", "metadata", rf"/v2/models/({NAME_PATTERN})(?:/versions/([1-9][0-9]{{0,8}}))?"),
    ("GET", "ready", rf"/v2/models/({NAME_PATTERN})(?:/versions/([1-9][0-9]{{0,8}}))?/ready"),
    ("GET", "server", r"/v2/?"),
    ("GET", "live", r"/v2/health/live"),
    ("GET", "server_ready", r"/v2/health/ready"),
    ("GET", "metrics", r"/metrics"),
)
_COMPILED = tuple(
    (method, kind, re.compile(pattern.encode())) for method, kind, pattern in _PATTERNS
)

Kind = Literal[
    "oip", "invocations", "metadata", "ready", "server", "live", "server_ready", "metrics"
]


@dataclass(frozen=True, slots=True)
class Match:
    """What a path of the data plane asks for."""

    kind: Kind
    endpoint: str = ""
    version: int | None = None


class Router:
    """Matches paths of the data plane, exactly as sent: no decoding, no case folding."""

    def __init__(self) -> None:
        self._cache: dict[tuple[str, bytes], Match | None] = {}

    def match(self, method: str, target: bytes) -> Match | None:
        """The match, or None when the path belongs to the control API."""
        key = (method, target)
        try:
            return self._cache[key]
        except KeyError:
            found = _match("GET" if method == "HEAD" else method, target.partition(b"?")[0])
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            if len(target) <= 256:
                self._cache[key] = found
            return found


def _match(method: str, path: bytes) -> Match | None:
    for wanted, kind, pattern in _COMPILED:
        if method == wanted and (found := pattern.fullmatch(path)):
            groups = found.groups()
            endpoint = groups[0].decode() if groups else ""
            version = int(groups[1]) if len(groups) > 1 and groups[1] else None
            return Match(kind, endpoint, version)  # type: ignore[arg-type]
    return None


@dataclass(slots=True)
class ServedVersion:
    """A version that can answer: its description, compiled signature and replicas."""

    version: ModelVersion
    signature: Signature
    pool: Backend


@dataclass
class Route:
    """One endpoint as the gateway sees it; replaced as a whole when its traffic changes."""

    spec: EndpointSpec
    versions: dict[int, ServedVersion]
    meter: EndpointMeter
    _order: list[ServedVersion] = field(init=False)
    _bounds: list[float] = field(init=False)
    shadows: list[ServedVersion] = field(init=False)
    _records: dict[tuple[int, int], tuple[Caller, dict[str, Any]]] = field(
        init=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        weights = {v: w for v, w in self.spec.traffic.weights.items() if w}
        self._order = [self.versions[version] for version in weights]
        self._bounds = list(accumulate(weight / 100 for weight in weights.values()))
        self.shadows = [self.versions[version] for version in self.spec.traffic.shadows]

    def choose(self, version: int | None) -> ServedVersion:
        """The version for one call: the one asked for, or one by the weights."""
        if version is not None:
            if version in self.versions:
                return self.versions[version]
            served = ", ".join(str(number) for number in sorted(self.versions))
            raise NotFound(
                f"Endpoint '{self.spec.name}' does not serve version {version}.",
                reason=f"It serves {served}.",
                fix="Leave the version out, or give it traffic or a shadow first.",
                code="version_not_served",
            )
        if len(self._order) == 1:
            return self._order[0]
        return self._order[min(bisect_right(self._bounds, random()), len(self._order) - 1)]  # noqa: S311

    def record_of(self, caller: Caller, served: ServedVersion | None) -> dict[str, Any]:
        """What all records of one caller's calls of one version share; to be copied."""
        version = served.version.version if served is not None else 0
        key = (id(caller), version)  # as good as equality while the caller is kept beside it
        known = self._records.get(key)
        if known is not None:
            return known[1]
        record = blank_record(caller, self.spec.name, self.spec.audit)
        if served is not None:
            model = served.version
            record["model"] = {
                "name": model.model,
                "version": model.version,
                "digest": model.digest,
                "env": model.environment.digest,
            }
        if len(self._records) >= _CACHE_SIZE:
            self._records.clear()
        self._records[key] = (caller, record)
        return record


def no_endpoint(name: str, known: Iterable[str], fix: str) -> NotFound:
    """The error for a name that no endpoint has; `fix` is for when none of `known` is near it."""
    known = list(known)
    hint, near = did_you_mean(name, known), get_close_matches(name, known)
    return NotFound(
        f"There is no endpoint '{name}'.",
        reason="" if near else hint,
        fix=hint if near else fix,
        code="endpoint_not_found",
    )


def how_to_deploy(spec: EndpointSpec) -> str:
    """The line that serves again what an endpoint served last."""
    line = f"%deploy {spec.model}/{spec.traffic.main}"
    return line if spec.name == spec.model else f"{line} --as {spec.name}"


def blank_record(caller: Caller | None, endpoint: str, policy: AuditPolicy) -> dict[str, Any]:
    """A prediction's record as far as caller, endpoint and policy decide it."""
    actor: dict[str, Any] = {"sub": "anonymous", "kind": "anonymous", "method": "anonymous"}
    if caller is not None:
        actor = {
            "sub": caller.principal.subject,
            "kind": caller.principal.kind,
            "method": caller.method,
            "token_id": caller.token_id,
        }
    record: dict[str, Any] = {
        "kind": "prediction",
        "action": "predict",
        "actor": actor,
        "endpoint": endpoint,
        "mode": policy.mode,
        "level": policy.level,
    }
    if caller is not None and (behalf := on_behalf_of(caller)) is not None:
        record["on_behalf_of"] = behalf
    return record
