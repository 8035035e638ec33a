"""The chart of an endpoint's last minutes, from counters that a call updates anyway."""

import pytest

from mlops_jupyter.hub.history import MAX_SECONDS, STEP_SECONDS, History
from mlops_jupyter.serving.gateway import Gateway


class Meter:
    """Endpoints with counters that a test sets."""

    def __init__(self):
        self.calls = {}
        self.took = {}

    def __call__(self, name, _moment):
        return self.calls.get(name, 0), self.took.get(name, [])


@pytest.fixture
def meter():
    return Meter()


def test_a_step_has_its_rate_and_its_p99(meter):
    history = History(100.0)
    meter.calls["churn"] = 200
    meter.took["churn"] = [0.001] * 197 + [0.010, 0.020, 0.500]
    history.sample(105.0, ["churn"], meter)
    assert history.of("churn", 300) == ([40.0], [pytest.approx(10.0)])


def test_a_step_without_calls_has_no_p99(meter):
    history = History(0.0)
    meter.calls["churn"] = 10
    meter.took["churn"] = [0.001]
    history.sample(5.0, ["churn"], meter)
    history.sample(10.0, ["churn"], meter)
    assert history.of("churn", 300) == ([2.0, 0.0], [pytest.approx(1.0), None])


def test_nothing_is_sampled_before_a_step_is_over(meter):
    history = History(0.0)
    history.sample(4.9, ["churn"], meter)
    assert history.of("churn", 300) == ([], [])


def test_a_step_that_took_longer_is_still_a_rate_per_second(meter):
    history = History(0.0)
    meter.calls["churn"] = 60
    meter.took["churn"] = [0.001]
    history.sample(6.0, ["churn"], meter)
    assert history.of("churn", 300)[0] == [10.0]


def test_more_calls_than_are_remembered_one_by_one_are_all_in_the_rate(meter):
    history = History(0.0)
    meter.calls["churn"] = 50_000
    meter.took["churn"] = [0.001] * 4096
    history.sample(5.0, ["churn"], meter)
    assert history.of("churn", 300)[0] == [10_000.0]


def test_only_as_far_back_as_was_asked_and_never_more_than_an_hour(meter):
    history = History(0.0)
    for step in range(1, 1000):
        meter.calls["churn"] = step
        meter.took["churn"] = [0.001]
        history.sample(step * STEP_SECONDS, ["churn"], meter)
    assert len(history.of("churn", 300)[0]) == 60
    assert len(history.of("churn", 5)[0]) == 1
    assert len(history.of("churn", 10 * MAX_SECONDS)[0]) == MAX_SECONDS / STEP_SECONDS


def test_an_endpoint_that_was_never_seen_has_no_past(meter):
    assert History(0.0).of("nothing", 300) == ([], [])


@pytest.fixture
def gateway():
    """A gateway that has no ledger and serves nobody, for its counters."""
    return Gateway(None, None, None, host_allowed=lambda _: False)


def test_the_gateway_tells_the_latest_calls_newest_first(gateway):
    assert gateway.since("churn", 0.0) == (0, [])
    gateway.observe("churn")
    meter = gateway._meters["churn"]
    for moment in range(10):
        meter.count(1, 200, float(moment), moment / 100)
    assert gateway.since("churn", 6.5) == (10, [0.09, 0.08, 0.07])
    assert gateway.since("churn", 9.0) == (10, [])


def test_the_gateway_counts_more_calls_than_it_remembers(gateway):
    gateway.observe("churn")
    meter = gateway._meters["churn"]
    for moment in range(1, 10_001):
        meter.count(1, 200, float(moment), 0.001)
    calls, took = gateway.since("churn", 0.0)
    assert calls == 10_000
    assert 4000 < len(took) <= 4096
