"""A version's signature, compiled once into the check that every call passes.

`Signature.compile` reads what MLflow's ``ModelSignature.to_dict()`` wrote. The check takes what
MLflow's own scoring server takes, and gives the same values, with one difference of principle:
what MLflow would change silently (text read as numbers, 1.9 cut to 1, whole numbers that float64
cannot hold, numbers that wrap around, null read as false) is refused, naming the column.

Neither numpy nor pandas nor MLflow is imported here: the hub must stay small and quick to start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlops_jupyter.serving.columns import Column, Table
from mlops_jupyter.serving.example import example_of_columns, example_of_tensors
from mlops_jupyter.serving.nested import LEAVES, Kind
from mlops_jupyter.serving.params import Param, Params
from mlops_jupyter.serving.tensorspecs import TensorPlan, TensorSpec, datatype_of
from mlops_jupyter.types import InvalidInput

Description = tuple[Column, ...] | tuple[TensorSpec, ...]


class Signature:
    """What a version takes and returns.

    Attributes
    ----------
    inputs, outputs
        Parsed descriptions: columns or tensors. `outputs` is empty when the signature has none.
    params
        The parameters that a call may set.
    named
        Whether the inputs have names.
    table, tensors
        The compiled plan; exactly one of them is there.
    """

    def __init__(
        self, name: str, version: int, inputs: Description, outputs: Description, params: Params
    ) -> None:
        self.name = name
        self.version = version
        self.inputs = inputs
        self.outputs = outputs
        self.params = params
        self.table: Table | None = None
        self.tensors: TensorPlan | None = None
        columns = tuple(item for item in inputs if isinstance(item, Column))
        specs = tuple(item for item in inputs if isinstance(item, TensorSpec))
        if columns:
            self.table = Table(self.ref, columns)
            self.named = bool(columns[0].named)
        else:
            self.tensors = TensorPlan(self.ref, specs)
            self.named = not self.tensors.unnamed

    @property
    def ref(self) -> str:
        """``name/version``."""
        return f"{self.name}/{self.version}"

    @classmethod
    def compile(
        cls, signature: Mapping[str, Any] | None, name: str = "model", version: int = 0
    ) -> Signature:
        """Compile the ``signature`` of a :class:`~mlops_jupyter.types.ModelVersion`.

        Raises
        ------
        InvalidInput
            There is no signature (``no_signature``), or one that cannot be served
            (``unsupported_signature``).
        """
        ref = f"{name}/{version}"
        if not signature or not signature.get("inputs"):
            raise InvalidInput(
                f"{ref} has no signature of its inputs.",
                reason="Without one, calls could be neither checked nor described.",
                fix=f"Register it again with an example: %register {name} --model … --input X.",
                code="no_signature",
            )
        try:
            inputs = _describe(_plain(signature["inputs"]))
            outputs = _outputs(signature.get("outputs"))
            params = Params([Param.parse(item) for item in _plain(signature.get("params") or [])])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(
                f"The signature of {ref} cannot be served.",
                reason=f"{type(error).__name__}: {error}.",
                fix="Register the model again with an input example of plain columns or tensors.",
                code="unsupported_signature",
            ) from None
        return cls(name, version, inputs, outputs, params)

    def example(self) -> dict[str, Any]:
        """A body for ``/invocations`` that fits the types: ``dataframe_split`` or ``inputs``."""
        if self.table is not None:
            return example_of_columns(self.table.columns)
        assert self.tensors is not None
        return example_of_tensors(self.tensors.specs, self.tensors.unnamed)


def _plain(value: Any) -> Any:
    return json.loads(value) if isinstance(value, (str, bytes)) else value


def _outputs(described: Any) -> Description:
    """Outputs are only shown, so one that the protocol has no word for is no reason to refuse."""
    try:
        return _describe(_plain(described)) if described else ()
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()


def _describe(items: Any) -> Description:
    if not isinstance(items, list) or not items:
        raise ValueError("it is not a list of inputs")
    if all(item.get("type") == "tensor" for item in items):
        specs = tuple(_tensor(position, item) for position, item in enumerate(items))
        _check_keys([spec.key for spec in specs])
        return specs
    columns = tuple(_column(position, item) for position, item in enumerate(items))
    _check_keys([column.key for column in columns])
    return columns


def _check_keys(keys: list[str]) -> None:
    if len(set(keys)) != len(keys):
        raise ValueError("two of its names are equal")


def _column(position: int, item: Mapping[str, Any]) -> Column:
    name = item.get("name")
    shown = position if name is None else name
    kind = Kind.parse(item)
    # MLflow reads an absent "required" of a nested type as optional, of a leaf as required
    required = item.get("required", kind.name in LEAVES)
    return Column(
        shown if isinstance(shown, int) else str(shown),
        str(shown),
        kind,
        bool(required),
        name is not None,
    )


def _tensor(position: int, item: Mapping[str, Any]) -> TensorSpec:
    described = item["tensor-spec"]
    name = item.get("name")
    shape = tuple(int(size) for size in described["shape"])
    dtype = str(described["dtype"])
    key = f"input-{position}" if name is None else str(name)
    return TensorSpec(None if name is None else str(name), key, dtype, datatype_of(dtype), shape)
