"""Who listens hears of every change once, not too often, and always of the last one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.hub.notices import STEP_SECONDS, Notices


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Ear:
    """A listener, and how often it was woken."""

    def __init__(self, notices):
        self.woken = 0
        self.listener = notices.listen(self._wake)

    def _wake(self):
        self.woken += 1

    def take(self):
        return self.listener.take()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def notices(clock):
    return Notices(clock)


@pytest.fixture
def ear(notices):
    return Ear(notices)


def test_a_first_change_is_told_at_once(notices, ear):
    notices.records(7)
    assert ear.listener.wait() == 0.0
    assert ear.take() == [{"event": "records", "size": 7}]
    assert ear.take() == []
    assert ear.listener.wait() is None


def test_many_changes_become_the_last_one_and_one_wake(notices, ear, clock):
    for size in range(1000):
        notices.records(size)
    assert ear.woken == 1
    assert ear.take() == [{"event": "records", "size": 999}]
    clock.now += 0.01
    for size in range(1000, 2000):
        notices.records(size)
    assert ear.woken == 2
    assert ear.take() == []
    assert ear.listener.wait() == pytest.approx(STEP_SECONDS - 0.01)
    clock.now += STEP_SECONDS
    assert ear.take() == [{"event": "records", "size": 1999}]


def test_one_subject_does_not_hold_up_another(notices, ear):
    notices.records(1)
    ear.take()
    notices.records(2)
    notices.version("churn")
    notices.endpoint("churn", "ready")
    assert ear.take() == [
        {"event": "version", "model": "churn"},
        {"event": "endpoint", "name": "churn"},
    ]


def test_an_endpoint_that_is_as_it_was_is_no_event(notices, ear, clock):
    notices.endpoint("churn", "ready")
    ear.take()
    clock.now += 1.0
    notices.endpoint("churn", "ready")
    assert ear.take() == []
    notices.endpoint("churn", "idle")
    assert ear.take() == [{"event": "endpoint", "name": "churn"}]


def test_every_listener_hears_everything_from_its_beginning_on(notices, ear):
    notices.version("early")
    late = Ear(notices)
    notices.version("late")
    assert [one["model"] for one in ear.take()] == ["early", "late"]
    assert [one["model"] for one in late.take()] == ["late"]


def test_who_has_left_is_told_nothing_and_holds_nothing(notices, ear):
    assert notices.heard
    notices.leave(ear.listener)
    notices.leave(ear.listener)
    notices.records(1)
    assert not notices.heard
    assert (ear.woken, ear.take()) == (0, [])


def test_a_listener_that_takes_nothing_holds_one_event_a_subject(notices, ear):
    for turn in range(500):
        notices.records(turn)
        for name in ("a", "b", "c"):
            notices.endpoint(name, turn)
    assert len(ear.take()) == 4


def test_the_end_wakes_everybody(notices, ear):
    other = Ear(notices)
    notices.close()
    assert notices.closed
    assert (ear.woken, other.woken) == (1, 1)


@given(
    st.lists(
        st.tuples(st.sampled_from(["records", "a", "b"]), st.floats(0.0, 0.4), st.booleans()),
        max_size=60,
    )
)
def test_however_changes_come_none_is_lost_and_none_is_told_too_soon(changes):
    clock = Clock()
    notices = Notices(clock)
    ear = Ear(notices)
    last, told = {}, {}

    def take():
        for event in ear.take():
            subject = event.get("name", "records")
            if subject in told:
                assert clock.now - told[subject][0] >= STEP_SECONDS
            told[subject] = (clock.now, event.get("size"))

    for number, (subject, pause, takes) in enumerate(changes):
        clock.now += pause
        last[subject] = number if subject == "records" else None
        if subject == "records":
            notices.records(number)
        else:
            notices.endpoint(subject, number)
        if takes:
            take()
    while (wait := ear.listener.wait()) is not None:
        clock.now += wait + 1e-6
        take()
    assert {subject: value for subject, (_, value) in told.items()} == last
