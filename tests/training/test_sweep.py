"""Which points of a space are tried, and which run is the best."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.training.parameters import Parameter
from mlops_jupyter.training.space import MAX_POINTS, draw, grid, key_of, parse_space, size
from mlops_jupyter.training.sweep import Objective, Search, Trial, best, open_search
from mlops_jupyter.types import InvalidRequest

AUC = Objective("auc", "maximize")


def values(text: str, parameter: Parameter | None = None) -> list[Any]:
    (dimension,) = parse_space([text], [parameter] if parameter else [])
    return list(dimension)


def open_it(kind: str, *texts: str, count: int | None = None, seed: int = 1) -> Search:
    return open_search(kind, parse_space(texts), count=count, seed=seed, objective=AUC)


def all_of(search: Search) -> list[dict[str, Any]]:
    points = []
    while (point := search.ask()) is not None:
        points.append(point)
    return points


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr=0.1,0.01", [0.1, 0.01]),
        ("model=rf, gbm", ["rf", "gbm"]),
        ("x=true,None,1,a", [True, None, 1, "a"]),
        ("x=1,1.0,true", [1, 1.0, True]),
        ("depth=3..6", [3, 4, 5, 6]),
        ("n=10..50:10", [10, 20, 30, 40, 50]),
        ("n=10..55:20", [10, 30, 50]),
        ("x=-2..1", [-2, -1, 0, 1]),
        ("x=0.1..0.5:0.1", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("x=0..1:0.5", [0.0, 0.5, 1.0]),
        ("n=1..4:log", [1, 2, 3, 4]),
        ("layers=[8,4],[16]", [[8, 4], [16]]),
        ('x="a,b","c"', ["a,b", "c"]),
        ("x=5", [5]),
    ],
)
def test_a_dimension_is_read(text: str, expected: list[Any]) -> None:
    assert values(text) == expected
    assert [type(value) for value in values(text)] == [type(value) for value in expected]


def test_values_are_read_by_the_declared_type() -> None:
    assert values("tag=1,2", Parameter("tag", "str")) == ["1", "2"]
    assert values("lr=1,2", Parameter("lr", "float")) == [1.0, 2.0]
    (between,) = parse_space(["lr=0..1"], [Parameter("lr", "float")])
    assert between.size is None
    with pytest.raises(InvalidRequest):
        values("lr=fast", Parameter("lr", "float"))


@pytest.mark.parametrize(
    "texts",
    [
        *(["lr"], ["lr="], ["=1"], [""], ["x=1,1"], ["x=1", "x=2"], ["x=6..3"], ["x=3..3"]),
        *(["x=1..9:0"], ["x=1..9:-1"], ["x=0..1.0:log"], ["x=-1..4:log"], ["x=0..1:0.00000001"]),
        *(["x=0..1e300"], [f"x{n}=1" for n in range(101)]),
    ],
)
def test_what_is_no_space_is_refused(texts: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_space(texts)
    assert refused.value.code == "invalid_sweep"


def test_a_grid_has_all_points_in_order() -> None:
    space = parse_space(["lr=0.1,0.01", "depth=3..4"])
    assert size(space) == 4
    assert grid(space) == [
        {"lr": 0.1, "depth": 3},
        {"lr": 0.1, "depth": 4},
        {"lr": 0.01, "depth": 3},
        {"lr": 0.01, "depth": 4},
    ]


@pytest.mark.parametrize("text", ["x=1..20000", "x=0.1..0.5", "x=0.001..0.1:log", "x=1..1e15"])
def test_a_grid_without_end_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="random"):
        grid(parse_space([text]))


def test_random_points_are_the_same_for_the_same_seed() -> None:
    space = parse_space(["lr=0.001..0.1:log", "model=rf,gbm"])
    assert draw(space, 20, seed=3) == draw(space, 20, seed=3)
    assert draw(space, 20, seed=3) != draw(space, 20, seed=4)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["a=1..3", "b=x,y", "c=1..9:2", "d=1..40:log", "e=0.5..1.5", "f=1..5000"]),
        min_size=1,
        unique=True,
    ),
    st.integers(1, 60),
    st.integers(0, 5),
)
def test_random_points_lie_in_the_space_and_none_comes_twice(
    texts: list[str], count: int, seed: int
) -> None:
    space = parse_space(texts)
    points = draw(space, count, seed)
    there = size(space)
    assert len({key_of(point) for point in points}) == len(points)
    assert len(points) == (count if there is None else min(count, there))
    for point in points:
        for dimension in space:
            value = point[dimension.name]
            assert 0.5 <= value <= 1.5 if dimension.size is None else value in list(dimension)


def test_magnitudes_are_drawn_as_often_as_each_other() -> None:
    space = parse_space(["lr=0.0001..1.0:log"])
    magnitudes = [math.floor(math.log10(point["lr"])) for point in draw(space, 4000, seed=0)]
    assert all(900 < magnitudes.count(power) < 1100 for power in (-4, -3, -2, -1))


@pytest.mark.parametrize("count", [0, MAX_POINTS + 1])
def test_a_random_search_has_bounds(count: int) -> None:
    with pytest.raises(InvalidRequest):
        draw(parse_space(["x=1,2"]), count, 0)


def test_the_best_is_the_largest_or_the_smallest() -> None:
    trials = [Trial("a", {}, 0.8), Trial("b", {}, 0.9), Trial("c", {}, 0.9), Trial("d", {}, None)]
    trials += [Trial("e", {}, math.nan), Trial("f", {}, math.inf), Trial("g", {}, -math.inf)]
    winner, least = best(trials, AUC), best(trials, Objective("loss", "minimize"))
    assert winner is not None
    assert least is not None
    assert (winner.run_id, least.run_id) == ("b", "a")


def test_without_a_value_there_is_no_best() -> None:
    assert best([Trial("a", {}), Trial("b", {}, math.nan)], AUC) is None


def test_a_grid_search_asks_for_every_point_once() -> None:
    search = open_it("grid", "x=1..3")
    assert (search.total, search.learns, search.names) == (3, False, ("x",))
    assert all_of(search) == [{"x": 1}, {"x": 2}, {"x": 3}]
    assert search.exhausted


def test_a_random_search_asks_for_so_many_points() -> None:
    assert len(all_of(open_it("random", "x=1..100", count=7))) == 7
    assert open_it("random", "x=1..3", count=7).total == 3


@pytest.mark.parametrize(("kind", "count"), [("grid", None), ("random", 4)])
def test_after_a_restart_a_search_goes_on_with_what_is_left(kind: str, count: int | None) -> None:
    before = open_it(kind, "x=1..2", "y=a,b", count=count)
    asked = [before.ask(), before.ask()]
    after = open_it(kind, "x=1..2", "y=a,b", count=count)
    for point in asked:
        assert point is not None
        after.replay(point)
    assert all_of(after) == all_of(before)


@pytest.mark.parametrize(
    ("kind", "count"),
    [("grid", 3), ("random", None), ("random", 0), ("random", MAX_POINTS + 1), ("gird", None)],
)
def test_a_search_that_cannot_be_is_refused(kind: str, count: int | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        open_it(kind, "x=1..3", count=count)
    assert refused.value.code == "invalid_sweep"


def test_without_optuna_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InvalidRequest, match=r"pip install mlops-jupyter\[optuna\]") as refused:
        open_it("optuna", "x=1..3", count=5)
    assert refused.value.code == "optuna_missing"


SPACE = ("x=-2.0..2.0", "n=1..100:log", "model=rf,gbm", "layers=[8,4],[16]")


def quality(point: dict[str, Any]) -> float:
    return -((point["x"] - 1) ** 2) - (point["model"] == "rf")


def test_optuna_learns_from_what_it_is_told() -> None:
    pytest.importorskip("optuna")
    search = open_it("optuna", *SPACE, count=40)
    trials = []
    while (point := search.ask()) is not None:
        trials.append(Trial(str(len(trials)), point, quality(point), ended=True))
        search.tell(trials[-1])
    assert len(trials) == 40
    assert search.learns
    assert search.exhausted
    assert all(trial.point["layers"] in ([8, 4], [16]) for trial in trials)
    assert all(1 <= trial.point["n"] <= 100 for trial in trials)
    winner = best(trials, AUC)
    assert winner is not None
    assert winner.point["model"] == "gbm"


def test_optuna_goes_on_after_failures_and_after_a_restart() -> None:
    pytest.importorskip("optuna")
    before = open_it("optuna", *SPACE, count=6)
    told = [before.ask() for _ in range(3)]
    after = open_it("optuna", *SPACE, count=6)
    for point, value in zip(told, (0.3, None, math.nan), strict=True):
        assert point is not None
        after.replay(point)
        after.tell(Trial("r", point, value, ended=True))
    after.tell(Trial("unknown", {"x": 7}, 1.0))
    assert len(all_of(after)) == 3
