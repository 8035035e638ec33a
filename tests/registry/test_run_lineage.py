"""What a run is made of is recorded as far as it can be known, and never at the run's cost."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_jupyter.registry import run_environment, run_lineage
from mlops_jupyter.registry.run_environment import installed, kernel_interpreter, requirement
from mlops_jupyter.registry.run_hardware import container, hardware, limits, system


def git(folder, *words):
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode()


@pytest.fixture
def notebook(tmp_path):
    """A notebook in a folder of a repository."""
    root = tmp_path / "repository"
    (root / "notebooks").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    path = root / "notebooks" / "fit.ipynb"
    path.write_text('{"cells": [{"cell_type": "code", "source": "1"}]}')
    (root / "features.py").write_text("a = 1\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return path


def lineage(notebook, seeds=None, interpreter=None):
    return run_lineage.run_lineage(notebook, interpreter, seeds or {})


def test_a_clean_work_tree_is_its_commit(notebook):
    git(notebook.parent, "remote", "add", "origin", "https://ada:s3cret@example.org/r.git")
    facts, files = lineage(notebook)
    tree = facts["git"]
    assert tree["commit"] == git(notebook.parent, "rev-parse", "HEAD").strip()
    assert (tree["branch"], tree["dirty"], tree["untracked"]) == ("main", False, [])
    assert tree["remote"] == "https://example.org/r.git"
    assert "git.diff" not in files


def test_what_differs_is_a_patch_that_can_be_applied(notebook):
    root = notebook.parent.parent
    (root / "features.py").write_text("a = 2\n")
    (root / "notes é.txt").write_text("new")
    facts, files = lineage(notebook)
    assert facts["git"]["dirty"] is True
    assert facts["git"]["untracked"] == ["notes é.txt"]
    assert facts["git"]["diff_sha256"] == hashlib.sha256(files["git.diff"]).hexdigest()
    assert b"# untracked: notes " in files["git.diff"]
    git(root, "stash", "-q")
    patch = root.parent / "git.diff"
    patch.write_bytes(files["git.diff"])
    git(root, "apply", str(patch))
    assert (root / "features.py").read_text() == "a = 2\n"


def test_a_patch_that_is_too_long_is_cut_and_says_so(notebook, monkeypatch):
    monkeypatch.setattr(run_lineage, "MAX_DIFF_BYTES", 100)
    (notebook.parent.parent / "features.py").write_text("b\n" * 1000)
    facts, files = lineage(notebook)
    assert files["git.diff"].startswith(b"# not whole: cut from ")
    assert "to 100 bytes" in facts["git"]["diff_problem"]


def test_no_program_that_a_repository_names_is_run(notebook):
    root = notebook.parent.parent
    trap = root.parent / "ran"
    for key in ("diff.external", "core.fsmonitor"):
        git(root, "config", key, f"touch {trap}")
    (root / "features.py").write_text("a = 3\n")
    assert "git.diff" in lineage(notebook)[1]
    assert not trap.exists()


def test_outside_a_repository_nothing_is_said_of_git(tmp_path):
    facts, files = lineage(tmp_path / "fit.ipynb")
    assert facts["git"] is None and facts["notebook_sha256"] is None
    assert files == {}


def test_the_nearest_lock_file_of_the_repository_is_recorded(notebook):
    above = notebook.parent.parent.parent / "uv.lock"
    above.write_text("not the repository's")
    assert lineage(notebook)[0]["environment"]["lock"] is None
    lock = notebook.parent.parent / "uv.lock"
    lock.write_text("version = 1\n")
    known = lineage(notebook)[0]["environment"]["lock"]
    assert known == {"path": str(lock), "sha256": hashlib.sha256(b"version = 1\n").hexdigest()}


def test_seeds_are_found_by_their_names():
    parameters = {"seed": 7, "random_state": 1, "numpy_seed": 2, "lr": 0.1}
    facts, _ = lineage(Path("/nowhere/fit.ipynb"), parameters)
    assert facts["seeds"] == {
        "seed": 7, "random_state": 1, "numpy_seed": 2, "PYTHONHASHSEED": "7",
    }  # fmt: skip


def test_the_environment_is_that_of_the_kernels_interpreter(notebook, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "other"], check=True)
    other = str(tmp_path / "other" / "bin" / "python")
    facts, files = lineage(notebook, interpreter=other)
    assert facts["environment"]["version"] == platform.python_version()
    assert "environment.txt" not in files
    assert installed(other).text == ""
    packages = Path(installed(other).folders[-1])
    info = packages / "alpha-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Alpha\nVersion: 1.0\n")
    facts, files = lineage(notebook, interpreter=other)
    assert files["environment.txt"] == b"alpha==1.0\n"
    assert facts["environment"]["sha256"] == hashlib.sha256(b"alpha==1.0\n").hexdigest()


def test_an_interpreter_is_asked_again_only_after_a_change(monkeypatch):
    known = installed(sys.executable)
    assert "mlflow==" in known.text

    def forbidden(*_):
        raise AssertionError("asked again")

    monkeypatch.setattr(run_environment, "_ask", forbidden)
    assert installed(sys.executable) is known


def test_this_package_says_that_it_comes_from_a_folder():
    (line,) = [one for one in installed(sys.executable).text.splitlines() if "mlops-jup" in one]
    assert line.startswith("mlops-jupyter==")


@pytest.mark.parametrize(
    ("direct", "line"),
    [
        (None, "alpha==1.0"),
        ({"url": "file:///x/a", "dir_info": {"editable": True}}, "alpha==1.0  # from file:///x/a"),
        ({"url": "file:///x/a.whl", "archive_info": {}}, "alpha==1.0  # from file:///x/a.whl"),
        (
            {"url": "https://u:p@e.org/a", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "alpha @ git+https://e.org/a@abc",
        ),
        ({"url": "https://e.org/a.whl", "archive_info": {}}, "alpha @ https://e.org/a.whl"),
        ({"vcs_info": 3}, "alpha==1.0"),
        (["odd"], "alpha==1.0"),
    ],
)
def test_a_requirement_says_where_a_package_came_from(direct, line):
    assert requirement("alpha", "1.0", direct and json.dumps(direct)) == line


def test_a_program_that_is_no_interpreter_says_nothing(tmp_path):
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o700)
    assert installed(str(broken)) is None
    assert installed("/bin/sh") is None
    assert installed("/nowhere/python") is None


def test_a_kernels_interpreter_is_that_of_its_kernelspec(tmp_path, monkeypatch):
    folder = tmp_path / "kernels" / "mine"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(
        json.dumps({"argv": ["/bin/sh", "-c"], "display_name": "x", "language": "x"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert kernel_interpreter("mine") == "/bin/sh"
    assert kernel_interpreter("python3") == sys.executable
    assert kernel_interpreter("no-such-kernel") is None
    assert kernel_interpreter("../odd") is None


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed (r-base-core)")
def test_r_says_its_own_session_and_packages():
    known = installed(shutil.which("R"))
    assert known.language == "R" and known.text.startswith("R version")
    assert f"base=={known.version}\n" in known.text


def test_the_machine_is_described():
    known = hardware()
    assert known["cores"] == os.cpu_count() and known["memory_bytes"] > 0
    assert system()["kernel"] == platform.release()
    json.dumps(known)


def test_the_tightest_bound_of_the_control_groups_counts(tmp_path):
    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    write("proc/self/cgroup", "0::/pod/box\n")
    write("sys/fs/cgroup/pod/memory.max", "1000\n")
    write("sys/fs/cgroup/pod/box/memory.max", "max\n")
    write("sys/fs/cgroup/pod/box/cpu.max", "150000 100000\n")
    assert limits(tmp_path) == {"memory_bytes": 1000, "cpus": 1.5}


def test_the_older_control_groups_are_read_too(tmp_path):
    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    write("proc/self/cgroup", "4:memory:/box\n2:cpu,cpuacct:/box\n")
    write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "2000\n")
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "50000\n")
    write("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n")
    assert limits(tmp_path) == {"memory_bytes": 2000, "cpus": 0.5}


def test_a_container_is_known_by_what_its_maker_says(tmp_path):
    assert container(tmp_path, {}) is None
    (tmp_path / ".dockerenv").touch()
    assert container(tmp_path, {})["image_digest"] is None
    named = {"MLOPS_JUPYTER_IMAGE": "team/lab@sha256:" + "a" * 64}
    known = container(tmp_path, named)
    assert (known["kind"], known["image_digest"]) == ("docker", "sha256:" + "a" * 64)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.containerenv").write_text('id="b1"\nimage="lab:1"\n')
    known = container(tmp_path, {})
    assert (known["kind"], known["image"], known["id"]) == ("podman", "lab:1", "b1")
    assert container(tmp_path, {"KUBERNETES_SERVICE_HOST": "x"})["kind"] == "kubernetes"
