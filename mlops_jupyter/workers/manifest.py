"""``worker.toml``, read strictly: what the program of a worker model is and how it is talked to.

The rest of this room: ``mlops_worker/`` runs the program and travels inside the model,
``adapters/`` has the language's side of the protocol, ``signature.py`` reads the text form of a
signature, ``scaffold.py`` and ``trial.py`` are the commands ``worker init`` and ``worker test``.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from mlops_jupyter.types import InvalidInput, InvalidRequest, did_you_mean
from mlops_jupyter.workers.mlops_worker.manifest import Manifest

FILE = "worker.toml"
FLAVOR = "mlops_worker"
"""The flavour in an MLmodel file that holds what the worker.toml says."""

PROTOCOLS = ("json-lines", "http")
_LONGEST_START = 1800.0
_MOST_ROWS = 100_000
_KEYS = (
    "language",
    "command",
    "protocol",
    "start_seconds",
    "signature",
    "environment",
    "batch",
    "health",
    "needs",
    "example",
)
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.:-]{0,99}")
_PROGRAM = re.compile(r"[\w][\w.+-]{0,99}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def read_worker(folder: Path) -> tuple[Manifest, dict[str, Any]]:
    """The checked ``worker.toml`` in `folder`, as a manifest and as the table that it is.

    Raises
    ------
    InvalidRequest
        There is no such file, or something in it is not right; the key is named.
    """
    path = folder / FILE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise InvalidRequest(
            f"There is no {FILE} in the worker's folder."
            if folder.is_dir()
            else "There is no such folder.",
            reason="A worker model is a folder with that file: it says which program to run.",
            fix="Make one: mlops-jupyter worker init node ./folder.",
            code="no_worker",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "it is not UTF-8"
        raise _wrong(f"it cannot be read: {said}") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"it is not TOML: {error}") from None
    check(table, folder)
    return Manifest.of(table), table


def check(table: Mapping[str, Any], folder: Path) -> None:
    """Raise InvalidRequest for the first thing in a parsed ``worker.toml`` that is not right."""
    _known(table, _KEYS, "")
    for key in ("language", "command"):
        if key not in table:
            raise _wrong(f"the key '{key}' is missing", fix=_EXAMPLE)
    _expect(isinstance(table["language"], str) and table["language"], "language", "a text")
    _check_command(table["command"], folder)
    protocol = table.get("protocol", PROTOCOLS[0])
    if protocol not in PROTOCOLS:
        near = did_you_mean(str(protocol)[:40], PROTOCOLS)
        raise _wrong(f"there is no protocol {ascii(protocol)[:40]}", fix=near)
    seconds = table.get("start_seconds", 1)
    _expect(_is_number(seconds, _LONGEST_START), "start_seconds", "a number of seconds up to 1800")
    _expect(isinstance(table.get("signature", ""), str), "signature", "a text")
    _check_environment(_table(table, "environment"))
    batch = _table(table, "batch")
    _known(batch, ("rows", "independent"), "batch.")
    rows = batch.get("rows", 1)
    _expect(type(rows) is int and 1 <= rows <= _MOST_ROWS, "batch.rows", f"1 to {_MOST_ROWS}")
    independent = batch.get("independent", True)
    _expect(isinstance(independent, bool), "batch.independent", "true or false")
    health = _table(table, "health")
    _known(health, ("path",), "health.")
    path = health.get("path", "/")
    right = isinstance(path, str) and re.fullmatch(r"/[!-~]{0,200}", path)
    _expect(right, "health.path", "a path such as /health")
    if health and protocol != "http":
        raise _wrong("'health' is for protocol = \"http\"", fix="Leave it out.")
    _check_needs(table.get("needs", []))
    _check_example(_table(table, "example"))


def _check_command(command: Any, folder: Path) -> None:
    if isinstance(command, str):
        raise _wrong(
            "'command' is a text, not a list",
            fix="No shell reads it, so write each word apart: "
            'command = ["Rscript", "--vanilla", "worker.R"].',
        )
    words = isinstance(command, list) and command and all(isinstance(w, str) for w in command)
    _expect(words and command[0], "command", "a list of words")
    if any("\0" in word for word in command):
        raise _wrong("a word of 'command' holds a NUL character")
    for word in command:
        if _leaves(word):
            raise _wrong(
                f"the path {ascii(word)[:80]} in 'command' leaves the folder",
                fix="Put the file into the folder and write its path from there; a program of the "
                "system is written by its name alone and listed under [[needs]].",
            )
    program = command[0]
    if "/" in program:
        if not (folder / program).is_file():
            raise _wrong(f"the folder has no file {ascii(program)[:80]}, which 'command' runs")
    elif any(mark in program for mark in " \t|&;<>$`'\""):
        raise _wrong(
            f"the program in 'command' is {ascii(program)[:80]}",
            fix="No shell reads it: the program alone is the first word, its arguments follow.",
        )


def _leaves(word: str) -> bool:
    path = PurePosixPath(word)
    return path.is_absolute() or ".." in path.parts or word.startswith("~")


def _check_environment(table: Mapping[str, Any]) -> None:
    for name, value in table.items():
        if not _VARIABLE.fullmatch(name) or name.startswith("MLOPS_"):
            raise _wrong(f"{ascii(name)[:60]} in 'environment' is no name for a variable")
        _expect(isinstance(value, str) and "\0" not in value, f"environment.{name}", "a text")


def _check_needs(needs: Any) -> None:
    _expect(isinstance(needs, list), "needs", "a list of [[needs]] tables")
    for need in needs:
        _expect(isinstance(need, Mapping), "needs", "a list of [[needs]] tables")
        _known(need, ("program", "package"), "needs.")
        for key, pattern in (("program", _PROGRAM), ("package", _PACKAGE)):
            value = need.get(key)
            right = isinstance(value, str) and pattern.fullmatch(value)
            _expect(right, f"needs.{key}", f"the name of a {key}")


def _check_example(example: Mapping[str, Any]) -> None:
    lengths = {len(values) if isinstance(values, list) else 0 for values in example.values()}
    if example and (0 in lengths or len(lengths) > 1):
        raise _wrong(
            "the inputs of 'example' are not lists of one length",
            fix='Write each input with its values: [example] text = ["good", "bad"].',
        )


def _known(table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in keys:
            near = did_you_mean(key, keys)
            raise _wrong(
                f"there is no key '{where}{ascii(key)[1:-1][:40]}'",
                fix=near or f"Keys: {', '.join(keys)}.",
            )


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    _expect(isinstance(value, Mapping), key, "a table")
    return dict(value)


def _is_number(value: Any, most: float) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 < value <= most


def _expect(right: object, key: str, what: str) -> None:
    if not right:
        raise _wrong(f"'{key}' is not {what}")


_EXAMPLE = 'At least: language = "node", command = ["node", "worker.js"].'


def _wrong(reason: str, fix: str = "") -> InvalidRequest:
    return InvalidRequest(
        f"The {FILE} is not right: {reason}.",
        fix=fix or "Its keys are described in docs/workers.md.",
        code="invalid_worker",
    )


def files_of(folder: Path, unwanted: Callable[[str], bool]) -> list[Path]:
    """Every file of a worker's folder that belongs to the model, as relative paths, sorted.

    Raises
    ------
    InvalidInput
        One is a link or no plain file: what it holds could change without the model's digest.
    """
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if unwanted(path.name):
            continue
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            _not_plain(path)
        if path.is_dir():
            found += [Path(path.name) / below for below in files_of(path, unwanted)]
        else:
            found.append(Path(path.name))
    return found


def _not_plain(path: Path) -> NoReturn:
    raise InvalidInput(
        f"{ascii(path.name)[:80]} in the worker's folder is a link or a special file.",
        reason="What it stands for could change without the model's digest.",
        fix="Put the file itself into the folder.",
        code="artifacts_not_plain",
    )
