"""``mlops-jupyter worker`` and ``register``: saved models and programs, from a terminal."""

from __future__ import annotations

import argparse
import warnings
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from mlops_jupyter.cli.output import show_help, write, write_json
from mlops_jupyter.cli.reach import starting
from mlops_jupyter.client.words import named_values
from mlops_jupyter.types import InvalidRequest
from mlops_jupyter.workers.scaffold import init_worker, kinds
from mlops_jupyter.workers.trial import read_inputs, try_worker


def add_commands(nouns: Any) -> None:
    """Add ``register``, and ``worker`` with its verbs."""
    register = nouns.add_parser("register", help="register the next version of a model")
    register.add_argument("name", metavar="NAME", help="the model's name")
    either = register.add_mutually_exclusive_group(required=True)
    either.add_argument("--model", metavar="FOLDER", help="saved by MLflow, here or elsewhere")
    either.add_argument("--worker", metavar="FOLDER", help="a program, with a worker.toml")
    register.add_argument(
        "--env",
        choices=("kernel", "locked"),
        help="for a model: this interpreter, or an environment made from its requirements",
    )
    _signature(register)
    register.add_argument("--alias", metavar="ALIAS", help="alias for the new version")
    register.add_argument(
        "--tag", metavar="KEY=VALUE", action="append", default=[], help="may be repeated"
    )
    register.set_defaults(run=_register)
    noun = nouns.add_parser("worker", help="models that are programs in any language")
    show_help(noun)
    verbs = noun.add_subparsers(metavar="VERB")
    init = verbs.add_parser("init", help="make a folder to begin with")
    init.add_argument("kind", metavar="KIND", help=", ".join(kinds()))
    init.add_argument("folder", metavar="FOLDER")
    init.set_defaults(run=_init)
    test = verbs.add_parser("test", help="start the program, ask it once, show the talk")
    test.add_argument("folder", metavar="FOLDER")
    _signature(test)
    test.add_argument("--input", metavar="JSON", help='e.g. {"text": ["good", "bad"]}')
    test.set_defaults(run=_test)
    for leaf in (register, init, test):
        leaf.add_argument("--json", action="store_true", help="answer as JSON")


def _signature(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--signature",
        metavar="TEXT",
        help="'text: string -> label: string'; default: the model's own",
    )


def _register(parsed: argparse.Namespace) -> None:
    tags = named_values(parsed.tag, "--tag stage=trial")
    if parsed.worker is not None and parsed.env is not None:
        raise InvalidRequest(
            "A worker model has no --env.", fix="Leave it out.", code="unknown_option"
        )
    hub = starting(parsed)
    from mlops_jupyter.registry import ModelAdvice, register, register_worker

    given = {"signature": parsed.signature, "environment": parsed.env}
    options = {name: value for name, value in given.items() if value is not None}
    if parsed.worker is None:
        save = partial(register, parsed.name, Path(parsed.model), **options)
    else:
        save = partial(register_worker, parsed.name, parsed.worker, **options)

    with hub, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ModelAdvice)
        version = save(alias=parsed.alias, tags=tags)
        version = hub.add_version(version)
    advice = [str(one.message) for one in caught]
    if parsed.json:
        write_json({**asdict(version), "advice": advice})
        return
    write(f"{version.ref} is registered{f' as @{parsed.alias}' if parsed.alias else ''}.")
    for text in advice:
        write(text)


def _init(parsed: argparse.Namespace) -> None:
    said = init_worker(parsed.kind, Path(parsed.folder))
    if parsed.json:
        write_json({"folder": parsed.folder, "next": said})
    else:
        write(said)


def _test(parsed: argparse.Namespace) -> None:
    lines: list[str] = []
    try_worker(
        Path(parsed.folder),
        lines.append if parsed.json else write,
        signature=parsed.signature,
        inputs=None if parsed.input is None else read_inputs(parsed.input),
    )
    if parsed.json:
        write_json({"works": True, "talk": lines})
