"""The live output of a cell: one output, rewritten while a verb works, right when it is saved."""

import io
import threading

import pytest
from IPython.core.interactiveshell import InteractiveShell

from mlops_jupyter.notebook.live import LiveOutput, Working, watched

VERB = """
from mlops_jupyter.notebook import live
def verb(fail=False):
    output = live.LiveOutput(get_ipython())
    output._begun -= 1
    output.show(live.Working("loading"))
    output.show(live.Working("nearly there", 0.9))
    if fail:
        output.settle("stopped")
        raise KeyError("broken")
    return output.finish(live.Working("ready", 1))
"""


@pytest.fixture(scope="module")
def cell(kernel):
    kernel.text(VERB)
    return kernel.run


def test_a_cell_that_ends_with_a_verb_has_one_output_which_is_the_last_picture(cell):
    (output,) = cell("verb()")
    assert output["type"] == "display_data"
    assert output["data"]["text/plain"] == "ready"
    assert "ready" in output["data"]["text/html"]


def test_a_cell_that_keeps_the_result_has_the_same_one_output(cell):
    (output,) = cell("kept = verb()")
    assert output["data"]["text/plain"] == "ready"


def test_a_cell_that_keeps_and_names_the_result_has_one_output(cell):
    assert len(cell("kept = verb()\nkept")) == 1


def test_a_kept_result_shows_itself_in_a_later_cell_as_often_as_it_is_named(cell):
    cell("kept = verb()")
    for _ in range(2):
        (output,) = cell("kept")
        assert output["data"]["text/plain"] == "ready"
        assert "text/html" in output["data"]


def test_two_verbs_in_a_cell_have_an_output_each(cell):
    first, second = cell("verb(); verb()")
    assert first["data"]["text/plain"] == second["data"]["text/plain"] == "ready"


def test_a_failing_verb_leaves_no_picture_that_looks_alive(cell):
    picture, error = cell("verb(fail=True)")
    assert picture["data"]["text/plain"] == "stopped"
    assert error["ename"] == "KeyError"


def test_what_ends_at_once_shows_nothing_in_between():
    output = LiveOutput(InteractiveShell())
    output.show(Working("loading"))
    assert not output.shown


def test_what_holds_everything_up_is_shown_at_once(cell):
    cell("shown = live.LiveOutput(get_ipython())")
    (output,) = cell("shown.show(live.Working('starting', at_once=True))")
    assert output["data"]["text/plain"] == "starting"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "written"), [(Terminal, True), (io.StringIO, False)])
def test_a_terminal_has_one_line_that_is_written_over_and_a_file_has_none(
    stream, written, monkeypatch
):
    monkeypatch.setattr("sys.stderr", shown := stream())
    output = LiveOutput(InteractiveShell())
    output._begun -= 1
    output.show(Working("loading the model"))
    view = output.finish(Working("ready"))
    assert shown.getvalue() == ("\rloading the model\r" + " " * 17 + "\r" if written else "")
    assert repr(view) == "ready", "the shell shows the result itself"
    assert not hasattr(view, "_ipython_display_")


def test_work_is_watched_from_the_thread_that_waits():
    seen, seen_twice = [], threading.Event()

    def look():
        seen.append(threading.current_thread())
        if len(seen) == 2:
            seen_twice.set()

    assert watched(lambda: seen_twice.wait(60), look) is True
    assert set(seen) == {threading.current_thread()}


def test_what_the_work_raises_is_raised_as_it_is():
    broken = LookupError("broken")

    def work():
        raise broken

    with pytest.raises(LookupError) as raised:
        watched(work, lambda: None)
    assert raised.value is broken
