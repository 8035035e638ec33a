"""Endpoints on real workers: what is deployed answers, and what fails leaves what serves alone."""

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from mlops_jupyter.types import Conflict, InvalidInput, MlopsError, NotFound
from tests.hub.models import describe, save, spoil

FRAME = {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1.0, 2.0, 3.0]]}}
WAIT = 90.0


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Three models that answer 1, 2 and 3, and one that cannot be loaded (version 9)."""
    root = tmp_path_factory.mktemp("models")
    for version in (1, 2, 3):
        save(root / str(version), float(version))
    shutil.copytree(root / "1", root / "9")
    spoil(root / "9")
    return root


@pytest.fixture(scope="module")
def version(folders):
    return lambda number: describe(folders / str(number), "linear", number)


class Caller:
    """Calls endpoints as an application would."""

    def __init__(self, hub):
        token = (hub.home / "token").read_text().strip()
        self.client = httpx.Client(
            base_url=hub.url,
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=60,
        )

    def post(self, name):
        return self.client.post(f"/endpoints/{name}/invocations", json=FRAME)

    def predict(self, name):
        answer = self.post(name)
        assert answer.status_code == 200, answer.text
        return round(answer.json()["predictions"][0], 6)


@pytest.fixture(scope="module")
def caller(daemon):
    caller = Caller(daemon)
    yield caller
    caller.client.close()


def settled(hub, name, wanted, seconds=60.0):
    """Wait until the endpoint's status fits; the status."""
    deadline = time.monotonic() + seconds
    while True:
        status = hub.status(name)
        if wanted(status):
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.02)


def changes(hub, name):
    """(action, phase, status) of the endpoint's changes, oldest first."""
    found = hub.records(endpoint=name, kind="control", limit=200).records
    return [(one["action"], one["phase"], one.get("status")) for one in reversed(found)]


def test_a_deployed_version_answers_and_both_records_are_there(daemon, caller, version):
    status = daemon.deploy("first", version(1), wait=WAIT)
    assert (status.state, status.spec.revision) == ("ready", 1)
    assert status.url.endswith("/endpoints/first/invocations")
    assert caller.predict("first") == 1.0
    assert changes(daemon, "first") == [("deploy", "intent", None), ("deploy", "outcome", 200)]
    (call, *_) = daemon.records(endpoint="first", kind="prediction").records
    assert call["model"]["digest"] == version(1).digest


def test_without_waiting_the_answer_comes_at_once_and_calls_wait_for_the_model(
    daemon, caller, version
):
    status = daemon.deploy("later", version(1))
    assert status.state in ("pending", "loading", "ready")
    assert caller.predict("later") == 1.0
    settled(daemon, "later", lambda status: status.state == "ready")


def test_what_is_left_out_stays_as_it_was(daemon, version):
    daemon.deploy("kept", version(1), alias="champion", wait=WAIT)
    daemon.scale("kept", "fixed:2")
    spec = daemon.deploy("kept", version(2), wait=WAIT).spec
    assert (spec.alias, str(spec.scaling), spec.revision) == ("champion", "fixed:2", 3)


def test_a_swap_under_load_loses_no_request(daemon, caller, version):
    daemon.deploy("swap", version(1), wait=WAIT)
    stop, statuses, answers = threading.Event(), [], set()

    def load():
        client = Caller(daemon)
        while not stop.is_set():
            answer = client.post("swap")
            statuses.append(answer.status_code)
            if answer.status_code == 200:
                answers.add(round(answer.json()["predictions"][0]))
        client.client.close()

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in (2, 3, 1):
        daemon.deploy("swap", version(number), wait=WAIT)
    daemon.rollback("swap")
    stop.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    assert answers == {1, 2, 3}
    assert caller.predict("swap") == 3.0


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving(daemon, caller, version):
    daemon.deploy("safe", version(1), wait=WAIT)
    with pytest.raises(MlopsError) as caught:
        daemon.deploy("safe", version(9), wait=WAIT)
    assert caught.value.code == "load_failed"
    assert caught.value.reason
    assert caller.predict("safe") == 1.0
    status = daemon.status("safe")
    assert (status.state, status.spec.traffic.main, status.spec.revision) == ("ready", 1, 1)
    assert caught.value.reason in status.reason
    outcome = daemon.records(endpoint="safe", kind="control").records[0]
    assert (outcome["status"], outcome["error"]) == (caught.value.status, "load_failed")
    assert outcome["intent"]


def test_a_first_version_that_cannot_be_loaded_is_failed_and_can_be_replaced(
    daemon, caller, version
):
    with pytest.raises(MlopsError):
        daemon.deploy("broken", version(9), wait=WAIT)
    status = daemon.status("broken")
    assert status.state == "failed"
    assert status.reason
    assert caller.post("broken").status_code == 503
    assert daemon.deploy("broken", version(1), wait=WAIT).state == "ready"
    assert caller.predict("broken") == 1.0
    with pytest.raises(Conflict):
        daemon.rollback("broken")


def test_a_failure_nobody_waited_for_is_in_the_status(daemon, version):
    daemon.deploy("unwatched", version(9))
    status = settled(daemon, "unwatched", lambda status: status.state == "failed")
    assert status.reason


def test_of_two_deployments_at_once_one_wins_and_the_other_is_409(daemon, version):
    daemon.deploy("race", version(1), wait=WAIT)

    def attempt(number):
        try:
            return daemon.deploy("race", version(number), wait=WAIT).spec.traffic.main
        except Conflict as error:
            assert error.code == "change_under_way"
            assert "present revision is 1" in error.reason
            return None

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(attempt, (2, 3)))
    assert sorted(results, key=str) in ([2, None], [3, None])
    assert daemon.status("race").spec.revision == 2
    outcomes = [one for one in changes(daemon, "race") if one[1] == "outcome"]
    assert sorted(status for *_, status in outcomes) == [200, 200, 409]


def test_a_change_against_an_old_revision_is_409_with_the_present_one(daemon, version):
    daemon.deploy("cas", version(1), wait=WAIT)
    daemon.scale("cas", "fixed:2", revision=1)
    for change in (
        lambda: daemon.scale("cas", "fixed:1", revision=1),
        lambda: daemon.deploy("cas", version(2), revision=1),
        lambda: daemon.promote("cas", 1, revision=1),
        lambda: daemon.traffic("cas", {1: 100}, revision=0),
        lambda: daemon.rollback("cas", revision=7),
        lambda: daemon.undeploy("cas", revision=1),
    ):
        with pytest.raises(Conflict) as caught:
            change()
        assert caught.value.code == "revision_conflict"
        assert "revision is 2" in caught.value.reason


def test_scaling_starts_and_ends_replicas_and_says_why(daemon, version):
    daemon.deploy("scaled", version(1), wait=WAIT)
    daemon.scale("scaled", "fixed:3")
    status = settled(daemon, "scaled", lambda status: status.replicas[0].ready == 3)
    assert (status.state, status.replicas[0].desired) == ("ready", 3)
    daemon.scale("scaled", "fixed:1")
    settled(daemon, "scaled", lambda status: status.replicas[0].ready == 1)


def test_a_serverless_endpoint_goes_to_zero_and_the_next_call_wakes_it(daemon, caller, version):
    daemon.deploy("idle", version(1), wait=WAIT)
    daemon.scale("idle", "serverless:0-2,idle=1s")
    settled(daemon, "idle", lambda status: status.state == "idle" and not status.replicas[0].ready)
    assert caller.predict("idle") == 1.0
    assert daemon.status("idle").replicas[0].ready == 1


def test_traffic_is_divided_and_a_shadow_is_only_recorded(daemon, caller, version):
    daemon.deploy("split", version(1), wait=WAIT)
    versions = [version(2), version(3)]
    status = daemon.traffic("split", {1: 50, 2: 50}, shadows=[3], versions=versions)
    assert {one.version for one in status.replicas} == {1, 2, 3}
    assert {caller.predict("split") for _ in range(40)} == {1.0, 2.0}
    calls = daemon.records(endpoint="split", kind="prediction", limit=100).records
    shadows = [one for one in calls if one.get("shadow")]
    assert {one["model"]["version"] for one in shadows} == {3}
    assert {one["model"]["version"] for one in calls if not one.get("shadow")} == {1, 2}


@pytest.mark.parametrize("weights", [{1: 50}, {1: 100, 2: -1}, {}, {77: 100}])
def test_traffic_that_cannot_be_is_refused(daemon, version, weights):
    if "refused" not in [one.spec.name for one in daemon.endpoints()]:
        daemon.deploy("refused", version(1), wait=WAIT)
    with pytest.raises(MlopsError) as caught:
        daemon.traffic("refused", weights)
    assert caught.value.status in (400, 404)
    assert daemon.status("refused").spec.revision == 1


def test_promote_gives_all_traffic_and_rollback_goes_back_a_step_at_a_time(daemon, caller, version):
    daemon.deploy("ladder", version(1), wait=WAIT)
    daemon.add_version(version(2))
    status = daemon.promote("ladder", 2, alias="champion")
    assert (status.spec.traffic.weights, status.spec.alias) == ({2: 100}, "champion")
    assert (caller.predict("ladder"), status.previous) == (2.0, (1,))
    daemon.add_version(version(3))
    daemon.promote("ladder", 3)
    assert daemon.rollback("ladder").spec.traffic.main == 2
    assert daemon.rollback("ladder").spec.traffic.main == 1
    assert caller.predict("ladder") == 1.0
    with pytest.raises(Conflict) as caught:
        daemon.rollback("ladder")
    assert caught.value.code == "nothing_before"


def test_what_is_undeployed_is_remembered_and_can_be_deployed_again(daemon, caller, version):
    daemon.deploy("gone", version(1), wait=WAIT)
    assert daemon.undeploy("gone").state == "undeployed"
    assert caller.post("gone").status_code == 404
    with pytest.raises(Conflict) as caught:
        daemon.scale("gone", "fixed:2")
    assert caught.value.code == "undeployed"
    assert daemon.rollback("gone").state == "ready"
    assert caller.predict("gone") == 1.0
    daemon.undeploy("gone")
    assert daemon.deploy("gone", version(2), wait=WAIT).state == "ready"
    assert caller.predict("gone") == 2.0


def test_a_version_whose_bytes_changed_is_not_deployed(daemon, version, folders):
    shutil.copytree(folders / "1", folders / "8")
    described = version(8)
    daemon.add_version(described)
    (folders / "8" / "MLmodel").write_text("changed")
    with pytest.raises(Conflict) as caught:
        daemon.deploy("tampered", described, wait=WAIT)
    assert caught.value.code == "version_changed"
    with pytest.raises(NotFound):
        daemon.status("tampered")


def test_a_model_without_signature_is_refused(daemon, version):
    from dataclasses import replace

    bare = replace(version(1), model="bare", signature=None)
    with pytest.raises(InvalidInput) as caught:
        daemon.deploy("bare", bare, wait=WAIT)
    assert caught.value.code == "no_signature"


def test_another_target_and_too_many_gpus_are_refused(daemon, version):
    with pytest.raises(MlopsError) as caught:
        daemon.deploy("far", version(1), target="moon")
    assert caught.value.code == "unknown_target"
    with pytest.raises(MlopsError) as caught:
        daemon.deploy("far", version(1), gpu=8)
    assert caught.value.status in (400, 503)
    assert "GPU" in str(caught.value)


def test_a_worker_that_dies_is_replaced(daemon, caller, version):
    daemon.deploy("mortal", version(1), wait=WAIT)
    before = workers(daemon)
    daemon.scale("mortal", "fixed:2")
    settled(daemon, "mortal", lambda status: status.replicas[0].ready == 2)
    (victim,) = workers(daemon) - before
    psutil.Process(victim).kill()
    settled(daemon, "mortal", lambda status: status.replicas[0].ready == 2 and gone(victim))
    assert caller.predict("mortal") == 1.0


def gone(pid):
    return not psutil.pid_exists(pid)


def workers(hub):
    """Process ids below the hub that have no children of their own."""
    every = psutil.Process(hub.connection.hub.pid).children(recursive=True)
    return {one.pid for one in every if one.is_running() and not one.children()}


def test_the_workers_output_can_be_read(daemon, caller, version):
    daemon.deploy("talks", version(1), wait=WAIT)
    assert isinstance(daemon.log("talks"), str)
    assert daemon.log("talks", version=77) == ""
