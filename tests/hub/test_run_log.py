"""Parts of a log: nothing is cut within a character, and a tail begins with a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.hub import run_log
from mlops_jupyter.hub.run_log import read_part


@pytest.fixture
def log(tmp_path):
    """A function that writes a log and returns its path."""

    def write(content):
        path = tmp_path / "stdout.log"
        path.write_bytes(content)
        return path

    return write


def test_a_part_goes_from_its_offset_to_the_end(log):
    assert read_part(log(b"one\ntwo\n"), 4) == (4, b"two\n")
    assert read_part(log(b"one\n"), 4) == (4, b"")


def test_a_tail_begins_with_a_whole_line(log):
    path = log(b"one\ntwo\nthree\n")
    assert read_part(path, -8) == (8, b"three\n")
    assert read_part(path, -9) == (8, b"three\n")
    assert read_part(path, -1000) == (0, b"one\ntwo\nthree\n")


def test_what_is_before_a_tail_is_read_up_to_it(log):
    path = log(b"one\ntwo\nthree\n")
    assert read_part(path, -6, 8) == (4, b"two\n")
    assert read_part(path, -100, 4) == (0, b"one\n")
    assert read_part(path, -100, 0) == (0, b"")


def test_a_line_longer_than_the_tail_is_shown_from_a_character_on(log):
    path = log("ä".encode() * 10 + b"\n")
    start, data = read_part(path, -4)
    assert (start, data.decode()) == (18, "ä\n")


def test_a_character_of_which_the_end_is_missing_waits_for_it(log):
    assert read_part(log("aä".encode()[:-1]), 0) == (0, b"a")


def test_a_log_that_is_not_there_yet_is_empty(tmp_path):
    assert read_part(tmp_path / "stdout.log", -10) == (0, b"")
    assert read_part(tmp_path / "stdout.log", 0) == (0, b"")


def test_no_part_is_larger_than_the_bound(log, monkeypatch):
    monkeypatch.setattr(run_log, "LOG_BYTES", 4)
    path = log(b"abcdefgh")
    assert read_part(path, 0) == (0, b"abcd")
    assert read_part(path, -8) == (4, b"efgh")


@given(st.text(alphabet="aä€😀\n", max_size=60), st.integers(4, 40))
def test_read_back_from_its_end_a_log_is_whole(tmp_path_factory, text, size):
    path = tmp_path_factory.mktemp("log") / "stdout.log"
    path.write_bytes(text.encode())
    parts, before = [], None
    while before != 0:
        before, data = read_part(path, -size, before)
        parts.insert(0, data.decode())
    assert "".join(parts) == text
