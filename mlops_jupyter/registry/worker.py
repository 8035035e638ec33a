"""Register a worker model: a folder with a program of any language, as an MLflow model.

The folder travels as the model's artifact, the small package that runs it in plain MLflow as its
code. Whatever cannot be served is found before the registry hears of it, as for other models.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_jupyter.registry import distributions, publish
from mlops_jupyter.registry.artifact import Artifact
from mlops_jupyter.registry.collector import collector_paused
from mlops_jupyter.registry.data_digest import digest_data
from mlops_jupyter.registry.examples import Example, advise, take_example
from mlops_jupyter.registry.lineage import trace_lineage
from mlops_jupyter.registry.quiet import quiet
from mlops_jupyter.registry.registry import with_alias
from mlops_jupyter.registry.said import said
from mlops_jupyter.registry.store import open_store, working_folder
from mlops_jupyter.types import Environment, InvalidInput, InvalidRequest, ModelVersion, check_name
from mlops_jupyter.workers import FLAVOR, missing_needs, read_worker
from mlops_jupyter.workers import mlops_worker as carried
from mlops_jupyter.workers.manifest import files_of
from mlops_jupyter.workers.needs import how_to_install
from mlops_jupyter.workers.signature import parse_signature
from mlops_jupyter.workers.trial import talk

FOLDER = "worker"
"""The name of the worker's folder among the model's data."""

_LEFT_OUT = frozenset({".git", ".ipynb_checkpoints", "__pycache__", ".DS_Store"})


@dataclass(frozen=True)
class _Worker:
    """A worker's folder, checked: its manifest, its files, its signature and example."""

    folder: Path
    manifest: carried.Manifest
    table: Mapping[str, Any]
    files: list[Path]
    signature: Any
    example: Example | None


@collector_paused()
def register_worker(
    name: str,
    folder: str | Path,
    *,
    signature: str | None = None,
    input_example: Any = None,
    output_example: Any = None,
    alias: str | None = None,
    params: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
    data: Any = None,
    description: str | None = None,
    user_ns: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """Register the program in `folder`, which has a ``worker.toml``, as the next version of `name`.

    The program is started once and asked its example before the registry hears of it, unless this
    machine lacks a program that it needs: then a warning says which package brings it.

    Parameters
    ----------
    signature
        As text, ``text: string -> label: string, score: double``; the one in the ``worker.toml`` if
        not given.
    input_example, output_example
        In place of `signature`: rows as the program takes them and its answers to them.
    alias, params, metrics, tags, data, description, user_ns
        As for :func:`~mlops_jupyter.registry.register`.

    Raises
    ------
    InvalidRequest
        The ``worker.toml``, the signature, a name or a tag is not valid.
    InvalidInput
        The program does not start, or does not answer its example as its signature says.
    Unavailable
        The registry does not answer within seconds.
    """
    check_name(name, "model name")
    publish.check_words(alias, params, metrics, tags)
    folder = Path(folder).expanduser()
    manifest, table = read_worker(folder)
    with quiet(), ExitStack() as undo:
        example = None if input_example is None else take_example(input_example)
        worker = _Worker(
            folder,
            manifest,
            table,
            files_of(folder, _LEFT_OUT.__contains__),
            _signature(signature or manifest.signature, example, output_example),
            example,
        )
        store = open_store()
        temporary = undo.enter_context(
            tempfile.TemporaryDirectory(prefix=".saving-", dir=working_folder())
        )
        saved = _save(worker, Path(temporary))
        _try(worker, saved.folder)
        frozen = "".join(f"{program} ({package})\n" for program, package in manifest.needs)
        digest = None if data is None else digest_data(data)
        version = publish.publish(
            store,
            name,
            saved,
            publish.Facts(
                lineage=trace_lineage(frozen=frozen, data=digest, user_ns=user_ns),
                environment=Environment("kernel", sys.executable),
                params=params or {},
                metrics=metrics or {},
                tags=tags or {},
                description=description,
            ),
        )
        return version if alias is None else with_alias(store, version, alias)


def _signature(text: str, example: Example | None, output_example: Any) -> Any:
    from mlflow.models import ModelSignature, infer_signature

    if text:
        return ModelSignature.from_dict(parse_signature(text))
    if example is None or output_example is None:
        raise InvalidRequest(
            "The worker has no signature.",
            reason="Calls and answers are checked by it, and a program cannot be asked for it.",
            fix="Give it: --signature 'text: string -> label: string', or signature = in the "
            "worker.toml.",
            code="signature_missing",
        )
    outputs = infer_signature(take_example(output_example).data).inputs
    return ModelSignature(inputs=example.inputs, outputs=outputs)


def _save(worker: _Worker, temporary: Path) -> Artifact:
    import mlflow.pyfunc
    from mlflow.models import Model

    data = temporary / FOLDER
    for file in worker.files:
        (data / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(worker.folder / file, data / file)
    code = temporary / carried.__name__.rpartition(".")[2]
    shutil.copytree(
        Path(carried.__file__).parent, code, ignore=shutil.ignore_patterns("__pycache__")
    )
    description = Model()
    description.add_flavor(
        FLAVOR,
        folder=f"data/{FOLDER}",
        executables=[
            file.as_posix() for file in worker.files if os.access(worker.folder / file, os.X_OK)
        ],
        worker=json.loads(json.dumps(worker.table)),
    )
    folder = temporary / "model"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about the missing example, which _try asks
        mlflow.pyfunc.save_model(
            str(folder),
            loader_module=code.name,
            data_path=str(data),
            code_paths=[str(code)],
            mlflow_model=description,
            signature=worker.signature,
            pip_requirements=distributions.pinned({"mlflow", "pandas", "numpy"}),
        )
    artifact = Artifact(folder, description)
    artifact.write_description()
    return artifact


def _try(worker: _Worker, folder: Path) -> None:
    """Start what was saved and let it answer its example."""
    missing = missing_needs(worker.manifest, os.environ.get("PATH"))
    if missing:
        advise(
            f"The worker was not tried: {', '.join(name for name, _ in missing)} is not installed "
            f"here. {how_to_install(missing)}"
        )
        return
    asked: Mapping[str, Any] = worker.manifest.example or {}
    if worker.example is not None:
        columns, _ = carried.columns_of(worker.example.data)
        asked = {name: json.loads(text) for name, text in columns.items()}
    described = worker.signature.to_dict()
    try:
        talk(worker.manifest, folder / "data" / FOLDER, described, asked)
    except (carried.NotReady, carried.ProgramError, carried.ProgramEnded) as error:
        raise InvalidInput(
            "The worker's program does not work.",
            reason=said(error),
            fix=f"Try it: mlops-jupyter worker test {worker.folder}.",
            code="worker_failed",
        ) from error
