"""Worker models behind the real hub: what a program costs, and what batches bring it.

    python benchmarks/workers.py [--seconds 5]

Prints calls a second and latencies by wrk over loopback, one row a call, audited (strict, full):
an echo in Node, and a linear model in R with batches and without. Then memory by PSS. Needs wrk,
node, and R with jsonlite (apt-get install wrk nodejs r-cran-jsonlite).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from mlops_jupyter.workers.scaffold import init_worker

MANIFESTS = {
    "echo": 'language = "node"\ncommand = ["node", "worker.js"]\n',
    "r": 'language = "r"\ncommand = ["Rscript", "--vanilla", "worker.R"]\n',
}
ECHO = "module.exports = (inputs) => ({ y: inputs.x });\n"
SIGNATURE = "x: double -> y: double"
BODY = '{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1.5]}]}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    seconds = parser.parse_args().seconds
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    os.environ["MLOPS_JUPYTER_HOME"] = str(folder / "home")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    import mlops_jupyter as mj
    from mlops_jupyter.client import Hub

    try:
        for name, kind, independent in (
            ("echo", "node", True),
            ("r", "r", True),
            ("r-unbatched", "r", False),
        ):
            _make(folder / name, kind, independent)
            mj.register(name, worker=folder / name, signature=SIGNATURE)
            mj.deploy(name)
        hub = Hub.connect()
        info = hub.info()
        names = ["echo", "r", "r-unbatched"]
        token = hub.create_token("bench", names, 3600.0).token
        found: dict[tuple[str, int], float] = {}
        print(f"{'worker':12} {'clients':>7} {'calls/s':>9} {'p50 ms':>8} {'p99 ms':>8}")
        for name in names:
            for clients in (1, 16, 64, 256):
                url = f"{info.url}/v2/models/{name}/infer"
                rate, p50, p99 = _load(folder, url, token, clients, seconds)
                found[name, clients] = rate
                print(f"{name:12} {clients:7} {rate:9.0f} {p50:8.2f} {p99:8.2f}", flush=True)
        best = {name: max(rate for (of, _), rate in found.items() if of == name) for name in names}
        print(f"R with batches against without: {best['r'] / best['r-unbatched']:.1f} times")
        _print_memory(info.pid)
    finally:
        subprocess.run([sys.executable, "-m", "mlops_jupyter.cli", "hub", "stop"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path, kind: str, independent: bool) -> None:
    init_worker(kind, folder)
    if kind == "node":
        (folder / "model.js").write_text(ECHO)
    manifest = MANIFESTS["echo" if kind == "node" else "r"]
    batch = f"[batch]\nindependent = {str(independent).lower()}\n"
    (folder / "worker.toml").write_text(manifest + batch)


def _load(
    folder: Path, url: str, token: str, clients: int, seconds: int
) -> tuple[float, float, float]:
    script = folder / "call.lua"
    script.write_text(
        f'wrk.method = "POST"\nwrk.body = [[{BODY}]]\n'
        'wrk.headers["Content-Type"] = "application/json"\n'
        f'wrk.headers["Authorization"] = "Bearer {token}"\n'
    )
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", "-s", str(script), url]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in shown:
        raise SystemExit(f"some calls failed:\n{shown}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", shown)
    assert rate is not None
    return float(rate[1]), _quantile(shown, "50%"), _quantile(shown, "99%")


def _quantile(shown: str, which: str) -> float:
    match = re.search(rf"{which}\s+([\d.]+)(us|ms|s)", shown)
    assert match is not None
    return float(match[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[match[2]]


def _print_memory(hub: int) -> None:
    """PSS of the zygote, and of each bridge and program below it."""
    for zygote in psutil.Process(hub).children():
        if "serving.zygote" not in " ".join(zygote.cmdline()):
            continue
        print(f"zygote of programs: {_pss(zygote):.1f} MB")
        for bridge in zygote.children():
            for program in bridge.children():
                words = " ".join(program.cmdline())[:40]
                print(
                    f"  bridge {_pss(bridge):.1f} MB, its program {_pss(program):.1f} MB: {words}"
                )


def _pss(process: psutil.Process) -> float:
    return process.memory_full_info().pss / 2**20


if __name__ == "__main__":
    main()
