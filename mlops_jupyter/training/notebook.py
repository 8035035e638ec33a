"""What a run needs to know of a notebook, read from its bytes without nbformat (0.9 s to import).

Outputs are passed over while reading, so that a notebook with 100 MB of them is read at once, and
neither the copy that runs nor the digest has them.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from mlops_jupyter.types import InvalidRequest, TooLarge

MAX_BYTES = 256 << 20
"""Most bytes of a notebook, outputs included."""
MAX_LOOSE_BYTES = 32 << 20
"""Most bytes of a notebook that is only JSON to Python, which writes NaN and half characters."""
MAX_CELLS = 10_000
MAX_TITLE = 80

_LANGUAGES = (
    (re.compile(r"python\d*"), "python"),
    (re.compile(r"ir"), "R"),
    (re.compile(r"julia(-.*)?"), "julia"),
    (re.compile(r"bash"), "bash"),
    (re.compile(r"scala[\d.]*"), "scala"),
)
"""By the kernel's name, for notebooks that do not say their language."""

_COMMENTS = ("#", "//", "--", "%", "(*", ";")


class _Kernelspec(msgspec.Struct):
    name: str = ""
    language: str = ""


class _LanguageInfo(msgspec.Struct):
    name: str = ""


class _CellMetadata(msgspec.Struct):
    tags: list[str] = []


class _Metadata(msgspec.Struct):
    kernelspec: _Kernelspec | None = None
    language_info: _LanguageInfo | None = None


class _Cell(msgspec.Struct):
    """A cell as the format has it; what is not named here is dropped while reading."""

    cell_type: str
    source: str | list[str]
    metadata: dict[str, Any] = {}
    id: str | msgspec.UnsetType = msgspec.UNSET
    attachments: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class _Document(msgspec.Struct):
    nbformat: int
    cells: list[_Cell]
    metadata: dict[str, Any]
    nbformat_minor: int = 0


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook; `kind` is ``code``, ``markdown`` or ``raw``, `index` counts from 0."""

    index: int
    kind: str
    source: str
    tags: tuple[str, ...] = ()
    title: str = ""

    @property
    def source_sha256(self) -> str:
        """SHA-256 hex over the source."""
        return hashlib.sha256(self.source.encode()).hexdigest()


@dataclass(frozen=True)
class Notebook:
    """A notebook that can be run.

    Attributes
    ----------
    kernel
        Name of its kernelspec; empty where it names none.
    language
        As papermill knows it: ``python``, ``R`` …; empty where it cannot be told.
    copy
        Its bytes without outputs, execution counts and the state of widgets.
    """

    kernel: str
    language: str
    cells: tuple[Cell, ...]
    copy: bytes

    @classmethod
    def read(cls, content: bytes) -> Notebook:
        """Read a notebook.

        Raises
        ------
        InvalidRequest
            ``invalid_notebook`` where it is not one, ``old_notebook`` before nbformat 4.
        TooLarge
            Over `MAX_BYTES`, or over `MAX_CELLS`.
        """
        if len(content) > MAX_BYTES:
            raise TooLarge(
                "The notebook is too large to run.",
                reason=f"It has {len(content) >> 20} MB; {MAX_BYTES >> 20} MB are allowed.",
                fix="Clear its outputs (Edit, Clear Outputs of All Cells) and save it.",
                code="notebook_too_large",
            )
        document = _decode(content)
        try:
            metadata = msgspec.convert(document.metadata, _Metadata)
            cells = tuple(_cells(document.cells))
            if not any(cell.kind == "code" for cell in cells):
                raise _invalid("it has no code cell")
            return cls(*_kernel(metadata), cells, _copy(document))
        except UnicodeEncodeError as error:
            raise _invalid("it holds half of a surrogate pair, which no file can") from error
        except msgspec.ValidationError as error:
            raise _invalid(str(error)) from error

    @property
    def code_cells(self) -> tuple[Cell, ...]:
        """The cells that run."""
        return tuple(cell for cell in self.cells if cell.kind == "code")

    @property
    def parameters_cell(self) -> Cell | None:
        """The first cell with the tag ``parameters``, the only one that papermill heeds."""
        return next((cell for cell in self.cells if "parameters" in cell.tags), None)

    @property
    def copy_sha256(self) -> str:
        """SHA-256 hex over `copy`."""
        return hashlib.sha256(self.copy).hexdigest()

    @cached_property
    def stripped_sha256(self) -> str:
        """SHA-256 hex over what a run depends on: sources, cell types, tags, kernel and language.

        The same after the notebook was run, saved or given other cell ids.
        """
        content = {
            "cells": [[cell.kind, cell.source, cell.tags] for cell in self.cells],
            "kernel": self.kernel,
            "language": self.language,
        }
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def _decode(content: bytes) -> _Document:
    try:
        document = _decode_json(content)
    except (msgspec.ValidationError, _NotJson) as error:
        _refuse_other_formats(content)
        raise _invalid(str(error)) from error
    except RecursionError as error:
        raise _invalid("it is nested too deeply") from error
    if document.nbformat != 4:
        raise _old_format(document.nbformat)
    if len(document.cells) > MAX_CELLS:
        raise TooLarge(
            f"The notebook has {len(document.cells)} cells; {MAX_CELLS} are allowed.",
            fix="Split it, or move code into a module.",
            code="notebook_too_large",
        )
    return document


class _NotJson(Exception):
    pass


def _decode_json(content: bytes) -> _Document:
    try:
        return msgspec.json.decode(content, type=_Document)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if len(content) > MAX_LOOSE_BYTES:
            raise _NotJson("it is not JSON") from error
        try:
            return msgspec.convert(json.loads(content), _Document)
        except ValueError as problem:
            if isinstance(problem, msgspec.ValidationError):
                raise
            raise _NotJson("it is not JSON") from error


class _Format(msgspec.Struct):
    nbformat: int


def _refuse_other_formats(content: bytes) -> None:
    """Say that a notebook is of another time rather than what it lacks."""
    try:
        version = msgspec.json.decode(content, type=_Format).nbformat
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    if version != 4:
        raise _old_format(version)


def _old_format(version: int) -> InvalidRequest:
    return InvalidRequest(
        f"The notebook has format {version}; only format 4 can be run.",
        reason="Jupyter writes format 4 since 2015.",
        fix="Convert it: jupyter nbconvert --to notebook --nbformat 4 old.ipynb.",
        code="old_notebook",
    )


def _invalid(why: str) -> InvalidRequest:
    return InvalidRequest(
        "The file is not a notebook that can be run.",
        reason=f"{why[:1].upper()}{why[1:200]}.",
        fix="Open it in JupyterLab, save it, and run it again.",
        code="invalid_notebook",
    )


def _kernel(metadata: _Metadata) -> tuple[str, str]:
    spec = metadata.kernelspec or _Kernelspec()
    language = metadata.language_info.name if metadata.language_info else ""
    guesses = (known for pattern, known in _LANGUAGES if pattern.fullmatch(spec.name))
    return spec.name, language or spec.language or next(guesses, "")


def _cells(cells: list[_Cell]) -> list[Cell]:
    found, heading = [], ""
    for index, cell in enumerate(cells):
        source = cell.source if isinstance(cell.source, str) else "".join(cell.source)
        source.encode()
        if cell.cell_type not in ("code", "markdown", "raw"):
            raise msgspec.ValidationError(f"cell {index} is neither code nor markdown nor raw")
        if cell.cell_type == "markdown":
            heading = _heading(source) or heading
        tags = tuple(msgspec.convert(cell.metadata, _CellMetadata).tags)
        found.append(Cell(index, cell.cell_type, source, tags, title(source) or heading))
    return found


def title(source: str) -> str:
    """Return the first line of `source` that is not empty, without the mark of a comment."""
    for line in source.splitlines():
        mark = next((mark for mark in _COMMENTS if line.strip().startswith(mark)), "")
        text = line.strip()
        # in Python it is a magic
        if mark != "%":
            text = text.removeprefix(mark).lstrip("#/").strip()
        text = "".join(character for character in text if character.isprintable())
        if text:
            return text if len(text) <= MAX_TITLE else text[: MAX_TITLE - 1] + "…"
    return ""


def _heading(source: str) -> str:
    lines = [line for line in source.splitlines() if line.startswith("#")]
    return title(lines[-1]) if lines else ""


def _copy(document: _Document) -> bytes:
    """The notebook without outputs, in the form that nbformat checks."""
    metadata = {key: value for key, value in document.metadata.items() if key != "widgets"}
    cells = []
    for cell in document.cells:
        kept: dict[str, Any] = msgspec.to_builtins(cell)
        if cell.cell_type == "code":
            kept |= {"outputs": [], "execution_count": None}
        cells.append(kept)
    content = {
        "cells": cells,
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": document.nbformat_minor,
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1)
