"""What a zygote does once so that its workers need not: imports, and one prediction of each kind.

The first load and prediction in a process cost tens of milliseconds that later ones do not (lazy
imports, caches). A tiny model of our own making pays them before the fork; never a user's model.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

LIBRARIES = frozenset(
    {
        "catboost",
        "category_encoders",
        "cloudpickle",
        "formulaic",
        "imblearn",
        "joblib",
        "keras",
        "lightgbm",
        "mlflow",
        "narwhals",
        "numpy",
        "onnx",
        "onnxruntime",
        "pandas",
        "patsy",
        "pmdarima",
        "polars",
        "prophet",
        "pyarrow",
        "scipy",
        "sentence_transformers",
        "skl2onnx",
        "sklearn",
        "skops",
        "statsmodels",
        "tensorflow",
        "threadpoolctl",
        "tokenizers",
        "torch",
        "transformers",
        "xgboost",
    }
)
"""Packages whose modules a zygote imports because one of its workers needed them."""

_MODULE = re.compile(r"[A-Za-z_][\w]*(\.[A-Za-z_][\w]*)*")
_MAX_HINTS = 2000


def use_fast_yaml() -> None:
    """Let `yaml.safe_load` use libyaml: MLflow reads each MLmodel file three times with it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", None)
    if loader is not None:
        yaml.safe_load = lambda stream: yaml.load(stream, Loader=loader)  # noqa: S506 - a safe one


def import_all(modules: Iterable[str]) -> None:
    """Import modules by name; raises ImportError for the first that cannot be.

    A name may be ``keras@jax``: Keras takes its backend from a variable, and tries TensorFlow
    without one, also where it is not installed.
    """
    for module in modules:
        name, _, backend = module.partition("@")
        if backend:
            os.environ.setdefault("KERAS_BACKEND", backend)
        importlib.import_module(name)


def hints(before: frozenset[str]) -> list[str]:
    """Modules of `LIBRARIES` that this process imported since `before` was taken."""
    return [name for name in list(sys.modules) if name not in before and _may_import(name)]


def follow(names: Iterable[Any]) -> None:
    """Import what a worker had to import, so that the next one has it.

    The names come from a process that runs a model's code, so they are only followed into
    installed libraries that are known, and failures are of no interest.
    """
    for name in list(names)[:_MAX_HINTS]:
        if isinstance(name, str) and name not in sys.modules and _may_import(name):
            with contextlib.suppress(BaseException):
                importlib.import_module(name)


def _may_import(name: str) -> bool:
    parts = name.split(".")
    hidden = {"__main__", "__mp_main__", "tests", "testing", "conftest"} & set(parts)
    return parts[0] in LIBRARIES and not hidden and _MODULE.fullmatch(name) is not None


def prime() -> None:
    """Load and score a throw-away model for each imported library that has one here.

    Priming only saves time, so whatever goes wrong in it is logged and left.
    """
    use_fast_yaml()
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    for library, make in _MODELS.items():
        if library in sys.modules:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    _run(make, Path(folder) / "model")
                except Exception:
                    logging.getLogger(__name__).exception("%s is not primed", library)
    logging.getLogger("mlflow").setLevel(logging.WARNING)


def _run(make: Callable[[str, Any, Any, Any], None], folder: Path) -> None:
    import pandas as pd
    from mlflow.models import infer_signature

    from mlops_jupyter.serving import frames
    from mlops_jupyter.serving.modelio import InputPlan
    from mlops_jupyter.serving.scorers import load
    from mlops_jupyter.serving.worker import WorkerSpec

    inputs = pd.DataFrame({"a": [0.0, 1.0, 0.5, 0.2], "b": [1.0, 0.0, 0.3, 0.9]})
    target = pd.Series([0, 1, 1, 0])
    signature = infer_signature(inputs, target)
    make(str(folder), inputs, target, signature)
    loaded = load(WorkerSpec("", "primer", 1, str(folder), signature.to_dict()))
    header, body = InputPlan(signature.to_dict()).pack(inputs.head(1))
    outputs = loaded.pack(loaded.scorer(header, memoryview(body)))
    frames.encode(1, frames.RESULT, {}, [tensor.data for tensor in outputs.tensors])


def _sklearn(path: str, inputs: Any, target: Any, signature: Any) -> None:
    import mlflow.sklearn
    from sklearn.linear_model import LogisticRegression

    _save(mlflow.sklearn, LogisticRegression().fit(inputs, target), path, inputs, signature)


def _xgboost(path: str, inputs: Any, target: Any, signature: Any) -> None:
    import mlflow.xgboost
    import xgboost

    model = xgboost.XGBRegressor(n_estimators=1, max_depth=1, n_jobs=1).fit(inputs, target)
    mlflow.xgboost.save_model(
        model, path, signature=signature, input_example=inputs, pip_requirements=[]
    )


def _lightgbm(path: str, inputs: Any, target: Any, signature: Any) -> None:
    import lightgbm
    import mlflow.lightgbm

    model = lightgbm.LGBMRegressor(n_estimators=1, n_jobs=1, verbose=-1, min_child_samples=1)
    _save(mlflow.lightgbm, model.fit(inputs, target), path, inputs, signature)


def _statsmodels(path: str, inputs: Any, target: Any, signature: Any) -> None:
    import mlflow.statsmodels

    statsmodels = importlib.import_module("statsmodels.api")
    model = statsmodels.OLS(target, inputs).fit()
    mlflow.statsmodels.save_model(
        model, path, signature=signature, input_example=inputs, pip_requirements=[]
    )


def _custom(path: str, inputs: Any, target: Any, signature: Any) -> None:
    import mlflow.pyfunc

    class Sum(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return model_input.sum(axis=1)

    mlflow.pyfunc.save_model(
        path,
        python_model=Sum(),
        signature=signature,
        input_example=inputs,
        pip_requirements=[],
    )


def _save(module: Any, model: Any, path: str, inputs: Any, signature: Any) -> None:
    module.save_model(
        model,
        path,
        signature=signature,
        input_example=inputs,
        pip_requirements=[],
        serialization_format="cloudpickle",
    )


_MODELS: dict[str, Callable[[str, Any, Any, Any], None]] = {
    "mlflow.pyfunc.model": _custom,
    "sklearn": _sklearn,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "statsmodels": _statsmodels,
}
