import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.registry import models, register, resolve, tracking_uri, versions
from mlops_jupyter.types import (
    Conflict,
    InvalidInput,
    InvalidRequest,
    NotFound,
    Unavailable,
    digest_folder,
)


def client():
    return mlflow.MlflowClient(tracking_uri(), tracking_uri())


def python(code, *arguments):
    """Run code in a process of its own, in the working directory and environment of the test."""
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_registered_version_says_what_it_is(table, classifier):
    rows, answers = table
    before = time.time()
    version = register("churn", classifier, rows, target=answers, alias="champion")
    assert version.ref == f"churn/{version.version}"
    assert version.aliases == ("champion",)
    assert version.digest == digest_folder(version.path)
    assert set(version.flavors) == {"python_function", "sklearn"}
    inputs = json.loads(version.signature["inputs"])
    assert [column["name"] for column in inputs] == list(rows.columns)
    assert {column["type"] for column in inputs} == {"double"}
    assert json.loads(version.signature["outputs"])[0]["tensor-spec"]["dtype"] == "int64"
    assert version.lineage.data_rows == 569 and version.lineage.data_columns == 30
    assert before - 1 <= version.created_at <= time.time() + 1
    assert version.environment.kind == "kernel"
    assert version.environment.python == sys.executable


def test_a_registered_model_predicts_as_the_one_in_the_notebook(table, classifier):
    rows, _ = table
    version = register("same", classifier, rows)
    loaded = mlflow.pyfunc.load_model(version.path)
    np.testing.assert_array_equal(loaded.predict(rows), classifier.predict(rows))


def test_versions_count_up_and_the_newest_comes_first(table, classifier):
    rows, _ = table
    made = [register("counted", classifier, rows).version for _ in range(3)]
    assert made == [1, 2, 3]
    assert [version.version for version in versions("counted")] == [3, 2, 1]
    assert resolve("counted").version == 3


def test_mlflow_shows_the_run_with_params_metrics_and_lineage(table, classifier):
    rows, _ = table
    version = register(
        "shown",
        classifier,
        rows,
        params={"C": 1.0},
        metrics={"accuracy": 0.98},
        tags={"team": "risk"},
        description="first try",
    )
    run = client().get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"C": "1.0"}
    assert run.data.metrics == {"accuracy": 0.98}
    assert run.data.tags["mlops.data_sha256"] == version.lineage.data_sha256
    assert [output.model_id for output in run.outputs.model_outputs]
    entry = client().get_model_version("shown", "1")
    assert entry.description == "first try"
    assert entry.tags["team"] == "risk"
    assert entry.tags["mlops.digest"] == version.digest
    assert entry.tags["mlops.environment_sha256"] == version.lineage.environment_sha256
    assert entry.source.startswith("models:/m-")
    logged = client().get_logged_model(entry.source.removeprefix("models:/"))
    assert (logged.status, logged.source_run_id) == ("READY", version.run_id)


def test_an_active_run_of_the_users_store_is_used_and_left_open(
    table, classifier, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'users.db'}")
    experiment = mlflow.create_experiment("mine", artifact_location=(tmp_path / "a").as_uri())
    with mlflow.start_run(experiment_id=experiment) as run:
        version = register("within", classifier, table[0], metrics={"f1": 0.9})
        assert version.run_id == run.info.run_id
        assert mlflow.active_run() is not None
        register("within", classifier, table[0], params={"C": 1})
        with pytest.raises(Conflict) as caught:
            register("within", classifier, table[0], params={"C": 2})
        assert caught.value.code == "params_differ"
    assert mlflow.get_run(run.info.run_id).data.metrics == {"f1": 0.9}


def test_the_whole_environment_and_the_models_requirements_are_kept(table, classifier):
    version = register("pinned", classifier, table[0])
    folder = Path(version.path)
    frozen = (folder / "environment.txt").read_text().splitlines()
    assert frozen == sorted(frozen) and f"pandas=={pd.__version__}" in frozen
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert f"mlflow=={mlflow.__version__}" in requirements
    assert {line.partition("==")[0] for line in requirements} >= {"scikit-learn", "numpy", "pandas"}
    assert not any(line.startswith("jupyter") for line in requirements)
    conda = (folder / "conda.yaml").read_text()
    assert all(line in conda for line in requirements)


def test_further_requirements_are_added_without_mlflow_starting_a_process(
    table, classifier, registry
):
    (registry / "more.txt").write_text("tomli==2.0.1\n")
    for extra in (["tomli==2.0.1"], "more.txt"):
        started = time.monotonic()
        version = register("extra", classifier, table[0], extra_pip_requirements=extra)
        assert time.monotonic() - started < 3
        requirements = (Path(version.path) / "requirements.txt").read_text().splitlines()
        assert "tomli==2.0.1" in requirements
        assert any(line.startswith("scikit-learn==") for line in requirements)
    (registry / "more.txt").unlink()


def test_only_a_few_rows_of_a_million_are_stored_and_all_are_digested(classifier, table):
    big = pd.concat([table[0]] * 1800, ignore_index=True)
    assert len(big) > 1_000_000
    started = time.monotonic()
    version = register("big", classifier, big)
    assert time.monotonic() - started < 8
    assert version.lineage.data_rows == len(big)
    size = sum(file.stat().st_size for file in Path(version.path).rglob("*") if file.is_file())
    assert size < 200_000
    big.iloc[-1, -1] += 1e-9
    assert register("big", classifier, big).lineage.data_sha256 != version.lineage.data_sha256


def test_the_target_may_be_a_column_which_is_then_no_input(table, classifier):
    rows, answers = table
    whole = rows.assign(malignant=answers)
    version = register("column", classifier, whole, target="malignant")
    names = [column["name"] for column in json.loads(version.signature["inputs"])]
    assert names == list(rows.columns)
    assert version.lineage.data_columns == 31


def test_training_data_can_be_named_apart_from_the_example(table, classifier, tmp_path):
    rows, _ = table
    rows.to_csv(tmp_path / "train.csv")
    version = register("apart", classifier, rows.head(3), data=tmp_path / "train.csv")
    sums = subprocess.run(
        ["sha256sum", tmp_path / "train.csv"], capture_output=True, text=True, check=True
    )
    assert version.lineage.data_sha256 == sums.stdout.split()[0]


def test_a_model_without_input_gets_a_clear_error(classifier):
    with pytest.raises(InvalidInput, match=r"no input example.*--input X_train") as caught:
        register("noinput", classifier)
    assert caught.value.code == "input_example_missing"


def test_a_signature_replaces_the_example(table, classifier):
    signature = mlflow.models.infer_signature(table[0].head(), np.zeros(5, int))
    version = register("signed", classifier, signature=signature)
    assert json.loads(version.signature["inputs"])[0]["name"] == "mean radius"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../x",
        "a/b",
        "Churn",
        "a" * 64,
        "a..b",
        "a#b",
        "a'b",
        "<b>",
        "a\u202eb",
        "a\0b",
        "x" * 10**4,
    ],
)
def test_names_outside_the_grammar_are_refused_before_mlflow_is_asked(name, table, classifier):
    with pytest.raises(InvalidRequest) as caught:
        register(name, classifier, table[0])
    assert caught.value.code == "invalid_name"
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("alias", ["latest", "v3", "a b", ""])
def test_aliases_that_mlflow_reserves_are_refused_before_anything_is_written(
    alias, table, classifier
):
    with pytest.raises(InvalidRequest):
        register("aliased", classifier, table[0], alias=alias)
    assert "aliased" not in {model.name for model in models()}


@pytest.mark.parametrize(
    "words",
    [
        {"metrics": {"loss": float("nan")}},
        {"metrics": {"loss": "high"}},
        {"params": ["C"]},
        {"tags": {"mlops.digest": "0" * 64}},
        {"tags": {"a\nb": "c"}},
        {"environment": "docker"},
        {"serialisation": "json"},
        {"flavor": "sklern"},
    ],
)
def test_words_that_mlflow_would_refuse_are_refused_before_anything_is_written(
    words, table, classifier
):
    with pytest.raises(InvalidRequest):
        register("worded", classifier, table[0], **words)
    assert "worded" not in {model.name for model in models()}


def test_an_unknown_option_names_the_closest_one(table, classifier):
    with pytest.raises(InvalidRequest, match="Did you mean 'serialization_format'"):
        register("worded", classifier, table[0], serialization_formt="skops")


def test_flavour_options_reach_mlflow(table, classifier):
    version = register("proba", classifier, table[0], pyfunc_predict_fn="predict_proba")
    answers = mlflow.pyfunc.load_model(version.path).predict(table[0].head())
    np.testing.assert_allclose(answers, classifier.predict_proba(table[0].head()))


def test_a_model_that_cannot_predict_its_example_is_not_registered(table, classifier):
    with pytest.raises(InvalidInput) as caught:
        register("wrong", classifier, table[0].iloc[:, :3])
    assert caught.value.code == "example_not_predictable"
    assert "wrong" not in {model.name for model in models()}


def test_a_model_that_cannot_be_pickled_is_not_registered(table):
    from sklearn.dummy import DummyClassifier

    model = DummyClassifier().fit(*table)
    model.lock = threading.Lock()
    with pytest.raises(InvalidInput) as caught:
        register("locked", model, table[0])
    assert caught.value.code == "model_not_saved"
    assert "lock" in caught.value.reason
    assert "locked" not in {model.name for model in models()}


def test_a_transformer_without_predict_is_refused(table):
    from sklearn.preprocessing import StandardScaler

    with pytest.raises(InvalidInput, match="has no predict"):
        register("scaler", StandardScaler().fit(table[0]), table[0])


def test_a_target_of_another_length_is_refused(table, classifier):
    with pytest.raises(InvalidInput, match="568 rows and the data 569"):
        register("short", classifier, table[0], target=table[1][1:])


def test_the_notebooks_own_functions_and_modules_travel_with_the_model(table, registry):
    (registry / "features.py").write_text("def double(frame):\n    return frame * 2\n")
    made = python(
        """
        from sklearn.datasets import load_breast_cancer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer
        from mlops_jupyter.registry import register
        import features
        def halve(frame):
            return frame / 2
        X, y = load_breast_cancer(as_frame=True, return_X_y=True)
        steps = FunctionTransformer(halve), FunctionTransformer(features.double)
        model = make_pipeline(*steps, LogisticRegression(max_iter=9)).fit(X, y)
        print(register("featured", model, X).path)
        """
    )
    assert made.returncode == 0, made.stderr
    (registry / "features.py").unlink()
    path = made.stdout.strip().splitlines()[-1]
    assert (Path(path) / "code" / "features.py").is_file()
    answers = mlflow.pyfunc.load_model(path).predict(table[0])
    assert len(answers) == 569


def test_registering_prints_nothing_and_warns_of_nothing(registry):
    made = python(
        """
        import os, tempfile
        os.environ["MLOPS_JUPYTER_HOME"] = tempfile.mkdtemp()
        from sklearn.datasets import load_breast_cancer
        from sklearn.ensemble import RandomForestClassifier
        from mlops_jupyter.registry import register, resolve
        X, y = load_breast_cancer(as_frame=True, return_X_y=True)
        register("silent", RandomForestClassifier(3).fit(X, y), X)
        register("silent", lambda model_input: model_input["mean area"], X)
        resolve("silent")
        """
    )
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")


def test_mlflows_own_messages_are_back_after_registering(table, classifier, caplog):
    import logging

    level = logging.getLogger("mlflow").level
    register("heard", classifier, table[0])
    assert logging.getLogger("mlflow").level == level
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_mlflows_uri_is_as_unset_after_as_before(table, classifier):
    assert not mlflow.is_tracking_uri_set()
    register("unset", classifier, table[0])
    assert not mlflow.is_tracking_uri_set()


def test_processes_that_register_the_same_name_at_once_all_succeed(registry, tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_HOME", str(tmp_path / "fresh"))
    code = """
        import sys
        from sklearn.dummy import DummyRegressor
        from mlops_jupyter.registry import register
        X = [[float(sys.argv[1])], [2.0]]
        for _ in range(2):
            print(register("raced", DummyRegressor().fit(X, [0, 1]), X).version)
    """
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda at: python(code, str(at)), range(2)))
    assert [one.returncode for one in made] == [0, 0], "".join(one.stderr for one in made)
    numbers = sorted(int(word) for one in made for word in one.stdout.split())
    assert numbers == [1, 2, 3, 4]


def test_importing_the_room_imports_neither_mlflow_nor_pandas():
    made = python(
        """
        import sys
        import mlops_jupyter.registry
        print(sorted({"mlflow", "pandas", "numpy", "sklearn", "pyarrow"} & set(sys.modules)))
        """
    )
    assert made.stdout.strip() == "[]", made.stderr


def test_a_failure_in_the_middle_leaves_no_version_and_a_failed_run(
    table, classifier, monkeypatch, state
):
    artifacts = state / "mlflow" / "artifacts"
    register("before", classifier, table[0])
    experiment = client().get_experiment_by_name("mlops-jupyter").experiment_id
    hidden = artifacts.with_name("hidden")
    artifacts.rename(hidden)
    artifacts.write_text("not a folder")
    try:
        with pytest.raises((Unavailable, Conflict, InvalidRequest)):
            register("halfway", classifier, table[0])
    finally:
        artifacts.unlink()
        hidden.rename(artifacts)
    with pytest.raises(NotFound):
        resolve("halfway")
    newest = client().search_runs([experiment], max_results=1)[0]
    assert newest.info.status == "FAILED"
