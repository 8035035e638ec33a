"""What the audit costs: makes a ledger, measures it, prints a table.

python benchmarks/ledger.py [--records 1000000] [--batch 64] [--folder DIR] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlops_jupyter.audit import (
    AuditQuery,
    Entry,
    Filters,
    Ledger,
    Payload,
    open_engine,
    open_reader,
    verify,
)

ENDPOINTS = [f"endpoint-{i:02d}" for i in range(20)]
CALLERS = [f"app:caller-{i:04d}" for i in range(500)]


def entries(
    count: int, *, payloads: bool = True, endpoints: int = len(ENDPOINTS)
) -> Iterator[Entry]:
    """Predictions as the gateway writes them, 30 columns a call, every body different."""
    draw = random.Random(7)
    bodies = []
    for _ in range(2048):
        inputs = [
            {"name": f"mean column {i}", "shape": [1], "datatype": "FP64", "data": [draw.gauss(9)]}
            for i in range(30)
        ]
        bodies.append(json.dumps({"inputs": inputs})[:-1].encode())
    models = [
        {"name": name, "version": v, "digest": f"{v:064x}", "env": f"{v:064x}"}
        for name in ENDPOINTS
        for v in (1, 2)
    ]
    actors = [{"sub": c, "kind": "app", "method": "api-token", "token_id": c} for c in CALLERS]
    for i in range(count):
        where = draw.randrange(endpoints)
        failed = i % 997 == 0
        record = {
            "kind": "prediction",
            "endpoint": ENDPOINTS[where],
            "actor": actors[int(draw.random() ** 3 * len(CALLERS))],
            "model": models[2 * where + (i & 1)],
            "status": 500 if failed else 200,
            "error": "model_error" if failed else None,
            "latency_us": 900 + i % 700,
            "mode": "strict",
            "level": "full",
            "shadow": False,
            "rows": 1,
            "client": {"peer": "127.0.0.1"},
        }
        if not payloads:
            yield Entry(record)
            continue
        body = b'%b,"id":"%020d"}' % (bodies[i % len(bodies)], i)
        answer = b'{"model_name":"churn","model_version":"3","id":"%020d","outputs":' % i
        answer += b'[{"name":"predict","datatype":"INT64","shape":[1],"data":[%d]}]}' % (i & 1)
        yield Entry(record, Payload(body, "application/json"), Payload(answer, "application/json"))


def batches(count: int, size: int, **kind: Any) -> Iterator[list[Entry]]:
    """Entries of a whole run, `size` at a time."""
    batch: list[Entry] = []
    for entry in entries(count, **kind):
        batch.append(entry)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


class Ledgers:
    """Ledgers in throw-away folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, name: str) -> tuple[Any, Ledger, Path]:
        """A fresh ledger, its engine and its file."""
        home = self.folder / name
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        engine = open_engine(home / "hub.db")
        return engine, Ledger.open(engine, home / "keys"), home / "hub.db"


def measure_append(
    ledgers: Ledgers, name: str, count: int, size: int, **kind: Any
) -> dict[str, float]:
    """Wall and CPU of appends alone; making the entries is left out."""
    engine, ledger, _ = ledgers.open(name)
    wall = cpu = 0.0
    walls = []
    for batch in batches(count, size, **kind):
        c, w = time.process_time(), time.perf_counter()
        ledger.append(batch)
        w = time.perf_counter() - w
        cpu += time.process_time() - c
        wall += w
        walls.append(w)
    ledger.close()
    engine.dispose()
    return {
        "records_per_second": count / wall,
        "cpu_us_per_record": cpu / count * 1e6,
        "p50_ms": percentile(walls, 50) * 1e3,
        "p99_ms": percentile(walls, 99) * 1e3,
    }


def make_ledger(ledgers: Ledgers, count: int, size: int) -> tuple[Path, dict[str, float], str, str]:
    """The large ledger."""
    engine, ledger, path = ledgers.open("large")
    for batch in batches(count, size):
        ledger.append(batch)
        ledger.sign_if_due()
    ledger.close()
    note, vkey = ledger.checkpoint(), ledger.vkey
    receipts = timed(lambda: ledger.receipt(random.randrange(count)), 100)
    engine.dispose()
    report = {
        "receipt_p50_ms": percentile(receipts, 50) * 1e3,
        "bytes_per_record": path.stat().st_size / count,
    }
    return path, report, vkey, note


def measure_search(path: Path, count: int) -> dict[str, dict[str, float]]:
    """Latencies of one page of 50 of each kind of search."""
    query = AuditQuery(open_reader(path))
    first = query.search(Filters(before=1)).records[0]["t_wall_us"]
    span = query.search(limit=1).records[0]["t_wall_us"] - first

    def some_time() -> dict[str, int]:
        start = first + random.randrange(span)
        return {"since": start, "until": start + span // 50}

    searches: dict[str, Callable[[], Filters]] = {
        "newest": Filters,
        "endpoint": lambda: Filters(endpoint=random.choice(ENDPOINTS)),
        "caller": lambda: Filters(caller=random.choice(CALLERS)),
        "caller unknown": lambda: Filters(caller="app:nobody"),
        "time": lambda: Filters(**some_time()),
        "endpoint, caller": lambda: Filters(
            endpoint=random.choice(ENDPOINTS), caller=random.choice(CALLERS)
        ),
        "endpoint, time": lambda: Filters(endpoint=random.choice(ENDPOINTS), **some_time()),
        "failed": lambda: Filters(failed=True),
        "model, version": lambda: Filters(model=random.choice(ENDPOINTS), version=2),
        "deep page": lambda: Filters(before=random.randrange(count)),
        "text": lambda: Filters(text="caller-0499"),
    }
    report = {}
    for name, make in searches.items():
        times = timed(lambda make=make: query.search(make()), 100)
        report[name] = {
            "p50_ms": percentile(times, 50) * 1e3,
            "p95_ms": percentile(times, 95) * 1e3,
        }
    return report


def timed(action: Callable[[], object], times: int) -> list[float]:
    """Seconds that each of `times` runs took."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        found.append(time.perf_counter() - started)
    return found


def percentile(values: list[float], part: int) -> float:
    """The nearest-rank percentile."""
    return sorted(values)[min(len(values) * part // 100, len(values) - 1)]


def fdatasync_ms(folder: Path) -> float:
    """Median of a 4 KiB append with fdatasync: what the disk alone costs."""
    path = folder / "sync"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def once() -> None:
        os.write(descriptor, bytes(4096))
        os.fdatasync(descriptor)

    times = timed(once, 200)
    os.close(descriptor)
    path.unlink()
    return statistics.median(times) * 1e3


def show(title: str, rows: list[tuple[str, str]]) -> None:
    """A small table."""
    print(f"\n{title}")
    for name, value in rows:
        print(f"  {name:<44} {value}")


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="size of the large ledger")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="where to write; default: a temporary one")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = run(Path(folder), options.records, options.batch)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def run(folder: Path, count: int, size: int) -> dict[str, Any]:
    """All measurements, printed on the way."""
    random.seed(1)
    ledgers = Ledgers(folder)
    figures: dict[str, Any] = {
        "machine": {
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "fdatasync_p50_ms": fdatasync_ms(folder),
        }
    }
    show(
        "machine",
        [
            (k, f"{v:.3f}" if isinstance(v, float) else str(v))
            for k, v in figures["machine"].items()
        ],
    )
    part = max(min(count // 10, 60_000), 1000)
    appends = {
        f"batches of {size}, 2.5 kB payloads": (part, size, {"endpoints": 1}),
        f"batches of {size}, 20 endpoints": (part, size, {}),
        f"batches of {size}, no payloads": (part, size, {"payloads": False}),
        "batches of 16, 2.5 kB payloads": (part // 4, 16, {"endpoints": 1}),
        "one at a time, 2.5 kB payloads": (part // 20, 1, {"endpoints": 1}),
    }
    figures["append"] = {}
    for name, (n, batch, kind) in appends.items():
        got = measure_append(ledgers, "append", n, batch, **kind)
        figures["append"][name] = got
        show(
            f"append, {name}",
            [
                ("records/s, durable", f"{got['records_per_second']:,.0f}"),
                ("CPU us a record, sync included", f"{got['cpu_us_per_record']:.1f}"),
                ("p50 / p99 ms a batch", f"{got['p50_ms']:.2f} / {got['p99_ms']:.2f}"),
            ],
        )
    path, figures["large"], vkey, note = make_ledger(ledgers, count, size)
    show(f"ledger of {count:,} records", [(k, f"{v:.2f}") for k, v in figures["large"].items()])
    figures["verify"] = {}
    for name, options in {
        "all": {},
        "without payloads": {"payloads": False},
        "all, one process": {"processes": 0},
    }.items():
        report = verify(path, vkey, note, **options)
        if not report.ok:
            print(report.to_dict(), file=sys.stderr)
            sys.exit(1)
        figures["verify"][name] = {"records_per_second": report.records_per_second}
    show(
        "verify, records/s",
        [(name, f"{v['records_per_second']:,.0f}") for name, v in figures["verify"].items()],
    )
    figures["search"] = measure_search(path, count)
    show(
        "search, a page of 50: p50 / p95 ms",
        [(k, f"{v['p50_ms']:.2f} / {v['p95_ms']:.2f}") for k, v in figures["search"].items()],
    )
    return figures


if __name__ == "__main__":
    main()
