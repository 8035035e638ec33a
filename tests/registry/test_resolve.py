import json
from pathlib import Path

import mlflow
import pytest

from mlops_jupyter.registry import models, register, resolve, set_alias, tracking_uri, versions
from mlops_jupyter.types import (
    Conflict,
    InvalidInput,
    InvalidRequest,
    ModelRef,
    NotFound,
    Unavailable,
)


@pytest.fixture(scope="module")
def names():
    """Names are this module's own, so that versions count from one."""
    return iter(f"resolved-{number}" for number in range(100))


@pytest.fixture
def registered(table, classifier, names):
    name = next(names)
    return [
        register(name, classifier, table[0], alias="champion"),
        register(name, classifier, table[0]),
    ]


def client():
    return mlflow.MlflowClient(tracking_uri(), tracking_uri())


def test_a_version_is_found_by_number_by_alias_and_as_the_newest(registered):
    first, second = registered
    assert resolve(f"{first.model}/1").digest == first.digest
    assert resolve(f"{first.model}@champion").version == 1
    assert resolve(first.model).version == 2
    assert resolve(ModelRef(first.model, version=2)).digest == second.digest


def test_a_resolved_version_is_the_one_that_register_returned(registered):
    _, second = registered
    assert resolve(second.ref) == second


def test_the_newest_is_by_number_not_by_text(table, names):
    from sklearn.dummy import DummyClassifier

    name, model = next(names), DummyClassifier().fit(*table)
    for _ in range(11):
        newest = register(name, model, table[0])
    assert newest.version == 11
    assert resolve(name).version == 11


def test_an_alias_moves(registered):
    name = registered[0].model
    set_alias(name, "champion", 2)
    assert resolve(f"{name}@champion").version == 2
    assert resolve(f"{name}@champion").aliases == ("champion",)
    assert [version.aliases for version in versions(name)] == [("champion",), ()]


def test_bytes_that_changed_are_refused(registered):
    version = registered[1]
    pickle = Path(version.path) / "model.pkl"
    content = pickle.read_bytes()
    pickle.write_bytes(content[:-1] + b"!")
    with pytest.raises(Conflict) as caught:
        resolve(version.ref)
    assert caught.value.code == "version_changed"
    assert caught.value.reason and caught.value.fix
    pickle.write_bytes(content)
    (Path(version.path) / "added.txt").write_text("one file more")
    with pytest.raises(Conflict):
        resolve(version.ref)


def test_an_unknown_model_gets_a_suggestion(registered):
    name = registered[0].model
    with pytest.raises(NotFound, match=f"Did you mean.*'{name}'") as caught:
        resolve(name.replace("resolved", "resovled"))
    assert caught.value.code == "unknown_model"


def test_an_unknown_version_names_those_that_exist(registered):
    with pytest.raises(NotFound, match="It has versions 1 and 2") as caught:
        resolve(f"{registered[0].model}/9")
    assert caught.value.code == "unknown_version"
    with pytest.raises(NotFound):
        set_alias(registered[0].model, "champion", 9)


def test_an_unknown_alias_gets_a_suggestion(registered):
    with pytest.raises(NotFound, match="Did you mean 'champion'") as caught:
        resolve(f"{registered[0].model}@campion")
    assert caught.value.code == "unknown_alias"


def test_a_fix_with_a_near_name_does_not_repeat_the_typo(registered):
    name = registered[0].model
    typo = name.replace("resolved", "resovled")
    for wrong, right in ((f"{typo}/1", f"{name}/1"), (f"{name}@campion", f"{name}@champion")):
        with pytest.raises(NotFound) as caught:
            resolve(wrong)
        assert caught.value.fix == f"Write '{right}'."


def test_a_model_without_versions_says_so(names):
    name = next(names)
    client().create_registered_model(name)
    with pytest.raises(NotFound, match="no version yet"):
        resolve(name)
    assert versions(name) == []


def test_versions_of_an_unknown_model_are_an_error(names):
    with pytest.raises(NotFound):
        versions(next(names))


@pytest.mark.parametrize("ref", ["", "a/0", "a/x", "a/1/2", "a@", "../b", "A", "a@B", "a\0"])
def test_what_is_no_reference_is_refused(ref):
    with pytest.raises(InvalidRequest):
        resolve(ref)


def test_a_name_that_only_mlflow_allows_gets_a_clear_error(names):
    client().create_registered_model("My Model!")
    with pytest.raises(InvalidRequest, match="rename_registered_model"):
        resolve("My Model!")
    problem = {model.name: model.problem for model in models()}
    assert "rename_registered_model" in problem["My Model!"]


def test_a_version_that_plain_mlflow_registered_is_resolved_too(table, classifier, names, tmp_path):
    name, folder = next(names), tmp_path / "plain"
    mlflow.sklearn.save_model(
        classifier, folder, serialization_format="cloudpickle", pip_requirements=[]
    )
    client().create_registered_model(name)
    client().create_model_version(name, folder.as_uri())
    version = resolve(name)
    assert version.version == 1
    assert version.signature is None
    assert "sklearn" in version.flavors
    assert version.lineage.data_sha256 is None
    assert version.environment.python


def test_artifacts_that_are_nowhere_are_unavailable(names):
    name = next(names)
    client().create_registered_model(name)
    client().create_model_version(name, "file:///no/such/folder")
    with pytest.raises(Unavailable) as caught:
        resolve(name)
    assert caught.value.code == "artifacts_unavailable"


def test_links_among_the_artifacts_are_refused(registered, tmp_path):
    version = registered[1]
    (tmp_path / "elsewhere.pkl").write_bytes(b"")
    (Path(version.path) / "link.pkl").symlink_to(tmp_path / "elsewhere.pkl")
    with pytest.raises(InvalidInput) as caught:
        resolve(version.ref)
    assert caught.value.code == "artifacts_not_plain"


def test_a_folder_that_is_no_model_is_refused(names, tmp_path):
    name = next(names)
    client().create_registered_model(name)
    client().create_model_version(name, tmp_path.as_uri())
    with pytest.raises(InvalidInput, match="not an MLflow model"):
        resolve(name)


def test_a_version_for_an_interpreter_that_is_gone_runs_on_this_one(registered):
    version = registered[1]
    gone = json.dumps({"kind": "kernel", "python": "/no/such/python", "digest": "0" * 64})
    client().set_model_version_tag(version.model, "2", "mlops.environment", gone)
    assert resolve(version.ref).environment == version.environment


def test_a_locked_environment_is_the_one_of_the_requirements(table, classifier, names):
    name = next(names)
    first = register(name, classifier, table[0], environment="locked")
    second = register(name, classifier, table[0], environment="locked")
    assert first.environment.kind == "locked" and first.environment.python == ""
    assert first.environment == second.environment == resolve(name).environment
    other = register(
        name, classifier, table[0], environment="locked", extra_pip_requirements=["tomli==2.0.1"]
    )
    assert other.environment.digest != first.environment.digest


def test_models_are_listed_with_newest_version_and_aliases(registered):
    name = registered[0].model
    found = {model.name: model for model in models()}[name]
    assert (found.latest, dict(found.aliases), found.problem) == (2, {"champion": 1}, "")
