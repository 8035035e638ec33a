"""What a list of runs and a log answer to the questions of a page."""

import pytest

from mlops_jupyter.hub.run_store import RunFilter, RunStore
from mlops_jupyter.types import InvalidRequest, NotFound, RunSpec, RunStatus, Trigger

from .waiting import until

PATIENCE = 120.0


@pytest.fixture
def store(books):
    return RunStore(books.engine, books.reader, books.ledger)


def kept(store, number, **fields):
    """Keep a run of `number` seconds after the epoch."""
    sweep, trigger = fields.pop("sweep", None), fields.pop("trigger", Trigger("hand"))
    spec = RunSpec("/home/ada/fit.ipynb", sweep=sweep, trigger=trigger)
    run = RunStatus(f"{number:012x}", spec, "succeeded", submitted_at=float(number), **fields)
    store.save([run], [])
    return run.id


def pages(store, **wanted):
    """Ids of all pages, and how many pages there are."""
    ids, before, count = [], None, 0
    while True:
        found, before = store.page(RunFilter(before=before, **wanted))
        ids += [run for run, _ in found]
        count += 1
        if before is None:
            return ids, count


def test_pages_without_the_runs_of_sweeps_are_full_pages(store):
    alone = [kept(store, at) for at in range(4)]
    for at in range(4, 40):
        kept(store, at, sweep="5eed")
    alone.append(kept(store, 50))
    found, cursor = store.page(RunFilter(alone=True, limit=2))
    assert ([run for run, _ in found], cursor is not None) == (alone[:2:-1], True)
    assert pages(store, alone=True, limit=2)[0] == alone[::-1]
    assert len(pages(store, limit=10)[0]) == 41


def test_the_runs_of_a_schedule_are_found_by_it(store):
    nightly = kept(store, 1, trigger=Trigger("schedule", "nightly"))
    kept(store, 2, trigger=Trigger("schedule", "weekly"))
    kept(store, 3)
    assert pages(store, schedule="nightly") == ([nightly], 1)


def test_a_list_leaves_records_out_but_for_the_verdict_on_a_repeat(store):
    verdict = {"kind": "identical", "text": "identical: 1 cell"}
    kept(store, 1, record={"verdict": verdict, "git": {"commit": "c" * 40}})
    ((_, status),), _ = store.page(RunFilter())
    assert b'"record":{"verdict":{"kind":"identical"' in bytes(status)
    assert b"commit" not in bytes(status)
    assert store.get(f"{1:012x}").record["git"] == {"commit": "c" * 40}


def test_a_page_of_runs_of_no_sweep_comes_from_the_hub(daemon, notebook):
    path = notebook("1", parameters="lr = 0.1")
    sweep = daemon.start_sweep(path, ["lr=0.1,0.2"])
    run = daemon.run(path)
    daemon.wait_for_sweep(sweep.id, PATIENCE)
    daemon.wait_for_run(run.id, PATIENCE)
    listed = daemon.runs(alone=True, limit=1000).runs
    assert run.id in [one.id for one in listed]
    assert {one.spec.sweep for one in listed} == {None}
    assert len(daemon.runs(sweep=sweep.id).runs) == 2


def test_a_log_is_read_from_its_end_back(daemon, notebook):
    run = daemon.run(notebook("for number in range(2000): print('line', number)"))
    assert daemon.wait_for_run(run.id, PATIENCE).state == "succeeded"
    tail = until(lambda: daemon.run_log(run.id, offset=-1000))
    lines = tail.text.splitlines()
    assert lines[0].startswith("line ")
    assert (lines[-1], tail.ended) == ("line 1999", True)
    before = daemon.run_log(run.id, offset=-1000, before=tail.start)
    assert before.next == tail.start
    assert before.text + tail.text in daemon.run_log(run.id).text
    assert daemon.run_log(run.id, offset=tail.next).text == ""
    with pytest.raises(InvalidRequest, match="no such output"):
        daemon.run_log(run.id, offset=-10, before=-1)


def test_the_page_of_a_run_is_there_when_it_has_ended(daemon, notebook):
    run = daemon.run(notebook("print('on the page')"))
    assert daemon.wait_for_run(run.id, PATIENCE).state == "succeeded"
    assert b"on the page" in daemon.run_notebook(run.id, "html")


def test_a_run_that_goes_on_has_no_page_and_is_not_waited_for(daemon, notebook):
    run = daemon.run(notebook("import time\ntime.sleep(1000)"))
    until(lambda: daemon.run_status(run.id).state == "running")
    with pytest.raises(NotFound, match="no such file"):
        daemon.run_notebook(run.id, "html")
    daemon.cancel_run(run.id, wait=PATIENCE)
