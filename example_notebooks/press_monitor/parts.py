"""What the press monitor needs of the system; python parts.py lists the packages that lack."""

from __future__ import annotations

import shutil
import subprocess
import sys

from jupyter_client.kernelspec import KernelSpecManager

from mlops_jupyter.types import Unavailable


def missing() -> list[str]:
    """Debian's packages of what is not installed."""
    lacking = []
    if "spa" not in _said("tesseract", "--list-langs"):
        lacking += ["tesseract-ocr", "tesseract-ocr-spa"]
    if "spa-eng" not in _said("apertium", "-l"):
        lacking.append("apertium-eng-spa")
    packages = _said("Rscript", "--vanilla", "-e", "cat(rownames(installed.packages()))")
    lacking += [f"r-cran-{one}" for one in ("jsonlite", "glmnet", "curl") if one not in packages]
    if "ir" not in KernelSpecManager().find_kernel_specs():
        lacking.append("r-cran-irkernel")
    return lacking


def _said(*command: str) -> list[str]:
    if shutil.which(command[0]) is None:
        return []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"{done.stdout} {done.stderr}".split()


def require() -> None:
    """Raise Unavailable, which names the packages, where something is not installed."""
    if lacking := missing():
        raise Unavailable(
            "Parts of the press monitor are not installed.",
            fix=f"apt-get install {' '.join(lacking)} (Debian's names).",
            code="parts_missing",
        )


if __name__ == "__main__":
    sys.stdout.write(" ".join(missing()))
