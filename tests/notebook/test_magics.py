"""Magics in a real IPython shell: what they take, what they give back, what they leave alone."""

from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from mlops_jupyter.notebook import verbs
from mlops_jupyter.notebook.grammar import VERBS
from mlops_jupyter.notebook.live import Working
from mlops_jupyter.types import InvalidRequest


@pytest.fixture
def shell():
    made = InteractiveShell()
    made.run_line_magic("load_ext", "mlops_jupyter")
    yield made
    made.run_line_magic("unload_ext", "mlops_jupyter")


@pytest.fixture
def called(monkeypatch):
    """The arguments that each verb was called with; only the words are tested here."""
    calls = {}

    def note(name):
        def verb(*args, **options):
            options.pop("on_progress", None)
            calls[name] = (args, options)
            return Working(name)

        return verb

    for name in ("register", "deploy", "scale", "predict", "traffic", "promote", "rollback",
                 "undeploy", "audit", "status"):  # fmt: skip
        monkeypatch.setattr(verbs, name, note(name))
    return calls


def run(shell, code):
    result = shell.run_cell(code)
    result.raise_error()
    return result.result


def test_a_saved_model_is_named_by_its_path(shell, called):
    run(shell, "%register churn --model ./made/elsewhere --env locked")
    args, options = called["register"]
    assert args == ("churn", Path("made/elsewhere"), None)
    assert options["environment"] == "locked"


def test_variables_are_taken_by_their_names(shell, called):
    shell.user_ns.update(clf="the model", X_train="the rows", y="the answers", scores={"auc": 0.9})
    run(
        shell,
        "%register churn --model clf --input X_train --target y --metrics scores --tag a=b "
        "--alias trial",
    )
    args, options = called["register"]
    assert args == ("churn", "the model", "the rows")
    assert options["target"] == "the answers"
    assert options["metrics"] == {"auc": 0.9}
    assert options["tags"] == {"a": "b"}
    assert options["alias"] == "trial"
    assert options["user_ns"]["clf"] == "the model"


def test_words_reach_the_verb_of_the_magic(shell, called):
    run(shell, "%traffic churn 3=90 4=10 --shadow 5")
    assert called["traffic"] == (("churn", {3: 90, 4: 10}), {"shadow": (5,), "revision": None})
    run(shell, "%deploy churn@champion --as eu --gpu 1 --no-wait")
    args, options = called["deploy"]
    assert args == ("churn@champion",)
    assert (options["name"], options["gpu"], options["wait"]) == ("eu", 1, False)
    run(shell, "%promote churn 4")
    assert called["promote"] == (("churn", "4"), {"alias": None, "revision": None})
    run(shell, "%audit churn --since 7d --by alice --failed")
    args, options = called["audit"]
    assert args == ("churn",)
    assert (options["since"], options["by"], options["failed"]) == ("7d", "alice", True)
    run(shell, "%mlops")
    assert "status" in called


def test_every_verb_can_be_said_after_mlops(shell, called):
    run(shell, "%mlops rollback churn")
    assert called["rollback"][0] == ("churn",)


def test_the_result_can_be_kept_or_silenced(shell, called):
    assert run(shell, "%undeploy churn") is not None
    assert run(shell, "%undeploy churn;") is None
    assert called["undeploy"][0] == ("churn",)
    assert run(shell, "kept = %undeploy churn\nrepr(kept)") == "undeploy"


def test_a_variable_of_the_function_around_the_magic_is_found(shell, called):
    run(
        shell,
        "def ask():\n    local = [1]\n"
        "    return get_ipython().run_line_magic('predict', 'churn local')\nask()",
    )
    assert called["predict"][0] == ("churn", [1])


def test_braces_and_dollars_are_not_expanded(shell, called):
    shell.user_ns["name"] = "churn"
    for line in ("%undeploy {name}", "%undeploy $name"):
        with pytest.raises(InvalidRequest, match="is not expanded"):
            run(shell, line)
    assert "undeploy" not in called


@pytest.mark.parametrize(
    ("line", "call"),
    [
        (
            '%predict tumor X_test[["mean radius"]]',
            'mj.predict("tumor", X_test[["mean radius"]])',
        ),
        ("%predict tumor X_test.head(3)", 'mj.predict("tumor", X_test.head(3))'),
        ("%predict tumor X[X.a > 3]", 'mj.predict("tumor", X[X.a > 3])'),
        ("%mlops predict tumor f(1)", 'mj.predict("tumor", f(1))'),
        ("%register tumor --model fit(X, y)", "mj.register(…, fit(X, y))"),
    ],
)
def test_an_expression_is_refused_with_the_call_that_takes_it(shell, called, line, call):
    shell.user_ns.update(X_test=pytest.fail, f=pytest.fail, fit=pytest.fail)
    with pytest.raises(InvalidRequest, match="is an expression") as refused:
        run(shell, line)
    assert call in refused.value.fix
    assert called == {}


def test_the_audit_shows_a_screen_of_outcomes_unless_asked_for_more(shell, called):
    run(shell, "%audit churn")
    args, options = called["audit"]
    assert (args, options["limit"], options["intents"]) == (("churn",), 20, False)
    run(shell, "%audit churn --limit 100 --intents")
    _, options = called["audit"]
    assert (options["limit"], options["intents"]) == (100, True)


def test_help_is_printed_and_nothing_is_called(shell, called, capsys):
    assert run(shell, "%deploy churn --help") is None
    assert run(shell, "%mlops help deploy") is None
    assert capsys.readouterr().out.count("usage: %deploy") == 2
    assert called == {}


def test_help_on_everything_lists_every_verb(shell, capsys):
    run(shell, "%mlops help")
    assert len(capsys.readouterr().out.splitlines()) == len(VERBS)


def test_an_unknown_verb_is_refused_with_the_closest_one(shell):
    with pytest.raises(InvalidRequest, match="'promote'"):
        run(shell, "%mlops promot churn 4")


def test_an_error_is_one_line_on_the_screen(shell, capsys):
    shell.run_cell("%predict churn no_such_rows")
    shown = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert len(shown) == 1
    assert shown[0].startswith("InvalidRequest: There is no variable 'no_such_rows'.")


def test_question_mark_says_where_help_is(shell):
    assert "%deploy --help" in shell.object_inspect("%deploy")["docstring"]
