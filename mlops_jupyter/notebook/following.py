"""A cell's picture of a run that stays true after the cell has ended, as long as its kernel lives.

It is rewritten under its display id, from a thread that prints nothing: an update finds its output
wherever that is, so that what gets saved is the newest picture, and the last one when it has ended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from mlops_jupyter.notebook.run_views import RunView, SweepView
from mlops_jupyter.types import MlopsError, NotFound

AWAY_SECONDS = 2.0
"""Pause before a hub that does not answer is asked again."""
PATIENCE_SECONDS = 3600.0
"""How long a hub that is away is asked for; the last picture stays then."""


def follow(view: RunView | SweepView, show: Callable[[Any], None]) -> None:
    """Call `show` in a thread with each new picture, until what it shows has ended.

    A hub that was stopped stays stopped.
    """
    if not view.status.ended:
        threading.Thread(
            target=_follow, args=(view.apart(), show), name="mlops-jupyter-follow", daemon=True
        ).start()


def _follow(view: RunView | SweepView, show: Callable[[Any], None]) -> None:
    answered = time.monotonic()
    while time.monotonic() < answered + PATIENCE_SECONDS:
        try:
            view = view.later()
        except NotFound:
            return
        except MlopsError:
            time.sleep(AWAY_SECONDS)
            continue
        answered = time.monotonic()
        show(view)
        if view.status.ended:
            return
