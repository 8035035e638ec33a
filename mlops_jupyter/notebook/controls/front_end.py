"""Whether somebody sits before this kernel who can use controls, and in which cell they are."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any


def shell_of_notebook() -> Any:
    """The IPython shell of this process, or None outside IPython."""
    from IPython.core.getipython import get_ipython

    return get_ipython()  # type: ignore[no-untyped-call, unused-ignore]


def why_no_controls(shell: Any) -> str:
    """One sentence that says why controls are left out; empty when they can be shown."""
    if getattr(shell, "kernel", None) is None:
        return "Controls are left out: they need a notebook, and this is not one."
    # nobody can be asked where a program runs the cells: papermill, nbconvert, scheduled jobs
    if not _request(shell).get("content", {}).get("allow_stdin", True):
        return "Controls are left out: a program runs this notebook, and nobody could use them."
    if find_spec("ipywidgets") is None:
        return "Controls are left out: this kernel has no ipywidgets; 'pip install ipywidgets'."
    return ""


def cell_of(shell: Any) -> str:
    """What tells the running cell from others: its id, or its code where there is no id."""
    request = _request(shell)
    cell = request.get("metadata", {}).get("cellId")
    return str(cell or request.get("content", {}).get("code", ""))


def _request(shell: Any) -> dict[str, Any]:
    """The message that had the running cell executed."""
    kernel = getattr(shell, "kernel", None)
    request = kernel.get_parent() if kernel is not None else None
    return request if isinstance(request, dict) else {}
