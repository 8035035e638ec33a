"""A failing magic fails its cell: one clean line on the screen, name and message for papermill."""

import nbformat
import papermill
import pytest

from tests.conftest import state_directory


@pytest.fixture
def execute(tmp_path):
    """Run cells by papermill; give the error it raised, or None, and the saved notebook."""

    def run(*cells):
        source, output = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in ("%load_ext mlops_jupyter", *cells)],
            metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
        )
        nbformat.write(notebook, source)
        failure = None
        with state_directory():
            try:
                papermill.execute_notebook(
                    source, output, progress_bar=False, kernel_name="python3"
                )
            except papermill.PapermillExecutionError as error:
                failure = error
        return failure, nbformat.read(output, as_version=4)

    return run


def outputs_of_last_cell(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"][-1].outputs


def test_papermill_gets_the_name_and_the_message_and_the_cell_one_clean_line(execute):
    failure, saved = execute("%deploy churn --scal fixed:1")
    assert failure.ename == "InvalidRequest"
    assert failure.evalue.startswith("%deploy: there is no flag '--scal'. Did you mean '--scale'")
    (error,) = outputs_of_last_cell(saved)
    assert error.output_type == "error"
    assert error.traceback == [f"InvalidRequest: {failure.evalue}"]


def test_an_error_of_the_registry_arrives_the_same_way(execute):
    failure, saved = execute(
        "import mlops_jupyter as mj; mj.endpoints()", "%deploy nobody-registered-this"
    )
    assert failure.ename == "NotFound"
    assert failure.evalue.startswith("There is no model 'nobody-registered-this'.")
    *_, error = outputs_of_last_cell(saved)
    assert error.traceback == [f"NotFound: {failure.evalue}"]


def test_cells_after_a_failing_magic_do_not_run(execute):
    failure, saved = execute("%scale churn lots", "print('went on')")
    assert failure.ename == "InvalidRequest"
    assert outputs_of_last_cell(saved) == []


def test_an_unexpected_error_keeps_its_name_and_its_traceback(execute):
    failure, _ = execute(
        "import mlops_jupyter.notebook.verbs as verbs\n"
        "def broken(*_, **__): raise ZeroDivisionError('a fault of ours')\n"
        "verbs.undeploy = broken",
        "%undeploy churn",
    )
    assert (failure.ename, failure.evalue) == ("ZeroDivisionError", "a fault of ours")
    assert any("broken" in line for line in failure.traceback)


def test_help_runs_under_papermill_and_fails_nothing(execute):
    failure, saved = execute("%deploy --help")
    assert failure is None
    assert "usage: %deploy" in outputs_of_last_cell(saved)[0].text
