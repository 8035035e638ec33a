"""Take a model that somebody saved with MLflow already, here or elsewhere, as it is.

Its own environment may be another than this kernel's, so it is loaded here only where its
requirements are met, or where it is to run in this kernel.
"""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mlops_jupyter.registry import distributions
from mlops_jupyter.registry.artifact import Artifact, complete_signature, params_schema
from mlops_jupyter.registry.examples import Example, advise
from mlops_jupyter.registry.said import named
from mlops_jupyter.types import InvalidInput, InvalidRequest

REQUIREMENTS = "requirements.txt"

_LEFT_OUT = ("__pycache__", ".ipynb_checkpoints", ".git", "registered_model_meta")
_NAMED = 3
"""How many requirements a warning names."""


def saved_folder(model: Any) -> Path | None:
    """The folder that `model` is the path of; None for anything else."""
    if not isinstance(model, str | Path):
        return None
    folder = Path(model).expanduser()
    return folder if folder.is_dir() else None


def take(
    source: Path,
    example: Example | None,
    folder: Path,
    *,
    options: Mapping[str, Any],
    environment: Literal["kernel", "locked"],
) -> Artifact:
    """Copy the saved model at `source` to `folder`, and try it where it can be tried.

    Parameters
    ----------
    example
        Predicted for the trial; kept with the model, and its signature inferred from it, where the
        model has none of its own.
    options
        At most ``signature``, in place of the model's own.
    environment
        In ``kernel`` it must load and predict here; in ``locked`` only if its requirements are met
        by what is installed here.

    Raises
    ------
    InvalidRequest
        There is no such option.
    InvalidInput
        It is no saved model, has no signature, or cannot be loaded or called.
    """
    if unknown := sorted(options.keys() - {"signature"}):
        raise InvalidRequest(
            f"A saved model takes no option {ascii(unknown[0])[:40]}.",
            reason="It is registered as it was saved.",
            fix="Leave it out, or register the fitted model instead of its folder.",
            code="unknown_option",
        )
    description = _describe(source)
    _copy(source, folder)
    artifact = Artifact(folder, description)
    _give_signature(artifact, options.get("signature"), example)
    trial = _keep_example(artifact, example)
    if environment == "locked" and not (folder / REQUIREMENTS).exists():
        raise InvalidInput(
            f"The saved model has no {REQUIREMENTS}.",
            reason="A locked environment is made from it.",
            fix="Write one into the folder, a line a package, such as scikit-learn==1.7.2; or "
            "register it for this kernel's environment.",
            code="no_requirements",
        )
    if _is_tried_here(folder, environment):
        _try(artifact, trial, environment)
    artifact.write_description()
    return artifact


def _describe(source: Path) -> Any:
    from mlflow.models import Model

    if not (source / "MLmodel").is_file():
        raise InvalidInput(
            "The folder is no saved model.",
            reason="It has no file MLmodel, which MLflow's save_model writes.",
            fix=_where_it_may_be(source),
            code="not_a_model",
        )
    try:
        description = Model.load(str(source))
        flavors = dict(description.flavors)
    except Exception as error:
        raise InvalidInput(
            "The saved model's file MLmodel cannot be read.",
            reason=named(error),
            fix="Save the model again, or copy its folder whole.",
            code="not_a_model",
        ) from error
    if "python_function" not in flavors:
        raise InvalidInput(
            "The saved model cannot be served.",
            reason=f"It has no flavor python_function, only: {', '.join(sorted(flavors)) or '-'}.",
            fix="Save it in a way that MLflow can load as pyfunc, or register its program as a "
            "worker: %register NAME --worker FOLDER.",
            code="not_a_model",
        )
    return description


def _where_it_may_be(source: Path) -> str:
    if (source / "worker.toml").is_file():
        return "It has a worker.toml: register it as a worker, %register NAME --worker FOLDER."
    for inner in sorted(source.glob("*/MLmodel")):
        return f"Its folder {inner.parent.name!a} has one: give that folder."
    return "Give the folder that mlflow.sklearn.save_model (or another save_model) wrote."


def _copy(source: Path, folder: Path) -> None:
    try:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    except (OSError, shutil.Error) as error:
        raise InvalidInput(
            "The saved model cannot be copied.",
            reason=f"{getattr(error, 'strerror', None) or 'A file of it cannot be read'}.",
            fix="Check that each of its files is there and that the disk has room.",
            code="model_not_copied",
        ) from error


def _give_signature(artifact: Artifact, given: Any, example: Example | None) -> None:
    """The one that was given, the model's own, or the example's, whichever comes first."""
    from mlflow.models import ModelSignature

    own = artifact.description.signature
    if given is None and own is not None and own.inputs is not None:
        return
    if given is None and example is not None:
        given = ModelSignature(inputs=example.inputs, params=params_schema(example))
    if given is None:
        raise InvalidInput(
            "The saved model has no signature.",
            reason="Every call is checked by it.",
            fix="Pass rows as the model takes them: input_example=X (%register NAME --model "
            "FOLDER --input X), or --signature 'x: double -> y: double'.",
            code="signature_missing",
        )
    artifact.description.signature = given


def _keep_example(artifact: Artifact, example: Example | None) -> Example | None:
    """The rows to try it with: the given ones, else the model's own. What it has stays."""
    from mlflow.models.utils import _save_example

    description, folder = artifact.description, str(artifact.folder)
    if description.saved_input_example_info is None:
        if example is not None:
            whole = example.data if example.params is None else (example.data, example.params)
            _save_example(description, whole, folder)
        return example
    if example is not None:
        return example
    try:
        data = description.load_input_example(folder)
        params = description.load_input_example_params(folder)
    except Exception as error:
        raise InvalidInput(
            "The saved model's input example cannot be read.",
            reason=named(error),
            fix="Copy its folder whole, or save the model again.",
            code="not_a_model",
        ) from error
    return None if data is None else Example(data, description.signature.inputs, params)


def _is_tried_here(folder: Path, environment: Literal["kernel", "locked"]) -> bool:
    """Whether to load it in this kernel; says what speaks against that."""
    unmet = _unmet(folder)
    if not unmet:
        return True
    shown = ", ".join(unmet[:_NAMED]) + (" …" if len(unmet) > _NAMED else "")
    if environment == "kernel":
        advise(
            f"The model asks for {shown}, which is not what this kernel has. It answers here, and "
            "may answer otherwise than where it was made: environment='locked' (--env locked) "
            "runs it with what it asks for."
        )
        return True
    advise(
        f"The model was not tried here, because this kernel does not have {shown}. The first "
        "deployment makes its environment and proves it."
    )
    return False


def _unmet(folder: Path) -> list[str]:
    """What the model asks for and this kernel has not."""
    unmet = []
    path = folder / "python_env.yaml"
    if path.is_file():
        asked = re.search(r"^python:\s*['\"]?(\d+\.\d+)", path.read_text(), re.MULTILINE)
        if asked and asked[1] != ".".join(platform.python_version_tuple()[:2]):
            unmet.append(f"Python {asked[1]}")
    path = folder / REQUIREMENTS
    if path.is_file():
        unmet += distributions.unmet(path.read_text().splitlines())
    return unmet


def _try(
    artifact: Artifact, trial: Example | None, environment: Literal["kernel", "locked"]
) -> None:
    try:
        complete_signature(artifact, trial)
    except InvalidInput as error:
        if environment == "kernel":
            error.fix = (
                "If it works where it was made: environment='locked' (--env locked) runs it with "
                f"what its {REQUIREMENTS} asks for. Or install that here."
            )
        raise
