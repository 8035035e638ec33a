"""What may follow a magic, and what it is refused with."""

from types import SimpleNamespace

import pytest

from mlops_jupyter.notebook.grammar import VERBS, parser_of
from mlops_jupyter.notebook.parser import expression_in, split, variable, versions, weights
from mlops_jupyter.types import InvalidRequest, ScalingPolicy


def read(line):
    verb, *words = split(line)
    return parser_of(verb).read(words)


UNDERSTOOD = [
    (
        "register churn --model clf --input X_train --alias challenger",
        {"name": "churn", "model": "clf", "input": "X_train", "alias": "challenger"},
    ),
    ("register churn --model clf --tag a=1 --tag b=2", {"tag": ["a=1", "b=2"], "input": None}),
    (
        "deploy churn@champion --scale elastic:1-4 --gpu 1",
        {"ref": "churn@champion", "scale": ScalingPolicy.parse("elastic:1-4"), "gpu": 1},
    ),
    ("deploy churn/3 --as churn-eu --no-wait", {"name": "churn-eu", "no_wait": True}),
    ("deploy churn --deadline 2.5s --env locked", {"deadline": 2.5, "env": "locked"}),
    ("deploy churn", {"scale": None, "gpu": None, "audit": None, "mode": None, "no_wait": False}),
    ("deploy --mode=async churn", {"ref": "churn", "mode": "async"}),
    ("scale churn serverless", {"policy": ScalingPolicy("serverless", 0, 1)}),
    ("scale churn", {"name": "churn", "policy": None}),
    ("predict churn X_test --version 3", {"data": "X_test", "version": 3}),
    (
        "traffic churn 3=90 4=10 --shadow 5",
        {"name": "churn", "weights": ["3=90", "4=10"], "shadow": ["5"]},
    ),
    ("traffic churn --shadow 5 3=90 4=10", {"weights": ["3=90", "4=10"], "shadow": ["5"]}),
    ("promote churn challenger", {"version": "challenger", "alias": None}),
    ("rollback churn --revision 7", {"name": "churn", "revision": 7}),
    ("undeploy churn", {"name": "churn", "revision": None}),
    (
        "audit churn --since 24h --by alice --failed",
        {"name": "churn", "since": "24h", "by": "alice", "failed": True},
    ),
    ('audit --text "two words"', {"name": None, "text": "two words", "limit": 20}),
]


@pytest.mark.parametrize(("line", "wanted"), UNDERSTOOD, ids=[line for line, _ in UNDERSTOOD])
def test_a_line_is_understood(line, wanted):
    found = vars(read(line))
    assert {key: found[key] for key in wanted} == wanted


REFUSED = [
    ("deploy", "%deploy", "MODEL"),
    ("deploy churn --scal fixed:1", "--scal", "--scale"),
    ("deploy churn --sc fixed:1", "--sc", "--help"),
    ("deploy churn extra", "extra", "too many"),
    ("deploy churn --gpu many", "many", "whole number"),
    ("deploy churn --gpu -1", "--gpu", "--help"),
    ("deploy churn --deadline 0", "0", "over 0"),
    ("deploy churn --env conda", "conda", "locked"),
    ("deploy churn --scale elastic:0-4", "serverless", "Write fixed:N"),
    ("deploy {name}", "{name}", "mlops_jupyter.deploy"),
    ("deploy $name", "$name", "mlops_jupyter.deploy"),
    ("deploy churn '#' now", "comment", "line of its own"),
    ("register churn", "--model", "%register NAME --model VARIABLE"),
    ("scale churn lots", "lots", "Write fixed:N"),
    ("audit --kind nonsense", "nonsense", "prediction"),
]


@pytest.mark.parametrize(("line", "what", "fix"), REFUSED, ids=[line for line, *_ in REFUSED])
def test_a_line_is_refused_with_what_is_wrong_and_how_to_write_it(line, what, fix):
    with pytest.raises(InvalidRequest) as refused:
        read(line)
    assert what in str(refused.value)
    assert fix in str(refused.value)


def test_an_unclosed_quote_is_refused_in_our_own_words():
    with pytest.raises(InvalidRequest, match="Close the quote"):
        split("churn 'x")


def test_quotes_and_escapes_work_as_in_a_shell():
    assert split(r"""a "b c" 'd "e' f\ g""") == ["a", "b c", 'd "e', "f g"]


def test_nothing_is_expanded():
    assert split("*.csv ~ $HOME {x}") == ["*.csv", "~", "$HOME", "{x}"]


def test_an_unknown_verb_is_answered_with_the_closest_one():
    with pytest.raises(InvalidRequest, match="'deploy'"):
        parser_of("deplyo")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_prints_its_help_and_does_nothing(verb, capsys):
    assert parser_of(verb).read(["--help"]) is None
    shown = capsys.readouterr().out
    assert f"usage: %{verb}" in shown
    assert f"example: %{verb}" in shown


def test_a_long_or_odd_word_is_shown_cut_and_escaped():
    with pytest.raises(InvalidRequest) as refused:
        parser_of("deploy").read(["churn", "\u202e" + "x" * 10_000])
    assert len(str(refused.value)) < 400
    assert "\u202e" not in str(refused.value)


def test_weights_are_read():
    assert weights(["3=90", "4=10%"]) == {3: 90, 4: 10}


@pytest.mark.parametrize("word", ["3", "3=", "=9", "3=x", "0=5", "a=1", "3=-1", "3=1.5", "3=9999"])
def test_a_wrong_weight_is_refused(word):
    with pytest.raises(InvalidRequest, match="traffic of one version"):
        weights([word])


def test_a_version_named_twice_is_refused():
    with pytest.raises(InvalidRequest, match="named once"):
        weights(["3=50", "3=50"])


def test_shadows_are_read_one_by_one_or_by_commas():
    assert versions(["5", "6,7"]) == (5, 6, 7)


@pytest.mark.parametrize("word", ["x", "0", "5,", "-1", "1.5"])
def test_a_wrong_shadow_is_refused(word):
    with pytest.raises(InvalidRequest, match="not a version"):
        versions([word])


def test_a_variable_is_found_by_its_name_or_by_names_joined_with_dots():
    data = SimpleNamespace(test=SimpleNamespace(X=[1]))
    assert variable("data", {"data": data}) is data
    assert variable("data.test.X", {"data": data}) == [1]


@pytest.mark.parametrize("text", ["df[['a']]", "f()", "a b", "1x", "", "a..b", "x;y", "a.b()"])
def test_anything_but_a_name_is_refused_and_never_evaluated(text):
    with pytest.raises(InvalidRequest, match="Assign it to a variable first"):
        variable(text, {"df": {}, "f": pytest.fail, "a": None})


@pytest.mark.parametrize(
    ("line", "expression"),
    [
        ('churn X_test[["mean radius"]]', 'X_test[["mean radius"]]'),
        ('churn X[["a", "b"]] --version 3', 'X[["a", "b"]]'),
        ("churn data.X.head(3)", "data.X.head(3)"),
        ("churn X[X.a > 3].head( 2 )", "X[X.a > 3].head( 2 )"),
        ("churn X['a]b']", "X['a]b']"),
        ("churn f(", "f("),
        ("churn f(\u202e)", "f(\\u202e)"),
        ("churn X_test --version 3", ""),
        ('audit --text "f(x)"', ""),
        ("", ""),
    ],
)
def test_an_expression_is_found_as_it_was_typed(line, expression):
    assert expression_in(line) == expression


def test_a_long_expression_is_cut():
    assert len(expression_in(f"churn f({'x' * 10_000})")) == 61


def test_an_unknown_variable_is_refused_with_the_closest_name():
    known = {f"other_{letter}": 1 for letter in "abcdefghij"} | {"X_train": 1}
    with pytest.raises(InvalidRequest, match="'X_train'"):
        variable("X_trian", known)


def test_an_unknown_attribute_is_refused_with_its_owner():
    with pytest.raises(InvalidRequest, match="'data' has no attribute 'X'"):
        variable("data.X", {"data": SimpleNamespace()})
