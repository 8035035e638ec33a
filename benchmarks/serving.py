"""Our audited serving beside its peers and a bare ASGI echo, in one interleaved run.

    python benchmarks/serving.py [--seconds 5] [--rounds 2] [--clients 1,16,64] [--json out.json]

Every server answers the same model (logistic regression on the breast-cancer table, 30 floats a
row, one row a request, every request another row), has one worker, and is loaded over loopback by
wrk. Ours checks the token and the signature in every variant. Needs wrk (apt-get install wrk);
LitServe is installed into a throw-away environment. Figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

HERE = Path(__file__).parent


@dataclass
class Server:
    """A running server: where it listens, what it is sent, which processes are its own."""

    name: str
    url: str
    head: str
    tail: str
    processes: Callable[[], list[psutil.Process]]
    ready_seconds: float
    token: str | None = None
    started: subprocess.Popen[bytes] | None = None
    points: dict[int, list[dict[str, float]]] = field(default_factory=dict)


def main() -> None:
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    os.environ["MLOPS_JUPYTER_HOME"] = str(folder / "home")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    servers: list[Server] = []
    try:
        model, columns, row = _model(folder)
        for start in STARTS:
            if options.only and start.__name__.strip("_") not in options.only:
                continue
            servers.extend(start(folder, model, columns, row))
            print("ready:", ", ".join(server.name for server in servers), file=sys.stderr)
        for _ in range(options.rounds):
            for clients in options.clients:
                for server in servers:
                    point = _measure(server, clients, options.seconds)
                    server.points.setdefault(clients, []).append(point)
        report = _report(servers, options)
        _print(report)
        if options.json:
            Path(options.json).write_text(json.dumps(report, indent=1))
    finally:
        for server in servers:
            if server.started is not None:
                for process in server.processes():
                    process.terminate()
        subprocess.run([sys.executable, "-m", "mlops_jupyter.cli", "hub", "stop"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


# -- what is served -----------------------------------------------------------------------------


def _model(folder: Path) -> tuple[Path, list[str], list[float]]:
    import mlflow.sklearn
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression

    table = load_breast_cancer(as_frame=True)
    model = LogisticRegression(max_iter=10_000).fit(table.data, table.target)
    path = folder / "model"
    mlflow.sklearn.save_model(
        model,
        str(path),
        signature=mlflow.models.infer_signature(table.data, model.predict(table.data)),
        pip_requirements=["scikit-learn"],
    )
    return path, list(table.data.columns), [float(value) for value in table.data.iloc[0]]


def _oip_columns(columns: list[str], row: list[float]) -> tuple[str, str]:
    """Open Inference Protocol, one named input a column; the last value is the counter."""
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in zip(columns, row, strict=True)
    ]
    inputs[-1]["data"] = ["@"]
    head, tail = json.dumps({"inputs": inputs}).split('"@"')
    return head, tail


def _split(columns: list[str], row: list[float]) -> tuple[str, str]:
    """MLflow's dataframe_split."""
    body = {"dataframe_split": {"columns": columns, "data": [[*row[:-1], "@"]]}}
    head, tail = json.dumps(body).split('"@"')
    return head, tail


# -- the servers --------------------------------------------------------------------------------


def _echo(folder: Path, model: Path, columns: list[str], row: list[float]) -> list[Server]:
    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", "echo:app", "--app-dir", str(HERE / "peers")]
    command += ["--port", str(port), "--no-access-log", "--log-level", "warning"]
    head, tail = _oip_columns(columns, row)
    return [_spawn("asgi-echo", command, f"http://127.0.0.1:{port}/", head, tail)]


def _mlflow(folder: Path, model: Path, columns: list[str], row: list[float]) -> list[Server]:
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model)]
    command += ["--env-manager", "local", "-p", str(port), "-w", "1"]
    head, tail = _split(columns, row)
    url = f"http://127.0.0.1:{port}/invocations"
    return [_spawn("mlflow models serve", command, url, head, tail)]


def _litserve(folder: Path, model: Path, columns: list[str], row: list[float]) -> list[Server]:
    python = folder / "litserve" / "bin" / "python"
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    subprocess.run(
        [uv, "venv", "-q", "--python", sys.executable, str(folder / "litserve")], check=True
    )
    packages = ["litserve", "mlflow-skinny", "scikit-learn", "pandas", "numpy", "skops"]
    import mlflow
    import sklearn

    packages[1] += f"=={mlflow.__version__}"
    packages[2] += f"=={sklearn.__version__}"
    subprocess.run([uv, "pip", "install", "-q", "--python", str(python), *packages], check=True)
    port = _free_port()
    head, tail = _oip_columns(columns, row)
    command = [str(python), str(HERE / "peers" / "lit.py"), str(model), str(port)]
    return [_spawn("litserve", command, f"http://127.0.0.1:{port}/predict", head, tail)]


def _unaudited(folder: Path, model: Path, columns: list[str], row: list[float]) -> list[Server]:
    port = _free_port()
    command = [sys.executable, str(HERE / "unaudited.py"), str(model), str(port)]
    head, tail = _oip_columns(columns, row)
    url = f"http://127.0.0.1:{port}/v2/models/cancer/infer"
    server = _spawn("ours, no audit", command, url, head, tail, token="benchmark")
    return [server]


def _ours(folder: Path, model: Path, columns: list[str], row: list[float]) -> list[Server]:
    import mlflow.sklearn
    import pandas as pd

    import mlops_jupyter as mj
    from mlops_jupyter.client import Hub

    example = pd.DataFrame([row], columns=columns)
    mj.register("cancer", mlflow.sklearn.load_model(str(model)), example)
    hub = Hub.connect()
    info = hub.info()
    pid = info.pid
    servers = []
    head, tail = _oip_columns(columns, row)
    for name, audit, mode in (
        ("strict-full", "full", "strict"),
        ("strict-metadata", "metadata", "strict"),
        ("async-full", "full", "async"),
    ):
        begun = time.perf_counter()
        mj.deploy("cancer/1", name=name, audit=audit, mode=mode, deadline=30.0)
        ready = time.perf_counter() - begun
        url = info.url
        made = hub.create_token(application="bench", endpoints=[name], expires_seconds=3600)
        token = made.token
        servers.append(
            Server(
                f"ours, {name.replace('-', ' ')}",
                f"{url}/v2/models/{name}/infer",
                head,
                tail,
                lambda: _tree(pid),
                ready,
                token,
            )
        )
    return servers


STARTS = (_echo, _mlflow, _litserve, _unaudited, _ours)


def _spawn(
    name: str, command: list[str], url: str, head: str, tail: str, token: str | None = None
) -> Server:
    begun = time.perf_counter()
    log = Path(tempfile.gettempdir()) / f"bench-{name.replace(' ', '-').replace(',', '')}.log"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            start_new_session=True,
            env={**os.environ, "PATH": path},  # mlflow looks for uvicorn there
        )
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    while True:
        try:
            answer = httpx.post(url, content=head + "1.0" + tail, headers=headers, timeout=30)
            if answer.status_code == 200:
                break
        except httpx.TransportError:
            pass
        if process.poll() is not None or time.perf_counter() - begun > 120:
            raise SystemExit(f"{name} did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)
    ready = time.perf_counter() - begun
    return Server(name, url, head, tail, lambda: _tree(process.pid), ready, token, process)


def _free_port() -> int:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


# -- measuring ----------------------------------------------------------------------------------


def _measure(server: Server, clients: int, seconds: float) -> dict[str, float]:
    _wrk(server, clients, 2.0)  # warm: an idle server may have been paged out meanwhile
    before = _cpu(server)
    result = _wrk(server, clients, seconds)
    result["cpu_us"] = (_cpu(server) - before) / max(result["requests"], 1) * 1e6
    result["rps"] = result["requests"] / result["seconds"]
    return result


def _wrk(server: Server, clients: int, seconds: float) -> dict[str, float]:
    environment = {**os.environ, "BENCH_HEAD": server.head, "BENCH_TAIL": server.tail}
    if server.token:
        environment["BENCH_TOKEN"] = server.token
    command = ["wrk", "-t1", f"-c{clients}", f"-d{max(seconds, 1):.0f}s", "--timeout", "20s", "-s"]
    command += [str(HERE / "load.lua"), server.url]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    result: dict[str, float] = json.loads(line[7:])
    if result["errors"]:
        print(f"{server.name}: {result['errors']} errors at {clients} clients", file=sys.stderr)
    return result


def _tree(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu(server: Server) -> float:
    total = 0.0
    for process in server.processes():
        try:
            times = process.cpu_times()
            total += times.user + times.system
        except psutil.NoSuchProcess:
            pass
    return total


def _pss_mb(server: Server) -> float:
    total = 0
    for process in server.processes():
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            pass
    return total / 1e6


# -- telling ------------------------------------------------------------------------------------


def _report(servers: list[Server], options: argparse.Namespace) -> dict[str, Any]:
    rows = []
    for server in servers:
        points = {
            clients: {key: statistics.median(p[key] for p in points) for key in points[0]}
            for clients, points in server.points.items()
        }
        rows.append(
            {
                "server": server.name,
                "ready_seconds": round(server.ready_seconds, 2),
                "pss_mb": round(_pss_mb(server)),
                "points": points,
            }
        )
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "seconds": options.seconds,
        "rounds": options.rounds,
        "fdatasync_us": _fdatasync_us(),
        "servers": rows,
    }


def _fdatasync_us() -> float:
    """Median microseconds of appending 4 KiB and fdatasync: what one strict commit waits for."""
    with tempfile.NamedTemporaryFile() as file:
        times = []
        for _ in range(200):
            file.write(b"x" * 4096)
            file.flush()
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begun)
    return round(statistics.median(times) * 1e6)


def _print(report: dict[str, Any]) -> None:
    echo = next((row for row in report["servers"] if row["server"] == "asgi-echo"), None)
    print(f"\n{report['date']}, {report['machine']}, fdatasync {report['fdatasync_us']} us")
    names = "server|clients|requests/s|of echo|CPU us/request|p50 ms|p99 ms|ready s|PSS MB"
    print("\n| " + " | ".join(names.split("|")) + " |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in report["servers"]:
        for clients, point in row["points"].items():
            share = ""
            if echo is not None:
                share = f"{point['rps'] / echo['points'][clients]['rps']:.2f}"
            print(
                f"| {row['server']} | {clients} | {point['rps']:.0f} | {share} | "
                f"{point['cpu_us']:.0f} | {point['p50_ms']:.2f} | {point['p99_ms']:.2f} | "
                f"{row['ready_seconds']:.2f} | {row['pss_mb']} |"
            )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=5.0, help="seconds a point")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--clients", type=lambda t: [int(c) for c in t.split(",")], default=[1, 16, 64]
    )
    parser.add_argument(
        "--only", type=lambda t: t.split(","), help="echo,mlflow,litserve,unaudited,ours"
    )
    parser.add_argument("--json", help="write the figures to this file")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("wrk is needed: apt-get install wrk")
    return options


if __name__ == "__main__":
    main()
