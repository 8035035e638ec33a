"""``mlops-jupyter``: the hub, its endpoints, tokens and ledger from a terminal.

Exit status: 0 done, 1 it failed or a check did not pass, 2 the command line is wrong.
An error is one line on standard error, or with ``--json`` one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from mlops_jupyter.cli import audit, endpoints, hub, pipelines, runs, tokens, worker
from mlops_jupyter.cli.output import error_line, show_help, write, write_json
from mlops_jupyter.cli.reach import reading
from mlops_jupyter.types import InvalidRequest, MlopsError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    parsed = make_parser().parse_args(arguments)
    try:
        status = parsed.run(parsed)
        sys.stdout.flush()
    except MlopsError as error:
        said = json.dumps(error.to_dict()) if parsed.json else error_line(error)
        sys.stderr.write(said + "\n")
        return USAGE if isinstance(error, InvalidRequest) else FAILED
    except BrokenPipeError:
        # whoever reads has seen enough; what is left in the buffer must not raise at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED
    return OK if status is None else int(status)


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="mlops-jupyter",
        description="Register, deploy, scale and audit models: the part for the terminal.",
        epilog="MLOPS_JUPYTER_HOME chooses another state directory, and so another hub.",
    )
    show_help(parser)
    nouns = parser.add_subparsers(metavar="COMMAND")
    for room in (hub, endpoints, pipelines, worker, runs, tokens, audit):
        room.add_commands(nouns)
    whoami = nouns.add_parser("whoami", help="who the hub takes you for")
    whoami.set_defaults(run=_whoami)
    version = nouns.add_parser("version", help="the version of this program")
    version.set_defaults(run=_version)
    for leaf in (whoami, version):
        leaf.add_argument("--json", action="store_true", help="answer as JSON")
    return parser


def _whoami(parsed: argparse.Namespace) -> None:
    with reading() as connected:
        known = connected.whoami()
    if parsed.json:
        write_json(known)
    else:
        write(f"{known.subject} ({known.kind}, proven by {known.method})")


def _version(parsed: argparse.Namespace) -> None:
    from mlops_jupyter import __version__

    if parsed.json:
        write_json({"version": __version__})
    else:
        write(__version__)
