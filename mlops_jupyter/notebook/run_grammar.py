"""The words of the verbs on runs: train, runs, schedule."""

from __future__ import annotations

import argparse
import re
from typing import Any

from mlops_jupyter.client.words import named_values
from mlops_jupyter.notebook.parser import VerbParser, cut, whole

STATES = (
    "active", "queued", "starting", "running", "succeeded", "failed", "cancelled", "timed_out",
    "lost", "skipped",
)  # fmt: skip


def train() -> VerbParser:
    """``%train``."""
    parser = VerbParser(
        "train",
        "Run a notebook as a job of the hub; it goes on whatever becomes of this kernel.",
        "%train fit.ipynb -p lr 0.1 --gpu 1 --wait",
    )
    _notebook(parser)
    _how(parser)
    parser.add(
        "--sweep", nargs="+", metavar="NAME=VALUES", default=[],
        help="run it for each point: lr=0.1,0.01 depth=3..6 lr=0.001..0.1:log",
    )  # fmt: skip
    parser.add(
        "--maximize", metavar="METRIC", default="", help="the metric that says which is best"
    )
    parser.add("--minimize", metavar="METRIC", default="", help="as --maximize")
    parser.add("--search", choices=("grid", "random", "optuna"), default="grid", help="of a sweep")
    parser.add("--count", type=whole, metavar="N", help="runs of a random or optuna search")
    parser.add("--seed", type=whole, default=0, metavar="N", help="of the search")
    parser.add("--parallel", type=whole, default=1, metavar="N", help="runs at once")
    parser.add("--wait", action="store_true", help="until it has ended; fails if the run did")
    return parser


def runs() -> VerbParser:
    """``%runs``."""
    parser = VerbParser("runs", "Runs of notebooks, newest first.", "%runs fit --state failed")
    parser.add("notebook", nargs="?", metavar="NOTEBOOK", help="only of this notebook")
    parser.add("--state", choices=STATES, metavar="STATE", help="active, succeeded, failed …")
    parser.add("--by", metavar="USER", help="who started them, such as user:ada")
    parser.add("--schedule", metavar="NAME", help="only those of this schedule")
    parser.add("--sweep", metavar="ID", help="only those of this sweep")
    parser.add("--limit", type=whole, default=20, metavar="N", help="how many; default 20")
    parser.add("--show", metavar="ID", help="one run in full, by its id or a beginning of it")
    parser.add("--cancel", metavar="ID", help="end a run, or a sweep")
    parser.add("--log", metavar="ID", help="what the run's kernel printed")
    return parser


def schedule() -> VerbParser:
    """``%schedule``."""
    parser = VerbParser(
        "schedule",
        "Run a notebook by a cron rule; without words the schedules are listed.",
        '%schedule fit.ipynb "0 2 * * *" --tz Europe/Berlin',
    )
    parser.add("notebook", nargs="?", metavar="NOTEBOOK", help="path of the notebook")
    parser.add("cron", nargs="?", metavar="CRON", help='five fields in quotes, or "@daily"')
    parser.add("--name", metavar="NAME", help="the schedule's name; default: the notebook's")
    parser.add("--tz", default="UTC", metavar="ZONE", help="time zone; default UTC")
    parser.add(
        "--concurrency", choices=("Allow", "Forbid", "Replace"), default="Allow",
        help="while a run of it goes on",
    )  # fmt: skip
    parser.add("--deadline", type=_seconds, metavar="SECONDS", help="how late a start may be")
    parser.add("--jitter", type=_seconds, default=0.0, metavar="SECONDS", help="put off by a part")
    parser.add("--pinned", action="store_true", help="run the notebook as it is now")
    parser.add("--suspend", metavar="NAME", help="let a schedule start nothing for now")
    parser.add("--resume", metavar="NAME", help="let it start runs again")
    parser.add("--delete", metavar="NAME", help="remove a schedule; its runs stay")
    _how(parser)
    return parser


def options_of(given: argparse.Namespace) -> dict[str, Any]:
    """What the words of `_how` say, as arguments of `mlops_jupyter.train`."""
    return {
        "texts": dict(given.parameter),
        "secrets": named_values(given.secret, "--secret DB_PASSWORD=env:DB_PASSWORD"),
        "environment": named_values(given.set, "--set MODE=quick"),
        "kernel": given.kernel or "",
        "folder": given.folder,
        "output": given.output,
        "cpus": given.cpus,
        "memory": given.memory,
        "gpu": given.gpu,
        "timeout": given.timeout,
        "cell_timeout": given.cell_timeout,
        "retries": given.retries,
        "notify": given.notify,
    }


def _notebook(parser: VerbParser) -> None:
    parser.add("notebook", metavar="NOTEBOOK", help="path of the notebook")


def _how(parser: VerbParser) -> None:
    parser.add(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="a parameter of the cell tagged 'parameters'; may be repeated",
    )  # fmt: skip
    parser.add(
        "--secret", action="append", default=[], metavar="NAME=REFERENCE",
        help="env:NAME, file:PATH or keyring:SERVICE/USER, into the kernel's environment",
    )  # fmt: skip
    parser.add("--set", action="append", default=[], metavar="NAME=VALUE", help="a variable")
    parser.add("--kernel", metavar="NAME", help="kernelspec; default: the notebook's own")
    parser.add("--folder", metavar="PATH", help="working directory; default: the notebook's")
    parser.add("--output", metavar="PATH", help="copy the executed notebook there, too")
    parser.add("--cpus", type=float, default=1.0, metavar="N", help="cores; default 1")
    parser.add("--memory", default="0", metavar="SIZE", help="4G: it fails above that")
    parser.add("--gpu", type=whole, default=0, metavar="N", help="GPUs of its own")
    parser.add("--timeout", type=_seconds, metavar="SECONDS", help="longest time for the run")
    parser.add("--cell-timeout", type=_seconds, metavar="SECONDS", help="for one cell")
    parser.add("--retries", type=whole, default=0, metavar="N", help="of a run that failed")
    parser.add("--notify", default="", metavar="URL", help="tell this URL of its end")


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d{1,8}(?:\.\d{1,6})?)(s|m|h|d)?", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{cut(text)} is not a time such as 90, 30s, 5m or 2h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2] or "s"]
