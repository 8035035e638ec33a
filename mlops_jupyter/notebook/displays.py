"""How results look: each as HTML and as plain text, made from the dataclasses of `types`.

Functions only: facts in, a string out. Times are those of the local clock with the exact one under
the pointer, and each picture says when it was taken, since a saved notebook is read days later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mlops_jupyter.notebook.html import (
    MUTED,
    Html,
    clock,
    code,
    columns_of_text,
    element,
    heading,
    listing,
    moment,
    muted,
    panel,
    progress,
    state_word,
    table,
    visible,
)
from mlops_jupyter.types import EndpointStatus, ModelVersion

if TYPE_CHECKING:
    from mlops_jupyter.registry import RegisteredModel

_REPLICA_COLUMNS = ("version", "traffic", "desired", "ready", "pending", "why")
_ENDPOINT_COLUMNS = ("endpoint", "state", "traffic", "scaling", "ready", "requests/s", "why")
_NUMBERS = frozenset({"desired", "ready", "pending", "requests/s", "latest", "record"})
_MODEL_COLUMNS = ("model", "latest", "aliases", "note")
_VERSION_COLUMNS = ("version", "aliases", "digest", "by", "registered")
_NO_MODELS = "No models. '%register NAME --model MODEL --input ROWS' makes one."
_NO_METRICS: Mapping[str, float] = MappingProxyType({})
_SHORT = 12
_MANY = 10_000
"""Records from which on a speed of checking means something."""


def replicas_wanted(status: EndpointStatus) -> tuple[int, int, int]:
    """Desired, ready and pending replicas of the whole endpoint."""
    return (
        sum(replica.desired for replica in status.replicas),
        sum(replica.ready for replica in status.replicas),
        sum(replica.pending for replica in status.replicas),
    )


def traffic_words(status: EndpointStatus) -> str:
    """Traffic on one line: ``3: 90 %, 4: 10 %, 5: shadow``."""
    traffic = status.spec.traffic
    shares = [f"{v}: {weight} %" for v, weight in sorted(traffic.weights.items()) if weight]
    return ", ".join([*shares, *(f"{version}: shadow" for version in traffic.shadows)])


def _untold_reason(status: EndpointStatus) -> str:
    """Why the endpoint is in its state, unless the table of its replicas says so."""
    if any(replica.reason and replica.reason in status.reason for replica in status.replicas):
        return ""
    return status.reason


def _header_reason(status: EndpointStatus) -> str:
    """What the first line says besides the state; a state that is well needs no reason."""
    return "" if status.state in ("ready", "idle") else _untold_reason(status)


def _replica_rows(status: EndpointStatus) -> list[tuple[object, ...]]:
    traffic = status.spec.traffic
    running = {replica.version: replica for replica in status.replicas}
    rows: list[tuple[object, ...]] = []
    for version in sorted({*traffic.versions, *running}):
        weight = traffic.weights.get(version, 0)
        share = f"{weight} %" if weight else "shadow" if version in traffic.shadows else "–"
        if (replica := running.get(version)) is None:
            rows.append((version, share, 0, 0, 0, ""))
        else:
            counts = (replica.desired, replica.ready, replica.pending)
            rows.append((version, share, *counts, replica.reason))
    return rows


def _latency(status: EndpointStatus) -> str:
    if not status.spec.deployed:
        return ""
    words = [f"{status.requests_per_second:.1f} requests/s"]
    if status.p50_ms is not None:
        words.append(f"p50 {status.p50_ms:.2f} ms")
    if status.p99_ms is not None:
        words.append(f"p99 {status.p99_ms:.2f} ms")
    return ", ".join(words)


def _bar(status: EndpointStatus) -> tuple[int, int, str] | None:
    desired, ready, pending = replicas_wanted(status)
    if status.state not in ("pending", "loading") and not pending:
        return None
    label = f"{ready} of {desired} replicas ready"
    return ready, max(desired, 1), label


def endpoint_html(status: EndpointStatus, steps: Sequence[str] = (), note: str = "") -> Html:
    """One endpoint: state, address, replicas by version and what was done to it."""
    spec, reason = status.spec, _header_reason(status)
    parts: list[object] = [
        heading(
            spec.name,
            state_word(status.state),
            code(spec.scaling),
            *([muted(reason)] if reason else ()),
        )
    ]
    if (bar := _bar(status)) is not None:
        ready, desired, label = bar
        parts.append(progress(ready or None, desired, label))
    if steps:
        parts.append(listing(steps))
    if spec.deployed:
        parts.append(table(_REPLICA_COLUMNS, _replica_rows(status), wide="why", numbers=_NUMBERS))
        parts.append(element("div", code(status.url)))
    facts = [
        _latency(status),
        f"audit {spec.audit.level}, {spec.audit.mode}",
        f"revision {spec.revision}",
        note,
        clock(),
    ]
    parts.append(element("div", " · ".join(fact for fact in facts if fact), style=MUTED))
    return panel(*parts)


def endpoint_text(status: EndpointStatus, steps: Sequence[str] = (), note: str = "") -> str:
    """The same as plain text."""
    spec = status.spec
    why = _header_reason(status)
    reason = f"  ({visible(why)})" if why else ""
    lines = [f"{spec.name}  {status.state}  {spec.scaling}{reason}"]
    if (bar := _bar(status)) is not None:
        lines.append(bar[2])
    lines += [f"{number}. {visible(step)}" for number, step in enumerate(steps, 1)]
    if spec.deployed:
        lines += [
            columns_of_text(_REPLICA_COLUMNS, _replica_rows(status), _NUMBERS),
            visible(status.url),
        ]
    facts = (_latency(status), f"audit {spec.audit.level}, {spec.audit.mode}")
    lines.append(" · ".join(filter(None, (*facts, f"revision {spec.revision}", note))))
    return "\n".join(line for line in lines if line)


def scale_html(status: EndpointStatus) -> Html:
    """Desired, ready and pending replicas of an endpoint, and why."""
    desired, ready, pending = replicas_wanted(status)
    parts: list[object] = [
        heading(status.spec.name, code(status.spec.scaling), state_word(status.state)),
        element("div", f"desired {desired} · ready {ready} · pending {pending}"),
    ]
    if reason := _untold_reason(status):
        parts.append(element("div", reason, style=MUTED))
    if (bar := _bar(status)) is not None:
        parts.append(progress(bar[0] or None, bar[1], bar[2]))
    parts.append(table(_REPLICA_COLUMNS, _replica_rows(status), wide="why", numbers=_NUMBERS))
    parts.append(element("div", clock(), style=MUTED))
    return panel(*parts)


def scale_text(status: EndpointStatus) -> str:
    """The same as plain text."""
    desired, ready, pending = replicas_wanted(status)
    return "\n".join(
        line
        for line in (
            f"{status.spec.name}  {status.spec.scaling}  {status.state}",
            f"desired {desired}  ready {ready}  pending {pending}",
            visible(_untold_reason(status)),
            columns_of_text(_REPLICA_COLUMNS, _replica_rows(status), _NUMBERS),
        )
        if line
    )


def _endpoint_rows(statuses: Sequence[EndpointStatus], *, as_html: bool) -> list[tuple[Any, ...]]:
    rows = []
    for status in statuses:
        desired, ready, _ = replicas_wanted(status)
        rows.append(
            (
                status.spec.name,
                state_word(status.state) if as_html else status.state,
                traffic_words(status),
                str(status.spec.scaling),
                f"{ready}/{desired}",
                f"{status.requests_per_second:.1f}",
                status.reason,
            )
        )
    return rows


def endpoints_html(statuses: Sequence[EndpointStatus]) -> Html:
    """All endpoints as a table."""
    if not statuses:
        return panel(muted("No endpoints. '%deploy MODEL' makes one."))
    rows = _endpoint_rows(statuses, as_html=True)
    return panel(
        table(_ENDPOINT_COLUMNS, rows, wide="why", numbers=_NUMBERS),
        element("div", clock(), style=MUTED),
    )


def endpoints_text(statuses: Sequence[EndpointStatus]) -> str:
    """The same as plain text."""
    if not statuses:
        return "No endpoints. '%deploy MODEL' makes one."
    return columns_of_text(_ENDPOINT_COLUMNS, _endpoint_rows(statuses, as_html=False), _NUMBERS)


def signature_words(version: ModelVersion) -> str:
    """The model's inputs in words: ``30 columns: mean radius (double), …``."""
    try:
        inputs = json.loads((version.signature or {}).get("inputs") or "[]")
    except (TypeError, ValueError):
        return "unreadable"
    if not isinstance(inputs, list) or not inputs:
        return "none"
    if inputs[0].get("type") == "tensor":
        specs = [part.get("tensor-spec", {}) for part in inputs]
        return ", ".join(f"{spec.get('dtype')} {spec.get('shape')}" for spec in specs)
    named = [f"{part.get('name', 'unnamed')} ({part.get('type')})" for part in inputs[:3]]
    more = ", …" if len(inputs) > len(named) else ""
    columns = "column" if len(inputs) == 1 else "columns"
    return f"{len(inputs)} {columns}: {', '.join(named)}{more}"


def _version_facts(version: ModelVersion, metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    lineage = version.lineage
    git = lineage.git_commit[:_SHORT] if lineage.git_commit else ""
    data = ""
    if lineage.data_sha256:
        shape = f"{lineage.data_rows} x {lineage.data_columns}, " if lineage.data_rows else ""
        data = f"{shape}sha256 {lineage.data_sha256[:_SHORT]}"
    facts = (
        ("alias", ", ".join(version.aliases)),
        ("metrics", ", ".join(f"{name} {_number(value)}" for name, value in metrics.items())),
        ("inputs", signature_words(version)),
        ("digest", version.digest[:_SHORT]),
        ("by", lineage.user or ""),
        ("notebook", lineage.notebook or ""),
        ("cell", lineage.cell_id or ""),
        ("git", git + (" (with changes not committed)" if git and lineage.git_dirty else "")),
        ("data", data),
        ("environment", f"{version.environment.kind}, Python {lineage.python_version or '?'}"),
    )
    return [(name, value) for name, value in facts if value]


def _number(value: object) -> str:
    try:
        return f"{float(value):.6g}"  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(value)


def version_html(
    version: ModelVersion, advice: Sequence[str] = (), metrics: Mapping[str, float] = _NO_METRICS
) -> Html:
    """One registered version: what it takes and where it came from."""
    rows = [
        element(
            "tr",
            element(
                "th",
                name,
                scope="row",
                style="text-align:left;padding:2px 12px 2px 0;font-weight:400",
            ),
            element("td", value, style="text-align:left;padding:2px 0"),
        )
        for name, value in _version_facts(version, metrics)
    ]
    when = moment(version.created_at) if version.created_at else ""
    return panel(
        heading(version.ref, "registered", when),
        element(
            "table",
            element("tbody", *rows),
            style="border-collapse:collapse;font-size:inherit;color:inherit;margin:4px 0",
        ),
        *(element("div", "Note: ", words) for words in advice),
    )


def version_text(
    version: ModelVersion, advice: Sequence[str] = (), metrics: Mapping[str, float] = _NO_METRICS
) -> str:
    """The same as plain text."""
    when = f"  {clock(version.created_at)}" if version.created_at else ""
    facts = columns_of_text(
        ("", ""), [(f"  {name}", v) for name, v in _version_facts(version, metrics)]
    )
    notes = [f"Note: {visible(words)}" for words in advice]
    return "\n".join([f"{version.ref} registered{when}", facts.lstrip("\n"), *notes])


def _version_rows(versions: Sequence[ModelVersion], *, as_html: bool) -> list[tuple[Any, ...]]:
    when = moment if as_html else clock
    return [
        (
            version.ref,
            ", ".join(version.aliases),
            version.digest[:_SHORT],
            version.lineage.user or "",
            when(version.created_at) if version.created_at else "",
        )
        for version in versions
    ]


def versions_html(versions: Sequence[ModelVersion]) -> Html:
    """Registered versions, newest first."""
    if not versions:
        return panel(muted(_NO_MODELS))
    return panel(table(_VERSION_COLUMNS, _version_rows(versions, as_html=True)))


def versions_text(versions: Sequence[ModelVersion]) -> str:
    """The same as plain text."""
    if not versions:
        return _NO_MODELS
    return columns_of_text(_VERSION_COLUMNS, _version_rows(versions, as_html=False))


def _model_rows(models: Sequence[RegisteredModel]) -> list[tuple[object, ...]]:
    return [
        (
            model.name,
            "none" if model.latest is None else model.latest,
            ", ".join(f"{alias}: {version}" for alias, version in sorted(model.aliases.items())),
            model.problem,
        )
        for model in models
    ]


def models_html(models: Sequence[RegisteredModel]) -> Html:
    """The registry's models."""
    if not models:
        return panel(muted(_NO_MODELS))
    return panel(table(_MODEL_COLUMNS, _model_rows(models), wide="note", numbers=_NUMBERS))


def models_text(models: Sequence[RegisteredModel]) -> str:
    """The same as plain text."""
    return columns_of_text(_MODEL_COLUMNS, _model_rows(models), _NUMBERS) if models else _NO_MODELS


def _hub_facts(hub: Mapping[str, Any], who: Mapping[str, Any]) -> list[str]:
    ledger = hub.get("ledger") or {}
    state = "" if ledger.get("ok", True) else f", cannot write: {ledger.get('reason', '')}"
    gpus = hub.get("gpus") or ()
    return [
        f"{who.get('subject', 'nobody')}, proven by {who.get('method', 'nothing')}",
        f"hub {hub.get('version', '?')} at {hub.get('url', '?')}, process {hub.get('pid', '?')}",
        f"ledger {int(ledger.get('size') or 0):,} records{state}",
        f"state in {hub.get('home', '?')}",
        f"GPUs {len(gpus) if isinstance(gpus, (list, tuple)) else gpus}" if gpus else "no GPU",
    ]


def overview_html(
    hub: Mapping[str, Any], who: Mapping[str, Any], statuses: Sequence[EndpointStatus]
) -> Html:
    """Who I am, which hub I use, what it runs."""
    if not hub:
        return panel(heading("No hub is running"), muted("The first verb that needs it starts it."))
    facts = [element("div", fact) for fact in _hub_facts(hub, who)]
    return panel(heading("mlops-jupyter"), *facts, endpoints_html(statuses))


def overview_text(
    hub: Mapping[str, Any], who: Mapping[str, Any], statuses: Sequence[EndpointStatus]
) -> str:
    """The same as plain text."""
    if not hub:
        return "No hub is running. The first verb that needs it starts it."
    return "\n".join([*map(visible, _hub_facts(hub, who)), endpoints_text(statuses)])


def _verdict(found: Mapping[str, Any]) -> tuple[str, str]:
    size = int(found.get("size") or 0)
    speed = f", {float(found.get('records_per_second') or 0):,.0f} a second"
    verdict = "The ledger holds together" if found.get("ok") else "The ledger does not hold"
    return verdict, f"{size:,} records checked{speed if size >= _MANY else ''}"


def _problem_rows(found: Mapping[str, Any]) -> list[tuple[object, ...]]:
    return [
        ("" if problem.get("index") is None else problem["index"], problem.get("what", ""))
        for problem in found.get("problems") or ()
    ]


def verification_html(found: Mapping[str, Any]) -> Html:
    """Whether the ledger holds together, and what does not."""
    verdict, checked = _verdict(found)
    rows = _problem_rows(found)
    problems = (
        [table(("record", "problem"), rows, wide="problem", numbers=_NUMBERS)] if rows else []
    )
    return panel(heading(verdict, muted(checked)), *problems)


def verification_text(found: Mapping[str, Any]) -> str:
    """The same as plain text."""
    verdict, checked = _verdict(found)
    rows = _problem_rows(found)
    problems = [columns_of_text(("record", "problem"), rows, _NUMBERS)] if rows else []
    return "\n".join([f"{verdict}: {checked}.", *problems])
