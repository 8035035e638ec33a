"""Versions of models: from what a notebook calls one to the version itself; aliases that move."""

from __future__ import annotations

import dataclasses
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlops_jupyter.notebook.views import VersionView
from mlops_jupyter.types import Environment, InvalidRequest, ModelRef, ModelVersion, Unavailable

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub

Reference = str | ModelRef | ModelVersion | VersionView


def model_ref(wanted: Reference) -> ModelRef:
    """The reference that `wanted` is, or stands for."""
    if isinstance(wanted, VersionView):
        wanted = wanted.version
    if isinstance(wanted, ModelVersion):
        return ModelRef(wanted.model, version=wanted.version)
    if isinstance(wanted, ModelRef):
        return wanted
    if not isinstance(wanted, str):
        raise InvalidRequest(
            f"A {type(wanted).__name__} does not name a version of a model.",
            fix="Write 'churn', 'churn/3' or 'churn@champion', or pass what register returned.",
            code="invalid_name",
        )
    return ModelRef.parse(wanted)


def version_wanted(model: str, wanted: int | Reference) -> ModelRef:
    """Read a version of `model`: 4, ``4``, ``challenger``, ``@challenger`` or a whole reference."""
    if isinstance(wanted, bool):
        raise InvalidRequest("A version is a positive whole number.", code="invalid_name")
    if isinstance(wanted, int):
        wanted = str(wanted)
    if isinstance(wanted, str) and not any(sign in wanted[1:] for sign in "/@"):
        sign = "/" if wanted.isdecimal() else "@"
        return ModelRef.parse(f"{model}{sign}{wanted.removeprefix('@')}")
    ref = model_ref(wanted)
    if ref.name != model:
        raise InvalidRequest(
            f"The endpoint serves {model}, not {ref.name}.",
            reason="Promotion chooses among the versions of one model.",
            fix=f"Name a version of {model}, or deploy the other model: "
            f"deploy('{ref}', name=ENDPOINT).",
            code="other_model",
        )
    return ref


def resolve(wanted: Reference, env: Literal["kernel", "locked"] | None = None) -> ModelVersion:
    """The version with its artifacts on this machine, to run in the environment `env`.

    `env` None is the environment that it was registered for.
    """
    from mlops_jupyter import registry

    version = registry.resolve(model_ref(wanted))
    if env is None or env == version.environment.kind:
        return version
    return dataclasses.replace(version, environment=_environment(version, env))


def _environment(version: ModelVersion, kind: Literal["kernel", "locked"]) -> Environment:
    from mlops_jupyter.registry.distributions import environment_digest, freeze

    python_version = platform.python_version()
    if kind == "kernel":
        digest = environment_digest(sys.executable, python_version, freeze())
        return Environment("kernel", sys.executable, digest)
    if kind != "locked":
        raise InvalidRequest(
            "There is no such environment.", fix="env is 'kernel' or 'locked'.", code="invalid_env"
        )
    try:
        requirements = (Path(version.path) / "requirements.txt").read_text("utf-8")
    except OSError as error:
        raise InvalidRequest(
            f"{version.ref} cannot run in a locked environment.",
            reason="Its artifacts have no requirements.txt to make one from.",
            fix="Register it again with mlops_jupyter.register, or deploy it with env='kernel'.",
            code="no_requirements",
        ) from error
    return Environment("locked", "", environment_digest("", python_version, requirements))


def move_alias(hub: Hub, model: str, alias: str, version: int) -> str:
    """Let the alias follow the endpoint, and record that; the step in words."""
    from mlops_jupyter import registry

    try:
        before = registry.alias_version(model, alias)
        if before == version:
            return f"The alias '{alias}' of {model} is at version {version} already."
        registry.set_alias(model, alias, version)
    except Exception as error:
        raise Unavailable(
            f"Version {version} serves all calls, but the alias '{alias}' of {model} did not move.",
            reason=str(error) or type(error).__name__,
            fix=f"Nothing else is left to do; mend that and set it: mlops_jupyter.registry"
            f".set_alias('{model}', '{alias}', {version}).",
            code="alias_not_moved",
        ) from error
    was = "new" if before is None else f"before: {before}"
    hub.event(
        "alias.set",
        {"alias": alias, "before": before, "version": version},
        model={"name": model, "version": version},
    )
    return f"The alias '{alias}' of {model} moved to version {version} ({was})."


_WORKER_OPTIONS = frozenset({"description", "output_example", "signature"})


def check_source(model: Any, worker: Any, target: Any, options: Mapping[str, Any]) -> None:
    """Refuse a registration of no model, of two, or with an option of the other kind."""
    if (model is None) == (worker is None):
        raise InvalidRequest(
            "There is no model." if model is None else "There are a model and a worker.",
            fix="Pass either the fitted model or worker= with the folder of a program.",
            code="invalid_usage",
        )
    given = {*options, *(("target",) if target is not None else ())}
    wrong = given & {"output_example"} if worker is None else given - _WORKER_OPTIONS
    if wrong:
        kind = "model of Python" if worker is None else "worker model"
        raise InvalidRequest(
            f"A {kind} has no option '{min(wrong)}'.", fix="Leave it out.", code="unknown_option"
        )
