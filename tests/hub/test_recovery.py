"""After kill -9 of the hub everything that was acknowledged is there, and endpoints come back."""

import os
import signal

import httpx
import psutil
import pytest

from mlops_jupyter.client.hub import Hub
from tests.hub.models import describe, save, stall

FRAME = {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1.0, 2.0, 3.0]]}}


@pytest.fixture
def hub(tmp_path):
    hub = Hub.connect(home=tmp_path / "state")
    yield hub
    hub.stop()


def kill(hub):
    """kill -9, and wait until the process and everything below it have gone."""
    main = psutil.Process(hub.connection.hub.pid)
    below = main.children(recursive=True)
    os.kill(main.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs([main, *below], timeout=30)
    hub.close()
    return alive


def post(hub, name):
    token = (hub.home / "token").read_text().strip()
    return httpx.post(
        f"{hub.url}/endpoints/{name}/invocations",
        json=FRAME,
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=60,
    )


def predict(hub, name):
    answer = post(hub, name)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"], answer.headers["X-Request-Id"]


def test_endpoints_come_back_with_what_was_decided(hub, tmp_path):
    for number in (1, 2):
        save(tmp_path / str(number), float(number))
    versions = [describe(tmp_path / str(number), "linear", number) for number in (1, 2)]
    hub.deploy("churn", versions[0], wait=90)
    hub.deploy("churn", versions[1], wait=90)
    hub.deploy("other", versions[0], wait=90)
    hub.undeploy("other")
    token = hub.create_token("billing", ["churn"], 600)
    _, request = predict(hub, "churn")
    url = hub.url

    assert kill(hub) == [], "no worker outlives the hub"

    assert {one.spec.name: one.spec.deployed for one in hub.endpoints()} == {
        "churn": True,
        "other": False,
    }
    assert hub.url == url
    refused = post(hub, "other")
    assert (refused.status_code, refused.json()["code"]) == (404, "undeployed")
    status = hub.status("churn")
    assert (status.spec.traffic.main, status.spec.revision, status.previous) == (2, 2, (1,))
    answer, _ = predict(hub, "churn")
    assert [round(value) for value in answer] == [2]
    assert hub.record(request).record["status"] == 200
    assert hub.tokens()[0].token_id == token.token_id
    assert hub.verify().ok
    assert hub.rollback("churn").spec.traffic.main == 1


def test_a_change_under_way_is_closed_as_unknown_and_what_served_serves(hub, tmp_path):
    save(tmp_path / "1", 1.0)
    save(tmp_path / "2", 2.0)
    # loading takes until somebody writes to the pipe: so the hub is killed in the middle
    os.mkfifo(tmp_path / "pipe")
    stall(tmp_path / "2", tmp_path / "pipe")
    hub.deploy("churn", describe(tmp_path / "1", "linear", 1), wait=90)
    status = hub.deploy("churn", describe(tmp_path / "2", "linear", 2))
    assert status.state == "ready"
    assert "2" in status.reason
    kill(hub)
    (record, *_) = hub.records(endpoint="churn", kind="control").records
    assert (record["phase"], record["error"]) == ("outcome", "unknown")
    assert predict(hub, "churn")[0] == pytest.approx([1.0])
    assert hub.status("churn").spec.revision == 1
