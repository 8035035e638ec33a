"""``mlops-jupyter pipeline``: check, deploy and look at pipelines from a terminal."""

from __future__ import annotations

import argparse
from typing import Any

from mlops_jupyter.cli.output import read_file, show_help, table, visible, write, write_json
from mlops_jupyter.cli.reach import reading, starting
from mlops_jupyter.client.words import named_values
from mlops_jupyter.types.pipeline import PipelineStatus, StepStats

DEPLOY_SECONDS = 600.0


def add_commands(nouns: Any) -> None:
    """Add ``pipeline`` and its verbs."""
    noun = nouns.add_parser("pipeline", help="endpoints joined to one endpoint")
    show_help(noun)
    verbs = noun.add_subparsers(metavar="VERB")
    check = verbs.add_parser("check", help="whether a pipeline can run; changes nothing")
    check.add_argument("file", metavar="FILE", help="its text; '-' is standard input")
    check.set_defaults(run=_check)
    deploy = verbs.add_parser("deploy", help="register and serve the pipeline of a text")
    deploy.add_argument("name", metavar="NAME", help="the pipeline's name")
    deploy.add_argument("file", metavar="FILE", help="its text; '-' is standard input")
    deploy.add_argument("--no-deploy", action="store_true", help="register it only")
    deploy.add_argument("--alias", metavar="ALIAS", help="alias for the new version")
    deploy.add_argument(
        "--tag", metavar="KEY=VALUE", action="append", default=[], help="may be repeated"
    )
    deploy.set_defaults(run=_deploy)
    show = verbs.add_parser("show", help="the text, and what each step does")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(run=_show)
    for leaf in (check, deploy, show):
        leaf.add_argument("--json", action="store_true", help="answer as JSON")


def _check(parsed: argparse.Namespace) -> None:
    with reading() as hub:
        status = hub.check_pipeline(text=read_file(parsed.file))
    if parsed.json:
        write_json(status)
    else:
        write(f"It can run.\n{_signature(status)}")


def _deploy(parsed: argparse.Namespace) -> None:
    from mlops_jupyter.registry.pipeline import register_pipeline

    text = read_file(parsed.file)
    with starting(parsed) as hub:
        wanted = hub.check_pipeline(text=text, name=parsed.name)
        version = hub.add_version(
            register_pipeline(
                parsed.name,
                wanted.graph,
                wanted.text,
                wanted.signature,
                alias=parsed.alias,
                tags=named_values(parsed.tag, "--tag stage=trial") or None,
            )
        )
        if not parsed.no_deploy:
            hub.deploy(parsed.name, version, alias=parsed.alias, wait=DEPLOY_SECONDS)
    if parsed.json:
        write_json({"version": version.ref, "deployed": not parsed.no_deploy})
    else:
        done = "registered" if parsed.no_deploy else "deployed"
        write(f"{version.ref} is {done}.\n{_signature(wanted)}")


def _show(parsed: argparse.Namespace) -> None:
    with reading() as hub:
        status = hub.pipeline(parsed.name)
    if parsed.json:
        write_json(status)
        return
    write(f"{status.name}/{status.version}  {_signature(status)}\n")
    write("\n".join(map(visible, status.text.splitlines())) + "\n")
    head = ("step", "endpoint", "calls", "per s", "p50 ms", "p99 ms", "failed", "last error")
    rows = [(node.label, node.ref, *_figures(node.stats)) for node in status.nodes if node.stats]
    write(table(head, rows, right=range(2, 7)))


def _figures(stats: StepStats) -> tuple[str, ...]:
    return (
        str(stats.calls),
        f"{stats.requests_per_second:.3g}",
        "" if stats.p50_ms is None else f"{stats.p50_ms:.3g}",
        "" if stats.p99_ms is None else f"{stats.p99_ms:.3g}",
        f"{stats.error_share:.0%}",
        stats.last_error,
    )


def _signature(status: PipelineStatus) -> str:
    sides = (status.takes, status.gives)
    words = (", ".join(f"{name}: {kind}" for name, kind in side.items()) for side in sides)
    return visible(" -> ".join(words))
