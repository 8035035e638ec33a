"""The garbage collector, kept out of the way of imports."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Collect no garbage meanwhile.

    Importing MLflow and making its tables creates millions of objects, and every collection goes
    over all that the notebook holds besides: a third of the first registration's time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
