"""Commands and programs that call an endpoint, to paste elsewhere. They work as written."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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


def predict(data):
    """Return the predictions for `data`, in a shape of MLflow's scoring protocol."""
    request = urllib.request.Request(
        URL,
        data=json.dumps(data).encode(),
        headers={{
            "Authorization": "Bearer " + os.environ["MLOPS_TOKEN"],
            "Content-Type": "application/json",
        }},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["predictions"]
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{{error.code}} {{error.read().decode()}}")


print(predict(json.loads({body})))
'''

_JAVASCRIPT = """// Calls the endpoint {name} with the token in MLOPS_TOKEN. To make one:
//   mlops-jupyter token create my-app --endpoint {name} --expires 90d

const url = {url};

async function predict(data) {{
  const response = await fetch(url, {{
    method: "POST",
    headers: {{
      Authorization: `Bearer ${{process.env.MLOPS_TOKEN}}`,
      "Content-Type": "application/json",
    }},
    body: JSON.stringify(data),
  }});
  if (!response.ok) throw new Error(`${{response.status}} ${{await response.text()}}`);
  return (await response.json()).predictions;
}}

predict({body}).then(console.log);
"""


def curl(url: str, token: Path, body: Mapping[str, Any]) -> str:
    """A command for bash. The token goes from its file through a pipe, unseen by ``ps``."""
    header = f"printf 'Authorization: Bearer %s' \"$(cat {shlex.quote(str(token))})\""
    return (
        f"curl -sS {shlex.quote(url)} \\\n"
        f"  -H @<({header}) \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(json.dumps(body))}"
    )


def python(url: str, name: str, body: Mapping[str, Any]) -> str:
    """A program of nothing but the standard library."""
    text = json.dumps(body)
    return _PYTHON.format(name=name, url=json.dumps(url), body=ascii(text))


def javascript(url: str, name: str, body: Mapping[str, Any]) -> str:
    """A program for Node."""
    return _JAVASCRIPT.format(name=name, url=json.dumps(url), body=json.dumps(body))


LANGUAGES: dict[str, Callable[[str, str, Mapping[str, Any]], str]] = {
    "python": python,
    "javascript": javascript,
}


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
