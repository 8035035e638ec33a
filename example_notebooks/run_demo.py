"""Run the first example notebook from start to end and print what happened.

    python example_notebooks/run_demo.py [NOTEBOOK]

Everything is kept under .demo/: the executed notebook and a state directory of its own, so that
your own models and endpoints stay untouched. The hub that was started is stopped at the end.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_runtime_dir
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"


def main() -> int:
    notebook = Path(
        sys.argv[1] if len(sys.argv) > 1 else ROOT / "example_notebooks/01_first_model.ipynb"
    )
    os.environ.setdefault("MLOPS_JUPYTER_HOME", str(DEMO / "home"))
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    output = DEMO / notebook.name
    DEMO.mkdir(exist_ok=True)
    import papermill

    begun = time.perf_counter()
    failure: Exception | None = None
    try:
        papermill.execute_notebook(
            notebook,
            output,
            cwd=str(notebook.parent),
            progress_bar=False,
            kernel_name="python3",
            config=_quiet_transport(),
        )
    except papermill.PapermillExecutionError as error:
        failure = error
    finally:
        if output.exists():
            _tell(output)
        stop = [sys.executable, "-m", "mlops_jupyter.cli", "hub", "stop"]
        subprocess.run(stop, check=False, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begun
    if failure is not None:
        print(f"\nThe notebook failed after {seconds:.0f} s: {failure}", file=sys.stderr)
        return 1
    print(f"\nEvery cell ran, in {seconds:.0f} s.")
    print(f"The notebook with its outputs: {output.relative_to(ROOT)}")
    return 0


def _quiet_transport() -> Config:
    """Sockets in the file system where they work, since the kernel warns of those of TCP.

    Their paths may have some 100 characters, of which a kernel's own name takes half.
    """
    fits = os.name == "posix" and len(jupyter_runtime_dir()) < 50
    return Config({"KernelManager": {"transport": "ipc" if fits else "tcp"}})


def _tell(path: Path) -> None:
    """Print each cell's source and its outputs as text."""
    import nbformat

    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            print(f"\n{cell.source.splitlines()[0]}" if cell.source else "")
            continue
        print("\n" + "\n".join(f"  In  {line}" for line in cell.source.splitlines()))
        for output in cell.get("outputs", []):
            print("\n".join(f"  Out {line}" for line in _text(output).rstrip().splitlines()))


def _text(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return str(output["text"])
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    return str(output.get("data", {}).get("text/plain", ""))


if __name__ == "__main__":
    sys.exit(main())
