"""What goes wrong in a pipeline: refused when it is deployed, or answered with the step's name."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path

import pytest

from mlops_jupyter.types import AuditUnavailable, InvalidInput, InvalidRequest, Limits, MlopsError

from ..hub.waiting import until
from . import kit as models
from .kit import Kit


def refused(kit: Kit, text: str) -> MlopsError:
    with pytest.raises(MlopsError) as error:
        kit.hub.check_pipeline(text=text, name="wanted")
    return error.value


def failed(kit: Kit, name: str, **columns) -> MlopsError:
    with pytest.raises(MlopsError) as error:
        kit.call(name, **columns)
    return error.value


class TestRefusedWhenDeployed:
    def test_an_endpoint_that_is_not_there(self, kit):
        error = refused(kit, "langit")
        assert error.code == "unknown_endpoint"
        assert "step 'langit'" in error.message.lower()
        assert "'langid'" in error.reason

    def test_types_that_do_not_match_name_the_step_the_field_and_both(self, kit):
        error = refused(kit, "langid\ndouble(x=lang)")
        assert error.code == "wrong_type"
        assert error.message == "Step 'double': 'lang' is string, and the input 'x' takes double."
        assert "langid" in error.reason

    def test_an_input_that_the_endpoint_does_not_have(self, kit):
        error = refused(kit, "langid(txt=scan)")
        assert error.code == "unknown_input"
        assert "'text'" in error.reason

    def test_an_output_that_the_endpoint_does_not_give(self, kit):
        kit.serve("both", lambda frame: frame, "a: double, b: double -> a: double, b: double")
        assert refused(kit, "both -> c").code == "unknown_output"

    def test_a_field_that_nobody_gives(self, kit):
        error = refused(kit, "take text: string\nlangid\ndouble(x=score)")
        assert error.code == "missing_field"
        assert refused(kit, "langid\nreturn language").reason == "Did you mean 'lang'?"

    def test_a_switch_on_a_field_that_nobody_gives(self, kit):
        error = refused(kit, 'langid\nswitch land == "en":\n  shout\nreturn lang')
        assert error.code == "missing_field"
        assert "'lang'" in error.reason

    def test_a_switch_that_compares_text_with_a_number(self, kit):
        assert refused(kit, "langid\nswitch lang > 3:\n  shout\nreturn lang").code == "wrong_type"

    def test_a_switch_that_is_no_condition(self, kit):
        assert refused(kit, "count\nswitch n + 1:\n  shout\nreturn n").code == "wrong_type"

    def test_a_field_that_only_one_way_of_a_switch_gives(self, kit):
        text = 'langid\nswitch lang == "es":\n  count\ndouble(x=n)'
        assert refused(kit, text).code == "field_may_be_missing"

    def test_an_end_that_is_not_the_same_for_all_rows(self, kit):
        error = refused(kit, 'langid\nswitch lang == "es":\n  count')
        assert error.code == "no_answer"
        assert "return n" in error.fix

    def test_branches_that_give_the_same_field(self, kit):
        assert refused(kit, "parallel:\n  double -> y\n  triple -> y").code == "given_twice"

    def test_an_ensemble_of_texts_has_no_mean(self, kit):
        assert refused(kit, "ensemble mean -> z:\n  shout\n  langid").code == "wrong_ensemble"

    def test_a_fallback_that_gives_other_fields(self, kit):
        assert refused(kit, "langid  fallback=count").code == "wrong_fallback"
        assert refused(kit, 'langid  fallback={language: "en"}').code == "wrong_fallback"
        assert refused(kit, "langid  fallback={lang: 3}").code == "wrong_fallback"

    def test_a_version_or_an_alias_that_the_endpoint_does_not_serve(self, kit):
        error = refused(kit, "double/7")
        assert error.code == "version_not_served"
        assert "It serves 1" in error.reason
        assert refused(kit, "double@champion").code == "alias_not_served"

    def test_text_that_cannot_be_read_names_line_and_column(self, kit):
        with pytest.raises(InvalidRequest) as error:
            kit.hub.check_pipeline(text="langid\ntranslate timeout=5")
        assert error.value.message.startswith("Line 2, column 19:")

    @pytest.mark.parametrize(
        "graph",
        [
            {},
            {"nodes": []},
            {"nodes": [{"node": "loop"}]},
            {"nodes": [{"node": "step", "name": "a", "endpoint": "../a"}]},
            {"nodes": [{"node": "step", "name": "a", "endpoint": "a", "eval": "1"}]},
            {"nodes": [{"node": "switch", "on": "__import__('os')", "then": []}]},
            {"nodes": [{"node": "parallel", "branches": [[]]}]},
        ],
    )
    def test_a_graph_that_is_none(self, kit, graph):
        with pytest.raises(InvalidRequest):
            kit.hub.check_pipeline(graph=graph)

    def test_a_graph_nested_without_end(self, kit):
        node = {"node": "step", "name": "double", "endpoint": "double"}
        for _ in range(200):
            node = {"node": "switch", "on": "x > 1", "then": [node]}
        with pytest.raises(MlopsError) as error:
            kit.hub.check_pipeline(graph={"nodes": [node]})
        assert error.value.status in (400, 422)


class TestCycles:
    def test_a_pipeline_is_no_step_of_itself(self, kit):
        kit.pipeline("own", "double -> x")
        version = kit.pipeline_version("own", "own -> x", 2)
        with pytest.raises(InvalidInput) as error:
            kit.hub.deploy("own", version, wait=60)
        assert error.value.code == "pipeline_cycle"
        assert kit.ask("own", x=[1.0]) == [{"x": 2.0}]

    def test_nor_through_others_also_when_a_step_is_deployed_anew(self, kit):
        kit.pipeline("inner", "double -> x")
        kit.pipeline("middle", "inner -> x")
        kit.pipeline("outermost", "middle -> x")
        version = kit.pipeline_version("inner", "outermost -> x", 2)
        with pytest.raises(InvalidInput) as error:
            kit.hub.deploy("inner", version, wait=60)
        assert error.value.code == "pipeline_cycle"
        assert "inner → outermost → middle → inner" in error.value.reason
        with pytest.raises(InvalidInput):
            kit.hub.traffic("inner", {1: 50, 2: 50}, versions=[version])
        assert kit.ask("outermost", x=[1.0]) == [{"x": 2.0}]


@pytest.fixture(scope="module")
def guarded(kit: Kit) -> Kit:
    kit.pipeline("plain", "count\nmoody\nreturn n, mood")
    kit.pipeline("patient", "moody  timeout=300ms")
    kit.pipeline("saved", 'moody  timeout=300ms fallback={mood: "unknown"}')
    kit.pipeline("stubborn", "moody  retry=2 wait=10ms")
    kit.pipeline("replaced", "moody -> mood  fallback=shout")
    kit.pipeline("short-lived", "count\nmoody\nreturn n, mood", limits=Limits(deadline_seconds=0.5))
    return kit


class TestSteps:
    def test_a_step_that_fails_is_named_with_what_its_model_said(self, guarded):
        error = failed(guarded, "plain", text=["raise"])
        assert (error.status, error.code) == (502, "step_failed")
        assert error.message.startswith("Step 'moody' failed:")
        assert "ValueError" in error.reason

    def test_the_failed_step_and_those_before_it_are_recorded(self, guarded):
        with pytest.raises(MlopsError):
            guarded.call("plain", {"x-request-id": "unlucky"}, text=["raise"])
        records = guarded.hub.records(text="unlucky").records
        told = {one["pipeline"].get("step"): one["status"] for one in records}
        assert told == {"count": 200, "moody": 500, None: 502}

    def test_a_step_whose_worker_dies(self, guarded):
        error = failed(guarded, "plain", text=["die"])
        assert (error.status, error.code) == (502, "step_failed")
        until(lambda: guarded.hub.status("moody").state == "ready")
        assert guarded.ask("plain", text=["ok"])[0]["mood"] == "fine"

    def test_a_step_that_returns_the_wrong_rows(self, guarded):
        error = failed(guarded, "plain", text=["short"])
        assert (error.status, error.code) == (502, "step_failed")
        assert "2 rows for 1" in error.message

    def test_a_step_that_hangs_is_left_at_its_timeout_and_its_worker_is_not_ended(
        self, guarded, tmp_path: Path
    ):
        gate = tmp_path / "gate"
        gate.touch()
        before = guarded.hub.log("moody")
        error = failed(guarded, "patient", text=[str(gate)])
        assert (error.status, error.code) == (504, "step_timed_out")
        gate.unlink()
        assert guarded.ask("patient", text=["ok"]) == [{"mood": "fine"}]
        assert guarded.hub.log("moody") == before

    def test_a_step_that_hangs_is_bounded_by_the_pipelines_deadline(self, guarded, tmp_path: Path):
        gate = tmp_path / "gate"
        gate.touch()
        error = failed(guarded, "short-lived", text=[str(gate)])
        assert error.status == 504
        assert "moody" in str(error)
        gate.unlink()

    def test_a_fallback_answers_for_a_step_that_failed_or_hung(self, guarded, tmp_path: Path):
        gate = tmp_path / "gate"
        gate.touch()
        assert guarded.ask("saved", text=["raise"]) == [{"mood": "unknown"}]
        assert guarded.ask("saved", text=[str(gate)]) == [{"mood": "unknown"}]
        gate.unlink()
        answer = guarded.call("saved", text=["raise"])
        told = [(one["action"], one.get("status")) for one in guarded.steps(answer)]
        assert told == [("predict", 500), ("fallback", 200)]

    def test_another_endpoint_answers_in_place_of_one_that_failed(self, guarded):
        answer = guarded.call("replaced", text=["raise"])
        assert answer.json()["predictions"] == [{"mood": "RAISE"}]
        last = guarded.steps(answer)[-1]
        assert last["endpoint"] == "shout"
        assert last["pipeline"]["fallback"] is True

    def test_each_retry_is_a_record_of_its_own(self, guarded):
        with pytest.raises(MlopsError):
            guarded.call("stubborn", {"x-request-id": "thrice"}, text=["raise"])
        records = guarded.hub.records(text="thrice").records
        tries = [one["pipeline"].get("attempt", 1) for one in records if "step" in one["pipeline"]]
        assert sorted(tries) == [1, 2, 3]

    def test_what_the_data_is_to_blame_for_is_not_tried_again(self, guarded):
        guarded.serve("exact", models.doubled, "x: long -> y: double")
        guarded.pipeline("fractions", "take v: any\nexact(x=v)  retry=3")
        with pytest.raises(MlopsError) as error:
            guarded.call("fractions", {"x-request-id": "once"}, v=[1.5])
        assert (error.value.status, error.value.code) == (422, "step_refused")
        records = guarded.hub.records(text="once").records
        assert sum("step" in one["pipeline"] for one in records) == 1

    def test_a_missing_value_at_a_switch_is_answered_with_the_row(self, guarded):
        guarded.pipeline("sized", "take x: double, n?: double\nswitch n > 3:\n  double\nelse:\n"
                         "  triple")  # fmt: skip
        error = failed(guarded, "sized", x=[1.0])
        assert (error.status, error.code) == (422, "undecided_switch")
        assert "row 0" in error.reason

    def test_an_error_in_one_branch_ends_the_others_and_is_the_answer(
        self, guarded, tmp_path: Path
    ):
        gate = tmp_path / "gate"
        gate.touch()
        guarded.serve("sleeper", models.moody, "text: string -> mood: string")
        guarded.pipeline("race", "parallel:\n  moody -> one\n  sleeper(text=other) -> two")
        error = failed(guarded, "race", text=["raise"], other=[str(gate)])
        assert "moody" in error.message
        gate.unlink()
        (left,) = guarded.hub.records(endpoint="sleeper", kind="prediction").records
        assert (left["status"], left["error"]) == (499, "abandoned")

    def test_the_drawing_shows_what_failed(self, guarded):
        failed(guarded, "plain", text=["raise"])
        nodes = {node.label: node for node in guarded.hub.pipeline("plain").nodes}
        stats = nodes["moody"].stats
        assert stats.failures
        assert stats.error_share > 0
        assert "ValueError" in stats.last_error
        assert nodes["count"].stats.error_share == 0


class TestLedger:
    def test_no_answer_leaves_when_the_record_of_a_step_could_not_be_written(
        self, guarded, home: Path, tmp_path: Path
    ):
        gate = tmp_path / "gate"
        gate.touch()
        outcomes: list[object] = []

        def call():
            try:
                outcomes.append(guarded.ask("plain", text=[str(gate)]))
            except MlopsError as error:
                outcomes.append(error)

        def answers_again():
            try:
                return guarded.ask("count", text=["x"])
            except AuditUnavailable:
                return None

        backup = sqlite3.connect(home / "hub.db", isolation_level=None)
        backup.execute("BEGIN IMMEDIATE")
        caller = threading.Thread(target=call)
        caller.start()
        try:
            # the first step's record is lost while the second step is still at work
            until(lambda: not guarded.hub.info().ledger["ok"])
        finally:
            backup.execute("ROLLBACK")
            backup.close()
        until(answers_again)
        gate.unlink()
        caller.join()
        (outcome,) = outcomes
        assert isinstance(outcome, AuditUnavailable)
        assert guarded.ask("plain", text=["ok"])[0]["mood"] == "fine"


class TestUndeployed:
    def test_a_step_that_is_undeployed_under_load_is_named_and_comes_back(self, kit):
        kit.serve("fleeting", models.doubled, "x: double -> y: double")
        kit.pipeline("leaning", "double -> x\nfleeting -> out")
        answers: list[object] = []
        stop = threading.Event()

        def load():
            while not stop.is_set():
                try:
                    answers.append(kit.ask("leaning", x=[1.0])[0]["out"])
                except MlopsError as error:
                    answers.append(error)

        caller = threading.Thread(target=load)
        caller.start()
        try:
            until(lambda: 4.0 in answers)
            kit.hub.undeploy("fleeting")
            until(lambda: any(isinstance(one, MlopsError) for one in answers))
            version = kit.version("fleeting", models.doubled, "x: double -> y: double", 2)
            kit.hub.deploy("fleeting", version, wait=60)
            seen = len(answers)
            until(lambda: 4.0 in answers[seen:])
        finally:
            stop.set()
            caller.join()
        errors = [one for one in answers if isinstance(one, MlopsError)]
        assert {(one.status, one.code) for one in errors} == {(503, "step_unavailable")}
        assert all("Step 'fleeting' failed" in one.message for one in errors)

    def test_what_is_recorded_of_such_a_step_says_on_whose_behalf(self, kit):
        kit.serve("left", models.doubled, "x: double -> y: double")
        kit.pipeline("missing", "left -> out")
        kit.hub.undeploy("left")
        ada = {"sub": "user:ada", "method": "jupyterhub"}
        headers = {"x-request-id": "on-behalf", "X-Mlops-On-Behalf-Of": json.dumps(ada)}
        with pytest.raises(MlopsError):
            kit.call("missing", headers, x=[1.0])
        records = kit.hub.records(text="on-behalf").records
        assert {one["pipeline"].get("step") for one in records} == {"left", None}
        assert [one["on_behalf_of"] for one in records] == [ada, ada]

    def test_a_pipeline_of_an_undeployed_endpoint_is_refused(self, kit):
        kit.serve("gone", models.doubled, "x: double -> y: double")
        kit.hub.undeploy("gone")
        error = refused(kit, "gone")
        assert error.code == "unknown_endpoint"
        assert "undeployed" in error.message

    def test_a_step_whose_types_changed_since_is_answered_with_its_name(self, kit):
        kit.serve("changing", models.doubled, "x: double -> y: double")
        kit.pipeline("trusting", "changing -> out")
        kit.serve("changing", models.length, "text: string -> n: long", 2)
        error = failed(kit, "trusting", x=[1.0])
        assert (error.status, error.code) == (422, "step_refused")
        assert "Step 'changing'" in error.message
