"""Typed Python client of the hub's HTTP API; the hub is started when it is needed."""

from mlops_jupyter.client.answers import (
    EndpointHistory,
    HubInfo,
    LastVerification,
    LoggedEvent,
    LoggedRecord,
    NewToken,
    Payload,
    Problem,
    RecordPage,
    TokenSummary,
    Verification,
    WhoAmI,
)
from mlops_jupyter.client.duration import parse_duration, parse_moment
from mlops_jupyter.client.hub import Hub

__all__ = [
    "EndpointHistory",
    "Hub",
    "HubInfo",
    "LastVerification",
    "LoggedEvent",
    "LoggedRecord",
    "NewToken",
    "Payload",
    "Problem",
    "RecordPage",
    "TokenSummary",
    "Verification",
    "WhoAmI",
    "parse_duration",
    "parse_moment",
]
