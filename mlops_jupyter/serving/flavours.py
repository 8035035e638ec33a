"""What is known of each MLflow flavour: quicker ways to call it, and whether rows are independent.

A family's candidates are tried in order and only taken when proven equal to pyfunc (`scorers.py`).
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from mlops_jupyter.serving.modelio import InputPlan
from mlops_jupyter.serving.results import Columns

Candidate = tuple[str, str, Callable[[Any], Any]]
"""Name, form (``matrix``: a two-dimensional array; ``frame``: what pyfunc hands over), function."""


class Family:
    """A flavour of which nothing is known: pyfunc's way, one call at a time."""

    name = "pyfunc"
    doubtful = False  # independence has to be tried out on the example

    def candidates(self, model: Any, plan: InputPlan) -> Iterator[Candidate]:
        """Ways to call the model, quickest first."""
        yield from ()

    def independent(self, model: Any) -> bool:
        """Whether each row's answer depends on that row alone."""
        return False


class Below(Family):
    """A flavour whose wrapper can be called on the data that pyfunc would hand to it."""

    def __init__(self, name: str, *, independent: bool = False, doubtful: bool = False) -> None:
        self.name = name
        self.doubtful = doubtful
        self._independent = independent

    def candidates(self, model: Any, plan: InputPlan) -> Iterator[Candidate]:
        """The wrapper's own predict, without pyfunc's checks."""
        yield self.name, "frame", wrapper_function(model)

    def independent(self, model: Any) -> bool:
        """As the flavour is known to be."""
        return self._independent


def wrapper_function(model: Any) -> Callable[[Any], Any]:
    """The function that pyfunc calls once it has checked the data, with the default params."""
    conf = model.metadata.flavors["python_function"]
    function = getattr(model._model_impl, conf.get("predict_fn", "predict"))
    parameter = inspect.signature(function).parameters.get("params")
    if parameter is None or parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return function  # type: ignore[no-any-return]
    schema = model.metadata.get_params_schema()
    defaults = {param.name: param.default for param in schema.params} if schema else None
    if defaults is None:
        return partial(function, params=None)
    return lambda data: function(data, params=dict(defaults))


def raw(model: Any) -> Any:
    """The library's own object."""
    return model.get_raw_model()


class Arrays(Below):
    """A flavour whose models also take plain arrays, as long as all parts are the library's own."""

    def __init__(self, name: str, libraries: tuple[str, ...]) -> None:
        super().__init__(name, independent=True)
        self._libraries = libraries

    def candidates(self, model: Any, plan: InputPlan) -> Iterator[Candidate]:
        """An array of all columns where they are numbers, then the frame."""
        function = wrapper_function(model)
        known = plan.tensors or self.known(raw(model))
        if plan.numeric and known:
            yield self.name, "matrix", function
        if known or _is_plain(model):
            yield self.name, "frame", function

    def independent(self, model: Any) -> bool:
        """Rows are independent in the library's own estimators; a stranger's may look across."""
        return self.known(raw(model))

    def known(self, estimator: Any) -> bool:
        """Whether `estimator` and everything in it comes from the libraries."""
        return all(self._is_known(part) for part in _parts(estimator))

    def _is_known(self, part: Any) -> bool:
        if isinstance(part, np.ufunc):
            return True
        module = getattr(part, "__module__", None) or type(part).__module__
        return module.partition(".")[0] in self._libraries


class Boosters(Arrays):
    """XGBoost: its Booster takes an array without a DMatrix being made of it."""

    def candidates(self, model: Any, plan: InputPlan) -> Iterator[Candidate]:
        """In-place prediction for a Booster, then as for any library that takes arrays."""
        booster = raw(model)
        if plan.numeric and type(booster).__name__ == "Booster":
            yield self.name, "matrix", partial(booster.inplace_predict, validate_features=True)
        yield from super().candidates(model, plan)


class Statsmodels(Below):
    """statsmodels: rows are independent unless it is a time series."""

    def independent(self, model: Any) -> bool:
        """Whether it predicts from columns, not from a time span."""
        series = importlib.import_module("statsmodels.tsa.base.tsa_model").TimeSeriesModel
        fitted = getattr(raw(model), "model", None)
        return fitted is not None and not isinstance(fitted, series)


class Onnx(Below):
    """ONNX: the session called on an array; rows are independent if the first axis is free."""

    def candidates(self, model: Any, plan: InputPlan) -> Iterator[Candidate]:
        """The session itself, as the wrapper would call it for a frame."""
        session = raw(model)
        inputs = session.get_inputs()
        if plan.numeric and len(inputs) == 1:
            yield self.name, "matrix", partial(_run_session, session, inputs[0])
        yield from super().candidates(model, plan)

    def independent(self, model: Any) -> bool:
        """Whether the first axis of every input and output is free."""
        session = raw(model)
        nodes = [*session.get_inputs(), *session.get_outputs()]
        return all(node.shape and not isinstance(node.shape[0], int) for node in nodes)


def _run_session(session: Any, node: Any, matrix: Any) -> Columns:
    if node.type == "tensor(float)" and matrix.dtype == np.float64:
        matrix = matrix.astype(np.float32)
    names = [output.name for output in session.get_outputs()]
    results = session.run(names, {node.name: np.ascontiguousarray(matrix)})
    return Columns(
        (name, np.asarray(result).reshape(-1)) for name, result in zip(names, results, strict=True)
    )


def _is_plain(model: Any) -> bool:
    """Whether pyfunc does nothing with the data but check it against the signature."""
    metadata = model.metadata
    return not metadata._is_signature_from_type_hint() and not metadata._is_type_hint_from_example()


class Custom(Below):
    """A Python model of the user's own: called below pyfunc when that gives the same."""

    def candidates(self, model: Any, plan: InputPlan) -> Iterator[Candidate]:
        """The wrapper, unless pyfunc converts the data by type hints first."""
        if _is_plain(model):
            yield from super().candidates(model, plan)


def _parts(estimator: Any) -> Iterator[Any]:
    """An estimator, its parameters, and what those hold: steps, functions, estimators."""
    seen: set[int] = set()
    waiting = [estimator]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or _is_value(part):
            continue
        seen.add(id(part))
        if isinstance(part, list | tuple | set | frozenset):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
        else:
            yield part
            if callable(get := getattr(part, "get_params", None)) and not isinstance(part, type):
                waiting.extend(get(deep=False).values())


def _is_value(part: Any) -> bool:
    # a long list of numbers or names is a value; it may not be walked one by one
    plain = (str, bytes, bool, int, float, complex, slice, np.ndarray, np.generic, np.dtype)
    if part is None or isinstance(part, plain) or type(part).__module__.startswith("pandas."):
        return True
    return isinstance(part, re.Pattern | np.random.RandomState | type)


FAMILIES: dict[str, Family] = {
    "mlflow.sklearn": Arrays("sklearn", ("sklearn", "xgboost", "lightgbm", "catboost")),
    "mlflow.xgboost": Boosters("xgboost", ("xgboost",)),
    "mlflow.lightgbm": Arrays("lightgbm", ("lightgbm",)),
    "mlflow.catboost": Below("catboost", independent=True),
    "mlflow.statsmodels": Statsmodels("statsmodels"),
    "mlflow.onnx": Onnx("onnx", doubtful=True),
    "mlflow.pytorch": Below("pytorch", independent=True, doubtful=True),
    "mlflow.tensorflow": Below("tensorflow", independent=True, doubtful=True),
    "mlflow.keras": Below("keras", independent=True, doubtful=True),
    "mlflow.pyfunc.model": Custom("custom"),
    "mlflow.pyfunc.loaders.code_model": Custom("custom"),
}
"""By MLflow's loader module; any other flavour is called through pyfunc."""
