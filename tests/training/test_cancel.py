"""Ending a run early: by its owner, by its limits, by whoever kills a process of it."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path

import psutil
import pytest

from mlops_jupyter.training import runner
from mlops_jupyter.types import Resources
from tests.training.conftest import Run, Start, eventually, notebook

ENDLESS = "import time\nprint('begun')\nwhile True: time.sleep(0.05)"
DEAF = (
    "import time\nprint('begun')\nwhile True:\n"
    "    try: time.sleep(0.05)\n    except KeyboardInterrupt: print('no')"
)
DEAFER = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + DEAF


def gone(run: Run) -> None:
    """No process of the run is left."""
    eventually(lambda: not run.processes(), "the end of every process")


@pytest.mark.parametrize("cell", [ENDLESS, DEAF, DEAFER], ids=["yields", "deaf", "deafer"])
def test_a_cancelled_run_ends_however_deaf_its_kernel_is(start: Start, cell: str) -> None:
    run = start("1", cell, "2")
    run.printed("begun")
    assert runner.cancel(run.folder)
    result = run.end()
    assert (result["state"], result["code"]) == ("cancelled", "")
    assert [cell["state"] for cell in result["cells"]] == ["completed", "cancelled", "pending"]
    assert run.cell_states() == ["completed", "cancelled", "pending"]
    assert run.output()["cells"][1]["outputs"][0]["text"][0] == "begun\n"
    gone(run)
    assert not runner.cancel(run.folder)


def test_a_cell_that_is_interrupted_may_clean_up(start: Start) -> None:
    run = start(
        "import time\ntry:\n    print('begun')\n    time.sleep(1000)\nfinally:\n    print('saved')"
    )
    run.printed("begun")
    runner.cancel(run.folder)
    assert run.end()["state"] == "cancelled"
    assert run.folder.stdout.read_text() == "begun\nsaved\n"


def test_a_run_can_be_cancelled_before_its_kernel_is_there(start: Start) -> None:
    run = start(ENDLESS)
    run.wait_for("attempt")
    runner.cancel(run.folder)
    assert run.end()["state"] == "cancelled"
    assert run.cell_states() == ["pending"]
    gone(run)


def test_a_run_can_be_cancelled_between_attempts(start: Start) -> None:
    run = start("1/0", retries=3, backoff_seconds=1000)
    run.wait_for("retry")
    runner.cancel(run.folder)
    assert run.end()["state"] == "cancelled"


def test_a_cell_over_its_time_ends_the_run(start: Start) -> None:
    run = start("1", ENDLESS, "2", cell_seconds=0.5)
    result = run.end()
    assert (result["state"], result["code"]) == ("timed_out", "cell_timed_out")
    assert result["reason"] == "Cell 1 (import time) took longer than its 0.5 s."
    assert result["error"]["name"] == "KeyboardInterrupt"
    assert run.cell_states() == ["completed", "failed", "pending"]


def test_a_deaf_cell_over_its_time_ends_the_run(start: Start) -> None:
    run = start(DEAFER, cell_seconds=0.5)
    assert run.end()["code"] == "cell_timed_out"
    assert run.cell_states() == ["failed"]
    gone(run)


def test_a_run_over_its_time_ends(start: Start) -> None:
    run = start(ENDLESS, "2", run_seconds=3)
    result = run.end()
    assert (result["state"], result["code"]) == ("timed_out", "run_timed_out")
    assert result["reason"] == "The run took longer than its 3 s."
    assert run.cell_states()[-1] == "pending"
    gone(run)


def test_a_run_over_its_memory_ends(start: Start) -> None:
    hog = "held = []\nwhile True: held.append(bytearray(b'x' * 50_000_000))"
    run = start("1", hog, resources=Resources(memory_bytes=700_000_000))
    result = run.end()
    assert (result["state"], result["code"]) == ("failed", "out_of_memory")
    assert "over its bound of 700 MB" in result["reason"]
    assert run.cell_states() == ["completed", "failed"]
    assert result["cells"][1]["peak_bytes"] > 500_000_000
    gone(run)


DETACHED = (
    "import subprocess, sys\n"
    "code = 'import signal as s, time; s.signal(s.SIGTERM, s.SIG_IGN); time.sleep(1000)'\n"
    "child = subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
    "print(child.pid)"
)


def test_a_process_that_a_cell_detaches_does_not_outlive_the_run(start: Start) -> None:
    run = start(DETACHED)
    assert run.end()["state"] == "succeeded"
    assert not psutil.pid_exists(int(run.folder.stdout.read_text()))


def test_nor_does_it_outlive_a_kernel_that_is_killed(start: Start) -> None:
    run = start(DETACHED, "import os; os.kill(os.getpid(), 9)")
    assert run.end()["code"] == "kernel_died"
    assert not psutil.pid_exists(int(run.folder.stdout.read_text()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_papermill_ended_from_outside_is_a_failure(start: Start, number: signal.Signals) -> None:
    run = start("1", ENDLESS, "2")
    run.printed("begun")
    run.executor().send_signal(number)
    result = run.end()
    assert (result["state"], result["code"]) == ("failed", "executor_died")
    assert result["signal"] == number
    assert number.name in result["reason"]
    assert run.cell_states() == ["completed", "unknown", "pending"]
    gone(run)


def test_nothing_goes_on_when_the_supervisor_is_killed(start: Start) -> None:
    run = start(ENDLESS, retries=3)
    run.printed("begun")
    assert run.folder.supervisor_pid() == run.supervisor.pid
    kernel = run.wait_for("kernel")["pid"]
    run.supervisor.kill()
    run.supervisor.wait()
    eventually(lambda: not psutil.pid_exists(kernel), "the kernel's end")
    assert run.folder.supervisor_pid() is None
    assert run.folder.result() is None
    gone(run)


def test_what_a_killed_supervisor_leaves_is_found_by_the_runs_id(start: Start) -> None:
    run = start(DETACHED, ENDLESS)
    run.printed("begun")
    run.supervisor.kill()
    run.supervisor.wait()
    child = int(run.folder.stdout.read_text().split()[0])
    assert psutil.pid_exists(child)
    assert runner.clear(run.folder.run_id) >= 1
    assert not run.processes()
    assert not list(Path(tempfile.gettempdir()).glob(f"mj-run-{run.folder.run_id}.*"))


def test_an_r_kernel_goes_with_its_run(start: Start, r_kernel: str) -> None:
    content = notebook("cat('begun\\n'); Sys.sleep(1000)", "2", kernel=r_kernel, language="R")
    run = start(content=content)
    run.printed("begun")
    runner.cancel(run.folder)
    assert run.end()["state"] == "cancelled"
    assert run.cell_states() == ["cancelled", "pending"]
    gone(run)


def test_a_supervisor_leaves_no_zombies(start: Start) -> None:
    orphans = "import os, time\nfor _ in range(20): os.system('(true &) &')\nprint('begun')\n"
    run = start(orphans + "time.sleep(1000)")
    run.printed("begun")

    def clean() -> bool:
        try:
            children = psutil.Process(run.supervisor.pid).children()
            return all(child.status() != psutil.STATUS_ZOMBIE for child in children)
        except psutil.NoSuchProcess:
            return False

    eventually(clean, "the end of all zombies")
