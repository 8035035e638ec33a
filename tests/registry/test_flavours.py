"""Every flavour whose library is installed is found, registered, loaded and called."""

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.registry import register
from mlops_jupyter.registry.flavours import FLAVOURS, find_flavour
from mlops_jupyter.types import InvalidInput, InvalidRequest


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(7)
    return pd.DataFrame(random.normal(size=(80, 3)), columns=["a", "b", "c"])


@pytest.fixture(scope="module")
def answers(frame):
    return (frame["a"] + frame["b"] > 0).astype(int)


def registered(name, model, rows, **options):
    version = register(name, model, rows, **options)
    return set(version.flavors) - {"python_function"}, mlflow.pyfunc.load_model(version.path)


def sklearn_forest(frame, answers):
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(5, random_state=0).fit(frame, answers)
    return model, frame, model.predict(frame)


def sklearn_subclass(frame, answers):
    from sklearn.base import BaseEstimator, RegressorMixin

    class Mean(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            self.mean_ = float(np.mean(y))
            return self

        def predict(self, X):
            return np.full(len(X), self.mean_)

    model = Mean().fit(frame, answers)
    return model, frame, model.predict(frame)


def xgboost_classifier(frame, answers):
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBClassifier(n_estimators=3).fit(frame, answers)
    return model, frame, model.predict(frame)


def xgboost_booster(frame, answers):
    xgboost = pytest.importorskip("xgboost")
    matrix = xgboost.DMatrix(frame, answers)
    model = xgboost.train({"objective": "binary:logistic"}, matrix, 3)
    return model, frame, model.predict(matrix)


def lightgbm_classifier(frame, answers):
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(frame, answers)
    return model, frame, model.predict(frame)


def lightgbm_booster(frame, answers):
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.train({"verbose": -1}, lightgbm.Dataset(frame, answers), 3)
    return model, frame, model.predict(frame)


def statsmodels_ols(frame, answers):
    api = pytest.importorskip("statsmodels.api")
    model = api.OLS(answers, frame).fit()
    return model, frame, model.predict(frame)


def onnx_graph(frame, answers):
    pytest.importorskip("onnxruntime")
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.linear_model import LinearRegression

    rows = frame.to_numpy(np.float32)
    linear = LinearRegression().fit(rows, answers)
    return skl2onnx.to_onnx(linear, rows[:1]), rows, linear.predict(rows).reshape(-1, 1)


def python_model(frame, answers):
    class Sum(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input.sum(axis=1)

    return Sum(), frame, frame.sum(axis=1)


def function(frame, answers):
    def double(model_input):
        return model_input["a"] * 2

    return double, frame, frame["a"] * 2


CASES = {
    "sklearn": [sklearn_forest, sklearn_subclass],
    "xgboost": [xgboost_classifier, xgboost_booster],
    "lightgbm": [lightgbm_classifier, lightgbm_booster],
    "statsmodels": [statsmodels_ols],
    "onnx": [onnx_graph],
    "pyfunc": [python_model, function],
}


@pytest.mark.parametrize(
    ("flavour", "make"), [(flavour, make) for flavour, makes in CASES.items() for make in makes]
)
def test_a_model_is_saved_in_its_own_flavour_and_predicts_the_same(flavour, make, frame, answers):
    model, rows, expected = make(frame, answers)
    saved, loaded = registered(f"flavour-{make.__name__}", model, rows)
    assert saved == ({flavour} if flavour != "pyfunc" else set())
    got = loaded.predict(rows)
    if isinstance(got, dict):
        got = next(iter(got.values()))
    np.testing.assert_allclose(
        np.asarray(got, float), np.asarray(expected, float), rtol=1e-5, atol=1e-6
    )


def test_a_pipeline_pins_the_library_of_its_last_step(frame, answers):
    pytest.importorskip("xgboost")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBClassifier

    model = make_pipeline(StandardScaler(), XGBClassifier(n_estimators=2)).fit(frame, answers)
    version = register("mixed", model, frame)
    requirements = (Path(version.path) / "requirements.txt").read_text().splitlines()
    names = {line.partition("==")[0] for line in requirements}
    assert names >= {"xgboost", "scikit-learn", "numpy", "pandas", "cloudpickle"}


def test_code_in_a_file_is_registered_as_a_model(frame, tmp_path):
    file = tmp_path / "model.py"
    file.write_text(
        "import mlflow\n"
        "class Half(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input):\n"
        "        return model_input['a'] / 2\n"
        "mlflow.models.set_model(Half())\n"
    )
    _, loaded = registered("from-code", file, frame)
    np.testing.assert_allclose(loaded.predict(frame), frame["a"] / 2)


def test_params_of_a_model_are_part_of_its_signature(frame):
    class Scaled(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input["a"] * (params or {}).get("by", 1.0)

    version = register("with-params", Scaled(), (frame, {"by": 2.0}))
    assert '"by"' in version.signature["params"]
    assert version.lineage.data_rows == 80


def test_lists_of_numbers_stand_for_a_matrix(frame, answers):
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(frame.to_numpy(), answers)
    _, loaded = registered("listed", model, frame.to_numpy().tolist())
    assert loaded.metadata.get_input_schema().input_types()[0] == np.dtype("float64")


def test_arrays_series_sparse_matrices_and_dicts_are_examples_too(frame, answers):
    import scipy.sparse
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(frame.to_numpy(), answers)
    registered("array", model, frame.to_numpy())
    registered("sparse", model, scipy.sparse.csr_matrix(frame.to_numpy()))

    def total(model_input):
        return np.asarray(model_input["x"]).sum(axis=1)

    registered("tensors", total, {"x": frame.to_numpy()})

    def lengths(model_input):
        return model_input["text"].str.len()

    registered("series", lengths, pd.Series(["a", "bb"], name="text"))


def fake(module, name="Model", base=object):
    return type(name, (base,), {"__module__": module})()


@pytest.mark.parametrize(
    ("module", "flavour"),
    [
        ("catboost.core", "catboost"),
        ("pmdarima.arima.arima", "pmdarima"),
        ("prophet.forecaster", "prophet"),
        ("keras.src.models.model", "keras"),
        ("tensorflow.python.module.module", "tensorflow"),
        ("torch.nn.modules.module", "pytorch"),
        ("sentence_transformers.SentenceTransformer", "sentence_transformers"),
        ("transformers.pipelines.text_classification", "transformers"),
        ("spacy.lang.en", "spacy"),
        ("h2o.estimators.gbm", "h2o"),
        ("pyspark.ml.pipeline", "spark"),
        ("langchain_core.runnables.base", "langchain"),
        ("onnx.onnx_ml_pb2", "onnx"),
    ],
)
def test_libraries_that_are_not_installed_are_known_by_their_modules(module, flavour):
    assert find_flavour(fake(module)).name == flavour


def test_the_nearest_class_decides_the_flavour():
    scikit = type("BaseEstimator", (), {"__module__": "sklearn.base"})
    assert find_flavour(fake("xgboost.sklearn", base=scikit)).name == "xgboost"
    assert find_flavour(fake("__main__", base=scikit)).name == "sklearn"
    assert find_flavour(fake("torchvision.models", base=type("M", (), {"__module__": "torch.nn"})))
    with pytest.raises(InvalidInput):
        find_flavour(fake("torches.nn"))


def test_every_flavour_of_the_table_is_one_that_mlflow_has():
    from importlib.util import find_spec

    assert [f.module for f in FLAVOURS if find_spec(f.module) is None] == []


@pytest.mark.parametrize("model", [object(), 3, None, "nothing.txt", {"a": 1}, fake("acme.models")])
def test_an_unknown_object_gets_a_list_of_what_is_possible(model, frame):
    with pytest.raises(InvalidInput) as caught:
        register("unknown", model, frame)
    assert caught.value.code in ("unknown_flavor", "not_a_model")
    assert "sklearn" in str(caught.value) or "set_model" in str(caught.value)


def test_a_class_is_not_a_model(frame):
    from sklearn.linear_model import LinearRegression

    with pytest.raises(InvalidInput, match="not a fitted object"):
        register("class", LinearRegression, frame)


def test_a_loaded_pyfunc_model_is_told_apart_from_one_that_can_be_saved(frame, answers):
    model, _, _ = sklearn_forest(frame, answers)
    _, loaded = registered("once", model, frame)
    with pytest.raises(InvalidInput, match="was loaded"):
        register("twice", loaded, frame)


def test_a_transformer_without_its_tokenizer_is_refused():
    with pytest.raises(InvalidInput, match="pipeline"):
        find_flavour(fake("transformers.models.bert.modeling_bert"))


@pytest.mark.parametrize("module", ["keras.src.models.model", "tensorflow.python.module.module"])
def test_a_framework_of_arrays_asks_for_one(module, frame):
    with pytest.raises(InvalidInput, match="takes arrays") as caught:
        register("table", fake(module), frame)
    assert "to_numpy" in caught.value.fix


def test_a_flavour_whose_library_is_missing_says_so(frame):
    pytest.importorskip("mlflow")
    with pytest.raises(InvalidRequest, match="not installed") as caught:
        register("absent", fake("catboost.core"), frame)
    assert caught.value.code == "library_missing"
