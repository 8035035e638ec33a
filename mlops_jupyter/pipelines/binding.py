"""Between a row's fields and the endpoints of its steps: what goes in, and what came out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import orjson

from mlops_jupyter.pipelines.fields import Context, Field, converted, read_output
from mlops_jupyter.pipelines.fieldtype import Cells, datatype_of, type_of
from mlops_jupyter.pipelines.graph import ONLY, Step
from mlops_jupyter.serving import oip_response, packing
from mlops_jupyter.serving.columns import Column
from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.tensors import Inputs, Outputs
from mlops_jupyter.serving.tensorspecs import TensorSpec
from mlops_jupyter.types import InvalidInput, ModelError, did_you_mean
from mlops_jupyter.types.datatypes import ITEM_SIZES

LARGE_BYTES = 4096
"""From so many bytes on, a step's data is recorded as binary tensors instead of JSON."""

JSON = "application/json"
BINARY = "application/octet-stream"


def source_of(step: Step, key: str, items: Sequence[Column | TensorSpec]) -> str:
    """The field that an input of the step's endpoint is taken from."""
    if key in step.takes:
        return step.takes[key]
    if len(items) == 1 and ONLY in step.takes:
        return step.takes[ONLY]
    return key


def bind(step: Step, signature: Signature, context: Context, rows: int) -> Inputs:
    """The fields that the step takes, as its endpoint takes them; raises InvalidInput."""
    items = signature.inputs
    buffers: list[bytes | None] = []
    shapes: list[tuple[int, ...]] = []
    for item in items:
        name = source_of(step, item.key, items)
        field = context.get(name)
        if field is None:
            if isinstance(item, Column) and not item.required:
                buffers.append(None)
                continue
            raise InvalidInput(
                f"There is no field '{name}', which the input '{item.key}' is taken from.",
                reason=did_you_mean(name, context),
                fix="Send it, or let an earlier step give it.",
                code="missing_field",
            )
        try:
            data = converted(field, type_of(item), required=_required(item))
        except Misfit as misfit:
            raise InvalidInput(
                f"The field '{name}' does not fit the input '{item.key}'.",
                reason=f"The value in row {misfit.index} (counted from 0) {misfit.problem}.",
                fix=f"It must be {type_of(item)}.",
                code="wrong_type",
            ) from None
        buffers.append(data)
        if isinstance(item, TensorSpec):
            shapes.append(_shape(field, item, data, rows))
    params = signature.params.absent
    if signature.table is not None:
        return signature.table.from_buffers(buffers, rows, params)
    assert signature.tensors is not None
    return signature.tensors.build([b for b in buffers if b is not None], shapes, params)


def _required(item: Column | TensorSpec) -> bool:
    return isinstance(item, TensorSpec) or item.required


def _shape(field: Field, item: TensorSpec, data: bytes, rows: int) -> tuple[int, ...]:
    wanted = item.shape[1:]
    if isinstance(field.kind, Cells):
        return (rows, *field.kind.shape)
    if -1 not in wanted:
        return (rows, *wanted)
    if item.datatype == "BYTES":
        size = len(packing.walk_bytes(data)[0])
    else:
        size = len(data) // ITEM_SIZES[item.datatype]
    known = prod(one for one in wanted if one != -1) * max(rows, 1)
    if wanted.count(-1) > 1:
        raise InvalidInput(
            f"The input '{item.key}' has sizes that are not known.", code="wrong_shape"
        )
    return (rows, *(size // known if one == -1 else one for one in wanted))


def read_fields(step: Step, signature: Signature, outputs: Outputs, rows: int) -> Context:
    """What the step gives of its endpoint's answer, by field; raises ModelError."""
    named = {}
    for key, tensor in _named_outputs(signature, outputs).items():
        oip_response.check_tensor(tensor)
        if not tensor.shape or tensor.shape[0] != rows:
            found = tensor.shape[0] if tensor.shape else "no"
            raise ModelError(
                f"The step answered {found} rows for {rows} rows.",
                reason="A row that goes into a step must come out of it as one row.",
                fix="Let its model return one entry for each row that it gets.",
                code="wrong_row_count",
            )
        declared = next((type_of(item) for item in signature.outputs if item.key == key), None)
        try:
            named[key] = read_output(tensor, declared, rows)
        except Misfit as misfit:
            raise ModelError(
                f"The output '{key}' is not {declared}, as the signature says.",
                reason=f"The value in row {misfit.index} (counted from 0) {misfit.problem}.",
                fix="Register the model again with an example of its answers.",
                code="unusable_answer",
            ) from None
    unnamed = _unnamed(signature)
    wanted = gives_of(step, list(named), unnamed=unnamed)
    return {field: named[key] for field, key in wanted.items()}


def _unnamed(signature: Signature) -> bool:
    if len(signature.outputs) != 1:
        return not signature.outputs
    (only,) = signature.outputs
    return not only.named if isinstance(only, Column) else only.name is None


def _named_outputs(signature: Signature, outputs: Outputs) -> Mapping[str, Any]:
    declared = [item.key for item in signature.outputs]
    tensors = {tensor.name: tensor for tensor in outputs.tensors}
    if not declared or set(declared) <= tensors.keys():
        return {key: tensors[key] for key in declared} if declared else tensors
    if len(declared) == len(outputs.tensors):
        return dict(zip(declared, outputs.tensors, strict=True))
    raise ModelError(
        "The step's answer lacks outputs that its signature has.",
        reason=f"The signature has {len(declared)}, the answer {len(outputs.tensors)}.",
        fix="Register the model again with an example of its answers.",
        code="unusable_answer",
    )


def gives_of(step: Step, outputs: Sequence[str], *, unnamed: bool) -> dict[str, str]:
    """Output by the field that it becomes; raises LookupError's kin as ModelError."""
    if not step.gives:
        if len(outputs) == 1 and unnamed:
            return {step.name: outputs[0]}
        return {name: name for name in outputs}
    found = {}
    for field, source in step.gives.items():
        key = source or (field if field in outputs or len(outputs) != 1 else outputs[0])
        if key not in outputs:
            raise ModelError(
                f"The endpoint '{step.endpoint}' gives no '{key}'.",
                reason=f"It gives {', '.join(outputs)}." if not unnamed else "",
                fix=did_you_mean(key, outputs) or "Name one of its outputs after '->'.",
                code="unknown_output",
            )
        found[field] = key
    return found


def write_inputs(inputs: Inputs, signature: Signature) -> tuple[bytes, str]:
    """The data of a step's call as a caller of its endpoint would have sent it, and its type."""
    if sum(map(len, inputs.buffers)) >= LARGE_BYTES:
        return _binary_inputs(inputs, signature), BINARY
    if signature.table is None:
        tensors = {
            name: _listed(Field(Cells(kind, tuple(shape)), data, inputs.rows))
            for name, kind, shape, data in zip(
                inputs.header["columns"], inputs.header["types"], inputs.header["shapes"],
                inputs.buffers, strict=True,
            )
        }  # fmt: skip
        return orjson.dumps({"inputs": tensors}), JSON
    table = signature.table
    if inputs.form == "matrix":
        cells = packing.unpack("FP64", inputs.buffers[0])
        names: list[Any] = table.keys
        rows: list[Any] = [
            cells[start : start + table.width] for start in range(0, len(cells), table.width)
        ]
    else:
        names = [str(name) for name in inputs.header["columns"]]
        columns = [
            _listed(Field(table.columns[table.index[name]].kind, data, inputs.rows))
            for name, data in zip(names, inputs.buffers, strict=True)
        ]
        rows = list(zip(*columns, strict=True))
    return orjson.dumps({"dataframe_split": {"columns": names, "data": rows}}), JSON


def _listed(field: Field) -> list[Any]:
    values = field.values()
    if datatype_of(field.kind) == "BYTES" and any(type(value) is bytes for value in values):
        return [None if value is None else packing.to_base64(value) for value in values]
    return values


def _binary_inputs(inputs: Inputs, signature: Signature) -> bytes:
    """An inference request with binary tensors."""
    header, described = inputs.header, []
    if inputs.form == "matrix":
        shape = [inputs.rows, *header["shapes"][0]]
        described.append(("input", "FP64", shape, inputs.buffers[0]))
    else:
        shapes = header.get("shapes") or [[]] * len(inputs.buffers)
        for name, kind, shape, data in zip(
            header["columns"], header["types"], shapes, inputs.buffers, strict=True
        ):
            datatype = kind
            if signature.table is not None:
                item = signature.table.columns[signature.table.index[str(name)]]
                datatype = datatype_of(item.kind)
            described.append((str(name), datatype, [inputs.rows, *shape], data))
    head = {
        "inputs": [
            {"name": name, "datatype": datatype, "shape": shape,
             "parameters": {"binary_data_size": len(data)}}
            for name, datatype, shape, data in described
        ]
    }  # fmt: skip
    return b"".join((orjson.dumps(head), *(data for *_, data in described)))
