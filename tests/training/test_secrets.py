"""Secrets are references; what they stand for is found, and is in no error."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlops_jupyter.training.secrets import MAX_BYTES, SecretRef, check_variable, exposed, resolve
from mlops_jupyter.types import InvalidRequest, MlopsError

CANARY = "canary-8f1b"


@pytest.mark.parametrize("text", ["env:DB_PASSWORD", "file:/run/secret", "keyring:db/ada"])
def test_a_reference_is_read_and_written(text: str) -> None:
    assert str(SecretRef.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            CANARY,
            "",
            ":",
            f"env:{CANARY}",
            "env:",
            "env:A=B",
            "file:",
            "file:relative",
            "file:~/x",
        ),
        *("keyring:", "keyring:service", "keyring:/user", "vault:x", "file:/a\0b", "ENV:X"),
    ],
)
def test_what_is_no_reference_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        SecretRef.parse(text)
    assert refused.value.code == "invalid_secret"
    assert CANARY not in str(refused.value)


def test_a_variable_is_taken_from_the_given_environment() -> None:
    assert resolve({"DB": "env:SOURCE"}, {"SOURCE": CANARY}) == {"DB": CANARY}


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(MlopsError, match="SOURCE is not set"):
        resolve({"DB": "env:SOURCE"}, {})


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"x\n", "x"),
        (b"x\r\n", "x"),
        (b"x\n\n", "x\n"),
        (b" x ", " x "),
        (b"", ""),
        (b"a\nb", "a\nb"),
    ],
)
def test_a_file_is_read_without_its_last_line_end(
    tmp_path: Path, content: bytes, value: str
) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    assert resolve({"DB": f"file:{path}"}, {}) == {"DB": value}


@pytest.mark.parametrize(
    "content",
    [CANARY.encode() + b"\xff", CANARY.encode() + b"\0", CANARY.encode() * MAX_BYTES],
)
def test_what_no_variable_can_hold_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(InvalidRequest) as refused:
        resolve({"DB": f"file:{path}"}, {})
    assert refused.value.code == "secret_unfit"
    assert CANARY not in "".join(traceback.format_exception(refused.value))


def test_the_largest_value_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"x" * MAX_BYTES + b"\r\n")
    assert len(resolve({"DB": f"file:{path}"}, {})["DB"]) == MAX_BYTES


def test_a_file_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, tmp_path / "absent"):
        with pytest.raises(MlopsError) as refused:
            resolve({"DB": f"file:{path}"}, {})
        assert refused.value.code == "secret_missing"


def test_a_file_that_others_can_read_is_told(tmp_path: Path) -> None:
    open_file, closed = tmp_path / "open", tmp_path / "closed"
    for path, mode in ((open_file, 0o644), (closed, 0o600)):
        path.write_text("x")
        path.chmod(mode)
    refs = {"A": f"file:{open_file}", "B": f"file:{closed}", "C": "file:/absent", "D": "env:X"}
    assert exposed(refs) == (f"The file of A can be read by others: chmod 600 {open_file}.",)


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "Ä", "A\nB", "A" * 300])
def test_a_name_that_is_no_variable_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        check_variable(name)
    with pytest.raises(InvalidRequest):
        resolve({name: "env:HOME"}, {"HOME": "/"})


def test_a_keyring_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {("db", "ada/eu"): CANARY}
    keyring = SimpleNamespace(get_password=lambda service, user: known.get((service, user)))
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    assert resolve({"DB": "keyring:db/ada/eu"}, {}) == {"DB": CANARY}
    with pytest.raises(MlopsError, match="nothing for bob of db"):
        resolve({"DB": "keyring:db/bob"}, {})


def test_without_the_keyring_package_it_is_said_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(InvalidRequest, match="pip install keyring"):
        resolve({"DB": "keyring:db/ada"}, {})


def test_a_keyring_that_fails_does_not_tell_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(service: str, user: str) -> str:
        raise RuntimeError(CANARY)

    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=fail))
    with pytest.raises(MlopsError, match="RuntimeError") as refused:
        resolve({"DB": "keyring:db/ada"}, {})
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None
