"""The table of docs/frameworks.md: each framework behind an endpoint of a real hub.

    python benchmarks/frameworks.py [--heavy] [--calls 1000] [NAME …]

The models are those of the conformance test. `--heavy` brings those whose environment takes more
than half a gigabyte. Times are wall-clock, so run it on a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

ROUNDS = 50

_DESCRIBE = """
import sys
from importlib.metadata import version
from mlops_jupyter.serving.scorers import load
from mlops_jupyter.serving.worker import WorkerSpec
path, *packages = sys.argv[1:]
found = [f"{name} {version(name)}" for name in packages]
print(load(WorkerSpec("", "", 1, path)).path, *found, sep="|")
"""
_PACKAGES = {
    "scikit-learn-pipeline": ["scikit-learn"],
    "onnx": ["onnx", "onnxruntime"],
    "python-model": ["mlflow"],
    "keras": ["keras", "jax"],
    "tensorflow": ["tensorflow-cpu", "keras"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure each framework behind an endpoint.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="some of them only")
    parser.add_argument("--heavy", action="store_true", help="with the large environments")
    parser.add_argument("--calls", type=int, default=1000, help="one-row calls, in 50 rounds")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="mj-frameworks-"))
    os.environ["MLOPS_JUPYTER_HOME"] = str(home)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    from tests.frameworks.test_conformance import FRAMEWORKS, HEAVY

    print("| model | versions | how | path | memory, MB | one row, ms |\n|---|---|---|---|---|---|")
    try:
        for name in options.names or FRAMEWORKS:
            if options.names or options.heavy or name not in HEAVY or FRAMEWORKS[name].here:
                print("|", " | ".join(_row(name, home, options.calls)), "|", flush=True)
    finally:
        subprocess.run([sys.executable, "-m", "mlops_jupyter.cli", "hub", "stop"], check=False)
        shutil.rmtree(home, ignore_errors=True)


def _row(name: str, home: Path, calls: int) -> list[str]:
    from mlops_jupyter import registry
    from mlops_jupyter.client import Hub
    from tests.frameworks import foreign, makers
    from tests.frameworks.test_conformance import FRAMEWORKS

    make, data = makers.MAKERS[name]
    python = sys.executable
    if FRAMEWORKS[name].here:
        made = make()
        example = data[0] if made.params is None else (data[0], made.params)
        version = registry.register(name, made.model, example, **made.options)
    else:
        wanted = list(FRAMEWORKS[name].requirements)
        elsewhere = foreign.make(name, wanted, home / "environments", home / "made" / name)
        python = elsewhere.python
        version = registry.register(name, elsewhere.folder, environment="locked")
    hub = Hub.connect()
    hub.add_version(version)
    status = hub.deploy(name, version, wait=600)
    assert status.state == "ready", status.reason
    milliseconds = _one_row(hub, name, data[1], calls)
    path, *versions = _described(python, version, _PACKAGES.get(name, [name]))
    megabytes = _worker(hub, python).memory_full_info().uss / 1e6
    hub.undeploy(name)
    how = version.environment.kind
    return [name, ", ".join(versions), how, path, f"{megabytes:.0f}", f"{milliseconds:.2f}"]


def _one_row(hub: Any, name: str, row: Any, calls: int) -> float:
    """Median time of a call with one row, as JSON over TCP by one client.

    That of the best of `ROUNDS`, so that what else the machine does is left out.
    """
    table = hasattr(row, "to_dict")
    body = {"dataframe_split": row.to_dict("split")} if table else {"inputs": row.tolist()}
    token = hub.create_token("bench", [name], 3600).token
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    content = json.dumps(body, default=bool)
    medians = []
    with httpx.Client(base_url=hub.url, headers=headers, timeout=60) as client:
        for _ in range(ROUNDS):
            times = []
            for _ in range(calls // ROUNDS):
                begun = time.perf_counter()
                client.post(f"/endpoints/{name}/invocations", content=content).raise_for_status()
                times.append((time.perf_counter() - begun) * 1000)
            medians.append(statistics.median(times))
    return min(medians)


def _described(python: str, version: Any, packages: list[str]) -> list[str]:
    """The scorer's path and the packages' versions, asked where the model runs."""
    backend = version.flavors.get("keras", {}).get("keras_backend")
    done = subprocess.run(
        [python, "-c", _DESCRIBE, version.path, *packages],
        env={**os.environ, **({"KERAS_BACKEND": backend} if backend else {})},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip().splitlines()[-1].split("|")


def _worker(hub: Any, python: str) -> psutil.Process:
    """The youngest worker of an interpreter's zygote."""
    zygotes = [
        process
        for process in psutil.Process(hub.info().pid).children()
        if process.cmdline()[:3] == [python, "-m", "mlops_jupyter.serving.zygote"]
    ]
    workers = [worker for zygote in zygotes for worker in zygote.children()]
    return max(workers, key=lambda worker: worker.create_time())


if __name__ == "__main__":
    main()
