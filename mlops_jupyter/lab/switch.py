"""Promote and rollback: the hub switches the traffic, then the registry's alias follows.

When only the alias fails, the traffic stands as it was asked for, and the answer has a warning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlops_jupyter.lab.link import Ask
from mlops_jupyter.lab.table import CHANGE_SECONDS
from mlops_jupyter.types import MlopsError, NotFound, Traffic
from mlops_jupyter.types.endpoint import USUAL_ALIAS

if TYPE_CHECKING:
    from mlops_jupyter.lab.extension import Services

Headers = Mapping[str, str]


async def promote(
    services: Services, headers: Headers, name: str, version: int, revision: int | None
) -> dict[str, Any]:
    """Give `version` all traffic of the endpoint `name`: ``{status, warning}``."""
    before = await _status(services, headers, name)
    model = before["spec"]["model"]
    alias = before["spec"].get("alias") or USUAL_ALIAS
    wanted = _given(version=version, alias=alias, revision=revision)
    path = f"{_endpoint(name)}/promote"
    try:
        after = await _change(services, headers, path, wanted)
    except NotFound as error:
        if error.code != "unknown_version":
            raise
        # registered, and never deployed: the hub has not heard of it
        found = await services.agent.resolve(f"{model}/{version}")
        await _change(services, headers, "/versions", found)
        after = await _change(services, headers, path, wanted)
    return {
        "status": after,
        "warning": await _move_alias(services, headers, model, alias, version, None),
    }


async def rollback(
    services: Services, headers: Headers, name: str, revision: int | None
) -> dict[str, Any]:
    """Go back to the traffic before, and move an alias that went along: ``{status, warning}``."""
    before = await _status(services, headers, name)
    after = await _change(
        services, headers, f"{_endpoint(name)}/rollback", _given(revision=revision)
    )
    alias, left, version = before["spec"].get("alias"), _main(before), _main(after)
    warning = None
    if alias and version != left and before["spec"]["model"] == after["spec"]["model"]:
        model = after["spec"]["model"]
        warning = await _move_alias(services, headers, model, alias, version, left)
    return {"status": after, "warning": warning}


async def _move_alias(
    services: Services,
    headers: Headers,
    model: str,
    alias: str,
    version: int,
    only_from: int | None,
) -> dict[str, Any] | None:
    """Move it and record that; what went wrong, or None."""
    try:
        moved = await services.agent.set_alias(model, alias, version, only_from)
    except MlopsError as error:
        return {
            "code": "alias_not_moved",
            "message": f"Version {version} serves all calls, but the alias '{alias}' of {model} "
            "did not move.",
            "reason": str(error),
            "fix": "Nothing else is left to do; mend that and promote the version again.",
        }
    if not moved["moved"]:
        return None
    event = {
        "action": "alias.set",
        "detail": {"alias": alias, "before": moved["before"], "version": version},
        "model": {"name": model, "version": version},
    }
    try:
        await _change(services, headers, "/audit/events", event)
    except MlopsError as error:
        return {
            "code": "alias_not_recorded",
            "message": f"The alias '{alias}' of {model} moved, but that is not recorded.",
            "reason": str(error),
            "fix": "See what the hub does: mlops-jupyter hub logs.",
        }
    return None


async def _status(services: Services, headers: Headers, name: str) -> dict[str, Any]:
    ask = Ask("GET", _endpoint(name), headers=headers, reads=False)
    status: dict[str, Any] = await services.link.call(ask)
    return status


async def _change(services: Services, headers: Headers, path: str, body: Any) -> Any:
    content = json.dumps(body).encode()
    headers = {**headers, "Content-Type": "application/json"}
    return await services.link.call(
        Ask("POST", path, "", headers, content, reads=False, seconds=CHANGE_SECONDS)
    )


def _endpoint(name: str) -> str:
    return f"/endpoints/{quote(name, safe='')}"


def _main(status: dict[str, Any]) -> int:
    """The version that most calls go to."""
    weights: dict[str, int] = status["spec"]["traffic"]["weights"]
    return Traffic({int(version): weight for version, weight in weights.items()}).main


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
