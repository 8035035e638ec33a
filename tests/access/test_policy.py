"""What a proven caller may do."""

import pytest

from mlops_jupyter.access import ACTIONS, authorise
from mlops_jupyter.types import Caller, Forbidden, Principal

OWNER = Caller(Principal("user:ada", "os-user"), "peer-credentials")
APP = Caller(Principal("app:billing", "app"), "api-token", "0123456789ab", frozenset({"churn"}))
NOBODY = Caller(Principal("anonymous", "anonymous"), "anonymous")


@pytest.mark.parametrize("action", sorted(ACTIONS))
@pytest.mark.parametrize("endpoint", ["churn", None])
def test_the_owner_may_do_everything(action, endpoint):
    authorise(OWNER, action, endpoint)


@pytest.mark.parametrize("action", ["invoke", "read"])
def test_a_token_may_call_what_it_names_and_read_its_metadata(action):
    authorise(APP, action, "churn")


@pytest.mark.parametrize("action", ["invoke", "read"])
@pytest.mark.parametrize("endpoint", ["fraud", "churn2", "CHURN", "", "churn\x00", "*"])
def test_a_token_may_not_call_anything_else(action, endpoint):
    with pytest.raises(Forbidden) as caught:
        authorise(APP, action, endpoint)
    assert caught.value.code == "endpoint_not_allowed"
    assert "churn" in caught.value.reason
    if endpoint not in ("", "*"):
        assert endpoint not in caught.value.message


@pytest.mark.parametrize("action", sorted(ACTIONS - {"invoke", "read"}))
@pytest.mark.parametrize("endpoint", ["churn", None])
def test_a_token_never_controls_anything(action, endpoint):
    with pytest.raises(Forbidden) as caught:
        authorise(APP, action, endpoint)
    assert caught.value.code == "not_for_tokens"


def test_a_token_may_not_read_the_hub_as_a_whole():
    with pytest.raises(Forbidden):
        authorise(APP, "read", None)


@pytest.mark.parametrize("endpoints", [None, frozenset()])
def test_a_token_that_names_nothing_opens_nothing(endpoints):
    with pytest.raises(Forbidden):
        authorise(Caller(APP.principal, "api-token", "0", endpoints), "invoke", "churn")


@pytest.mark.parametrize("caller", [OWNER, APP, NOBODY])
@pytest.mark.parametrize("action", ["", "INVOKE", "delete", "invoke ", "*"])
def test_an_action_that_is_not_known_is_refused(caller, action):
    with pytest.raises(Forbidden):
        authorise(caller, action, "churn")


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_nobody_may_do_nothing(action):
    with pytest.raises(Forbidden):
        authorise(NOBODY, action, "churn")
