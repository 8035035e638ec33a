"""Runs in MLflow, and runs that are repeated from their record and compared."""

import json
import shutil
import venv
from pathlib import Path

import pytest

from mlops_jupyter.client.hub import Hub
from mlops_jupyter.types import Conflict, NotFound, Unavailable

from .waiting import until

PARAMETERS = "slope: float = 2.0\nseed: int = 1"
FIT = """\
import random
import mlops_jupyter as mj
random.seed(seed)
mj.data([1.0, 2.0, 3.0], name="points")
mj.metric("error", abs(slope - 2.0))
print("fitted", random.random())
"""


@pytest.fixture(scope="module")
def hub(publishing_hub):
    return publishing_hub


def ended(hub, run):
    """A run at its end, once it is in MLflow."""
    assert hub.wait_for_run(run.id, 120).ended
    return until(lambda: (s := hub.run_status(run.id)).mlflow_run_id and s)


def judged(hub, run):
    """What was found when a repeat was compared with its original."""
    ended(hub, run)
    return until(lambda: hub.run_status(run.id).record.get("verdict"))


def test_a_run_is_a_run_of_mlflow_with_its_facts(hub, notebook):
    import mlflow

    run = ended(hub, hub.run(notebook(FIT, parameters=PARAMETERS), {"slope": 2.5}))
    client = mlflow.MlflowClient(f"sqlite:///{hub.home / 'mlflow' / 'mlflow.db'}")
    kept = client.get_run(run.mlflow_run_id)
    assert kept.data.params["slope"] == "2.5"
    assert kept.data.metrics["error"] == 0.5
    assert kept.data.tags["mlops.run"] == run.id
    assert {"input.ipynb", "output.ipynb", "environment.txt"} <= {
        one.path for one in client.list_artifacts(run.mlflow_run_id)
    }


def test_the_record_says_what_the_run_was_made_of(hub, notebook):
    run = ended(hub, hub.run(notebook(FIT, parameters=PARAMETERS)))
    record = run.record
    assert record["environment"]["sha256"] and record["hardware"]["cores"] >= 1
    assert record["seeds"]["seed"] == 1
    (points,) = record["data"]
    assert (points["name"], len(points["sha256"])) == ("points", 64)
    assert record["parameters"]["slope"] == {"value": 2.0, "from": "default"}


def test_metrics_that_a_notebook_told_mlflow_alone_decide_a_sweep(hub, notebook):
    path = notebook(
        "import mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('loss', slope)",
        parameters=PARAMETERS,
    )
    sweep = hub.start_sweep(path, ["slope=1.0,3.0"], metric="loss", direction="minimize")
    found = hub.wait_for_sweep(sweep.id, 240)
    assert (found.state, found.best_value) == ("succeeded", 1.0)


def test_a_repeat_that_comes_out_the_same_is_identical(hub, notebook):
    first = ended(hub, hub.run(notebook(FIT, parameters=PARAMETERS), {"seed": 7}))
    again = hub.rerun(first.id)
    assert (again.spec.trigger.kind, again.spec.trigger.of) == ("rerun", first.id)
    assert again.spec.parameters == {"seed": 7}
    verdict = judged(hub, again)
    assert (verdict["kind"], verdict["differences"]) == ("identical", [])


def test_a_repeat_runs_the_notebook_as_it_was(hub, notebook):
    path = notebook("print('as it was')")
    first = ended(hub, hub.run(path))
    path.unlink()
    again = ended(hub, hub.rerun(first.id))
    assert hub.run_log(again.id).text == "as it was\n"


def test_a_repeat_that_differs_says_in_what_and_where_first(hub, notebook, tmp_path):
    source = tmp_path / "number.txt"
    source.write_text("1")
    path = notebook(
        "import mlops_jupyter as mj\nfrom pathlib import Path",
        f"number = float(Path(mj.data({str(source)!r}, name='number')).read_text())\nnumber",
        "mj.metric('number', number)",
    )
    first = ended(hub, hub.run(path))
    source.write_text("2")
    again = hub.rerun(first.id)
    verdict = judged(hub, again)
    assert verdict["kind"] == "differs"
    assert verdict["first_cell"] == 1
    assert verdict["text"].startswith("differs in: metric number (1 vs 2)")
    assert "data number" in verdict["causes"]
    assert any("have changed" in said for said in verdict["not_compared"])


def test_the_verdict_is_in_the_ledger(hub, notebook):
    first = ended(hub, hub.run(notebook("1")))
    again = hub.rerun(first.id)
    judged(hub, again)
    (said,) = [
        record
        for record in hub.records(kind="run", limit=50).records
        if record["action"] == "run.verdict" and record["run"]["id"] == again.id
    ]
    assert said["detail"]["verdict"] == "identical"


def test_any_two_runs_can_be_compared(hub, notebook):
    path = notebook(FIT, parameters=PARAMETERS)
    one = ended(hub, hub.run(path, {"slope": 2.0}))
    other = ended(hub, hub.run(path, {"slope": 2.0000001}))
    assert hub.compare_runs(one.id, other.id, 0.0)["kind"] == "differs"
    assert "parameter slope" in hub.compare_runs(one.id, other.id)["causes"]


def test_what_has_not_ended_or_is_not_there_cannot_be_repeated(hub, notebook):
    run = hub.run(notebook("import time\ntime.sleep(1000)"))
    with pytest.raises(Conflict, match="has not ended"):
        hub.rerun(run.id)
    hub.cancel_run(run.id, wait=60)
    with pytest.raises(NotFound):
        hub.rerun("ffffffffffff")


@pytest.fixture
def changing(tmp_path, monkeypatch):
    """A hub, and the folder of packages of its kernel ``own``, which a test may change."""
    venv.create(tmp_path / "env", symlinks=True)
    (packages,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    (packages / "all.pth").write_text(str(Path(pytest.__file__).parent.parent))
    spec = tmp_path / "jupyter" / "kernels" / "own" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [str(tmp_path / "env" / "bin" / "python"), "-m", "ipykernel_launcher"]
    said = {"argv": [*argv, "-f", "{connection_file}"], "display_name": "own", "language": "python"}
    spec.write_text(json.dumps(said))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    hub = Hub.connect(home=tmp_path / "state")
    yield hub, packages
    hub.stop()


def test_a_package_that_is_gone_is_named_and_nothing_is_started(changing, notebook, tmp_path):
    hub, packages = changing
    info = packages / "my_features-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-features\nVersion: 1.0\n")
    where = {"url": (tmp_path / "features").as_uri(), "dir_info": {}}
    (info / "direct_url.json").write_text(json.dumps(where))
    run = hub.run(notebook("1"), kernel="own")
    run = hub.wait_for_run(run.id, 120)
    assert run.state == "succeeded", run.reason
    shutil.rmtree(info)
    with pytest.raises(Unavailable, match=r"my-features==1\.0 cannot be had any more") as caught:
        hub.rerun(run.id)
    assert caught.value.code == "package_gone"
    assert len(hub.runs().runs) == 1
    again = hub.wait_for_run(hub.rerun(run.id, "python3").id, 120)
    verdict = until(lambda: hub.run_status(again.id).record.get("verdict"))
    assert "environment" in verdict["causes"]
