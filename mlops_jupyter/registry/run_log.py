"""A finished run of a notebook as a run of MLflow, and a sweep as the parent of its runs.

What is here can be called again with the same run: it finds what it wrote the first time.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from mlops_jupyter.registry.collector import collector_paused
from mlops_jupyter.registry.quiet import quiet
from mlops_jupyter.registry.run_entities import (
    PARENT_TAG,
    RUN_TAG,
    SWEEP_TAG,
    Said,
    datasets_of,
    metrics_of,
    milliseconds,
    parameters_of,
    params,
    status_of,
    tags,
    tags_of,
    tags_of_sweep,
)
from mlops_jupyter.registry.store import Store, open_store, working_folder
from mlops_jupyter.types import Conflict, InvalidRequest, NotFound
from mlops_jupyter.types.artifact import check_artifact_name

MAX_LOG_BYTES = 5 << 20
"""Of a log, the end is kept."""

_ARTIFACTS = (
    "input.ipynb",
    "output.ipynb",
    "output.html",
    "record.json",
    "environment.txt",
    "git.diff",
)
_LOGS = ("stdout.log", "stderr.log")
_BATCH, _METRIC_BATCH = 100, 1000
"""The most that MLflow takes at once."""

T = TypeVar("T")


@collector_paused()
def log_run(run: Said, folder: str) -> dict[str, Any]:
    """Write a finished run to MLflow.

    Runs of MLflow that the notebook made itself are known by their tag ``mlops.run``: the first of
    them is taken, and those that it left open are closed. If it made none, one is made.

    Parameters
    ----------
    run
        A `RunStatus` as JSON values.
    folder
        The run's folder, with its files and events.

    Returns
    -------
    dict
        ``mlflow_run_id``, and ``metrics``: all that MLflow's run has, newest value by name.

    Raises
    ------
    Unavailable
        The store does not answer.
    """
    with quiet():
        store = open_store()
        made = _tagged(store, RUN_TAG, str(run["id"]))
        chosen = made[0] if made else _create(store, run)
        run_id = chosen.info.run_id
        _write_facts(store, chosen, run, Path(folder))
        _link_models(store, chosen, run, made)
        _write_files(store, run_id, run, Path(folder))
        _close(store, run, run_id, made)
        metrics = store.call("get_run", run_id).data.metrics
    finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
    return {"mlflow_run_id": run_id, "metrics": finite}


@collector_paused()
def start_sweep(sweep: Said) -> str:
    """Make the run of MLflow under which those of a sweep are shown, or find it; its id.

    Parameters
    ----------
    sweep
        A `SweepStatus` as JSON values.
    """
    spec = sweep["spec"]
    with quiet():
        store = open_store()
        made = _tagged(store, SWEEP_TAG, str(sweep["id"]))
        if made:
            return str(made[0].info.run_id)
        created = store.call(
            "create_run",
            _experiment(store, Path(spec["run"]["notebook"]).stem),
            start_time=milliseconds(sweep["submitted_at"]),
            tags=tags_of_sweep(sweep),
            run_name=f"sweep {sweep['id']}",
        )
        run_id = str(created.info.run_id)
        space = dict(dimension.partition("=")[::2] for dimension in spec["space"])
        _write(store, run_id, params=params(space))
        return run_id


@collector_paused()
def end_sweep(sweep: Said) -> str:
    """Close a sweep's run of MLflow and say which of its runs was best; its id."""
    run_id = start_sweep(sweep)
    with quiet():
        store = open_store()
        metric, best = sweep["spec"]["metric"], sweep.get("best_value")
        if metric and isinstance(best, int | float) and math.isfinite(best):
            store.call("log_metric", run_id, f"best_{metric}"[:250], float(best))
        verdict = {"mlops.best_run": sweep.get("best_run"), "mlops.verdict": sweep["state"]}
        _write(store, run_id, tags=_run_tags(tags(verdict)))
        end = milliseconds(sweep.get("ended_at"))
        store.call("set_terminated", run_id, status_of(sweep["state"]), end_time=end)
    return run_id


def _tagged(store: Store, tag: str, value: str) -> list[Any]:
    """Runs of MLflow with a tag, in whatever experiment, oldest first; parents before children."""
    experiments = [one.experiment_id for one in _experiments(store)]
    if not experiments:
        return []
    where, order = f"tags.`{tag}` = '{value}'", ["attributes.start_time ASC"]
    found = store.call("search_runs", experiments, where, order_by=order)
    ids = {run.info.run_id for run in found}
    return sorted(found, key=lambda run: run.data.tags.get(PARENT_TAG) in ids)


def _experiments(store: Store) -> Iterator[Any]:
    token = None
    while True:
        page = store.call("search_experiments", max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _create(store: Store, run: Said) -> Any:
    stem = Path(str(run["spec"]["notebook"])).stem
    return store.call(
        "create_run",
        _experiment(store, stem),
        start_time=milliseconds(run.get("started_at") or run.get("submitted_at")),
        # with the tag from its first moment, so that a second try finds it
        tags={RUN_TAG: str(run["id"])},
        run_name=f"{stem} {run['id']}",
    )


def _experiment(store: Store, name: str) -> str:
    """Id of the experiment of that name, unless the user has chosen one for all."""
    if os.environ.get("MLFLOW_EXPERIMENT_NAME") or os.environ.get("MLFLOW_EXPERIMENT_ID"):
        return store.experiment()
    found = store.call("get_experiment_by_name", name)
    if found is None:
        location = (store.home / "artifacts").as_uri() if store.home else None
        try:
            return str(store.call("create_experiment", name, artifact_location=location))
        except (Conflict, InvalidRequest):
            # another process made it a moment ago, or MLflow takes no such name
            found = store.call("get_experiment_by_name", name)
    if found is None or found.lifecycle_stage != "active":
        return store.experiment()
    return str(found.experiment_id)


def _write_facts(store: Store, chosen: Any, run: Said, folder: Path) -> None:
    """Tags, parameters, metrics and data sets; what the notebook has written itself stays."""
    known = chosen.data
    said = tags_of(run)
    sweep = run["spec"].get("sweep")
    if sweep and PARENT_TAG not in known.tags:
        parents = _tagged(store, SWEEP_TAG, str(sweep))
        if parents:
            said[PARENT_TAG] = parents[0].info.run_id
    missing = {k: v for k, v in parameters_of(run).items() if k not in known.params}
    measured = metrics_of(run, folder / "events.jsonl")
    _write(
        store,
        chosen.info.run_id,
        tags=_run_tags(said),
        params=params(missing),
        metrics=[metric for metric in measured if metric.key not in known.metrics],
    )
    data = datasets_of(run)
    if data:
        store.call("log_inputs", chosen.info.run_id, datasets=data)


def _link_models(store: Store, chosen: Any, run: Said, made: Iterable[Any]) -> None:
    """Say of each model that was registered in the run that it was; one that is gone is left."""
    from mlflow.entities import LoggedModelOutput

    run_id = chosen.info.run_id
    own = {run_id, *(one.info.run_id for one in made)}
    linked = {one.model_id for one in chosen.outputs.model_outputs} if chosen.outputs else set()
    for ref in run.get("models", ()):
        name, _, number = str(ref).partition("/")
        try:
            version = store.call("get_model_version", name, number)
            store.call("set_model_version_tag", name, number, RUN_TAG, str(run["id"]))
            if not version.run_id or version.run_id in own:
                continue
            # registered outside of the notebook's own runs: shown under the first
            store.call("set_tag", version.run_id, PARENT_TAG, run_id)
        except (NotFound, InvalidRequest):
            continue
        model = str(version.source or "").removeprefix("models:/")
        if model.startswith("m-") and model not in linked:
            linked.add(model)
            store.call("log_outputs", run_id, models=[LoggedModelOutput(model, step=0)])


def _write_files(store: Store, run_id: str, run: Said, folder: Path) -> None:
    """Copies, because the input cannot be written over when this is done a second time."""
    with tempfile.TemporaryDirectory(prefix=".logging-", dir=working_folder()) as staged:
        for name in (*_ARTIFACTS, *_LOGS):
            with suppress(FileNotFoundError):
                _stage(folder / name, Path(staged) / name)
        for kept in (run.get("record") or {}).get("artifacts") or ():
            target = Path(staged) / "artifacts" / check_artifact_name(kept["name"])
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                _stage(folder / "artifacts" / kept["sha256"], target)
        if any(Path(staged).iterdir()):
            store.call("log_artifacts", run_id, staged)


def _stage(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as write:
        beyond = os.fstat(read.fileno()).st_size - MAX_LOG_BYTES
        if source.name in _LOGS and beyond > 0:
            read.seek(beyond)
            write.write(f"... the first {beyond:,} bytes are left out\n".encode())
        shutil.copyfileobj(read, write)


def _close(store: Store, run: Said, run_id: str, made: Iterable[Any]) -> None:
    """The supervisor's verdict is the run's status; what the notebook left open is closed."""
    status, end = status_of(run["state"]), milliseconds(run.get("ended_at"))
    store.call("set_terminated", run_id, status, end_time=end)
    for other in made:
        if other.info.run_id != run_id and other.info.status == "RUNNING":
            store.call("set_terminated", other.info.run_id, status, end_time=end)


def _run_tags(values: dict[str, str]) -> list[Any]:
    from mlflow.entities import RunTag

    return [RunTag(key, value) for key, value in values.items()]


def _write(store: Store, run_id: str, **entities: list[Any]) -> None:
    """Write tags, params or metrics, as many at once as MLflow takes."""
    for kind, items in entities.items():
        for batch in _batches(items, _METRIC_BATCH if kind == "metrics" else _BATCH):
            store.call("log_batch", run_id, **{kind: batch})


def _batches(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
