"""``mlops-jupyter run``, ``runs`` and ``schedule`` against a real hub."""

import json
import os
import shutil
import subprocess

import pytest

from mlops_jupyter.cli import main
from mlops_jupyter.cli.service import unit_path, unit_text

from .notebooks import write_notebook


@pytest.fixture
def notebook(tmp_path):
    return lambda *cells, **options: str(write_notebook(tmp_path / "fit.ipynb", *cells, **options))


@pytest.fixture
def ask(hub, capsys):
    """A function that runs a command and gives (exit status, standard output)."""

    def ask(*words):
        status = main([str(word) for word in words])
        return status, capsys.readouterr().out

    return ask


def test_a_notebook_is_run_to_its_end(ask, notebook):
    path = notebook("print('fitted', lr)", parameters="lr = 0.1")
    status, said = ask("run", path, "-p", "lr", "0.5", "--wait", "--json")
    run = json.loads(said)
    assert (status, run["state"], run["spec"]["parameters"]) == (0, "succeeded", {"lr": 0.5})
    assert ask("runs", "log", run["id"]) == (0, "fitted 0.5\n")
    assert run["id"] in ask("runs", "list")[1]
    assert "succeeded" in ask("runs", "show", run["id"][:6])[1]
    executed = json.loads(ask("runs", "notebook", run["id"])[1])
    assert executed["nbformat"] == 4


def test_its_output_is_followed_while_it_comes(ask, notebook):
    status, said = ask("run", notebook("print('one')\nprint('two')"), "--follow")
    assert status == 0
    assert said.startswith("one\ntwo\n")


@pytest.mark.parametrize(
    ("cell", "options", "expected"),
    [
        ("raise ValueError('no')", (), 1),
        ("import time\ntime.sleep(1000)", ("--timeout", "1"), 124),
    ],
)
def test_the_exit_status_says_how_the_run_ended(ask, notebook, cell, options, expected):
    assert ask("run", notebook(cell), "--wait", *options)[0] == expected


def test_a_wrong_parameter_is_a_wrong_command_line(ask, notebook, capsys):
    path = notebook("1", parameters="lr = 0.1")
    assert ask("run", path, "-p", "rl", "1")[0] == 2
    assert main(["run", path, "--secret", "KEY"]) == 2
    assert "NAME=VALUE" in capsys.readouterr().err


def test_a_run_is_cancelled(ask, notebook):
    _, said = ask("run", notebook("import time\ntime.sleep(1000)"), "--json")
    run = json.loads(said)["id"]
    assert "cancelled" in ask("runs", "cancel", run)[1]
    assert ask("runs", "wait", run)[0] == 130


def test_two_runs_are_compared(ask, notebook):
    path = notebook("print(lr)", parameters="lr = 0.1")
    one, other = (
        json.loads(ask("run", path, "-p", "lr", lr, "--wait", "--json")[1])["id"]
        for lr in ("0.1", "0.2")
    )
    assert ask("runs", "compare", one, one)[0] == 0
    status, said = ask("runs", "compare", one, other)
    assert (status, said.startswith("differs in")) == (1, True)


def test_a_file_that_a_run_has_kept_is_listed_and_fetched(ask, notebook, tmp_path):
    path = notebook("import mlops_jupyter as mj\nmj.artifact(b'\\x00\\xff', 'model/weights.bin')")
    run = json.loads(ask("run", path, "--wait", "--json")[1])["id"]
    assert "artifact   model/weights.bin 2 B sha256 " in ask("runs", "show", run)[1]
    target = tmp_path / "weights.bin"
    assert ask("runs", "artifact", run, "model/weights.bin", "-o", target) == (0, "")
    assert target.read_bytes() == b"\0\xff"
    assert ask("runs", "artifact", run, "model/weights", "-o", tmp_path / "other")[0] == 1
    assert not (tmp_path / "other").exists()


def test_a_schedule_is_made_suspended_resumed_started_and_deleted(ask, notebook):
    path = notebook("1")
    made = json.loads(ask("schedule", "set", "night", path, "0 2 * * *", "--json")[1])
    assert made["spec"]["cron"] == "0 2 * * *"
    assert "night" in ask("schedule", "list")[1]
    assert "suspended" in ask("schedule", "suspend", "night")[1]
    assert "suspended" not in ask("schedule", "resume", "night")[1]
    assert ask("schedule", "trigger", "night")[0] == 0
    (run,) = json.loads(ask("runs", "list", "--schedule", "night", "--json")[1])
    assert ask("runs", "wait", run["id"])[0] == 0
    assert ask("schedule", "delete", "night")[0] == 0
    assert ask("schedule", "show", "night")[0] == 1


def test_the_service_unit_runs_this_hub(home, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["hub", "install-service", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"unit": str(unit_path()), "started": False}
    text = unit_path().read_text()
    assert f"MLOPS_JUPYTER_HOME={home}" in text
    if shutil.which("systemd-analyze"):
        checked = subprocess.run(
            ["systemd-analyze", "--user", "verify", str(unit_path())],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        )
        assert checked.returncode == 0, checked.stderr


def test_what_is_odd_in_a_path_stays_one_word_of_the_unit():
    text = unit_text('/opt/a "b"/100%/$x/python', "/home/a b", "ada")
    assert 'ExecStart="/opt/a \\"b\\"/100%%/$$x/python" -m mlops_jupyter.hub' in text
    assert 'Environment="MLOPS_JUPYTER_HOME=/home/a b"' in text
