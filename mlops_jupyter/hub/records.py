"""The ledger's records of what people do to endpoints, versions and tokens.

Records hold no floats: what may be one is written as the text that a user would type.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from mlops_jupyter.access import on_behalf_of
from mlops_jupyter.types import Caller, EndpointSpec, ModelVersion, RunStatus, Traffic

Record = dict[str, Any]


def actor(caller: Caller) -> Record:
    """Who did it and how that was proven."""
    return {
        "sub": caller.subject,
        "kind": caller.principal.kind,
        "method": caller.method,
        "token_id": caller.token_id,
    }


def _who(caller: Caller) -> Record:
    behalf = on_behalf_of(caller)
    return {"actor": actor(caller), **({"on_behalf_of": behalf} if behalf else {})}


def control(
    phase: str, action: str, caller: Caller | None, endpoint: str | None = None, **fields: Any
) -> Record:
    """A control record; `phase` is ``intent`` or ``outcome``. Fields that are None are left out."""
    record: Record = {"kind": "control", "phase": phase, "action": action}
    if caller is not None:
        record.update(_who(caller))
    if endpoint is not None:
        record["endpoint"] = endpoint
    record.update({name: value for name, value in fields.items() if value is not None})
    return record


def subject(caller: Caller | None) -> str:
    """Whose wish it is: of whom the caller acts for, else his own; ``hub`` without a caller."""
    if caller is None:
        return "hub"
    behalf = on_behalf_of(caller)
    return behalf["sub"] if behalf else caller.subject


def run(action: str, status: RunStatus, caller: Caller | None) -> Record:
    """A record of a run that was submitted, started, cancelled or has ended."""
    spec = status.spec
    about: Record = {
        "id": status.id,
        "notebook": spec.notebook,
        "state": status.state,
        "trigger": spec.trigger.kind,
        "attempt": status.attempt,
    }
    about |= {
        name: value
        for name, value in {
            "of": spec.trigger.of,
            "sweep": spec.sweep,
            "exit_code": status.exit_code,
            "signal": status.signal,
            "mlflow_run": status.mlflow_run_id,
        }.items()
        if value is not None
    }
    record: Record = {"kind": "run", "action": action, "run": about}
    if caller is not None:
        record.update(_who(caller))
    elif action == "run.submit":
        record["actor"] = {"sub": "hub", "kind": "hub", "method": "rule", "token_id": None}
    if action == "run.submit":
        record["code"] = {"notebook": spec.notebook, "notebook_sha256": spec.notebook_sha256}
        record["detail"] = _parameters(spec.parameters)
    if action == "run.end":
        record |= {"status": _RUN_STATUS.get(status.state, 500), "detail": _outcome(status)}
        if status.state != "succeeded":
            record["error"] = status.code or status.state
    return record


def verdict(status: RunStatus, text: str, kind: str) -> Record:
    """A record of how a repeated run compares with its original."""
    about = {"id": status.id, "of": status.spec.trigger.of, "notebook": status.spec.notebook}
    detail = {"verdict": kind, "text": text[:2000]}
    return {"kind": "run", "action": "run.verdict", "run": about, "detail": detail}


_RUN_STATUS = {"succeeded": 200, "cancelled": 499, "timed_out": 504, "skipped": 409}
_SHOWN_TEXT = 8_192


def _parameters(values: dict[str, Any]) -> Record:
    """Parameters as text, as far as a record has room; their digest in any case."""
    text = json.dumps(values, sort_keys=True)
    detail: Record = {"parameters_sha256": sha256(text.encode()).hexdigest()}
    if len(text) <= _SHOWN_TEXT:
        detail["parameters"] = text
    return detail


def _outcome(status: RunStatus) -> Record:
    detail: Record = {"reason": status.reason[:1000]} if status.reason else {}
    if status.metrics:
        detail["metrics"] = json.dumps(status.metrics, sort_keys=True)[:_SHOWN_TEXT]
    if status.models:
        detail["models"] = list(status.models)
    return detail


def access(action: str, caller: Caller, **detail: Any) -> Record:
    """A record of a token made or revoked, a payload read, or the ledger verified."""
    return {"kind": "access", "action": action, **_who(caller), "detail": detail}


def system(action: str, **detail: Any) -> Record:
    """A record of something that the hub did by itself."""
    return {"kind": "system", "action": action, "detail": detail}


def model(version: ModelVersion) -> Record:
    """The model block of a record."""
    return {
        "name": version.model,
        "version": version.version,
        "digest": version.digest,
        "env": version.environment.digest,
    }


def lineage(version: ModelVersion) -> Record:
    """The code and data blocks of a version's record; absent facts are left out."""
    known = version.lineage
    code: Record = {
        "git": known.git_commit,
        "dirty": known.git_dirty,
        "notebook": known.notebook,
        "notebook_sha256": known.notebook_sha256,
        "cell": known.cell_id,
    }
    data: Record = {
        "sha256": known.data_sha256,
        "rows": known.data_rows,
        "columns": known.data_columns,
    }
    blocks = {"code": code, "data": data}
    return {
        name: kept
        for name, block in blocks.items()
        if (kept := {key: value for key, value in block.items() if value is not None})
    }


def traffic(wanted: Traffic) -> Record:
    """Weights and shadows with text keys, as JSON has them."""
    return {
        "weights": {str(version): weight for version, weight in sorted(wanted.weights.items())},
        "shadows": {str(version): True for version in wanted.shadows},
    }


def desired(spec: EndpointSpec) -> Record:
    """What is wanted of an endpoint, for the detail of a record."""
    detail: Record = {
        "model": spec.model,
        "traffic": traffic(spec.traffic),
        "scaling": str(spec.scaling),
        "target": spec.target,
        "level": spec.audit.level,
        "mode": spec.audit.mode,
        "gpu": spec.gpu,
        "deployed": spec.deployed,
        "deadline": f"{spec.limits.deadline_seconds:g}s",
        "queue": spec.limits.queue,
        "body_bytes": spec.limits.body_bytes,
    }
    if spec.alias:
        detail["alias"] = spec.alias
    return detail
