"""The example notebooks are clean files, and run from start to end against a real hub."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from mlops_jupyter.client import Hub

from .conftest import state_directory

FOLDER = Path(__file__).parent.parent / "example_notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs_and_with_ids(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_names_no_machine(path):
    assert not re.search(r"/(home|Users|work|tmp)/|https?://", path.read_text("utf-8"))


@pytest.fixture(scope="module")
def executed(home, tmp_path_factory):
    """The first notebook after papermill ran it; its kernel is gone, its hub is not."""
    import papermill

    folder = tmp_path_factory.mktemp("run")
    output = folder / "out.ipynb"
    papermill.execute_notebook(
        FOLDER / "01_first_model.ipynb",
        output,
        parameters={"seed": 3},
        cwd=str(folder),
        progress_bar=False,
        kernel_name="python3",
        execution_timeout=120,
    )
    assert not list(folder.glob("ml*"))
    return nbformat.read(output, as_version=4)


def text_of(notebook, name):
    """What the cell of this id shows, as text."""
    [cell] = [cell for cell in notebook.cells if cell.id == name]
    shown = [output.get("text") or output["data"]["text/plain"] for output in cell.outputs]
    return "\n".join(shown)


def test_the_first_model_runs_from_start_to_end(executed):
    assert not executed.metadata.papermill.exception
    assert ", 0 failed" in text_of(executed, "stop-traffic")
    for name in ("register-model", "deploy-endpoint", "scale-endpoint", "promote-challenger"):
        assert "tumor" in text_of(executed, name)
    assert "app:clinic" in text_of(executed, "audit-application")


def test_the_notebook_prints_no_noise(executed):
    for cell in executed.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output["text"]


def test_the_endpoint_answers_after_its_kernel_has_gone(executed, home, cancer):
    with Hub.connect(start=False, home=home) as hub:
        answers = hub.predict("tumor", cancer.data)
        assert len(answers) == len(cancer.data)
        assert hub.status("tumor").state in ("ready", "idle")


def test_every_call_of_the_notebook_is_in_the_ledger_with_its_caller_and_version(executed, home):
    with Hub.connect(start=False, home=home) as hub:
        records = [
            record
            for record in hub.records(endpoint="tumor", kind="prediction", limit=1000).records
            if not record.get("shadow")
        ]
        assert {record["model"]["version"] for record in records} >= {1, 2}
        assert {record["actor"]["sub"] for record in records} >= {"app:clinic"}
        assert all(record["status"] == 200 for record in records)
        assert hub.verify().ok


def test_training_runs_run_from_start_to_end(tmp_path):
    import papermill

    for name in ("02_training_runs.ipynb", "train_digits.ipynb"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    with state_directory():
        papermill.execute_notebook(
            tmp_path / "02_training_runs.ipynb",
            tmp_path / "out.ipynb",
            cwd=str(tmp_path),
            progress_bar=False,
            kernel_name="python3",
            execution_timeout=300,
        )
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert not executed.metadata.papermill.exception
    for cell in executed.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output["text"]
