"""A scripted endpoint that decodes, checks and encodes with the real protocol code.

Between decoding and encoding stands a Python function instead of a worker process; `seen` keeps
what it was given, part by part.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from mlops_jupyter.serving import oip, results
from mlops_jupyter.serving.modelio import InputPlan
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.stacking import stack
from mlops_jupyter.types import MlopsError, TooLarge

from .scripted import Answer, Asked

HEADER_LENGTH = "Inference-Header-Content-Length"


class ModelServer:
    """A script for one endpoint ``m`` that serves `model` with an MLflow signature."""

    def __init__(self, signature: Any, model: Callable[..., Any], body_limit: int = 2**30) -> None:
        described = signature.to_dict() if hasattr(signature, "to_dict") else signature
        self.signature = Signature.compile(described, "m", 1)
        self.plan = InputPlan(described)
        self.model = model
        self.body_limit = body_limit
        self.seen: list[Any] = []
        self.sizes: list[int] = []
        self.busy = 0
        self.most_busy = 0
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> Answer:
        with self._lock:
            self.busy += 1
            self.most_busy = max(self.most_busy, self.busy)
        try:
            return self._answer(asked)
        except MlopsError as error:
            wait = getattr(error, "retry_after", None)
            headers = {} if wait is None else {"Retry-After": str(wait)}
            return Answer(error.status, error.to_dict(), headers)
        finally:
            with self._lock:
                self.busy -= 1

    def _answer(self, asked: Asked) -> Answer:
        if asked.method == "GET":
            return Answer(body=oip.metadata(self.signature, "m", ["1"]))
        self.sizes.append(len(asked.body))
        if len(asked.body) > self.body_limit:
            raise TooLarge("The body is over the limit.")
        length = asked.headers.get(HEADER_LENGTH.lower())
        inputs, options = oip.decode(
            asked.body, None if length is None else int(length), self.signature
        )
        header, buffers = stack([inputs])
        data = self.plan.native(header, memoryview(b"".join(bytes(one) for one in buffers)))
        with self._lock:
            self.seen.append(data)
        result = self.model(data, inputs.params) if inputs.params else self.model(data)
        body, kind, json_length = oip.encode(results.pack(result), options, "m", 1)
        headers = {"Content-Type": kind}
        if json_length is not None:
            headers[HEADER_LENGTH] = str(json_length)
        return Answer(200, body, headers)


def columns(**types: str) -> dict[str, Any]:
    """A signature of columns by MLflow's type names; a trailing ``?`` makes one optional."""
    described = [
        {"name": name, "type": kind.rstrip("?"), "required": not kind.endswith("?")}
        for name, kind in types.items()
    ]
    return {"inputs": json.dumps(described), "outputs": None, "params": None}


def tensors(*specs: tuple[str | None, str, list[int]]) -> dict[str, Any]:
    """A signature of tensors: (name, dtype, shape)."""
    described: list[dict[str, Any]] = []
    for name, dtype, shape in specs:
        one: dict[str, Any] = {
            "type": "tensor",
            "tensor-spec": {"dtype": dtype, "shape": shape},
        }
        described.append(one if name is None else {"name": name, **one})
    return {"inputs": json.dumps(described), "outputs": None, "params": None}
