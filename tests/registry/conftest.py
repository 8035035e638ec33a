"""A registry in a state directory of its own, and a working directory that must stay empty."""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.registry import ModelAdvice


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all tests of this room: making its tables takes a second."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(autouse=True)
def registry(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty directory against the room's store; nothing may appear in the directory."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("MLOPS_JUPYTER_HOME", str(state))
    for name in list(os.environ):
        if name.startswith("MLFLOW_") or name in ("JPY_SESSION_NAME", "MLOPS_JUPYTER_NOTEBOOK"):
            monkeypatch.delenv(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelAdvice)
        yield here
    assert list(here.glob("ml*")) == []


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may ask for anything beyond this machine."""
    connect = socket.socket.connect

    def at_home(self: socket.socket, address: Any) -> None:
        local = self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1", "localhost")
        assert local, f"a test connects to {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", at_home)


@pytest.fixture(scope="session")
def table(cancer: Any) -> tuple[Any, Any]:
    """Rows and answers of the breast-cancer table."""
    return cancer.data, cancer.target
