"""Whom the owner says he acts for is in every record of what he did, beside his own name."""

import json

import pytest

from mlops_jupyter.client import Hub
from tests.hub.models import describe, save

ALICE = {"sub": "user:alice", "method": "jupyterhub"}
HEADER = {"X-Mlops-On-Behalf-Of": json.dumps(ALICE)}
FRAME = {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1.0, 2.0, 3.0]]}}


@pytest.fixture(scope="module")
def alice(daemon):
    with Hub.connect(home=daemon.home, start=False, on_behalf_of=ALICE) as hub:
        yield hub


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    folders = [tmp_path_factory.mktemp("models") / str(number) for number in (1, 2)]
    for number, folder in enumerate(folders, 1):
        save(folder, float(number))
    return [describe(folder, "linear", number) for number, folder in enumerate(folders, 1)]


@pytest.fixture(scope="module")
def served(daemon, alice, versions):
    alice.deploy("linear", versions[0], wait=90)
    return "linear"


def newest(hub, **filters):
    return hub.records(limit=1, **filters).records[0]


def test_the_hub_says_for_whom_and_who_is_answerable(daemon, alice):
    who = alice.whoami()
    assert who.on_behalf_of == ALICE
    assert (who.subject, who.rights) == (daemon.whoami().subject, daemon.whoami().rights)
    assert daemon.whoami().on_behalf_of is None


def test_a_change_is_recorded_with_both(daemon, alice, served):
    found = daemon.records(endpoint=served, kind="control").records
    assert [one["on_behalf_of"] for one in found] == [ALICE, ALICE]
    assert {one["actor"]["sub"] for one in found} == {daemon.whoami().subject}
    daemon.scale(served, "fixed:1")
    assert "on_behalf_of" not in newest(daemon, endpoint=served)


def test_whose_wish_a_change_was_is_who_changed_the_endpoint_last(daemon, alice, versions):
    first, second = versions
    changes = {
        "deploy": lambda hub: hub.deploy("wished", first, wait=90),
        "scale": lambda hub: hub.scale("wished", "fixed:1"),
        "promote": lambda hub: hub.promote("wished", 1),
        "traffic": lambda hub: hub.traffic("wished", {1: 50, 2: 50}, versions=[second]),
        "rollback": lambda hub: hub.rollback("wished"),
        "undeploy": lambda hub: hub.undeploy("wished"),
    }
    said = {}
    for verb, change in changes.items():
        change(alice)
        said[verb] = daemon.status("wished").updated_by
        if verb != "undeploy":
            daemon.scale("wished", "fixed:1")
            assert daemon.status("wished").updated_by == daemon.whoami().subject
    assert said == dict.fromkeys(changes, ALICE["sub"])


def test_an_access_is_recorded_with_both(daemon, alice):
    alice.create_token("reports", ["other"], 60)
    assert newest(daemon, kind="access")["on_behalf_of"] == ALICE


def test_a_prediction_is_recorded_with_both_and_the_next_one_without(daemon, alice, served):
    alice.predict(served, [[1.0, 2.0, 3.0]])
    assert newest(daemon, kind="prediction")["on_behalf_of"] == ALICE
    daemon.predict(served, [[1.0, 2.0, 3.0]])
    assert "on_behalf_of" not in newest(daemon, kind="prediction")


def test_a_prediction_that_fails_is_recorded_with_both(daemon, http, local, served):
    answer = http.post("/endpoints/linear/invocations", content=b"{", headers={**local, **HEADER})
    assert answer.status_code == 400
    assert newest(daemon, kind="prediction")["on_behalf_of"] == ALICE


def test_a_call_whose_body_is_too_large_is_recorded_with_both(daemon, http, local, served):
    body = b"x" * (17 << 20)
    answer = http.post("/endpoints/linear/invocations", content=body, headers={**local, **HEADER})
    assert answer.status_code == 413
    assert newest(daemon, kind="prediction")["on_behalf_of"] == ALICE


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/whoami"),
        ("POST", "/endpoints/other/scale"),
        ("GET", "/audit/records"),
        ("GET", "/events"),
        ("GET", "/v2"),
        ("GET", "/metrics"),
        ("GET", "/v2/models/other"),
    ],
)
def test_an_application_speaks_for_nobody(http, billing, method, path):
    answer = http.request(method, path, content=b"{}", headers={**billing, **HEADER})
    assert answer.status_code == 403
    if not path.startswith("/v2"):
        assert answer.json()["code"] == "on_behalf_of_not_allowed"


def test_an_applications_call_for_another_is_refused_and_recorded_as_its_own(daemon, http, served):
    token = daemon.create_token("shop", [served], 600).token
    headers = {"Authorization": f"Bearer {token}", **HEADER}
    answer = http.post("/endpoints/linear/invocations", json=FRAME, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "on_behalf_of_not_allowed")
    record = newest(daemon, kind="prediction")
    assert (record["actor"]["sub"], record["error"]) == ("app:shop", "on_behalf_of_not_allowed")
    assert "on_behalf_of" not in record


def test_an_applications_change_for_another_is_recorded_as_its_own(daemon, http, billing):
    http.post("/endpoints/other/rollback", content=b"{}", headers={**billing, **HEADER})
    record = newest(daemon, kind="control")
    assert (record["actor"]["sub"], record["status"]) == ("app:billing", 403)
    assert record["error"] == "on_behalf_of_not_allowed"


@pytest.mark.parametrize("said", ["", "alice", "{}", json.dumps(ALICE | {"sub": "x" * 600})])
def test_words_that_cannot_be_understood_change_nothing(daemon, http, local, said):
    size = daemon.info().ledger["size"]
    headers = {**local, "X-Mlops-On-Behalf-Of": said}
    for path in ("/whoami", "/v2", "/endpoints"):
        answer = http.get(path, headers=headers)
        assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_on_behalf_of"
    assert daemon.info().ledger["size"] == size


def test_without_a_proof_the_words_open_nothing(http):
    assert http.get("/whoami", headers=HEADER).status_code == 401
    assert http.get("/healthz", headers=HEADER).status_code == 200
