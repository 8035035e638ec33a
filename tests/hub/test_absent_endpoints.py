"""Calls and changes of endpoints that are not there: said plainly, and recorded."""

import pytest

from mlops_jupyter.types import Conflict, NotFound
from tests.hub.models import describe, save

FRAME = {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1.0, 2.0, 3.0]]}}
INFER = {"inputs": [{"name": "a", "shape": [1, 1], "datatype": "FP64", "data": [1.0]}]}


@pytest.fixture(scope="module")
def tumor(daemon, tmp_path_factory):
    """Two endpoints of one model, both undeployed."""
    folder = tmp_path_factory.mktemp("models") / "1"
    save(folder, 1.0)
    version = describe(folder, "tumor", 1)
    for name in ("tumor", "growth"):
        daemon.deploy(name, version, wait=90)
        daemon.undeploy(name)
    daemon.deploy("standing", version, wait=90)
    return version


def records(daemon, name):
    return daemon.records(endpoint=name, kind="prediction").records


def test_a_call_of_an_undeployed_endpoint_says_so_and_how_to_bring_it_back(
    daemon, http, local, tumor
):
    answer = http.post("/endpoints/tumor/invocations", json=FRAME, headers=local)
    assert answer.status_code == 404
    said = answer.json()
    assert (said["code"], said["message"]) == ("undeployed", "Endpoint 'tumor' is undeployed.")
    assert said["fix"] == "Bring it back: %deploy tumor/1."
    said = http.post("/endpoints/growth/invocations", json=FRAME, headers=local).json()
    assert said["fix"] == "Bring it back: %deploy tumor/1 --as growth."


@pytest.mark.parametrize(
    ("path", "body"),
    [("/endpoints/{}/invocations", FRAME), ("/v2/models/{}/infer", INFER)],
)
@pytest.mark.parametrize(
    ("name", "code"), [("tumor", "undeployed"), ("nobody", "endpoint_not_found")]
)
def test_a_refused_call_is_recorded(daemon, http, local, tumor, path, body, name, code):
    before = len(records(daemon, name))
    answer = http.post(path.format(name), json=body, headers=local)
    assert answer.status_code == 404
    (record, *others) = records(daemon, name)
    assert len(others) == before
    assert (record["id"], record["status"]) == (answer.headers["X-Request-Id"], 404)
    assert record["error"] == code


def test_to_look_at_what_is_not_there_is_no_prediction(daemon, http, local, tumor):
    before = len(records(daemon, "tumor"))
    answer = http.get("/v2/models/tumor", headers=local)
    assert answer.status_code == 404
    assert "undeployed" in answer.text
    assert len(records(daemon, "tumor")) == before


def test_a_slip_of_the_pen_is_answered_with_the_near_name_alone(daemon, http, local, tumor):
    said = http.post("/endpoints/standin/invocations", json=FRAME, headers=local).json()
    assert (said["reason"], said["fix"]) == ("", "Did you mean 'standing'?")
    with pytest.raises(NotFound) as caught:
        daemon.status("standin")
    assert caught.value.fix == "Did you mean 'standing'?"


def test_a_name_that_is_near_to_none_is_answered_with_how_to_deploy_it(daemon, http, local, tumor):
    said = http.post("/endpoints/zzz/invocations", json=FRAME, headers=local).json()
    assert said["fix"] == "Deploy it: %deploy zzz."


def test_who_undeploys_what_is_not_there_is_not_told_to_deploy_it(daemon, tumor):
    with pytest.raises(NotFound) as caught:
        daemon.undeploy("zzz")
    assert "%deploy" not in str(caught.value)
    with pytest.raises(NotFound) as caught:
        daemon.undeploy("standin")
    assert caught.value.fix == "Did you mean 'standing'?"


def test_an_undeployed_endpoint_that_serves_again_is_no_longer_said_to_be_undeployed(
    daemon, http, local, tumor
):
    daemon.deploy("tumor", tumor, wait=90)
    assert http.post("/endpoints/tumor/invocations", json=FRAME, headers=local).status_code == 200
    daemon.undeploy("tumor")
    with pytest.raises(Conflict) as caught:
        daemon.undeploy("tumor")
    assert caught.value.code == "undeployed"
