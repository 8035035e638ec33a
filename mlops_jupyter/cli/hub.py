"""``mlops-jupyter hub``: start, look at, stop and read the daemon."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from mlops_jupyter.cli import service
from mlops_jupyter.cli.output import local_time, show_help, write, write_json
from mlops_jupyter.client import Hub
from mlops_jupyter.client.home import home_path, running_hub
from mlops_jupyter.client.start import last_lines
from mlops_jupyter.types import NotFound

FOLLOW_SECONDS = 0.2


def add_commands(nouns: Any) -> None:
    """Add ``hub`` and its verbs."""
    hub = nouns.add_parser("hub", help="the daemon that serves, scales and records")
    show_help(hub)
    verbs = hub.add_subparsers(metavar="VERB")
    for name, run, about in (
        ("start", _start, "start it, unless it runs"),
        ("status", _status, "what it is and how its ledger is; 1 when it does not run"),
        ("stop", _stop, "stop it and its workers"),
    ):
        verb = verbs.add_parser(name, help=about)
        verb.add_argument("--json", action="store_true", help="answer as JSON")
        verb.set_defaults(run=run)
    unit = verbs.add_parser("install-service", help="write a systemd user unit that runs it")
    unit.add_argument("--start", action="store_true", help="enable and start it, too")
    unit.add_argument("--json", action="store_true", help="answer as JSON")
    unit.set_defaults(run=service.install)
    logs = verbs.add_parser("logs", help="what it wrote into its log")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as it writes more")
    logs.add_argument("-n", "--lines", type=_count, default=50, metavar="N", help="default: 50")
    logs.set_defaults(run=_logs, json=False)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("it must be 0 or more")
    return number


def _start(parsed: argparse.Namespace) -> None:
    with Hub.connect() as hub:
        info = hub.info()
    if parsed.json:
        write_json(info)
    else:
        write(f"The hub runs at {info.url} (process {info.pid}, state in {info.home}).")


def _status(parsed: argparse.Namespace) -> int:
    home = home_path()
    if running_hub(home) is None:
        if parsed.json:
            write_json({"running": False, "home": str(home)})
        else:
            write(f"No hub runs (state in {home}).")
        return 1
    with Hub.connect(start=False) as hub:
        info = hub.info()
    if parsed.json:
        write_json({"running": True, **vars(info)})
        return 0
    ledger = info.ledger
    health = "writes" if ledger.get("ok", True) else f"DOES NOT WRITE: {ledger.get('reason')}"
    write(
        f"hub        {info.version}, process {info.pid}, since {local_time(info.started_at)}\n"
        f"address    {info.url}\n"
        f"socket     {info.socket or '-'}\n"
        f"state      {info.home}\n"
        f"python     {info.python}\n"
        f"endpoints  {info.endpoints}\n"
        f"gpus       {len(info.gpus or ())}\n"
        f"ledger     {ledger.get('size', '?')} records, {ledger.get('bytes', '?')} bytes, {health}"
    )
    return 0


def _stop(parsed: argparse.Namespace) -> None:
    home = home_path()
    runs = running_hub(home) is not None
    if runs:
        with Hub.connect(start=False) as hub:
            hub.stop()
    if parsed.json:
        write_json({"running": False, "home": str(home)})
    else:
        write("The hub has stopped." if runs else f"No hub runs (state in {home}).")


def _logs(parsed: argparse.Namespace) -> None:
    path = home_path() / "logs" / "hub.log"
    if not path.exists():
        raise NotFound(
            "There is no log yet.",
            reason=f"{path} is not there: no hub has run with this state directory.",
            fix="Start one: mlops-jupyter hub start.",
            code="no_log",
        )
    position = path.stat().st_size
    for line in last_lines(path, parsed.lines):
        write(line)
    if parsed.follow:
        sys.stdout.flush()
        _follow(path, position)


def _follow(path: Path, position: int) -> None:
    """Write what is added to the log, also after it was rotated, until interrupted."""
    node: int | None = None
    while True:
        try:
            with path.open("rb") as file:
                facts = os.fstat(file.fileno())
                if node not in (None, facts.st_ino) or facts.st_size < position:
                    position = 0
                node = facts.st_ino
                file.seek(position)
                added = file.read()
        except FileNotFoundError:
            added = b""
        # a line that is only half written waits for its end
        whole = added[: added.rfind(b"\n") + 1]
        position += len(whole)
        if whole:
            write(whole.decode("utf-8", "replace").rstrip("\n"))
            sys.stdout.flush()
        time.sleep(FOLLOW_SECONDS)
