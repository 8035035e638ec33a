"""What the autoscaler decides, by table; the rules are Knative's."""

import pytest

from mlops_jupyter.scaling import AutoscalerState, ConcurrencyWindow, Metrics, decide
from mlops_jupyter.types import ScalingPolicy

ELASTIC = ScalingPolicy.parse("elastic:1-10")
SERVERLESS = ScalingPolicy.parse("serverless:0-4,idle=60s")
CALM = AutoscalerState()


def load(stable, panic=None, in_flight=1, idle=0.0):
    return Metrics(stable, stable if panic is None else panic, in_flight, idle)


@pytest.mark.parametrize(
    ("policy", "metrics", "ready", "desired", "reason"),
    [
        ("fixed:3", load(50.0), 1, 3, "fixed at 3"),
        ("fixed:3", load(0.0, in_flight=0, idle=1e9), 3, 3, "fixed at 3"),
        ("elastic:1-10", load(0.0), 1, 1, "no load, the minimum is 1"),
        ("elastic:1-10", load(0.001), 1, 1, "under 0.1 calls at once (60 s average)"),
        ("elastic:1-10", load(1.0), 1, 1, "1.0 calls at once (60 s average), target 1 each: 1"),
        ("elastic:1-10", load(1.01), 2, 2, "1.0 calls at once (60 s average), target 1 each: 2"),
        ("elastic:1-10", load(5.2), 4, 6, "5.2 calls at once (60 s average), target 1 each: 6"),
        ("elastic:1-10,target=2", load(5.2), 2, 3, "(60 s average), target 2 each: 3"),
        ("elastic:1-10,target=0.5", load(2.0), 3, 4, "(60 s average), target 0.5 each: 4"),
        ("elastic:2-10", load(0.5), 2, 2, "target 1 each: 1, raised to the minimum 2"),
        ("elastic:1-4", load(5.2), 4, 4, "target 1 each: 6, limited to the maximum 4"),
        ("elastic:1-10", load(1.0), 8, 4, "kept at 4: 8 ready replicas are at most halved"),
        ("elastic:1-10", load(1.0), 9, 4, "at most halved"),
        ("elastic:1-10", load(0.0), 0, 1, "no load, the minimum is 1"),
        ("elastic:1-1000", load(2000.0, 1.0), 1, 1000, "multiplied by at most 1000"),
        ("serverless:0-4", load(0.0), 0, 1, "1 for the waiting call"),
        ("serverless:0-4", load(0.0, in_flight=3), 0, 1, "1 for the waiting calls"),
        ("serverless:0-4", load(0.0, in_flight=0, idle=5), 0, 0, "no call yet"),
        ("serverless:0-4", load(0.0, in_flight=0, idle=59.9), 1, 1, "stays for another 0 s"),
        ("serverless:0-4", load(0.1, in_flight=0, idle=5), 1, 1, "target 1 each: 1"),
        ("serverless:0-4", load(0.0, in_flight=0, idle=60.0), 1, 0, "no call for 60 s"),
        ("serverless:0-4,idle=300s", load(0.0, in_flight=0, idle=90), 1, 1, "another 210 s"),
        ("serverless:0-4,idle=5s", load(0.9, in_flight=0, idle=5), 1, 0, "idle after 5 s"),
        ("serverless:0-4", load(0.0, in_flight=0, idle=61), 4, 2, "at most halved"),
        ("serverless:0-4", load(0.0, in_flight=0, idle=61), 2, 1, "at most halved"),
        ("serverless:0-4", load(9.0), 3, 4, "limited to the maximum 4"),
    ],
)
def test_desired_replicas_and_their_reason(policy, metrics, ready, desired, reason):
    decision = decide(ScalingPolicy.parse(policy), metrics, ready, 100.0, CALM)
    assert decision.desired == desired
    assert reason in decision.reason


def test_twice_what_is_ready_over_the_panic_window_is_a_panic():
    calm = decide(ELASTIC, load(1.0, 3.0), 2, 100.0, CALM)
    assert calm.state.panic_at is None
    assert calm.desired == 1

    panic = decide(ELASTIC, load(1.0, 3.1), 2, 100.0, CALM)
    assert panic.state == AutoscalerState(100.0, 4)
    assert panic.desired == 4
    assert panic.reason == (
        "3.1 calls at once (6 s average), target 1 each: 4, panic: that is twice what is ready"
    )


def test_a_panic_keeps_the_most_that_was_asked_for():
    state = AutoscalerState(100.0, 8)
    decision = decide(ELASTIC, load(2.0, 0.0), 8, 130.0, state)
    assert decision.desired == 8
    assert decision.reason.endswith("panic for another 30 s, so 8 are kept")


def test_a_panic_ends_a_stable_window_after_the_threshold_was_last_exceeded():
    state = AutoscalerState(100.0, 8)
    assert decide(ELASTIC, load(3.0, 0.0), 8, 160.0, state).desired == 8
    after = decide(ELASTIC, load(3.0, 0.0), 8, 160.5, state)
    assert after.desired == 4
    assert after.state == CALM


def test_a_panic_is_prolonged_while_the_load_is_over_the_threshold():
    decision = decide(ELASTIC, load(1.0, 8.0), 4, 150.0, AutoscalerState(100.0, 8))
    assert decision.state == AutoscalerState(150.0, 8)


def test_in_a_panic_the_larger_of_both_windows_counts():
    decision = decide(ELASTIC, load(9.0, 4.0), 2, 100.0, CALM)
    assert decision.desired == 9
    assert "60 s average" in decision.reason


def test_a_serverless_endpoint_that_is_idle_goes_to_zero_out_of_a_panic():
    quiet = load(0.5, 4.0, in_flight=0, idle=5.0)
    policy = ScalingPolicy.parse("serverless:0-4,idle=5s")
    decision = decide(policy, quiet, 1, 100.0, AutoscalerState(99.0, 4))
    assert decision.desired == 0
    assert decision.state == CALM
    assert decide(policy, quiet, 0, 102.0, decision.state).desired == 0


def test_a_caller_who_gave_up_while_a_replica_starts_does_not_stop_its_start():
    decision = decide(SERVERLESS, load(0.02, in_flight=0, idle=3.0), 0, 100.0, CALM)
    assert decision.desired == 1


def test_an_autoscaler_that_finds_replicas_keeps_them_until_it_has_data():
    state = AutoscalerState.start(ready=5, now=100.0)
    assert decide(ELASTIC, load(0.0, in_flight=0), 5, 102.0, state).desired == 5
    assert AutoscalerState.start(ready=1, now=100.0) == CALM


def test_bounds_that_were_lowered_hold_at_once():
    assert decide(ScalingPolicy.parse("elastic:1-2"), load(9.0), 8, 1.0, CALM).desired == 2
    idle = load(0.0, in_flight=0, idle=99.0)
    assert decide(ScalingPolicy.parse("serverless:0-2"), idle, 8, 1.0, CALM).desired == 2


def simulate(policy, changes, until, tick=2.0):
    """Desired replicas at each tick when `changes` ({second: calls in hand}) happen at once."""
    window, state, ready, desired = ConcurrencyWindow(now=0.0), CALM, 1, {}
    waiting = sorted(changes.items())
    for step in range(1, int(until / tick) + 1):
        now = step * tick
        while waiting and waiting[0][0] < now:
            window.change(*waiting.pop(0))
        decision = decide(policy, window.metrics(now), ready, now, state)
        state, ready = decision.state, decision.desired
        desired[now] = decision.desired
    return desired


def test_a_burst_is_followed_as_computed_by_hand():
    # 10 calls in hand from 60 s to 90 s, target 1.
    # Up, by the panic window: 10 x 2 s / 6 s -> 4, 10 x 4 s / 6 s -> 7, then 10.
    # Panic began at 62 s, 4 being twice the one that was ready, and ends after 122 s.
    # Down, by the stable window: (150 s - t) x 10 / 60 s, but never by more than half.
    desired = simulate(ELASTIC, {60.0: 10, 90.0: 0}, until=160)
    expected = {60.0: 1, 62.0: 4, 64.0: 7, 66.0: 10, 90.0: 10, 122.0: 10}
    expected |= {124.0: 5, 126.0: 4, 128.0: 4, 130.0: 4, 132.0: 3, 138.0: 2, 144.0: 1, 150.0: 1}
    assert {t: desired[t] for t in expected} == expected


def test_a_serverless_endpoint_lives_from_its_first_call_until_it_is_idle():
    policy = ScalingPolicy.parse("serverless:0-4,idle=30s")
    desired = simulate(policy, {41.0: 1, 43.0: 0}, until=80)
    assert [desired[t] for t in (28.0, 30.0, 40.0)] == [1, 0, 0]
    assert all(desired[float(t)] == 1 for t in range(42, 73, 2))
    assert desired[74.0] == 0
