"""A model that MLflow saved already is registered as it is, and tried where it can be tried."""

import json
import shutil
import warnings
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml

from mlops_jupyter.registry import ModelAdvice, register, resolve, versions
from mlops_jupyter.types import InvalidInput, InvalidRequest

ROWS = pd.DataFrame(np.random.default_rng(1).normal(size=(20, 2)), columns=["a", "b"])


@pytest.fixture(scope="module")
def linear():
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(ROWS, ROWS["a"] - ROWS["b"])


@pytest.fixture
def save(tmp_path, linear):
    """Save the model as another team would; returns its folder."""

    def write(signature=True, example=True, **options):
        folder = tmp_path / "saved"
        mlflow.sklearn.save_model(
            linear,
            str(folder),
            signature=mlflow.models.infer_signature(ROWS, linear.predict(ROWS))
            if signature
            else None,
            input_example=ROWS.head(3) if example else None,
            serialization_format="cloudpickle",
            **{"pip_requirements": ["numpy"], **options},
        )
        return folder

    return write


def change(folder, **changes):
    """Rewrite parts of a saved model's description; None takes one away."""
    path = folder / "MLmodel"
    described = {**yaml.safe_load(path.read_text()), **changes}
    path.write_text(yaml.safe_dump({k: v for k, v in described.items() if v is not None}))


def files(folder):
    """The bytes of every file but the one that names MLflow's ids."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.name != "MLmodel"
    }


def refused(folder, kind=InvalidInput, **options):
    """The error of a registration that must leave nothing behind."""
    with pytest.raises(kind) as caught:
        register("refused", folder, **options)
    with pytest.raises(Exception, match="no model"):
        versions("refused")
    return caught.value


def test_it_is_registered_as_it_is(save, linear):
    folder = save()
    (folder / "__pycache__").mkdir()
    before = files(folder)
    version = register("kept", folder)
    assert files(version.path) == before
    described = yaml.safe_load((Path(version.path) / "MLmodel").read_text())
    original = yaml.safe_load((folder / "MLmodel").read_text())
    changed = {key for key in described if described[key] != original.get(key)}
    assert changed <= {"run_id", "model_id", "model_uuid", "artifact_path"}
    loaded = mlflow.pyfunc.load_model(version.path)
    np.testing.assert_array_equal(loaded.predict(ROWS), linear.predict(ROWS))


def test_its_folder_may_be_gone_afterwards(save):
    folder = save()
    version = register("moved", str(folder), alias="champion")
    shutil.rmtree(folder)
    assert resolve("moved@champion").digest == version.digest


def test_a_path_may_begin_at_home_or_here(save, tmp_path, monkeypatch):
    folder = save()
    monkeypatch.setenv("HOME", str(folder.parent))
    assert register("home", "~/saved").version == 1
    monkeypatch.chdir(tmp_path / "here")
    assert register("here", "../saved").version == 1


def test_a_folder_that_is_no_saved_model_is_told(save, tmp_path):
    folder = save()
    assert "'saved' has one" in refused(folder.parent).fix
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "worker.toml").touch()
    assert "--worker" in refused(tmp_path / "program").fix
    (tmp_path / "empty").mkdir()
    assert "save_model" in refused(tmp_path / "empty").fix
    assert "working directory" in refused("../no-such-folder").fix


@pytest.mark.parametrize("text", ["{", "- 1", "", "flavors: 3", "signature: {inputs: '['}"])
def test_a_broken_description_is_told(save, text):
    folder = save()
    (folder / "MLmodel").write_text(text)
    error = refused(folder)
    assert error.code == "not_a_model" and "MLmodel" in error.message


def test_what_mlflow_cannot_serve_is_refused(save):
    folder = save()
    change(folder, flavors={"crate": {"version": "0.3"}})
    assert "only: crate" in refused(folder).reason


def test_without_a_signature_the_error_says_how_to_give_one(save):
    folder = save(signature=False, example=False)
    error = refused(folder)
    assert error.code == "signature_missing"
    assert "--input" in error.fix and "--signature" in error.fix


def test_a_signature_comes_from_rows_that_are_kept_as_the_example(save):
    version = register("inferred", save(signature=False, example=False), ROWS)
    assert [each["name"] for each in json.loads(version.signature["inputs"])] == ["a", "b"]
    assert json.loads(version.signature["outputs"])[0]["tensor-spec"]["dtype"] == "float64"
    assert len(mlflow.pyfunc.load_model(version.path).input_example) == 5
    assert version.lineage.data_rows == 20


def test_a_signature_may_be_given_as_text(save):
    folder = save(signature=False, example=False)
    version = register("told", folder, signature="a: double, b: double -> y: double")
    assert json.loads(version.signature["inputs"])[1] == {
        "type": "double", "name": "b", "required": True
    }  # fmt: skip


def test_its_own_signature_stays_whatever_rows_are_given(save):
    before = yaml.safe_load((save() / "MLmodel").read_text())["signature"]
    version = register("stays", "../saved", ROWS.assign(a=1))
    assert version.signature == before


def test_no_other_option_is_taken(save):
    folder = save()
    for options in ({"flavor": "sklearn"}, {"code_paths": ["x"]}):
        error = refused(folder, InvalidRequest, **options)
        assert error.code == "unknown_option" and next(iter(options)) in error.message


def test_an_example_that_it_cannot_predict_is_refused(save):
    error = refused(save(example=False), input_example=ROWS[["a"]])
    assert error.code == "example_not_predictable"


def test_an_example_that_is_missing_is_told(save):
    folder = save()
    (folder / "input_example.json").unlink()
    assert "input example" in refused(folder).message


def test_weights_that_are_broken_are_told_with_the_way_out(save):
    folder = save()
    (folder / "model.pkl").write_bytes(b"no pickle")
    error = refused(folder)
    assert error.code == "model_not_loadable" and "--env locked" in error.fix


@pytest.fixture
def strange(save):
    """A model of a framework that nobody here has."""
    folder = save(pip_requirements=["nosuchframework==3.1", "numpy"])
    described = yaml.safe_load((folder / "MLmodel").read_text())
    described["flavors"]["python_function"]["loader_module"] = "nosuchframework.loader"
    change(folder, flavors=described["flavors"])
    return folder


def test_a_framework_that_is_not_here_is_refused_for_this_kernel(strange):
    error = refused(strange)
    assert "nosuchframework" in error.reason
    assert "--env locked" in error.fix


def test_a_framework_that_is_not_here_is_registered_for_an_environment_of_its_own(strange):
    with pytest.warns(ModelAdvice, match=r"not tried here.*nosuchframework==3\.1"):
        version = register("strange", strange, environment="locked")
    assert version.environment.kind == "locked" and version.environment.python == ""


def test_one_for_another_python_is_not_tried_here(save):
    folder = save()
    (folder / "python_env.yaml").write_text("python: 3.99.1\n")
    (folder / "model.pkl").write_bytes(b"only Python 3.99 can read this")
    with pytest.warns(ModelAdvice, match=r"Python 3\.99"):
        register("future", folder, environment="locked")


def test_what_can_be_tried_here_is_tried_here_for_its_own_environment_too(save):
    folder = save()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ModelAdvice)
        register("met", folder, environment="locked")
    (folder / "model.pkl").write_bytes(b"no pickle")
    assert refused(folder, environment="locked").code == "model_not_loadable"


def test_a_locked_environment_needs_requirements(save):
    folder = save()
    (folder / "requirements.txt").unlink()
    error = refused(folder, environment="locked")
    assert error.code == "no_requirements" and "line a package" in error.fix


def test_links_are_followed_and_missing_ones_told(save, tmp_path):
    folder = save()
    (folder / "model.pkl").rename(tmp_path / "elsewhere.pkl")
    (folder / "model.pkl").symlink_to(tmp_path / "elsewhere.pkl")
    version = register("linked", folder)
    assert not (Path(version.path) / "model.pkl").is_symlink()
    (tmp_path / "elsewhere.pkl").unlink()
    assert refused(folder).code == "model_not_copied"
