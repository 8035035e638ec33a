"""A disk that is full while runs go on: they say so, the hub goes on, and the next run works."""

import os
import subprocess

import pytest

from mlops_jupyter.client.hub import Hub
from mlops_jupyter.types import MlopsError

from .waiting import until

PATIENCE = 120.0


@pytest.fixture
def disk(tmp_path):
    """A function that puts a small disk at a path."""
    mounted = []

    def mount(path, size):
        path.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(path)]
        if os.geteuid() != 0 or subprocess.run(command, check=False).returncode != 0:
            pytest.skip("only root can mount a small disk")
        mounted.append(path)

    yield mount
    for path in mounted:
        subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
def hub_at():
    """A function that starts a hub in a state directory."""
    hubs = []

    def start(home):
        hubs.append(Hub.connect(home=home))
        return hubs[0]

    yield start
    for hub in hubs:
        hub.stop()


def filling(filler, megabytes, outputs=3_000_000):
    """A cell that fills the disk, and then puts out more than there is room for."""
    return (
        f"with open({str(filler)!r}, 'wb', buffering=0) as file:\n"
        f"    try:\n        for _ in range({megabytes} * 16): file.write(bytes(1 << 16))\n"
        "    except OSError: print('full')\n"
        f"from IPython.display import HTML\nHTML('x' * {outputs})"
    )


def test_a_full_disk_of_runs_fails_the_run_and_leaves_the_hub(disk, hub_at, notebook, tmp_path):
    runs = tmp_path / "state" / "runs"
    disk(runs, "4m")
    hub = hub_at(tmp_path / "state")
    run = hub.run(notebook(filling(runs / "filler", 8)))
    run = hub.wait_for_run(run.id, PATIENCE)
    assert (run.state, run.code) == ("failed", "output_not_written")
    assert "No space left" in run.reason
    with pytest.raises(MlopsError, match="No space left") as refused:
        hub.run(notebook("1", "#" * 4_000_000))
    assert refused.value.code == "cannot_keep"
    (runs / "filler").unlink()
    assert hub.wait_for_run(hub.run(notebook("1")).id, PATIENCE).state == "succeeded"


def test_a_hub_whose_whole_disk_is_full_has_the_verdict_when_there_is_room(
    disk, hub_at, notebook, tmp_path
):
    disk(tmp_path / "state", "48m")
    hub = hub_at(tmp_path / "state")
    filler = tmp_path / "state" / "filler"
    run = hub.run(notebook(filling(filler, 64, 9_000_000)))
    result = tmp_path / "state" / "runs" / run.id / "result.json"
    until(result.exists)
    assert hub.healthy()
    filler.unlink()
    run = hub.wait_for_run(run.id, PATIENCE)
    assert (run.state, run.code) == ("failed", "output_not_written"), run.reason
    assert "No space left" in run.reason
    assert hub.wait_for_run(hub.run(notebook("1")).id, PATIENCE).state == "succeeded"
    assert hub.verify().ok
