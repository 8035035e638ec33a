"""What controls are made of: shares that sum to 100, drafts of policies, charts, the listener."""

from __future__ import annotations

import queue
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.notebook.chart import HEIGHT, WIDTH, chart, charts
from mlops_jupyter.notebook.controls.draft import FIELDS, MODES, Draft, goes_to_zero
from mlops_jupyter.notebook.controls.listening import LOST, Listener
from mlops_jupyter.notebook.controls.shares import Shares, apportion
from mlops_jupyter.types import InvalidRequest, NotFound, ScalingPolicy, Unavailable

from .test_displays import Reader

weights = st.lists(st.integers(0, 1000), min_size=1, max_size=6)
moves = st.lists(st.tuples(st.integers(0, 5), st.integers(-50, 150)), max_size=20)


# -- shares ----------------------------------------------------------------------------------------


@given(weights, moves)
def test_shares_sum_to_100_whatever_is_moved(parts, moves):
    shares = Shares(dict(enumerate(parts)))
    assert sum(shares.weights.values()) == 100
    for version, value in moves:
        moved = shares.move(version % len(parts), value)
        assert sum(moved.values()) == 100
        assert all(0 <= share <= 100 for share in moved.values())
        if len(parts) > 1:
            assert moved[version % len(parts)] == min(max(0, value), 100)


@given(weights, st.integers(0, 5), st.lists(st.integers(0, 100), min_size=1))
def test_a_slider_that_comes_back_leaves_everything_as_it_was(parts, version, pulls):
    shares = Shares(dict(enumerate(parts)))
    before = dict(shares.weights)
    for value in pulls:
        shares.move(version % len(parts), value)
    assert shares.move(version % len(parts), before[version % len(parts)]) == before


@given(st.integers(0, 100), st.lists(st.integers(0, 1000), max_size=8))
def test_what_is_apportioned_is_whole_complete_and_within_one_of_its_proportion(total, parts):
    shares = apportion(total, parts)
    assert sum(shares) == (total if parts else 0)
    for share, part in zip(shares, parts, strict=True):
        exact = total * part / sum(parts) if any(parts) else total / len(parts)
        assert abs(share - exact) < 1


def test_the_others_keep_their_proportions():
    assert Shares({1: 60, 2: 30, 3: 10}).move(1, 20) == {1: 20, 2: 60, 3: 20}


def test_what_the_last_one_gives_up_goes_to_the_others_evenly():
    assert Shares({1: 100, 2: 0, 3: 0}).move(1, 50) == {1: 50, 2: 25, 3: 25}


def test_a_single_version_keeps_all_calls():
    assert Shares({3: 100}).move(3, 10) == {3: 100}


# -- drafts ----------------------------------------------------------------------------------------

puts = st.lists(
    st.one_of(
        st.tuples(st.just("mode"), st.sampled_from(MODES)),
        st.tuples(st.sampled_from(("count", "low", "high")), st.integers(-3, 1200)),
        st.tuples(st.sampled_from(("target", "idle")), st.floats()),
    ),
    max_size=12,
)


@given(puts)
def test_min_never_passes_max_and_a_draft_without_problem_is_a_policy(puts):
    draft = Draft()
    for field, value in puts:
        draft = draft.put(field, value)
        if draft.mode == "elastic":
            assert draft.low <= draft.high
        if not draft.problem():
            assert draft.policy().mode == draft.mode
        else:
            with pytest.raises(InvalidRequest):
                draft.policy()


@pytest.mark.parametrize(
    "text", ["fixed:3", "elastic:2-5,target=4", "serverless:0-4,target=2,idle=30s"]
)
def test_a_draft_that_nobody_touched_is_the_policy_that_it_was_made_of(text):
    assert str(Draft.of(ScalingPolicy.parse(text)).policy()) == text


@pytest.mark.parametrize(
    ("field", "value", "policy"),
    [("low", 7, "elastic:7-7"), ("high", 1, "elastic:1-1"), ("high", 9, "elastic:2-9")],
)
def test_the_other_bound_moves_along_before_they_cross(field, value, policy):
    draft = Draft.of(ScalingPolicy.parse("elastic:2-5"))
    assert str(draft.put(field, value).policy()) == policy


def test_numbers_of_another_mode_are_there_again_when_it_comes_back():
    draft = Draft.of(ScalingPolicy.parse("elastic:2-5"))
    assert draft.put("mode", "fixed").put("mode", "elastic") == draft


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("high", 0, "At least one replica"),
        ("high", 100_000, "At most 1000"),
        ("low", -1, "over the maximum"),
        ("low", 0, "use serverless for zero"),
        ("target", float("nan"), "target concurrency"),
        ("target", float("inf"), "target concurrency"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(field, value, words):
    assert words in Draft.of(ScalingPolicy.parse("elastic:2-5")).put(field, value).problem()


def test_every_mode_has_its_fields():
    assert set(FIELDS) == set(MODES)
    assert all(hasattr(Draft(), field) for fields in FIELDS.values() for field in fields)


@pytest.mark.parametrize(
    ("present", "wanted", "asked"),
    [
        ("fixed:1", "serverless", True),
        ("elastic:1-4", "serverless:0-4", True),
        ("serverless", "serverless:0-4", False),
        ("serverless", "fixed:1", False),
        ("fixed:4", "fixed:1", False),
    ],
)
def test_only_what_may_go_to_zero_for_the_first_time_is_asked_about(present, wanted, asked):
    assert goes_to_zero(ScalingPolicy.parse(present), ScalingPolicy.parse(wanted)) is asked


# -- charts ----------------------------------------------------------------------------------------


@given(st.lists(st.one_of(st.none(), st.floats(), st.floats(0, 1e6)), max_size=70))
def test_a_chart_is_well_formed_and_stays_inside_its_frame(samples):
    page = Reader(chart("requests/s", "", samples, 300))
    assert "requests/s" in page.text
    for name, points in page.attributes:
        if name == "points":
            for point in points.split():
                x, y = map(float, point.split(","))
                assert 0 <= x <= WIDTH + 2
                assert 0 <= y <= HEIGHT


def test_a_chart_says_its_last_and_its_highest_value_to_who_cannot_see_it():
    page = Reader(chart("p99", " ms", [1.5, 200.4, None, 3.25], 300))
    (label,) = [value for name, value in page.attributes if name == "aria-label"]
    assert label == "p99: 3.25 ms, at most 200 ms"
    assert page.text.endswith("last 5 min")


def test_no_call_is_a_gap_and_not_a_zero():
    drawn = chart("p99", " ms", [1, 2, None, 3, 4])
    assert drawn.count("<polyline") == 2
    assert Reader(chart("p99", " ms", [1, None])).text.startswith("p99: no calls, at most 1 ms")
    assert "no calls" in Reader(chart("p99", " ms", [])).text


def test_the_colours_of_charts_come_from_the_theme():
    drawn = charts([1, 2], [3, None], 300)
    for colour in re.findall(r'stroke="([^"]+)"', drawn):
        assert colour.startswith("var(--jp-")


# -- the listener ----------------------------------------------------------------------------------


class Line:
    """The hub's events, said by the test; `lost` ends them as a hub that goes does."""

    def __init__(self):
        self.said = queue.Queue()
        self.opened = threading.Semaphore(0)

    def events(self):
        self.opened.release()
        while (event := self.said.get(timeout=60)) is not None:
            if isinstance(event, Exception):
                raise event
            yield event


def told(heard):
    return heard.get(timeout=60)


@pytest.fixture
def line():
    made = Line()
    yield made
    made.said.put(None)


def test_every_hearer_is_told_and_silence_is_kept_quiet_about(line):
    listener, heard, other = Listener(line.events), queue.Queue(), queue.Queue()
    leave, leave_other = listener.add(heard.put), listener.add(other.put)
    for event in ({"event": "hello"}, {}, {"event": "records", "size": 3}):
        line.said.put(event)
    for one in (heard, other):
        assert told(one) == {"event": "hello"}
        assert told(one) == {"event": "records", "size": 3}
    assert listener.live
    leave()
    line.said.put({"event": "version"})
    assert told(other) == {"event": "version"}
    leave_other()
    assert heard.empty()


@pytest.mark.parametrize("end", [None, Unavailable("gone"), NotFound("no events")])
def test_a_line_that_ends_is_told_as_lost_and_is_not_live(line, end):
    listener, heard = Listener(line.events), queue.Queue()
    leave = listener.add(heard.put)
    line.said.put({"event": "hello"})
    told(heard)
    line.said.put(end)
    assert told(heard) == LOST
    assert not listener.live
    leave()


def test_a_hub_without_events_is_never_live(line):
    listener, heard = Listener(line.events), queue.Queue()
    leave = listener.add(heard.put)
    line.said.put(NotFound("no such path"))
    assert line.opened.acquire(timeout=60)
    assert not listener.live
    leave()
    assert heard.empty()


def test_nothing_is_listened_to_when_nobody_is_left(line):
    listener = Listener(line.events)
    leave = listener.add(lambda event: None)
    assert line.opened.acquire(timeout=60)
    (thread,) = [one for one in threading.enumerate() if one.name == "mlops-events"]
    leave()
    line.said.put({})
    thread.join(60)
    assert not thread.is_alive()
