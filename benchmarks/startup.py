"""How long things take to begin: the hub, a deployment, a cold start, a registration, the magics.

    python benchmarks/startup.py [--repeat 20] [--json out.json]

Everything runs against a real hub in a state directory of its own. Times are wall-clock, so run it
on a machine that has nothing else to do.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how long things take to begin.")
    parser.add_argument("--repeat", type=int, default=20, help="cold starts to measure")
    parser.add_argument("--json", help="write the figures to this file")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="mj-start-"))
    os.environ["MLOPS_JUPYTER_HOME"] = str(home)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    figures: dict[str, float] = {}
    try:
        _magics(figures)
        _hub_and_model(figures, options.repeat)
    finally:
        subprocess.run([sys.executable, "-m", "mlops_jupyter.cli", "hub", "stop"], check=False)
        shutil.rmtree(home, ignore_errors=True)
    for name, value in figures.items():
        print(f"{name:52s} {value:10.3f}")
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1))


def _magics(figures: dict[str, float]) -> None:
    code = (
        "import time; from IPython.core.interactiveshell import InteractiveShell as S\n"
        "s = S.instance(); b = time.perf_counter(); s.run_line_magic('load_ext', 'mlops_jupyter')\n"
        "print(time.perf_counter() - b)"
    )
    runs = [float(_python(code)) for _ in range(5)]
    figures["%load_ext, s (median of 5 processes)"] = statistics.median(runs)


def _hub_and_model(figures: dict[str, float], repeat: int) -> None:
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression

    import mlops_jupyter as mj
    from mlops_jupyter.client import Hub

    table = load_breast_cancer(as_frame=True)
    model = LogisticRegression(max_iter=10_000).fit(table.data, table.target)
    row = table.data.head(1)
    with Hub.connect():
        pass  # the first start compiles and makes the database
    starts = []
    for _ in range(5):
        with Hub.connect() as hub:
            hub.stop()
        starts.append(_seconds(lambda: Hub.connect().close()))
    figures["hub ready, cold, s (median of 5)"] = statistics.median(starts)
    hub = Hub.connect()
    idle = psutil.Process(hub.info().pid).memory_info().rss
    figures["hub idle, RSS MB"] = idle / 1e6

    figures["register, first in a new store, mlflow imported here, s"] = _seconds(
        lambda: mj.register("cancer", model, table.data)
    )
    figures["register, next, s"] = _seconds(lambda: mj.register("cancer", model, table.data))
    _python("import mlops_jupyter.client as c; c.Hub.connect().stop()")
    hub = Hub.connect()

    def deploy_and_ask(name: str) -> None:
        mj.deploy("cancer/1", name=name)
        mj.predict(name, row)

    figures["deploy to first answer, first environment, s"] = _seconds(
        lambda: deploy_and_ask("first")
    )
    warm = [_seconds(lambda n=n: deploy_and_ask(f"warm{n}")) for n in range(5)]
    figures["deploy to first answer, zygote warm, s (median of 5)"] = statistics.median(warm)
    _cold_starts(figures, hub, repeat, row)
    figures["memory that a second worker adds, MB (PSS of all)"] = _added_mb(
        hub, lambda: _second_worker(hub)
    )
    figures["memory that a second endpoint adds, MB (PSS of all)"] = _added_mb(
        hub, lambda: deploy_and_ask("another")
    )


def _cold_starts(figures: dict[str, float], hub: Any, repeat: int, row: Any) -> None:
    """A call to an endpoint with zero replicas, its environment imported: to the answer."""
    import httpx

    token = hub.create_token("bench", ["first"], 3600).token
    body = json.dumps({"dataframe_split": row.to_dict("split")})
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    hub.scale("first", "serverless:0-1,idle=1s")
    times = []
    with httpx.Client(base_url=hub.url, headers=headers, timeout=30) as client:
        for _ in range(repeat):
            while any(r.ready or r.pending for r in hub.status("first").replicas):
                time.sleep(0.05)

            def ask() -> None:
                client.post("/endpoints/first/invocations", content=body).raise_for_status()

            times.append(_seconds(ask))
    times.sort()
    figures[f"cold start, p50 ms (of {repeat})"] = statistics.median(times) * 1000
    figures[f"cold start, worst ms (of {repeat})"] = times[-1] * 1000


def _added_mb(hub: Any, work: Callable[[], object]) -> float:
    """What the whole family grows by: pages that workers share are counted once."""
    family = psutil.Process(hub.info().pid)

    def total() -> float:
        processes = [family, *family.children(recursive=True)]
        return sum(process.memory_full_info().pss for process in processes) / 1e6

    before = total()
    work()
    return total() - before


def _second_worker(hub: Any) -> None:
    hub.scale("warm0", "fixed:2")
    while hub.status("warm0").replicas[0].ready < 2:
        time.sleep(0.05)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


if __name__ == "__main__":
    main()
