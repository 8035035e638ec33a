"""Runs a program once for each row and speaks JSON lines for it.

python3 each.py [--stdin INPUT] [--binary] [--json] [--jobs N] OUTPUT -- PROGRAM WORD…

INPUT goes to the program's standard input; ``{name}`` in a word is the value of the input `name`,
``{name:file}`` the path of a file with it. What the program prints is the value of OUTPUT. With
--binary the inputs are bytes; with --json what it prints is read as JSON, a number say. A program
that fails fails its call with its last words; with status 65, by sysexits.h, its input is wrong.
"""

from __future__ import annotations

import argparse
import base64
import concurrent.futures
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

Row = dict[str, object]

DATAERR = 65


class InvalidInput(ValueError):
    """The program cannot use its input."""


def run(options: argparse.Namespace, row: Row) -> object:
    """What the program prints for one row."""

    def content(name: str) -> bytes:
        if row[name] is None:
            raise ValueError(f"the input {name} is missing")
        text = str(row[name]).encode()
        return base64.b64decode(text) if options.binary else text

    with tempfile.TemporaryDirectory() as folder:

        def place(match: re.Match[str]) -> str:
            name, as_file = match.groups()
            if not as_file:
                return content(name).decode()
            path = Path(folder, name)
            path.write_bytes(content(name))
            return str(path)

        words = [re.sub(r"\{(\w+)(:file)?\}", place, word) for word in options.words]
        given = content(options.stdin) if options.stdin else b""
        done = subprocess.run(words, input=given, capture_output=True, check=False)
    sys.stderr.buffer.write(done.stderr)
    if done.returncode:
        last = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no words"])[-1]
        if done.returncode == DATAERR:
            raise InvalidInput(last)
        raise ValueError(f"{words[0]} ended with status {done.returncode}: {last}")
    printed = done.stdout.decode().rstrip("\n")
    return json.loads(printed) if options.json else printed


def answer(options: argparse.Namespace, line: str) -> dict[str, object]:
    """The answer to one request."""
    request = json.loads(line)
    inputs = request["inputs"]
    rows = [{name: inputs[name][place] for name in inputs} for place in range(request["rows"])]
    try:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            values = list(pool.map(lambda row: run(options, row), rows))
    except Exception as error:
        return {
            "id": request["id"],
            "error": {"class": type(error).__name__, "message": str(error)},
        }
    return {"id": request["id"], "outputs": {options.output: values}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--stdin")
    parser.add_argument("--binary", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("output")
    parser.add_argument("words", nargs="+")
    chosen = parser.parse_args()
    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    for request_line in sys.stdin:
        sys.stdout.write(json.dumps(answer(chosen, request_line)) + "\n")
        sys.stdout.flush()
