"""Worker models: a model that is a program in any language; start reading at ``manifest.py``."""

from mlops_jupyter.workers.manifest import FILE, FLAVOR, read_worker
from mlops_jupyter.workers.needs import check_needs, missing_needs

__all__ = ["FILE", "FLAVOR", "check_needs", "missing_needs", "read_worker"]
