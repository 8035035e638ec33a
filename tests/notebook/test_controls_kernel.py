"""Controls in real kernels: what a cell shows, what a saved notebook keeps, when panels end."""

from __future__ import annotations

import json

import nbformat
import papermill
import pytest

import mlops_jupyter as mj

from .conftest import CELL_SECONDS, Kernel, running_kernel
from .test_displays import Reader

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module", autouse=True)
def endpoint(home, cancer, classifier):
    """An endpoint that every kernel of this module finds at its hub."""
    mj.register("cancer", classifier, cancer.data)
    mj.deploy("cancer/1", name="churn")


class Notebook(Kernel):
    """A kernel whose outputs stay, as a page keeps them: displays may change in later cells."""

    def __init__(self, kernel):
        super().__init__(kernel.manager, kernel.client)
        self.displays = {}
        self.closed = []

    def run(self, code, cell_id=None):
        message = self.client.session.msg(
            "execute_request",
            {"code": code, "allow_stdin": True, "stop_on_error": True, "store_history": True,
             "silent": False, "user_expressions": {}},
            metadata={"cellId": cell_id} if cell_id else {},
        )  # fmt: skip
        self.client.shell_channel.send(message)
        outputs = []
        while True:
            told = self.client.get_iopub_msg(timeout=CELL_SECONDS)
            kind, content = told["msg_type"], told["content"]
            mine = told["parent_header"].get("msg_id") == message["header"]["msg_id"]
            self._keep(kind, content)
            if mine and kind in ("display_data", "execute_result", "error", "stream"):
                outputs.append(content)
            if mine and kind == "status" and content["execution_state"] == "idle":
                break
        self.client.get_shell_msg(timeout=CELL_SECONDS)
        errors = [output["evalue"] for output in outputs if "evalue" in output]
        assert not errors, errors[0]
        return outputs

    def _keep(self, kind, content):
        if kind in ("display_data", "update_display_data"):
            self.displays[content["transient"]["display_id"]] = content["data"]
        if kind == "comm_close":
            self.closed.append(content["comm_id"])

    def now(self, output):
        return self.displays[output["transient"]["display_id"]]

    def value(self, expression):
        (output,) = self.run(expression)
        return json.loads(output["data"]["text/plain"].strip("'\""))


@pytest.fixture(scope="module")
def started(home):
    with running_kernel() as running:
        made = Notebook(running)
        made.run(
            "%load_ext mlops_jupyter\n"
            "import json, threading, gc\n"
            "import mlops_jupyter as mj\n"
            "from mlops_jupyter.notebook.controls import panel as panels\n"
            "def threads():\n"
            "    return sum(one.name == 'mlops-panel' for one in threading.enumerate())\n"
            "def until(widget, true):\n"
            "    changed = threading.Event()\n"
            "    widget.observe(lambda _: changed.set(), 'value')\n"
            "    while not true():\n"
            "        assert changed.wait(60)\n"
            "        changed.clear()\n"
        )
        yield made


@pytest.fixture
def notebook(started):
    yield started
    started.run("for one in list(panels._open): one.close()")
    started.run("for one in threading.enumerate(): one.name == 'mlops-panel' and one.join(60)")
    assert started.value("json.dumps(threads())") == 0


def test_the_facts_are_one_output_and_the_controls_another(notebook):
    facts, controls = notebook.run("%scale churn --ui", "a")
    assert WIDGET not in facts["data"]
    assert "desired 1 · ready 1" in Reader(facts["data"]["text/html"]).text
    assert WIDGET in controls["data"]
    for plain in ("text/plain", "text/html"):
        assert "run the cell again" in controls["data"][plain], "where there is no front end for it"


def test_the_function_shows_the_same_where_a_cell_ends_with_it(notebook):
    facts, controls = notebook.run('mj.endpoint("churn").controls()', "a")
    assert "revision" in facts["data"]["text/plain"]
    assert WIDGET in controls["data"]


def test_the_saved_facts_follow_the_endpoint(notebook, hub):
    facts, _ = notebook.run('found = mj.scale("churn").controls()\nfound', "a")
    notebook.run('found.panel.scaling.fields["count"].value = 2; found.panel.apply.click()', "b")
    notebook.run('until(found.panel.facts, lambda: "ready 2" in found.panel.facts.value)', "c")
    notebook.run("found.close()", "d")
    assert "desired 2  ready 2  pending 0" in notebook.now(facts)["text/plain"]
    hub.scale("churn", "fixed:1")


def test_what_is_assigned_is_shown_where_it_is_named(notebook):
    assert notebook.run("kept = %scale churn --ui", "a") == []
    assert len(notebook.run("kept", "b")) == 2


def test_running_the_cell_again_ends_its_panels_and_no_others(notebook):
    notebook.run("%scale churn --ui", "a")
    _, other = notebook.run("%audit churn --ui", "b")
    assert notebook.value("json.dumps(threads())") == 2
    notebook.run("%scale churn --ui", "a")
    notebook.run("[one._thread.join(60) for one in panels._open if one.closed]")
    assert notebook.value("json.dumps(len(panels._open))") == 2
    assert WIDGET in notebook.now(other)
    notebook.run("None", "b")
    assert notebook.value("json.dumps(len(panels._open))") == 1


def test_where_cells_have_no_ids_the_same_code_is_the_same_cell(notebook):
    for _ in range(3):
        notebook.run("%scale churn --ui")
    assert notebook.value("json.dumps(len(panels._open))") == 1


def test_a_closed_panel_leaves_a_sentence_and_not_a_dead_widget(notebook):
    facts, controls = notebook.run("found = %scale churn --ui\nfound", "a")
    notebook.run("found.close()", "b")
    assert set(notebook.now(controls)) == {"text/html", "text/plain"}
    assert "are closed; run the cell again" in notebook.now(controls)["text/plain"]
    assert "ready 1" in notebook.now(facts)["text/plain"]
    assert controls["data"][WIDGET]["model_id"] in notebook.closed


def test_panels_print_nothing(notebook):
    notebook.run("%scale churn --ui", "a")
    outputs = notebook.run("%audit churn --ui", "b")
    outputs += notebook.run("import time; time.sleep(1.5)", "c")
    assert not [output for output in outputs if "name" in output]


def test_a_kernel_that_exits_ends_its_panels(home):
    with running_kernel() as running:
        leaving = Notebook(running)
        leaving.run("%load_ext mlops_jupyter")
        _, controls = leaving.run("%scale churn --ui")
        leaving.client.shutdown()
        shown = leaving.displays[controls["transient"]["display_id"]]
        while WIDGET in shown:
            told = leaving.client.get_iopub_msg(timeout=CELL_SECONDS)
            leaving._keep(told["msg_type"], told["content"])
            shown = leaving.displays[controls["transient"]["display_id"]]
    assert "are closed" in shown["text/plain"]


def test_papermill_saves_the_facts_and_one_sentence_and_no_widget(home, tmp_path):
    cells = [
        "%load_ext mlops_jupyter",
        "%scale churn fixed:2 --ui",
        'import mlops_jupyter as mj\nmj.endpoint("churn").controls()',
        "%audit churn --ui --limit 3",
        "import sys, threading\n"
        "print('ipywidgets.widgets.widget_box' in sys.modules, "
        "[t.name for t in threading.enumerate() if t.name == 'mlops-panel'])",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, tmp_path / "in.ipynb")
    papermill.execute_notebook(
        str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), progress_bar=False
    )
    saved = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert "widgets" not in saved.metadata
    assert WIDGET not in (tmp_path / "out.ipynb").read_text()
    for cell, fact in zip(saved.cells[1:4], ("ready 2", "revision", "the ledger has"), strict=True):
        facts, sentence = cell.outputs
        assert fact in facts.data["text/plain"]
        assert fact in Reader(facts.data["text/html"]).text
        assert sentence.data["text/plain"] == (
            "Controls are left out: a program runs this notebook, and nobody could use them."
        )
    assert saved.cells[4].outputs[0].text == "False []\n"
