"""The panels of controls before a real hub with a real model, used as a reader uses them: by the
values of their widgets and the clicks on their buttons."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from IPython.core.interactiveshell import InteractiveShell
from ipywidgets.widgets import widget as registry_of_widgets

import mlops_jupyter as mj
from mlops_jupyter.client import Hub
from mlops_jupyter.notebook.controls import listening, panel
from mlops_jupyter.notebook.controls.audit_panel import AuditPanel
from mlops_jupyter.notebook.controls.endpoint_panel import EndpointPanel
from mlops_jupyter.notebook.controls.shown import Controls
from mlops_jupyter.types import NotFound, Unavailable

from .test_displays import Reader

SECONDS = 60


@pytest.fixture(scope="module", autouse=True)
def registered(home, cancer, classifier, stump):
    """Two versions of one model."""
    mj.register("cancer", classifier, cancer.data)
    mj.register("cancer", stump, cancer.data)


@pytest.fixture
def rows(cancer):
    return cancer.data.iloc[:3]


def text(widget):
    return Reader(widget.value).text


def until(widget, true, trait="value"):
    """Wait until `true()`, which is asked whenever the widget's trait changes."""
    changed = threading.Event()
    widget.observe(lambda _change: changed.set(), trait)
    while not true():
        assert changed.wait(SECONDS), f"it stayed {getattr(widget, trait)!r}"
        changed.clear()


def says(widget, words):
    until(widget, lambda: words in text(widget))


@contextmanager
def opened(made):
    made.start()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def controls(request, hub):
    """The open controls of an endpoint that serves version 1 under the test's own name."""
    name = request.node.originalname.replace("_", "-")[:60]
    mj.deploy("cancer/1", name=name)
    with opened(EndpointPanel(hub, hub.status(name))) as made:
        yield made
    mj.undeploy(name)


def present(controls):
    return mj.endpoint(controls.name).status


def test_the_present_policy_is_there_and_nothing_can_be_applied(controls):
    assert controls.scaling.mode.value == "fixed"
    assert controls.scaling.fields["count"].value == 1
    assert controls.scaling.fields["low"].layout.display == "none"
    assert controls.apply.disabled
    assert controls.reset.disabled
    says(controls.facts, "desired 1 · ready 1 · pending 0")
    assert "fixed at 1" in text(controls.facts)


def test_applying_scales_and_the_replicas_are_seen_coming(controls):
    controls.scaling.fields["count"].value = 2
    controls.apply.click()
    says(controls.message, "Applied fixed:2: revision 2")
    says(controls.facts, "desired 2 · ready 2 · pending 0")
    assert str(present(controls).spec.scaling) == "fixed:2"
    assert controls.apply.disabled


def test_elastic_numbers_are_checked_while_they_are_typed(controls):
    controls.scaling.mode.value = "elastic"
    fields = controls.scaling.fields
    fields["high"].value = 3
    fields["low"].value = 5
    assert (fields["low"].value, fields["high"].value) == (5, 5)
    fields["target"].value = 0
    assert "target concurrency must be over 0" in text(controls.message)
    assert controls.apply.disabled
    controls.apply.click()
    assert controls.busy == ""
    fields["target"].value = 2.5
    assert controls.message.value == ""
    fields["high"].value = 2
    controls.apply.click()
    says(controls.message, "Applied elastic:2-2,target=2.5")


def test_going_to_zero_is_asked_about_in_the_panel(controls):
    controls.scaling.mode.value = "serverless"
    controls.scaling.fields["idle"].value = 30
    controls.apply.click()
    assert controls.confirmation.layout.display == ""
    controls.no.click()
    assert controls.confirmation.layout.display == "none"
    assert str(present(controls).spec.scaling) == "fixed:1"
    controls.apply.click()
    controls.yes.click()
    says(controls.message, "Applied serverless:0-1,idle=30s")
    assert present(controls).spec.scaling.idle_seconds == 30


def test_an_edit_takes_the_question_back(controls):
    controls.scaling.mode.value = "serverless"
    controls.apply.click()
    controls.scaling.fields["high"].value = 2
    assert controls.confirmation.layout.display == "none"
    controls.yes.click()
    assert controls.busy == "", "what was asked is not what would be done"


def test_reset_shows_the_endpoint_again(controls):
    controls.scaling.fields["count"].value = 7
    assert not controls.reset.disabled
    controls.reset.click()
    assert controls.scaling.fields["count"].value == 1
    assert controls.apply.disabled


def test_sliders_share_the_calls_among_the_versions(controls):
    assert list(controls.traffic.sliders) == [1]
    assert controls.traffic.sliders[1].disabled, "one version has all calls"
    mj.traffic(controls.name, {1: 90, 2: 10})
    until(controls.traffic.root.children[0], lambda: len(controls.traffic.sliders) == 2, "children")
    until(controls.traffic.sliders[2], lambda: controls.traffic.sliders[2].value == 10)
    controls.traffic.sliders[2].value = 35
    assert controls.traffic.sliders[1].value == 65
    controls.apply.click()
    says(controls.message, "Applied 1=65, 2=35")
    assert present(controls).spec.traffic.weights == {1: 65, 2: 35}


def test_shadows_stay_when_shares_move(controls):
    mj.traffic(controls.name, {1: 100}, shadow=[2])
    says(controls.traffic._words, "version 2 gets copies")
    controls.scaling.fields["count"].value = 2
    controls.apply.click()
    says(controls.message, "Applied fixed:2")
    assert present(controls).spec.traffic.shadows == (2,)


def test_what_another_does_is_shown_at_once_while_nothing_is_edited(controls, hub):
    hub.scale(controls.name, "fixed:2")
    until(controls.scaling.fields["count"], lambda: controls.scaling.fields["count"].value == 2)
    assert controls.apply.disabled


def test_who_comes_second_overwrites_nothing_and_sees_what_there_is(controls, hub):
    controls.scaling.fields["count"].value = 3
    hub.scale(controls.name, "elastic:1-2")
    says(controls.banner, "Changed meanwhile")
    assert controls.scaling.fields["count"].value == 3, "what is typed is not taken away"
    controls.apply.click()
    says(controls.message, "Nothing was overwritten")
    assert text(controls.message).startswith("Conflict: ")
    assert "revision 2" in text(controls.message)
    assert controls.scaling.mode.value == "elastic"
    assert str(present(controls).spec.scaling) == "elastic:1-2"


def test_an_error_of_the_hub_is_its_one_line(controls):
    controls.scaling.fields["count"].value = 999
    controls.apply.click()
    says(controls.message, "InvalidRequest: ")
    assert "Traceback" not in text(controls.message)
    assert "\n" not in text(controls.message)
    assert controls.scaling.fields["count"].value == 999, "it can be mended"
    until(controls.apply, lambda: not controls.apply.disabled, "disabled")


def test_calls_are_drawn(controls, rows):
    mj.predict(controls.name, rows)
    until(controls.chart, lambda: "polyline" in controls.chart.value)
    assert "requests/s" in text(controls.chart)
    assert "p99" in text(controls.chart)


def test_an_undeployed_endpoint_says_how_to_have_it_back(controls):
    mj.undeploy(controls.name)
    says(controls.banner, "'%deploy cancer' brings it back")
    assert controls.scaling.mode.disabled
    mj.deploy("cancer/1", name=controls.name)
    until(controls.scaling.mode, lambda: not controls.scaling.mode.disabled, "disabled")


def test_an_endpoint_that_is_not_there_says_so(hub, controls):
    with pytest.raises(NotFound):
        mj.endpoint("nobody").controls()


def test_without_events_it_asks_by_itself(hub, controls, monkeypatch):
    def no_events():
        raise NotFound("no such path")

    monkeypatch.setitem(listening._listeners, hub.home, listening.Listener(no_events))
    monkeypatch.setattr(panel, "POLL", 1.0)
    with opened(EndpointPanel(hub, hub.status(controls.name))) as asking:
        hub.scale(controls.name, "fixed:2")
        until(asking.scaling.fields["count"], lambda: asking.scaling.fields["count"].value == 2)


def test_while_events_flow_an_idle_panel_asks_nothing(controls, monkeypatch):
    says(controls.facts, "ready 1")
    looks, looked = [], threading.Event()
    monkeypatch.setattr(panel, "POLL", 0.01)
    monkeypatch.setattr(controls, "look", lambda: (looks.append(1), looked.set()))
    controls._called = False
    controls.look_soon()
    assert looked.wait(SECONDS)
    assert controls._listener.live
    assert not threading.Event().wait(0.6)
    assert len(looks) == 1


def test_a_closed_panel_has_no_thread_and_no_widgets(controls, hub):
    before = set(registry_of_widgets._instances)
    other = EndpointPanel(hub, hub.status(controls.name))
    other.start()
    assert other.running
    other.closing.click()
    other._thread.join(SECONDS)
    assert not other.running
    assert other.closed
    assert set(registry_of_widgets._instances) == before
    other.close()


def test_a_dead_hub_shows_as_such_stays_dead_and_is_found_again(controls, home):
    with Hub.connect(home=home, start=False) as quiet:
        quiet.stop()
    says(controls.banner, "The hub does not answer. Unavailable: ")
    assert controls.scaling.mode.disabled
    assert controls.apply.disabled
    controls.look_soon()
    with pytest.raises(Unavailable):
        Hub.connect(home=home, start=False)
    Hub.connect(home=home).close()
    until(controls.scaling.mode, lambda: not controls.scaling.mode.disabled, "disabled")
    assert controls.banner.value == ""
    controls.scaling.fields["count"].value = 2
    controls.apply.click()
    says(controls.message, "Applied fixed:2")


def test_a_hub_that_hangs_shows_as_such_and_holds_up_nobody(controls, hub, monkeypatch):
    until(controls.chart, lambda: controls.chart.value)
    monkeypatch.setattr(panel, "_PATIENCE", 0.5)
    pid = hub.info().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        controls.look_soon()
        says(controls.banner, "did not answer in time")
        controls.scaling.fields["count"].value = 2
    finally:
        os.kill(pid, signal.SIGCONT)
    until(controls.scaling.mode, lambda: not controls.scaling.mode.disabled, "disabled")


def test_an_error_of_the_panel_itself_is_a_line_and_not_the_end(controls, monkeypatch):
    def broken():
        raise RuntimeError("<b>broken</b>")

    monkeypatch.setattr(controls, "look", broken)
    controls.look_soon()
    says(controls.message, "RuntimeError: <b>broken</b>")
    assert controls.running


# -- the audit history -----------------------------------------------------------------------------


@pytest.fixture
def history(controls, hub, rows):
    """The open history of an endpoint that was called five times well and once badly."""
    for _ in range(5):
        mj.predict(controls.name, rows)
    with pytest.raises(Exception, match="column"):
        mj.predict(controls.name, rows.drop(columns="mean radius"))
    page = mj.audit(controls.name, limit=2)
    with opened(AuditPanel(hub, page, controls.name, {"limit": 3, "kind": "prediction"})) as made:
        until(made.rows, lambda: len(made.rows.options) == 3, "_options_labels")
        yield made


def numbers(history):
    return [index for _, index in history.rows.options]


def lines(history):
    return [label.replace("\u00a0", " ") for label, _ in history.rows.options]


def test_the_newest_records_come_first_and_pages_follow_the_cursor(history):
    first = numbers(history)
    assert first == sorted(first, reverse=True)
    assert "✗ 422" in lines(history)[0]
    history.older.click()
    says(history.caption, "page 2")
    second = numbers(history)
    assert max(second) < min(first)
    until(history.newer, lambda: not history.newer.disabled, "disabled")
    history.newer.click()
    until(history.rows, lambda: numbers(history) == first, "_options_labels")


def test_a_new_call_appears_by_itself(history, controls, rows):
    newest = numbers(history)[0]
    mj.predict(controls.name, rows)
    until(history.rows, lambda: numbers(history)[0] > newest, "_options_labels")


def test_filters_narrow_the_list(history):
    history.failed.value = True
    until(history.rows, lambda: len(lines(history)) == 1, "_options_labels")
    history.failed.value = False
    history.fields["status"].value = "422"
    says(history.caption, "1 record ")
    history.fields["status"].value = ""
    history.fields["caller"].value = "nobody"
    says(history.caption, "no record matches")
    assert history.rows.options == ()


def test_what_cannot_be_asked_is_said_in_one_line_and_the_list_stays(history):
    before = numbers(history)
    history.fields["since"].value = "<b>yesterday</b>"
    says(history.message, "InvalidRequest: '<b>yesterday</b>' is not a moment.")
    assert numbers(history) == before
    history.fields["since"].value = "1h"
    until(history.message, lambda: history.message.value == "")


@pytest.mark.parametrize("words", ["x" * 100_000, "\0"], ids=["too long", "a zero byte"])
def test_a_filter_that_the_hub_refuses_is_said_in_one_line(history, words):
    before = numbers(history)
    history.fields["caller"].value = words
    until(history.message, lambda: ": " in text(history.message))
    assert len(text(history.message)) < 400
    assert numbers(history) == before


@pytest.mark.parametrize("words", ["'; DROP TABLE", "\u202e\x1b[31m", "<script>", "%"])
def test_hostile_words_in_a_filter_find_nothing_and_break_nothing(history, words):
    history.fields["caller"].value = words
    until(history.rows, lambda: history.rows.options == (), "_options_labels")
    until(history.message, lambda: history.message.value == "")


def test_a_row_opens_its_record_and_reading_the_payload_is_asked_for_and_recorded(
    history, controls, hub
):
    history.rows.index = 1
    assert history.opened.layout.display == ""
    assert f"record {numbers(history)[1]}" in text(history.detail)
    assert "as it was sent" not in text(history.detail)
    reads = len(hub.records(kind="access").records)
    history.read.click()
    says(history.detail, "as it was sent")
    assert "mean radius" in text(history.detail)
    assert "predictions" in text(history.detail)
    assert len(hub.records(kind="access").records) == reads + 2
    history.back.click()
    assert history.opened.layout.display == "none"


def test_the_list_holds_still_while_a_record_is_open(history, controls, rows, hub):
    history.rows.index = 0
    before = numbers(history)
    looked = threading.Event()
    healthy = history.hub.connection.request

    def request(method, path, **options):
        if path == "/healthz":
            looked.set()
        return healthy(method, path, **options)

    history.hub.connection.request = request
    mj.predict(controls.name, rows)
    assert looked.wait(SECONDS)
    assert numbers(history) == before
    assert history.rows.value == before[0]


def test_the_history_of_a_dead_hub_says_so_and_comes_back(history, home):
    before = numbers(history)
    with Hub.connect(home=home, start=False) as quiet:
        quiet.stop()
    says(history.banner, "The hub does not answer.")
    assert numbers(history) == before
    assert history.older.disabled
    Hub.connect(home=home).close()
    until(history.older, lambda: not history.older.disabled, "disabled")


# -- the words that lead there ---------------------------------------------------------------------


@pytest.fixture
def shell():
    made = InteractiveShell.instance()
    made.run_line_magic("load_ext", "mlops_jupyter")
    yield made
    made.run_line_magic("unload_ext", "mlops_jupyter")
    InteractiveShell.clear_instance()


def test_magics_give_controls_that_are_also_their_facts(controls, shell):
    found = shell.run_cell(f"found = %scale {controls.name} --ui\nfound.to_dict()")
    found.raise_error()
    assert isinstance(shell.user_ns["found"], Controls)
    assert found.result["spec"]["name"] == controls.name
    assert "desired 1  ready 1  pending 0" in repr(shell.user_ns["found"])
    found = shell.run_cell(f"found = %audit {controls.name} --ui --limit 5").raise_error()
    assert "the ledger has" in repr(shell.user_ns["found"])


def test_outside_a_notebook_the_facts_come_with_a_sentence(controls, shell, capsys):
    shell.run_cell(f"%scale {controls.name} --ui").raise_error()
    shown = capsys.readouterr().out
    assert "desired 1  ready 1  pending 0" in shown
    assert shown.count("Controls are left out: they need a notebook") == 1


def test_nothing_of_ipywidgets_is_imported_before_a_panel_opens():
    code = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "mlops_jupyter")
import mlops_jupyter.notebook.verbs
print("ipywidgets" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "False"
