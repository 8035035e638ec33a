"""Register a model from where it was trained, and find registered versions again, through MLflow.

Nothing here imports MLflow before it is used. A registered version is immutable for us: the digest
of its artifacts is kept as the tag ``mlops.digest``, and :func:`resolve` refuses bytes that differ.
"""

from __future__ import annotations

import difflib
import platform
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from mlops_jupyter.registry import artifact, distributions, fetch, publish, saved
from mlops_jupyter.registry.collector import collector_paused
from mlops_jupyter.registry.data_digest import DataDigest, digest_data
from mlops_jupyter.registry.examples import take_example
from mlops_jupyter.registry.flavours import find_flavour
from mlops_jupyter.registry.lineage import trace_lineage
from mlops_jupyter.registry.quiet import quiet
from mlops_jupyter.registry.store import Store, open_store, working_folder
from mlops_jupyter.types import (
    Environment,
    InvalidInput,
    InvalidRequest,
    MlopsError,
    ModelRef,
    ModelVersion,
    NotFound,
    check_name,
    did_you_mean,
)
from mlops_jupyter.workers.signature import parse_signature

_NAMED = 8
"""How many versions an error names."""


@dataclass(frozen=True)
class RegisteredModel:
    """A name in the registry.

    Attributes
    ----------
    latest
        The newest version's number, or None when there is none.
    aliases
        Version number of each alias.
    problem
        Why it cannot be deployed by this name, or an empty text.
    """

    name: str
    latest: int | None = None
    aliases: Mapping[str, int] = field(default_factory=dict)
    description: str = ""
    problem: str = ""


@collector_paused()
def register(
    name: str,
    model: Any,
    input_example: Any = None,
    *,
    alias: str | None = None,
    target: Any = None,
    params: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
    data: Any = None,
    description: str | None = None,
    environment: Literal["kernel", "locked"] = "kernel",
    user_ns: Mapping[str, Any] | None = None,
    flavor: str | None = None,
    **options: Any,
) -> ModelVersion:
    """Register `model` as the next version of `name`.

    The model is saved, loaded back and called with the first rows of `input_example` before the
    registry hears of it; what cannot be served is not registered.

    Parameters
    ----------
    name
        The model's name, ``[a-z0-9][a-z0-9._-]{0,62}``.
    model
        A fitted object of any library that MLflow knows, a ``PythonModel``, a function, the path
        of a Python file that calls ``mlflow.models.set_model()``, or the path of a folder that
        MLflow's ``save_model`` wrote, here or elsewhere; that is registered as it is.
    input_example
        Data as the model takes it, as much as there is; ``(data, params)`` for a model with
        parameters. The signature is inferred from it, and five rows of it are stored.
    alias
        Alias that moves to the new version.
    target
        The true answers, or the name of their column in `input_example`.
    params, metrics, tags
        Written to the MLflow run; tags to the version, too.
    data
        The training data, for its digest; `input_example` if not given. Also a path.
    environment
        Where the model will run: in this ``kernel``'s interpreter, or in a ``locked`` environment
        made from its requirements. A saved model for a ``locked`` one need not load here.
    user_ns
        The notebook's variables, for the notebook's path in VS Code.
    flavor
        MLflow's flavour, when the one found from the type is not wanted.
    options
        Options of the flavour's ``save_model``, such as ``signature`` (MLflow's, or as text:
        ``text: string -> label: string``), ``code_paths``,
        ``extra_pip_requirements`` or scikit-learn's ``pyfunc_predict_fn``.

    Raises
    ------
    InvalidRequest
        A name, alias, tag or option is not valid.
    InvalidInput
        The model or its example cannot be used; nothing was registered.
    Unavailable
        The registry does not answer within seconds.
    """
    check_name(name, "model name")
    publish.check_words(alias, params, metrics, tags)
    if environment not in ("kernel", "locked"):
        raise InvalidRequest(
            f"There is no environment {ascii(environment)[:40]}.", fix="One of: kernel, locked."
        )
    if isinstance(options.get("signature"), str):
        options["signature"] = _signature(options["signature"])
    frozen = distributions.freeze()
    source = saved.saved_folder(model)
    if source is None:
        flavour = find_flavour(model, flavor)
        _check_input(input_example, options)
        save = partial(artifact.save, flavour, model, options=options, frozen=frozen)
    else:
        given = options if flavor is None else {**options, "flavor": flavor}
        save = partial(saved.take, source, options=given, environment=environment)
    with quiet(), ExitStack() as undo:
        store = open_store()
        example = (
            None
            if input_example is None
            else take_example(
                input_example, target, keep_lists=source is None and flavour.name == "pyfunc"
            )
        )
        digest = _digest(input_example if data is None else data, target)
        temporary = undo.enter_context(
            tempfile.TemporaryDirectory(prefix=".saving-", dir=working_folder())
        )
        written = save(example, Path(temporary) / "model")
        lineage = trace_lineage(frozen=frozen, data=digest, user_ns=user_ns)
        version = publish.publish(
            store,
            name,
            written,
            publish.Facts(
                lineage=lineage,
                environment=_environment(environment, frozen, written.folder),
                params=params or {},
                metrics=metrics or {},
                tags=tags or {},
                description=description,
            ),
        )
        return version if alias is None else with_alias(store, version, alias)


def _signature(text: str) -> Any:
    from mlflow.models import ModelSignature

    return ModelSignature.from_dict(parse_signature(text))


def _check_input(input_example: Any, options: Mapping[str, Any]) -> None:
    if input_example is None and options.get("signature") is None:
        raise InvalidInput(
            "The model has no input example.",
            reason="Its signature, by which every call is checked, is inferred from one.",
            fix="Pass some rows of the training data without the target: input_example=X_train "
            "(%register NAME --model clf --input X_train), or signature=.",
            code="input_example_missing",
        )


def _digest(data: Any, target: Any) -> DataDigest | None:
    """The digest of the data, of which an example may come as ``(data, params)``."""
    if data is None:
        return None
    if isinstance(data, tuple) and len(data) == 2 and isinstance(data[1], dict):
        data = data[0]
    return digest_data(data, None if isinstance(target, str) else target)


def with_alias(store: Store, version: ModelVersion, alias: str) -> ModelVersion:
    """The version, once `alias` means it; an error says that the version itself is there."""
    try:
        store.call("set_registered_model_alias", version.model, alias, str(version.version))
    except MlopsError as error:
        error.fix = (
            f"{error.fix} {version.ref} is registered; what is left is "
            f"mlops_jupyter.registry.set_alias('{version.model}', '{alias}', {version.version})."
        ).strip()
        raise
    return replace(version, aliases=(alias,))


def _environment(kind: Literal["kernel", "locked"], frozen: str, folder: Path) -> Environment:
    version = platform.python_version()
    if kind == "kernel":
        digest = distributions.environment_digest(sys.executable, version, frozen)
        return Environment("kernel", sys.executable, digest)
    requirements = (folder / "requirements.txt").read_text()
    return Environment("locked", "", distributions.environment_digest("", version, requirements))


@collector_paused()
def resolve(ref: str | ModelRef) -> ModelVersion:
    """Find ``name/3``, ``name@alias`` or the newest of ``name``, with its artifacts here.

    Artifacts of a store that is not on this machine are downloaded to the state directory, once.

    Raises
    ------
    InvalidRequest
        `ref` is not of that form.
    NotFound
        No such model, version or alias; says what there is.
    Conflict
        ``version_changed``: the artifacts are not those that were registered.
    Unavailable
        The registry does not answer within seconds, or the artifacts cannot be fetched.
    """
    wanted = ref if isinstance(ref, ModelRef) else _parse(ref)
    with quiet():
        store = open_store()
        return fetch.complete(store, _find(store, wanted))


def _parse(ref: str) -> ModelRef:
    try:
        return ModelRef.parse(ref)
    except InvalidRequest as error:
        error.fix += (
            " A model that MLflow knows by such a name can be renamed: "
            "mlflow.MlflowClient().rename_registered_model(old, new)."
        )
        raise


def _find(store: Store, wanted: ModelRef) -> Any:
    """MLflow's description of the wanted version, or NotFound."""
    try:
        if wanted.alias is not None:
            return store.call("get_model_version_by_alias", wanted.name, wanted.alias)
        if wanted.version is not None:
            return store.call("get_model_version", wanted.name, str(wanted.version))
        newest = _search_versions(store, wanted.name, 1)
        if newest:
            return newest[0]
    except (NotFound, InvalidRequest):
        pass
    raise _missing(store, wanted)


def _missing(store: Store, wanted: ModelRef) -> NotFound:
    known = {model.name: model for model in _models(store)}
    if wanted.name not in known:
        near = _nearest(wanted.name, known)
        return NotFound(
            f"There is no model '{wanted.name}'.",
            reason=did_you_mean(wanted.name, known) or f"Not at {store.shown}.",
            fix=f"Write '{replace(wanted, name=near)}'."
            if near
            else "Name a model that exists, or register this one: %register.",
            code="unknown_model",
        )
    model = known[wanted.name]
    if wanted.alias is not None:
        near = _nearest(wanted.alias, model.aliases)
        return NotFound(
            f"The model '{wanted.name}' has no alias '{wanted.alias}'.",
            reason=did_you_mean(wanted.alias, model.aliases) or "It has no alias yet.",
            fix=f"Write '{replace(wanted, alias=near)}'."
            if near
            else f"Name a version, or give one this alias: %register {wanted.name} … --alias "
            f"{wanted.alias}, or %promote ENDPOINT VERSION --alias {wanted.alias}.",
            code="unknown_alias",
        )
    found = [int(one.version) for one in _search_versions(store, wanted.name, _NAMED + 1)]
    shown = f"'{wanted}'" if wanted.version is not None else f"of '{wanted.name}'"
    return NotFound(
        f"There is no version {shown}.",
        reason=_has_versions(found),
        fix="Name a version that exists, or register the next one: %register."
        if found
        else f"Register one: %register {wanted.name} --model MODEL --input DATA.",
        code="unknown_version",
    )


def _nearest(name: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)), None)


def _has_versions(newest_first: list[int]) -> str:
    """Which versions there are, in words; a list that is not whole does not read as if it were."""
    if not newest_first:
        return "It has no version yet."
    *before, last = map(str, sorted(newest_first[:_NAMED]))
    if not before:
        return f"It has version {last}."
    numbers = f"{', '.join(before)} and {last}"
    if len(newest_first) > _NAMED:
        return f"Its newest versions are {numbers}."
    return f"It has versions {numbers}."


@collector_paused()
def set_alias(name: str, alias: str, version: int) -> None:
    """Let `alias` of model `name` mean `version` from now on.

    Raises
    ------
    NotFound
        No such model or version.
    """
    check_name(name, "model name")
    publish.check_alias(alias)
    with quiet():
        store = open_store()
        found = _find(store, ModelRef(name, version=version))
        store.call("set_registered_model_alias", name, alias, str(found.version))


@collector_paused()
def versions(name: str) -> list[ModelVersion]:
    """All versions of a model, newest first, as recorded; artifacts are neither read nor fetched.

    Raises
    ------
    NotFound
        No such model.
    """
    check_name(name, "model name")
    with quiet():
        store = open_store()
        known = {model.name: model for model in _models(store)}
        if name not in known:
            raise _missing(store, ModelRef(name))
        # a search leaves the aliases out
        pointed: dict[int, list[str]] = {}
        for alias, number in known[name].aliases.items():
            pointed.setdefault(number, []).append(alias)
        found = [fetch.recorded(store, version) for version in _search_versions(store, name)]
        return [
            replace(version, aliases=tuple(sorted(pointed.get(version.version, ()))))
            for version in found
        ]


@collector_paused()
def models() -> list[RegisteredModel]:
    """All models of the registry, by name."""
    with quiet():
        return _models(open_store())


def alias_version(model: str, alias: str) -> int | None:
    """The version that `alias` of `model` means now; None when there is no such alias or model."""
    for known in models():
        if known.name == model:
            return known.aliases.get(alias)
    return None


def _models(store: Store) -> list[RegisteredModel]:
    found: list[RegisteredModel] = []
    token = None
    while True:
        page = store.call("search_registered_models", max_results=1000, page_token=token)
        found.extend(_model(entry) for entry in page)
        token = page.token
        if not token:
            return sorted(found, key=lambda model: model.name)


def _model(entry: Any) -> RegisteredModel:
    problem = ""
    try:
        check_name(entry.name, "model name")
    except InvalidRequest as error:
        problem = f"{error.reason} Rename it with MLflow's rename_registered_model."
    numbers = [int(version.version) for version in entry.latest_versions or ()]
    return RegisteredModel(
        entry.name,
        max(numbers, default=None),
        {alias: int(version) for alias, version in (entry.aliases or {}).items()},
        entry.description or "",
        problem,
    )


def _search_versions(store: Store, name: str, limit: int | None = None) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = store.call(
            "search_model_versions",
            f"name='{name}'",
            max_results=min(limit or 1000, 1000),
            order_by=["version_number DESC"],
            page_token=token,
        )
        found.extend(page)
        token = page.token
        if not token or (limit is not None and len(found) >= limit):
            return found
