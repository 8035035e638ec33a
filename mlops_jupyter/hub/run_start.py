"""How a run's supervisor is started: detached, with the secrets through a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

from mlops_jupyter.training.folder import RunFolder, write_atomically
from mlops_jupyter.training.secrets import resolve
from mlops_jupyter.types import RunSpec, Unavailable


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
        For the kernel; written into the run's folder.

    Raises
    ------
    InvalidRequest
        A secret cannot be had.
    Unavailable
        No process can be started.
    """
    missing = {name: ref for name, ref in spec.secrets.items() if name not in values}
    known = {**resolve(missing, os.environ), **values}
    write_atomically(folder.path / "environment.json", json.dumps(dict(variables)).encode())
    try:
        with (folder.path / "supervisor.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "mlops_jupyter.training.supervisor", str(folder.path)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=folder.path,
            )
    except OSError as error:
        raise Unavailable(
            "The run cannot be started.",
            reason=f"{error.strerror or error}.",
            fix="Free memory or processes on this machine, and run it again.",
            code="cannot_start",
        ) from error
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(known).encode())
        process.stdin.close()
    except BrokenPipeError:
        # it has ended already: the look at its folder says so
        pass
    return process
