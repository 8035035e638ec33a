"""What holds for every policy, load and history."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.scaling import AutoscalerState, ConcurrencyWindow, Metrics, decide
from mlops_jupyter.types import ScalingPolicy

loads = st.floats(0, 5000, allow_nan=False)
readies = st.integers(0, 50)


@st.composite
def policies(draw, modes=("fixed", "elastic", "serverless")):
    mode = draw(st.sampled_from(modes))
    most = draw(st.integers(1, 40))
    least = {"fixed": most, "serverless": 0}.get(mode) or draw(st.integers(1, most))
    least = 0 if mode == "serverless" else least
    target = draw(st.floats(0.1, 100))
    return ScalingPolicy(mode, least, most, target, draw(st.floats(0.1, 600)))


@st.composite
def measured(draw):
    in_flight = draw(st.integers(0, 100))
    idle = 0.0 if in_flight else draw(st.floats(0, 1000))
    return Metrics(draw(loads), draw(loads), in_flight, idle)


states = st.builds(AutoscalerState, st.none() | st.floats(0, 1000), st.integers(0, 2000))
nows = st.floats(1000, 2000)


@given(policies(), measured(), readies, nows, states)
def test_the_bounds_are_never_left(policy, metrics, ready, now, state):
    assert policy.min <= decide(policy, metrics, ready, now, state).desired <= policy.max


@given(policies(), measured(), readies, nows, states)
def test_the_same_question_has_the_same_answer(policy, metrics, ready, now, state):
    assert decide(policy, metrics, ready, now, state) == decide(policy, metrics, ready, now, state)


@given(policies(), measured(), readies, nows, states, loads, loads)
def test_more_load_never_means_fewer_replicas(policy, metrics, ready, now, state, more, panic):
    higher = replace(metrics, stable=metrics.stable + more, panic=metrics.panic + panic)
    less = decide(policy, metrics, ready, now, state).desired
    assert decide(policy, higher, ready, now, state).desired >= less


@given(policies(modes=("elastic", "serverless")), readies, st.lists(measured(), max_size=40))
def test_nothing_is_scaled_down_during_a_panic(policy, ready, history):
    state, before, now = AutoscalerState(), 0, 0.0
    for metrics in history:
        decision = decide(policy, metrics, ready, now, state)
        if state.panic_at is not None and decision.state.panic_at is not None:
            assert decision.desired >= before
        state, before, ready, now = decision.state, decision.desired, decision.desired, now + 2


@given(policies(modes=("elastic",)), measured(), readies, nows, states)
def test_an_elastic_endpoint_never_goes_to_zero(policy, metrics, ready, now, state):
    assert decide(policy, metrics, ready, now, state).desired >= 1


@given(policies(modes=("serverless",)), measured(), st.integers(1, 50), nows, states)
def test_a_serverless_endpoint_is_never_at_zero_before_it_was_idle_long_enough(
    policy, metrics, ready, now, state
):
    desired = decide(policy, metrics, ready, now, state).desired
    if metrics.in_flight or metrics.idle_seconds < policy.idle_seconds:
        assert desired >= 1


@given(policies(modes=("serverless",)), readies, nows, states, loads)
def test_a_serverless_endpoint_that_stays_idle_reaches_zero(policy, ready, now, state, stable):
    idle = Metrics(stable, stable, 0, policy.idle_seconds)
    for tick in range(7):
        decision = decide(policy, idle, ready, now + 2 * tick, state)
        ready, state = decision.desired, decision.state
    assert ready == 0


changes = st.lists(st.tuples(st.floats(0, 30), st.integers(0, 50)), max_size=60)


@given(changes, st.floats(0, 100))
def test_averages_are_those_of_an_exact_integral_over_whole_seconds(steps, pause):
    window, now, in_flight, history = ConcurrencyWindow(now=0.0), 0.0, 0, []
    for wait, following in steps:
        history.append((now, now + wait, in_flight))
        now, in_flight = now + wait, following
        window.change(now, in_flight)
    end = float(int(now + pause) + 1)
    history.append((now, end, in_flight))
    metrics = window.metrics(end)
    for measured_value, seconds in ((metrics.stable, 60), (metrics.panic, 6)):
        since = max(0.0, end - seconds)
        area = sum(max(0.0, min(b, end) - max(a, since)) * n for a, b, n in history)
        assert abs(measured_value - area / min(seconds, max(1.0, end))) < 1e-6
    assert metrics.in_flight == in_flight
