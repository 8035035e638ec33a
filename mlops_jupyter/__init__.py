"""Register, deploy, scale and audit models from a notebook cell.

The verbs are found when they are first used, so that ``import mlops_jupyter`` and ``%load_ext
mlops_jupyter`` cost a few milliseconds. Their types are in ``__init__.pyi``.
"""

import sys
from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

_VERBS = (
    "artifact",
    "audit",
    "cancel",
    "compare",
    "data",
    "deploy",
    "endpoint",
    "endpoints",
    "ensemble",
    "fact",
    "field",
    "metric",
    "models",
    "parallel",
    "pipeline",
    "predict",
    "promote",
    "register",
    "rerun",
    "rollback",
    "run",
    "runs",
    "scale",
    "schedule",
    "schedules",
    "status",
    "step",
    "sweep",
    "switch",
    "traffic",
    "train",
    "undeploy",
)
_ROOMS = {
    "training": (
        "cancel", "compare", "rerun", "run", "runs", "schedule", "schedules", "sweep", "train",
    ),
    "pipelines": ("ensemble", "field", "parallel", "pipeline", "step", "switch"),
    "run_facts": ("artifact", "data", "fact", "metric"),
}  # fmt: skip
__all__ = ["__version__", "load_ipython_extension", "unload_ipython_extension", *_VERBS]  # noqa: PLE0604


def load_ipython_extension(shell: object) -> None:
    """``%load_ext mlops_jupyter``: add the magics and their completion to this shell."""
    import_module("mlops_jupyter.notebook.magics").load(shell)


def unload_ipython_extension(shell: object) -> None:
    """``%unload_ext mlops_jupyter``: take the magics and their completion away again."""
    import_module("mlops_jupyter.notebook.magics").unload(shell)


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    """Say to Jupyter Server where the extension is."""
    extension = import_module("mlops_jupyter.lab.extension")
    return [{"module": "mlops_jupyter", "app": extension.MlopsExtension}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Say to JupyterLab where the built front end is, for installs that are linked to it."""
    return [{"src": "labextension", "dest": "@mlops-jupyter/labextension"}]


def __getattr__(name: str) -> object:
    if name not in _VERBS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = next((room for room, verbs in _ROOMS.items() if name in verbs), "verbs")
    return getattr(import_module(f"mlops_jupyter.notebook.{room}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_VERBS})


class _Package(ModuleType):
    """The package, where `audit` is the verb although a room beside it has the same name.

    Python sets a package's attribute whenever the submodule of that name is imported; the room
    stays where imports find it, in ``sys.modules``.
    """

    @property
    def audit(self) -> object:
        return __getattr__("audit")

    @audit.setter
    def audit(self, _room: object) -> None:
        pass


sys.modules[__name__].__class__ = _Package
