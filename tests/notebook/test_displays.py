"""How results look: aligned text, escaped HTML, the same facts in both."""

import re
import time
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mlops_jupyter.client import HubInfo, Problem, Verification, WhoAmI
from mlops_jupyter.notebook import displays, html
from mlops_jupyter.notebook.live import Words, Working
from mlops_jupyter.notebook.views import (
    EndpointList,
    EndpointView,
    ModelList,
    Overview,
    ScaleView,
    VerificationView,
    VersionList,
    VersionView,
)
from mlops_jupyter.registry import RegisteredModel
from mlops_jupyter.types import Lineage, Replicas

from .facts import XSS, status, version

VOID = {"img", "br", "hr", "input", "meta", "link"}


class Reader(HTMLParser):
    """Reads HTML strictly: every tag closed in its order; keeps tags, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def views(words="", reason=""):
    hub = HubInfo(
        version="0.1.0" + words, pid=7, url="http://127.0.0.1:1", home="/home/ada" + words,
        ledger={"size": 1234567, "ok": False, "reason": "disk full" + words}, gpus=[],
    )  # fmt: skip
    who = WhoAmI("user:ada" + words, "os-user", "peer-credentials")
    failed = replace(status("failed", reason), url="http://x/" + words)
    lineage = Lineage(user=words or "ada", notebook=f"fit{words}.ipynb")
    problem = Problem(f"leaf differs {words}", 41)
    model = RegisteredModel("churn", 3, {"champion" + words: 3}, problem=words)
    return [
        EndpointView(None, failed, [f"Version 3 was loaded {words}"]),
        ScaleView(None, failed),
        EndpointList([EndpointView(None, failed)]),
        VersionView(version(lineage=lineage), [f"Integers cannot be missing {words}"]),
        VersionList([VersionView(version(lineage=lineage))]),
        ModelList([model]),
        Overview(hub, who, [failed]),
        VerificationView(Verification(False, 50, 1.0, (problem,))),
        Working(f"Registering {words}", 0.5),
        Words(f"stopped {words}"),
    ]


@pytest.mark.parametrize("at", range(len(views())))
def test_a_result_is_well_formed_html_plain_text_and_a_dict(at):
    view = views()[at]
    Reader(view._repr_html_())
    assert repr(view)
    assert isinstance(view.to_dict(), dict)


@pytest.mark.parametrize("at", range(len(views())))
def test_untrusted_text_stays_text(at):
    view = views(XSS, XSS)[at]
    page = Reader(view._repr_html_())
    assert not {"script", "img"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "alert(1)" in page.text or any("alert(1)" in str(value) for _, value in page.attributes)


@pytest.mark.parametrize("at", range(len(views())))
def test_terminal_escapes_and_direction_marks_are_shown_and_not_obeyed(at):
    evil = "\x1b[31m\u202etxt\x07"
    view = views(evil, evil)[at]
    for shown in (repr(view), view._repr_html_()):
        assert not re.search("[\x1b\x07\u202e]", shown)


@pytest.mark.parametrize("at", range(len(views())))
def test_colours_come_from_the_theme_with_a_fall_back(at):
    shown = views()[at]._repr_html_()
    for used in re.findall(r"(?:color|border[\w-]*):([^;\"]+)", shown):
        assert "var(--jp-" in used or used in ("inherit", "collapse", "currentColor"), used
    assert "<style" not in shown, "GitHub and untrusted notebooks drop style sheets"


def test_an_endpoint_shows_state_traffic_replicas_and_why_as_aligned_text():
    assert displays.endpoint_text(status("degraded", "Version 4: it is loading.")) == (
        "churn  degraded  elastic:1-4\n"
        "3 of 4 replicas ready\n"
        "version  traffic  desired  ready  pending  why\n"
        "3        90 %           2      2        0\n"
        "4        10 %           1      0        1  Version 4: it is loading.\n"
        "5        shadow         1      1        0\n"
        "http://127.0.0.1:8700/endpoints/churn/invocations\n"
        "12.3 requests/s, p50 1.23 ms, p99 9.88 ms · audit full, strict · revision 7"
    )


def test_the_html_of_an_endpoint_holds_the_same_facts():
    page = Reader(displays.endpoint_html(status("degraded", "Version 4: it is loading.")))
    for fact in (
        "churn",
        "degraded",
        "elastic:1-4",
        "90 %",
        "shadow",
        "it is loading",
        "revision 7",
    ):
        assert fact in page.text


def test_loading_shows_a_progress_bar_with_its_words():
    loading = status("loading", replicas=(Replicas(3, 4, 1, 3),))
    page = Reader(displays.endpoint_html(loading))
    assert "progress" in page.tags
    assert ("value", "1") in page.attributes
    assert ("max", "4") in page.attributes
    assert "1 of 4 replicas ready" in page.text
    still = Reader(displays.endpoint_html(status(replicas=(Replicas(3, 1, 1, 0),))))
    assert "progress" not in still.tags


def test_a_version_that_is_wanted_and_not_running_is_listed_with_zeros():
    assert "4        10 %           0      0        0" in displays.endpoint_text(
        status(replicas=())
    )


def test_steps_are_numbered_in_order():
    shown = displays.endpoint_text(status(), ["Loaded.", "Switched."])
    assert "1. Loaded.\n2. Switched." in shown


def test_an_undeployed_endpoint_shows_no_replicas_and_no_address():
    shown = displays.endpoint_text(status("undeployed", "It is remembered.", deployed=False))
    assert "undeployed" in shown
    assert "http" not in shown
    assert "desired" not in shown


def test_scale_shows_desired_ready_pending_and_why():
    view = ScaleView(None, status("degraded", "GPU 0 is taken."))
    assert (view.desired, view.ready, view.pending, view.reason) == (4, 3, 1, "GPU 0 is taken.")
    assert "desired 4  ready 3  pending 1\nGPU 0 is taken." in repr(view)
    assert "desired 4 · ready 3 · pending 1" in view._repr_html_()


def test_a_version_shows_what_it_takes_and_where_it_came_from():
    shown = repr(VersionView(version()))
    assert shown.startswith("churn/3 registered  2026-09-2")
    for fact in ("champion", "1 column: tenure (double)", "abababababab", "ada", "fit.ipynb"):
        assert fact in shown
    assert "c0ffeec0ffee (with changes not committed)" in shown


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (None, "none"),
        ("[]", "none"),
        ("not json", "unreadable"),
        (
            '[{"type":"tensor","tensor-spec":{"dtype":"float64","shape":[-1,30]}}]',
            "float64 [-1, 30]",
        ),
        (
            '[{"type":"long","name":"a"},{"type":"long","name":"b"},{"type":"long","name":"c"},'
            '{"type":"long","name":"d"}]',
            "4 columns: a (long), b (long), c (long), …",
        ),
    ],
)
def test_the_signature_is_put_in_words(inputs, words):
    assert displays.signature_words(version(signature={"inputs": inputs})) == words


def test_a_model_without_signature_is_no_error():
    assert displays.signature_words(version(signature=None)) == "none"


def test_nothing_to_show_says_what_to_do():
    assert "%deploy" in repr(EndpointList([]))
    assert "%register" in repr(ModelList([]))
    assert "No hub is running" in repr(Overview())


def test_the_overview_says_when_the_ledger_cannot_write():
    assert "1,234,567 records, cannot write: disk full" in repr(views()[6])


def test_a_verification_names_what_it_found_and_where():
    shown = repr(views()[7])
    assert "does not hold" in shown
    assert "    41  leaf differs" in shown


def test_a_time_is_that_of_the_local_clock_with_the_exact_one_under_the_pointer(monkeypatch):
    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    try:
        shown = html.moment(1_790_000_000.5)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert Reader(shown).text == "2026-09-21 16:13:20"
    assert 'title="2026-09-21T14:13:20.500Z"' in shown


def test_nothing_that_is_saved_says_now_or_ago():
    for view in (VersionView(version()), VersionList([VersionView(version())])):
        assert not re.search(r"\b(now|ago)\b", Reader(view._repr_html_()).text)


def test_why_is_said_once():
    replicas = (Replicas(3, 2, 2, 0, "fixed at 2"),)
    for view in (EndpointView, ScaleView):
        one = view(None, status("ready", "fixed at 2", replicas))
        assert repr(one).count("fixed at 2") == 1
        assert Reader(one._repr_html_()).text.count("fixed at 2") == 1
    bare = status("ready", "fixed at 2", (Replicas(3, 2, 2, 0),))
    assert "fixed at" not in displays.endpoint_text(bare)
    assert "fixed at 2" in displays.scale_text(bare)


def test_a_reason_that_the_replicas_do_not_give_is_in_the_first_line():
    shown = displays.endpoint_text(status("failed", "The disk is full."))
    assert shown.splitlines()[0].endswith("(The disk is full.)")


def test_a_version_shows_its_metrics_and_the_cell_that_it_came_from():
    registered = version(lineage=Lineage(notebook="fit.ipynb", cell_id="train-cell"))
    view = VersionView(registered, metrics={"accuracy": 0.97902097902, "auc": 1})
    for shown in (repr(view), Reader(view._repr_html_()).text):
        assert "accuracy 0.979021, auc 1" in shown
        assert "train-cell" in shown
    assert view.to_dict()["metrics"]["auc"] == 1


def test_numbers_are_right_aligned():
    cells = re.findall(
        r"<td style=\"text-align:(\w+)[^>]*>(\d+)</td>", displays.scale_html(status())
    )
    assert ("right", "2") in cells
    assert ("left", "3") in cells, "a version is a name"


def test_every_state_has_a_colour_of_the_theme():
    for state in ("ready", "failed", "undeployed", "anything"):
        assert "color:var(--jp-" in html.state_word(state)
