"""Write a model to a folder as MLflow's flavour does, and prove that it loads and predicts.

All of it happens before the registry is asked for anything, so what cannot be saved or served
leaves no trace there.
"""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_jupyter.registry import distributions
from mlops_jupyter.registry.examples import Example, advise
from mlops_jupyter.registry.flavours import Flavour
from mlops_jupyter.registry.said import named
from mlops_jupyter.types import InvalidInput, InvalidRequest, did_you_mean

ENVIRONMENT_FILE = "environment.txt"
"""The kernel's whole environment, kept among the artifacts; ``requirements.txt`` has what the model
needs of it."""
_OURS = frozenset({"path", "mlflow_model", "input_example"})
_REQUIREMENT_OPTIONS = frozenset({"conda_env", "pip_requirements"})
_LARGEST_PACKAGE = 20 * 1024 * 1024


@dataclass(frozen=True)
class Artifact:
    """A saved model: its folder and MLflow's description of it (the MLmodel file's content)."""

    folder: Path
    description: Any

    def write_description(self) -> None:
        """Write the MLmodel file anew after the description changed."""
        self.description.save(str(self.folder / "MLmodel"))


def save(
    flavour: Flavour,
    model: Any,
    example: Example | None,
    folder: Path,
    *,
    options: Mapping[str, Any],
    frozen: str,
) -> Artifact:
    """Save `model` to `folder`, load it back and predict the example for the output's schema.

    Raises
    ------
    InvalidRequest
        The flavour has no such option, or its library is not installed.
    InvalidInput
        The model cannot be saved, loaded or called with its own example.
    """
    from mlflow.models import Model, ModelSignature

    if flavour.arrays and example is not None and hasattr(example.data, "iloc"):
        raise InvalidInput(
            f"A model of {flavour.name} takes arrays, and its input example is a table.",
            reason="MLflow's flavour knows signatures of tensors only.",
            fix="Pass the array that the model takes: input_example=X.to_numpy('float32').",
            code="example_not_array",
        )
    module, usual = _library(flavour, options)
    chosen = _options(flavour, module, options)
    signature = chosen.pop("signature", None)
    if signature is None and example is not None:
        signature = ModelSignature(inputs=example.inputs, params=params_schema(example))
    description = Model()
    arguments = {
        **chosen,
        flavour.argument: str(model) if isinstance(model, Path) else model,
        "path": str(folder),
        "mlflow_model": description,
        "signature": signature,
        "input_example": _mlflow_example(example),
    }
    pins = not _REQUIREMENT_OPTIONS & arguments.keys()
    if pins:
        extra = arguments.pop("extra_pip_requirements", None) or []
        named = [f"-r {Path(extra).absolute()}"] if isinstance(extra, str | Path) else extra
        arguments["pip_requirements"] = [*usual, *named]
    _write(flavour, module, model, arguments)
    if pins:
        # Keras names itself only; what it runs on is in no pickle
        backend = description.flavors.get("keras", {}).get("keras_backend")
        _add_requirements(folder, _modules(folder, model) | ({backend} if backend else set()))
    artifact = Artifact(folder, description)
    if "python_function" not in description.flavors:
        raise InvalidInput(
            f"A {type(model).__name__} has no predict, so it cannot be served.",
            reason="MLflow serves what predicts.",
            fix="Register a pipeline that ends in a predictor, or wrap the object: "
            "mlflow.pyfunc.PythonModel with a predict of your own.",
            code="not_a_model",
        )
    if example is not None:
        complete_signature(artifact, example)
    (folder / ENVIRONMENT_FILE).write_text(frozen)
    for cache in list(folder.rglob("__pycache__")):
        shutil.rmtree(cache, ignore_errors=True)
    artifact.write_description()
    return artifact


def _library(flavour: Flavour, options: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """The flavour's module, and what it says itself that its models need, pinned."""
    chosen = {**dict(flavour.options), **options}
    wanted = {
        "include_cloudpickle": chosen.get("serialization_format") == "cloudpickle",
        "include_skops": chosen.get("serialization_format") == "skops",
    }
    try:
        module = importlib.import_module(flavour.module)
        defaults = getattr(module, "get_default_pip_requirements", list)
        accepted = inspect.signature(defaults).parameters
        usual: list[str] = defaults(
            **{name: value for name, value in wanted.items() if name in accepted}
        )
    except ImportError as error:
        missing = error.name or flavour.roots[0]
        raise InvalidRequest(
            f"The flavor {flavour.name} needs a library that is not installed.",
            reason=f"{missing} cannot be imported.",
            fix=f"Install it, e.g. pip install {missing}.",
            code="library_missing",
        ) from error
    return module, list(usual)


def _options(flavour: Flavour, module: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(module.save_model).parameters
    known = set(parameters) - _OURS - {flavour.argument}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InvalidRequest(
            f"The flavor {flavour.name} has no option {ascii(unknown[0])[:40]}.",
            reason=did_you_mean(unknown[0], known),
            fix="Options: " + ", ".join(sorted(known - {"kwargs"})) + ".",
            code="unknown_option",
        )
    usual = {name: value for name, value in flavour.options if name in known}
    return {**usual, **given}


def params_schema(example: Example) -> Any:
    """Schema of the example's params; None without any."""
    if example.params is None:
        return None
    from mlflow.models import infer_signature

    return infer_signature(params=example.params).params


def _mlflow_example(example: Example | None) -> Any:
    if example is None:
        return None
    return example.data if example.params is None else (example.data, example.params)


def _write(flavour: Flavour, module: Any, model: Any, arguments: dict[str, Any]) -> None:
    """Save, and once more with the notebook's own modules if the written pickle names any."""
    folder = Path(arguments["path"])
    _save(flavour, module, arguments)
    code = [] if "code_paths" in arguments else _own_code(_modules(folder, model))
    if code:
        shutil.rmtree(folder)
        arguments["mlflow_model"].flavors.clear()
        _save(flavour, module, {**arguments, "code_paths": code})


def _save(flavour: Flavour, module: Any, arguments: dict[str, Any]) -> None:
    try:
        # the flavour keras writes the example before it makes the folder
        Path(arguments["path"]).mkdir()
        module.save_model(**arguments)
    except (InvalidInput, InvalidRequest, MemoryError):
        raise
    except OSError as error:
        raise InvalidInput(
            "The model cannot be written.",
            reason=f"{error.strerror or type(error).__name__}.",
            fix="Make room on the state directory's disk, or set MLOPS_JUPYTER_HOME to another.",
            code="model_not_saved",
        ) from error
    except Exception as error:
        raise InvalidInput(
            f"MLflow's flavour {flavour.name} cannot save this model.",
            reason=named(error),
            fix="Take out what cannot be pickled (locks, open files, connections, generators), "
            "or wrap the model in mlflow.pyfunc.PythonModel with files of its own.",
            code="model_not_saved",
        ) from error


def _modules(folder: Path, model: Any) -> set[str]:
    """Top-level modules of the model's classes and of what its pickles name."""
    classes = {cls.__module__ or "" for cls in type(model).__mro__}
    named = classes | distributions.pickled_modules(folder)
    return {name.partition(".")[0] for name in named} - {"builtins", "__main__"}


def _add_requirements(folder: Path, modules: set[str]) -> None:
    """Add to ``requirements.txt`` and ``conda.yaml`` what the model needs besides its library."""
    import yaml

    needed = modules | {"numpy", "pandas"}
    pinned = distributions.pinned(needed - {"mlflow", "mlops_jupyter"})

    path = folder / "requirements.txt"
    present = path.read_text().splitlines()
    named = {_name(line) for line in present}
    lines = present + [line for line in pinned if _name(line) not in named]
    path.write_text("\n".join(lines))
    conda = folder / "conda.yaml"
    environment = yaml.safe_load(conda.read_text())
    for dependency in environment["dependencies"]:
        if isinstance(dependency, dict) and "pip" in dependency:
            dependency["pip"] = lines
    conda.write_text(yaml.safe_dump(environment, default_flow_style=False, sort_keys=False))


def _name(requirement: str) -> str:
    return distributions.normalised(re.split(r"[=<>!~\[; ]", requirement, maxsplit=1)[0])


def _own_code(modules: set[str]) -> list[str]:
    """Files and packages beside the notebook that the model's pickle refers to."""
    found = {distributions.local_source(name) for name in modules}
    code = []
    for path in sorted(path for path in found if path is not None):
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        if size > _LARGEST_PACKAGE:
            advise(
                f"The model uses {path.name}, which no package installs and which is too large to "
                "copy. Pass code_paths=[...] with what it needs, or install it as a package."
            )
        else:
            code.append(str(path))
    return code


def complete_signature(artifact: Artifact, example: Example | None) -> None:
    """Load the saved copy; fill in the outputs, from what it answers to the example.

    Raises
    ------
    InvalidInput
        It cannot be loaded, or cannot predict the example.
    """
    from mlflow.models import ModelSignature, infer_signature

    loaded = _load(artifact.folder)
    if example is None:
        return
    outputs = _predict(loaded, example)
    signature = artifact.description.signature
    if signature is None or signature.outputs is not None:
        return
    try:
        schema = infer_signature(example.data, outputs).outputs
    except Exception:
        # an output that no schema can express is still an answer
        advise("The type of the model's answers cannot be expressed; the signature leaves it out.")
        return
    artifact.description.signature = ModelSignature(
        inputs=signature.inputs, outputs=schema, params=signature.params
    )


def _load(folder: Path) -> Any:
    import mlflow.pyfunc

    try:
        return mlflow.pyfunc.load_model(str(folder))
    except Exception as error:
        raise InvalidInput(
            "The saved model cannot be loaded again.",
            reason=named(error),
            fix="Give what it needs by code_paths=[...], or install that as a package.",
            code="model_not_loadable",
        ) from error


def _predict(loaded: Any, example: Example) -> Any:
    try:
        return loaded.predict(example.data, params=example.params)
    except Exception as error:
        # the message may hold the caller's values, the chained exception has it
        raise InvalidInput(
            "The model cannot predict its own input example.",
            reason=f"Its predict raised {type(error).__name__} on the example's first rows, as "
            "MLflow hands them over (categories as plain values, times without zone).",
            fix="Pass as input what the model takes (X_train, say, without the target column); "
            "put encoders for categories into the model's pipeline.",
            code="example_not_predictable",
        ) from error
