"""Replicas are divided among versions by their weights, and no version is left without."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.hub.live import LiveEndpoint, share
from mlops_jupyter.hub.state import StoredEndpoint
from mlops_jupyter.types import EndpointSpec, ScalingPolicy, Traffic


@st.composite
def traffics(draw):
    cuts = sorted(draw(st.sets(st.integers(1, 99), max_size=4)))
    bounds = [0, *cuts, 100]
    weights = {v + 1: b - a for v, (a, b) in enumerate(pairwise(bounds))}
    shadows = draw(st.sets(st.integers(50, 55), max_size=2))
    return Traffic(weights, tuple(sorted(shadows)))


def test_by_weight():
    assert share(10, Traffic({1: 90, 2: 10})) == {1: 9, 2: 1}
    assert share(3, Traffic({1: 50, 2: 50})) in ({1: 2, 2: 1}, {1: 1, 2: 2})
    assert share(4, Traffic({1: 100})) == {1: 4}


def test_a_version_with_little_traffic_still_has_a_replica():
    assert share(1, Traffic({1: 99, 2: 1})) == {1: 1, 2: 1}


def test_a_version_without_traffic_has_none():
    assert share(3, Traffic({1: 100, 2: 0})) == {1: 3}


def test_at_zero_nobody_has_any_not_even_a_shadow():
    assert share(0, Traffic({1: 90, 2: 10}, (3,))) == {1: 0, 2: 0, 3: 0}


def test_a_shadow_has_one_of_its_own():
    assert share(4, Traffic({1: 100}, (3,))) == {1: 4, 3: 1}


@given(st.integers(1, 50), traffics())
def test_the_shares_add_up_and_follow_the_weights(total, traffic):
    shares = share(total, traffic)
    assert set(shares) == set(traffic.versions)
    serving = {v: shares[v] for v in traffic.weights}
    assert all(count >= 1 for count in serving.values())
    assert sum(serving.values()) == max(total, len(serving))
    for version, count in serving.items():
        assert count <= max(1, total * traffic.weights[version] / 100 + 1)


def test_how_long_nobody_called_before_says_nothing_to_a_policy_that_was_not_there_yet():
    policy = ScalingPolicy.parse("fixed:1")
    spec = EndpointSpec("churn", "churn", Traffic({1: 100}), scaling=policy)
    live = LiveEndpoint(StoredEndpoint(spec))
    live.rescale(100.0)
    assert live.scaling_reason == "fixed at 1"
    spec = replace(spec, scaling=ScalingPolicy.parse("serverless:0-1,idle=60s"))
    live.stored = StoredEndpoint(spec)
    live.rescale(235.0)
    assert "no call for" not in live.scaling_reason
    live.rescale(296.0)
    assert live.scaling_reason == "no call for 61 s (idle after 60 s)"
    live.stored = StoredEndpoint(replace(spec, scaling=policy))
    live.rescale(298.0)
    assert live.scaling_reason == "fixed at 1"
