"""What reading, checking, packing, stacking and answering cost, in microseconds a call.

Run ``python benchmarks/protocol.py``; ``--json`` for machines. Each figure is the best of many
short rounds, so that other programs on the machine disturb it little.
"""

from __future__ import annotations

import argparse
import json
import random
import struct
import timeit
from collections.abc import Callable

from mlops_jupyter.serving import invocations, oip, stacking
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.tensors import Outputs, Tensor

NAMES = [
    f"{kind} {what}"
    for kind in ("mean", "error of", "worst")
    for what in (
        "radius",
        "texture",
        "perimeter",
        "area",
        "smoothness",
        "compactness",
        "concavity",
        "concave points",
        "symmetry",
        "fractal dimension",
    )
]
ROW = [round(random.Random(7).uniform(0, 100), 4) for _ in NAMES]


def columns(types: list[str]) -> Signature:
    described = [
        {"type": kind, "name": name, "required": True}
        for kind, name in zip(types, NAMES, strict=True)
    ]
    return Signature.compile({"inputs": json.dumps(described)}, "churn", 3)


def cases() -> dict[str, Callable[[], object]]:
    doubles = columns(["double"] * 30)
    mixed = columns(["double"] * 10 + ["long"] * 10 + ["string"] * 5 + ["boolean"] * 5)
    mixed_row = [*ROW[:10], *range(10), *("text" for _ in range(5)), *(True for _ in range(5))]
    spec = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 30]}}]
    tensor = Signature.compile({"inputs": json.dumps(spec)}, "churn", 3)

    def dump(document: object) -> bytes:
        return json.dumps(document, separators=(",", ":")).encode()

    named = dump(
        {
            "inputs": [
                {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
                for name, value in zip(NAMES, ROW, strict=True)
            ]
        }
    )
    datatypes = ["FP64"] * 10 + ["INT64"] * 10 + ["BYTES"] * 5 + ["BOOL"] * 5
    named_mixed = dump(
        {
            "inputs": [
                {"name": name, "shape": [1], "datatype": datatype, "data": [value]}
                for name, datatype, value in zip(NAMES, datatypes, mixed_row, strict=True)
            ]
        }
    )
    one = dump({"inputs": [{"name": "x", "shape": [1, 30], "datatype": "FP64", "data": ROW}]})
    many = dump(
        {"inputs": [{"name": "x", "shape": [1000, 30], "datatype": "FP64", "data": ROW * 1000}]}
    )
    head = dump(
        {
            "inputs": [
                {
                    "name": "x",
                    "shape": [1, 30],
                    "datatype": "FP64",
                    "parameters": {"binary_data_size": 240},
                }
            ]
        }
    )
    binary = head + struct.pack("<30d", *ROW)
    split = dump({"dataframe_split": {"columns": NAMES, "data": [ROW]}})
    split_mixed = dump({"dataframe_split": {"columns": NAMES, "data": [mixed_row]}})
    records = dump({"dataframe_records": [dict(zip(NAMES, ROW, strict=True))]})
    instances = dump({"instances": [ROW]})
    text = "application/json"
    _, options = oip.decode(one, None, tensor)
    batch = [oip.decode(named, None, doubles)[0] for _ in range(64)]
    frames = [oip.decode(named_mixed, None, mixed)[0] for _ in range(64)]
    answer = Outputs(1, "ndarray", (Tensor("predictions", "INT64", (1,), struct.pack("<q", 1)),))
    labels = Outputs(
        64, "ndarray", (Tensor("predictions", "INT64", (64,), struct.pack("<64q", *range(64))),)
    )
    plain = invocations.Options()
    return {
        "infer, 30 named columns": lambda: oip.decode(named, None, doubles),
        "infer, 30 named columns of 4 types": lambda: oip.decode(named_mixed, None, mixed),
        "infer, one tensor [1, 30]": lambda: oip.decode(one, None, doubles),
        "infer, one tensor [1, 30], tensor signature": lambda: oip.decode(one, None, tensor),
        "infer, one binary tensor [1, 30]": lambda: oip.decode(binary, len(head), doubles),
        "infer, one tensor [1000, 30]": lambda: oip.decode(many, None, doubles),
        "dataframe_split, 30 columns": lambda: invocations.decode(split, text, doubles),
        "dataframe_split, 30 columns of 4 types": lambda: invocations.decode(
            split_mixed, text, mixed
        ),
        "dataframe_records, 30 columns": lambda: invocations.decode(records, text, doubles),
        "instances, 30 values": lambda: invocations.decode(instances, text, tensor),
        "stack 64 rows of a matrix": lambda: stacking.stack(batch),
        "stack 64 rows of 30 columns": lambda: stacking.stack(frames),
        "split 64 answers": lambda: stacking.split(labels, [1] * 64),
        "infer answer, one value": lambda: oip.encode(answer, options, "churn", 3),
        "invocations answer, one value": lambda: invocations.encode(answer, plain),
    }


def measure(call: Callable[[], object], seconds: float) -> float:
    call()
    once = min(timeit.repeat(call, number=1, repeat=5))
    number = max(1, int(0.002 / once))
    rounds = max(5, int(seconds / (number * once)))
    return min(timeit.repeat(call, number=number, repeat=rounds)) / number * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=0.3, help="time for each figure")
    options = parser.parse_args()
    figures = {name: measure(call, options.seconds) for name, call in cases().items()}
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        print(f"{figure:10.2f} us  {name}")


if __name__ == "__main__":
    main()
