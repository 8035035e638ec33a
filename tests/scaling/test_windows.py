"""The average number of calls in hand."""

import sys

import pytest

from mlops_jupyter.scaling import ConcurrencyWindow


def test_the_average_is_weighted_by_time():
    window = ConcurrencyWindow(now=0.0)
    for tenth in range(600):
        window.change(tenth / 10, 1)
        window.change(tenth / 10 + 0.05, 0)
    metrics = window.metrics(60.0)
    assert metrics.stable == pytest.approx(0.5)
    assert metrics.panic == pytest.approx(0.5)
    assert metrics.rate == pytest.approx(10.0)


def test_both_windows_forget():
    window = ConcurrencyWindow(now=0.0)
    window.change(10.0, 6)
    window.change(20.0, 0)
    assert window.metrics(20.0).panic == pytest.approx(6.0)
    assert window.metrics(23.0).panic == pytest.approx(3.0)
    assert window.metrics(26.0).panic == 0
    assert window.metrics(60.0).stable == pytest.approx(1.0)
    assert window.metrics(75.0).stable == pytest.approx(0.5)
    assert window.metrics(80.0).stable == 0


def test_a_call_that_lasts_counts_in_every_second_without_a_change():
    window = ConcurrencyWindow(now=0.0)
    window.change(0.0, 2)
    assert window.metrics(300.5).stable == pytest.approx(2.0)
    assert window.metrics(300.5).panic == pytest.approx(2.0)


def test_the_second_that_is_leaving_counts_for_its_part():
    window = ConcurrencyWindow(now=0.0)
    window.change(0.0, 1)
    window.change(1.0, 0)
    assert window.metrics(60.25).stable == pytest.approx(0.75 / 60)


def test_a_short_history_is_averaged_over_what_there_is_but_one_second_at_least():
    window = ConcurrencyWindow(now=0.0)
    window.change(0.0, 4)
    assert window.metrics(0.25).stable == pytest.approx(1.0)
    assert window.metrics(3.0).stable == pytest.approx(4.0)


def test_idle_time_starts_when_the_last_call_ends():
    window = ConcurrencyWindow()
    assert window.metrics(100.0).idle_seconds == 0
    assert window.metrics(107.0).idle_seconds == 7
    window.change(110.0, 2)
    assert window.metrics(150.0).idle_seconds == 0
    window.change(160.0, 1)
    window.change(170.0, 0)
    assert window.metrics(170.0).idle_seconds == 0
    assert window.metrics(171.5).idle_seconds == 1.5


def test_a_change_to_what_was_already_the_case_is_no_sign_of_life_and_a_touch_is():
    window = ConcurrencyWindow(now=0.0)
    window.change(50.0, 0)
    assert window.metrics(60.0).idle_seconds == 60
    window.touch(61.0)
    assert window.metrics(62.0).idle_seconds == 1


def test_a_clock_that_steps_back_stands_still():
    window = ConcurrencyWindow(now=100.0)
    window.change(110.0, 3)
    window.change(50.0, 1)
    metrics = window.metrics(60.0)
    assert metrics.stable == 0
    assert metrics.in_flight == 1
    assert window.metrics(112.0).panic == pytest.approx(2 / 6)


def test_a_day_costs_the_memory_of_a_minute():
    window = ConcurrencyWindow(now=0.0)
    size = sys.getsizeof(window._areas)
    for hour in range(24):
        window.change(hour * 3600.0, 1)
        window.change(hour * 3600.0 + 1, 0)
    assert sys.getsizeof(window._areas) == size
    assert window.metrics(86_400.0).stable == 0


def test_windows_of_no_length_are_refused():
    with pytest.raises(ValueError, match="panic window"):
        ConcurrencyWindow(10, 20)
