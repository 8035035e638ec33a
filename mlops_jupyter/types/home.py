"""The state directory: one place for all that outlives a process."""

from __future__ import annotations

import os
from pathlib import Path

from mlops_jupyter.types.errors import Unavailable


def state_home(*, create: bool = False) -> Path:
    """``MLOPS_JUPYTER_HOME``, or the platform's place for a user's state.

    Parameters
    ----------
    create
        Make the directory, with mode 0700. Without it nothing on the disk is touched.

    Raises
    ------
    Unavailable
        The directory cannot be made or written.
    """
    if named := os.environ.get("MLOPS_JUPYTER_HOME"):
        home = Path(named).expanduser().absolute()
    else:
        import platformdirs

        home = Path(platformdirs.user_state_dir("mlops-jupyter"))
    if create:
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            writable = os.access(home, os.W_OK | os.X_OK)
            reason = "" if writable else "Permission denied."
        except OSError as error:
            reason = f"{error.strerror or type(error).__name__}."
        if reason:
            raise Unavailable(
                f"The state directory {home} cannot be used.",
                reason=reason,
                fix="Make it writable for you, or set MLOPS_JUPYTER_HOME to a folder that is.",
                code="state_directory_not_writable",
            )
    return home
