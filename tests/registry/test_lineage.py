"""Lineage says what is known, and nothing about what is not."""

import json
import os
import pwd
import subprocess
import sys

import nbformat
import pytest

from mlops_jupyter.registry.data_digest import DataDigest
from mlops_jupyter.registry.lineage import (
    from_tags,
    git_state,
    notebook_digest,
    notebook_path,
    to_tags,
    trace_lineage,
    user_name,
    without_credentials,
)
from mlops_jupyter.types import Lineage


def git(folder, *words):
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words],
        cwd=folder,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.py").write_text("1")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def notebook(path, *sources, outputs=()):
    cells = [
        nbformat.v4.new_markdown_cell("# title"),
        *(nbformat.v4.new_code_cell(source, outputs=list(outputs)) for source in sources),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_outside_notebook_and_repository_the_facts_are_none(registry):
    lineage = trace_lineage(frozen="a==1\n")
    assert lineage.notebook is lineage.notebook_sha256 is lineage.cell_id is None
    assert lineage.git_commit is lineage.git_dirty is lineage.git_remote is None
    assert lineage.data_sha256 is lineage.data_rows is None
    assert lineage.user == pwd.getpwuid(os.getuid()).pw_name
    assert lineage.python_version == sys.version.split()[0]


def test_the_user_is_the_one_of_the_process_not_of_the_shell(monkeypatch):
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "mallory")
    assert user_name() == pwd.getpwuid(os.getuid()).pw_name


def test_a_clean_and_a_changed_work_tree_are_told_apart(repository):
    commit, dirty, remote = git_state(repository)
    assert len(commit) == 40 and dirty is False and remote is None
    (repository / "a.py").write_text("2")
    assert git_state(repository)[:2] == (commit, True)


def test_a_file_that_git_does_not_know_is_a_change_and_an_ignored_one_is_not(repository):
    (repository / ".gitignore").write_text("*.log\n")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "second")
    (repository / "x.log").write_text("")
    assert git_state(repository)[1] is False
    (repository / "new.py").write_text("")
    assert git_state(repository)[1] is True


def test_a_repository_without_commit_has_none(tmp_path):
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path)[0] is None


def test_the_remote_is_kept_without_its_credentials(repository):
    git(repository, "remote", "add", "origin", "https://ada:s3cret@example.org/team/repo.git?t=x")
    remote = git_state(repository)[2]
    assert remote == "https://example.org/team/repo.git"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://token@example.org/a", "https://example.org/a"),
        ("https://u:p@example.org:8443/a#f", "https://example.org:8443/a"),
        ("postgresql://u:p@db:5432/mlflow", "postgresql://db:5432/mlflow"),
        ("git@example.org:team/repo.git", "git@example.org:team/repo.git"),
        ("ssh://git@example.org/r.git", "ssh://example.org/r.git"),
        ("/srv/repo", "/srv/repo"),
        ("sqlite:////home/a/mlflow.db", "sqlite:////home/a/mlflow.db"),
    ],
)
def test_credentials_are_taken_out_of_addresses(url, shown):
    assert without_credentials(url) == shown


def test_a_program_that_a_repository_names_as_its_monitor_is_not_run(repository, tmp_path):
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    monitor.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(monitor))
    assert git_state(repository)[0]
    assert not (tmp_path / "ran").exists()


def test_the_notebook_is_the_one_that_the_server_names(tmp_path, monkeypatch):
    path = notebook(tmp_path / "fit.ipynb", "1")
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    assert notebook_path() == path
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(tmp_path / "run.ipynb"))
    assert notebook_path() == tmp_path / "run.ipynb"
    assert notebook_path({"__vsc_ipynb_file__": str(path)}) == path


def test_a_path_relative_to_the_server_is_found_above_or_left_out(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    path = notebook(tmp_path / "work" / "fit.ipynb", "1")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("JPY_SESSION_NAME", "work/fit.ipynb")
    assert notebook_path() == path
    monkeypatch.setenv("JPY_SESSION_NAME", "elsewhere/fit.ipynb")
    assert notebook_path() is None


@pytest.mark.parametrize("name", ["", "console-1", "a.py", "0d8e-4c1f"])
def test_a_session_that_is_no_notebook_names_none(name, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", name)
    assert notebook_path() is None


def test_outputs_do_not_change_a_notebooks_digest_and_code_does(tmp_path):
    output = nbformat.v4.new_output("stream", text="42")
    digest = notebook_digest(notebook(tmp_path / "a.ipynb", "x = 1", "x"))
    assert digest == notebook_digest(notebook(tmp_path / "b.ipynb", "x = 1", "x", outputs=[output]))
    assert digest != notebook_digest(notebook(tmp_path / "c.ipynb", "x = 2", "x"))
    assert digest != notebook_digest(notebook(tmp_path / "d.ipynb", "x", "x = 1"))


def test_a_source_in_lines_and_in_one_text_are_the_same(tmp_path):
    path = notebook(tmp_path / "a.ipynb", "x = 1\ny = 2")
    digest = notebook_digest(path)
    content = json.loads(path.read_text())
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"])
    path.write_text(json.dumps(content))
    assert notebook_digest(path) == digest


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"cells": [{}]}', "not json"])
def test_an_unreadable_notebook_has_no_digest(tmp_path, text):
    (tmp_path / "a.ipynb").write_text(text)
    assert notebook_digest(tmp_path / "a.ipynb") is None
    assert notebook_digest(tmp_path / "missing.ipynb") is None


def test_lineage_survives_the_way_through_tags():
    lineage = trace_lineage(frozen="a==1\n", data=DataDigest("0" * 64, 5, 2))
    assert from_tags(to_tags(lineage)) == lineage
    full = Lineage("u", "n.ipynb", "a", "b", "c", False, "d", "e", "3.11", "f", 1, 2)
    assert from_tags(to_tags(full)) == full
    assert to_tags(full)["mlops.git_dirty"] == "false"


def test_tags_that_somebody_damaged_are_unknown_facts():
    lineage = from_tags({"mlops.git_dirty": "perhaps", "mlops.data_rows": "many", "other": "x"})
    assert lineage == Lineage()


def test_a_notebook_cell_is_recorded_with_its_id_notebook_and_commit(
    repository, state, monkeypatch
):
    """In a real kernel, with the metadata that JupyterLab sends along with a cell."""
    from jupyter_client.manager import start_new_kernel

    path = notebook(repository / "fit.ipynb", "1")
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    manager, client = start_new_kernel(cwd=str(repository))
    try:
        code = (
            "from mlops_jupyter.registry.lineage import trace_lineage\n"
            "from dataclasses import asdict\nimport json\n"
            "print(json.dumps(asdict(trace_lineage(frozen='', user_ns=globals()))))"
        )
        message = client.session.msg(
            "execute_request",
            {"code": code, "silent": False, "store_history": True, "user_expressions": {}},
            metadata={"cellId": "cell-7"},
        )
        client.shell_channel.send(message)
        said = ""
        while not said:
            answer = client.get_iopub_msg(timeout=30)
            assert answer["msg_type"] != "error", answer["content"]
            if answer["msg_type"] == "stream":
                said = answer["content"]["text"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    lineage = json.loads(said)
    assert lineage["cell_id"] == "cell-7"
    assert lineage["notebook"] == str(path)
    assert lineage["notebook_sha256"] == notebook_digest(path)
    assert lineage["git_dirty"] is True and len(lineage["git_commit"]) == 40
