"""From what somebody asks for to a run that can be queued: the notebook is read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlops_jupyter.training.declaration import Parameter
from mlops_jupyter.training.kernelspec import in_kernel
from mlops_jupyter.training.notebook import MAX_BYTES, Notebook
from mlops_jupyter.training.parameters import Source, check, declared, parse_value, provenance
from mlops_jupyter.training.secrets import SecretRef, check_variable
from mlops_jupyter.types import InvalidRequest, NotFound, RunSpec, TooLarge


@dataclass(frozen=True)
class Submission:
    """A notebook that was read, and the run that it is for.

    Attributes
    ----------
    copy
        What is executed: the notebook without its outputs.
    record
        What is known of the code and of where each parameter came from.
    declared
        The parameters that the notebook declares.
    """

    spec: RunSpec
    copy: bytes
    record: dict[str, Any] = field(default_factory=dict)
    declared: tuple[Parameter, ...] = ()


def read_notebook(path: str) -> Notebook:
    """The notebook at an absolute path; blocks.

    Raises
    ------
    InvalidRequest
        The path is not absolute, or the file is not a notebook.
    NotFound
        There is no such file.
    TooLarge
        It is larger than a notebook may be.
    """
    place = Path(path)
    if not place.is_absolute() or "\0" in path:
        raise InvalidRequest(
            "The notebook's path must be absolute.",
            fix="Send the whole path, beginning with /.",
            code="invalid_path",
        )
    try:
        size = place.stat().st_size
        if size > MAX_BYTES:
            raise TooLarge(
                "The notebook is too large to run.",
                reason=f"It has {size:,} bytes; {MAX_BYTES:,} are allowed.",
                fix="Clear its outputs (Edit, Clear Outputs of All Cells) and save it.",
                code="notebook_too_large",
            )
        content = place.read_bytes()
    except FileNotFoundError:
        raise NotFound(
            f"There is no notebook {_shown(path)}.",
            reason="It was moved, renamed or deleted, or the path is mistyped.",
            fix="Check the path; relative ones begin at the notebook's own folder.",
            code="no_such_notebook",
        ) from None
    except OSError as error:
        raise InvalidRequest(
            f"The notebook {_shown(path)} cannot be read.",
            reason=f"{error.strerror or error}.",
            fix="Check the path and that you may read the file.",
            code="notebook_unreadable",
        ) from error
    return Notebook.read(content)


def prepare(
    spec: RunSpec, texts: Mapping[str, str] | None = None, source: Source = "given"
) -> Submission:
    """Read the notebook of `spec` and check the run against it; blocks.

    Parameters
    ----------
    texts
        Parameters as somebody typed them; read by the type that the notebook declares.
    source
        Where the parameters come from: ``given``, ``schedule`` or ``sweep``.

    Raises
    ------
    MlopsError
        As :func:`read_notebook`, and InvalidRequest where the parameters do not fit.
    """
    notebook = read_notebook(spec.notebook)
    runs_as = in_kernel(notebook, spec.kernel)
    for name, reference in spec.secrets.items():
        check_variable(name)
        SecretRef.parse(reference)
    known = {one.name: one for one in declared(runs_as)}
    typed = {name: parse_value(text, known.get(name)) for name, text in (texts or {}).items()}
    given = check(runs_as, {**spec.parameters, **typed})
    folder = spec.folder or str(Path(spec.notebook).parent)
    if not Path(folder).is_dir():
        raise InvalidRequest(
            f"There is no folder {_shown(folder)} to run in.",
            fix="Give an existing working directory.",
            code="no_such_folder",
        )
    record = {
        "parameters": provenance(known.values(), [(source, given)]),
        "code": {
            "notebook": spec.notebook,
            "stripped_sha256": notebook.stripped_sha256,
            "language": notebook.language,
            "kernel": notebook.kernel,
        },
    }
    ready = replace(spec, parameters=given, folder=folder, notebook_sha256=notebook.copy_sha256)
    return Submission(ready, notebook.copy, record, tuple(known.values()))


def described(notebook: Notebook) -> dict[str, Any]:
    """What a form is made of: kernel, language, cells, and the declared parameters."""
    return {
        "kernel": notebook.kernel,
        "language": notebook.language,
        "stripped_sha256": notebook.stripped_sha256,
        "cells": len(notebook.cells),
        "parameters": [_plain(one) for one in declared(notebook)],
    }


def _plain(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "type": parameter.type,
        "default": parameter.default,
        "has_default": parameter.has_default,
        "required": parameter.required,
        "optional": parameter.optional,
        "choices": list(parameter.choices),
        "text": parameter.text,
        "help": parameter.help,
    }


def _shown(path: str) -> str:
    text = ascii(path)
    return text if len(text) <= 200 else f"{text[:200]}…"
