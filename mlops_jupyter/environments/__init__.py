"""Making interpreters with packages in them: what uv sees and what it complains of."""

from mlops_jupyter.environments.unused import collect
from mlops_jupyter.environments.uv import (
    LAST_LINES,
    Complaint,
    build_variables,
    complaint,
    uv_command,
)

__all__ = ["LAST_LINES", "Complaint", "build_variables", "collect", "complaint", "uv_command"]
