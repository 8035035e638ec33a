"""Environments: the notebook's interpreter described, and a model's own built by uv."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_jupyter.serving.environments import Environments, Lock, kernel_environment, read_lock
from mlops_jupyter.serving.modelio import InputPlan
from mlops_jupyter.serving.worker import WorkerSpec
from mlops_jupyter.serving.zygote import modules_for
from mlops_jupyter.types import Environment, ModelVersion, Unavailable
from tests.packages import index, wheel
from tests.serving import zoo
from tests.serving.workers import Nursery

NOW = f"{sys.version_info[0]}.{sys.version_info[1]}"


def model(folder: Path, requirements: str | None, python: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if requirements is not None:
        (folder / "requirements.txt").write_text(requirements)
    if python is not None:
        text = f"python: {python}\ndependencies:\n- -r requirements.txt\n"
        (folder / "python_env.yaml").write_text(text)
    return folder


def build(root: Path, lock: Lock) -> tuple[str, list[str]]:
    said: list[str] = []
    return asyncio.run(Environments(root).locked(lock, said.append)), said


def version(path: Path, kind: Any, python: str = "") -> ModelVersion:
    return ModelVersion("m", 1, "d" * 64, str(path), environment=Environment(kind, python))


def said_by(python: str, code: str, folder: Path) -> str:
    command = [python, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


# -- the kernel's ---------------------------------------------------------------------------------


def test_an_interpreter_is_described_by_what_is_installed_in_it() -> None:
    described = kernel_environment()
    assert described.kind == "kernel"
    assert described.python == sys.executable
    assert len(described.digest) == 64
    assert kernel_environment() == described


def test_another_interpreter_has_another_digest(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "v")], check=True)
    described = kernel_environment(str(tmp_path / "v" / "bin" / "python"))
    assert described.digest != kernel_environment().digest
    assert described.python == str(tmp_path / "v" / "bin" / "python")


def test_an_interpreter_that_is_gone_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        kernel_environment(str(tmp_path / "python"))
    assert caught.value.code == "environment_broken"


def test_a_kernel_version_runs_on_its_kernel(tmp_path: Path) -> None:
    there = Environments(tmp_path)
    python = asyncio.run(there.python(version(tmp_path, "kernel", "/some/python")))
    assert python == "/some/python"
    assert asyncio.run(there.python(version(tmp_path, "kernel"))) == sys.executable


# -- what determines a locked one -----------------------------------------------------------------


def test_requirements_are_read_without_comments_and_completed(tmp_path: Path) -> None:
    text = "# made by MLflow\nscikit-learn==1.5  # pinned\n\nPandas>=2\n"
    folder = model(tmp_path, text, "3.12.4")
    lock = read_lock(folder)
    assert lock.python == "3.12"
    assert lock.requirements[:2] == ("scikit-learn==1.5", "Pandas>=2")
    assert lock.requirements[2].startswith("mlflow-skinny")
    assert lock.requirements[3:] == ("numpy",)


@pytest.mark.parametrize("line", ["mlflow==3.17.2", "mlflow[extras]", "mlflow-skinny>=3"])
def test_an_mlflow_of_the_models_own_is_kept(tmp_path: Path, line: str) -> None:
    lock = read_lock(model(tmp_path, f"{line}\n"))
    assert lock.requirements == (line, "numpy", "pandas")
    assert lock.python == NOW


def test_the_digest_follows_lines_python_and_named_files_but_not_order(tmp_path: Path) -> None:
    def lock(*lines: str, python: str = "3.11") -> Lock:
        return Lock(python, lines, tmp_path)

    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "own.whl").write_bytes(b"1")
    assert lock("a==1", "b==2").digest == lock("b==2", "a==1").digest
    assert lock("a==1").digest != lock("a==2").digest
    assert lock("a==1").digest != lock("a==1", python="3.12").digest
    before = lock("code/own.whl").digest
    (tmp_path / "code" / "own.whl").write_bytes(b"2")
    assert lock("code/own.whl").digest != before


def test_a_model_without_requirements_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        read_lock(model(tmp_path, None))
    assert caught.value.code == "no_requirements"


def test_a_python_that_is_too_old_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"trained on Python 3\.8"):
        read_lock(model(tmp_path, "numpy\n", "3.8.10"))


# -- building -------------------------------------------------------------------------------------


def test_an_environment_is_built_once_and_holds_what_was_asked_and_this_package(
    tmp_path: Path,
) -> None:
    lock = Lock(NOW, (str(wheel(tmp_path, "tinypackage")),), tmp_path)
    root = tmp_path / "environments"
    python, said = build(root, lock)
    assert Path(python) == root / lock.digest / "bin" / "python"
    assert said[-1] == "The environment is ready"
    assert build(root, lock) == (python, [])
    code = "import tinypackage, mlops_jupyter.serving.frames as f; print(f.__file__)"
    assert said_by(python, code, tmp_path).startswith(str(root))
    code = "import importlib.util as u; print(u.find_spec('pytest'), u.find_spec('mlflow'))"
    assert said_by(python, code, tmp_path).split() == ["None", "None"]


def test_the_link_to_this_package_follows_an_upgrade(tmp_path: Path) -> None:
    lock = Lock(NOW, (str(wheel(tmp_path, "tinypackage")),), tmp_path)
    python, _ = build(tmp_path / "e", lock)
    (link,) = Path(python).parent.parent.glob("lib/python3.*/site-packages/mlops_jupyter")
    target = link.readlink()
    link.unlink()
    link.symlink_to(tmp_path)
    build(tmp_path / "e", lock)
    assert link.readlink() == target


def test_a_failed_build_shows_uvs_words_and_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "environments"
    lock = Lock(NOW, ("./no-such-package-1.0-py3-none-any.whl",), tmp_path)
    with pytest.raises(Unavailable) as caught:
        build(root, lock)
    assert caught.value.code == "environment_failed"
    assert "no-such-package" in caught.value.reason.replace("_", "-")
    assert [path.suffix for path in root.iterdir()] == [".lock"]


def test_what_a_killed_build_left_is_cleared_away(tmp_path: Path) -> None:
    lock = Lock(NOW, (str(wheel(tmp_path, "tinypackage")),), tmp_path)
    left = tmp_path / "e" / f".{lock.digest}.building" / "half"
    left.mkdir(parents=True)
    build(tmp_path / "e", lock)
    assert not left.exists()


def test_two_builders_at_once_make_it_once(tmp_path: Path) -> None:
    lock = Lock(NOW, (str(wheel(tmp_path, "tinypackage")),), tmp_path)
    said: list[list[str]] = [[], []]

    async def both() -> list[str]:
        builders = [Environments(tmp_path / "e") for _ in range(2)]
        work = [b.locked(lock, lines.append) for b, lines in zip(builders, said, strict=True)]
        return await asyncio.gather(*work)

    first, second = asyncio.run(both())
    assert first == second
    assert sum("The environment is ready" in lines for lines in said) == 1
    assert ["Waiting for another build of the same environment"] in said


def test_a_builder_waits_for_one_in_another_process(tmp_path: Path) -> None:
    lock = Lock(NOW, (str(wheel(tmp_path, "tinypackage")),), tmp_path)
    root = tmp_path / "e"
    root.mkdir()
    said: list[str] = []

    async def wait() -> str:
        with (root / f"{lock.digest}.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            building = asyncio.create_task(Environments(root).locked(lock, said.append))
            while not said:
                await asyncio.sleep(0.01)
            assert not (root / lock.digest).exists()
        return await building

    assert Path(asyncio.run(wait())).exists()
    assert said[0].startswith("Waiting for another build")


def test_a_cancelled_build_leaves_nothing(tmp_path: Path) -> None:
    lock = Lock(NOW, (str(wheel(tmp_path, "tinypackage")),), tmp_path)
    root = tmp_path / "e"

    async def cancel() -> None:
        said: list[str] = []
        building = asyncio.create_task(Environments(root).locked(lock, said.append))
        while not said:
            await asyncio.sleep(0.001)
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building

    asyncio.run(cancel())
    assert [path.suffix for path in root.iterdir()] == [".lock"]


def test_what_nobody_needs_any_more_is_deleted(tmp_path: Path) -> None:
    root = tmp_path / "e"
    locks = [
        Lock(NOW, (str(wheel(tmp_path, name)),), tmp_path)
        for name in ("needed", "recent", "old", "busy")
    ]
    needed, recent, old, busy = (build(root, lock)[0] for lock in locks)
    for python in (needed, old, busy):
        os.utime(Path(python).parent.parent, (1e9, 1e9))
    with (root / f"{locks[3].digest}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        gone = Environments(root).collect([locks[0].digest], 86_400)
    assert gone == [locks[2].digest]
    assert [Path(one).exists() for one in (needed, recent, old, busy)] == [True, True, False, True]


def test_what_was_used_again_is_not_old(tmp_path: Path) -> None:
    lock = Lock(NOW, (str(wheel(tmp_path, "tinypackage")),), tmp_path)
    python, _ = build(tmp_path / "e", lock)
    os.utime(Path(python).parent.parent, (1e9, 1e9))
    build(tmp_path / "e", lock)
    assert Environments(tmp_path / "e").collect([], 86_400) == []


@pytest.mark.parametrize(
    ("requirements", "message"),
    [
        (("tinypackage==9.9",), "tinypackage==9.9 cannot be had."),
        (("nosuchpackage",), "nosuchpackage cannot be had."),
        (("needsold", "tinypackage==1.0"), "The requirements exclude each other."),
    ],
)
def test_an_error_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requirements: tuple[str, ...], message: str
) -> None:
    with index(tmp_path) as url, pytest.raises(Unavailable, match=message) as caught:
        monkeypatch.setenv("UV_INDEX_URL", url)
        build(tmp_path / "e", Lock(NOW, requirements, tmp_path))
    assert caught.value.code == "environment_failed"
    assert "Register the model again" in caught.value.fix


def test_a_yanked_release_that_was_recorded_can_still_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with index(tmp_path, yanked="It was wrong.") as url:
        monkeypatch.setenv("UV_INDEX_URL", url)
        _, said = build(tmp_path / "e", Lock(NOW, ("tinypackage==1.0",), tmp_path))
    assert any("It was wrong." in line for line in said)


def test_without_a_network_the_index_is_named_as_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(Unavailable, match="index cannot be reached") as caught:
        build(tmp_path / "e", Lock(NOW, ("tinypackage==1.0",), tmp_path))
    assert "UV_INDEX_URL" in caught.value.fix


@pytest.mark.filterwarnings("ignore")
def test_a_model_predicts_in_an_environment_of_its_own(tmp_path: Path) -> None:
    """Really resolved and installed by uv from its configured index: the slow one."""
    path = tmp_path / "model"
    data = pd.DataFrame({"a": [1.0, 2.0], "city": ["Oslo", None]})
    code = tmp_path / "model.py"
    code.write_text(
        "import sys, mlflow\n"
        "class Model(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return [sys.prefix] * len(model_input)\n"
        "mlflow.models.set_model(Model())\n"
    )
    signature = zoo.infer_signature(data, ["x"])
    zoo.save_custom(path, None, data, model=str(code), signature=signature, input_example=data)
    shutil.copy(path / "requirements.txt", tmp_path / "before.txt")
    import mlflow

    (path / "requirements.txt").write_text(f"mlflow-skinny=={mlflow.__version__}\n")
    root = tmp_path / "environments"
    try:
        python, said = build(root, read_lock(path))
    except Unavailable as error:
        if "client error" in error.reason or "dns" in error.reason.lower():
            pytest.skip("no package index can be reached")
        raise
    assert any("mlflow-skinny" in line for line in said)
    nursery = Nursery(modules_for({}), tmp_path / "zygote.log", python)
    try:
        worker = nursery.start(WorkerSpec("e", "m", 1, str(path), signature.to_dict()))
        assert worker.ready()["path"] == "custom-frame"
        answer = worker.predict(*InputPlan(signature.to_dict()).pack(data))
        assert answer == [str(root / read_lock(path).digest)] * 2
    finally:
        nursery.close()
