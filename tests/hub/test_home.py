"""The state directory is private, is proven to be writable, and holds a token nobody else reads."""

import os
import stat

import pytest

from mlops_jupyter.hub.home import Home, local_token, open_home
from mlops_jupyter.types import Unavailable
from mlops_jupyter.types.home import state_home


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_environment_variable_names_the_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("MLOPS_JUPYTER_HOME", str(tmp_path / "state"))
    assert state_home() == tmp_path / "state"


def test_without_the_variable_it_is_the_platforms_place(monkeypatch):
    monkeypatch.delenv("MLOPS_JUPYTER_HOME", raising=False)
    assert state_home().name == "mlops-jupyter"


def test_it_and_its_folders_are_for_their_owner_only(tmp_path):
    home = open_home(tmp_path / "a" / "state")
    assert mode(home.root) == 0o700
    assert {mode(path) for path in home.root.iterdir()} == {0o700}


def test_a_directory_that_was_open_to_others_is_closed(tmp_path):
    root = tmp_path / "state"
    root.mkdir(mode=0o755)
    open_home(root)
    assert mode(root) == 0o700


def test_a_file_in_its_place_is_a_clear_error(tmp_path):
    root = tmp_path / "state"
    root.write_text("not a folder")
    with pytest.raises(Unavailable) as caught:
        open_home(root)
    assert caught.value.code == "state_directory_not_writable"
    assert "MLOPS_JUPYTER_HOME" in caught.value.fix


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_a_clear_error(tmp_path):
    root = tmp_path / "closed"
    root.mkdir(mode=0o500)
    with pytest.raises(Unavailable) as caught:
        open_home(root / "state")
    assert caught.value.code == "state_directory_not_writable"


def test_a_socket_path_that_would_be_too_long_is_left_out(tmp_path):
    assert Home(tmp_path / "short").socket is not None or len(str(tmp_path)) > 80
    assert Home(tmp_path / ("x" * 100)).socket is None


def test_the_token_is_made_once_and_only_its_owner_may_read_it(tmp_path):
    home = open_home(tmp_path / "state")
    first = local_token(home)
    assert len(first) >= 43
    assert local_token(home) == first
    assert mode(home.token) == 0o600
    assert [path.name for path in home.root.glob(".token-*")] == []


def test_a_token_file_that_was_opened_to_others_is_closed_again(tmp_path):
    home = open_home(tmp_path / "state")
    token = local_token(home)
    home.token.chmod(0o644)
    assert local_token(home) == token
    assert mode(home.token) == 0o600


def test_a_damaged_token_file_is_a_clear_error(tmp_path):
    home = open_home(tmp_path / "state")
    home.token.write_text("short")
    with pytest.raises(Unavailable) as caught:
        local_token(home)
    assert caught.value.code == "token_file_damaged"
    assert "short" not in str(caught.value).replace("shorter", "")


def test_a_link_in_the_tokens_place_is_not_followed(tmp_path):
    home = open_home(tmp_path / "state")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("x" * 43)
    home.token.symlink_to(elsewhere)
    with pytest.raises(OSError):
        local_token(home)
