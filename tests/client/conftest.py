"""Scripted hubs that end with their test."""

import shutil
import tempfile
from pathlib import Path

import pytest

from mlops_jupyter.client import Hub

from .scripted import ScriptedHub


@pytest.fixture
def short_home():
    """A state directory whose path leaves room for a Unix socket."""
    path = Path(tempfile.mkdtemp(prefix="mj-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def scripted(short_home):
    """Start a scripted hub: ``scripted(script, socket=False) -> (server, client)``."""
    opened = []

    def start(script, *, socket=False):
        server = ScriptedHub(short_home, script, with_socket=socket)
        client = Hub.connect(start=False, home=short_home)
        opened.extend((client, server))
        return server, client

    yield start
    for one in opened:
        one.close()
