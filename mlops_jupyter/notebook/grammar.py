"""The verbs' own words: one parser for each magic, built when first needed."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from functools import cache

from mlops_jupyter.notebook import run_grammar
from mlops_jupyter.notebook.parser import VerbParser, cut, whole
from mlops_jupyter.types import InvalidRequest, ScalingPolicy, did_you_mean

KINDS = ("prediction", "control", "run", "access", "gap", "system")
SCALING_WORDS = ("fixed:1", "fixed:2", "elastic:1-4", "serverless", "serverless:0-4,idle=60s")


def _positive(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)s?", text)
    if match is None or not float(match[1]):
        raise argparse.ArgumentTypeError(f"{cut(text)} is not a number of seconds over 0")
    return float(match[1])


def _register() -> VerbParser:
    parser = VerbParser(
        "register",
        "Register a trained model as the next version of NAME.",
        "%register churn --model clf --input X_train --alias challenger",
    )
    parser.add("name", metavar="NAME", completes="model", help="the model's name")
    either = parser.add_mutually_exclusive_group(required=True)
    parser.add(
        "--model",
        among=either,
        metavar="VARIABLE",
        completes="variable",
        help="the fitted model, or the path of a saved one with a slash in it: ./folder",
    )
    parser.add(
        "--worker",
        among=either,
        metavar="FOLDER",
        help="a program in any language: a folder with a worker.toml",
    )
    parser.add(
        "--input",
        metavar="VARIABLE",
        completes="variable",
        help="rows as the model takes them; the signature is taken from them",
    )
    parser.add(
        "--output",
        metavar="VARIABLE",
        completes="variable",
        help="for a worker: its answers to --input, for the signature",
    )
    parser.add(
        "--signature",
        metavar="TEXT",
        help="for a worker: 'text: string -> label: string'; default: that of its worker.toml",
    )
    parser.add("--alias", metavar="ALIAS", completes="alias", help="alias for the new version")
    parser.add("--target", metavar="VARIABLE", completes="variable", help="the true answers")
    parser.add(
        "--data", metavar="VARIABLE", completes="variable", help="training data, for its digest"
    )
    parser.add("--params", metavar="VARIABLE", completes="variable", help="dict of parameters")
    parser.add("--metrics", metavar="VARIABLE", completes="variable", help="dict of metrics")
    parser.add("--tag", metavar="KEY=VALUE", action="append", default=[], help="may be repeated")
    parser.add(
        "--env",
        choices=("kernel", "locked"),
        help="where it will run: this kernel's interpreter, or one made from its requirements",
    )
    return parser


def _deploy() -> VerbParser:
    parser = VerbParser(
        "deploy",
        "Serve a version of a model behind an endpoint. What is not given stays as it is.",
        "%deploy churn@champion --scale elastic:1-4",
    )
    parser.add("ref", metavar="MODEL", completes="ref", help="churn, churn/3 or churn@champion")
    parser.add(
        "--as", dest="name", metavar="NAME", completes="endpoint", help="the endpoint's name"
    )
    parser.add(
        "--scale",
        metavar="POLICY",
        completes="scaling",
        type=ScalingPolicy.parse,
        help="fixed:N, elastic:MIN-MAX[,target=C] or serverless[:0-MAX][,idle=SECONDSs]",
    )
    parser.add("--gpu", type=whole, metavar="N", help="GPUs for each replica")
    parser.add("--on", metavar="TARGET", choices=("local",), help="where replicas run")
    parser.add("--audit", choices=("full", "metadata"), help="what the ledger keeps of each call")
    parser.add("--mode", choices=("strict", "async"), help="strict: no answer without its record")
    parser.add("--env", choices=("kernel", "locked"), help="where the model's code runs")
    parser.add("--deadline", type=_positive, metavar="SECONDS", help="longest time for one call")
    _change(parser)
    return parser


def _change(parser: VerbParser, *, waits: bool = True) -> None:
    if waits:
        parser.add("--no-wait", action="store_true", help="return at once")
    parser.add(
        "--revision",
        type=whole,
        metavar="N",
        help="refuse if the endpoint's revision is not N any more",
    )


def _scale() -> VerbParser:
    parser = VerbParser(
        "scale",
        "Change how many replicas an endpoint has; without POLICY show it and why.",
        "%scale churn serverless",
    )
    parser.add("name", metavar="ENDPOINT", completes="endpoint", help="the endpoint's name")
    parser.add(
        "policy",
        nargs="?",
        metavar="POLICY",
        completes="scaling",
        type=ScalingPolicy.parse,
        help="fixed:N, elastic:MIN-MAX[,target=C] or serverless[:0-MAX][,idle=SECONDSs]",
    )
    parser.add("--ui", action="store_true", help="with controls that stay live below the facts")
    _change(parser)
    return parser


def _predict() -> VerbParser:
    parser = VerbParser(
        "predict", "Ask an endpoint for the predictions of DATA.", "%predict churn X_test"
    )
    parser.add("name", metavar="ENDPOINT", completes="endpoint", help="the endpoint's name")
    parser.add("data", metavar="DATA", completes="variable", help="name of a variable")
    parser.add("--version", type=whole, metavar="N", help="ask this version, past the traffic")
    parser.add("--params", metavar="VARIABLE", completes="variable", help="dict of parameters")
    return parser


def _traffic() -> VerbParser:
    parser = VerbParser(
        "traffic",
        "Share an endpoint's calls among versions; without shares show them.",
        "%traffic churn 3=90 4=10 --shadow 5",
    )
    parser.add("name", metavar="ENDPOINT", completes="endpoint", help="the endpoint's name")
    parser.add(
        "weights",
        nargs="*",
        metavar="VERSION=PERCENT",
        completes="share",
        help="shares; they sum to 100",
    )
    parser.add(
        "--shadow",
        action="append",
        default=[],
        metavar="VERSION",
        help="gets copies of the calls; its answers go to the audit only",
    )
    _change(parser, waits=False)
    return parser


def _promote() -> VerbParser:
    parser = VerbParser(
        "promote",
        "Give a version all traffic, without losing a call, then move the alias to it.",
        "%promote churn 4",
    )
    parser.add("name", metavar="ENDPOINT", completes="endpoint", help="the endpoint's name")
    parser.add("version", metavar="VERSION", completes="version", help="4, or an alias")
    parser.add(
        "--alias",
        metavar="ALIAS",
        completes="alias",
        help="the alias that moves; default: the one it was deployed by, or champion",
    )
    _change(parser, waits=False)
    return parser


def _rollback() -> VerbParser:
    parser = VerbParser(
        "rollback", "Go back to the traffic that an endpoint served before.", "%rollback churn"
    )
    parser.add("name", metavar="ENDPOINT", completes="endpoint", help="the endpoint's name")
    _change(parser, waits=False)
    return parser


def _undeploy() -> VerbParser:
    parser = VerbParser(
        "undeploy",
        "Stop an endpoint. It is remembered, and 'deploy' brings it back.",
        "%undeploy churn",
    )
    parser.add("name", metavar="ENDPOINT", completes="endpoint", help="the endpoint's name")
    _change(parser, waits=False)
    return parser


def _audit() -> VerbParser:
    parser = VerbParser(
        "audit",
        "Who called which version of which model, when, with which data and what came out.",
        "%audit churn --since 24h --by alice --failed",
    )
    parser.add(
        "name", nargs="?", metavar="NAME", completes="named", help="an endpoint's or a model's name"
    )
    parser.add("--model", metavar="MODEL", completes="model", help="only this model")
    parser.add("--version", type=whole, metavar="N", help="only this version")
    parser.add("--since", default="24h", metavar="TIME", help="24h, 7d, 2026-11-23 …; default 24h")
    parser.add("--until", metavar="TIME", help="as --since")
    parser.add("--by", metavar="CALLER", help="alice, user:alice, app:billing")
    parser.add("--kind", choices=KINDS, help="only")
    parser.add("--failed", action="store_true", help="only what failed or was refused")
    parser.add("--text", metavar="WORDS", help="search the records' text")
    parser.add("--limit", type=whole, default=20, metavar="N", help="records a page; default 20")
    parser.add(
        "--intents",
        action="store_true",
        help="also what was about to be done, where what came of it is known",
    )
    parser.add("--show", metavar="ID", help="one record, by its id or index, in full")
    parser.add("--payloads", action="store_true", help="with --show: what went in and came out")
    parser.add("--verify", action="store_true", help="check the whole ledger")
    parser.add("--ui", action="store_true", help="with a live table to filter and page through")
    return parser


def _pipeline() -> VerbParser:
    parser = VerbParser(
        "pipeline",
        "Check, register and deploy the pipeline that the cell describes, a step a line; "
        "without a cell, show the one that is deployed.",
        "%pipeline press-monitor",
    )
    parser.epilog = f"{parser.epilog}\n\n{_PIPELINE_FORM}"
    parser.formatter_class = lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=88)
    parser.add("name", metavar="NAME", completes="endpoint", help="the pipeline's name")
    parser.add("--no-deploy", action="store_true", help="check and register only")
    parser.add("--dry-run", action="store_true", help="check only")
    parser.add("--alias", metavar="ALIAS", completes="alias", help="alias for the new version")
    parser.add("--tag", metavar="KEY=VALUE", action="append", default=[], help="may be repeated")
    parser.add("--audit", choices=("full", "metadata"), help="what the ledger keeps of each call")
    parser.add("--mode", choices=("strict", "async"), help="strict: no answer without its record")
    parser.add("--deadline", type=_positive, metavar="SECONDS", help="longest time for one call")
    parser.add(
        "--revision",
        type=whole,
        metavar="N",
        help="refuse if the endpoint's revision is not N any more",
    )
    return parser


_PIPELINE_FORM = """\
above a cell, %%pipeline press-monitor, with such lines in the cell:
  take scan: binary                        what a caller sends, where it is not clear
  ocr(image=scan) -> text  timeout=5s      the endpoint ocr; its input image is the field scan
  langid -> lang
  switch lang != "en":
      translate/3 -> text  fallback={text: ""}
  parallel:
      sentiment@champion -> mood  retry=2
      topics -> topic
  return mood, topic
"""


def _mlops() -> VerbParser:
    parser = VerbParser(
        "mlops",
        "Who I am, which hub I use and what it runs; 'help VERB' explains a verb.",
        "%mlops help deploy",
    )
    parser.add("words", nargs="*", metavar="VERB", completes="verb", help="run this verb")
    return parser


_BUILDERS: dict[str, Callable[[], VerbParser]] = {
    "mlops": _mlops,
    "register": _register,
    "deploy": _deploy,
    "scale": _scale,
    "predict": _predict,
    "traffic": _traffic,
    "promote": _promote,
    "rollback": _rollback,
    "undeploy": _undeploy,
    "audit": _audit,
    "pipeline": _pipeline,
    "train": run_grammar.train,
    "runs": run_grammar.runs,
    "schedule": run_grammar.schedule,
}
VERBS = tuple(_BUILDERS)


@cache
def parser_of(verb: str) -> VerbParser:
    """The parser of a verb, built when first needed; InvalidRequest for an unknown one."""
    if verb not in _BUILDERS:
        raise InvalidRequest(
            f"There is no verb {cut(verb)}.",
            fix=f"{did_you_mean(verb, VERBS)} '%mlops help' lists all.".strip(),
            code="unknown_verb",
        )
    return _BUILDERS[verb]()
