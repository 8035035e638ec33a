"""Real models of every flavour that is installed, saved once, with frames to call them on."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, Schema, TensorSpec

mlflow.pyfunc  # noqa: B018 - MLflow loads its flavours when they are named

NUMBERS = pd.DataFrame(
    {
        "a": [0.1, 1.5, -2.0, 3.3, 0.7, -0.2, 5.1, 2.2],
        "b": [1.0, 0.0, 2.5, -1.0, 0.3, 4.4, -3.0, 0.9],
        "c": [5.0, 3.0, 2.0, 1.0, 0.5, 0.1, 9.0, 4.0],
    }
)
BINARY = pd.Series([0, 1, 0, 1, 1, 0, 1, 0])
AMOUNT = NUMBERS["a"] * 2 + NUMBERS["b"]
MIXED = pd.DataFrame(
    {
        "age": np.array([31, 45, 22, 60, 38, 51, 29, 44], dtype="int64"),
        "rank": np.array([1, 2, 3, 1, 2, 3, 1, 2], dtype="int32"),
        "income": [1.5, np.nan, 3.25, 0.5, 2.0, np.nan, 7.5, 1.0],
        "weight": np.array([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5], dtype="float32"),
        "city": ["Oslo", "Łódź", None, "Oslo", "", "Łódź", "Kyiv", "Oslo"],
        "member": [True, False, True, True, False, False, True, False],
        "since": pd.to_datetime(
            [
                *("2020-01-01", "2021-05-05T10:30", None, "1969-12-31"),
                *("2024-02-29", "2020-01-01", "2262-01-01", "1700-01-01"),
            ],
            format="ISO8601",
        ).astype("datetime64[ns]"),
    }
)


@dataclass
class Entry:
    """A saved model: its folder, frames to call it on, and the way that should be chosen."""

    path: Path
    frames: list[Any]
    way: str
    batchable: bool


class Echo(mlflow.pyfunc.PythonModel):
    """Returns what `make` makes of the input."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make

    def predict(self, context, model_input):  # type: ignore[no-untyped-def]
        return self._make(model_input)


class WithParams(mlflow.pyfunc.PythonModel):
    """Multiplies by a parameter."""

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        return model_input["a"].to_numpy() * params["factor"]


def _save(flavour: Any, model: Any, path: Path, data: Any, **options: Any) -> None:
    signature = options.pop("signature", None) or infer_signature(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flavour.save_model(
            model,
            str(path),
            signature=signature,
            input_example=options.pop("input_example", data),
            pip_requirements=[],
            **options,
        )


def _sklearn(path: Path, model: Any, data: Any = NUMBERS, **options: Any) -> None:
    _save(mlflow.sklearn, model, path, data, serialization_format="cloudpickle", **options)


def save_custom(
    path: Path, make: Callable[[Any], Any], data: Any = NUMBERS, **options: Any
) -> None:
    """Save a model of one's own, pickled by value."""
    signature = options.pop("signature", None) or infer_signature(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            str(path),
            python_model=options.pop("model", None) or Echo(make),
            signature=signature,
            input_example=options.pop("input_example", data),
            pip_requirements=[],
            **options,
        )


def _mixed_pipeline() -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer()), ["age", "income", "weight"]),
            (
                make_pipeline(
                    SimpleImputer(strategy="constant", fill_value="?", missing_values=np.nan),
                    OneHotEncoder(handle_unknown="ignore"),
                ),
                ["city"],
            ),
            ("passthrough", ["rank", "member"]),
        ),
        LogisticRegression(),
    )


def _few(frame: pd.DataFrame) -> list[Any]:
    return [frame, frame.head(1), frame.iloc[::-1].reset_index(drop=True)]


def sklearn_classifier(path: Path) -> Entry:
    from sklearn.linear_model import LogisticRegression

    _sklearn(path, LogisticRegression().fit(NUMBERS, BINARY))
    return Entry(path, _few(NUMBERS), "sklearn-matrix", True)


def sklearn_regressor(path: Path) -> Entry:
    from sklearn.ensemble import HistGradientBoostingRegressor

    _sklearn(path, HistGradientBoostingRegressor(min_samples_leaf=1).fit(NUMBERS, AMOUNT))
    return Entry(path, [*_few(NUMBERS), NUMBERS * np.nan], "sklearn-matrix", True)


def sklearn_text_labels(path: Path) -> Entry:
    from sklearn.tree import DecisionTreeClassifier

    labels = BINARY.map({0: "no", 1: "ja ✓"})
    _sklearn(path, DecisionTreeClassifier().fit(NUMBERS, labels))
    return Entry(path, _few(NUMBERS), "sklearn-matrix", True)


def sklearn_pipeline(path: Path) -> Entry:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _sklearn(path, make_pipeline(StandardScaler(), Ridge()).fit(NUMBERS, AMOUNT))
    return Entry(path, _few(NUMBERS), "sklearn-matrix", True)


def sklearn_mixed_columns(path: Path) -> Entry:
    columns = MIXED.drop(columns="since")
    model = _mixed_pipeline().fit(columns, BINARY)
    _sklearn(path, model, columns)
    return Entry(path, _few(columns), "sklearn-frame", True)


def sklearn_numbers_of_many_widths(path: Path) -> Entry:
    from sklearn.linear_model import LinearRegression

    data = MIXED[["age", "rank", "weight"]]
    _sklearn(path, LinearRegression().fit(data, AMOUNT), data)
    return Entry(path, _few(data), "sklearn-matrix", True)


def sklearn_multi_output(path: Path) -> Entry:
    from sklearn.ensemble import RandomForestRegressor

    target = pd.DataFrame({"x": AMOUNT, "y": BINARY})
    _sklearn(path, RandomForestRegressor(5, random_state=0).fit(NUMBERS, target))
    return Entry(path, _few(NUMBERS), "sklearn-matrix", True)


def sklearn_probabilities(path: Path) -> Entry:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(NUMBERS, BINARY)
    _sklearn(path, model, pyfunc_predict_fn="predict_proba")
    return Entry(path, _few(NUMBERS), "sklearn-matrix", True)


def sklearn_list_of_probabilities(path: Path) -> Entry:
    from sklearn.ensemble import RandomForestClassifier

    target = np.column_stack([BINARY, 1 - BINARY])
    model = RandomForestClassifier(3, random_state=0).fit(NUMBERS, target)
    _sklearn(path, model, pyfunc_predict_fn="predict_proba")
    return Entry(path, _few(NUMBERS), "sklearn-matrix", True)


def sklearn_array(path: Path) -> Entry:
    from sklearn.cluster import KMeans

    data = NUMBERS.to_numpy()
    _sklearn(path, KMeans(2, n_init=1, random_state=0).fit(data), data)
    return Entry(path, [data, data[:1]], "sklearn-frame", True)


def sklearn_numbered_columns(path: Path) -> Entry:
    from sklearn.linear_model import LinearRegression

    data = pd.DataFrame(NUMBERS.to_numpy())
    signature = ModelSignature(Schema([ColSpec("double") for _ in range(3)]))
    _sklearn(path, LinearRegression().fit(data, AMOUNT), data, signature=signature)
    return Entry(path, _few(data), "sklearn-matrix", True)


def sklearn_own_transformer(path: Path) -> Entry:
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    centred = FunctionTransformer(lambda frame: frame - frame.mean())
    _sklearn(path, make_pipeline(centred, LinearRegression()).fit(NUMBERS, AMOUNT))
    return Entry(path, _few(NUMBERS), "sklearn-frame", False)


def sklearn_numpy_function(path: Path) -> Entry:
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    model = make_pipeline(FunctionTransformer(np.exp), LinearRegression()).fit(NUMBERS, AMOUNT)
    _sklearn(path, model)
    return Entry(path, _few(NUMBERS), "sklearn-matrix", True)


def xgboost_classifier(path: Path) -> Entry:
    import xgboost

    model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(NUMBERS, BINARY)
    _save(mlflow.xgboost, model, path, NUMBERS)
    return Entry(path, [*_few(NUMBERS), NUMBERS.mask(NUMBERS > 3)], "xgboost-matrix", True)


def xgboost_booster(path: Path) -> Entry:
    import xgboost

    data = xgboost.DMatrix(NUMBERS, AMOUNT)
    model = xgboost.train({"nthread": 1}, data, num_boost_round=3)
    _save(mlflow.xgboost, model, path, NUMBERS)
    return Entry(path, [*_few(NUMBERS), NUMBERS.mask(NUMBERS > 3)], "xgboost-matrix", True)


def lightgbm_classifier(path: Path) -> Entry:
    import lightgbm

    model = lightgbm.LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1, min_child_samples=1)
    model.fit(NUMBERS, BINARY)
    _save(mlflow.lightgbm, model, path, NUMBERS, serialization_format="cloudpickle")
    return Entry(path, [*_few(NUMBERS), NUMBERS.mask(NUMBERS > 3)], "lightgbm-matrix", True)


def lightgbm_booster(path: Path) -> Entry:
    import lightgbm

    data = lightgbm.Dataset(NUMBERS, AMOUNT, params={"min_data_in_bin": 1})
    options = {"verbose": -1, "min_data_in_leaf": 1, "num_threads": 1}
    model = lightgbm.train(options, data, num_boost_round=3)
    _save(mlflow.lightgbm, model, path, NUMBERS)
    return Entry(path, _few(NUMBERS), "lightgbm-matrix", True)


def statsmodels_ols(path: Path) -> Entry:
    import statsmodels.api

    _save(mlflow.statsmodels, statsmodels.api.OLS(AMOUNT, NUMBERS).fit(), path, NUMBERS)
    return Entry(path, _few(NUMBERS), "statsmodels-frame", True)


def statsmodels_formula(path: Path) -> Entry:
    import statsmodels.formula.api

    data = NUMBERS.assign(y=AMOUNT + np.array([0, 1, 0, 2, 0, 1, 0, 1]))
    model = statsmodels.formula.api.ols("y ~ a + np.square(b)", data).fit()
    _save(mlflow.statsmodels, model, path, NUMBERS)
    return Entry(path, _few(NUMBERS), "statsmodels-frame", True)


def statsmodels_series(path: Path) -> Entry:
    from statsmodels.tsa.ar_model import AutoReg

    times = pd.date_range("2024-01-01", periods=20, freq="D")
    series = pd.Series(np.sin(np.arange(20.0)), index=times)
    span = pd.DataFrame({"start": ["2024-01-18"], "end": ["2024-01-25"]})
    _save(mlflow.statsmodels, AutoReg(series, 2).fit(), path, span)
    return Entry(path, [span], "statsmodels-frame", False)


def onnx_classifier(path: Path) -> Entry:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    data = NUMBERS.astype("float32")
    model = LogisticRegression().fit(data, BINARY)
    onnx = to_onnx(model, data.to_numpy(), options={"zipmap": False})
    signature = infer_signature(NUMBERS)
    # its wrapper makes one column of two probabilities, which do not fit beside the labels
    _save(mlflow.onnx, _only(onnx, "label"), path, NUMBERS, signature=signature)
    return Entry(path, _few(NUMBERS), "onnx-matrix", True)


def onnx_tensor(path: Path) -> Entry:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    data = NUMBERS.to_numpy(dtype="float32")
    model = to_onnx(LogisticRegression().fit(data, BINARY), data, options={"zipmap": False})
    signature = ModelSignature(Schema([TensorSpec(np.dtype("float32"), (-1, 3))]))
    _save(mlflow.onnx, model, path, data, signature=signature)
    return Entry(path, [data, data[:1]], "onnx-frame", True)


def _only(model: Any, name: str) -> Any:
    kept = [output for output in model.graph.output if output.name == name]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    return model


def _custom(path: Path, make: Callable[[Any], Any], data: Any = NUMBERS, **options: Any) -> Entry:
    save_custom(path, make, data, **options)
    frames = _few(data) if isinstance(data, pd.DataFrame) else [data]
    return Entry(path, frames, "custom-frame", False)


def custom_frame(path: Path) -> Entry:
    return _custom(path, lambda frame: frame.assign(total=frame["a"] + frame["b"], kind="x"))


def custom_series(path: Path) -> Entry:
    return _custom(path, lambda frame: frame["a"].rename("score"))


def custom_list(path: Path) -> Entry:
    return _custom(path, lambda frame: [f"row {value}" for value in frame["a"]])


def custom_dict(path: Path) -> Entry:
    return _custom(path, lambda frame: {"a": frame["a"].to_numpy(), "n": len(frame)})


def custom_text(path: Path) -> Entry:
    return _custom(path, lambda frame: f"{len(frame)} rows")


def custom_every_type(path: Path) -> Entry:
    """Returns its input, so every dtype that it was given is compared."""
    return _custom(path, lambda frame: frame.copy(), MIXED.assign(income=[0.5] * 8))


def custom_bytes(path: Path) -> Entry:
    data = pd.DataFrame({"blob": [b"", b"\x00\xff", b"abc"]})
    signature = ModelSignature(Schema([ColSpec("binary", "blob")]))
    make = lambda frame: [len(value) for value in frame["blob"]]  # noqa: E731
    return _custom(path, make, data, signature=signature, input_example=None)


def custom_nested(path: Path) -> Entry:
    data = pd.DataFrame(
        {
            "vector": [[0.5, 1.5], [2.0], []],
            "names": [["a", "b"], [], ["c"]],
            "place": [{"x": 1.5, "tags": ["u"]}, {"x": 2.0, "tags": []}, {"x": 0.0, "tags": ["v"]}],
        }
    )
    make = lambda frame: frame.to_dict(orient="records")  # noqa: E731
    entry = _custom(path, make, data.iloc[[0, 0]].reset_index(drop=True))
    # pyfunc makes numpy's numbers of those inside objects, and JSON does not: never proven equal
    entry.way = "pyfunc"
    entry.frames = [data.iloc[:1], data.iloc[[0, 0]].reset_index(drop=True)]
    return entry


def custom_optional_columns(path: Path) -> Entry:
    columns = [ColSpec("double", "a"), ColSpec("string", "b", required=False)]
    data = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]})
    make = lambda frame: pd.DataFrame({"columns": [list(frame.columns)] * len(frame)})  # noqa: E731
    entry = _custom(path, make, data, signature=ModelSignature(Schema(columns)))
    entry.frames.append(data[["a"]])
    return entry


def custom_params(path: Path) -> Entry:
    save_custom(
        path,
        None,
        model=WithParams(),
        signature=infer_signature(NUMBERS, params={"factor": 2.0}),
    )
    return Entry(path, _few(NUMBERS), "custom-frame", False)


def custom_tensors(path: Path) -> Entry:
    specs = [
        TensorSpec(np.dtype("float32"), (-1, 2, 2), "image"),
        TensorSpec(np.dtype("int64"), (-1,), "id"),
    ]
    data = {"image": np.arange(8, dtype="f4").reshape(2, 2, 2), "id": np.array([5, 6])}
    make = lambda arrays: {"sum": arrays["image"].sum(axis=(1, 2)), "id": arrays["id"]}  # noqa: E731
    return _custom(path, make, data, signature=ModelSignature(Schema(specs)))


def custom_clock(path: Path) -> Entry:
    """Never says the same twice, so nothing can be proven of it."""
    entry = _custom(path, lambda frame: [__import__("time").perf_counter()] * len(frame))
    return Entry(path, entry.frames[:0], "pyfunc", False)


MODELS: dict[str, Callable[[Path], Entry]] = {
    name: value
    for name, value in list(globals().items())
    if name.startswith(("sklearn_", "xgboost_", "lightgbm_", "statsmodels_", "onnx_", "custom_"))
}


class Zoo:
    """Saves a model when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[str, Entry] = {}

    def __getitem__(self, name: str) -> Entry:
        if name not in self._entries:
            self._entries[name] = MODELS[name](self._folder / name)
        return self._entries[name]
