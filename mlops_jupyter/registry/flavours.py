"""Which MLflow flavour saves an object, found from its type without importing any library."""

from __future__ import annotations

import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_jupyter.types import InvalidInput, InvalidRequest, did_you_mean


@dataclass(frozen=True)
class Flavour:
    """One flavour of MLflow.

    Attributes
    ----------
    name
        What ``--flavor`` calls it.
    module
        MLflow's module with its ``save_model``.
    argument
        The parameter of ``save_model`` that takes the model.
    roots
        Modules (dotted prefixes) whose classes it saves.
    options
        Options that we set unless the caller does, where MLflow's own default does not serve.
    arrays
        Its signatures are of tensors only.
    """

    name: str
    module: str
    argument: str
    roots: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()
    arrays: bool = False


# cloudpickle: MLflow's default, skops, refuses every tree model unless each type is named, loads a
# forest 25 times slower and cannot hold the notebook's own functions. What loads an artifact here
# is a worker without credentials, and the bytes are bound to the digest that was registered.
_PICKLE = (("serialization_format", "cloudpickle"),)

FLAVOURS: tuple[Flavour, ...] = (
    Flavour("pyfunc", "mlflow.pyfunc", "python_model", ("mlflow.pyfunc",)),
    Flavour("xgboost", "mlflow.xgboost", "xgb_model", ("xgboost",)),
    Flavour("lightgbm", "mlflow.lightgbm", "lgb_model", ("lightgbm",), _PICKLE),
    Flavour("catboost", "mlflow.catboost", "cb_model", ("catboost",)),
    Flavour("pmdarima", "mlflow.pmdarima", "pmdarima_model", ("pmdarima",)),
    Flavour("prophet", "mlflow.prophet", "pr_model", ("prophet",)),
    Flavour("keras", "mlflow.keras", "model", ("keras",), arrays=True),
    Flavour("tensorflow", "mlflow.tensorflow", "model", ("tensorflow",), arrays=True),
    Flavour(
        "sentence_transformers", "mlflow.sentence_transformers", "model", ("sentence_transformers",)
    ),
    Flavour("transformers", "mlflow.transformers", "transformers_model", ("transformers",)),
    Flavour(
        "pytorch",
        "mlflow.pytorch",
        "pytorch_model",
        ("torch", "pytorch_lightning", "lightning"),
        (("serialization_format", "pickle"),),
    ),
    Flavour("statsmodels", "mlflow.statsmodels", "statsmodels_model", ("statsmodels",)),
    Flavour("onnx", "mlflow.onnx", "onnx_model", ("onnx",)),
    Flavour("spacy", "mlflow.spacy", "spacy_model", ("spacy",)),
    Flavour("h2o", "mlflow.h2o", "h2o_model", ("h2o",)),
    Flavour("paddle", "mlflow.paddle", "pd_model", ("paddle",)),
    Flavour("spark", "mlflow.spark", "spark_model", ("pyspark.ml",)),
    Flavour("johnsnowlabs", "mlflow.johnsnowlabs", "spark_model", ("sparknlp", "johnsnowlabs")),
    Flavour("dspy", "mlflow.dspy", "model", ("dspy",)),
    Flavour("llama_index", "mlflow.llama_index", "llama_index_model", ("llama_index",)),
    Flavour(
        "langchain", "mlflow.langchain", "lc_model", ("langchain", "langchain_core", "langgraph")
    ),
    Flavour("sklearn", "mlflow.sklearn", "sk_model", ("sklearn",), _PICKLE),
)
_BY_NAME = {flavour.name: flavour for flavour in FLAVOURS}
_WRAP = (
    "Wrap it: class Model(mlflow.pyfunc.PythonModel): "
    "def predict(self, context, model_input): return MINE.predict(model_input)"
)


def find_flavour(model: Any, name: str | None = None) -> Flavour:
    """The flavour that saves `model`; `name` overrules the search.

    The classes that `model`'s type inherits from are walked in Python's own order, so a subclass of
    a scikit-learn estimator is saved as scikit-learn, and XGBoost's scikit-learn interface as
    XGBoost. Functions, and paths of Python files that set a model, are pyfunc models.

    Raises
    ------
    InvalidRequest
        There is no flavour of this `name`.
    InvalidInput
        No flavour saves an object of this type.
    """
    if name is not None:
        if name not in _BY_NAME:
            raise InvalidRequest(
                f"There is no flavor {ascii(name)[:40]}.",
                reason=did_you_mean(name, _BY_NAME),
                fix="One of: " + ", ".join(sorted(_BY_NAME)) + ".",
                code="unknown_flavor",
            )
        return _BY_NAME[name]
    if isinstance(model, type):
        raise InvalidInput(
            f"The model is the class {model.__name__}, not a fitted object of it.",
            reason="A class holds nothing that was learned.",
            fix=f"Fit one: model = {model.__name__}().fit(X, y), and register that.",
            code="not_a_model",
        )
    if isinstance(model, str | Path):
        return _of_path(Path(model))
    if isinstance(model, types.FunctionType | types.MethodType):
        return _BY_NAME["pyfunc"]
    for cls in type(model).__mro__:
        for flavour in FLAVOURS:
            if _belongs(cls.__module__ or "", flavour.roots):
                return _checked(flavour, cls, model)
    raise InvalidInput(
        f"MLflow knows no way to save a {_type_name(model)}.",
        reason="It can save objects of: "
        + ", ".join(sorted({root for flavour in FLAVOURS for root in flavour.roots}))
        + "; functions; and the path of a Python file that calls mlflow.models.set_model().",
        fix=_WRAP + ".",
        code="unknown_flavor",
    )


def _belongs(module: str, roots: tuple[str, ...]) -> bool:
    return any(module == root or module.startswith(root + ".") for root in roots)


def _of_path(path: Path) -> Flavour:
    if path.suffix in (".py", ".ipynb") and path.is_file():
        return _BY_NAME["pyfunc"]
    raise InvalidInput(
        "The path is not that of a model.",
        reason="A model can be given as the path of a folder that MLflow's save_model wrote, or "
        "of an existing .py or .ipynb file that calls mlflow.models.set_model().",
        fix="Check the path and the working directory, or pass the fitted model itself.",
        code="not_a_model",
    )


def _checked(flavour: Flavour, cls: type, model: Any) -> Flavour:
    """Refuse what looks like a flavour's model and is not, before MLflow fails in its middle."""
    if flavour.name == "pyfunc" and not any(
        base.__name__ == "PythonModel" for base in type(model).__mro__
    ):
        raise InvalidInput(
            f"A {_type_name(model)} is a model that was loaded, not one that can be saved.",
            reason="MLflow's pyfunc flavour saves objects of PythonModel.",
            fix="Register the original model, or wrap it. " + _WRAP + ".",
            code="not_a_model",
        )
    if flavour.name == "transformers" and ".pipelines" not in cls.__module__:
        raise InvalidInput(
            f"A {_type_name(model)} alone cannot be served.",
            reason="Its tokenizer or processor is missing.",
            fix="Register a pipeline: transformers.pipeline(task, model=model, tokenizer=...).",
            code="not_a_model",
        )
    return flavour


def _type_name(model: Any) -> str:
    cls = type(model)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"
