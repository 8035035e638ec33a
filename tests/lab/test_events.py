"""Changes in the hub arrive in Jupyter's own stream of events."""

import asyncio

import pytest

from mlops_jupyter.client import Hub
from mlops_jupyter.lab import events as module
from mlops_jupyter.lab.answers import SERVICES
from mlops_jupyter.lab.events import event_of

from .conftest import hub_pid, until


@pytest.fixture
def services(jp_web_app):
    return jp_web_app.settings[SERVICES]


async def test_a_prediction_arrives_as_a_larger_ledger(
    churn, ask, listen, rows, json_headers, hub, services
):
    await ask("status")
    async with listen() as heard:
        await until(lambda: services.events.flowing)
        size = hub.info().ledger["size"]
        await ask("api/endpoints/churn/invocations", rows, headers=json_headers)
        event = await heard(schema_id=module.SCHEMA_ID, what="records")
        assert event["size"] > size


async def test_a_scale_arrives_with_the_endpoints_name(churn, ask, listen, services):
    await ask("status")
    async with listen() as heard:
        await until(lambda: services.events.flowing)
        await ask("api/endpoints/churn/scale", {"scaling": "fixed:2"})
        assert (await heard(what="endpoint"))["name"] == "churn"
        await ask("api/endpoints/churn/scale", {"scaling": "fixed:1"})


async def test_starting_and_stopping_the_hub_arrives_and_the_status_says_whether_they_flow(
    own_home, ask, listen, services
):
    async with listen() as heard:
        await ask("hub/start", {})
        await heard(what="hub")
        await until(lambda: services.events.flowing)
        assert (await ask("status")).json["events"] is True
        await ask("hub/stop", {})
        await heard(what="hub")
        await until(lambda: not services.events.flowing)


async def test_a_hub_that_a_notebook_starts_is_found_by_itself(
    own_home, ask, listen, services, monkeypatch
):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    await ask("status")
    async with listen() as heard:
        with await asyncio.to_thread(Hub.connect, home=own_home) as hub:
            await heard(what="hub")
            await until(lambda: services.events.flowing)
            await asyncio.to_thread(hub.stop)
            await heard(what="hub")
        await until(lambda: not services.events.flowing)


@pytest.fixture
def looked(services, monkeypatch):
    """Grows each time that a running hub is looked for; that happens often."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    looked = []
    real = services.link.running

    async def running():
        looked.append(1)
        return await real()

    monkeypatch.setattr(services.link, "running", running)
    return looked


async def test_listening_starts_no_hub(own_home, ask, looked):
    await ask("status")
    await until(lambda: len(looked) > 10)
    assert hub_pid(own_home) is None


async def test_nobody_listens_to_the_hub_when_nobody_looks_any_more(hub, ask, services):
    services.events._interest = 0.2
    await ask("status")
    task = services.events._task
    hub.event("note.made", {})
    await until(lambda: services.events.flowing or task.done())
    services.events._asked_at -= 10
    hub.event("note.made", {})
    await until(task.done)
    assert not services.events.flowing
    services.events._interest = 600
    await ask("status")
    await until(lambda: services.events.flowing)


async def test_a_hub_without_events_is_used_without_them(hub, ask, services, looked, monkeypatch):
    monkeypatch.setattr(module, "PATH", "/no-such-path")
    assert (await ask("api/endpoints")).status == 200
    await until(lambda: len(looked) > 10)
    assert not services.events._task.done()
    assert (await ask("status")).json["events"] is False


def test_lines_of_the_hub_become_events_of_jupyter():
    assert event_of({"event": "endpoint", "name": "a"}) == {"what": "endpoint", "name": "a"}
    assert event_of({"event": "records", "size": 3}) == {"what": "records", "size": 3}
    assert event_of({"event": "version", "model": "m"}) == {"what": "version", "name": "m"}
    assert event_of({}) == {"what": "pulse"}
    for silent in ({"event": "hello", "size": 1}, {"event": "new"}, {"event": "endpoint"}):
        assert event_of(silent) is None
