"""``mlops-jupyter run``, ``runs`` and ``schedule``: notebooks as jobs, for terminals and CI."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from mlops_jupyter.cli.output import destination, local_time, show_help, table, write, write_json
from mlops_jupyter.cli.reach import reading, starting
from mlops_jupyter.client import Hub
from mlops_jupyter.client.size import bytes_of
from mlops_jupyter.client.words import named_values
from mlops_jupyter.types import Resources, RunStatus, ScheduleStatus

STATES = {"succeeded": 0, "failed": 1, "lost": 1, "skipped": 1, "timed_out": 124, "cancelled": 130}
"""Exit status of ``run --wait`` by the state in which the run ended."""


def add_commands(nouns: Any) -> None:
    """Add ``run``, ``runs`` and ``schedule`` with their verbs."""
    run = nouns.add_parser("run", help="run a notebook as a job")
    run.set_defaults(run=_run)
    run.add_argument("notebook", metavar="NOTEBOOK")
    _how(run)
    run.add_argument(
        "--wait", action="store_true", help="until it has ended; status 0, 1, 124, 130"
    )
    run.add_argument("--follow", action="store_true", help="show what it prints; waits")
    run.add_argument("--json", action="store_true", help="answer as JSON")
    _add_runs(nouns)
    _add_schedule(nouns)


def _add_runs(nouns: Any) -> None:
    noun = nouns.add_parser("runs", help="runs of notebooks")
    show_help(noun)
    verbs = noun.add_subparsers(metavar="VERB")
    listed = _verb(verbs, "list", _list, "runs, newest first")
    listed.add_argument("--state", help="active, queued, running, succeeded, failed …")
    listed.add_argument("--notebook", help="only of the notebook of this name")
    listed.add_argument("--user", help="only of this user")
    listed.add_argument("--schedule", help="only of this schedule")
    listed.add_argument("--sweep", help="only of this sweep")
    listed.add_argument("--alone", action="store_true", help="leave out the runs of sweeps")
    listed.add_argument("--limit", type=int, default=50, metavar="N")
    for name, run, about in (
        ("show", _show, "one run with its cells"),
        ("wait", _wait, "until it has ended; exit status as run --wait"),
        ("cancel", _cancel, "end it"),
        ("rerun", _rerun, "run it again from its record, and compare; 0 unless it differs"),
        ("compare", _compare, "how another run compares with it; 0 unless it differs"),
        ("log", _log, "what its kernel printed"),
        ("notebook", _notebook, "the executed notebook"),
        ("artifact", _artifact, "a file that it has kept"),
    ):
        parser = _verb(verbs, name, run, about)
        parser.add_argument("id", metavar="RUN", help="its id, or a beginning that only it has")
        if name == "rerun":
            parser.add_argument("--kernel", default="", help="instead of the recorded environment")
            parser.add_argument("--wait", action="store_true", help="until it was compared")
        if name == "compare":
            parser.add_argument("other", metavar="OTHER", help="the run to compare it with")
            parser.add_argument("--tolerance", type=float, help="relative; default 1e-6")
        if name == "log":
            parser.add_argument("--stderr", action="store_true", help="standard error instead")
            parser.add_argument("--follow", action="store_true", help="until the run has ended")
            parser.add_argument("--tail", metavar="SIZE", help="only the last 64k, whole lines")
        if name == "artifact":
            parser.add_argument("name", metavar="NAME", help="as 'runs show' lists them")
        if name in ("notebook", "artifact"):
            parser.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
        if name == "notebook":
            parser.add_argument("--html", action="store_true", help="as a page")


def _add_schedule(nouns: Any) -> None:
    noun = nouns.add_parser("schedule", help="run notebooks by cron rules")
    show_help(noun)
    verbs = noun.add_subparsers(metavar="VERB")
    _verb(verbs, "list", _schedules, "all schedules")
    put = _verb(verbs, "set", _set_schedule, "make or replace one")
    put.add_argument("name", metavar="NAME")
    put.add_argument("notebook", metavar="NOTEBOOK")
    put.add_argument("cron", metavar="CRON", help="five fields in quotes, or @daily")
    put.add_argument("--tz", default="UTC", metavar="ZONE", help="time zone; default UTC")
    put.add_argument("--concurrency", choices=("Allow", "Forbid", "Replace"), default="Allow")
    put.add_argument("--deadline", type=float, metavar="SECONDS", help="how late a start may be")
    put.add_argument("--jitter", type=float, default=0.0, metavar="SECONDS")
    put.add_argument("--suspended", action="store_true", help="start nothing for now")
    put.add_argument("--pinned", action="store_true", help="run the notebook as it is now")
    _how(put)
    coming = _verb(verbs, "next", _next_starts, "when a rule would start something")
    coming.add_argument("cron", metavar="CRON", help="five fields in quotes, or @daily")
    coming.add_argument("--tz", default="UTC", metavar="ZONE", help="time zone; default UTC")
    coming.add_argument("--count", type=int, default=3, metavar="N")
    for name, run, about in (
        ("show", _show_schedule, "one schedule"),
        ("suspend", _suspend, "start nothing for now"),
        ("resume", _resume, "start runs again"),
        ("trigger", _trigger, "start a run now"),
        ("delete", _delete, "remove it; its runs stay"),
    ):
        _verb(verbs, name, run, about).add_argument("name", metavar="NAME")


def _verb(verbs: Any, name: str, run: Any, about: str) -> Any:
    parser = verbs.add_parser(name, help=about)
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    parser.set_defaults(run=run)
    return parser


def _how(parser: Any) -> None:
    parser.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE")
    )
    parser.add_argument(
        "--secret", action="append", default=[], metavar="NAME=REFERENCE",
        help="env:NAME, file:PATH or keyring:SERVICE/USER, into the kernel's environment",
    )  # fmt: skip
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--kernel", default="", metavar="NAME", help="default: the notebook's own")
    parser.add_argument("--folder", metavar="PATH", help="working directory")
    parser.add_argument("--output", metavar="PATH", help="copy the executed notebook there, too")
    parser.add_argument("--cpus", type=float, default=1.0, metavar="N")
    parser.add_argument("--memory", default="0", metavar="SIZE", help="4G: it fails above that")
    parser.add_argument("--gpu", type=int, default=0, metavar="N")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="for the run")
    parser.add_argument("--cell-timeout", type=float, metavar="SECONDS", help="for one cell")
    parser.add_argument("--retries", type=int, default=0, metavar="N")
    parser.add_argument("--notify", default="", metavar="URL", help="tell this URL of its end")


def _options(parsed: argparse.Namespace) -> dict[str, Any]:
    return {
        "texts": dict(parsed.parameter),
        "secrets": named_values(parsed.secret, "--secret DB_PASSWORD=env:DB_PASSWORD"),
        "environment": named_values(parsed.set, "--set MODE=quick"),
        "kernel": parsed.kernel,
        "folder": parsed.folder,
        "output": parsed.output,
        "resources": Resources(parsed.cpus, bytes_of(parsed.memory), parsed.gpu),
        "run_seconds": parsed.timeout,
        "cell_seconds": parsed.cell_timeout,
        "retries": parsed.retries,
        "notify": parsed.notify,
    }


def _run(parsed: argparse.Namespace) -> int:
    with starting(parsed) as hub:
        status = hub.run(parsed.notebook, **_options(parsed))
        if parsed.follow:
            _follow(hub, status.id, "stdout")
        if parsed.wait or parsed.follow:
            status = _until_ended(hub, status.id, parsed)
        _answer(parsed, status)
    return STATES.get(status.state, 0)


def _until_ended(hub: Hub, run: str, parsed: argparse.Namespace) -> RunStatus:
    """Wait for the end; a terminal sees meanwhile where it is."""
    shown = sys.stderr.isatty() and not parsed.json
    while not (status := hub.wait_for_run(run, 0.5 if shown else None)).ended:
        if shown:
            sys.stderr.write(f"\r{status.state} {status.cells_done}/{status.cells_total} ")
            sys.stderr.flush()
    if shown:
        sys.stderr.write("\r\x1b[K")
    return status


def _follow(hub: Hub, run: str, stream: str) -> None:
    for text in hub.follow_log(run, stream):
        sys.stdout.write(text)
        sys.stdout.flush()


def _list(parsed: argparse.Namespace) -> None:
    with reading() as hub:
        page = hub.runs(
            state=parsed.state, notebook=parsed.notebook, user=parsed.user,
            schedule=parsed.schedule, sweep=parsed.sweep, alone=parsed.alone,
            limit=parsed.limit,
        )  # fmt: skip
    if parsed.json:
        write_json(page.runs)
        return
    if not page.runs:
        write("There is no run. Start one: mlops-jupyter run NOTEBOOK.ipynb.")
        return
    rows = [
        (
            one.id, one.name, one.state, f"{one.cells_done}/{one.cells_total}", _took(one),
            local_time(one.submitted_at), one.submitted_by, one.reason,
        )
        for one in page.runs
    ]  # fmt: skip
    head = ("run", "notebook", "state", "cells", "s", "submitted", "by", "why")
    write(table(head, rows, right=(3, 4)))


def _show(parsed: argparse.Namespace) -> None:
    with reading() as hub:
        _answer(parsed, hub.run_status(parsed.id))


def _wait(parsed: argparse.Namespace) -> int:
    with reading() as hub:
        status = _until_ended(hub, parsed.id, parsed)
        _answer(parsed, status)
    return STATES.get(status.state, 0)


def _cancel(parsed: argparse.Namespace) -> None:
    with reading() as hub:
        _answer(parsed, hub.cancel_run(parsed.id, wait=30.0))


def _rerun(parsed: argparse.Namespace) -> int:
    with starting(parsed) as hub:
        status = hub.rerun(parsed.id, parsed.kernel)
        if not parsed.wait:
            _answer(parsed, status)
            return 0
        status = _until_ended(hub, status.id, parsed)
        while status.state == "succeeded" and "verdict" not in status.record:
            time.sleep(0.2)
            status = hub.run_status(status.id)
        _answer(parsed, status)
    verdict = status.record.get("verdict", {})
    if not parsed.json and verdict:
        write(f"compared   {verdict['text']}")
    return STATES.get(status.state, 0) or int(verdict.get("kind") == "differs")


def _compare(parsed: argparse.Namespace) -> int:
    with reading() as hub:
        verdict = hub.compare_runs(parsed.id, parsed.other, parsed.tolerance)
    if parsed.json:
        write_json(verdict)
    else:
        write(verdict["text"])
    return int(verdict["kind"] == "differs")


def _log(parsed: argparse.Namespace) -> None:
    stream = "stderr" if parsed.stderr else "stdout"
    with reading() as hub:
        if parsed.follow:
            _follow(hub, parsed.id, stream)
            return
        offset, texts = -bytes_of(parsed.tail) if parsed.tail else 0, []
        while (part := hub.run_log(parsed.id, stream, offset)).text:
            offset = part.next
            texts.append(part.text)
    if parsed.json:
        write_json({"log": "".join(texts)})
    elif texts:
        write("".join(texts).rstrip("\n"))


def _notebook(parsed: argparse.Namespace) -> None:
    with reading() as hub:
        content = hub.run_notebook(parsed.id, "html" if parsed.html else "output")
    with destination(parsed.output) as file:
        file.write(content)


def _artifact(parsed: argparse.Namespace) -> None:
    with reading() as hub, destination(parsed.output) as file:
        file.writelines(hub.run_artifact(parsed.id, parsed.name))


def _schedules(parsed: argparse.Namespace) -> None:
    with reading() as hub:
        found = hub.schedules()
    if parsed.json:
        write_json(found)
    elif not found:
        write(
            'There is no schedule. Make one: mlops-jupyter schedule set NAME NOTEBOOK "0 2 * * *".'
        )
    else:
        rows = [
            (
                one.spec.name, one.spec.cron, one.spec.time_zone,
                "suspended" if one.spec.suspended else local_time(one.next_at) or "never",
                local_time(one.last_at), one.last_state or "", one.reason,
            )
            for one in found
        ]  # fmt: skip
        write(table(("name", "cron", "zone", "next", "last", "state", "note"), rows))


def _show_schedule(parsed: argparse.Namespace) -> None:
    with reading() as hub:
        _answer_schedule(parsed, hub.schedule(parsed.name))


def _next_starts(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        found = hub.cron_starts(parsed.cron, time_zone=parsed.tz, count=parsed.count)
    if parsed.json:
        write_json(found)
    else:
        write("\n".join(local_time(at) for at in found.starts))


def _set_schedule(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        status = hub.save_schedule(
            parsed.notebook, parsed.cron, name=parsed.name, time_zone=parsed.tz,
            concurrency=parsed.concurrency, starting_deadline_seconds=parsed.deadline,
            jitter_seconds=parsed.jitter, suspended=parsed.suspended, pinned=parsed.pinned,
            **_options(parsed),
        )  # fmt: skip
        _answer_schedule(parsed, status)


def _suspend(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        _answer_schedule(parsed, hub.suspend_schedule(parsed.name, suspended=True))


def _resume(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        _answer_schedule(parsed, hub.suspend_schedule(parsed.name, suspended=False))


def _trigger(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        _answer_schedule(parsed, hub.trigger_schedule(parsed.name))


def _delete(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        hub.delete_schedule(parsed.name)


def _answer_schedule(parsed: argparse.Namespace, status: ScheduleStatus) -> None:
    if parsed.json:
        write_json(status)
        return
    spec = status.spec
    following = ", ".join(local_time(at) for at in status.next_starts) or "never"
    write(
        f"{spec.name}: {spec.cron} ({spec.time_zone}), {spec.concurrency}\n"
        f"notebook   {spec.run.notebook}\n"
        f"next       {'suspended' if spec.suspended else following}\n"
        f"last       {local_time(status.last_at)} {status.last_state or ''}".rstrip()
    )
    if status.reason:
        write(f"note       {status.reason}")


def _answer(parsed: argparse.Namespace, status: RunStatus) -> None:
    if parsed.json:
        write_json(status)
        return
    lines = [
        f"{status.id}: {status.state}{f' ({status.reason})' if status.reason else ''}",
        f"notebook   {status.spec.notebook}",
        f"cells      {status.cells_done} of {status.cells_total}",
        f"submitted  {local_time(status.submitted_at)} by {status.submitted_by}",
    ]
    if status.started_at:
        lines.append(f"took       {_took(status)} s")
    for name, value in status.metrics.items():
        lines.append(f"metric     {name} {value:.6g}")
    lines += [
        f"artifact   {kept['name']} {kept['bytes']} B sha256 {kept['sha256']}"
        for kept in status.record.get("artifacts", ())
    ]
    lines += [f"warning    {said}" for said in status.record.get("warnings", ())]
    if status.error is not None:
        lines.append(f"error      {status.error.name}: {status.error.value}")
    write("\n".join(lines))


def _took(status: RunStatus) -> str:
    if status.started_at is None:
        return ""
    return f"{(status.ended_at or time.time()) - status.started_at:.1f}"
