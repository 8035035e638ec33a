"""Changes of scale: they end at what was asked for, and say what is so meanwhile and after."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from mlops_jupyter.scaling import TICK_SECONDS
from mlops_jupyter.types import InvalidRequest, ScalingPolicy
from tests.hub.models import describe, hold, save

WAIT = 90.0
parse = ScalingPolicy.parse


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def version(root):
    """Two versions whose loading waits while the gate is shut."""
    for number in (1, 2):
        save(root / str(number), float(number))
        hold(root / str(number), root / "gate")
    return lambda number: describe(root / str(number), "linear", number)


@pytest.fixture
def gate(root):
    """Shut for as long as it is held."""

    @contextmanager
    def shut():
        (root / "gate").touch()
        try:
            yield
        finally:
            (root / "gate").unlink()

    return shut


def settled(hub, name, wanted, seconds=60.0):
    """Wait until the endpoint's status fits; the status."""
    deadline = time.monotonic() + seconds
    while True:
        status = hub.status(name)
        if wanted(status):
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.02)


def loading(status):
    return status.replicas[0].pending > 0


def test_a_deployment_with_more_replicas_returns_when_all_of_them_answer(daemon, version, gate):
    daemon.deploy("wider", version(1), wait=WAIT)
    with ThreadPoolExecutor(1) as pool:
        with gate():
            change = pool.submit(
                daemon.deploy, "wider", version(1), scaling=parse("fixed:2"), wait=WAIT
            )
            settled(daemon, "wider", loading)
            time.sleep(TICK_SECONDS * 1.5)  # what went wrong went wrong at the autoscaler's tick
            assert not change.done()
        status = change.result()
    assert (status.state, status.replicas[0].ready) == ("ready", 2)
    assert "fixed at 2" in status.reason


def test_replicas_on_their_way_are_counted_in_the_reason_and_are_no_degradation(
    daemon, version, gate
):
    daemon.deploy("grows", version(1), wait=WAIT)
    with gate():
        status = daemon.scale("grows", "fixed:2")
        assert (status.state, status.reason) == ("ready", "1 of 2 replicas ready, 1 is loading")
        status = daemon.scale("grows", "fixed:3")
        assert (status.state, status.reason) == ("ready", "1 of 3 replicas ready, 2 are loading")
    settled(daemon, "grows", lambda status: status.reason == "fixed at 3")


def test_a_first_serverless_deployment_is_not_taken_back_while_it_loads(daemon, version, gate):
    with gate():
        daemon.deploy("sleepy", version(1), scaling=parse("serverless:0-1"))
        time.sleep(TICK_SECONDS * 1.5)
        assert daemon.status("sleepy").state in ("pending", "loading")
        assert daemon.status("sleepy").replicas[0].desired == 1
    status = settled(daemon, "sleepy", lambda status: status.state == "ready")
    assert status.replicas[0].ready == 1


def test_up_and_down_in_a_row_ends_at_the_last_wish(daemon, version, gate):
    daemon.deploy("row", version(1), wait=WAIT)
    with gate():
        for count in (8, 1, 5, 1):
            daemon.scale("row", f"fixed:{count}")
    status = settled(daemon, "row", lambda status: not loading(status))
    deadline = time.monotonic() + TICK_SECONDS * 1.5
    while time.monotonic() < deadline:
        status = daemon.status("row")
        assert (status.replicas[0].ready, status.replicas[0].desired) == (1, 1)
        time.sleep(0.05)


def test_the_reason_is_that_of_the_present_policy_after_every_change(daemon, version):
    assert daemon.deploy("why", version(1), wait=WAIT).reason == "fixed at 1"
    status = daemon.deploy("why", version(1), scaling=parse("serverless:0-2,idle=300s"), wait=WAIT)
    assert "no load, the last one stays for another" in status.reason
    status = daemon.deploy("why", version(1), scaling=parse("elastic:1-2"), wait=WAIT)
    assert status.reason == "no load, the minimum is 1"
    assert (
        daemon.deploy("why", version(2), scaling=parse("fixed:1"), wait=WAIT).reason == "fixed at 1"
    )
    assert daemon.promote("why", 1).reason == "fixed at 1"
    daemon.traffic("why", {1: 50, 2: 50})
    assert daemon.status("why").reason == "fixed at 1"
    assert daemon.rollback("why").reason == "fixed at 1"


def test_more_replicas_than_the_machine_holds_are_refused_before_anything_changes(daemon, version):
    daemon.deploy("modest", version(1), wait=WAIT)
    for change in (
        lambda: daemon.scale("modest", "fixed:500"),
        lambda: daemon.scale("modest", "elastic:1-1000"),
        lambda: daemon.deploy("modest", version(2), scaling=parse("serverless:0-999")),
        lambda: daemon.deploy("greedy", version(1), scaling=parse("fixed:500")),
    ):
        with pytest.raises(InvalidRequest) as caught:
            change()
        assert caught.value.code == "too_many_replicas"
        assert "processors" in caught.value.reason
        assert "MLOPS_JUPYTER_MAX_REPLICAS" in caught.value.fix
    assert daemon.status("modest").spec.revision == 1
    assert "greedy" not in [one.spec.name for one in daemon.endpoints()]
