"""The hub as the sidebar shows it: found, started and stopped by rule."""

import asyncio
import getpass
import os
import signal

import pytest

from mlops_jupyter import __version__
from mlops_jupyter.client import Hub
from mlops_jupyter.client.home import running_hub
from mlops_jupyter.lab import link, routes

from .conftest import hub_pid


async def test_the_status_says_that_no_hub_runs_and_starts_none(own_home, ask):
    answer = await ask("status")
    assert answer.status == 200
    assert answer.json == {
        "version": __version__,
        "hub": {"state": "stopped"},
        "user": {
            "subject": f"user:{getpass.getuser()}",
            "name": getpass.getuser(),
            "method": "jupyter-token",
            "proven": False,
        },
        "rights": ["read", "audit", "invoke", "deploy", "run", "token", "hub"],
        "events": False,
    }
    assert hub_pid(own_home) is None


async def test_a_read_starts_the_hub_and_the_status_describes_it(own_home, ask):
    assert (await ask("api/endpoints")).json == []
    hub = (await ask("status")).json["hub"]
    assert hub.pop("url").startswith("http://127.0.0.1:")
    assert hub == {"state": "running", "version": __version__, "pid": hub_pid(own_home)}


async def test_many_who_ask_at_once_get_one_hub(own_home, ask):
    answers = await asyncio.gather(*(ask("api/hub") for _ in range(8)))
    assert {answer.status for answer in answers} == {200}
    assert {answer.json["pid"] for answer in answers} == {hub_pid(own_home)}


async def test_the_status_says_that_a_hub_is_starting(own_home, ask):
    starting = asyncio.create_task(ask("hub/start", {}))
    seen = set()
    while not starting.done():
        seen.add((await ask("status")).json["hub"]["state"])
    assert "starting" in seen
    assert (await starting).json["hub"]["state"] == "running"


async def test_a_hub_that_was_stopped_here_is_not_started_by_who_only_reads(own_home, ask):
    await ask("hub/start", {})
    answer = await ask("hub/stop", {})
    assert answer.json["hub"] == {"state": "stopped"}
    for _ in range(2):
        refused = await ask("api/endpoints")
        assert (refused.status, refused.json["code"]) == (503, "hub_stopped")
    assert "Start" in refused.json["fix"]
    assert hub_pid(own_home) is None


async def test_who_still_sees_the_hub_that_is_being_stopped_does_not_start_it_again(
    own_home, ask, monkeypatch
):
    await ask("hub/start", {})
    before = running_hub(own_home)
    await ask("hub/stop", {})
    seen = iter([before])
    real = link.running_hub
    monkeypatch.setattr(link, "running_hub", lambda home: next(seen, None) or real(home))
    for _ in range(2):
        assert (await ask("api/endpoints")).json["code"] == "hub_stopped"
    assert hub_pid(own_home) is None


async def test_a_change_starts_a_hub_that_was_stopped_here(own_home, ask):
    await ask("hub/start", {})
    await ask("hub/stop", {})
    body = {"application": "billing", "endpoints": ["churn"], "expires_seconds": 60}
    assert (await ask("api/tokens", body)).status == 201
    assert hub_pid(own_home) is not None


async def test_a_hub_that_a_notebook_starts_after_the_stop_is_used(own_home, ask):
    await ask("hub/stop", {})
    with Hub.connect(home=own_home) as hub:
        assert (await ask("api/endpoints")).json == []
        hub.stop()
    # it was not stopped here, so reading brings it back
    assert (await ask("api/endpoints")).status == 200


async def test_starting_and_stopping_twice_changes_nothing(own_home, ask):
    first = (await ask("hub/start", {})).json["hub"]
    assert (await ask("hub/start", {})).json["hub"] == first
    for _ in range(2):
        assert (await ask("hub/stop", {})).json["hub"]["state"] == "stopped"


async def test_a_hub_that_cannot_start_says_why_and_is_not_tried_at_every_read(
    own_home, ask, monkeypatch
):
    tried = []
    real = link.start_hub
    monkeypatch.setattr(link, "start_hub", lambda home: tried.append(home) or real(home))
    monkeypatch.setenv("MLOPS_JUPYTER_PORT", "not a port")
    for _ in range(3):
        answer = await ask("api/endpoints")
        assert answer.status == 400 or answer.status == 503
        assert "port" in answer.json["reason"]
    assert len(tried) == 1
    hub = (await ask("status")).json["hub"]
    assert (hub["state"], "port" in hub["reason"], bool(hub["fix"])) == ("failed", True, True)
    monkeypatch.delenv("MLOPS_JUPYTER_PORT")
    assert (await ask("hub/start", {})).json["hub"]["state"] == "running"


async def test_a_hub_of_another_version_is_named_and_can_be_stopped(own_home, ask, monkeypatch):
    await ask("hub/start", {})
    monkeypatch.setattr(link, "__version__", "9.9.9")
    monkeypatch.setattr(routes, "__version__", "9.9.9")
    hub = (await ask("status")).json["hub"]
    assert (hub["state"], hub["version"]) == ("other_version", __version__)
    assert "9.9.9" in hub["reason"]
    answer = await ask("api/endpoints")
    assert (answer.status, answer.json["code"]) == (503, "hub_other_version")
    assert (await ask("hub/stop", {})).json["hub"]["state"] == "stopped"


async def test_a_hub_that_was_killed_is_replaced(own_home, ask):
    before = (await ask("api/hub")).json["pid"]
    os.kill(before, signal.SIGKILL)
    after = (await ask("api/hub")).json["pid"]
    assert after not in (None, before)


@pytest.fixture
def frozen(own_home):
    """A hub that runs and says nothing."""
    with Hub.connect(home=own_home):
        pid = hub_pid(own_home)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield pid
        finally:
            os.kill(pid, signal.SIGCONT)


async def test_a_hub_that_is_silent_is_told_from_one_that_is_not_there(frozen, ask, monkeypatch):
    monkeypatch.setattr(routes, "STATUS_SECONDS", 0.3)
    hub = (await ask("status")).json["hub"]
    assert hub["state"] == "failed"
    assert "does not answer" in hub["reason"]


async def test_an_address_of_ours_that_is_not_there_is_said_in_json(own_home, ask):
    for path in ("nothing", "hub", "endpoints/churn", "%3Cscript%3E", "registry/models/a/b"):
        answer = await ask(path)
        assert (answer.status, answer.json["code"]) == (404, "no_such_path"), path
