"""The kernels that are installed here, by their names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlops_jupyter.training.notebook import Notebook
from mlops_jupyter.types import InvalidRequest, did_you_mean


def find_kernel(name: str) -> Any:
    """The kernelspec of that name; raise InvalidRequest ``unknown_kernel`` with those known."""
    # 0.1 s, which the hub spends on the first run that names a kernel
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    specs = KernelSpecManager()
    try:
        return specs.get_kernel_spec(name)
    except (NoSuchKernel, ValueError):
        known = sorted(specs.find_kernel_specs())
        raise InvalidRequest(
            f"There is no kernel {name!a} here.",
            reason=f"Known are {', '.join(known)}." if known else "None is installed.",
            fix=did_you_mean(name, known) or "Install it, or choose another with `--kernel`.",
            code="unknown_kernel",
        ) from None


def in_kernel(notebook: Notebook, name: str) -> Notebook:
    """The notebook as the kernel `name` runs it, whose language parameters are written in."""
    if not name or name == notebook.kernel:
        return notebook
    return replace(notebook, kernel=name, language=find_kernel(name).language)
