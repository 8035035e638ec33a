"""NAME=VALUE words, as a cell and a terminal take them."""

import pytest

from mlops_jupyter.client.words import named_values
from mlops_jupyter.types import InvalidRequest


def test_names_have_their_values_which_may_hold_an_equals_sign_or_nothing():
    words = ["stage=trial", "query=a=b", "empty="]
    assert named_values(words, "--tag stage=trial") == {
        "stage": "trial",
        "query": "a=b",
        "empty": "",
    }


@pytest.mark.parametrize("word", ["stage", "=trial", ""])
def test_a_word_that_is_none_is_refused_with_an_example(word):
    with pytest.raises(InvalidRequest, match="not NAME=VALUE") as caught:
        named_values([word], "--tag stage=trial")
    assert caught.value.fix == "Write e.g. '--tag stage=trial'."
    assert caught.value.code == "invalid_usage"


def test_a_name_is_given_once():
    with pytest.raises(InvalidRequest, match="'lr' is given twice"):
        named_values(["lr=1", "lr=2"], "--set MODE=quick")


def test_what_follows_a_name_is_not_repeated():
    with pytest.raises(InvalidRequest) as caught:
        named_values(["KEY=one", "KEY=canary-1"], "--secret KEY=env:KEY")
    assert "canary" not in str(caught.value)
