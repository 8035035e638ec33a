"""A recorded environment is made again from what an index has, and what it lacks is named."""

import hashlib
import json
import os
import platform
import subprocess
import threading
from pathlib import Path

import pytest

from mlops_jupyter.training.environment import Frozen, discard_unused, missing_data, rebuild
from mlops_jupyter.types import InvalidRequest, Unavailable

from ..packages import wheel

PYTHON = platform.python_version()
KERNEL = "ipykernel==7.0\n"


@pytest.fixture(scope="module")
def uv_cache(tmp_path_factory):
    """What uv learns of the machine's interpreters takes seconds; once is enough."""
    return tmp_path_factory.mktemp("uv")


@pytest.fixture(autouse=True)
def index(tmp_path, monkeypatch, uv_cache):
    """An index of this test's own; nothing is asked of any other."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, version in (("ipykernel", "7.0"), ("alpha", "1.0"), ("alpha", "2.0")):
        wheel(folder, name, version)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("UV_CACHE_DIR", str(uv_cache))
    # uv would ask each interpreter of the machine what it is
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def uv():
    from uv import find_uv_bin

    return (find_uv_bin(),)


def ask(python: Path, code: str) -> str:
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    return done.stdout.strip()


def test_the_recorded_versions_are_installed_and_a_kernelspec_names_them(tmp_path, uv):
    made = rebuild(KERNEL + "alpha==1.0\n", PYTHON, tmp_path / "cache", lambda _: None, uv)
    assert ask(made.python, "import alpha; print(alpha.version)") == "1.0"
    assert made.other == ()
    spec = json.loads((made.kernelspec / "kernel.json").read_text())
    assert (spec["argv"][0], spec["language"]) == (str(made.python), "python")
    assert made.kernelspec == made.jupyter_path / "kernels" / made.kernel


def test_it_is_made_once(tmp_path, uv):
    said = []
    first = rebuild(KERNEL, PYTHON, tmp_path / "cache", said.append, uv)
    count = len(said)
    assert rebuild(KERNEL, PYTHON, tmp_path / "cache", said.append, uv) == first
    assert len(said) == count
    assert rebuild(KERNEL + "alpha==2.0\n", PYTHON, tmp_path / "cache", said.append, uv) != first


def test_one_that_no_repeat_used_for_long_is_deleted_with_its_kernelspec(tmp_path, uv):
    old = rebuild(KERNEL, PYTHON, tmp_path / "cache", print, uv)
    new = rebuild(f"{KERNEL}alpha==1.0\n", PYTHON, tmp_path / "cache", print, uv)
    os.utime(old.python.parent.parent, (1e9, 1e9))
    (gone,) = discard_unused(tmp_path / "cache", 86_400)
    assert old.kernel.endswith(gone[:16])
    assert [old.python.exists(), old.kernelspec.exists()] == [False, False]
    assert [new.python.exists(), new.kernelspec.exists()] == [True, True]


def test_two_builds_at_once_are_one(tmp_path, uv):
    said, made = [], []

    def build():
        made.append(rebuild(KERNEL, PYTHON, tmp_path / "cache", said.append, uv))

    threads = [threading.Thread(target=build) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3 and len(set(made)) == 1
    assert sum("Making an environment" in line for line in said) == 1


def test_a_package_that_is_gone_is_named_and_nothing_is_left(tmp_path, uv):
    with pytest.raises(Unavailable, match=r"alpha==9\.9 cannot be had any more") as caught:
        rebuild(KERNEL + "alpha==9.9\n", PYTHON, tmp_path / "cache", lambda _: None, uv)
    assert caught.value.code == "package_gone"
    with pytest.raises(Unavailable, match=r"beta==1\.0 cannot be had any more"):
        rebuild(KERNEL + "beta==1.0\n", PYTHON, tmp_path / "cache", lambda _: None, uv)
    assert [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []


def test_what_a_killed_build_left_is_made_anew(tmp_path, uv):
    made = rebuild(KERNEL, PYTHON, tmp_path / "cache", lambda _: None, uv)
    folder = made.python.parent.parent
    (folder / "environment.json").unlink()
    (folder / "half").write_text("")
    assert rebuild(KERNEL, PYTHON, tmp_path / "cache", lambda _: None, uv) == made
    assert not (folder / "half").exists()


def test_this_package_is_the_present_one_and_the_answer_says_so(tmp_path, uv):
    freeze = KERNEL + "mlops-jupyter==0.0.1  # from file:///somewhere/else\n"
    made = rebuild(freeze, PYTHON, tmp_path / "cache", lambda _: None, uv)
    assert "mlops_jupyter" in ask(made.python, "import mlops_jupyter as m; print(m.__file__)")
    (said,) = made.other
    assert "mlops-jupyter is the one that is installed now" in said and "it was 0.0.1" in said


def test_a_local_package_that_is_not_here_any_more_is_gone(tmp_path, uv):
    freeze = KERNEL + "my-features==1.0  # from file:///home/ada/features\n"
    with pytest.raises(Unavailable, match=r"my-features==1\.0 cannot be had") as caught:
        rebuild(freeze, PYTHON, tmp_path / "cache", lambda _: None, uv)
    assert caught.value.code == "package_gone"


def test_another_patch_of_python_is_taken_and_said(tmp_path, uv):
    minor = PYTHON.rpartition(".")[0]
    made = rebuild(KERNEL, f"{minor}.99", tmp_path / "cache", lambda _: None, uv)
    assert made.other == (f"Python {minor}.99 is not there; another {minor} is taken.",)


def test_a_python_that_is_gone_is_named(tmp_path, uv):
    with pytest.raises(Unavailable, match=r"Python 3\.7\.1 cannot be had") as caught:
        rebuild(KERNEL, "3.7.1", tmp_path / "cache", lambda _: None, uv)
    assert caught.value.code == "python_gone"


def test_an_environment_of_r_is_refused(tmp_path, uv):
    with pytest.raises(InvalidRequest) as caught:
        rebuild("R version 4.2.2 Patched\n", "4.2.2", tmp_path, lambda _: None, uv)
    assert caught.value.code == "no_python_environment"


def test_without_uv_the_error_says_how_to_get_it(tmp_path):
    with pytest.raises(Unavailable, match="pip install uv") as caught:
        rebuild(KERNEL, PYTHON, tmp_path / "cache", lambda _: None, (str(tmp_path / "uv"),))
    assert caught.value.code == "uv_missing"


def test_a_freeze_is_told_apart_by_where_its_packages_come_from():
    frozen = Frozen.read(
        "alpha==1.0\n\nmine==2  # from file:///x\ngamma @ git+https://example.org/g@abc\n"
    )
    assert frozen.lines == ("alpha==1.0", "gamma @ git+https://example.org/g@abc")
    assert frozen.local == {"mine": "mine==2"}


@pytest.mark.parametrize(
    "line", ["-e /x", "alpha", "--index-url http://x", "a==1 --hash=x", "a==1;b"]
)
def test_a_line_that_is_no_pinned_package_is_refused(line):
    with pytest.raises(InvalidRequest):
        Frozen.read(f"{line}\n")


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_data_that_are_gone_or_changed_are_named(tmp_path):
    kept, changed = tmp_path / "kept.csv", tmp_path / "changed.csv"
    kept.write_text("a")
    changed.write_text("b")
    record = {
        "data": [
            {"name": "kept", "path": str(kept), "sha256": sha256(kept)},
            {"name": "changed", "path": str(changed), "sha256": sha256(changed)},
            {"name": "gone", "path": str(tmp_path / "gone.csv"), "sha256": "c"},
            {"name": "frame", "path": None, "sha256": "d"},
            {"name": "folder", "path": str(tmp_path), "sha256": "e"},
        ]
    }
    changed.write_text("c")
    said = missing_data(record, sha256)
    assert [sentence.split("'")[1] for sentence in said] == ["changed", "gone", "folder"]
    assert "have changed" in said[0] and "there is no" in said[1] and "cannot be read" in said[2]
    assert missing_data({}, sha256) == []
