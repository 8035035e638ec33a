"""The garbage collector is back after a registration, however it ended."""

from __future__ import annotations

import gc

import pytest

from mlops_jupyter.registry import resolve
from mlops_jupyter.registry.collector import collector_paused
from mlops_jupyter.types import MlopsError


def test_no_garbage_is_collected_meanwhile() -> None:
    with collector_paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_refused_call_leaves_the_collector_on() -> None:
    with pytest.raises(MlopsError):
        resolve("no/such/model")
    assert gc.isenabled()
