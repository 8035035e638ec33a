"""Loads a worker model in plain MLflow: the program is started and asked for each ``predict``.

This package travels inside the model (MLflow's ``code_paths``) and needs the standard library only,
besides what MLflow itself hands over, so that a worker model loads where mlops-jupyter is not
installed. The hub's own workers use `LinesProgram` and `HttpProgram` without it.
"""

from __future__ import annotations

import atexit
import base64
import os
import threading
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import BadAnswer, NotReady, ProgramEnded, ProgramError
from .lines import LinesProgram
from .manifest import Manifest
from .messages import dump, dump_floats
from .unix_http import HttpProgram

__all__ = [
    "BadAnswer",
    "HttpProgram",
    "LinesProgram",
    "Manifest",
    "NotReady",
    "ProgramEnded",
    "ProgramError",
    "columns_of",
    "start",
]


def start(
    manifest: Manifest,
    folder: Path,
    *,
    inherited: Mapping[str, str] = os.environ,
    own_group: bool = True,
    before: Callable[[], None] | None = None,
) -> LinesProgram | HttpProgram:
    """Start the program and wait until it is ready; raises NotReady with what it said."""
    kind = HttpProgram if manifest.protocol == "http" else LinesProgram
    return kind(manifest, folder, inherited=inherited, own_group=own_group, before=before)


def _load_pyfunc(path: str) -> WorkerModel:
    """MLflow's entry: `path` is the worker's folder."""
    return WorkerModel(Path(path))


class WorkerModel:
    """What ``mlflow.pyfunc.load_model`` wraps; a program that ended is started again."""

    def __init__(self, folder: Path) -> None:
        with (folder / "worker.toml").open("rb") as file:
            self._manifest = Manifest.of(tomllib.load(file))
        self._folder = folder
        self._lock = threading.Lock()  # a server may predict in several threads
        self._program: LinesProgram | HttpProgram | None = start(self._manifest, folder)
        atexit.register(self.stop)

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Ask for the answers of a DataFrame, an array or a dict of arrays."""
        columns, rows = columns_of(model_input)
        with self._lock:
            if self._program is None:
                self._program = start(self._manifest, self._folder)
            try:
                outputs = self._program.ask(rows, columns, params)
            except ProgramEnded:
                self.stop()
                raise
        if hasattr(model_input, "columns"):
            import pandas as pd

            return pd.DataFrame(outputs)
        import numpy as np

        return {name: np.asarray(values) for name, values in outputs.items()}

    def stop(self) -> None:
        """End the program."""
        if self._program is not None:
            self._program.stop()
            self._program = None


def columns_of(data: Any) -> tuple[dict[str, bytes], int]:
    """Every input's values as JSON text, and the number of rows."""
    if hasattr(data, "columns"):
        return {str(name): _column(data[name]) for name in data.columns}, len(data)
    arrays = dict(data) if isinstance(data, Mapping) else {"input-0": data}
    rows = len(next(iter(arrays.values())))
    return {str(name): _array(array) for name, array in arrays.items()}, rows


def _array(array: Any) -> bytes:
    values = array.tolist()
    return dump_floats(values) if array.dtype.kind == "f" else dump(_plain(values))


def _column(series: Any) -> bytes:
    if series.dtype.kind == "f":
        return dump_floats(series.tolist())
    missing = series.isna().tolist()
    return dump([None if gone else _plain(v) for gone, v in zip(missing, series, strict=True)])


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return _plain(value.tolist()) if hasattr(value, "tolist") else value
