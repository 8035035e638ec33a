"""What a run says of itself: metrics, data, files and facts, from the cell that knows them.

They write into the running cell's output, so that they cost nothing outside of a run and are kept
in the notebook in any case; the run's record takes them from there.
"""

from __future__ import annotations

import io
import math
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from mlops_jupyter.notebook.exchange import size_words
from mlops_jupyter.types import InvalidRequest
from mlops_jupyter.types.artifact import (
    ARTIFACTS_VARIABLE,
    check_artifact_name,
    file_name,
    keep_artifact,
    open_artifact,
)

METRIC_MIME = "application/vnd.mlops-jupyter.metric+json"
DATA_MIME = "application/vnd.mlops-jupyter.data+json"
FACT_MIME = "application/vnd.mlops-jupyter.fact+json"
ARTIFACT_MIME = "application/vnd.mlops-jupyter.artifact+json"


def metric(name: str, value: float, step: int | None = None) -> None:
    """Say what this run measured: shown with it, and compared in a sweep."""
    number = float(value)
    said = {"name": name, "value": number if math.isfinite(number) else None, "step": step}
    _publish(METRIC_MIME, said, f"{name} = {number:.6g}")


def data(source: Any, name: str = "data") -> Any:
    """Say what data this run reads, and return it: a frame, an array, or the path of a file.

    The record gets its SHA-256 over every value, its rows and its columns.
    """
    from mlops_jupyter.registry import digest_data

    digest = digest_data(Path(source) if isinstance(source, str | os.PathLike) else source)
    said = {
        "name": name,
        "sha256": digest.sha256,
        "rows": digest.rows,
        "columns": digest.columns,
        "path": str(Path(source).absolute()) if isinstance(source, str | os.PathLike) else None,
        "schema": _schema(source),
    }
    shape = f", {digest.rows} rows" if digest.rows is not None else ""
    _publish(DATA_MIME, said, f"{name}: sha256 {digest.sha256[:12]}{shape}")
    return source


def fact(key: str, value: Any) -> None:
    """Say something that belongs into this run's record."""
    _publish(FACT_MIME, {"key": key, "value": value}, f"{key}: {value}")


def artifact(source: Any, name: str | None = None) -> Any:
    """Keep a file with this run as it is now, and return `source`.

    The record gets its SHA-256 and size; a repeat of the run is compared with it.

    Parameters
    ----------
    source
        Path of a file, bytes, or a figure (anything with ``savefig``, in the format that the name
        ends with).
    name
        What it is called in the run, such as ``plots/roc.png``; a file's own name by default.
    """
    if name is None and isinstance(source, str | os.PathLike):
        name = file_name(source)
    called = check_artifact_name(name)
    folder = os.environ.get(ARTIFACTS_VARIABLE)
    # the name begins with a dot as long as nobody has taken it
    target = Path(folder, f".{uuid.uuid4().hex}") if folder else None
    with _opened(source, called) as content:
        kept = keep_artifact(called, content, target)
    said = {
        "name": kept.name,
        "sha256": kept.sha256,
        "bytes": kept.bytes,
        "path": None if target is None else str(target),
    }
    text = f"{kept.name}: sha256 {kept.sha256[:12]}, {size_words(kept.bytes)}"
    _publish(ARTIFACT_MIME, said, text)
    return source


def _opened(source: Any, name: str) -> BinaryIO:
    if isinstance(source, str | os.PathLike):
        return open_artifact(Path(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    if not callable(getattr(source, "savefig", None)):
        raise InvalidRequest(
            f"A {type(source).__name__} cannot be kept as it is.",
            reason="An artifact is the path of a file, bytes, or a figure.",
            fix="Write it into a file, and give the file's path.",
            code="invalid_artifact",
        )
    picture = io.BytesIO()
    source.savefig(picture, format=Path(name).suffix.lstrip(".") or "png")
    picture.seek(0)
    return picture


def _schema(source: Any) -> dict[str, str] | None:
    types = getattr(source, "dtypes", None)
    if types is None or not hasattr(types, "items"):
        return None
    return {str(column): str(kind) for column, kind in list(types.items())[:500]}


def _publish(mime: str, said: Mapping[str, Any], text: str) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    if not InteractiveShell.initialized():
        return
    from IPython.display import display

    display({mime: dict(said), "text/plain": text}, raw=True)
