"""``mlops-jupyter endpoints``: look at what serves, and change how."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any

from mlops_jupyter.cli.output import local_time, show_help, table, write, write_json
from mlops_jupyter.cli.reach import reading, starting
from mlops_jupyter.types import EndpointStatus, InvalidRequest, ModelRef, ScalingPolicy, Traffic

LOAD_SECONDS = 1800.0
"""How long a command waits for a model to be loaded."""


def add_commands(nouns: Any) -> None:
    """Add ``endpoints`` and its verbs."""
    noun = nouns.add_parser("endpoints", help="what serves, and how many replicas")
    show_help(noun)
    verbs = noun.add_subparsers(metavar="VERB")

    def verb(name: str, run: Callable[..., Any], about: str, *, change: bool = True) -> Any:
        parser = verbs.add_parser(name, help=about)
        parser.add_argument("--json", action="store_true", help="answer as JSON")
        parser.set_defaults(run=run)
        if name != "list":
            parser.add_argument("name", metavar="NAME")
        if change:
            parser.add_argument(
                "--revision", type=int, metavar="N", help="only if it is still at this revision"
            )
        return parser

    verb("list", _list, "all endpoints", change=False)
    verb("show", _show, "one endpoint", change=False)
    _add_deploy(verbs)
    scale = verb("scale", _scale, "change how many replicas there are")
    scale.add_argument("policy", help="fixed:N, elastic:MIN-MAX[,target=C] or serverless[:0-MAX]")
    traffic = verb("traffic", _traffic, "divide the calls among versions")
    traffic.add_argument("weights", nargs="+", metavar="VERSION=PERCENT", help="e.g. 3=90 4=10")
    traffic.add_argument(
        "--shadow", type=int, action="append", default=[], metavar="VERSION",
        help="gets a copy of each call; its answers are only recorded",
    )  # fmt: skip
    promote = verb("promote", _promote, "give a version all traffic")
    promote.add_argument("version", type=int)
    promote.add_argument("--alias", help="the alias that the endpoint follows from now on")
    verb("rollback", _rollback, "go back to what served before")
    verb("undeploy", _undeploy, "stop serving; it is remembered")
    log = verb("log", _log, "the last output of its workers", change=False)
    log.add_argument("--version", type=int, help="default: the one with most traffic")


def _add_deploy(verbs: Any) -> None:
    deploy = verbs.add_parser("deploy", help="serve a version of a model; waits until it answers")
    deploy.add_argument("model", metavar="MODEL", help="churn, churn/3 or churn@champion")
    deploy.add_argument("--as", dest="name", metavar="NAME", help="default: the model's name")
    deploy.add_argument("--scale", metavar="POLICY", help="as for scale; default: fixed:1")
    deploy.add_argument(
        "--revision", type=int, metavar="N", help="only if it is still at this revision"
    )
    deploy.add_argument("--json", action="store_true", help="answer as JSON")
    deploy.set_defaults(run=_deploy)


def _list(parsed: argparse.Namespace) -> None:
    with reading() as hub:
        statuses = hub.endpoints()
    if parsed.json:
        write_json(statuses)
        return
    if not statuses:
        write("There is no endpoint. Deploy one: mlops-jupyter endpoints deploy churn.")
        return
    rows = [
        (
            one.spec.name,
            one.state,
            f"{one.spec.model} {_shares(one.spec.traffic)}",
            one.spec.scaling,
            _ready(one),
            f"{one.requests_per_second:.1f}",
            "" if one.p99_ms is None else f"{one.p99_ms:.1f}",
            one.spec.revision,
        )
        for one in statuses
    ]
    head = ("name", "state", "serves", "scaling", "ready", "calls/s", "p99 ms", "revision")
    write(table(head, rows, right=(4, 5, 6, 7)))


def _show(parsed: argparse.Namespace) -> None:
    with reading() as hub:
        _answer(parsed, hub.status(parsed.name))


def _deploy(parsed: argparse.Namespace) -> None:
    wanted = ModelRef.parse(parsed.model)
    scaling = None if parsed.scale is None else ScalingPolicy.parse(parsed.scale)
    hub = starting(parsed)
    # brings MLflow, which no other verb needs
    from mlops_jupyter.registry import resolve

    with hub:
        status = hub.deploy(
            parsed.name or wanted.name,
            resolve(wanted),
            scaling=scaling,
            alias=wanted.alias,
            revision=parsed.revision,
            wait=LOAD_SECONDS,
        )
        _answer(parsed, status)


def _scale(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        _answer(parsed, hub.scale(parsed.name, parsed.policy, revision=parsed.revision))


def _traffic(parsed: argparse.Namespace) -> None:
    weights = _weights(parsed.weights)
    with starting(parsed) as hub:
        status = hub.traffic(parsed.name, weights, shadows=parsed.shadow, revision=parsed.revision)
        _answer(parsed, status)


def _weights(texts: list[str]) -> dict[int, int]:
    weights: dict[int, int] = {}
    for text in texts:
        match = re.fullmatch(r"([1-9][0-9]{0,8})=([0-9]{1,3})%?", text)
        if match is None or int(match[1]) in weights:
            raise InvalidRequest(
                f"{ascii(text)[:40]} is not a share of the traffic.",
                reason="A share is a version, '=' and a percentage, each version once.",
                fix="Write e.g. 3=90 4=10.",
                code="invalid_traffic",
            )
        weights[int(match[1])] = int(match[2])
    return weights


def _promote(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        status = hub.promote(
            parsed.name, parsed.version, alias=parsed.alias, revision=parsed.revision
        )
        _answer(parsed, status)


def _rollback(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        _answer(parsed, hub.rollback(parsed.name, revision=parsed.revision))


def _undeploy(parsed: argparse.Namespace) -> None:
    with starting(parsed) as hub:
        _answer(parsed, hub.undeploy(parsed.name, revision=parsed.revision))


def _log(parsed: argparse.Namespace) -> None:
    with reading() as hub:
        text = hub.log(parsed.name, parsed.version)
    if parsed.json:
        write_json({"log": text})
    elif text:
        write(text.rstrip("\n"))


def _answer(parsed: argparse.Namespace, status: EndpointStatus) -> None:
    if parsed.json:
        write_json(status)
        return
    spec = status.spec
    write(
        f"{spec.name}: {status.state}{f' ({status.reason})' if status.reason else ''}\n"
        f"serves     {spec.model} {_shares(spec.traffic)}\n"
        f"address    {status.url}\n"
        f"scaling    {spec.scaling} on {spec.target}\n"
        f"audit      {spec.audit.level}, {spec.audit.mode}\n"
        f"revision   {spec.revision}, {local_time(status.updated_at)} by {status.updated_by}"
    )
    rows = [
        (one.version, one.desired, one.ready, one.pending, one.reason) for one in status.replicas
    ]
    if rows:
        write(table(("version", "desired", "ready", "pending", "why"), rows, right=range(4)))


def _shares(traffic: Traffic) -> str:
    parts = [f"{version}={weight}%" for version, weight in sorted(traffic.weights.items())]
    return " ".join(parts + [f"{version}=shadow" for version in traffic.shadows])


def _ready(status: EndpointStatus) -> str:
    ready = sum(one.ready for one in status.replicas)
    return f"{ready}/{sum(one.desired for one in status.replicas)}"
