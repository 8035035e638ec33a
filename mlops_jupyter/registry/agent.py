"""The registry for a process that must not import MLflow: one JSON line in, one JSON line out.

``{"id": 1, "do": "versions", "name": "churn"}`` is answered by ``{"id": 1, "result": …}`` or
``{"id": 1, "error": {status, code, message, reason, fix}}``. The process ends with its standard
input, or when nobody asked anything for a while.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from mlops_jupyter.types import InvalidRequest, MlopsError

IDLE_SECONDS = 120.0
LINE_BYTES = 1024 * 1024


def main(arguments: list[str] | None = None) -> int:
    """Answer lines until the end of the input or of the patience; the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    idle = float(given[0]) if given else IDLE_SECONDS
    # whatever MLflow and its stores print must not end up between the answers
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    serve(0, answers, idle)
    return 0


def serve(source: int, answers: BinaryIO, idle: float) -> None:
    """Answer the lines that come through the descriptor `source`, in their order."""
    waiting = b""
    while select.select([source], [], [], idle)[0]:
        part = os.read(source, 64 * 1024)
        if not part:
            return
        *lines, waiting = (waiting + part).split(b"\n")
        for line in lines:
            _write(answers, answer(line) + b"\n")
        if len(waiting) > LINE_BYTES:
            return


def _write(answers: BinaryIO, line: bytes) -> None:
    view = memoryview(line)
    while view:
        view = view[answers.write(view) :]


def answer(line: bytes) -> bytes:
    """The answer to one line."""
    import msgspec

    number: Any = None
    try:
        asked = _decode(line)
        number = asked.pop("id", None)
        return msgspec.json.encode({"id": number, "result": _do(asked)})
    except MlopsError as error:
        said = {**error.to_dict(), "status": error.status}
    except Exception as fault:
        failed = MlopsError(
            "The registry failed.",
            reason=f"{type(fault).__name__}: {fault}",
            fix="Try the same in a notebook: %models.",
            code="registry_failed",
        )
        said = {**failed.to_dict(), "status": failed.status}
    return msgspec.json.encode({"id": number, "error": said})


def _decode(line: bytes) -> dict[str, Any]:
    import msgspec

    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            "The line is not a request.",
            reason=f"{error}.",
            fix='Write one JSON object a line: {"id": 1, "do": "models"}.',
        ) from error


def _do(asked: dict[str, Any]) -> Any:
    word = asked.pop("do", None)
    work = _OPERATIONS.get(word) if isinstance(word, str) else None
    if work is None:
        raise InvalidRequest(
            "There is no such operation.", fix=f"One of: {', '.join(sorted(_OPERATIONS))}."
        )
    try:
        return work(**asked)
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is None:
            raise InvalidRequest(f"'{word}' takes other arguments.", reason=f"{error}.") from error
        raise


def models() -> Any:
    """All models by name."""
    from mlops_jupyter import registry

    return registry.models()


def versions(name: str) -> Any:
    """All versions of a model, newest first."""
    from mlops_jupyter import registry

    return registry.versions(name)


def resolve(ref: str) -> Any:
    """One version with its artifacts here."""
    from mlops_jupyter import registry

    return registry.resolve(ref)


def set_alias(name: str, alias: str, version: int, only_from: int | None = None) -> Any:
    """Move an alias and say where it was.

    Parameters
    ----------
    only_from
        Leave the alias alone unless it means this version now.
    """
    from mlops_jupyter import registry

    before = registry.alias_version(name, alias)
    moved = before != version and only_from in (None, before)
    if moved:
        registry.set_alias(name, alias, version)
    return {"before": before, "moved": moved}


def log_run(folder: str) -> Any:
    """Write the finished run in `folder`, whose ``record.json`` describes it, to MLflow."""
    import msgspec

    from mlops_jupyter.registry import run_log

    record = msgspec.json.decode((Path(folder) / "record.json").read_bytes())
    return run_log.log_run(record, folder)


def start_sweep(sweep: dict[str, Any]) -> Any:
    """Make MLflow's parent run of a sweep; its id."""
    from mlops_jupyter.registry import run_log

    return run_log.start_sweep(sweep)


def end_sweep(sweep: dict[str, Any]) -> Any:
    """Close MLflow's parent run of a sweep; its id."""
    from mlops_jupyter.registry import run_log

    return run_log.end_sweep(sweep)


def compare_models(first: str, second: str) -> Any:
    """Whether two registered versions predict the same."""
    from mlops_jupyter.registry import run_models

    return run_models.compare_models(first, second)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    work.__name__: work
    for work in (
        models,
        versions,
        resolve,
        set_alias,
        log_run,
        start_sweep,
        end_sweep,
        compare_models,
    )
}


if __name__ == "__main__":
    # every answer is out and what it says is kept; taking MLflow apart would last a second
    os._exit(main())
