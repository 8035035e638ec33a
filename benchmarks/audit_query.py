"""How quickly a large ledger is searched: by the hub, through JupyterLab's server, on the screen.

    python benchmarks/audit_query.py [--records 1000000] [--repeat 60] [--folder DIR] [--json FILE]

Makes a ledger of varied records, starts a real hub on it and asks over HTTP, warm, for pages of 50;
then opens a real JupyterLab in Chromium (left out where there is none) and measures the time from
the click on the audit history to its first rows, the frames while the explorer scrolls, and what
the browser loads of the front end. The goals stand beside the figures.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.ledger import CALLERS, ENDPOINTS, entries, percentile, timed
from mlops_jupyter.audit import Entry, Ledger, open_engine
from mlops_jupyter.client import Hub
from mlops_jupyter.types import MlopsError

Get = Callable[[dict[str, Any]], dict[str, Any]]

RARE_ENDPOINT, RARE_CALLER = "endpoint-rare", "app:caller-rare"
FILTER_GOAL_MS, ROWS_GOAL_MS, BUNDLE_GOAL_KB = 200.0, 300.0, 150.0
MOST_PAGES = 1000


def varied(count: int) -> Iterator[Entry]:
    """The calls of the ledger's benchmark, and among them what is rare in a real one."""
    for i, entry in enumerate(entries(count)):
        record = entry.record
        if i % 20_011 == 5:
            record.update(status=429, error="overloaded")
        elif i % 5003 == 7:
            record.update(status=422, error="invalid_input")
        if i == count // 10:
            actor = {"sub": RARE_CALLER, "kind": "app", "method": "api-token", "token_id": "rare"}
            record.update(endpoint=RARE_ENDPOINT, actor=actor)
        yield entry
        if i % 10_007 == 3:
            yield Entry(
                {
                    "kind": "control",
                    "phase": "outcome",
                    "action": random.choice(["deploy", "scale", "promote", "rollback"]),
                    "actor": {"sub": "user:benchmark", "kind": "user", "method": "peer"},
                    "endpoint": record["endpoint"],
                    "status": 200,
                    "detail": {"mode": "fixed", "min": 1},
                }
            )


def make_ledger(home: Path, count: int, size: int = 256) -> dict[str, float]:
    """A ledger where a hub looks for its own."""
    engine = open_engine(home / "hub.db")
    ledger = Ledger.open(engine, home / "keys")
    started, batch = time.perf_counter(), []
    for entry in varied(count):
        batch.append(entry)
        if len(batch) == size:
            ledger.append(batch)
            ledger.sign_if_due()
            batch = []
    ledger.append(batch)
    ledger.close()
    engine.dispose()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "gigabytes": (home / "hub.db").stat().st_size / 1e9}


def searches(get: Get) -> dict[str, Callable[[], dict[str, Any]]]:
    """What people look for, by name; each call gives the next set of parameters."""
    newest = get({})
    size, last = newest["size"], newest["records"][0]["t_wall_us"] / 1e6
    first = get({"before": 2})["records"][-1]["t_wall_us"] / 1e6

    def times() -> dict[str, float]:
        start = random.uniform(first, last)
        return {"since": start, "until": start + (last - first) / 50}

    def endpoint() -> dict[str, str]:
        return {"endpoint": random.choice(ENDPOINTS)}

    def version() -> dict[str, Any]:
        return {"model": random.choice(ENDPOINTS), "version": random.choice([1, 2])}

    def caller() -> dict[str, str]:
        return {"caller": random.choice(CALLERS)}

    def place() -> dict[str, int]:
        return {"before": random.randrange(size // 2)}

    return {
        "newest": lambda: {},
        "endpoint": endpoint,
        "caller": caller,
        "model, version": version,
        "status 422": lambda: {"status": 422},
        "status 429": lambda: {"status": 429},
        "failed": lambda: {"failed": 1},
        "kind control": lambda: {"kind": "control"},
        "action": lambda: {"action": "promote"},
        "time": times,
        "text, common": lambda: {"text": "caller-0001"},
        "text, seldom": lambda: {"text": "caller-0499"},
        "text, once": lambda: {"text": "caller-rare"},
        "endpoint once": lambda: {"endpoint": RARE_ENDPOINT},
        "caller once": lambda: {"caller": RARE_CALLER},
        "endpoint, caller": lambda: {**endpoint(), **caller()},
        "endpoint, failed": lambda: {**endpoint(), "failed": 1},
        "endpoint, time": lambda: {**endpoint(), **times()},
        "endpoint, text": lambda: {**endpoint(), "text": "caller-0499"},
        "caller, failed": lambda: {**caller(), "failed": 1},
        "caller, model, version": lambda: {**caller(), **version()},
        "model, version, status 500": lambda: {**version(), "status": 500},
        "absent endpoint": lambda: {"endpoint": "nowhere"},
        "absent caller": lambda: {"caller": "app:nobody"},
        "absent status": lambda: {"status": 418},
        "absent text": lambda: {"text": "nothing like this"},
        "absent pair": lambda: {"endpoint": ENDPOINTS[0], "caller": RARE_CALLER},
        "absent time": lambda: {"since": 1, "until": 2},
        "deep page": place,
        "deep page, endpoint": lambda: {**place(), **endpoint()},
        "deep page, failed": lambda: {**place(), "failed": 1},
        "deep page, caller, failed": lambda: {**place(), **caller(), "failed": 1},
    }


def measure_searches(get: Get, repeat: int) -> dict[str, dict[str, float]]:
    """Milliseconds of a page of each search, and how many pages lead to its first record."""
    figures = {}
    for name, make in searches(get).items():
        for _ in range(3):
            get(make())
        times = timed(lambda make=make: get(make()), repeat)
        pages, found, seconds = first_record(get, make())
        figures[name] = {
            "p50_ms": percentile(times, 50) * 1e3,
            "p95_ms": percentile(times, 95) * 1e3,
            "pages": pages,
            "found": found,
            "first_record_ms": seconds * 1e3,
        }
    return figures


def first_record(get: Get, asked: dict[str, Any]) -> tuple[int, int, float]:
    """Follow cursors until a page has a record or the ledger ends: pages, records, seconds."""
    started = time.perf_counter()
    for pages in range(1, MOST_PAGES):
        page = get(asked)
        if page["records"] or page["next"] is None:
            return pages, len(page["records"]), time.perf_counter() - started
        asked = {**asked, "before": page["next"]}
    return MOST_PAGES, 0, time.perf_counter() - started


def hub_get(hub: httpx.Client, path: str, options: dict[str, Any]) -> Get:
    """Ask for pages at one address."""

    def get(asked: dict[str, Any]) -> dict[str, Any]:
        response = hub.get(path, params={**options, **asked})
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    return get


def summary_option(client: httpx.Client, path: str) -> dict[str, Any]:
    """`fields=summary` if the hub knows it: what a list's rows need."""
    options = {"limit": 50, "fields": "summary"}
    if client.get(path, params=options).status_code == 200:
        return options
    return {"limit": 50}


def open_hub(hub: Hub, home: Path) -> httpx.Client:
    """A connection over TCP with the token of the local user."""
    token = (home / "token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=hub.url, headers=headers, trust_env=False)


def measure_screen(home: Path, figures: dict[str, Any], repeat: int) -> str:
    """What a person notices; says in a line what was left out."""
    try:
        from tests.ui.browser import browser_thread
        from tests.ui.lab import TOKEN, chromium, front_end, jupyter
    except ImportError as error:
        return f"JupyterLab was left out: {error.name} is missing (pip install playwright)."
    path = chromium()
    if front_end() is None:
        return "JupyterLab was left out: the front end is not built (jlpm build:prod)."
    with jupyter(home) as lab:
        headers = {"Authorization": f"token {TOKEN}"}
        address = f"http://127.0.0.1:{lab.port}"
        with httpx.Client(base_url=address, headers=headers, trust_env=False) as client:
            pages = "/mlops/api/audit/records"
            get = hub_get(client, pages, summary_option(client, pages))
            figures["through Jupyter's server"] = measure_searches(get, repeat)
        if path is None:
            return "The screen was left out: install Chromium (apt-get install chromium)."
        with browser_thread(path) as thread:
            figures["screen"] = thread.run(_screen, thread, lab.url("lab?reset"))
    return ""


def _screen(thread: Any, url: str) -> dict[str, float]:
    from tests.ui import steps

    page = thread.page()
    page.set_viewport_size({"width": 1400, "height": 900})
    responses: list[Any] = []
    page.on("response", lambda response: responses.append(response))  # noqa: PLW0108  no builtin
    page.goto(url)
    steps.panel(page)
    steps.settled(page)
    clicks = [steps.seconds_to_first_rows(page) for _ in range(20)]
    scripts = _scripts(responses)
    # the explorer comes when it is first opened
    frames = steps.frames_while_scrolling(page)
    all_scripts = _scripts(responses)
    page.close()
    return {
        "first rows after the click, p50 ms": percentile(clicks, 50) * 1e3,
        "first rows after the click, slowest ms": max(clicks) * 1e3,
        "frame while scrolling, p50 ms": percentile(frames, 50),
        "frame while scrolling, p95 ms": percentile(frames, 95),
        "frame while scrolling, slowest ms": max(frames),
        "front end loaded, kB": sum(map(len, scripts)) / 1e3,
        "front end loaded, kB gzipped": sum(len(gzip.compress(s)) for s in scripts) / 1e3,
        "front end with the explorer, kB": sum(map(len, all_scripts)) / 1e3,
    }


def _scripts(responses: list[Any]) -> list[bytes]:
    """What has come of our front end so far."""
    return [
        response.body()
        for response in responses
        if "/@mlops-jupyter/" in response.url and response.status == 200
    ]


def show(figures: dict[str, Any]) -> None:
    """The table."""
    for place in ("hub", "through Jupyter's server"):
        if place not in figures:
            continue
        print(f"\n{place}: page of 50, ms (goal: p95 < {FILTER_GOAL_MS:.0f})")
        print(f"  {'':<28}{'p50':>9}{'p95':>9}{'to 1st record':>16}{'pages':>7}")
        for name, got in figures[place].items():
            missed = "  missed" if got["p95_ms"] >= FILTER_GOAL_MS else ""
            print(
                f"  {name:<28}{got['p50_ms']:>9.1f}{got['p95_ms']:>9.1f}"
                f"{got['first_record_ms']:>16.1f}{got['pages']:>7}{missed}"
            )
    if "screen" in figures:
        print(
            f"\nscreen (goals: rows < {ROWS_GOAL_MS:.0f} ms, front end < {BUNDLE_GOAL_KB:.0f} kB)"
        )
        for name, value in figures["screen"].items():
            print(f"  {name:<44}{value:>10.1f}")


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description="Measure how quickly a large ledger is searched.")
    parser.add_argument("--records", type=int, default=1_000_000, help="size of the ledger")
    parser.add_argument("--repeat", type=int, default=60, help="pages of each search")
    parser.add_argument("--folder", type=Path, help="where to write; default: a temporary one")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    random.seed(1)
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mj-", dir=options.folder) as folder:
        figures = run(Path(folder), options.records, options.repeat)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def run(home: Path, count: int, repeat: int) -> dict[str, Any]:
    """All measurements, printed at their end."""
    home.chmod(0o700)
    made = make_ledger(home, count)
    print(f"{count:,} records in {made['seconds']:.0f} s, {made['gigabytes']:.2f} GB", flush=True)
    figures: dict[str, Any] = {"processors": os.cpu_count(), "records": count, "ledger": made}
    with Hub.connect(home=home) as hub:
        try:
            with open_hub(hub, home) as client:
                path = "/audit/records"
                get = hub_get(client, path, summary_option(client, path))
                figures["hub"] = measure_searches(get, repeat)
            left_out = measure_screen(home, figures, repeat)
        finally:
            try:
                hub.stop()
            except MlopsError as error:
                print(error, file=sys.stderr)
    show(figures)
    if left_out:
        print(f"\n{left_out}")
    return figures


if __name__ == "__main__":
    main()
