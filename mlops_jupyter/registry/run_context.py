"""What MLflow writes on every run that a notebook makes: which notebook, which commit, which job.

MLflow alone names ``ipykernel_launcher.py`` as the source of such a run and no commit at all. It
asks the providers of the entry point group ``mlflow.run_context_provider`` after its own, so that
what is said here is what stays; tags that the user gives himself come last of all.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

from mlflow.tracking.context.abstract_context import RunContextProvider

from mlops_jupyter.registry.lineage import git_state, notebook_digest, notebook_path

RUN = "MLOPS_JUPYTER_RUN"
NOTEBOOK_SHA256 = "MLOPS_JUPYTER_NOTEBOOK_SHA256"
"""Set for a run: the file may have changed since it was queued."""

PARENT = "MLOPS_JUPYTER_MLFLOW_PARENT"
"""MLflow's run of the sweep that a run belongs to."""


class NotebookRunContext(RunContextProvider):  # type: ignore[misc]
    """Names the notebook of this kernel and its commit, and the run of ours that it works for."""

    def in_context(self) -> bool:
        """Whether this process belongs to a notebook or to a run of ours."""
        return bool(os.environ.get(RUN)) or _notebook() is not None

    def tags(self) -> dict[str, str]:
        """Tags by MLflow's own names where it has one, else ``mlops.…``; never raises."""
        notebook, run = _notebook(), os.environ.get(RUN)
        known = {
            "mlops.run": run,
            "mlflow.source.name": str(notebook) if notebook else None,
            "mlflow.source.type": "NOTEBOOK",
            "mlops.notebook_sha256": _digest(notebook),
            "mlflow.parentRunId": os.environ.get(PARENT),
        }
        if notebook is not None:
            commit, dirty, remote = _git(notebook.parent)
            known |= {
                "mlflow.source.git.commit": commit,
                "mlflow.source.git.dirty": None if dirty is None else str(dirty).lower(),
                "mlflow.source.git.repoURL": remote,
            }
        return {name: value for name, value in known.items() if value}


def _notebook() -> Path | None:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    try:
        return notebook_path(getattr(shell, "user_ns", None))
    except OSError:
        # the working directory may be gone
        return None


def _digest(notebook: Path | None) -> str | None:
    said = os.environ.get(NOTEBOOK_SHA256)
    return said or (notebook_digest(notebook) if notebook else None)


@cache
def _git(folder: Path) -> tuple[str | None, bool | None, str | None]:
    """Asked once a process: what runs is what was there when it began."""
    return git_state(folder)
