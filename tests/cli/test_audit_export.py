"""``mlops-jupyter audit export`` by columns: into a file, never onto a terminal."""

import os
import pty
import subprocess
import sys

import pytest

from mlops_jupyter.cli import main
from tests.client.scripted import Answer, ScriptedHub


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_HOME", str(tmp_path))
    server = ScriptedHub(tmp_path, lambda asked: Answer(200, b"PAR1\x00\xff\r\nPAR1"))
    yield server
    server.close()


def test_the_file_is_what_the_hub_sent(server, tmp_path):
    file = tmp_path / "records.parquet"
    command = ["audit", "export", "--format", "parquet", "--endpoint", "churn", "-o", str(file)]
    assert main(command) == 0
    assert file.read_bytes() == b"PAR1\x00\xff\r\nPAR1"
    assert server.asked[0].query == {"format": "parquet", "endpoint": "churn"}


def test_another_program_gets_the_bytes(server, capfdbinary):
    assert main(["audit", "export", "--format", "parquet"]) == 0
    assert capfdbinary.readouterr().out == b"PAR1\x00\xff\r\nPAR1"


def test_a_terminal_gets_one_clear_line_instead(server):
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "mlops_jupyter.cli", "audit", "export", "--format", "parquet"],
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert "binary_to_terminal" in done.stderr
    assert "-o" in done.stderr
    assert server.asked == []
