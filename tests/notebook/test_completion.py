"""What the Tab key offers after a magic: from a table, and through a real kernel."""

import threading
import time

import pytest

from mlops_jupyter.notebook.completion import NameCache, Names, complete, names_of_hub

NAMES = Names(
    endpoints={"churn": "churn", "churn-eu": "churn", "fraud": "fraud"},
    versions={"churn": [1, 2, 10], "fraud": [7]},
    aliases={"churn": ["champion", "trial"]},
)
USER = {"X_test": [1], "X_train": [2], "clf": object(), "_hidden": 1, "np": pytest, "In": []}

OFFERED = [
    ("%mlops de", "de", ["deploy"]),
    ("%mlops ", "", ["register", "deploy", "help"]),
    ("%mlops help und", "und", ["undeploy"]),
    ("%mlops deploy fr", "fr", ["fraud"]),
    ("%deploy ch", "ch", ["churn", "churn@champion", "churn@trial"]),
    ("%deploy churn@", "churn@", ["churn@champion", "churn@trial"]),
    ("%deploy churn/", "churn/", ["churn/10", "churn/2", "churn/1"]),
    ("r = %deploy ch", "ch", ["churn"]),
    ("a, b = %scale fr", "fr", ["fraud"]),
    ("  %deploy churn --sc", "--sc", ["--scale"]),
    ("%deploy churn --scale el", "el", ["elastic:1-4"]),
    ("%deploy churn --scale=ser", "ser", ["serverless"]),
    ("%deploy churn --scale elastic:1-4 --as fr", "fr", ["fraud"]),
    ("%deploy churn --mode ", "", ["strict", "async"]),
    ("%deploy churn --env l", "l", ["locked"]),
    ("%scale churn s", "s", ["serverless"]),
    ("%predict churn X_", "X_", ["X_test", "X_train"]),
    ("%predict churn X_test --params c", "c", ["clf"]),
    ("%register churn --model c", "c", ["clf"]),
    ("%register ch", "ch", ["churn"]),
    ("%traffic churn 1", "1", ["10=", "1="]),
    ("%traffic churn 10=50 2", "2", ["2="]),
    ("%promote churn ", "", ["10", "2", "1", "champion", "trial"]),
    ("%promote churn 2 --alias ch", "ch", ["challenger", "champion"]),
    ("%audit --kind c", "c", ["control"]),
    ("%audit fr", "fr", ["fraud"]),
    ("%audit fraud --f", "--f", ["--failed"]),
    ("%rollback ", "", ["churn", "churn-eu", "fraud", "--revision"]),
]


@pytest.mark.parametrize(("line", "fragment", "words"), OFFERED, ids=[one[0] for one in OFFERED])
def test_a_line_is_completed(line, fragment, words):
    replaced, found = complete(line, lambda: NAMES, USER)
    assert replaced == fragment
    assert [word for word in words if word not in found] == []
    assert all(word.startswith(fragment) for word in found)


NOTHING = ["", "deploy ch", "x = 1", "%timeit ch", "%deploy", "%rollback churn --revision ",
           "%predict churn np.", "%mlops nonsense x", "print('%deploy ch"]  # fmt: skip


@pytest.mark.parametrize("line", NOTHING)
def test_other_lines_are_left_alone(line):
    assert complete(line, lambda: NAMES, USER)[1] == []


def test_a_flag_that_is_given_already_is_not_offered_again():
    assert "--scale" not in complete("%deploy churn --scale fixed:1 --", lambda: NAMES, USER)[1]


def test_modules_and_hidden_names_are_no_data():
    found = complete("%predict churn ", lambda: NAMES, USER)[1]
    assert {"np", "In", "_hidden"} & set(found) == set()


def test_live_names_are_asked_for_only_where_they_are_wanted():
    complete("%deploy churn --sc", pytest.fail, USER)
    complete("%predict churn X", pytest.fail, USER)


def test_names_are_kept_and_a_slow_hub_keeps_nobody_waiting():
    release, asked = threading.Event(), []

    def slow():
        asked.append(1)
        release.wait(60)
        return NAMES

    cache = NameCache(slow)
    begun = time.perf_counter()
    assert cache.get(patience=0.05) == Names()
    assert cache.get(patience=0.05) == Names()
    assert time.perf_counter() - begun < 5
    release.set()
    while cache.get(patience=1) != NAMES:
        pass
    assert cache.get() == NAMES
    assert len(asked) == 1


def test_a_failing_hub_gives_no_names_and_no_error():
    def broken():
        raise RuntimeError("broken")

    assert NameCache(broken).get(patience=60) == Names()


def test_no_hub_gives_no_names_and_none_is_started(home):
    assert names_of_hub() == Names()
    assert not (home / "hub.lock").exists()


def test_a_front_end_gets_verbs_flags_and_variables_through_the_kernel(kernel):
    kernel.text("X_holdout = [1]")
    assert kernel.complete("%mlops pro") == ["%mlops promote"]
    assert kernel.complete("%deploy churn --sc") == ["%deploy churn --scale"]
    assert kernel.complete("%predict churn X_h") == ["%predict churn X_holdout"]
    assert (
        kernel.complete("1 + 1\nr = %scale churn serverl")[0]
        == "1 + 1\nr = %scale churn serverless"
    )
    assert "%deploy churn --scale elastic:1-4" in kernel.complete("%deploy churn --scale elastic:1")


def test_a_front_end_is_answered_in_time_and_no_hub_is_started(kernel):
    kernel.complete("%deploy ")
    begun = time.perf_counter()
    offered = kernel.complete("%deploy ")
    assert time.perf_counter() - begun < 0.3
    assert "%deploy --scale" in offered
    assert "False" in kernel.text(
        "import os, pathlib; (pathlib.Path(os.environ['MLOPS_JUPYTER_HOME']) / 'hub.lock').exists()"
    )


@pytest.mark.parametrize(
    "line",
    [
        "%audit tumor --by ",
        "%audit tumor --since ",
        "%rollback tumor --revision ",
        "%mlops no-such ",
    ],
)
def test_where_nothing_of_ours_fits_neither_do_files_and_keywords(kernel, line):
    assert kernel.complete(line) == []


@pytest.mark.parametrize("line", ["%scale tumor ", "%predict tumor "])
def test_other_completions_are_kept_away_from_ours(kernel, line):
    offered = [word.removeprefix(line) for word in kernel.complete(line)]
    assert "--help" in offered
    assert not {"%", "scale", "tumor", "while", "%timeit"} & set(offered)


def test_python_is_completed_as_before(kernel):
    assert "import os" in kernel.complete("import o")
    assert "%predict tumor os.path" in kernel.complete("import os\n%predict tumor os.pat")[0]
