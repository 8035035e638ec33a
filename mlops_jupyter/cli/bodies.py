"""A recorded body for a person to read: its rows as a table."""

from __future__ import annotations

import json

from mlops_jupyter.cli.output import table
from mlops_jupyter.client.payloads import Bounds, Sample, read_payload

BOUNDS = Bounds(rows=50, columns=100)
"""Most that is shown."""


def readable(data: bytes, content_type: str) -> str:
    """The body as a table, as indented JSON, or what it is when neither is possible."""
    sample = read_payload(data, content_type, BOUNDS)
    if sample is not None:
        return _shown(sample)
    try:
        return json.dumps(json.loads(data), indent=2)
    except (ValueError, RecursionError):
        kind = content_type or "an unknown type"
        return f"{len(data)} bytes of {kind}; --raw writes them as they are."


def _shown(sample: Sample) -> str:
    numbers = [
        place + 1
        for place in range(len(sample.names))
        if all(_is_number(row[place]) for row in sample.cells)
    ]
    rows = [(number, *row) for number, row in enumerate(sample.cells)]
    text = table(("row", *sample.names), rows, right=[0, *numbers])
    return f"{text}\n{sample.left_out}" if sample.left_out else text


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
