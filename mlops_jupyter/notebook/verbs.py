"""The verbs of a notebook as Python functions; each magic is a thin word over one of them.

Start reading here. Each function asks the registry (MLflow, in this process) and the user's hub,
and returns an object that shows itself in a cell. None keeps state that matters: a restarted kernel
finds everything as it was. All raise the errors of `mlops_jupyter.types`.

`on_progress`, where there is one, is called with pictures of what goes on, which the magics show.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlops_jupyter.notebook.audit import Audit
from mlops_jupyter.notebook.connection import connected, connecting
from mlops_jupyter.notebook.live import Progress, Working, watched
from mlops_jupyter.notebook.models import (
    check_source,
    model_ref,
    move_alias,
    resolve,
    version_wanted,
)
from mlops_jupyter.notebook.views import (
    EndpointList,
    EndpointView,
    ModelList,
    Overview,
    ScaleView,
    VersionList,
    VersionView,
)
from mlops_jupyter.notebook.waiting import until_scaled
from mlops_jupyter.types import (
    AuditPolicy,
    EndpointStatus,
    InvalidRequest,
    Limits,
    MlopsError,
    ModelRef,
    ModelVersion,
    NotFound,
    ScalingPolicy,
    Unavailable,
    check_name,
)
from mlops_jupyter.types.endpoint import USUAL_ALIAS

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub

LOAD_SECONDS = 1800.0
"""Longest wait for a deployment; a locked environment may have to be made first."""

audit = Audit()
"""Search the ledger: ``audit("churn", since="24h")``; see `Audit`."""


def register(
    name: str,
    model: Any = None,
    input_example: Any = None,
    *,
    worker: str | Path | None = None,
    alias: str | None = None,
    target: Any = None,
    data: Any = None,
    params: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
    user_ns: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
    **options: Any,
) -> VersionView:
    """Register a trained model as the next version of `name`, and let the hub have it.

    Parameters
    ----------
    input_example
        Rows as the model takes them; its signature is inferred from them.
    worker
        In place of `model`: the folder of a program in any language, with a ``worker.toml``.
    alias
        Alias that moves to the new version, such as ``challenger``.
    target, data
        The true answers and the training data, for the data's digest.
    params, metrics, tags
        Written to MLflow.
    options
        As for `mlops_jupyter.registry.register`: `flavor`, `environment`, `code_paths` …; for a
        worker `signature` as text, or `output_example`.
    """
    check_source(model, worker, target, options)
    tell = on_progress or _silent
    check_name(name, "model name")
    coming = connecting()
    if "mlflow" not in sys.modules:
        starting = f"Registering {name}: starting MLflow (a few seconds the first time)"
        tell(Working(starting, at_once=True))
    from mlops_jupyter import registry
    from mlops_jupyter.registry.quiet import quiet

    if worker is None:
        save = partial(registry.register, name, model, input_example, target=target)
        doing = "saving the model, loading it back, trying it"
    else:
        save = partial(registry.register_worker, name, worker, input_example=input_example)
        doing = "saving the folder, starting its program, trying it"
    with quiet():
        tell(Working(f"Registering {name}: {doing}"))
    with warnings.catch_warnings():
        advice = _collect_advice(registry.ModelAdvice)
        version = save(
            alias=alias,
            data=data,
            params=params,
            metrics=metrics,
            tags=tags,
            user_ns=user_ns,
            **options,
        )
    tell(Working(f"{version.ref} is registered; the hub takes its artifacts"))
    try:
        catalogued = coming().add_version(version)
    except MlopsError as error:
        error.fix = f"{error.fix} {version.ref} is registered: deploy it once that is mended."
        raise
    if os.environ.get("MLOPS_JUPYTER_RUN"):
        from mlops_jupyter.notebook.run_facts import fact

        fact("model", catalogued.ref)
    return VersionView(catalogued, advice, metrics)


def deploy(
    ref: str | ModelRef | ModelVersion | VersionView,
    *,
    name: str | None = None,
    scale: str | ScalingPolicy | None = None,
    gpu: int | None = None,
    on: str | None = None,
    audit: Literal["full", "metadata"] | None = None,
    mode: Literal["strict", "async"] | None = None,
    env: Literal["kernel", "locked"] | None = None,
    deadline: float | None = None,
    wait: bool = True,
    revision: int | None = None,
    on_progress: Progress | None = None,
) -> EndpointView:
    """Serve a version of a model behind an endpoint, with all of its traffic.

    What is None stays as it is; on a new endpoint it is ``fixed:1``, no GPU, ``local``, ``full``,
    ``strict``, the environment it was registered for, and 30 s. What served before goes on until
    the new version answers.

    Parameters
    ----------
    ref
        ``churn`` (its newest), ``churn/3``, ``churn@champion``, or what `register` returned.
    name
        The endpoint's name; the model's if not given.
    deadline
        Longest time for one call, seconds.
    wait
        Whether to return only when it answers; raises what kept it from that.
    revision
        Refuse with Conflict if the endpoint's revision is another one by now.
    """
    scaling = ScalingPolicy.parse(scale) if isinstance(scale, str) else scale
    tell = on_progress or _silent
    wanted = model_ref(ref)
    endpoint_name = name or wanted.name
    tell(Working(f"Finding {wanted}"))
    coming = connecting()
    version = resolve(ref, env)
    hub = coming()
    present = _status_or_none(hub, endpoint_name)
    work = partial(
        hub.deploy,
        endpoint_name,
        version,
        scaling=scaling,
        audit=_audit_policy(present, audit, mode),
        limits=_limits(present, deadline),
        gpu=gpu,
        alias=wanted.alias,
        target=on,
        revision=revision,
        wait=LOAD_SECONDS if wait else 0.0,
    )
    return EndpointView(hub, _followed(hub, endpoint_name, work, on_progress))


def scale(
    name: str,
    policy: str | ScalingPolicy | None = None,
    *,
    wait: bool = True,
    revision: int | None = None,
    on_progress: Progress | None = None,
) -> ScaleView:
    """Change how many replicas an endpoint has; without `policy` show them and why.

    Parameters
    ----------
    policy
        ``fixed:N``, ``elastic:MIN-MAX[,target=C]`` or ``serverless[:0-MAX][,idle=SECONDSs]``.
    wait
        Whether to wait, at most a minute, until as many replicas answer as are wanted.
    """
    hub = connected()
    if policy is None:
        return ScaleView(hub, hub.status(name))
    status = hub.scale(name, policy, revision=revision)
    if wait:
        tell = on_progress or _silent
        status = until_scaled(hub, status, lambda now: tell(ScaleView(hub, now)))
    return ScaleView(hub, status)


def predict(
    name: str,
    data: Any,
    version: int | None = None,
    params: Mapping[str, Any] | None = None,
) -> Any:
    """Ask an endpoint for the predictions of `data`, of any size.

    The answer has the form that the model returned: frame, series, array, list.
    """
    return connected().predict(name, data, version=version, params=params)


def traffic(
    name: str,
    weights: Mapping[int, int] | None = None,
    *,
    shadow: Iterable[int] = (),
    revision: int | None = None,
    on_progress: Progress | None = None,
) -> EndpointView:
    """Share an endpoint's calls among versions: ``traffic("churn", {3: 90, 4: 10}, shadow=[5])``.

    Without `weights` and `shadow` the present shares are shown; with `shadow` alone they stay, and
    those versions get copies of the calls.
    """
    hub = connected()
    shadows = tuple(shadow)
    status = hub.status(name)
    if not weights and not shadows:
        return EndpointView(hub, status)
    shares = dict(weights or status.spec.traffic.weights)
    model = status.spec.model
    known = {version.version for version in hub.versions(model)}
    new = [resolve(f"{model}/{number}") for number in sorted({*shares, *shadows} - known)]
    work = partial(hub.traffic, name, shares, shadows=shadows, versions=new, revision=revision)
    return EndpointView(hub, _followed(hub, name, work, on_progress))


def promote(
    name: str,
    version: int | str | ModelRef | ModelVersion | VersionView,
    *,
    alias: str | None = None,
    revision: int | None = None,
    on_progress: Progress | None = None,
) -> EndpointView:
    """Give a version all of an endpoint's traffic without losing a call; the alias follows.

    The version is loaded and tried first, then takes all calls, then the alias in MLflow moves.
    When a step fails, the steps before it stand and the error says what is left to do; doing it
    again is safe.

    Parameters
    ----------
    version
        A number, or another alias such as ``challenger``.
    alias
        The alias that moves; by default the one that the endpoint was deployed by, or ``champion``.
    """
    hub = connected()
    before = hub.status(name)
    model = before.spec.model
    wanted = resolve(version_wanted(model, version))
    hub.add_version(wanted)
    alias = alias or before.spec.alias or USUAL_ALIAS
    work = partial(hub.promote, name, wanted.version, alias=alias, revision=revision)
    after = _followed(hub, name, work, on_progress)
    steps = [*_switched(before, wanted.version), move_alias(hub, model, alias, wanted.version)]
    return EndpointView(hub, after, steps)


def rollback(
    name: str, *, revision: int | None = None, on_progress: Progress | None = None
) -> EndpointView:
    """Go back to the traffic that served before; an alias that moved with it moves back."""
    hub = connected()
    before = hub.status(name)
    after = _followed(hub, name, partial(hub.rollback, name, revision=revision), on_progress)
    steps = [
        f"The traffic is what it was before: {_shares(after)}.",
        *_alias_back(hub, before, after),
    ]
    return EndpointView(hub, after, steps)


def undeploy(name: str, *, revision: int | None = None) -> EndpointView:
    """Stop an endpoint. It is remembered, and `deploy` brings it back."""
    hub = connected()
    return EndpointView(hub, hub.undeploy(name, revision=revision))


def endpoint(name: str) -> EndpointView:
    """One endpoint: its status, and `predict`, `url`, `curl()` and `client_code()`."""
    hub = connected()
    return EndpointView(hub, hub.status(name))


def endpoints() -> EndpointList:
    """All endpoints, undeployed ones too."""
    hub = connected()
    return EndpointList([EndpointView(hub, status) for status in hub.endpoints()])


def models(name: str | None = None) -> ModelList | VersionList:
    """All models of the registry, or all versions of one."""
    from mlops_jupyter import registry

    if name is None:
        return ModelList(registry.models())
    return VersionList([VersionView(version) for version in registry.versions(name)])


def status() -> Overview:
    """Who I am, which hub I use and what it runs. Starts no hub."""
    try:
        hub = connected(start=False)
        return Overview(hub.info(), hub.whoami(), hub.endpoints())
    except Unavailable as error:
        if error.code != "hub_not_running":
            raise
        return Overview()


def _silent(_view: Any) -> None:
    pass


def _followed(
    hub: Hub, name: str, work: Callable[[], EndpointStatus], on_progress: Progress | None
) -> EndpointStatus:
    """Do `work`, and meanwhile show what the endpoint is doing."""
    if on_progress is None:
        return work()

    def look() -> None:
        try:
            on_progress(EndpointView(hub, hub.status(name)))
        except MlopsError:
            # the endpoint may not be there yet; what fails for good is said by the work itself
            on_progress(Working(f"{name}: waiting for the hub"))

    return watched(work, look)


def _alias_back(hub: Hub, before: EndpointStatus, after: EndpointStatus) -> list[str]:
    """Move the alias off the version that was rolled away from; the step in words, if any."""
    model, alias = after.spec.model, before.spec.alias
    version, left = after.spec.traffic.main, before.spec.traffic.main
    if not alias or model != before.spec.model or after.spec.traffic == before.spec.traffic:
        return []
    from mlops_jupyter import registry

    if registry.alias_version(model, alias) != left:
        return []
    if version == left:
        return [f"The alias '{alias}' of {model} stays at version {left}, which serves on."]
    return [move_alias(hub, model, alias, version)]


def _status_or_none(hub: Hub, name: str) -> EndpointStatus | None:
    try:
        return hub.status(name)
    except NotFound:
        return None


def _audit_policy(
    present: EndpointStatus | None,
    level: Literal["full", "metadata"] | None,
    mode: Literal["strict", "async"] | None,
) -> AuditPolicy | None:
    if level is None and mode is None:
        return None
    base = present.spec.audit if present else AuditPolicy()
    if level not in (None, "full", "metadata") or mode not in (None, "strict", "async"):
        raise InvalidRequest(
            "There is no such audit policy.",
            fix="audit is 'full' or 'metadata', mode is 'strict' or 'async'.",
            code="invalid_audit",
        )
    return AuditPolicy(level or base.level, mode or base.mode)


def _limits(present: EndpointStatus | None, deadline: float | None) -> Limits | None:
    if deadline is None:
        return None
    base = present.spec.limits if present else Limits()
    return dataclasses.replace(base, deadline_seconds=float(deadline))


def _shares(status: EndpointStatus) -> str:
    from mlops_jupyter.notebook.displays import traffic_words

    return traffic_words(status)


def _switched(before: EndpointStatus, version: int) -> list[str]:
    if before.spec.traffic.weights.get(version) == 100:
        return [f"Version {version} served all calls already."]
    return [
        f"Version {version} was loaded and answered a trial.",
        f"All calls go to version {version} (before: {_shares(before)}); none was lost.",
    ]


def _collect_advice(kind: type[Warning]) -> list[str]:
    """Gather warnings of `kind` inside the caller's ``catch_warnings``, for the result to show."""
    advice: list[str] = []
    usual = warnings.showwarning

    def take(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, kind):
            advice.append(str(message))
        else:
            usual(message, category, *place, **more)

    warnings.simplefilter("always", kind)
    warnings.showwarning = take
    return advice
