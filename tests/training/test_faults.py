"""Bad notebooks and bad luck: each ends with a verdict that says what happened."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_jupyter.training.outputs import MAX_CELL_BYTES, MAX_LOG_BYTES
from tests.training.conftest import Start, notebook

NO_KERNEL = {**json.loads(notebook("1")), "metadata": {}}

STRANGE = {
    "not JSON": (b"# a script\nprint(1)\n", "invalid_notebook", "not JSON"),
    "empty": (b"", "invalid_notebook", "not JSON"),
    "a list": (b"[]", "invalid_notebook", "not a notebook"),
    "no cells": (b"{}", "invalid_notebook", "not a notebook"),
    "no kernel": (json.dumps(NO_KERNEL).encode(), "no_kernel", "which kernel"),
    "unknown kernel": (notebook("1", kernel="fortran"), "unknown_kernel", "Known are"),
    "path as kernel": (notebook("1", kernel="../../x"), "unknown_kernel", "Known are"),
}


@pytest.mark.parametrize(("content", "code", "said"), STRANGE.values(), ids=STRANGE)
def test_a_notebook_that_cannot_be_run_says_why(
    start: Start, content: bytes, code: str, said: str
) -> None:
    result = start(content=content).end()
    assert (result["state"], result["code"]) == ("failed", code)
    assert said in result["reason"]


def test_a_working_directory_that_is_gone_is_said(start: Start, tmp_path: Path) -> None:
    result = start("1", folder=str(tmp_path / "gone")).end()
    assert (result["state"], result["code"]) == ("failed", "no_folder")


def test_a_kernel_that_cannot_start_is_said_with_its_last_words(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, argv in {
        "dies": ["python", "-c", "raise SystemExit('no licence')", "{connection_file}"],
        "absent": ["/nowhere/kernel", "{connection_file}"],
    }.items():
        folder = tmp_path / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": argv, "display_name": name, "language": "python"}
        (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    dies = start("1", kernel="dies").end()
    assert (dies["code"], dies["exit_code"]) == ("kernel_not_started", 1)
    assert "no licence" in dies["reason"]
    absent = start("1", kernel="absent").end()
    assert absent["code"] == "kernel_not_started"
    assert "/nowhere/kernel" in absent["reason"]


@pytest.mark.parametrize(
    ("cell", "exit_code", "number"),
    [
        ("import os; os._exit(0)", 0, None),
        ("import os; os._exit(9)", 9, None),
        ("import os; os.kill(os.getpid(), 9)", None, 9),
        ("import os; os.kill(os.getpid(), 11)", None, 11),
    ],
)
def test_a_kernel_that_dies_fails_the_run(
    start: Start, cell: str, exit_code: int | None, number: int | None
) -> None:
    run = start("1", cell, "2")
    result = run.end()
    assert (result["state"], result["code"]) == ("failed", "kernel_died")
    assert (result["exit_code"], result["signal"]) == (exit_code, number)
    assert cell in result["reason"]
    assert ("memory" in result["reason"]) == (number == 9)
    assert run.cell_states() == ["completed", "failed", "pending"]


def test_a_cell_that_fails_is_named_with_its_error(start: Start) -> None:
    run = start("1", "1/0", "2")
    result = run.end()
    assert (result["state"], result["code"]) == ("failed", "cell_failed")
    assert result["reason"] == "Cell 1 (1/0) failed: ZeroDivisionError: division by zero"
    error = result["error"]
    assert (error["cell"], error["name"]) == (1, "ZeroDivisionError")
    assert "----> 1 1/0" in error["traceback"]
    assert run.cell_states() == ["completed", "failed", "pending"]


@pytest.mark.parametrize("call", ["sys.exit()", "sys.exit(0)"])
def test_a_notebook_may_end_itself_early(start: Start, call: str) -> None:
    run = start("1", f"import sys; {call}", "2")
    result = run.end()
    assert (result["state"], result["code"]) == ("succeeded", "ended_early")
    assert "ended the notebook itself" in result["reason"]
    assert run.cell_states() == ["completed", "completed", "pending"]


def test_an_exit_with_a_status_is_a_failure(start: Start) -> None:
    assert start("import sys; sys.exit(3)").end()["error"]["value"] == "3"


def test_a_cell_that_may_raise_does_not_end_the_run(start: Start) -> None:
    content = json.loads(notebook("1/0", "2"))
    content["cells"][0]["metadata"]["tags"] = ["raises-exception"]
    run = start(content=json.dumps(content).encode())
    assert run.end()["state"] == "succeeded"


def test_a_flood_of_output_is_bounded_everywhere(start: Start) -> None:
    flood = "line = 'x' * 999\nfor _ in range(110_000): print(line)\nprint('over')"
    run = start(flood, "2")
    result = run.end()
    assert result["state"] == "succeeded"
    assert run.folder.stdout.stat().st_size < MAX_LOG_BYTES + 1000
    assert run.folder.stdout.read_bytes()[-100:].endswith(b"cut: the log is full at 100 MB\n")
    assert run.folder.output.stat().st_size < 1.2 * MAX_CELL_BYTES
    assert (
        "cut: this cell put out more than 10 MB"
        in run.output()["cells"][0]["outputs"][-1]["text"][0]
    )
    assert result["peak_bytes"] < 1_000_000_000


def test_one_output_that_is_too_large_is_left_out(start: Start) -> None:
    run = start(
        "from IPython.display import HTML; HTML('x' * 12_000_000)", "print('x' * 12_000_000)"
    )
    assert run.end()["state"] == "succeeded"
    assert run.folder.output.stat().st_size < 1.2 * MAX_CELL_BYTES


def test_bytes_that_are_no_text_do_no_harm(start: Start) -> None:
    run = start(
        "import os; os.write(1, b'\\xff\\xfe\\x00\\x1b[31m'); print('\\udcff \\x00 \\x1b[1mbold')",
        "from IPython.display import display; display({'text/plain': '\\udcff'}, raw=True)",
        "raise ValueError('\\udcff')",
    )
    assert run.end()["code"] == "cell_failed"
    assert run.output()["cells"][0]["outputs"]


def test_braces_in_paths_are_only_braces(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "{lr}"
    folder.mkdir()
    run = start(
        "import os; print(os.getcwd())",
        root=tmp_path / "{runs} 'of' %s",
        folder=str(folder),
        notebook=str(folder / "{x}.ipynb"),
        output="{y}.ipynb",
    )
    assert run.end()["state"] == "succeeded"
    assert run.printed(str(folder))
    assert (folder / "{y}.ipynb").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False).returncode == 0
    if not mounted:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_the_verdict(start: Start, small_disk: Path) -> None:
    fill = (
        "from IPython.display import HTML\nopen('more', 'wb').write(b'x' * 2_000_000)\n"
        "HTML('x' * 3_000_000)"
    )
    run = start(fill, root=small_disk / "runs", folder=str(small_disk))
    result = run.end()
    assert (result["state"], result["code"]) == ("failed", "output_not_written")
    assert "No space left" in result["reason"]


def test_a_disk_that_fills_up_still_gets_its_verdict(start: Start, small_disk: Path) -> None:
    fill = "try:\n    open('more', 'wb').write(b'x' * 9_000_000)\nexcept OSError: print('full')"
    run = start(fill, root=small_disk / "runs", folder=str(small_disk))
    assert run.end()["state"] in ("failed", "succeeded")
    assert run.folder.result_file.exists()


def test_a_file_size_limit_is_the_verdict(start: Start) -> None:
    limit = (
        "import os, resource\nfrom IPython.display import HTML\n"
        "resource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "HTML('x' * 3_000_000)"
    )
    result = start(limit).end()
    assert (result["state"], result["code"]) == ("failed", "output_not_written")
    assert "File too large" in result["reason"]
