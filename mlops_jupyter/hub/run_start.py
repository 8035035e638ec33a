"""How a run is started: its secrets resolved, its supervisor spawned."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

import msgspec

from mlops_jupyter.training.folder import RunFolder, write_atomically
from mlops_jupyter.training.runner import spawn
from mlops_jupyter.training.secrets import resolve
from mlops_jupyter.types import RunSpec, Unavailable

JUPYTER_PATH = "JUPYTER_PATH"


def start_supervisor(
    folder: RunFolder,
    spec: RunSpec,
    values: Mapping[str, str],
    variables: Mapping[str, str],
) -> subprocess.Popen[bytes]:
    """Start the run in `folder`; blocks for some milliseconds.

    Parameters
    ----------
    values
        Secrets whose references were resolved by whoever submitted the run; the others are
        resolved here, in the hub's own environment.
    variables
        For the kernel; written into the run's folder. ``JUPYTER_PATH`` is where its kernelspec is
        found besides the usual places.

    Raises
    ------
    InvalidRequest
        A secret cannot be had.
    Unavailable
        No process can be started.
    """
    missing = {name: ref for name, ref in spec.secrets.items() if name not in values}
    known = {**resolve(missing, os.environ), **values}
    own = dict(variables)
    places = [place for place in (own.pop(JUPYTER_PATH, ""), os.environ.get(JUPYTER_PATH)) if place]
    environment = {**os.environ, JUPYTER_PATH: os.pathsep.join(places)} if places else None
    try:
        write_atomically(folder.path / "environment.json", msgspec.json.encode(own))
        return spawn(folder, known, environment)
    except OSError as error:
        raise Unavailable(
            "The run cannot be started.",
            reason=f"{error.strerror or error}.",
            fix="Free memory, processes or disk on this machine, and run it again.",
            code="cannot_start",
        ) from error
