"""A run in MLflow's terms and within its bounds: tags, params, metrics, data sets."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

RUN_TAG = "mlops.run"
SWEEP_TAG = "mlops.sweep"
PARENT_TAG = "mlflow.parentRunId"

# bounds of MLflow's own
_PARAM_LENGTH, _TAG_LENGTH, _KEY_LENGTH, _DIGEST_LENGTH, _NAME_LENGTH = 6000, 8000, 250, 36, 500
_MAX_METRICS = 100_000
_STATUS = {"succeeded": "FINISHED", "cancelled": "KILLED"}

Said = Mapping[str, Any]


def status_of(state: str) -> str:
    """MLflow's status for one of our end states."""
    return _STATUS.get(state, "FAILED")


def milliseconds(seconds: Any) -> int | None:
    """Epoch seconds as MLflow has them."""
    return round(float(seconds) * 1000) if seconds else None


def tags_of(run: Said) -> dict[str, str]:
    """Tags of a run: ours, and the same facts by the names that MLflow's pages show."""
    spec, record = run["spec"], run.get("record") or {}
    trigger, git = spec.get("trigger") or {}, record.get("git") or {}
    return tags(
        {
            "mlops.verdict": run["state"],
            "mlops.reason": run.get("reason"),
            "mlops.code": run.get("code"),
            "mlops.attempt": run.get("attempt"),
            "mlops.trigger": trigger.get("kind"),
            "mlops.trigger_of": trigger.get("of"),
            "mlops.user": run.get("submitted_by"),
            "mlops.notebook": spec["notebook"],
            "mlops.notebook_sha256": record.get("notebook_sha256"),
            "mlops.copy_sha256": spec.get("notebook_sha256"),
            "mlops.frozen_sha256": (record.get("environment") or {}).get("sha256"),
            "mlops.image_digest": (record.get("container") or {}).get("image_digest"),
            "mlflow.user": run.get("submitted_by"),
            "mlflow.source.name": spec["notebook"],
            "mlflow.source.type": "NOTEBOOK",
            "mlflow.source.git.commit": git.get("commit"),
            "mlflow.source.git.branch": git.get("branch"),
            "mlflow.source.git.dirty": git.get("dirty"),
            "mlflow.source.git.repoURL": git.get("remote"),
        }
    )


def tags_of_sweep(sweep: Said) -> dict[str, str]:
    """Tags of a sweep's own run."""
    spec = sweep["spec"]
    return tags(
        {
            SWEEP_TAG: sweep["id"],
            "mlops.search": spec["search"],
            "mlops.metric": spec["metric"],
            "mlops.direction": spec["direction"],
            "mlops.user": sweep["submitted_by"],
            "mlflow.user": sweep["submitted_by"],
            "mlflow.source.name": spec["run"]["notebook"],
            "mlflow.source.type": "NOTEBOOK",
        }
    )


def tags(values: Said) -> dict[str, str]:
    """Values as tags; what is not known has none."""
    known = {key: value for key, value in values.items() if value not in (None, "")}
    return {key: _text(value, _TAG_LENGTH) for key, value in known.items()}


def params(values: Said) -> list[Any]:
    """Text as it is, everything else as JSON; whole values are in ``record.json``."""
    from mlflow.entities import Param

    return [
        Param(name[:_KEY_LENGTH], _text(value, _PARAM_LENGTH)) for name, value in values.items()
    ]


def parameters_of(run: Said) -> dict[str, Any]:
    """Parameters of a run, with the defaults that nobody changed."""
    said = (run.get("record") or {}).get("parameters") or {}
    defaults = {name: one["value"] for name, one in said.items() if isinstance(one, dict)}
    return {**defaults, **(run["spec"].get("parameters") or {})}


def metrics_of(run: Said, events: Path) -> list[Any]:
    """What the last attempt measured, with times and steps as far as the file of events tells."""
    from mlflow.entities import Metric

    said: dict[str, list[Any]] = {}
    for event in _events(events):
        if event.get("event") == "attempt":
            said.clear()
        elif event.get("event") == "metric":
            with suppress(KeyError, TypeError, ValueError):
                name, value = str(event["name"])[:_KEY_LENGTH], float(event["value"])
                at, step = milliseconds(event.get("t")), int(event.get("step") or 0)
                said.setdefault(name, []).append(Metric(name, value, at, step))
    end = milliseconds(run.get("ended_at"))
    for key, value in (run.get("metrics") or {}).items():
        name = key[:_KEY_LENGTH]
        said.setdefault(name, [Metric(name, float(value), end, 0)])
    every = [metric for metrics in said.values() for metric in metrics]
    return [metric for metric in every if math.isfinite(metric.value)]


def _events(path: Path) -> Iterator[dict[str, Any]]:
    """Those that metrics are in, of a file that may be very long."""
    try:
        with path.open("rb") as file:
            wanted = (line for line in file if b'"metric"' in line or b'"attempt"' in line)
            for _, line in zip(range(_MAX_METRICS), wanted, strict=False):
                with suppress(ValueError):
                    event = json.loads(line)
                    if isinstance(event, dict):
                        yield event
    except OSError:
        return


def datasets_of(run: Said) -> list[Any]:
    """What the notebook said that it read, by our SHA-256 instead of MLflow's short digest."""
    return [_dataset(said) for said in (run.get("record") or {}).get("data") or ()]


def _dataset(said: Said) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    digest, path, schema = str(said.get("sha256")), said.get("path"), said.get("schema")
    name = str(said.get("name") or "data")[:_NAME_LENGTH]
    columns = [{"name": column, "type": kind} for column, kind in (schema or {}).items()]
    profile = {"num_rows": said.get("rows"), "num_columns": said.get("columns"), "sha256": digest}
    dataset = Dataset(
        name,
        digest[:_DIGEST_LENGTH],
        "local" if path else "code",
        json.dumps({"uri": path} if path else {"tags": {"name": name}}),
        json.dumps({"mlflow_colspec": columns}) if columns else None,
        json.dumps({key: value for key, value in profile.items() if value is not None}),
    )
    labels = [InputTag("mlflow.data.context", "training"), InputTag("mlops.sha256", digest)]
    return DatasetInput(dataset, labels)


def _text(value: Any, length: int) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= length else text[: length - 1] + "…"
