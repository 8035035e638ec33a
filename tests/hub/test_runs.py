"""Runs of notebooks through a real hub: accepted, queued, followed, cancelled, found again."""

import json
import os
import signal
import sqlite3

import pytest

from mlops_jupyter.client.hub import Hub
from mlops_jupyter.types import Conflict, InvalidRequest, NotFound, Resources

from .waiting import until

PATIENCE = 120.0


def printed(hub, run):
    """What a run's kernel has printed so far."""
    return hub.run_log(run.id).text.strip()


def test_a_run_ends_with_its_cells_metrics_and_record(daemon, notebook):
    path = notebook(
        "import mlops_jupyter as mj\nmj.metric('auc', lr * 2)\nprint('done')",
        parameters="lr: float = 0.1\ndepth = 3",
    )
    accepted = daemon.run(path, {"lr": 0.25})
    assert (accepted.state, accepted.spec.folder) == ("queued", str(path.parent))
    run = daemon.wait_for_run(accepted.id, PATIENCE)
    assert (run.state, run.reason) == ("succeeded", "")
    assert run.metrics == {"auc": 0.5}
    assert [cell.state for cell in run.cells] == ["completed"] * 3
    assert (run.cells_done, run.cells_total) == (3, 3)
    assert run.record["parameters"]["lr"] == {"value": 0.25, "from": "given"}
    assert run.record["parameters"]["depth"] == {"value": 3, "from": "default"}
    assert daemon.run_log(run.id).text == "done\n"
    executed = json.loads(daemon.run_notebook(run.id))
    assert "done\n" in json.dumps(executed)[:100_000].replace("\\n", "\n")


def test_a_unique_beginning_of_an_id_names_the_run(daemon, notebook):
    run = daemon.run(notebook("1"))
    assert daemon.run_status(run.id[:8]).id == run.id
    with pytest.raises(NotFound, match="no such run"):
        daemon.run_status("zzzz")
    daemon.wait_for_run(run.id, PATIENCE)


def test_what_does_not_fit_the_notebook_is_refused_before_it_starts(daemon, notebook, tmp_path):
    path = notebook("1", parameters="lr = 0.1")
    before = len(daemon.runs(limit=1000).runs)
    with pytest.raises(InvalidRequest, match="'lr'"):
        daemon.run(path, {"ir": 0.1})
    with pytest.raises(InvalidRequest):
        daemon.run(path, {"lr": "fast"})
    with pytest.raises(InvalidRequest):
        daemon.run(path, {"x=1\nimport os": 1})
    with pytest.raises(NotFound, match="no notebook"):
        daemon.run(tmp_path / "gone.ipynb")
    (tmp_path / "text.ipynb").write_text("not JSON")
    with pytest.raises(InvalidRequest):
        daemon.run(tmp_path / "text.ipynb")
    with pytest.raises(InvalidRequest, match="more than this machine has"):
        daemon.run(path, resources=Resources(gpus=999))
    assert len(daemon.runs(limit=1000).runs) == before


def test_typed_words_are_read_by_the_declared_types(daemon, notebook):
    path = notebook("print(lr, name)", parameters="lr = 0.1\nname = 'a'")
    run = daemon.run(path, texts={"lr": "1e-3", "name": "12"})
    assert run.spec.parameters == {"lr": 0.001, "name": "12"}
    daemon.wait_for_run(run.id, PATIENCE)


def test_a_cell_that_fails_is_named_with_its_error(daemon, notebook):
    run = daemon.run(notebook("x = 1", "raise ValueError('no such column')", "y = 2"))
    run = daemon.wait_for_run(run.id, PATIENCE)
    assert (run.state, run.code) == ("failed", "cell_failed")
    assert run.error is not None
    assert (run.error.name, run.error.value) == ("ValueError", "no such column")
    assert [cell.state for cell in run.cells] == ["completed", "failed", "pending"]


def test_a_run_is_cancelled_with_its_kernel(daemon, notebook):
    run = daemon.run(notebook("import os\nprint(os.getpid(), flush=True)\nwhile True: pass"))
    pid = int(until(lambda: printed(daemon, run)))
    ended = daemon.cancel_run(run.id, wait=PATIENCE)
    assert ended.state == "cancelled"
    assert "Cancelled by user:" in ended.reason
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(Conflict, match="ended already"):
        daemon.cancel_run(run.id)


def test_runs_are_listed_by_pages_newest_first(daemon, notebook):
    path = notebook("1")
    made = [daemon.run(path).id for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = daemon.runs(notebook="fit", limit=2, before=cursor)
        seen += [run.id for run in page.runs]
        cursor = page.next
        if cursor is None:
            break
    assert seen[:5] == made[::-1]
    assert len(seen) == len(set(seen))
    assert {run.state for run in daemon.runs(state="active").runs} <= {
        "queued", "starting", "running",
    }  # fmt: skip
    for run in made:
        assert daemon.wait_for_run(run, PATIENCE).state == "succeeded"


def test_every_step_of_a_run_leaves_a_record(daemon, notebook):
    run = daemon.run(notebook("1", parameters="a = 1"), {"a": 2})
    daemon.wait_for_run(run.id, PATIENCE)
    found = [
        record
        for record in daemon.records(kind="run", limit=200).records
        if record["run"]["id"] == run.id
    ]
    ended, _, submitted = found
    assert [one["action"] for one in found] == ["run.end", "run.start", "run.submit"]
    assert submitted["actor"]["sub"].startswith("user:")
    assert submitted["code"]["notebook_sha256"] == run.spec.notebook_sha256
    assert submitted["detail"]["parameters"] == '{"a": 2}'
    assert ended["status"] == 200


def test_changes_of_a_run_arrive_as_events(daemon, notebook):
    events = daemon.events()
    assert next(events)["event"] == "hello"
    run = daemon.run(notebook("1"))
    states = []
    for event in events:
        if event.get("event") == "run" and event["id"] == run.id:
            states.append(event["state"])
            if event["state"] == "succeeded":
                break
    assert states[-1] == "succeeded"
    events.close()


def test_secrets_reach_the_kernel_and_nothing_else(daemon, notebook, monkeypatch):
    canary = "canary-8c1f53e7"
    monkeypatch.setenv("DB_PASSWORD_HERE", canary)
    path = notebook(
        "import os\nprint(len(os.environ['DB_PASSWORD']))\nprint(os.environ['DB_PASSWORD'])"
    )
    run = daemon.run(path, secrets={"DB_PASSWORD": "env:DB_PASSWORD_HERE"})
    run = daemon.wait_for_run(run.id, PATIENCE)
    assert run.state == "succeeded", run.reason
    assert daemon.run_log(run.id).text.startswith(f"{len(canary)}\n")
    for file in daemon.home.rglob("*"):
        if file.is_file():
            assert canary.encode() not in file.read_bytes(), file


def test_a_secret_that_is_nowhere_fails_the_run_and_says_so(daemon, notebook):
    run = daemon.run(notebook("1"), secrets={"KEY": "env:NOBODY_SET_THIS"})
    run = daemon.wait_for_run(run.id, PATIENCE)
    assert run.state == "failed"
    assert "NOBODY_SET_THIS" in run.reason


@pytest.fixture
def own_hub(tmp_path, monkeypatch):
    """A hub with one core for runs, which a test may kill."""
    monkeypatch.setenv("MLOPS_JUPYTER_RUN_CPUS", "1")
    hub = Hub.connect(home=tmp_path / "state")
    yield hub
    hub.stop()


def test_a_run_waits_for_its_turn_and_says_why(own_hub, notebook, tmp_path):
    go = tmp_path / "go"
    path = notebook(f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)")
    first, second = own_hub.run(path), own_hub.run(path)
    until(lambda: own_hub.run_status(first.id).state == "running")
    waiting = until(lambda: (s := own_hub.run_status(second.id)).reason and s)
    assert (waiting.state, waiting.place) == ("queued", 1)
    assert waiting.reason
    go.touch()
    for run in (first, second):
        assert own_hub.wait_for_run(run.id, PATIENCE).state == "succeeded"


def test_a_queued_run_is_cancelled_at_once(own_hub, notebook, tmp_path):
    path = notebook("import time\ntime.sleep(1000)")
    first, second = own_hub.run(path), own_hub.run(path)
    assert own_hub.cancel_run(second.id).state == "cancelled"
    assert own_hub.cancel_run(first.id, wait=PATIENCE).state == "cancelled"


def test_a_run_goes_on_when_its_hub_is_killed_and_is_found_again(own_hub, notebook, tmp_path):
    go = tmp_path / "go"
    wait = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)"
    path = notebook(f"{wait}\nprint('went on')")
    run = own_hub.run(path)
    until(lambda: own_hub.run_status(run.id).state == "running")
    os.kill(own_hub.info().pid, signal.SIGKILL)
    assert until(lambda: own_hub.run_status(run.id).state) == "running"
    go.touch()
    ended = own_hub.wait_for_run(run.id, PATIENCE)
    assert (ended.state, own_hub.run_log(run.id).text) == ("succeeded", "went on\n")


def test_a_run_that_ended_while_no_hub_was_there_has_its_end(own_hub, notebook, tmp_path):
    go = tmp_path / "go"
    path = notebook(f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)")
    run = own_hub.run(path)
    until(lambda: own_hub.run_status(run.id).state == "running")
    os.kill(own_hub.info().pid, signal.SIGKILL)
    go.touch()
    until((own_hub.home / "runs" / run.id / "result.json").exists)
    assert own_hub.wait_for_run(run.id, PATIENCE).state == "succeeded"


def test_a_run_whose_supervisor_is_killed_is_lost_and_its_kernel_ends(own_hub, notebook):
    run = own_hub.run(notebook("import os\nprint(os.getpid(), flush=True)\nwhile True: pass"))
    kernel = int(until(lambda: printed(own_hub, run)))
    said = json.loads((own_hub.home / "runs" / run.id / "supervisor.json").read_text())
    os.kill(said["pid"], signal.SIGKILL)
    ended = own_hub.wait_for_run(run.id, PATIENCE)
    assert (ended.state, ended.code) == ("lost", "supervisor_died")

    def gone():
        try:
            os.kill(kernel, 0)
        except ProcessLookupError:
            return True
        return False

    until(gone)


def test_a_run_that_was_started_just_before_its_hub_was_killed_is_not_started_twice(
    own_hub, notebook, tmp_path
):
    go = tmp_path / "go"
    path = notebook(
        f"import os, time\nopen({str(tmp_path / 'starts')!r}, 'a').write('once ')\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.05)"
    )
    run = own_hub.run(path)
    until((tmp_path / "starts").exists)
    os.kill(own_hub.info().pid, signal.SIGKILL)
    until(lambda: not own_hub.healthy())
    with sqlite3.connect(own_hub.home / "hub.db") as database:
        # as if the record of its start had not been written any more
        said = "UPDATE run SET state = 'queued', status = json_set(status, '$.state', 'queued')"
        database.execute(said)
    assert until(lambda: own_hub.run_status(run.id).state) == "running"
    go.touch()
    assert own_hub.wait_for_run(run.id, PATIENCE).state == "succeeded"
    assert (tmp_path / "starts").read_text() == "once "
    said = own_hub.records(kind="run", limit=50).records
    assert [record["action"] for record in said].count("run.start") == 1
