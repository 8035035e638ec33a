"""A small model of each framework, and what the framework itself answers.

The tests read it, and interpreters that have nothing of this project run it: then the model is
saved with MLflow alone, as another team would, beside the framework's own answers.

    python makers.py catboost FOLDER
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Answer = Callable[[Any], Any]


@dataclass(frozen=True)
class Made:
    """A fitted model, and the framework's own answer to data.

    `options` are those of `register` and `save_model`.
    """

    model: Any
    answer: Answer
    options: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] | None = None


NUMBERS = pd.DataFrame(np.random.default_rng(7).normal(size=(64, 3)), columns=["a", "b", "c"])
AMOUNT = 2 * NUMBERS["a"] - NUMBERS["b"] + np.sin(5 * NUMBERS["c"])
NUMBERS_CALLS = [
    NUMBERS,
    NUMBERS[:1],
    NUMBERS.mask(NUMBERS > 1),
    NUMBERS.replace(NUMBERS.iloc[0, 0], np.inf),
    NUMBERS * np.array([1e300, 5e-324, -0.0]),
    NUMBERS[["c", "a", "b"]],
]
MIXED = NUMBERS.assign(
    city=np.resize(np.array(["Oslo", "Łódź", "", "Kyiv"], dtype=object), len(NUMBERS)),
    member=NUMBERS["c"] > 0,
)
MIXED_CALLS = [
    MIXED,
    MIXED[:1],
    MIXED.assign(city="Atlantis"),
    MIXED.assign(city="x" * 1000),
    MIXED.assign(a=np.nan),
]
FLOATS = NUMBERS.to_numpy("float32")
FLOATS_CALLS = [
    FLOATS,
    FLOATS[:1],
    *(np.where(FLOATS > 1, np.float32(odd), FLOATS) for odd in (np.nan, np.inf, -0.0, 3e38, 1e-45)),
]
"""What models are called on: many rows, one row, and odd ones that a framework may refuse."""


def _in_order(answer: Answer) -> Answer:
    """Columns are told apart by their names on the way to a model, whatever their order."""
    return lambda data: answer(data[list(NUMBERS)])


def scikit_learn() -> Made:
    from sklearn.linear_model import Ridge

    model = Ridge().fit(NUMBERS, AMOUNT)
    options = {"serialization_format": "cloudpickle"}
    return Made(model, _in_order(model.predict), options)


def scikit_learn_pipeline() -> Made:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    model = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), ["a", "b", "c"]),
            (OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("passthrough", ["member"]),
        ),
        LogisticRegression(),
    ).fit(MIXED, AMOUNT > 0)
    options = {"pyfunc_predict_fn": "predict_proba"}
    return Made(model, model.predict_proba, options)


def telling_forest() -> Made:
    """A forest that also tells which scikit-learn and numpy it runs on, as numbers."""
    import sklearn
    from sklearn.ensemble import RandomForestRegressor

    class Telling(RandomForestRegressor):  # type: ignore[misc]
        def predict(self, X):  # type: ignore[no-untyped-def]
            told = [float(".".join(each.__version__.split(".")[:2])) for each in (sklearn, np)]
            return np.column_stack([super().predict(X), np.tile(told, (len(X), 1))])

    model = Telling(9, random_state=0).fit(NUMBERS, AMOUNT)
    options = {"serialization_format": "cloudpickle"}
    return Made(model, _in_order(model.predict), options)


def xgboost() -> Made:
    import xgboost

    model = xgboost.XGBRegressor(n_estimators=9, n_jobs=1).fit(NUMBERS, AMOUNT)
    return Made(model, _in_order(model.predict))


def lightgbm() -> Made:
    import lightgbm

    model = lightgbm.LGBMRegressor(n_estimators=9, n_jobs=1, verbose=-1).fit(NUMBERS, AMOUNT)
    return Made(model, _in_order(model.predict))


def catboost() -> Made:
    import catboost

    model = catboost.CatBoostRegressor(
        iterations=9, thread_count=1, verbose=False, allow_writing_files=False,
        cat_features=["city"],
    ).fit(MIXED, AMOUNT)  # fmt: skip
    return Made(model, model.predict)


def statsmodels() -> Made:
    from statsmodels.formula.api import ols

    model = ols("y ~ a + np.square(b) + c", NUMBERS.assign(y=AMOUNT)).fit()
    return Made(model, _in_order(model.predict))


def onnx() -> Made:
    import onnxruntime
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestRegressor

    rows = NUMBERS.to_numpy("float32")
    forest = RandomForestRegressor(5, random_state=0).fit(rows, AMOUNT)
    model = to_onnx(forest, rows[:1])
    session = onnxruntime.InferenceSession(model.SerializeToString())

    def answer(data: pd.DataFrame) -> Any:
        with np.errstate(over="ignore"):
            (result,) = session.run(None, {"X": data.to_numpy("float32")})
        return result

    return Made(model, _in_order(answer))


def python_model() -> Made:
    from mlflow.pyfunc import PythonModel

    class Power(PythonModel):  # type: ignore[misc]
        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            return model_input.sum(axis=1) ** params["power"]

    params = {"power": 3}
    answer = _in_order(lambda data: Power().predict(None, data, params))
    return Made(Power(), answer, params=params)


def torch() -> Made:
    import torch

    torch.manual_seed(7)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2), torch.nn.Softmax(dim=1)
    ).eval()

    def answer(rows: np.ndarray) -> Any:
        with torch.no_grad():
            return model(torch.from_numpy(np.array(rows))).numpy()

    return Made(model, answer, {"serialization_format": "pickle"})


def keras() -> Made:
    # MLflow saves it with the backend, which a test may have to choose before Keras is imported
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return _keras()


def tensorflow() -> Made:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    return _keras()


def _keras() -> Made:
    import keras

    keras.utils.set_random_seed(7)
    layers = [keras.Input((3,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(2, "softmax")]
    model = keras.Sequential(layers)
    return Made(model, lambda rows: model.predict(rows, verbose=0))


MAKERS: dict[str, tuple[Callable[[], Made], list[Any]]] = {
    "scikit-learn": (scikit_learn, NUMBERS_CALLS),
    "scikit-learn-pipeline": (scikit_learn_pipeline, MIXED_CALLS),
    "telling-forest": (telling_forest, NUMBERS_CALLS),
    "xgboost": (xgboost, NUMBERS_CALLS),
    "lightgbm": (lightgbm, NUMBERS_CALLS),
    "statsmodels": (statsmodels, NUMBERS_CALLS),
    "onnx": (onnx, NUMBERS_CALLS),
    "python-model": (python_model, NUMBERS_CALLS),
    "catboost": (catboost, MIXED_CALLS),
    "keras": (keras, FLOATS_CALLS),
    "tensorflow": (tensorflow, FLOATS_CALLS),
    "torch": (torch, FLOATS_CALLS),
}
_FLAVOURS = {"torch": "pytorch", "telling-forest": "sklearn"}


def answers(made: Made, calls: Iterable[Any]) -> dict[int, np.ndarray]:
    """The framework's own answers by the position of the call; none to what it refuses."""
    found = {}
    for position, data in enumerate(calls):
        with contextlib.suppress(Exception):
            found[position] = np.asarray(made.answer(data))
    return found


def save(name: str, folder: Path, requirements: list[str]) -> None:
    """Save the model with MLflow, and the framework's answers: ``0.npy`` for the first call …"""
    make, calls = MAKERS[name]
    made = make()
    found = answers(made, calls)
    # the flavour keras writes the example before it makes the folder
    (folder / "model").mkdir()
    importlib.import_module(f"mlflow.{_FLAVOURS.get(name, name)}").save_model(
        made.model,
        path=str(folder / "model"),
        signature=_signature(calls[0], found[0]),
        input_example=calls[0][:3],
        pip_requirements=requirements,
        **made.options,
    )
    for position, answer in found.items():
        np.save(folder / f"{position}.npy", answer)


def _signature(data: Any, answer: np.ndarray) -> Any:
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import Schema, TensorSpec

    if isinstance(data, pd.DataFrame):
        return infer_signature(data, answer)
    # it cannot be inferred where SciPy is not installed
    inputs, outputs = (TensorSpec(each.dtype, (-1, each.shape[1])) for each in (data, answer))
    return ModelSignature(Schema([inputs]), Schema([outputs]))


if __name__ == "__main__":
    save(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
