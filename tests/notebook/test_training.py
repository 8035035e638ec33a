"""The verbs on runs, in a shell beside a real hub."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

import mlops_jupyter as mj
from mlops_jupyter.notebook.run_views import RunFailed
from mlops_jupyter.types import InvalidRequest, NotFound

from ..notebooks import write_notebook


@pytest.fixture
def notebook(tmp_path):
    return lambda *cells, **options: str(write_notebook(tmp_path / "fit.ipynb", *cells, **options))


@pytest.fixture
def magic(hub):
    """A function that runs a magic's line and gives its value."""
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "mlops_jupyter")
    yield shell.run_line_magic
    shell.run_line_magic("unload_ext", "mlops_jupyter")


FIT = "import mlops_jupyter as mj\nmj.metric('loss', abs(lr - 0.2))\nprint('fitted', lr)"


def test_train_runs_a_notebook_to_its_end(hub, notebook):
    run = mj.train(notebook(FIT, parameters="lr = 0.1"), {"lr": 0.5}, wait=True)
    assert (run.state, run.metrics) == ("succeeded", {"loss": 0.3})
    assert "succeeded" in repr(run)
    assert run.id in run._repr_html_()
    assert str(run.log()) == "fitted 0.5\n"
    assert run.notebook()["nbformat"] == 4
    assert mj.run(run.id[:7]).id == run.id
    assert run.id in [one.id for one in mj.runs("fit")]


def test_train_without_waiting_returns_what_can_be_waited_for(hub, notebook):
    run = mj.train(notebook("1"))
    assert run.state == "queued"
    assert run.wait().state == "succeeded"


def test_a_run_that_fails_is_an_error_for_who_waits(hub, notebook):
    with pytest.raises(RunFailed, match="ZeroDivisionError") as caught:
        mj.train(notebook("1 / 0"), wait=True)
    assert caught.value.code == "cell_failed"
    (run, *_) = mj.runs("fit", state="failed")
    assert "ZeroDivisionError" in run._repr_html_()


def test_a_run_is_cancelled(hub, notebook):
    run = mj.train(notebook("import time\ntime.sleep(1000)"))
    assert mj.cancel(run.id).state == "cancelled"
    with pytest.raises(NotFound):
        mj.cancel("ffffffffffff")


def test_the_magic_takes_words_as_the_notebook_declares_them(magic, notebook):
    path = notebook(FIT, parameters="lr = 0.1")
    run = magic("train", f"{path} -p lr 2e-1 --wait")
    assert run.metrics == {"loss": 0.0}
    assert magic("runs", f"--show {run.id}").id == run.id
    assert str(magic("runs", f"--log {run.id}")) == "fitted 0.2\n"
    assert len(magic("runs", "fit --limit 1")) == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{path} -p rl 1", "'lr'"),
        ("{path} -p lr fast", "lr"),
        ("{path} --memory lots", "memory"),
        ("{path} --secret KEY", "NAME=VALUE"),
        ("{path} --sweep lr", "dimension"),
        ("{path} --gpu 999", "more than this machine"),
        ("{path}.gone", "no notebook"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(magic, notebook, line, said):
    path = notebook(FIT, parameters="lr = 0.1")
    with pytest.raises((InvalidRequest, NotFound), match=said):
        magic("train", line.format(path=path))


def test_a_sweep_has_its_best_run_on_top(magic, notebook):
    path = notebook(FIT, parameters="lr = 0.1")
    grid = magic("train", f"{path} --sweep lr=0.1,0.2 --minimize loss --parallel 2 --wait")
    assert grid.best.status.spec.parameters == {"lr": 0.2}
    assert [run.metrics["loss"] for run in grid.runs] == [0.0, 0.1]
    assert "2 of 2 runs" in repr(grid)
    assert grid.id in grid._repr_html_()


def test_a_sweep_takes_values_as_they_are(hub, notebook):
    path = notebook("print(name)", parameters='name = "a"')
    grid = mj.sweep(path, {"name": ["a,b", "c"]}, wait=True)
    assert {run.status.spec.parameters["name"] for run in grid.runs} == {"a,b", "c"}


def test_a_schedule_is_made_listed_suspended_and_deleted(magic, notebook):
    made = magic("schedule", f'{notebook("1")} "0 2 * * *" --tz Europe/Berlin --name night')
    assert "Europe/Berlin" in repr(made)
    assert magic("schedule", "--suspend night")[0].spec.suspended
    assert not magic("schedule", "--resume night")[0].spec.suspended
    assert [one.spec.name for one in magic("schedule", "")] == ["night"]
    assert "night" in magic("schedule", "")._repr_html_()
    assert len(magic("schedule", "--delete night")) == 0


def test_a_repeat_is_compared(hub, notebook):
    first = mj.train(notebook("print('same')"), wait=True)
    second = mj.train(notebook("print('same')"), wait=True)
    found = mj.compare(first.id, second.id)
    assert (found.kind, repr(found)) == ("identical", "identical: 1 cell")
    assert "identical" in found._repr_html_()


def test_a_run_shows_the_files_that_it_has_kept_and_gives_them(magic, notebook):
    path = notebook("import mlops_jupyter as mj\nmj.artifact(b'0' * 1500, 'model.bin')")
    run = magic("runs", f"--show {mj.train(path, wait=True).id}")
    assert "artifacts: model.bin (1.5 kB)" in repr(run)
    assert "model.bin (1.5 kB)" in run._repr_html_()
    assert run.artifacts["model.bin"].bytes == 1500
    assert run.artifact("model.bin") == b"0" * 1500
    with pytest.raises(NotFound, match=r"model\.bun"):
        run.artifact("model.bun")


def test_names_from_notebooks_are_only_text(hub, notebook):
    run = mj.train(notebook("raise ValueError('<script>alert(1)</script>')"))
    shown = run.wait(check=False)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_outside_of_a_shell_a_run_says_nothing():
    mj.metric("loss", 1.0)
    mj.fact("seen", True)
    assert mj.data([1, 2], "numbers") == [1, 2]
    assert mj.artifact(b"abc", "letters") == b"abc"
    with pytest.raises(NotFound):
        mj.artifact("nowhere.txt")
