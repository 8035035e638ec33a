"""State and its record commit together or not at all, and revisions are compared before a swap."""

from dataclasses import replace

import pytest

from mlops_jupyter.hub import records
from mlops_jupyter.hub.state import HISTORY, State, StoredEndpoint
from mlops_jupyter.types import Conflict, EndpointSpec, ScalingPolicy, Traffic


def endpoint(version=1, name="churn"):
    return StoredEndpoint(EndpointSpec(name, "churn", Traffic({version: 100})))


def record(action="deploy"):
    return records.control("outcome", action, None, "churn")


def served(stored, version):
    spec = replace(stored.spec, traffic=Traffic({version: 100}), deployed=True)
    return stored.changed(spec, "user:ada", served=True)


def test_what_is_saved_is_there_after_a_restart(books):
    spec = EndpointSpec(
        "churn", "churn", Traffic({3: 90, 4: 10}, (5,)), ScalingPolicy("elastic", 1, 4)
    )
    stored = StoredEndpoint(spec).changed(spec, "user:ada", served=True)
    books.state.save_endpoint(stored, record())
    again = State(books.engine, books.reader, books.ledger)
    assert again.endpoints() == [stored]
    assert stored.spec.revision == 1


def test_a_change_and_its_record_are_one_transaction(books):
    stored = endpoint().changed(endpoint().spec, "user:ada", served=True)
    books.state.save_endpoint(stored, record())
    size = books.ledger.size
    with pytest.raises(Conflict):
        books.state.save_endpoint(stored, record())
    assert books.ledger.size == size
    assert [one["action"] for one in books.records()] == ["deploy"]


def test_a_change_against_an_old_revision_is_refused_and_names_the_present_one(books):
    first = endpoint().changed(endpoint().spec, "user:ada", served=True)
    books.state.save_endpoint(first, record())
    books.state.save_endpoint(served(first, 2), record())
    with pytest.raises(Conflict) as caught:
        books.state.save_endpoint(served(first, 3), record())
    assert caught.value.code == "revision_conflict"
    assert "2" in caught.value.reason
    assert books.state.endpoints()[0].spec.traffic == Traffic({2: 100})


def test_history_holds_what_served_and_rollback_goes_back_a_step_at_a_time():
    stored = endpoint(1)
    for version in (1, 2, 3):
        stored = served(stored, version)
    assert [one.traffic.main for one in stored.history] == [1, 2]
    stored = stored.rolled_back("user:ada", served=True)
    assert stored.spec.traffic == Traffic({2: 100})
    stored = stored.rolled_back("user:ada", served=True)
    assert stored.spec.traffic == Traffic({1: 100})
    assert stored.history == ()


def test_what_never_answered_is_not_something_to_roll_back_to():
    stored = served(endpoint(1), 1)
    failed = replace(served(stored, 2), served=False)
    assert [one.traffic.main for one in served(failed, 3).history] == [1]


def test_undeploying_is_remembered_once():
    stored = served(endpoint(1), 1)
    gone = stored.changed(replace(stored.spec, deployed=False), "user:ada", served=False)
    assert [one.traffic.main for one in gone.history] == [1]
    assert [one.traffic.main for one in served(gone, 2).history] == [1]
    back = gone.rolled_back("user:ada", served=True)
    assert back.spec.deployed
    assert back.spec.traffic == Traffic({1: 100})


def test_scaling_is_nothing_to_roll_back():
    stored = served(endpoint(1), 1)
    scaled = stored.changed(
        replace(stored.spec, scaling=ScalingPolicy("fixed", 3, 3)), "user:ada", served=True
    )
    assert scaled.history == ()


def test_history_is_bounded():
    stored = endpoint(1)
    for version in range(1, HISTORY + 20):
        stored = served(stored, version)
    assert len(stored.history) == HISTORY


def test_settings_are_kept_and_replaced(books):
    assert books.state.setting("port") is None
    books.state.save_setting("port", "1234")
    books.state.save_setting("port", "1235")
    assert books.state.setting("port") == "1235"
