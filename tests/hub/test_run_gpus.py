"""Runs that ask for GPUs, through a real hub on a machine that says it has some."""

import json
import os
import signal
import textwrap

import pytest

from mlops_jupyter.client.hub import Hub
from mlops_jupyter.types import InvalidRequest, Resources

from .waiting import until

PATIENCE = 120.0
ONE = Resources(gpus=1)
DRIVER = textwrap.dedent(
    """
    '''NVIDIA's management library, as a machine with made-up devices has it.'''
    import os
    from types import SimpleNamespace

    class NVMLError(Exception):
        pass

    nvmlInit = nvmlShutdown = lambda: None
    nvmlDeviceGetCount = lambda: int(os.environ["TEST_GPUS"])
    nvmlDeviceGetHandleByIndex = lambda index: index
    nvmlDeviceGetUUID = lambda handle: f"GPU-{handle}"
    nvmlDeviceGetName = lambda handle: "Test 1000"
    nvmlDeviceGetMemoryInfo = lambda handle: SimpleNamespace(total=16 << 30)

    def __getattr__(name):
        raise NVMLError(name)
    """
)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A function that starts a hub on a machine with so many GPUs."""
    hubs = []

    def start(gpus):
        (tmp_path / "driver").mkdir()
        (tmp_path / "driver" / "pynvml.py").write_text(DRIVER)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "driver"), prepend=os.pathsep)
        monkeypatch.setenv("TEST_GPUS", str(gpus))
        monkeypatch.setenv("MLOPS_JUPYTER_RUN_CPUS", "4")
        hubs.append(Hub.connect(home=tmp_path / "state"))
        return hubs[0]

    yield start
    for hub in hubs:
        hub.stop()


@pytest.fixture
def held(notebook, tmp_path):
    """A notebook that says which GPU it sees, and goes on until the file `go` is there."""
    go = tmp_path / "go"
    path = notebook(
        "import os, time\nprint('sees', os.environ['CUDA_VISIBLE_DEVICES'], flush=True)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.05)"
    )
    return path, go


def sees(hub, run):
    """The GPUs that a run's kernel sees, once it has said so."""
    return until(lambda: hub.run_log(run.id).text.split("\n")[0]).removeprefix("sees ").strip()


def test_a_gpu_that_is_not_there_is_a_clear_refusal(machine, notebook):
    hub = machine(0)
    with pytest.raises(InvalidRequest) as caught:
        hub.run(notebook("1"), resources=ONE)
    assert caught.value.code == "never_fits"
    assert "1 GPU; this machine has 0 GPUs" in caught.value.reason
    assert hub.runs().runs == []


def test_two_runs_wait_for_one_gpu_and_each_has_it_to_itself(machine, held):
    hub, (path, go) = machine(1), held
    first, second = hub.run(path, resources=ONE), hub.run(path, resources=ONE)
    assert sees(hub, first) == "0"
    waiting = until(lambda: (s := hub.run_status(second.id)).reason and s)
    assert (waiting.state, waiting.place) == ("queued", 1)
    assert waiting.reason.startswith("Waits for 1 GPU: none is free, used by 'fit' of user:")
    go.touch()
    assert hub.wait_for_run(first.id, PATIENCE).state == "succeeded"
    assert sees(hub, second) == "0"
    assert hub.wait_for_run(second.id, PATIENCE).state == "succeeded"
    assert not any(gpu["in_use"] for gpu in hub.info().gpus)


def test_a_run_that_asks_for_no_gpu_sees_none(machine, notebook):
    hub = machine(1)
    run = hub.run(notebook("import os\nprint(repr(os.environ['CUDA_VISIBLE_DEVICES']))"))
    hub.wait_for_run(run.id, PATIENCE)
    assert hub.run_log(run.id).text == "''\n"


def test_a_gpu_is_free_again_when_its_supervisor_was_killed(machine, held):
    hub, (path, go) = machine(1), held
    first, second = hub.run(path, resources=ONE), hub.run(path, resources=ONE)
    sees(hub, first)
    said = json.loads((hub.home / "runs" / first.id / "supervisor.json").read_text())
    os.kill(said["pid"], signal.SIGKILL)
    assert hub.wait_for_run(first.id, PATIENCE).state == "lost"
    assert sees(hub, second) == "0"
    go.touch()
    assert hub.wait_for_run(second.id, PATIENCE).state == "succeeded"


def test_a_run_keeps_its_gpu_when_its_hub_is_killed(machine, held):
    hub, (path, go) = machine(2), held
    first = hub.run(path, resources=ONE)
    assert sees(hub, first) == "0"
    os.kill(hub.info().pid, signal.SIGKILL)
    assert until(lambda: hub.run_status(first.id).state) == "running"
    assert [gpu["in_use"] for gpu in hub.info().gpus] == [True, False]
    second = hub.run(path, resources=ONE)
    assert sees(hub, second) == "1"
    go.touch()
    for run in (first, second):
        assert hub.wait_for_run(run.id, PATIENCE).state == "succeeded"
    assert not any(gpu["in_use"] for gpu in hub.info().gpus)
