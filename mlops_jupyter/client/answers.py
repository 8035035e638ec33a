"""What the hub answers beside the words of `mlops_jupyter.types`.

Every field has a default, so that a client also understands a hub that is older or newer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class HubInfo:
    """A running hub: where it listens, since when (epoch seconds), and how its ledger is."""

    version: str = ""
    pid: int = 0
    started_at: float = 0.0
    url: str = ""
    socket: str | None = None
    home: str = ""
    ledger: dict[str, Any] = field(default_factory=dict)
    endpoints: Any = None
    python: str = ""
    gpus: Any = None


@dataclass(frozen=True)
class WhoAmI:
    """How the hub knows the caller, what he may do, and whom he says he acts for."""

    subject: str
    kind: str = ""
    method: str = ""
    token_id: str | None = None
    rights: tuple[str, ...] = ()
    on_behalf_of: dict[str, str] | None = None


@dataclass(frozen=True)
class RecordPage:
    """One page of records, newest first; `next` is the cursor of the page after it.

    `indexed` may be behind `size` for a moment: searches see what is indexed.
    """

    records: tuple[dict[str, Any], ...] = ()
    next: str | int | None = None
    size: int = 0
    indexed: int = 0


@dataclass(frozen=True)
class LoggedRecord:
    """One record with its place: leaf `index` of `log`, and the leaf's hash."""

    record: dict[str, Any]
    index: int = 0
    log: str = ""
    leaf: str = ""


@dataclass(frozen=True)
class Payload:
    """The kept bytes that went in or came out."""

    data: bytes
    content_type: str


@dataclass(frozen=True)
class Problem:
    """Something that a verification found, at a leaf's index where it has one."""

    what: str = ""
    index: int | None = None


@dataclass(frozen=True)
class Verification:
    """Whether the whole ledger holds together, and what does not."""

    ok: bool
    size: int = 0
    records_per_second: float = 0.0
    problems: tuple[Problem, ...] = ()
    checked: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LastVerification:
    """What the newest verification found: how many problems, and when (epoch seconds).

    Its record is at `index` of the ledger.
    """

    ok: bool
    size: int = 0
    at: float = 0.0
    problems: int = 0
    index: int = 0


@dataclass(frozen=True)
class EndpointHistory:
    """What an endpoint did of late, in steps of `step` seconds, oldest first.

    A step without calls has no p99. There are fewer steps while the hub is young.
    """

    step: int = 0
    requests_per_second: tuple[float, ...] = ()
    p99_ms: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class LoggedEvent:
    """Where an event that this client reported was recorded."""

    id: str
    index: int = 0


@dataclass(frozen=True)
class TokenSummary:
    """An application's token without its secret. Times are epoch seconds."""

    token_id: str
    application: str = ""
    endpoints: tuple[str, ...] = ()
    created_at: float = 0.0
    created_by: str = ""
    expires_at: float | None = None
    revoked_at: float | None = None
    revoked_by: str | None = None


@dataclass(frozen=True)
class NewToken(TokenSummary):
    """A token just made. `token` is the secret; the hub will never show it again."""

    token: str = field(default="", repr=False)
