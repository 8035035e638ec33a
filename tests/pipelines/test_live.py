"""Pipelines through a real hub: what they answer, and what the ledger says of it."""

from __future__ import annotations

import pytest

from mlops_jupyter.pipelines import field, parallel, step, switch
from mlops_jupyter.types import NotFound, ScalingPolicy

from ..hub.waiting import until
from . import kit as models
from .kit import Kit

PRESS = """
langid
switch lang != "en":
    translate
parallel:
    count
    shout
return lang, text, n, loud
"""


@pytest.fixture(scope="module")
def press(kit: Kit) -> Kit:
    kit.pipeline("press", PRESS)
    return kit


class TestAnswers:
    def test_a_step_takes_its_inputs_by_name_and_its_answers_join_the_row(self, press):
        (row,) = press.ask("press", text=["a good day"])
        assert row == {"lang": "en", "text": "a good day", "n": 10, "loud": "A GOOD DAY"}

    def test_a_batch_is_split_by_a_switch_and_joined_in_its_order(self, press):
        texts = ["hola tu", "good", "hola", "fine", "hola hola"]
        rows = press.ask("press", text=texts)
        assert [row["lang"] for row in rows] == ["es", "en", "es", "en", "es"]
        assert [row["text"] for row in rows] == [t.replace("hola", "hello") for t in texts]
        assert [row["n"] for row in rows] == [8, 4, 5, 4, 11]

    def test_a_batch_flows_as_a_batch(self, press):
        answer = press.call("press", text=["hola", "b", "c"])
        rows = {one["pipeline"]["step"]: one["rows"] for one in press.steps(answer)}
        assert rows == {"langid": 3, "translate": 1, "count": 3, "shout": 3}

    def test_fields_are_renamed_on_the_way_in_and_out(self, kit):
        kit.pipeline("renamed", "double(x=price) -> twice\ntriple(twice) -> result")
        assert kit.ask("renamed", price=[2.0]) == [{"result": 12.0}]

    def test_an_ensemble_is_the_mean_the_vote_or_the_greatest(self, kit):
        for way, value in (("mean", 5.0), ("max", 6.0), ("vote", 4.0)):
            kit.pipeline(f"by-{way}", f"ensemble {way} -> y:\n  double\n  triple")
            assert kit.ask(f"by-{way}", x=[2.0]) == [{"y": value}]

    def test_tensors_go_from_step_to_step(self, kit):
        kit.serve("spread", models.spread, "x: double -> float32[-1,2]")
        kit.serve("summed", models.summed, "float64[-1,2] -> float64[-1]")
        kit.pipeline("vectors", "spread -> v\nsummed(v) -> s\nreturn v, s")
        assert kit.ask("vectors", x=[3.0, 4.0]) == [
            {"v": [3.0, -3.0], "s": 0.0},
            {"v": [4.0, -4.0], "s": 0.0},
        ]

    def test_a_client_gets_a_table(self, press):
        import pandas as pd

        frame = press.hub.predict("press", pd.DataFrame({"text": ["hola", "x"]}))
        assert list(frame.columns) == ["lang", "text", "n", "loud"]
        assert frame["n"].tolist() == [5, 1]
        assert frame["n"].dtype == "int64"

    def test_a_pipeline_is_a_step_of_another(self, press):
        press.pipeline("outer", "press\ndouble(x=n) -> twice\nreturn loud, twice")
        assert press.ask("outer", text=["hola"]) == [{"loud": "HELLO", "twice": 10.0}]

    def test_parts_joined_in_python_are_the_same_graph_as_the_text(self, press):
        lang = field("lang")
        made = step("langid") >> switch(lang != "en", "translate") >> parallel("count", "shout")
        graph = made.graph(returns=["lang", "text", "n", "loud"])
        checked = press.hub.check_pipeline(graph=graph.to_dict(), name="press")
        assert checked.text == press.hub.pipeline("press").text


class TestLedger:
    def test_each_step_is_a_record_of_its_own_endpoint_and_version(self, press):
        answer = press.call("press", text=["hola"])
        found = {
            (one["pipeline"]["step"], one["endpoint"], one["model"]["version"], one["status"])
            for one in press.steps(answer)
        }
        names = ("langid", "translate", "count", "shout")
        assert found == {(name, name, 1, 200) for name in names}

    def test_input_and_output_of_a_step_are_kept_as_its_endpoint_would_have_got_them(self, press):
        import json

        answer = press.call("press", text=["hola"])
        (record,) = [one for one in press.steps(answer) if one["pipeline"]["step"] == "shout"]
        sent = json.loads(press.hub.payload(record["id"], "input").data)
        assert sent == {"dataframe_split": {"columns": ["text"], "data": [["hello"]]}}
        gave = json.loads(press.hub.payload(record["id"], "output").data)
        assert gave == {"predictions": [{"loud": "HELLO"}]}
        again = press.hub.connection.request("POST", "/endpoints/shout/invocations", json_body=sent)
        assert again.json() == gave

    def test_a_large_batch_is_kept_as_binary_tensors(self, press):
        from mlops_jupyter.client.payloads import read_payload

        press.pipeline("wide", "double -> z\nlangid\nreturn z, lang")
        numbers = [float(number) for number in range(2000)]
        answer = press.call("wide", x=numbers, text=["hola"] * 2000)
        for name, side, wanted in (
            ("double", "input", "1"),
            ("double", "output", "2"),
            ("langid", "input", "hola"),
            ("langid", "output", "es"),
        ):
            (record,) = [one for one in press.steps(answer) if one["pipeline"]["step"] == name]
            kept = press.hub.payload(record["id"], side)
            assert kept.content_type == "application/octet-stream"
            sample = read_payload(kept.data, kept.content_type)
            assert sample.rows == 2000
            assert wanted in sample.cells[1]

    def test_the_records_of_a_run_are_one_tree_of_spans(self, press):
        press.pipeline("nest", "press\ndouble(x=n) -> twice")
        answer = press.call("nest", text=["hola"])
        records = press.run(answer.headers["x-request-id"])
        spans = {one["trace"]["span"]: one for one in records}
        assert len({one["trace"]["id"] for one in records}) == 1
        (root,) = [one for one in records if "parent" not in one["trace"]]
        assert root["endpoint"] == "nest"
        below = {
            one["pipeline"]["step"]: spans[one["trace"]["parent"]]["endpoint"]
            for one in records
            if one is not root
        }
        inner = dict.fromkeys(("langid", "translate", "count", "shout"), "press")
        assert below == {"press": "nest", "double": "nest", **inner}
        assert len({one["request_id"] for one in records}) == 1

    def test_a_callers_trace_goes_on_and_its_request_id_is_that_of_every_step(self, press):
        trace, span = "a" * 32, "b" * 16
        headers = {"traceparent": f"00-{trace}-{span}-01", "x-request-id": "clip-7"}
        answer = press.call("press", headers, text=["x"])
        records = press.run(answer.headers["x-request-id"])
        (root,) = [one for one in records if "step" not in one["pipeline"]]
        assert root["trace"]["id"] == trace
        assert root["trace"]["parent"] == span
        assert {one["request_id"] for one in records} == {"clip-7"}
        assert answer.headers["traceparent"] == f"00-{trace}-{root['trace']['span']}-01"

    @pytest.mark.parametrize(
        "header",
        ["", "00-zz-11-01", f"00-{'0' * 32}-{'b' * 16}-01", f"ff-{'a' * 32}-{'b' * 16}-01"],
    )
    def test_a_trace_that_is_none_is_not_continued(self, press, header):
        answer = press.call("press", {"traceparent": header}, text=["x"])
        assert "a" * 32 not in answer.headers["traceparent"]
        (root, *_) = [
            one
            for one in press.run(answer.headers["x-request-id"])
            if "step" not in one["pipeline"]
        ]
        assert "parent" not in root["trace"]

    def test_steps_that_no_row_went_through_are_told_of(self, press):
        answer = press.call("press", text=["good"])
        (skipped,) = [one for one in press.steps(answer) if one["action"] == "skip"]
        assert skipped["pipeline"]["step"] == "translate"
        assert "status" not in skipped

    def test_the_record_of_the_whole_stands_after_those_of_its_steps(self, press):
        answer = press.call("press", text=["hola"])
        records = press.run(answer.headers["x-request-id"])
        assert records[-1]["id"] == answer.headers["x-request-id"]
        assert press.hub.verify().ok

    def test_who_may_call_the_pipeline_need_not_be_allowed_to_call_its_steps(self, press):
        import httpx

        token = press.hub.create_token("reader", ["press"], 600).token
        body = {"dataframe_records": [{"text": "hola"}]}
        with httpx.Client(
            base_url=press.hub.url, trust_env=False, headers={"Authorization": f"Bearer {token}"}
        ) as client:
            answer = client.post("/endpoints/press/invocations", json=body)
            assert answer.status_code == 200
            assert client.post("/endpoints/shout/invocations", json=body).status_code == 403
        records = press.run(answer.headers["x-request-id"])
        assert {one["actor"]["sub"] for one in records} == {"app:reader"}
        steps = [one for one in records if "step" in one["pipeline"]]
        assert {one["pipeline"]["name"] for one in steps} == {"press"}


class TestVersions:
    def test_a_pipeline_is_canaried_promoted_and_rolled_back(self, kit):
        kit.pipeline("staged", "double -> out")
        second = kit.pipeline_version("staged", "triple -> out", 2)
        kit.hub.traffic("staged", {1: 50, 2: 50}, versions=[second])
        seen = {kit.ask("staged", x=[1.0])[0]["out"] for _ in range(40)}
        assert seen == {2.0, 3.0}
        kit.hub.promote("staged", 2)
        assert kit.ask("staged", x=[1.0]) == [{"out": 3.0}]
        kit.hub.rollback("staged")
        kit.hub.rollback("staged")
        assert kit.ask("staged", x=[1.0]) == [{"out": 2.0}]

    def test_a_shadow_of_a_pipeline_is_only_recorded(self, kit):
        kit.pipeline("shaded", "double -> out")
        second = kit.pipeline_version("shaded", "triple -> out", 2)
        kit.hub.traffic("shaded", {1: 100}, shadows=(2,), versions=[second])
        assert kit.ask("shaded", x=[1.0]) == [{"out": 2.0}]

        def shadowed():
            return [one for one in kit.hub.records(endpoint="triple").records if one.get("shadow")]

        (step, *_) = until(shadowed)
        assert step["pipeline"]["name"] == "shaded"

    def test_a_step_follows_its_endpoints_traffic_and_a_pin_stays(self, kit):
        kit.serve("moving", models.doubled, "x: double -> y: double")
        second = kit.version("moving", models.tripled, "x: double -> y: double", 2)
        kit.pipeline("follows", "moving -> out")
        kit.pipeline("pinned", "moving/1 -> out")
        kit.hub.traffic("moving", {2: 100}, shadows=(1,), versions=[second])
        assert kit.ask("follows", x=[1.0]) == [{"out": 3.0}]
        assert kit.ask("pinned", x=[1.0]) == [{"out": 2.0}]

    def test_a_step_follows_an_alias(self, kit):
        version = kit.version("aliased", models.doubled, "x: double -> y: double")
        kit.hub.deploy("aliased", version, alias="champion", wait=60)
        kit.pipeline("by-alias", "aliased@champion -> out")
        assert kit.ask("by-alias", x=[1.0]) == [{"out": 2.0}]

    def test_shadows_of_a_step_get_copies(self, kit):
        kit.serve("watched", models.doubled, "x: double -> y: double")
        second = kit.version("watched", models.tripled, "x: double -> y: double", 2)
        kit.hub.traffic("watched", {1: 100}, shadows=(2,), versions=[second])
        kit.pipeline("watching", "watched -> out")
        answer = kit.call("watching", x=[1.0])
        assert answer.json()["predictions"] == [{"out": 2.0}]

        def shadowed():
            return [one for one in kit.run(answer.headers["x-request-id"]) if one.get("shadow")]

        (shadow,) = until(shadowed)
        assert shadow["model"]["version"] == 2
        assert shadow["pipeline"]["step"] == "watched"

    def test_a_serverless_pipeline_answers_from_idle(self, kit):
        version = kit.pipeline_version("rare", "double -> out")
        kit.hub.deploy("rare", version, scaling=ScalingPolicy.parse("serverless"), wait=60)
        assert kit.ask("rare", x=[1.0]) == [{"out": 2.0}]

    def test_it_is_there_again_after_the_hub_was_restarted(self, press):
        press.hub.stop()
        assert press.ask("press", text=["hola"])[0]["loud"] == "HELLO"


class TestDrawing:
    def test_it_has_each_steps_rate_latency_and_place(self, press):
        press.ask("press", text=["hola"])
        status = press.hub.pipeline("press")
        steps = {node.label: node for node in status.nodes if node.kind == "step"}
        assert list(steps) == ["langid", "translate", "count", "shout"]
        assert all(node.stats.calls for node in steps.values())
        assert steps["shout"].stats.p50_ms > 0
        assert steps["count"].column == steps["shout"].column
        assert {(edge.source, edge.label) for edge in status.edges} >= {("switch:2", "yes")}
        assert status.takes == {"text": "string"}
        assert status.gives["n"] == "long"

    def test_what_is_no_pipeline_has_none(self, press):
        with pytest.raises(NotFound) as refused:
            press.hub.pipeline("double")
        assert refused.value.code == "pipeline_not_found"
