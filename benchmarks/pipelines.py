"""What a pipeline of five steps costs above the sum of its steps' own times, in one run.

Run it with ``python benchmarks/pipelines.py [--calls 300]``. The steps' times are those of their
records in the same calls: from the moment that a step was given to its endpoint until its answer
came. The overhead is the whole call as its record has it, less their sum: conversion of fields,
records, and what the loop does in between. ``client_ms`` is what the caller waited, with HTTP and
the one commit of all six records. The goal is under 10 %, or under 2 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict

STEPS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    asked = parser.parse_args()
    os.environ.setdefault("MLOPS_JUPYTER_PUBLISH_RUNS", "0")
    with tempfile.TemporaryDirectory(prefix="mj-") as folder:
        os.environ["MLOPS_JUPYTER_HOME"] = folder
        from mlops_jupyter.client import Hub

        with Hub.connect(home=folder) as hub:
            try:
                print(json.dumps(measure(hub, asked.calls), indent=2))
            finally:
                hub.stop()


def measure(hub, calls: int) -> dict:
    """Figures of one row a call, and of a batch."""
    prepare(hub)
    found = {}
    for name, rows, times in (("one row", 1, calls), ("1000 rows", 1000, max(calls // 10, 10))):
        found[name] = overhead(hub, rows, times)
    return found


def prepare(hub) -> None:
    """Five models of one table, each after the other."""
    import numpy as np
    import pandas as pd
    from sklearn.ensemble import RandomForestRegressor

    from mlops_jupyter import registry
    from mlops_jupyter.registry.pipeline import register_pipeline

    rng = np.random.default_rng(0)
    lines = []
    for number in range(1, STEPS + 1):
        field = f"f{number - 1}"
        data = pd.DataFrame({field: rng.normal(size=200)})
        model = RandomForestRegressor(n_estimators=20).fit(data, rng.normal(size=200))
        version = registry.register(f"step{number}", model, data)
        hub.deploy(version.model, version, wait=300)
        lines.append(f"step{number} -> f{number}")
    checked = hub.check_pipeline(text="\n".join(lines))
    version = register_pipeline("five", checked.graph, checked.text, checked.signature)
    hub.deploy("five", version, wait=60)


def overhead(hub, rows: int, calls: int) -> dict:
    """The whole, the steps' sum and what is between, medians in milliseconds."""
    body = {"dataframe_split": {"columns": ["f0"], "data": [[n / rows] for n in range(rows)]}}
    for _ in range(20):
        hub.connection.request("POST", "/endpoints/five/invocations", json_body=body)
    since = time.time()
    waited = []
    for _ in range(calls):
        began = time.perf_counter()
        hub.connection.request("POST", "/endpoints/five/invocations", json_body=body)
        waited.append((time.perf_counter() - began) * 1000)
    whole, steps = {}, defaultdict(int)
    cursor = None
    while True:
        page = hub.records(kind="prediction", since=since, limit=1000, before=cursor)
        for record in page.records:
            run = record["pipeline"]["run"]
            if "step" in record["pipeline"]:
                steps[run] += record["latency_us"]
            else:
                whole[run] = record["latency_us"]
        cursor = page.next
        if cursor is None:
            break
    left = [(took - steps[run]) / 1000 for run, took in whole.items()]
    share = [1 - steps[run] / took for run, took in whole.items()]
    return {
        "calls": len(whole),
        "client_ms": round(statistics.median(waited), 3),
        "whole_ms": round(statistics.median(whole.values()) / 1000, 3),
        "steps_ms": round(statistics.median(steps[run] for run in whole) / 1000, 3),
        "overhead_ms": round(statistics.median(left), 3),
        "overhead_p99_ms": round(sorted(left)[int(len(left) * 0.99) - 1], 3),
        "overhead_percent": round(100 * statistics.median(share), 1),
    }


if __name__ == "__main__":
    main()
