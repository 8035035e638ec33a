"""Commands and programs that call an endpoint, to paste elsewhere. They work as written."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_WIDTH = 88
_EXAMPLE_FILE = "serving_input_example.json"
_LARGEST_EXAMPLE = 64 * 1024
_LEAVES: dict[str, Any] = {"BOOL": True, "FP16": 0.5, "FP32": 0.5, "FP64": 0.5}
_TEXTS: dict[str, Any] = {
    "str": "text",
    "": "text",
    "base64": "AAEC",
    "datetime": "2026-01-31T12:00:00",
    "json": ["text"],
}

_PYTHON = '''"""Calls the endpoint {name} with the token in MLOPS_TOKEN. To make one:

    mlops-jupyter token create my-app --endpoint {name} --expires 90d
"""

import json
import os
import urllib.error
import urllib.request

URL = {url}
TOKEN = os.environ.get("MLOPS_TOKEN")
DATA = {body}


def predict(data):
    """Return the predictions for `data`, in a shape of MLflow's scoring protocol."""
    request = urllib.request.Request(
        URL,
        data=json.dumps(data).encode(),
        headers={{
            "Authorization": "Bearer " + TOKEN,
            "Content-Type": "application/json",
        }},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["predictions"]
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{{error.code}} {{error.read().decode()}}")
    except urllib.error.URLError as error:
        raise SystemExit(f"{{URL}} cannot be reached: {{error.reason}}")


if not TOKEN:
    raise SystemExit("MLOPS_TOKEN is not set. Set it to the token of your application.")
print(predict(DATA))
'''

_JAVASCRIPT = """// Calls the endpoint {name} with the token in MLOPS_TOKEN. To make one:
//   mlops-jupyter token create my-app --endpoint {name} --expires 90d

const url = {url};
const token = process.env.MLOPS_TOKEN;
const data = {body};

async function predict(data) {{
  const response = await fetch(url, {{
    method: "POST",
    headers: {{
      Authorization: `Bearer ${{token}}`,
      "Content-Type": "application/json",
    }},
    body: JSON.stringify(data),
  }});
  if (!response.ok) throw new Error(`${{response.status}} ${{await response.text()}}`);
  return (await response.json()).predictions;
}}

if (token) {{
  predict(data).then(console.log);
}} else {{
  console.error("MLOPS_TOKEN is not set. Set it to the token of your application.");
  process.exitCode = 1;
}}
"""


def curl(url: str, token: Path, body: Mapping[str, Any]) -> str:
    """A command for any POSIX shell.

    The token goes from its file through a pipe into curl's configuration: it is in no argument,
    which ``ps`` would show, and in no variable.
    """
    return (
        f"sed 's/.*/header = \"Authorization: Bearer &\"/' {shlex.quote(str(token))} |\n"
        f"  curl -sS -K - {shlex.quote(url)} \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(_laid_out(body, json.dumps))}"
    )


def python(url: str, name: str, body: Mapping[str, Any]) -> str:
    """A program of nothing but the standard library."""
    return _PYTHON.format(name=name, url=json.dumps(url), body=_laid_out(body, ascii))


def javascript(url: str, name: str, body: Mapping[str, Any]) -> str:
    """A program for Node."""
    return _JAVASCRIPT.format(name=name, url=json.dumps(url), body=_laid_out(body, json.dumps))


def _laid_out(value: Any, leaf: Callable[[Any], str], indent: str = "") -> str:
    """A JSON value in lines of at most `_WIDTH` characters where its leaves allow that."""
    deeper = indent + "    "
    if isinstance(value, Mapping):
        items = [f"{leaf(key)}: {_laid_out(one, leaf, deeper)}" for key, one in value.items()]
        opening, closing = "{", "}"
    elif isinstance(value, list):
        items = [_laid_out(one, leaf, deeper) for one in value]
        opening, closing = "[", "]"
    else:
        return leaf(value)
    flat = opening + ", ".join(items) + closing
    if not items or ("\n" not in flat and len(indent) + len(flat) <= _WIDTH):
        return flat
    lines = [items[0]]
    for item in items[1:]:
        longer = f"{lines[-1]}, {item}"
        nested = isinstance(value, Mapping) or "\n" in longer
        if nested or len(deeper) + len(longer) >= _WIDTH:
            lines[-1] += ","
            lines.append(item)
        else:
            lines[-1] = longer
    return "\n".join([opening, *(deeper + line for line in lines), indent + closing])


LANGUAGES: dict[str, Callable[[str, str, Mapping[str, Any]], str]] = {
    "python": python,
    "javascript": javascript,
}


def saved_example(folder: Path) -> dict[str, Any] | None:
    """The first row of the example that MLflow saved beside a model; None if it is of no use."""
    path = folder / _EXAMPLE_FILE
    try:
        if path.stat().st_size > _LARGEST_EXAMPLE:
            return None
        body = json.loads(path.read_text("utf-8"), parse_constant=lambda _: None)
        if "dataframe_split" in body:
            split = body["dataframe_split"]
            rows = {"columns": split["columns"], "data": split["data"][:1]}
            return {**body, "dataframe_split": rows} if rows["data"] else None
        return {**body, "inputs": _first(body["inputs"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _first(value: Any) -> Any:
    """The first row of a tensor, or of each of several."""
    if isinstance(value, dict):
        return {name: _first(one) for name, one in value.items()}
    return value[:1] if isinstance(value, list) else value


def example(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A body of one row that fits the types of an endpoint's metadata."""
    inputs = metadata["inputs"]
    if all(list(one["shape"]) == [-1] for one in inputs):
        row = [_value(one) for one in inputs]
        return {"dataframe_split": {"columns": [one["name"] for one in inputs], "data": [row]}}
    values = {one["name"]: _tensor(one) for one in inputs}
    # how the hub calls a tensor that has no name
    return {"inputs": values["input-0"] if list(values) == ["input-0"] else values}


def _value(described: Mapping[str, Any]) -> Any:
    if described["datatype"] == "BYTES":
        return _TEXTS.get((described.get("parameters") or {}).get("content_type", ""), "text")
    return _LEAVES.get(described["datatype"], 1)


def _tensor(described: Mapping[str, Any]) -> Any:
    value = _value(described)
    for size in reversed(described["shape"]):
        value = [value] * (1 if size < 0 else int(size))
    return value
