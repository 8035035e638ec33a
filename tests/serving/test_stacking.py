"""Stacking calls into a batch and scattering its answer."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.serving.stacking import split, stack
from mlops_jupyter.serving.tensors import Outputs, Tensor
from mlops_jupyter.types import ModelError
from tests.serving.signatures import (
    answer,
    columns,
    entry,
    infer,
    output,
    records,
    tensor,
    tensors,
    texts,
)


def test_a_matrix_of_a_batch_is_the_calls_rows_in_order() -> None:
    signature = columns(a="double", b="double")
    calls = [records(signature, {"a": i, "b": i + 0.5}) for i in range(3)]
    header, buffers = stack(calls)
    assert header == {
        "form": "matrix",
        "columns": [""],
        "types": ["double"],
        "shapes": [[3, 2]],
        "rows": 3,
        "sizes": [48],
        "params": None,
    }
    assert buffers == [struct.pack("<6d", 0, 0.5, 1, 1.5, 2, 2.5)]


def test_a_frame_of_a_batch_has_each_column_joined() -> None:
    signature = columns(a="long", b="string")
    calls = [records(signature, {"a": 1, "b": "x"}, {"a": 2, "b": None}),
             records(signature, {"a": 3, "b": "zz"})]  # fmt: skip
    header, buffers = stack(calls)
    assert (header["rows"], header["sizes"]) == (3, [24, len(buffers[1])])
    assert "shapes" not in header
    assert buffers == [struct.pack("<3q", 1, 2, 3), texts("x", None, "zz")]


def test_tensors_of_a_batch_grow_along_their_first_axis() -> None:
    signature = tensors(ids=("int64", (-1,)), image=("uint8", (-1, 2, 1)))
    calls = [
        infer(
            signature,
            entry("ids", "INT64", [rows], list(range(rows))),
            entry("image", "UINT8", [rows, 2, 1], list(range(2 * rows))),
        )
        for rows in (1, 2)
    ]
    header, buffers = stack(calls)
    assert header["shapes"] == [[3], [3, 2, 1]]
    assert buffers[1] == bytes([0, 1, 0, 1, 2, 3])


def test_a_single_call_goes_as_it_is_and_a_fixed_batch_keeps_its_shape() -> None:
    call = infer(tensor("float32", 2, 3), entry("x", "FP32", [2, 3], [1] * 6))
    header, buffers = stack([call])
    assert header["shapes"] == [[2, 3]]
    assert "whole_shapes" not in header
    assert buffers == list(call.buffers)


def test_stacking_leaves_the_calls_and_their_shared_header_alone() -> None:
    call = records(columns(a="double"), {"a": 1})
    before = {key: list(value) for key, value in call.header.items()}
    stack([call, call])
    stack([call])
    assert {key: list(value) for key, value in call.header.items()} == before


def test_every_call_gets_its_own_rows_back() -> None:
    outputs = answer(
        output("INT64", [1, 2, 3, 4], name="label"),
        output("FP32", [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4], 4, 2, name="scores"),
        output("BYTES", ["a", None, "ccc", ""], name="text"),
        container="frame",
        order=["label"],
    )
    first, second, third = split(outputs, [1, 2, 1])
    assert (first.rows, second.rows, third.rows) == (1, 2, 1)
    assert second.container == "frame"
    assert second.extra == {"order": ["label"]}
    label, scores, text = second.tensors
    assert (label.shape, label.data) == ((2,), struct.pack("<2q", 2, 3))
    assert (scores.shape, scores.data) == ((2, 2), struct.pack("<4f", 1.5, 2, 2.5, 3))
    assert (text.shape, text.data) == ((2,), texts(None, "ccc"))
    assert third.tensors[2].data == texts("")


items = st.one_of(st.none(), st.binary(max_size=5))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8), st.integers(1, 3), st.data())
def test_what_is_split_joins_again_to_what_it_was(
    counts: list[int], width: int, data: st.DataObject
) -> None:
    total = sum(counts)
    many = data.draw(st.lists(items, min_size=total * width, max_size=total * width))
    numbers = list(range(total))
    outputs = answer(output("BYTES", many, total, width), output("UINT16", numbers, total))
    pieces = split(outputs, counts)
    for index, whole in enumerate(outputs.tensors):
        parts = [piece.tensors[index] for piece in pieces]
        assert b"".join(part.data for part in parts) == whole.data
        assert [part.shape for part in parts] == [(count, *whole.shape[1:]) for count in counts]


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        (answer(output("FP64", [1, 2, 3])), "3"),
        (answer(output("FP64", [1, 2]), output("FP64", [1])), "1"),
        (answer(output("BYTES", ["a"])), "1"),
        (Outputs(2, "scalar", (Tensor("y", "FP64", (), b"\0" * 8),)), "no"),
        (Outputs(2, "dict", ()), "no"),
    ],
)
def test_an_answer_without_a_row_for_each_row_names_both_numbers(
    outputs: Outputs, found: str
) -> None:
    for counts, options in (([1, 1], {}), ([2], {"row_wise": True})):
        with pytest.raises(ModelError) as caught:
            split(outputs, counts, **options)
        assert caught.value.code == "wrong_row_count"
        assert caught.value.message == f"The model returned {found} rows for 2 rows."


def test_a_call_by_itself_gets_what_the_model_returns_such_as_a_forecast() -> None:
    outputs = answer(output("FP64", [1, 2, 3]))
    assert split(outputs, [1]) == [outputs]


@pytest.mark.parametrize(
    "broken",
    [
        Tensor("y", "FP64", (2,), b"\0" * 15),
        Tensor("y", "FP64", (2,), b"\0" * 24),
        Tensor("y", "BYTES", (2,), texts("a")),
        Tensor("y", "BYTES", (2,), b"\7\0\0\0"),
        Tensor("y", "??", (2,), b""),
    ],
)
def test_a_workers_answer_that_contradicts_itself_is_the_models_error(broken: Any) -> None:
    with pytest.raises(ModelError) as caught:
        split(answer(broken), [1, 1])
    assert caught.value.code == "unusable_answer"


def test_rows_of_no_elements_can_be_split() -> None:
    for datatype in ("FP64", "BYTES"):
        outputs = answer(Tensor("y", datatype, (2, 0), b""))
        assert [piece.tensors[0].shape for piece in split(outputs, [1, 1])] == [(1, 0), (1, 0)]
