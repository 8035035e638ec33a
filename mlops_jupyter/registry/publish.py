"""Write a saved model to MLflow: run, logged model, artifacts, and last of all the version."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

from mlops_jupyter.registry import fetch
from mlops_jupyter.registry.artifact import Artifact
from mlops_jupyter.registry.lineage import TAG_PREFIX, to_tags
from mlops_jupyter.registry.quiet import variables
from mlops_jupyter.registry.store import Store
from mlops_jupyter.types import (
    Conflict,
    Environment,
    InvalidRequest,
    Lineage,
    MlopsError,
    ModelVersion,
    check_name,
    digest_folder,
)

DIGEST_TAG = TAG_PREFIX + "digest"
ENVIRONMENT_TAG = TAG_PREFIX + "environment"
_RESERVED = (TAG_PREFIX, "mlflow.")


@dataclass(frozen=True)
class Facts:
    """What is written down beside the artifacts."""

    lineage: Lineage
    environment: Environment
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    description: str | None = None


def check_alias(alias: str) -> None:
    """Raise InvalidRequest for what MLflow keeps for itself: ``latest`` and ``v3``."""
    check_name(alias, "alias")
    if alias == "latest" or re.fullmatch(r"v\d+", alias):
        raise InvalidRequest(
            f"'{alias}' cannot be an alias.",
            reason="MLflow reserves 'latest' and 'v' with a number.",
            fix="Choose a word for the version's part, such as champion or challenger.",
            code="invalid_name",
        )


def check_words(
    alias: str | None,
    params: Mapping[str, Any] | None,
    metrics: Mapping[str, float] | None,
    tags: Mapping[str, str] | None,
) -> None:
    """Refuse what MLflow would refuse, before anything is written."""
    if alias is not None:
        check_alias(alias)
    for what, given in (("params", params), ("metrics", metrics), ("tags", tags)):
        if given is not None and not isinstance(given, Mapping):
            raise InvalidRequest(f"The {what} are not a dict.", fix=f"Pass {what}={{'name': ...}}.")
        for key in given or {}:
            if not isinstance(key, str) or not re.fullmatch(r"[\w.\- :/]{1,250}", key):
                raise InvalidRequest(
                    f"{ascii(key)[:40]} is not a valid name among the {what}.",
                    reason="MLflow allows letters, digits and _ - . : / and spaces, at most 250.",
                    fix="Choose another name.",
                    code="invalid_name",
                )
    for key, value in (metrics or {}).items():
        if not _is_number(value):
            raise InvalidRequest(
                f"The metric '{key}' is not a finite number.",
                fix="Pass a number, e.g. float(score).",
                code="invalid_metric",
            )
    for key in tags or {}:
        if key.startswith(_RESERVED):
            raise InvalidRequest(
                f"The tag '{key}' is reserved.",
                reason="Tags that start with 'mlops.' and 'mlflow.' are written by these programs.",
                fix="Choose another name.",
                code="reserved_tag",
            )


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, str) and math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def publish(store: Store, name: str, saved: Artifact, facts: Facts) -> ModelVersion:
    """Write everything and create the version last, so that a failure leaves no version behind."""
    with _run(store, name, facts) as run:
        logged = store.call(
            "create_logged_model",
            run.info.experiment_id,
            name,
            source_run_id=run.info.run_id,
            tags=to_tags(facts.lineage),
            params={key: str(value) for key, value in facts.params.items()},
        )
        with _logged_model(store, logged.model_id):
            _name_ids(saved, run.info.run_id, logged)
            digest = digest_folder(saved.folder)
            store.call("log_model_artifacts", logged.model_id, str(saved.folder))
        _link(store, run.info.run_id, logged.model_id, facts.metrics)
        version = _create_version(store, name, logged, digest, facts)
    return fetch.described(
        store, version, fetch.bring_here(store, version, logged.artifact_location, saved, digest)
    )


@contextmanager
def _run(store: Store, name: str, facts: Facts) -> Iterator[Any]:
    """The notebook's active run, or one of our own that ends with the block."""
    import mlflow
    from mlflow.entities import RunTag

    tags = {**to_tags(facts.lineage), **facts.tags}
    active = mlflow.active_run() if store.home is None else None
    if active is not None:
        store.call("log_batch", active.info.run_id, tags=[RunTag(*item) for item in tags.items()])
        _log_params(store, active.info.run_id, facts.params)
        yield active
        return
    run = store.call(
        "create_run",
        store.experiment(),
        tags={**tags, **_source_tags(facts.lineage)},
        run_name=f"register {name}",
    )
    try:
        _log_params(store, run.info.run_id, facts.params)
        yield run
    except BaseException:
        with suppress(MlopsError):
            store.call("set_terminated", run.info.run_id, "FAILED")
        raise
    store.call("set_terminated", run.info.run_id, "FINISHED")


def _source_tags(lineage: Lineage) -> dict[str, str]:
    """The facts once more under the names that MLflow's own pages show."""
    known = {
        "mlflow.user": lineage.user,
        "mlflow.source.name": lineage.notebook,
        "mlflow.source.type": "NOTEBOOK" if lineage.notebook else "LOCAL",
        "mlflow.source.git.commit": lineage.git_commit,
        "mlflow.source.git.repoURL": lineage.git_remote,
    }
    return {key: value for key, value in known.items() if value is not None}


def _log_params(store: Store, run_id: str, params: Mapping[str, Any]) -> None:
    if not params:
        return
    from mlflow.entities import Param

    try:
        store.call(
            "log_batch", run_id, params=[Param(key, str(value)) for key, value in params.items()]
        )
    except InvalidRequest as error:
        if "hanging param" not in error.reason:
            raise
        raise Conflict(
            "A parameter has another value in the active run already.",
            reason="MLflow does not let a run's parameter change.",
            fix="End the run (mlflow.end_run()) or leave out params.",
            code="params_differ",
        ) from error


@contextmanager
def _logged_model(store: Store, model_id: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(MlopsError):
            store.call("finalize_logged_model", model_id, "FAILED")
        raise
    store.call("finalize_logged_model", model_id, "READY")


def _name_ids(saved: Artifact, run_id: str, logged: Any) -> None:
    saved.description.run_id = run_id
    saved.description.model_id = logged.model_id
    saved.description.model_uuid = logged.model_id
    saved.description.artifact_path = logged.artifact_location
    saved.write_description()


def _link(store: Store, run_id: str, model_id: str, metrics: Mapping[str, float]) -> None:
    """Link the run to the model that it made, and its metrics to both."""
    from mlflow.entities import LoggedModelOutput, Metric

    store.call("log_outputs", run_id, models=[LoggedModelOutput(model_id, step=0)])
    if metrics:
        now = int(time.time() * 1000)
        store.call(
            "log_batch",
            run_id,
            metrics=[
                Metric(key, float(value), now, 0, model_id=model_id)
                for key, value in metrics.items()
            ],
        )


def _create_version(store: Store, name: str, logged: Any, digest: str, facts: Facts) -> Any:
    with suppress(Conflict):
        store.call("create_registered_model", name)
    # a database store looks "models:/..." up at the URI that MLflow knows in the whole process
    with variables(MLFLOW_TRACKING_URI=store.tracking_uri):
        return store.call(
            "create_model_version",
            name,
            f"models:/{logged.model_id}",
            run_id=logged.source_run_id,
            tags={
                **facts.tags,
                **to_tags(facts.lineage),
                DIGEST_TAG: digest,
                ENVIRONMENT_TAG: json.dumps(asdict(facts.environment), sort_keys=True),
            },
            description=facts.description,
            model_id=logged.model_id,
        )
