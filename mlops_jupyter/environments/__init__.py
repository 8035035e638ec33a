"""Making interpreters with packages in them: what uv sees and what it complains of."""

from mlops_jupyter.environments.locking import POLL_SECONDS, WAITING, try_lock
from mlops_jupyter.environments.unused import collect
from mlops_jupyter.environments.uv import (
    LAST_LINES,
    Complaint,
    build_variables,
    complaint,
    uv_command,
)

__all__ = [
    "LAST_LINES",
    "POLL_SECONDS",
    "WAITING",
    "Complaint",
    "build_variables",
    "collect",
    "complaint",
    "try_lock",
    "uv_command",
]
