"""The command line with a real hub, as one would use it from the first day on."""

import json
import subprocess
import sys

import pytest

from mlops_jupyter.cli import main
from tests.conftest import state_directory


@pytest.fixture(scope="module")
def home():
    with state_directory() as path:
        yield path


@pytest.fixture
def run(home, capfd):
    def call(*arguments):
        status = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return status, out, err

    return call


def test_a_hub_is_started_looked_at_stopped_and_its_log_read(run, home):
    assert run("hub", "status")[0] == 1
    status, out, _ = run("hub", "start")
    assert status == 0
    assert "The hub runs at http://127.0.0.1:" in out
    assert run("hub", "start")[1] == out
    status, out, _ = run("hub", "status")
    assert status == 0
    assert "records" in out
    said = json.loads(run("hub", "status", "--json")[1])
    assert said["running"] is True
    assert said["home"] == str(home)
    status, out, _ = run("hub", "logs")
    assert status == 0
    assert said["url"] in out
    assert run("hub", "stop")[:2] == (0, "The hub has stopped.\n")
    assert run("hub", "status")[0] == 1


def test_a_token_lives_from_create_to_revoke(run):
    status, out, err = run(
        "token", "create", "billing", "--endpoint", "churn", "--expires", "90d", "--allow-unknown"
    )
    assert status == 0
    token_id = out.strip().split("_")[1]
    assert token_id in err
    assert f"{token_id}  billing      churn      valid" in run("token", "list")[1]
    assert run("token", "revoke", token_id)[0] == 0
    assert json.loads(run("token", "list", "--json")[1])[0]["revoked_by"].startswith("user:")
    status, _, err = run("token", "revoke", "nonsense")
    assert status == 1
    assert err.startswith("mlops-jupyter: token_not_found:")


def test_the_ledger_is_searched_proved_and_taken_away(run, tmp_path):
    run("token", "create", "billing", "--endpoint", "churn", "--expires", "1h", "--allow-unknown")
    (newest,) = json.loads(
        run("audit", "search", "--kind", "access", "--since", "1h", "--limit", "1", "--json")[1]
    )
    assert newest["action"] == "token.create"
    index = newest["index"]
    assert json.loads(run("audit", "show", newest["id"])[1])["index"] == index
    assert "token.create" in run("audit", "search", "--by", newest["actor"]["sub"])[1]
    assert run("audit", "search", "--endpoint", "nowhere")[1] == "No record fits.\n"

    note, receipt, lines = (tmp_path / name for name in ("note", "receipt", "lines"))
    assert run("audit", "checkpoint", "-o", note)[0] == 0
    assert run("audit", "receipt", index, "-o", receipt)[0] == 0
    assert receipt.read_text().startswith("c2sp.org/tlog-proof@v1\n")
    assert run("audit", "key")[1].startswith("mlops-jupyter/")
    assert run("audit", "export", "--kind", "access", "-o", lines)[0] == 0
    assert [json.loads(line)["kind"] for line in lines.read_text().splitlines()][-1] == "access"
    assert run("audit", "export", "--format", "csv")[1].startswith("index,")

    status, out, _ = run("audit", "verify", "--against", note)
    assert status == 0
    assert out.startswith("The ledger holds together: ")
    note.write_text("another log\n1\nAAAA\n\n\u2014 x y\n", "utf-8")
    status, out, err = run("audit", "verify", "--against", note)
    assert status in (1, 2)
    assert out + err


def test_what_is_not_there_is_told(run):
    run("hub", "start")
    assert run("endpoints", "list")[1].startswith("There is no endpoint.")
    for arguments in (["show", "churn"], ["rollback", "churn"], ["scale", "churn", "fixed:2"]):
        status, _, err = run("endpoints", *arguments)
        assert status == 1
        assert "endpoint" in err
    status, _, err = run("audit", "show", "nonsense", "--json")
    assert status == 1
    assert set(json.loads(err)) == {"code", "message", "reason", "fix"}


def test_who_needs_a_hub_hears_that_one_starts(run):
    run("hub", "stop")
    status, _, err = run("audit", "verify")
    assert status == 0
    assert err == "starting the hub…\n"
    assert run("audit", "verify")[2] == ""


def test_the_installed_command_works(run):
    run("hub", "start")
    done = subprocess.run(
        [sys.executable, "-m", "mlops_jupyter.cli", "whoami"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.endswith("(os-user, proven by peer-credentials)\n")
