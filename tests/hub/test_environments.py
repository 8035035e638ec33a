"""A model's own environment, seen from outside: its build is told, its failure names the package,
and what nobody needs any more goes.
"""

import os
import threading
from dataclasses import replace

import pytest

from mlops_jupyter.client.hub import Hub
from mlops_jupyter.types import Environment, InvalidRequest, Unavailable

from ..packages import index
from .models import describe, save
from .waiting import until

LOCKED = Environment("locked")


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start a hub with more variables; it is stopped after the test."""
    hubs = []

    def begin(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        hubs.append(Hub.connect(home=tmp_path / "state"))
        return hubs[-1]

    yield begin
    for hub in hubs:
        hub.stop()


@pytest.fixture
def version(tmp_path):
    """A version that needs a package which nobody has."""
    save(tmp_path / "model")
    (tmp_path / "model" / "requirements.txt").write_text("nosuchpackage==2.0\n")
    return replace(describe(tmp_path / "model", "linear", 1), environment=LOCKED)


def test_a_build_shows_in_the_status_and_its_failure_names_the_package(tmp_path, start, version):
    opened = threading.Event()
    with index(tmp_path, opened=opened) as url:
        hub = start(UV_INDEX_URL=url)
        hub.deploy("linear", version)
        told = until(lambda: reason(hub, "Its environment is made"))
        assert "Python" in told
        opened.set()
        until(lambda: reason(hub, "nosuchpackage==2.0 cannot be had."))
        assert hub.status("linear").state == "failed"


def reason(hub, part):
    """The reason of the endpoint's state, when it has `part` in it."""
    status = hub.status("linear")
    return status.reason if part in status.reason else ""


def test_environments_that_no_endpoint_needs_are_deleted(tmp_path, start):
    root = tmp_path / "state" / "environments"
    for name in ("a" * 64, "not-one"):
        (root / name / "bin").mkdir(parents=True)
        os.utime(root / name, (1e9, 1e9))
    start(MLOPS_JUPYTER_ENVIRONMENT_DAYS="2")
    until(lambda: not (root / ("a" * 64)).exists())
    assert (root / "not-one").exists()


def test_how_long_they_are_kept_must_be_a_number(start):
    with pytest.raises((InvalidRequest, Unavailable), match="MLOPS_JUPYTER_ENVIRONMENT_DAYS"):
        start(MLOPS_JUPYTER_ENVIRONMENT_DAYS="soon")
