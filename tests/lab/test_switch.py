"""Promote and rollback from the sidebar: the traffic moves, then the registry's alias."""

import signal

import pytest

from mlops_jupyter import registry
from mlops_jupyter.lab.answers import SERVICES
from mlops_jupyter.types import InvalidRequest


def alias_at(name="churn", alias="champion"):
    (model,) = (model for model in registry.models() if model.name == name)
    return model.aliases.get(alias)


@pytest.fixture
def agent(jp_web_app):
    return jp_web_app.settings[SERVICES].agent


async def ask_nothing(agent):
    """A question that is answered without MLflow, so at once."""
    with pytest.raises(InvalidRequest):
        await agent._ask("nothing")


async def test_models_and_versions_come_from_the_registry(churn, ask):
    answer = await ask("registry/models")
    assert answer.json == [
        {
            "name": "churn",
            "latest": 2,
            "aliases": {"champion": alias_at()},
            "description": "",
            "problem": "",
        }
    ]
    versions = (await ask("registry/models/churn/versions")).json
    assert [version["version"] for version in versions] == [2, 1]
    missing = await ask("registry/models/other/versions")
    assert (missing.status, missing.json["code"]) == (404, "unknown_model")


async def test_what_is_resolved_can_be_deployed(churn, ask):
    version = (await ask("registry/resolve", {"ref": "churn/2"})).json
    answer = await ask("api/endpoints/second?wait=60", {"version": version}, method="PUT")
    assert answer.status == 200, answer.json
    assert answer.json["spec"]["traffic"]["weights"] == {"2": 100}
    assert (await ask("api/endpoints/second/undeploy", {})).status == 200
    for body in ({}, {"ref": 1}, {"ref": "churn/2", "more": 1}):
        assert (await ask("registry/resolve", body)).status == 400


async def test_promote_moves_traffic_and_alias_and_rollback_moves_both_back(churn, hub, ask):
    assert alias_at() == 1
    answer = await ask("endpoints/churn/promote", {"version": 2})
    assert (answer.status, answer.json["warning"]) == (200, None), answer.json
    assert answer.json["status"]["spec"]["traffic"]["weights"] == {"2": 100}
    assert alias_at() == 2
    (record,) = hub.records(text="alias.set", limit=1).records
    assert record["model"] == {"name": "churn", "version": 2}
    assert (record["detail"]["alias"], record["detail"]["before"]) == ("champion", 1)
    answer = await ask("endpoints/churn/rollback", {})
    assert (answer.status, answer.json["warning"]) == (200, None), answer.json
    assert answer.json["status"]["spec"]["traffic"]["weights"] == {"1": 100}
    assert alias_at() == 1


async def test_a_registry_that_fails_is_a_warning_and_the_traffic_stands(
    churn, hub, ask, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    answer = await ask("endpoints/churn/promote", {"version": 2})
    assert answer.status == 200, answer.json
    assert answer.json["warning"]["code"] == "alias_not_moved"
    assert set(answer.json["warning"]) == {"code", "message", "reason", "fix"}
    assert answer.json["status"]["spec"]["traffic"]["weights"] == {"2": 100}
    assert hub.status("churn").spec.traffic.weights == {2: 100}
    assert (await ask("registry/models")).status == 503
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert alias_at() == 1
    assert (await ask("endpoints/churn/rollback", {})).status == 200


async def test_who_was_too_late_is_told(churn, ask):
    answer = await ask("endpoints/churn/promote", {"version": 2, "revision": 1})
    assert (answer.status, answer.json["code"]) == (409, "revision_conflict"), answer.json
    assert alias_at() == 1


async def test_what_is_not_there_is_named(churn, ask):
    cases = [
        (404, await ask("endpoints/other/promote", {"version": 2})),
        (404, await ask("endpoints/churn/promote", {"version": 99})),
        (400, await ask("endpoints/churn/promote", {"version": "two"})),
        (400, await ask("endpoints/churn/promote", b"\xff\xfe")),
        (413, await ask("endpoints/churn/promote", b" " * 100_000)),
    ]
    for status, answer in cases:
        assert (answer.status, set(answer.json)) == (status, {"code", "message", "reason", "fix"})


async def test_the_registrys_process_is_started_when_asked_and_replaced_when_it_died(
    own_home, agent
):
    assert agent._process is None
    await ask_nothing(agent)
    first = agent._process
    first.kill()
    await first.wait()
    await ask_nothing(agent)
    assert agent._process.pid != first.pid


async def test_it_ends_when_nobody_asks_and_comes_back(own_home, agent):
    agent._idle = 0.05
    await ask_nothing(agent)
    assert await agent._process.wait() == 0
    await ask_nothing(agent)


async def test_a_registry_that_does_not_answer_is_an_error_in_time(own_home, ask, agent):
    await ask_nothing(agent)
    agent._patience = 0.2
    agent._process.send_signal(signal.SIGSTOP)
    answer = await ask("registry/models")
    assert (answer.status, answer.json["code"]) == (503, "registry_timeout")
