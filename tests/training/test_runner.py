"""A run: its events, its record, its executed notebook."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.training.conftest import Start, eventually, notebook


def test_a_run_tells_what_happens_and_ends_with_its_verdict(start: Start) -> None:
    run = start("# parameters\nrate = 1", "print('rate', rate)", parameters={"rate": 0.5})
    result = run.end()
    assert (result["state"], result["code"], result["reason"]) == ("succeeded", "", "")
    kinds = [event["event"] for event in run.events if event["event"] not in ("memory", "line")]
    assert kinds == ["attempt", "cells", "kernel", *["cell"] * 6, "end"]
    assert run.printed("rate 0.5")["index"] == 2
    assert [cell["state"] for cell in result["cells"]] == ["completed"] * 3
    assert all(cell["peak_bytes"] > 0 and cell["seconds"] > 0 for cell in result["cells"])
    end = run.events[-1]
    assert {**result, "event": "end", "t": end["t"]} == end


def test_parameters_are_injected_after_the_tagged_cell(start: Start) -> None:
    run = start("# parameters\nrate = 1", "rate", parameters={"rate": [1, "it's", None]})
    run.end()
    injected = run.output()["cells"][1]
    assert injected["metadata"]["tags"] == ["injected-parameters"]
    assert run.output()["cells"][2]["outputs"][0]["data"]["text/plain"] == '[1, "it\'s", None]'


def test_a_parameter_may_be_infinite_and_the_notebook_stays_json(start: Start) -> None:
    run = start("# parameters\nbound = 1.0", "print(bound)", parameters={"bound": float("inf")})
    assert run.end()["state"] == "succeeded"
    assert run.printed("inf")
    json.loads(run.folder.output.read_bytes(), parse_constant=pytest.fail)


def test_an_executed_notebook_can_be_run_again(start: Start) -> None:
    first = start("# parameters\nx = 1", "print(x)", parameters={"x": 2})
    first.end()
    again = start(content=first.folder.output.read_bytes(), parameters={"x": 3})
    assert again.end()["state"] == "succeeded"
    assert again.printed("3")
    assert len(again.output()["cells"]) == 3


def test_same_cells_with_same_outputs_have_same_digests(start: Start) -> None:
    cells = ("import warnings; warnings.warn('careful')", "print(1); 2", "print(id(object()))")
    one, other = start(*cells).end(), start(*cells).end()
    pairs = list(zip(one["cells"], other["cells"], strict=True))
    assert [a["source_sha256"] == b["source_sha256"] for a, b in pairs] == [True] * 3
    assert [a["outputs_sha256"] == b["outputs_sha256"] for a, b in pairs][:2] == [True] * 2


def test_the_kernel_works_where_and_with_what_it_was_given(start: Start, tmp_path: Path) -> None:
    names = ("REGION", "MLFLOW_TRACKING_URI", "MLOPS_JUPYTER_RUN", "PYTHONHASHSEED")
    run = start(
        "# parameters\nseed = 0",
        f"import os; print(os.getcwd(), *(os.environ[name] for name in {names}))",
        parameters={"seed": 7},
        environment={"REGION": "eu"},
        kernel_environment={"MLFLOW_TRACKING_URI": "sqlite://"},
    )
    assert run.end()["state"] == "succeeded"
    assert run.printed(f"{tmp_path} eu sqlite:// {run.folder.run_id} 7")


def test_outputs_of_our_own_types_become_events(start: Start) -> None:
    display = "from IPython.display import display\n"
    shown = "display({'application/vnd.mlops-jupyter.%s+json': %r}, raw=True)\n"
    run = start(
        display
        + shown % ("metric", {"name": "auc", "value": 0.93, "step": None})
        + shown % ("data", {"name": "train", "sha256": "ab", "rows": 3})
        + shown % ("fact", {"key": "model", "value": "churn/3"})
    )
    result = run.end()
    assert run.wait_for("metric", name="auc", value=0.93, step=None)
    assert run.wait_for("data", name="train", sha256="ab", rows=3)
    assert run.wait_for("fact", key="model", value="churn/3")
    assert result["metrics"] == {"auc": 0.93}


def test_streams_are_in_the_logs_while_a_cell_still_runs(start: Start) -> None:
    run = start(
        "import sys, time\nprint('out')\nprint('err', file=sys.stderr)\ntime.sleep(1000)",
    )
    run.printed("err")
    eventually(lambda: run.folder.stdout.read_text() == "out\n")
    eventually(lambda: run.folder.stderr.read_text() == "err\n")
    assert run.folder.result() is None


def test_progress_bars_are_kept_as_a_terminal_shows_them(start: Start) -> None:
    run = start(
        "import time\nfor i in range(4):\n"
        "    print(f'\\r{i}/3', end='', flush=True); time.sleep(0.25)\nprint()"
    )
    run.end()
    assert [output["text"] for output in run.output()["cells"][0]["outputs"]] == [["3/3\n"]]


def test_a_copy_goes_where_it_was_asked_for(start: Start, tmp_path: Path) -> None:
    target = tmp_path / "out" / "{lr}.ipynb"
    target.parent.mkdir()
    run = start("1", output=str(target))
    assert run.end()["state"] == "succeeded"
    assert target.read_bytes() == run.folder.output.read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["{lr}.ipynb"]


def test_an_output_folder_that_is_missing_is_said(start: Start, tmp_path: Path) -> None:
    run = start("1", output=str(tmp_path / "nowhere" / "out.ipynb"))
    result = run.end()
    assert (result["state"], result["code"]) == ("failed", "output_not_written")
    assert "No such file or directory" in result["reason"]
    assert run.cell_states() == ["completed"]


def test_the_folder_is_private_and_the_input_stays_as_it_was(start: Start) -> None:
    content = notebook("1")
    run = start(content=content)
    run.end()
    assert run.folder.input.read_bytes() == content
    assert stat.S_IMODE(run.folder.input.stat().st_mode) == 0o400
    assert stat.S_IMODE(run.folder.path.stat().st_mode) == 0o700


def test_html_follows_the_verdict(start: Start) -> None:
    run = start("print('<b>shown</b>')")
    run.end()
    html = eventually(lambda: run.folder.html.exists() and run.folder.html.read_text(), "HTML")
    assert "&lt;b&gt;shown&lt;/b&gt;" in html


def test_a_failed_attempt_is_repeated_as_often_as_asked(start: Start, tmp_path: Path) -> None:
    code = "from pathlib import Path\nseen = Path('seen')\nif not seen.exists(): seen.touch(); 1/0"
    run = start(code, retries=2, backoff_seconds=0.01)
    result = run.end()
    assert (result["state"], result["attempt"]) == ("succeeded", 2)
    assert [e["attempt"] for e in run.events if e["event"] == "attempt"] == [1, 2]
    assert run.wait_for("retry")["code"] == "cell_failed"


def test_what_no_attempt_can_mend_is_not_repeated(start: Start) -> None:
    run = start("1", kernel="nosuch", retries=3, backoff_seconds=0.01)
    assert (run.end()["code"], run.folder.result()["attempt"]) == ("unknown_kernel", 1)


def test_an_r_notebook_runs_with_its_parameters(start: Start, r_kernel: str) -> None:
    cells = ("# parameters\nn <- 1L", "cat(n * 2, '\\n')", "stop('enough')")
    run = start(content=notebook(*cells, kernel=r_kernel, language="R"), parameters={"n": 21})
    result = run.end()
    assert run.printed("42")
    assert result["code"] == "cell_failed"
    assert "enough" in result["error"]["value"]


def test_two_runs_that_write_one_path_leave_one_whole_notebook(
    start: Start, tmp_path: Path
) -> None:
    target = tmp_path / "out.ipynb"
    runs = [start(f"print({mark!r} * 200_000)", output=str(target)) for mark in "ab"]
    assert [run.end()["state"] for run in runs] == ["succeeded"] * 2
    assert target.read_bytes() in [run.folder.output.read_bytes() for run in runs]


def test_parallel_runs_have_a_working_directory_each(start: Start, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b{x}", "c d")]
    for folder in folders:
        folder.mkdir()
    runs = [start("import os; print(os.getcwd())", folder=str(folder)) for folder in folders]
    for run, folder in zip(runs, folders, strict=True):
        assert run.end()["state"] == "succeeded"
        assert run.printed(str(folder))


def test_a_notebook_may_change_its_directory(start: Start, tmp_path: Path) -> None:
    run = start("import os; os.chdir('/')", "print(os.getcwd())", output="copy.ipynb")
    assert run.end()["state"] == "succeeded"
    assert (tmp_path / "copy.ipynb").exists()


CANARY = 'can"ary-\n5ecret/+value'


def test_a_secret_reaches_the_kernel_and_nothing_that_is_kept(start: Start) -> None:
    run = start(
        "import os, time; secret = os.environ['DB_PASSWORD']",
        "print(secret[:9], end='', flush=True); time.sleep(0.3); print(secret[9:])",
        "os.system('echo \"$DB_PASSWORD\" >&2')",
        "from IPython.display import display, HTML; display(HTML(secret), secret)",
        "raise ValueError(secret)",
        secrets={"DB_PASSWORD": CANARY},
    )
    kernel = run.wait_for("kernel")["pid"]
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (run.supervisor.pid, kernel)]
    assert not any(b"5ecret" in line for line in lines)
    assert run.end()["error"]["value"] == "***"
    eventually(run.folder.html.exists, "HTML")
    files = [path for path in run.folder.path.rglob("*") if path.is_file()]
    kept = [path.name for path in files if b"5ecret" in path.read_bytes()]
    assert kept == []
    assert b"***" in run.folder.stdout.read_bytes()
