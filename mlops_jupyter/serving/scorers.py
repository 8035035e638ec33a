"""From a model folder to the quickest way to call it that answers exactly as MLflow's pyfunc does.

``pyfunc.predict`` checks and copies the input on every call, about 1 ms for a row of 30 numbers.
The gateway has checked it already, so a scorer calls the flavour below pyfunc, or the library below
the flavour. Which one is decided by proof at load: a scorer is taken only if it returns the same as
``pyfunc.predict`` on the model's input example, in values, dtype, shape and container, after the
example went through the packing that calls go through. If none does, pyfunc itself is the scorer.

The proof belongs to the version, so a zygote hands what its first worker found to the later ones:
they predict the example by the chosen way only, which is also what warms them up.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np

from mlops_jupyter.serving.elements import DTYPES
from mlops_jupyter.serving.flavours import FAMILIES, Candidate, Family
from mlops_jupyter.serving.modelio import Columns, InputPlan, pack, rebuild
from mlops_jupyter.serving.sameness import same
from mlops_jupyter.serving.tensors import Outputs, Tensor
from mlops_jupyter.serving.worker import WorkerSpec

Header = dict[str, Any]
_MAX_KEPT = 1 << 18


class Scorer(Protocol):
    """Answers one PREDICT frame; `path` names the way, e.g. ``sklearn-matrix``."""

    path: str

    def __call__(self, header: Header, body: memoryview) -> Any:
        """Predict; raises whatever the model raises."""


@dataclass
class Loaded:
    """A model that answers.

    Attributes
    ----------
    batchable
        Whether rows of several calls may be stacked.
    outputs
        Name, datatype and shape (-1 for the rows) of what the example gave; empty if unknown.
    """

    scorer: Scorer
    batchable: bool
    outputs: list[dict[str, Any]]
    names: Sequence[str]
    example: tuple[Header, memoryview] | None = None

    @property
    def path(self) -> str:
        """The scorer's way."""
        return self.scorer.path

    def score(self, header: Header, body: memoryview) -> Any:
        """Answer one PREDICT frame."""
        return self.scorer(header, body)

    def attend(self, sock: socket.socket) -> None:
        """Nothing is going on while no frame is there."""

    def stop(self) -> None:
        """The model ends with its process."""

    def proof(self) -> dict[str, Any]:
        """What `load` needs to not prove it again, as JSON values; empty for pyfunc's own way."""
        if self.example is None or self.scorer.path == PyfuncScorer.path:
            return {}
        if self.example[1].nbytes > _MAX_KEPT:
            return {}
        header, body = self.example
        return {
            "path": self.scorer.path,
            "batchable": self.batchable,
            "outputs": self.outputs,
            "names": list(self.names),
            "example": [header, base64.b64encode(body).decode()],
        }

    def pack(self, result: Any) -> Outputs:
        """The model's result as outputs."""
        return pack(result, self.names)


class PyfuncScorer:
    """MLflow's own way, checks and all: for what no other way is proven for."""

    path = "pyfunc"

    def __init__(self, model: Any, plan: InputPlan) -> None:
        self._model = model
        self._plan = plan

    def __call__(self, header: Header, body: memoryview) -> Any:
        """Predict through pyfunc."""
        data = self._plan.native(header, body)
        params = header.get("params")
        return self._model.predict(data, params=params) if params else self._model.predict(data)


class DirectScorer:
    """A function called on what pyfunc would hand over; calls with params take pyfunc's way."""

    def __init__(
        self,
        path: str,
        read: Callable[[Header, memoryview], Any],
        function: Callable[[Any], Any],
        with_params: Scorer,
    ) -> None:
        self.path = path
        self._read = read
        self._function = function
        self._with_params = with_params

    def __call__(self, header: Header, body: memoryview) -> Any:
        """Predict directly, or through pyfunc when the call has params."""
        if header.get("params"):
            return self._with_params(header, body)
        return self._function(self._read(header, body))


def load(spec: WorkerSpec, proof: Mapping[str, Any] | None = None) -> Loaded:
    """Load the model, let it predict an example, and choose its scorer.

    Parameters
    ----------
    proof
        What `Loaded.proof` gave in another worker of this version.

    Raises whatever loading raises, and what the model raises on the input example that was saved
    with it. An example made up from the signature proves nothing by failing.
    """
    # sklearn warns on every call that an array has no names, which it gets where that is proven
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    model = _load_model(spec.path, with_example=not proof)
    signature = spec.signature
    if signature is None and model.metadata.signature is not None:
        signature = model.metadata.signature.to_dict()
    plan = InputPlan(signature)
    family = FAMILIES.get(model.loader_module, Family())
    scorer: Scorer = PyfuncScorer(model, plan)
    if proof:
        loaded = _reuse(proof, family.candidates(model, plan), plan, scorer)
        return loaded or load(spec)
    example, packed, result = _probe(model, plan, scorer)
    if packed is not None:
        scorer = _choose(family.candidates(model, plan), plan, packed, result, scorer)
    batchable = spec.batchable
    if batchable is None:
        batchable = (
            packed is not None
            and family.independent(model)
            and _is_row_wise(scorer, packed)
            and (not family.doubtful or _rows_agree(plan, scorer, example))
        )
    return Loaded(scorer, batchable, *_describe(result, model), packed)


def _load_model(path: str, with_example: bool) -> Any:
    import mlflow.pyfunc
    from mlflow.models import Model

    if with_example:
        return mlflow.pyfunc.load_model(path, suppress_warnings=True)
    read_example = Model.load_input_example
    Model.load_input_example = lambda *_, **__: None
    try:
        return mlflow.pyfunc.load_model(path, suppress_warnings=True)
    finally:
        Model.load_input_example = read_example


def _reuse(
    proof: Mapping[str, Any], candidates: Iterable[Candidate], plan: InputPlan, pyfunc: Scorer
) -> Loaded | None:
    """The model with the scorer that was proven before, warmed up on the example."""
    header, body = proof["example"]
    # writable, as the body of a received frame may be
    example = header, memoryview(bytearray(base64.b64decode(body)))
    for candidate in candidates:
        scorer = _scorer(candidate, plan, pyfunc)
        if scorer.path == proof["path"]:
            with contextlib.suppress(Exception):  # then it is proven anew
                loaded = Loaded(
                    scorer, proof["batchable"], proof["outputs"], proof["names"], example
                )
                loaded.pack(scorer(*example))
                return loaded
    return None


def _scorer(candidate: Candidate, plan: InputPlan, pyfunc: Scorer) -> Scorer:
    name, kind, function = candidate
    read = plan.array if kind == "matrix" else plan.native
    return DirectScorer(f"{name}-{kind}", read, function, pyfunc)


def _probe(model: Any, plan: InputPlan, scorer: Scorer) -> tuple[Any, Any, Any]:
    """An example, the same packed, and pyfunc's answer to it; None for what there is not."""
    saved = model.input_example
    if saved is not None:
        # the truth is what pyfunc says to the example as it was given, not as we packed it
        result = model.predict(_copy(saved))
        try:
            return saved, _pack(plan, saved), result
        except (ValueError, KeyError, TypeError):
            return saved, None, result
    try:
        example = plan.example()
        packed = _pack(plan, example)
        return example, packed, scorer(*packed)
    except Exception:
        return None, None, None


def _pack(plan: InputPlan, data: Any) -> tuple[Header, memoryview]:
    header, body = plan.pack(data)
    return header, memoryview(body)


def _copy(data: Any) -> Any:
    copy = getattr(data, "copy", None)
    return copy() if callable(copy) else data


def _choose(
    candidates: Iterable[Candidate], plan: InputPlan, packed: Any, result: Any, pyfunc: Scorer
) -> Scorer:
    for candidate in candidates:
        scorer = _scorer(candidate, plan, pyfunc)
        try:
            answer = scorer(*packed)
            if same(rebuild(pack(answer)) if isinstance(answer, Columns) else answer, result):
                return scorer
        except Exception:  # noqa: S112 - it does not take this form; the next candidate may
            continue
    return pyfunc


def _is_row_wise(scorer: Scorer, packed: Any) -> bool:
    """Whether the answer to the example can be cut by rows."""
    outputs = pack(scorer(*packed))
    rows = packed[0]["rows"]
    by_row = all(tensor.shape[:1] == (rows,) for tensor in outputs.tensors)
    return by_row and "index" not in outputs.extra and outputs.container not in ("json", "scalar")


def _rows_agree(plan: InputPlan, scorer: Scorer, example: Any) -> bool:
    """Whether the first row alone gets the answer that it gets among others."""
    try:
        alone = pack(scorer(*_pack(plan, _take(example, [0]))))
        among = pack(scorer(*_pack(plan, _take(example, [0, -1, 0]))))
    except Exception:
        return False  # e.g. the graph has a fixed number of rows
    return all(map(_starts_with, among.tensors, alone.tensors))


def _take(data: Any, rows: list[int]) -> Any:
    if hasattr(data, "iloc"):
        return data.iloc[rows].reset_index(drop=True)
    if isinstance(data, dict):
        return {name: np.asarray(value)[rows] for name, value in data.items()}
    return np.asarray(data)[rows]


def _starts_with(among: Tensor, alone: Tensor) -> bool:
    if among.datatype not in DTYPES:
        return among.data.startswith(alone.data)
    first = np.frombuffer(among.data, DTYPES[among.datatype])[: prod(alone.shape)]
    return np.allclose(first, np.frombuffer(alone.data, DTYPES[alone.datatype]), equal_nan=True)


def _describe(result: Any, model: Any) -> tuple[list[dict[str, Any]], Sequence[str]]:
    schema = model.metadata.get_output_schema()
    names = schema.input_names() if schema is not None and schema.has_input_names() else []
    if result is None:
        return [], names
    described = [
        {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": [-1, *tensor.shape[1:]],
        }
        for tensor in pack(result, names).tensors
    ]
    return described, names
