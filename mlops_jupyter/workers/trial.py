"""``worker test``: talk to a program as the hub will, show every line, say what is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from mlops_jupyter.types import InvalidRequest, ModelError, Unavailable
from mlops_jupyter.workers.manifest import read_worker
from mlops_jupyter.workers.mlops_worker import (
    Manifest,
    NotReady,
    ProgramEnded,
    ProgramError,
    start,
)
from mlops_jupyter.workers.mlops_worker.messages import dump
from mlops_jupyter.workers.needs import how_to_install, missing_needs
from mlops_jupyter.workers.signature import parse_signature

Say = Callable[[str], None]

_VALUES: dict[str, list[Any]] = {
    "boolean": [False, True],
    "integer": [0, 1],
    "long": [0, 1],
    "float": [0.5, 1.0],
    "double": [0.5, 1.0],
    "string": ["some text", "more"],
    "binary": ["dGV4dA==", "bW9yZQ=="],
    "datetime": ["2024-01-01T00:00:00", "2024-01-02T00:00:00"],
}


def try_worker(
    folder: Path,
    say: Say,
    *,
    signature: str | None = None,
    inputs: Mapping[str, list[Any]] | None = None,
) -> None:
    """Start the program in `folder`, ask it once, stop it; `say` gets each line of the talk.

    Parameters
    ----------
    signature
        In place of the one in the ``worker.toml``.
    inputs
        Values of each input; else the example of the ``worker.toml``, else made from the signature.

    Raises
    ------
    InvalidRequest
        The ``worker.toml`` or the signature is not right.
    Unavailable
        A program that it needs is not installed.
    ModelError
        The program does not do what the protocol or the signature asks.
    """
    manifest, _ = read_worker(folder)
    text = signature or manifest.signature
    described = parse_signature(text) if text else {}
    if missing := missing_needs(manifest, os.environ.get("PATH")):
        raise Unavailable(
            f"{missing[0][0]} is not installed.",
            fix=how_to_install(missing),
            code="program_missing",
        )
    asked = inputs or manifest.example or _made_up(described)
    try:
        talk(manifest, folder, described, asked, say)
    except (NotReady, ProgramError, ProgramEnded) as error:
        raise ModelError(
            "The program does not work as a worker.",
            reason=str(error),
            fix="The protocol is on one page: docs/workers.md.",
            code="worker_failed",
        ) from error
    say("it works" if asked else "it starts; with a signature it could be asked, too")


def talk(
    manifest: Manifest,
    folder: Path,
    described: Mapping[str, Any],
    asked: Mapping[str, list[Any]],
    say: Say = lambda _line: None,
) -> None:
    """Start the program, ask it `asked` if that is anything, check its answer, stop it.

    Raises NotReady, ProgramError or ProgramEnded; `described` is a signature as MLflow writes it.
    """
    started = perf_counter()
    program = start(manifest, folder)
    try:
        say(f"ready after {(perf_counter() - started) * 1e3:.0f} ms: {' '.join(manifest.command)}")
        if asked:
            _ask(program, manifest, asked, described, say)
    finally:
        program.stop()


def _ask(
    program: Any,
    manifest: Manifest,
    asked: Mapping[str, list[Any]],
    described: Mapping[str, Any],
    say: Say,
) -> None:
    rows = len(next(iter(asked.values())))
    inputs = {name: dump(values) for name, values in asked.items()}
    say("> " + json.dumps({"rows": rows, "inputs": dict(asked)}, ensure_ascii=False))
    started = perf_counter()
    outputs = program.ask(rows, inputs)
    elapsed = (perf_counter() - started) * 1e3
    say("< " + json.dumps({"outputs": outputs}, ensure_ascii=False) + f"   ({elapsed:.1f} ms)")
    wanted = [_key(item) for item in json.loads(described.get("outputs") or "[]")]
    for name in wanted:
        if name not in outputs:
            raise ProgramError(f"The answer lacks the output '{name}' of the signature.")
    for name, values in outputs.items():
        if wanted and name not in wanted:
            raise ProgramError(f"The signature has no output {ascii(name)[:60]}.")
        found = f"{len(values)} values" if isinstance(values, list) else "no list"
        if found != f"{rows} values" and (manifest.independent or found == "no list"):
            raise ProgramError(f"The output {ascii(name)[:60]} has {found} for {rows} rows.")


def _key(item: Mapping[str, Any]) -> str:
    return str(item.get("name", "input-0"))


def _made_up(described: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Two rows from the types alone; nothing for types that have no obvious value."""
    items = json.loads(described.get("inputs") or "[]")
    if any(item["type"] not in _VALUES for item in items):
        return {}
    return {_key(item): _VALUES[item["type"]] for item in items}


def read_inputs(text: str) -> dict[str, list[Any]]:
    """The values that somebody typed as JSON: ``{"text": ["good", "bad"]}``."""
    try:
        inputs = json.loads(text)
    except ValueError:
        inputs = None
    if (
        not isinstance(inputs, dict)
        or not inputs
        or not all(isinstance(values, list) and values for values in inputs.values())
        or len({len(values) for values in inputs.values()}) > 1
    ):
        raise InvalidRequest(
            "The inputs are not JSON with a list of values for each.",
            fix="""Write e.g. --input '{"text": ["good", "bad"]}'.""",
            code="invalid_inputs",
        )
    return inputs
