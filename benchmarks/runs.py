"""What a run costs above its cells, how soon a cancelled one ends, and whether 100 all finish.

``python benchmarks/runs.py [--rounds 15] [--many 100] [--kept 10000]``. Our run and plain papermill
(its command line, and its function in a fresh process) take turns on the same notebook in one run;
all figures are medians with the largest beside them. Then the same through a hub.
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
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from mlops_jupyter.audit import Ledger, open_engine, open_reader
from mlops_jupyter.client import Hub
from mlops_jupyter.hub.run_store import RunStore
from mlops_jupyter.training import runner
from mlops_jupyter.training.folder import RunFolder
from mlops_jupyter.types import RunSpec, RunStatus

SLEEP = 0.25
WORK = (f"import time; time.sleep({SLEEP})", "print('done')", "x = 1")
YIELDS = "import time\nprint('begun')\ntime.sleep(1000)"
DEAF = (
    "import time, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('begun')\n"
    "while True:\n"
    "    try: time.sleep(0.1)\n    except KeyboardInterrupt: pass"
)


def notebook(*cells: str) -> bytes:
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    spec = {"name": "python3", "display_name": "python3", "language": "python"}
    return json.dumps(
        {
            "cells": [{**code, "id": f"c{i}", "source": c} for i, c in enumerate(cells)],
            "metadata": {"kernelspec": spec},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    ).encode()


class Bench:
    """Runs in a root of their own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.count = 0

    def start(self, *cells: str) -> tuple[RunFolder, subprocess.Popen[bytes]]:
        self.count += 1
        spec = RunSpec(notebook=str(self.root / "n.ipynb"), folder=str(self.root))
        folder = RunFolder.make(self.root / "runs", f"run-{self.count}", spec, notebook(*cells))
        return folder, runner.spawn(folder)

    def ours(self) -> tuple[float, dict[str, float]]:
        """Seconds from the start to the verdict, and where they went."""
        begun = time.time()
        folder, supervisor = self.start(*WORK)
        while folder.result() is None:
            time.sleep(0.002)
        took = time.time() - begun
        supervisor.wait()
        events = folder.events()[0]
        at: dict[str, float] = {}
        for event in events:
            at.setdefault(event["event"], event["t"])
        last = max(event["t"] for event in events if event["event"] == "cell")
        return took, {
            "supervisor started": at["attempt"] - begun,
            "papermill imported, notebook prepared": at["cells"] - at["attempt"],
            "waited for the kernel after that": at["kernel"] - at["cells"],
            "cells": last - at["kernel"],
            "kernel ended, verdict written": begun + took - last,
        }

    def papermill(self, *command: str) -> float:
        (self.root / "n.ipynb").write_bytes(notebook(*WORK))
        begun = time.time()
        subprocess.run([*command], check=True, capture_output=True, cwd=self.root)
        return time.time() - begun

    def cancelled(self, cell: str) -> float:
        folder, supervisor = self.start(cell)
        while not any(event["event"] == "line" for event in folder.events()[0]):
            time.sleep(0.01)
        begun = time.time()
        runner.cancel(folder)
        while folder.result() is None:
            time.sleep(0.002)
        took = time.time() - begun
        supervisor.wait()
        return took


def figures(name: str, seconds: list[float], above: float = 0.0) -> None:
    middle, most = statistics.median(seconds) - above, max(seconds) - above
    print(f"{name:45} {middle:6.3f} s   (most {most:6.3f} s, of {len(seconds)})")


def overhead(bench: Bench, rounds: int) -> None:
    api = "import papermill; papermill.execute_notebook('n.ipynb', 'o.ipynb', progress_bar=False)"
    cli = (sys.executable, "-m", "papermill", "n.ipynb", "o.ipynb", "--no-progress-bar")
    contenders: dict[str, Callable[[], float]] = {
        "papermill, command line": lambda: bench.papermill(*cli),
        "papermill, function": lambda: bench.papermill(sys.executable, "-c", api),
    }
    times: dict[str, list[float]] = {name: [] for name in ("our run", *contenders)}
    parts: dict[str, list[float]] = {}
    for _ in range(rounds):
        took, where = bench.ours()
        times["our run"].append(took)
        for name, part in where.items():
            parts.setdefault(name, []).append(part)
        for name, contender in contenders.items():
            times[name].append(contender())
    print(f"above the cells' own {SLEEP} s (goal for ours: 1.3 s)")
    for name, taken in times.items():
        figures(f"  {name}", taken, SLEEP)
    print("where ours goes")
    for name, taken in parts.items():
        figures(f"  {name}", taken)


def cancelling(bench: Bench, rounds: int) -> None:
    print("cancel to verdict (goals 2 s and 8 s)")
    figures("  a kernel that yields", [bench.cancelled(YIELDS) for _ in range(rounds)])
    figures(
        "  a kernel that ignores all", [bench.cancelled(DEAF) for _ in range(max(1, rounds // 5))]
    )


def many(bench: Bench, count: int) -> None:
    peak: list[int] = [0]
    over = threading.Event()

    def weigh() -> None:
        while not over.wait(0.2):
            held = 0
            for process in psutil.Process().children(recursive=True):
                try:
                    held += process.memory_full_info().pss
                except psutil.Error:
                    continue
            peak[0] = max(peak[0], held)

    weigher = threading.Thread(target=weigh)
    weigher.start()
    begun = time.time()
    folders: list[RunFolder] = []
    live: list[subprocess.Popen[bytes]] = []
    while len(folders) < count or live:
        live = [supervisor for supervisor in live if supervisor.poll() is None]
        while len(live) < 2 and len(folders) < count:
            folder, supervisor = bench.start("print(1)")
            folders.append(folder)
            live.append(supervisor)
        time.sleep(0.01)
    took = time.time() - begun
    over.set()
    weigher.join()
    results: list[dict[str, Any] | None] = [folder.result() for folder in folders]
    succeeded = sum(result is not None and result["state"] == "succeeded" for result in results)
    print(f"{count} runs, two at a time: {succeeded} succeeded in {took:.0f} s,")
    print(f"  at most {peak[0] / 1e6:.0f} MB held by all their processes at once")


def through_the_hub(home: Path, rounds: int, kept: int) -> None:
    """Submit to verdict, verdict to event, and a list of many runs: over HTTP, a hub of its own."""
    os.environ["MLOPS_JUPYTER_PUBLISH_RUNS"] = "0"
    _fill(home, kept)
    path = home / "work.ipynb"
    path.write_bytes(notebook(*WORK))
    with Hub.connect(home=home) as hub:
        try:
            whole, late = [], []
            for _ in range(rounds):
                seconds, behind = _followed(hub, path)
                whole.append(seconds)
                late.append(behind)
            figures("through the hub, above its cells", whole, SLEEP)
            figures("verdict written to its event heard", late)
            listed = []
            for _ in range(rounds):
                begun = time.perf_counter()
                found = hub.runs(limit=10_000).runs
                listed.append(time.perf_counter() - begun)
            figures(f"{len(found):,} runs listed, client's decoding included", listed)
            body = []
            for _ in range(rounds):
                begun = time.perf_counter()
                hub.connection.request("GET", "/runs", query={"limit": 10_000})
                body.append(time.perf_counter() - begun)
            figures(f"{len(found):,} runs listed, as JSON", body)
        finally:
            hub.stop()


def _followed(hub: Hub, path: Path) -> tuple[float, float]:
    """Seconds from the request to the verdict, and from the verdict to its event."""
    events = hub.events()
    next(events)
    begun = time.time()
    run = hub.run(path)
    for event in events:
        if event.get("event") == "run" and event["id"] == run.id and event["state"] == "succeeded":
            break
    heard = time.time()
    events.close()
    ended = hub.run_status(run.id).ended_at or heard
    return ended - begun, heard - ended


def _fill(home: Path, count: int) -> None:
    """Ended runs as the hub would have kept them."""
    (home / "keys").mkdir(parents=True, exist_ok=True)
    engine, folder = open_engine(home / "hub.db"), home / "keys"
    ledger = Ledger.open(engine, folder)
    store = RunStore(engine, open_reader(home / "hub.db"), ledger)
    spec = RunSpec("/notebooks/fit.ipynb", "0" * 64, "/notebooks", parameters={"lr": 0.1, "n": 3})
    at = time.time() - count
    runs = [
        RunStatus(
            f"{number:012x}", spec, "succeeded", submitted_at=at + number, submitted_by="user:ada",
            started_at=at + number, ended_at=at + number + 1, cells_done=9, cells_total=9,
            metrics={"auc": 0.9, "loss": 0.1},
        )
        for number in range(count)
    ]  # fmt: skip
    for start in range(0, count, 500):
        store.save(runs[start : start + 500], ())
    ledger.close()
    engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--many", type=int, default=100)
    parser.add_argument("--kept", type=int, default=10_000, help="ended runs in the hub's list")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="mj-bench-"))
    try:
        bench = Bench(root)
        overhead(bench, options.rounds)
        cancelling(bench, options.rounds)
        many(bench, options.many)
        home = root / "hub"
        home.mkdir(mode=0o700)
        through_the_hub(home, options.rounds, options.kept)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
