"""``mlops-jupyter audit``: search, prove and take away the ledger."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from mlops_jupyter.cli.bodies import readable
from mlops_jupyter.cli.output import (
    csv_text,
    destination,
    jsonable,
    local_time,
    read_file,
    show_help,
    table,
    visible,
    write,
    write_json,
)
from mlops_jupyter.cli.reach import reading, starting
from mlops_jupyter.client import Hub, parse_moment
from mlops_jupyter.types import InvalidRequest

PAGE = 500
HEAD = ("index", "when", "who", "what", "endpoint", "model", "rows", "status", "error", "ms")
_RIGHT = (0, 6, 7, 9)


def add_commands(nouns: Any) -> None:
    """Add ``audit`` and its verbs."""
    noun = nouns.add_parser("audit", help="who called what, when, with which result; and proof")
    show_help(noun)
    verbs = noun.add_subparsers(metavar="VERB")
    search = verbs.add_parser("search", help="records that fit, newest first")
    _add_filters(search)
    search.add_argument("--limit", type=int, default=50, metavar="N", help="default: 50")
    search.add_argument("--format", choices=("table", "json", "jsonl", "csv"), default="table")
    search.set_defaults(run=_search)
    export = verbs.add_parser("export", help="all records that fit, oldest first, as a stream")
    _add_filters(export)
    export.add_argument("--format", choices=("jsonl", "csv", "parquet"), default="jsonl")
    export.set_defaults(run=_export)
    show = verbs.add_parser("show", help="one record, whole")
    payload = show.add_mutually_exclusive_group()
    payload.add_argument("--input", action="store_true", help="what went in; this is recorded")
    payload.add_argument("--output", action="store_true", help="what came out; this is recorded")
    show.add_argument(
        "--raw", action="store_true", help="the bytes as they are, also to a terminal"
    )
    show.set_defaults(run=_show)
    receipt = verbs.add_parser("receipt", help="the proof that a record is in the ledger")
    receipt.set_defaults(run=_receipt)
    for verb in (show, receipt):
        verb.add_argument("key", metavar="RECORD", help="its id or its index")
    checkpoint = verbs.add_parser("checkpoint", help="the signed head of the ledger, to keep")
    checkpoint.set_defaults(run=_checkpoint)
    key = verbs.add_parser("key", help="the key that verifies checkpoints and receipts")
    key.set_defaults(run=_key)
    for verb in (search, export, show, receipt, checkpoint, key):
        verb.add_argument("-o", metavar="FILE", dest="file", help="instead of standard output")
    for verb in (export, receipt, checkpoint, key):
        verb.set_defaults(json=False)
    verify = verbs.add_parser("verify", help="check every record and the tree; 1 if a check fails")
    verify.add_argument("--against", metavar="FILE", help="a checkpoint that was kept elsewhere")
    verify.set_defaults(run=_verify)
    for verb in (search, show, verify):
        verb.add_argument("--json", action="store_true", help="answer as JSON")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("only", nargs="?", metavar="ENDPOINT", help="only this endpoint")
    parser.add_argument("--endpoint", metavar="NAME", help="the same")
    parser.add_argument("--model", metavar="NAME")
    parser.add_argument("--version", type=int, metavar="N")
    parser.add_argument(
        "--caller", "--by", metavar="WHO", help="user:ada or app:billing; a bare name is a user"
    )
    parser.add_argument(
        "--kind", choices=("prediction", "control", "run", "access", "gap", "system")
    )
    parser.add_argument("--status", type=int, metavar="CODE", help="an HTTP status")
    parser.add_argument("--failed", action="store_true", help="refused or failed only")
    parser.add_argument("--since", metavar="TIME", help="24h, 7d, or ISO 8601")
    parser.add_argument("--until", metavar="TIME", help="24h, 7d, or ISO 8601")
    parser.add_argument("--text", help="text in any column that is searched")


def _filters(parsed: argparse.Namespace) -> dict[str, Any]:
    now = time.time()
    caller = parsed.caller
    return {
        "endpoint": _one_endpoint(parsed.only, parsed.endpoint),
        "model": parsed.model,
        "version": parsed.version,
        "caller": f"user:{caller}" if caller and ":" not in caller else caller,
        "kind": parsed.kind,
        "status": parsed.status,
        "failed": parsed.failed,
        "since": None if parsed.since is None else parse_moment(parsed.since, now),
        "until": None if parsed.until is None else parse_moment(parsed.until, now),
        "text": parsed.text,
    }


def _one_endpoint(alone: str | None, named: str | None) -> str | None:
    if alone and named and alone != named:
        raise InvalidRequest(
            "Two endpoints are named.",
            reason="One stands alone, the other after --endpoint.",
            fix="Name one of them.",
            code="two_endpoints",
        )
    return alone or named


def _search(parsed: argparse.Namespace) -> None:
    filters = _filters(parsed)
    with reading() as hub:
        records = list(_pages(hub, filters, parsed.limit))
    _put(parsed, _written(records, "json" if parsed.json else parsed.format))


def _pages(hub: Hub, filters: dict[str, Any], limit: int) -> Iterator[dict[str, Any]]:
    before: str | int | None = None
    while limit > 0:
        page = hub.records(**filters, limit=min(limit, PAGE), before=before)
        yield from page.records
        limit -= len(page.records)
        before = page.next
        if before is None:
            return


def _written(records: list[dict[str, Any]], form: str) -> str:
    if form == "json":
        return json.dumps(jsonable(records), indent=2) + "\n"
    if form == "jsonl":
        return "".join(json.dumps(record) + "\n" for record in records)
    rows: Iterable[tuple[Any, ...]] = (_row(record) for record in records)
    if form == "csv":
        return csv_text(HEAD, rows)
    return table(HEAD, rows, right=_RIGHT) + "\n" if records else "No record fits.\n"


def _row(record: dict[str, Any]) -> tuple[Any, ...]:
    model = record.get("model") or {}
    what = record.get("action") or record.get("kind")
    phase = record.get("phase")
    latency = record.get("latency_us")
    return (
        record.get("index"),
        local_time((record.get("t_wall_us") or 0) / 1e6),
        (record.get("actor") or {}).get("sub"),
        f"{what} ({phase})" if phase else what,
        record.get("endpoint"),
        f"{model.get('name')}/{model.get('version')}" if model.get("name") else None,
        record.get("rows"),
        record.get("status"),
        record.get("error"),
        None if latency is None else f"{latency / 1000:.1f}",
    )


def _show(parsed: argparse.Namespace) -> None:
    with reading() as hub:
        if parsed.input or parsed.output:
            payload = hub.payload(parsed.key, "input" if parsed.input else "output")
            if _for_reading(parsed):
                write(readable(payload.data, payload.content_type))
            else:
                with destination(parsed.file) as file:
                    file.write(payload.data)
            return
        found = hub.record(parsed.key)
    _put(parsed, json.dumps(jsonable(found), indent=2) + "\n")


def _for_reading(parsed: argparse.Namespace) -> bool:
    """Whether a person sees the body; a file or another program gets its bytes."""
    return not (parsed.raw or parsed.json or parsed.file) and sys.stdout.isatty()


def _export(parsed: argparse.Namespace) -> None:
    filters = _filters(parsed)
    if parsed.format == "parquet" and parsed.file is None and sys.stdout.isatty():
        raise InvalidRequest(
            "Parquet is not for reading on a terminal.",
            fix="Name a file with -o, or send the output to one.",
            code="binary_to_terminal",
        )
    with starting(parsed) as hub, destination(parsed.file) as file:
        for part in hub.export(parsed.format, **filters):
            file.write(part)


def _receipt(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        _put(parsed, hub.receipt(parsed.key))


def _checkpoint(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        _put(parsed, hub.checkpoint())


def _key(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        _put(parsed, hub.key().rstrip("\n") + "\n")


def _put(parsed: argparse.Namespace, text: str) -> None:
    with destination(parsed.file) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def _verify(parsed: argparse.Namespace) -> int:
    against = None if parsed.against is None else read_file(parsed.against)
    with starting(parsed) as hub:
        result = hub.verify(against)
    if parsed.json:
        write_json(result)
    elif result.ok:
        checked = ", ".join(f"{name} {value}" for name, value in result.checked.items())
        write(f"The ledger holds together: {result.size} records ({checked}), "
              f"{result.records_per_second:,.0f} records/s.")  # fmt: skip
    else:
        write(f"The ledger does NOT hold together ({result.size} records):")
        for problem in result.problems:
            where = "" if problem.index is None else f"record {problem.index}: "
            write(f"  {where}{visible(problem.what)}")
    return 0 if result.ok else 1
