"""Sweeps through a real hub: a notebook over a space of parameters, and the best run of it."""

import os
import signal

import pytest

from mlops_jupyter.client.hub import Hub
from mlops_jupyter.types import Conflict, InvalidRequest, NotFound

from .waiting import until

FIT = "import mlops_jupyter as mj\nmj.metric('loss', (lr - 0.2) ** 2 + depth)"
PARAMETERS = "lr: float = 0.1\ndepth: int = 1"


@pytest.fixture
def own_hub(tmp_path):
    hub = Hub.connect(home=tmp_path / "state")
    yield hub
    for sweep in hub.sweeps():
        if not sweep.ended:
            hub.cancel_sweep(sweep.id)
    until(lambda: not hub.runs(state="active").runs)
    hub.stop()


def test_a_grid_runs_every_point_and_names_the_best(own_hub, notebook):
    path = notebook(FIT, parameters=PARAMETERS)
    sweep = own_hub.start_sweep(
        path, ["lr=0.1,0.2", "depth=1..2"], metric="loss", direction="minimize", parallel=2
    )
    assert (sweep.state, sweep.total) == ("running", 4)
    sweep = own_hub.wait_for_sweep(sweep.id, 180)
    assert (sweep.state, sweep.done, sweep.failed) == ("succeeded", 4, 0)
    runs = own_hub.runs(sweep=sweep.id).runs
    assert {(run.spec.parameters["lr"], run.spec.parameters["depth"]) for run in runs} == {
        (0.1, 1), (0.1, 2), (0.2, 1), (0.2, 2),
    }  # fmt: skip
    best = own_hub.run_status(sweep.best_run)
    assert (best.spec.parameters, sweep.best_value) == ({"lr": 0.2, "depth": 1}, 1.0)
    assert best.record["parameters"]["lr"] == {"value": 0.2, "from": "sweep"}
    assert best.spec.trigger.of == sweep.id


def test_no_more_of_its_runs_go_on_at_once_than_asked_for(own_hub, notebook, tmp_path):
    go = tmp_path / "go"
    path = notebook(
        f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)",
        parameters="lr = 0.1",
    )
    sweep = own_hub.start_sweep(path, ["lr=1,2,3"], parallel=1)
    until(lambda: own_hub.runs(sweep=sweep.id, state="running").runs)
    waiting = own_hub.runs(sweep=sweep.id, state="queued").runs
    assert len(waiting) == 2
    assert all(run.reason for run in waiting)
    go.touch()
    assert own_hub.wait_for_sweep(sweep.id, 180).state == "succeeded"


@pytest.fixture
def one_core(monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_RUN_CPUS", "1")


def test_a_single_run_comes_before_the_rest_of_a_sweep_of_fifty(
    one_core, own_hub, notebook, tmp_path
):
    go = tmp_path / "go"
    path = notebook(
        f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)",
        parameters="lr = 0",
    )
    sweep = own_hub.start_sweep(path, ["lr=1..50"], parallel=50)
    until(lambda: own_hub.runs(sweep=sweep.id, state="running").runs)
    single = own_hub.run(path)
    waiting = until(lambda: (s := own_hub.run_status(single.id)).reason and s)
    assert (waiting.state, waiting.place) == ("queued", 1)
    places = {run.place for run in own_hub.runs(sweep=sweep.id, state="queued").runs}
    assert places == set(range(2, 51))
    own_hub.cancel_sweep(sweep.id)
    go.touch()
    assert own_hub.wait_for_run(single.id, 120).state == "succeeded"


@pytest.mark.parametrize(
    ("space", "options"),
    [
        (["speed=1,2"], {}),
        (["lr=fast,slow"], {}),
        (["lr"], {}),
        ([], {}),
        (["lr=0.1..0.2"], {"search": "random"}),
        (["lr=0.1,0.2"], {"search": "guess"}),
        (["lr=0.1,0.2"], {"parallel": 0}),
    ],
)
def test_what_cannot_be_searched_is_refused_before_any_run(own_hub, notebook, space, options):
    path = notebook(FIT, parameters=PARAMETERS)
    with pytest.raises(InvalidRequest):
        own_hub.start_sweep(path, space, **options)
    assert own_hub.runs().runs == []
    assert own_hub.sweeps() == []


def test_a_sweep_is_cancelled_with_all_its_runs(own_hub, notebook):
    path = notebook("import time\ntime.sleep(1000)", parameters="lr = 1")
    sweep = own_hub.start_sweep(path, ["lr=1..5"], parallel=2)
    until(lambda: own_hub.runs(sweep=sweep.id, state="running").runs)
    own_hub.cancel_sweep(sweep.id)
    ended = own_hub.wait_for_sweep(sweep.id, 120)
    assert (ended.state, ended.done) == ("cancelled", 5)
    assert {run.state for run in own_hub.runs(sweep=sweep.id).runs} == {"cancelled"}
    with pytest.raises(Conflict, match="ended already"):
        own_hub.cancel_sweep(sweep.id)
    with pytest.raises(NotFound, match="no such sweep"):
        own_hub.sweep("s123")


def test_a_sweep_whose_runs_all_fail_says_so(own_hub, notebook):
    path = notebook("raise ValueError(lr)", parameters="lr = 0.1")
    sweep = own_hub.start_sweep(path, ["lr=1,2"], metric="loss", parallel=2)
    ended = own_hub.wait_for_sweep(sweep.id, 120)
    assert (ended.state, ended.reason) == ("failed", "No run of it succeeded.")
    assert ended.best_run is None


def test_a_sweep_goes_on_when_its_hub_is_killed(own_hub, notebook, tmp_path):
    go = tmp_path / "go"
    path = notebook(
        f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)",
        FIT,
        parameters=PARAMETERS,
    )
    sweep = own_hub.start_sweep(
        path, ["lr=0.1,0.2,0.3"], metric="loss", direction="minimize", parallel=1
    )
    until(lambda: own_hub.runs(sweep=sweep.id, state="running").runs)
    os.kill(own_hub.info().pid, signal.SIGKILL)
    assert own_hub.sweep(sweep.id).state == "running"
    go.touch()
    ended = own_hub.wait_for_sweep(sweep.id, 180)
    assert (ended.state, ended.done, ended.total) == ("succeeded", 3, 3)
    assert own_hub.run_status(ended.best_run).spec.parameters["lr"] == 0.2


def test_an_optuna_search_learns_from_its_runs(own_hub, notebook):
    pytest.importorskip("optuna")
    path = notebook(FIT, parameters=PARAMETERS)
    sweep = own_hub.start_sweep(
        path, ["lr=0.0..1.0"], search="optuna", count=4, metric="loss", direction="minimize",
        parallel=2,
    )  # fmt: skip
    ended = own_hub.wait_for_sweep(sweep.id, 180)
    assert (ended.state, ended.done) == ("succeeded", 4)
    assert ended.best_value is not None
