"""The main job from a notebook, against a real hub: register, deploy, predict, scale, promote,
roll back, undeploy and audit models of real data. Each test has an endpoint of its own."""

from __future__ import annotations

import re
import threading

import numpy as np
import pandas as pd
import pytest

import mlops_jupyter as mj
from mlops_jupyter import registry
from mlops_jupyter.types import Conflict, InvalidInput, MlopsError, NotFound, Unavailable

from .conftest import running_kernel

CELLS = """
%load_ext mlops_jupyter
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
clf = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
""".strip()


@pytest.fixture(scope="module", autouse=True)
def registered(home, cancer, classifier, stump):
    """Two versions of one model: 1 is the champion, 2 the challenger."""
    first = mj.register("cancer", classifier, cancer.data, alias="champion", target=cancer.target)
    second = mj.register("cancer", stump, cancer.data, alias="challenger")
    assert (first.ref, second.ref) == ("cancer/1", "cancer/2")
    return first, second


@pytest.fixture
def X(cancer):
    return cancer.data


@pytest.fixture
def deploy():
    """Deploy under a name of the test's own; undeployed after it."""
    made = []

    def deploy(ref, name, **options):
        made.append(name)
        return mj.deploy(ref, name=name, **options)

    yield deploy
    for name in made:
        try:
            mj.undeploy(name)
        except Conflict:
            pass


def test_a_registered_version_is_known_to_the_hub_with_its_lineage(registered, hub):
    first, _ = registered
    assert first.version.lineage.data_rows == 569
    assert first.version.aliases == ("champion",)
    assert {version.ref for version in hub.versions("cancer")} == {"cancer/1", "cancer/2"}
    assert "30 columns: mean radius (double)" in repr(first)


def test_models_and_their_versions_are_listed():
    assert "cancer       2  challenger: 2, champion: 1" in repr(mj.models())
    assert [view.ref for view in mj.models("cancer")] == ["cancer/2", "cancer/1"]


def test_a_deployed_model_answers_what_the_model_answers(deploy, X, classifier):
    view = deploy("cancer@champion", "answers")
    assert view.state == "ready"
    assert view.status.spec.alias == "champion"
    for rows in (X, X.to_numpy(), X.iloc[:1], X.to_dict("list")):
        got = mj.predict("answers", rows)
        assert isinstance(got, np.ndarray)
        wanted = classifier.predict(X.iloc[: len(got)])
        assert np.array_equal(got, wanted)
    assert np.array_equal(mj.endpoint("answers").predict(X), classifier.predict(X))


def test_a_hundred_thousand_rows_come_back_in_their_order(deploy, X, classifier):
    deploy("cancer/1", "large")
    many = pd.concat([X] * 176, ignore_index=True)
    assert len(many) > 100_000
    assert np.array_equal(mj.predict("large", many), classifier.predict(many))


@pytest.mark.parametrize("form", ["frame", "series"])
def test_a_frame_or_series_comes_back_as_one(form, deploy, X):
    def model(model_input: pd.DataFrame) -> pd.DataFrame:
        doubled = model_input[["mean radius", "mean texture"]] * 2
        return doubled if form == "frame" else doubled["mean radius"]

    rows = X[["mean radius", "mean texture"]]
    mj.register(f"doubler-{form}", model, rows)
    deploy(f"doubler-{form}", f"doubler-{form}")
    got = mj.predict(f"doubler-{form}", rows)
    wanted = model(rows)
    if form == "frame":
        pd.testing.assert_frame_equal(got, wanted)
    else:
        pd.testing.assert_series_equal(got, wanted)


def test_scaling_waits_until_as_many_replicas_answer(deploy):
    deploy("cancer/1", "scaled")
    view = mj.scale("scaled", "fixed:3")
    assert (view.desired, view.ready, view.pending) == (3, 3, 0)
    assert mj.scale("scaled").ready == 3
    assert mj.scale("scaled", "fixed:1").ready == 1
    assert mj.scale("scaled", "serverless").status.spec.scaling.mode == "serverless"


def test_what_a_second_deploy_does_not_name_stays_as_it_was(deploy):
    deploy("cancer/1", "kept", scale="elastic:1-2", audit="metadata", deadline=7)
    spec = deploy("cancer/2", "kept", mode="async").status.spec
    assert str(spec.scaling) == "elastic:1-2"
    assert (spec.audit.level, spec.audit.mode) == ("metadata", "async")
    assert spec.limits.deadline_seconds == 7
    assert spec.traffic.weights == {2: 100}


def test_traffic_is_shared_and_a_shadow_gets_copies(deploy, X, registered):
    deploy("cancer/1", "shared")
    view = mj.traffic("shared", {1: 100}, shadow=[2])
    assert view.status.spec.traffic.shadows == (2,)
    mj.predict("shared", X.iloc[:1])
    view = mj.traffic("shared", {1: 50, 2: 50})
    assert view.status.spec.traffic.weights == {1: 50, 2: 50}
    assert "1: 50 %, 2: 50 %" in repr(mj.endpoints())
    for _ in range(40):
        mj.predict("shared", X.iloc[:1])
    seen = mj.audit("shared", kind="prediction", limit=1000)
    assert {record["model"]["version"] for record in seen} == {1, 2}
    assert any(record.get("shadow") for record in seen)


def test_promotion_under_traffic_loses_no_request_and_the_alias_follows(deploy, X):
    deploy("cancer@champion", "promoted")
    stop, answered, failed = threading.Event(), [], []

    def call():
        while not stop.is_set():
            try:
                answered.append(mj.predict("promoted", X.iloc[:2]))
            except MlopsError as error:
                failed.append(error)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        promoted = mj.promote("promoted", "challenger")
        before_rollback = len(answered)
        back = mj.rollback("promoted")
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert failed == []
    assert before_rollback > 0
    assert promoted.status.spec.traffic.weights == {2: 100}
    assert promoted.steps == (
        "Version 2 was loaded and answered a trial.",
        "All calls go to version 2 (before: 1: 100 %); none was lost.",
        "The alias 'champion' of cancer moved to version 2 (before: 1).",
    )
    assert back.status.spec.traffic.weights == {1: 100}
    assert back.steps[-1] == "The alias 'champion' of cancer moved to version 1 (before: 2)."
    assert registry.resolve("cancer@champion").version == 1


def test_the_alias_that_an_endpoint_was_deployed_by_is_the_one_that_moves(deploy):
    registry.set_alias("cancer", "live", 1)
    deploy("cancer@live", "aliased")
    mj.traffic("aliased", {1: 60, 2: 40})
    assert "'live' of cancer moved to version 2" in mj.promote("aliased", 2).steps[-1]
    assert registry.resolve("cancer@champion").version == 1
    assert "'live' of cancer moved to version 1" in mj.rollback("aliased").steps[-1]
    again = mj.rollback("aliased")
    assert again.status.spec.traffic.weights == {1: 100}
    assert again.steps[1:] == ("The alias 'live' of cancer stays at version 1, which serves on.",)


def test_a_promotion_whose_alias_cannot_move_says_what_is_left_to_do(deploy, monkeypatch):
    deploy("cancer/1", "stuck")

    def unreachable(*_):
        raise Unavailable("MLflow's store cannot be used.")

    with monkeypatch.context() as patched:
        patched.setattr(registry, "set_alias", unreachable)
        with pytest.raises(Unavailable, match="Version 2 serves all calls") as failed:
            mj.promote("stuck", 2)
    assert failed.value.code == "alias_not_moved"
    assert "set_alias('cancer', 'champion', 2)" in failed.value.fix
    assert mj.endpoint("stuck").status.spec.traffic.weights == {2: 100}
    again = mj.promote("stuck", 2)
    assert again.steps[0] == "Version 2 served all calls already."
    mj.rollback("stuck")
    assert registry.resolve("cancer@champion").version == 1


def test_an_undeployed_endpoint_is_remembered_and_comes_back(deploy, X):
    deploy("cancer/1", "resting")
    assert mj.undeploy("resting").state == "undeployed"
    assert "resting" in repr(mj.endpoints())
    with pytest.raises(MlopsError):
        mj.predict("resting", X)
    assert deploy("cancer/1", "resting").state == "ready"
    assert len(mj.predict("resting", X)) == 569


def test_the_audit_says_who_called_what_when_with_what_and_what_came_out(deploy, X):
    deploy("cancer/1", "audited")
    mj.predict("audited", X.iloc[:3])
    with pytest.raises(InvalidInput, match="mean radius"):
        mj.predict("audited", X.drop(columns="mean radius"))
    seen = mj.audit("audited", kind="prediction")
    refused, answered = seen[0], seen[1]
    assert answered["actor"]["sub"].startswith("user:")
    assert (answered["model"]["name"], answered["model"]["version"]) == ("cancer", 1)
    assert answered["rows"] == 3
    assert refused.failed
    assert [record.id for record in mj.audit("audited", failed=True)] == [refused.id]
    me = answered["actor"]["sub"].removeprefix("user:")
    assert len(mj.audit("audited", by=me, kind="prediction")) == 2
    assert len(mj.audit("audited", by="nobody-else")) == 0
    assert len(seen.to_frame()) == 2
    whole = mj.audit.show(answered.id, payloads=True)
    assert whole.input()
    assert whole.output()
    assert answered.output() == whole.output()
    assert mj.audit.receipt(answered.id)
    assert mj.audit.verify().ok
    actions = {record["action"] for record in mj.audit("audited", kind="control")}
    assert "deploy" in actions


def test_the_audit_shows_the_answer_beside_what_went_in(deploy, X):
    deploy("cancer/1", "answering")
    mj.predict("answering", X.iloc[:1])
    whole = mj.audit.show(mj.audit("answering", kind="prediction")[0].id, payloads=True)
    assert re.search(r"mean radius +17\.99\n", repr(whole))
    assert re.search(r"answer .*\n +predictions\n +[01]\n", repr(whole))
    assert "binary_data_size" not in repr(whole)


def test_a_name_finds_the_endpoints_calls_and_the_models_changes_and_its_tokens(deploy, hub):
    deploy("cancer@champion", "cancer")
    hub.create_token("clinic", endpoints=["cancer"], expires_seconds=60)
    hub.create_token("elsewhere", endpoints=["other"], expires_seconds=60)
    found = mj.audit("cancer", limit=1000)
    actions = {record.get("action") for record in found}
    assert {"version.register", "deploy", "token.create"} <= actions
    assert {"clinic"} == {
        record["detail"]["application"] for record in found if record["action"] == "token.create"
    }
    places = [record["index"] for record in found]
    assert places == sorted(set(places), reverse=True)
    page, paged = mj.audit("cancer", limit=3), []
    while page is not None:
        paged += [record["index"] for record in page]
        page = page.next()
    assert paged == places
    assert mj.audit.search("cancer", limit=1000).to_dict()["records"] == found.to_dict()["records"]
    assert {record.get("endpoint") for record in mj.audit(endpoint="cancer")} == {"cancer"}


def test_an_intent_is_folded_into_its_outcome(deploy):
    deploy("cancer/1", "folded")
    phases = [record["phase"] for record in mj.audit("folded", kind="control")]
    assert phases == ["outcome"]
    both = [record["phase"] for record in mj.audit("folded", kind="control", intents=True)]
    assert both == ["outcome", "intent"]


def test_what_the_audit_does_not_have_is_refused_by_its_name():
    with pytest.raises(AttributeError, match=r"audit has no 'serach'\. Did you mean 'search'"):
        mj.audit.serach  # noqa: B018


def test_records_are_paged_to_the_end(deploy, X):
    deploy("cancer/1", "paged")
    for _ in range(7):
        mj.predict("paged", X.iloc[:1])
    page, found = mj.audit("paged", kind="prediction", limit=3), []
    while page is not None:
        found += [record["index"] for record in page]
        page = page.next()
    assert len(found) == 7
    assert found == sorted(found, reverse=True)


def test_a_revision_that_moved_is_refused(deploy):
    view = deploy("cancer/1", "raced")
    mj.scale("raced", "fixed:2", revision=view.status.spec.revision, wait=False)
    with pytest.raises(Conflict) as refused:
        mj.scale("raced", "fixed:3", revision=view.status.spec.revision)
    assert str(view.status.spec.revision + 1) in refused.value.reason


@pytest.mark.parametrize(
    ("wrong", "error", "hint"),
    [
        (lambda: mj.deploy("cancre"), NotFound, "cancer"),
        (lambda: mj.deploy("cancer@champoin"), NotFound, "champion"),
        (lambda: mj.deploy("cancer/99"), NotFound, "2"),
        (lambda: mj.predict("answrs", [[1]]), NotFound, "answers"),
        (lambda: mj.deploy("../etc"), MlopsError, "Names are"),
        (lambda: mj.deploy("cancer", on="moon"), MlopsError, "local"),
        (lambda: mj.promote("answers", "fraud/1"), MlopsError, "serves cancer"),
        (lambda: mj.audit(since="yesterday-ish"), MlopsError, "24h"),
        (lambda: mj.audit(limit=0), MlopsError, "from 1"),
        (lambda: mj.audit.show("no-such-record"), MlopsError, ""),
    ],
)
def test_a_wrong_word_is_refused_with_what_is_right(wrong, error, hint, deploy):
    deploy("cancer/1", "answers")
    with pytest.raises(error) as refused:
        wrong()
    assert hint in str(refused.value)


def test_an_endpoint_says_how_to_call_it(deploy):
    view = deploy("cancer/1", "shown")
    assert view.url.startswith("http://127.0.0.1:")
    assert view.url in view.curl()
    compile(view.client_code(), "client", "exec")


def test_the_overview_says_who_which_hub_and_what_runs(deploy, home):
    deploy("cancer/1", "seen")
    shown = repr(mj.status())
    assert "user:" in shown
    assert str(home) in shown
    assert "seen" in shown


def test_a_notebook_does_it_all_in_magics_with_one_output_a_cell(home):
    with running_kernel() as kernel:
        kernel.text(CELLS)
        for cell, shown in [
            ("%register story --model clf --input X --alias champion", "story/1 registered"),
            ("%deploy story@champion --scale fixed:1", "story  ready"),
            ("%scale story fixed:2", "desired 2  ready 2  pending 0"),
            ("%scale story", "desired 2  ready 2  pending 0"),
            ("%predict story X", "array("),
            ("%register story --model clf --input X", "story/2 registered"),
            ("%traffic story 1=90 2=10", "10 %"),
            ("%promote story 2", "All calls go to version 2"),
            ("%rollback story", "1: 90 %, 2: 10 %"),
            ("%audit story --failed", "no record matches (story, since 24h, failed)"),
            ("%mlops", "story"),
            ("%undeploy story", "undeployed"),
        ]:
            (output,) = kernel.run(cell)
            assert output["type"] in ("execute_result", "display_data"), output
            assert shown in output["data"]["text/plain"], cell
        (output,) = kernel.run("r = %deploy story\nr.state")[1:]
        assert output["data"]["text/plain"] == "'ready'"


def test_a_restarted_kernel_and_a_second_one_find_everything_as_it_was(deploy, X):
    deploy("cancer/1", "lasting")
    code = "import mlops_jupyter as mj\nlen(mj.predict('lasting', X))"
    with running_kernel() as first, running_kernel() as second:
        for kernel in (first, second):
            kernel.text(CELLS)
            assert kernel.text(code) == "569"
        pids = {kernel.text("mj.status().hub.pid") for kernel in (first, second)}
        assert len(pids) == 1
        first.restart()
        first.drain()
        first.text(CELLS)
        assert first.text(code) == "569"
        assert {first.text("mj.status().hub.pid")} == pids
        assert "%predict lasting" in first.complete("%predict las")
