"""Who starts next: fair to users and sweeps, never over what the machine has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.training.queue import (
    PATIENCE_SECONDS,
    Choice,
    Slots,
    Waiting,
    choose,
    in_turn,
    never_fits,
)
from mlops_jupyter.types import Resources

GB = 2**30
FOUR_CORES = Slots(cpus=4, memory_bytes=16 * GB, gpus=2)


def run(
    run_id: str, user: str = "ada", group: str | None = None, at: float = 0, **fields: object
) -> Waiting:
    wanted = {key: fields.pop(key) for key in ("cpus", "memory_bytes", "gpus") if key in fields}
    return Waiting(run_id, user, group, Resources(**wanted), at, **fields)  # type: ignore[arg-type]


def order(waiting: Sequence[Waiting], running: Sequence[Waiting] = ()) -> list[str]:
    return [one.run_id for one in in_turn(waiting, running, FOUR_CORES)]


def test_what_fits_is_started_and_the_rest_has_a_place_and_a_reason() -> None:
    waiting = [run(f"r{n}", at=n) for n in range(6)]
    choice = choose(waiting, [], FOUR_CORES, now=10)
    assert choice.start == ("r0", "r1", "r2", "r3")
    assert choice.places["r4"] == (
        1,
        "Waits for 1 core: none is free, used by 'r0' of ada, 'r1' of ada and 2 more.",
    )
    assert choice.places["r5"][0] == 2


def test_the_reason_names_what_is_short_and_who_has_it() -> None:
    running = [run("x", "ada", gpus=2, name="fit")]
    choice = choose([run("r", "bob", gpus=1)], running, FOUR_CORES, now=0)
    assert choice.places["r"] == (1, "Waits for 1 GPU: none is free, used by 'fit' of ada.")
    running = [run("x", memory_bytes=12 * GB, name="fit")]
    choice = choose([run("r", memory_bytes=8 * GB)], running, FOUR_CORES, now=0)
    assert choice.places["r"][1] == (
        "Waits for 8 GB of memory: 4 GB of memory free, used by 'fit' of ada."
    )


def test_users_take_turns() -> None:
    waiting = [run(f"a{n}", "ada", at=n) for n in range(3)]
    waiting += [run(f"b{n}", "bob", at=10 + n) for n in range(3)]
    assert order(waiting) == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_the_least_served_user_comes_first() -> None:
    running = [run("x", "ada", cpus=0.5)]
    assert order([run("a", "ada", at=1), run("b", "bob", at=2)], running) == ["b", "a"]


def test_a_gpu_counts_for_as_much_of_the_machine_as_it_is() -> None:
    running = [run("x", "ada", cpus=1, gpus=1), run("y", "bob", cpus=1)]
    assert order([run("a", "ada", at=1), run("b", "bob", at=2)], running) == ["b", "a"]


def test_a_sweep_of_fifty_does_not_starve_a_single_run() -> None:
    sweep = [run(f"s{n}", group="sweep", at=n) for n in range(50)]
    running = [run(f"x{n}", group="sweep") for n in range(4)]
    single = run("single", at=100)
    assert order([*sweep, single], running)[0] == "single"


def test_single_runs_do_not_starve_a_sweep_either() -> None:
    singles = [run(f"r{n}", at=n) for n in range(4)]
    sweep = [run(f"s{n}", group="sweep", at=10 + n) for n in range(2)]
    assert order([*singles, *sweep]) == ["r0", "s0", "r1", "s1", "r2", "r3"]


def test_a_sweep_keeps_its_own_bound() -> None:
    sweep = [run(f"s{n}", group="sweep", at=n, group_limit=2) for n in range(4)]
    choice = choose(sweep, [], FOUR_CORES, now=0)
    assert choice.start == ("s0", "s1")
    assert choice.places == {
        "s2": (1, "Waits for its sweep, of which 2 runs go at once."),
        "s3": (2, "Waits for its sweep, of which 2 runs go at once."),
    }


def test_a_run_behind_its_sweeps_bound_is_in_nobodys_way() -> None:
    running = [run("x", group="sweep")]
    waiting = [run("s", group="sweep", group_limit=1), run("r", at=1e3)]
    choice = choose(waiting, running, FOUR_CORES, now=1e6)
    assert choice.start == ("r",)
    assert choice.places["s"][0] == 1


def test_a_retry_waits_its_time() -> None:
    retry = run("r", not_before=100.0)
    assert choose([retry], [], FOUR_CORES, now=75.0).places == {
        "r": (1, "Waits 25 s before it is tried again.")
    }
    assert choose([retry], [], FOUR_CORES, now=100.0).start == ("r",)


def test_small_runs_pass_a_large_one_for_a_while() -> None:
    running = [run("x", cpus=2)]
    waiting = [run("large", cpus=4, at=0), run("small", at=1)]
    assert choose(waiting, running, FOUR_CORES, now=5).start == ("small",)


def test_after_a_while_nothing_takes_what_the_first_waits_for() -> None:
    running = [run("x", cpus=2)]
    waiting = [run("large", cpus=4, at=0), run("small", at=1)]
    choice = choose(waiting, running, FOUR_CORES, now=PATIENCE_SECONDS)
    assert choice.start == ()
    assert choice.places["small"] == (
        2,
        "Waits for 'large' of ada, which is next and needs 4 cores.",
    )


def test_what_does_not_hinder_the_first_may_pass_at_any_time() -> None:
    running = [run("x", cpus=1, gpus=2)]
    waiting = [run("large", cpus=2, gpus=2, at=0), run("small", at=1), run("other", at=2)]
    choice = choose(waiting, running, FOUR_CORES, now=1e6)
    assert choice.start == ("small",)
    assert "'large'" in choice.places["other"][1]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (Resources(cpus=4, memory_bytes=16 * GB, gpus=2), ""),
        (Resources(cpus=8), "It asks for 8 cores; this machine has 4 cores."),
        (Resources(gpus=3), "It asks for 3 GPUs; this machine has 2 GPUs."),
        (
            Resources(memory_bytes=17 * GB),
            "It asks for 17 GB of memory; this machine has 16 GB of memory.",
        ),
    ],
)
def test_what_never_fits_is_known_at_once(asked: Resources, reason: str) -> None:
    assert never_fits(asked, FOUR_CORES) == reason


def test_fractions_of_a_core_add_up_to_all_of_them() -> None:
    waiting = [run(f"r{n}", cpus=0.1) for n in range(41)]
    assert len(choose(waiting, [], FOUR_CORES, now=0).start) == 40


resources = st.builds(
    Resources,
    cpus=st.sampled_from([0.1, 0.5, 1.0, 3.0, 4.0]),
    memory_bytes=st.sampled_from([0, GB, 9 * GB, 16 * GB]),
    gpus=st.sampled_from([0, 0, 1, 2]),
)
queued = st.builds(
    Waiting,
    run_id=st.uuids().map(str),
    user=st.sampled_from(["ada", "bob", "eve"]),
    group=st.sampled_from([None, "s1", "s2"]),
    resources=resources,
    submitted_at=st.floats(0, 1000),
    not_before=st.sampled_from([0.0, 0.0, 500.0]),
    group_limit=st.sampled_from([None, 1, 3]),
)
queues = st.lists(queued, max_size=20, unique_by=lambda one: one.run_id)


def used(runs: Sequence[Waiting]) -> tuple[float, float, float]:
    asked = [one.resources for one in runs]
    return (
        sum(one.cpus for one in asked),
        sum(one.memory_bytes for one in asked),
        sum(one.gpus for one in asked),
    )


def check_choice(choice: Choice, waiting: Sequence[Waiting], running: Sequence[Waiting]) -> None:
    ids = {one.run_id for one in waiting}
    assert set(choice.start) | set(choice.places) == ids
    assert set(choice.start) & set(choice.places) == set()
    assert sorted(place for place, _ in choice.places.values()) == list(
        range(1, len(choice.places) + 1)
    )
    assert all(reason.endswith(".") for _, reason in choice.places.values())
    going = [*running, *(one for one in waiting if one.run_id in choice.start)]
    cpus, memory, gpus = used(going)
    assert cpus <= 4 + 1e-6
    assert memory <= 16 * GB
    assert gpus <= 2


@settings(deadline=None)
@given(queues, st.integers(0, 10_000), st.data())
def test_every_run_is_started_in_the_end_and_never_more_than_fits(
    waiting: list[Waiting], now: int, data: st.DataObject
) -> None:
    running: list[Waiting] = []
    moment = float(now)
    while waiting or running:
        choice = choose(waiting, running, FOUR_CORES, moment)
        check_choice(choice, waiting, running)
        for group, limit in ((one.group, one.group_limit) for one in waiting):
            if group is not None and limit is not None:
                started = [one for one in waiting if one.run_id in choice.start]
                bound = [one for one in started if one.group == group and one.group_limit == limit]
                before = sum(one.group == group for one in running)
                assert len(bound) <= max(limit - before, 0)
        running += [one for one in waiting if one.run_id in choice.start]
        waiting = [one for one in waiting if one.run_id not in choice.start]
        assert running or moment < 500, "nothing goes on and nothing is started"
        if running:
            running.pop(data.draw(st.integers(0, len(running) - 1)))
        moment += 50


def test_a_large_run_is_started_among_endless_small_ones() -> None:
    """Two small ones come whenever one ends: without a reservation the large one never fits."""
    large = run("large", cpus=4, at=0)
    waiting, running, moment = [large], [run("x0"), run("x1")], 0.0
    for n in range(300):
        waiting += [run(f"{user}{n}", user, at=moment) for user in ("ada", "bob")]
        choice = choose(waiting, running, FOUR_CORES, moment)
        if "large" in choice.start:
            break
        running = running[1:] + [one for one in waiting if one.run_id in choice.start]
        waiting = [one for one in waiting if one.run_id not in choice.start]
        moment += 5
    assert "large" in choice.start


def test_ten_thousand_waiting_runs_are_put_in_order_in_one_go() -> None:
    waiting = [run(f"r{n}", f"u{n % 7}", f"s{n % 50}", at=n) for n in range(10_000)]
    choice = choose(waiting, [], FOUR_CORES, now=0)
    assert len(choice.start) == 4
    assert len(choice.places) == 9_996


def test_the_same_question_has_the_same_answer() -> None:
    waiting = [run(name, at=1) for name in "cab"]
    assert choose(waiting, [], FOUR_CORES, 0) == choose(waiting[::-1], [], FOUR_CORES, 0)
    assert choose([replace(waiting[0], name="x")], [], FOUR_CORES, 0).start == ("c",)
