"""The process's connection to the user's hub, made when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub

_hubs: dict[tuple[Path, bool], Hub] = {}


def connected(*, start: bool = True) -> Hub:
    """The hub of the present state directory; started when it is not running and `start` is set.

    The connection outlives the hub: it finds the next one by itself.

    Raises
    ------
    Unavailable
        ``hub_not_running`` when none runs and `start` is not set, or why it cannot be started.
    """
    from mlops_jupyter.client import Hub
    from mlops_jupyter.client.home import home_path

    key = (home_path(), start)
    if key not in _hubs:
        _hubs[key] = Hub.connect(start=start)
    return _hubs[key]


def connecting() -> Callable[[], Hub]:
    """Begin to connect in the background; the function that is returned waits for the hub.

    A hub takes up to a second to start, MLflow as long to import: neither waits for the other.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="mlops-jupyter-connect")
    future = thread.submit(connected)
    thread.shutdown(wait=False)
    return future.result
