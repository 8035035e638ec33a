"""How a command reaches the hub: who only looks starts none, who needs one says that it starts."""

from __future__ import annotations

import argparse
import sys

from mlops_jupyter.client import Hub
from mlops_jupyter.client.home import home_path, running_hub


def reading() -> Hub:
    """The hub that runs.

    Raises
    ------
    Unavailable
        ``hub_not_running``: none does.
    """
    return Hub.connect(start=False)


def starting(parsed: argparse.Namespace) -> Hub:
    """The hub that runs, or one that is started now, with a line on standard error about it."""
    # with --json standard error has an error as JSON and nothing else
    if not parsed.json and running_hub(home_path()) is None:
        sys.stderr.write("starting the hub…\n")
        sys.stderr.flush()
    return Hub.connect()
