"""Whatever way a worker takes to call a model, its answer is the one that MLflow's pyfunc gives."""

from __future__ import annotations

import json
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.serving import frames, invocations, scorers, stacking
from mlops_jupyter.serving.elements import to_json
from mlops_jupyter.serving.modelio import InputPlan
from mlops_jupyter.serving.results import rebuild
from mlops_jupyter.serving.sameness import same
from mlops_jupyter.serving.scorers import Loaded, load
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.serving.tensors import Outputs
from mlops_jupyter.serving.worker import WorkerSpec
from tests.serving.zoo import MODELS, NUMBERS, Entry, Zoo, save_custom

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


def spec_of(entry: Entry, **fields: Any) -> WorkerSpec:
    described = mlflow.models.Model.load(str(entry.path)).to_dict()
    return WorkerSpec("e", "m", 1, str(entry.path), described["signature"], **fields)


def ask(loaded: Loaded, header: dict[str, Any], body: bytes) -> Any:
    """Predict as a worker does, and rebuild as a client does, with JSON in between."""
    outputs = loaded.pack(loaded.scorer(header, memoryview(body)))
    sent = b"".join(frames.encode(1, frames.RESULT, {"extra": outputs.extra}, []))
    (frame,) = frames.Reader().feed(sent)
    extra = frame.header["extra"]
    return rebuild(Outputs(outputs.rows, outputs.container, outputs.tensors, extra))


def assert_same(got: Any, wanted: Any) -> None:
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(got, wanted, check_exact=True, check_column_type=False)
    elif isinstance(wanted, pd.Series):
        pd.testing.assert_series_equal(got, wanted, check_exact=True)
    elif isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
        assert same(got, json.loads(to_json(wanted)))
    else:
        assert same(got, wanted), (got, wanted)


@pytest.mark.parametrize("name", MODELS)
def test_the_answer_is_that_of_pyfunc(zoo: Zoo, name: str) -> None:
    entry = zoo[name]
    spec = spec_of(entry)
    loaded = load(spec)
    pyfunc = mlflow.pyfunc.load_model(str(entry.path))
    for data in entry.frames:
        header, body = InputPlan(spec.signature).pack(data)
        wanted = pyfunc.predict(data.copy() if hasattr(data, "copy") else data)
        assert_same(ask(loaded, header, body), wanted)


@pytest.mark.parametrize("name", MODELS)
def test_the_quickest_proven_way_is_chosen(zoo: Zoo, name: str) -> None:
    entry = zoo[name]
    loaded = load(spec_of(entry))
    assert (loaded.scorer.path, loaded.batchable) == (entry.way, entry.batchable)


@pytest.mark.parametrize("name", MODELS)
def test_a_later_worker_takes_over_what_the_first_has_proven(zoo: Zoo, name: str) -> None:
    entry = zoo[name]
    spec = spec_of(entry)
    first = load(spec)
    proof = json.loads(json.dumps(first.proof()))
    later = load(spec, proof)
    assert later.scorer.path == first.scorer.path
    assert (later.batchable, later.outputs) == (first.batchable, first.outputs)
    for data in entry.frames:
        header, body = InputPlan(spec.signature).pack(data)
        assert_same(ask(later, header, body), ask(first, header, body))


def test_a_proof_that_does_not_fit_is_made_anew(zoo: Zoo) -> None:
    spec = spec_of(zoo["sklearn_classifier"])
    proof = {**load(spec).proof(), "path": "something-else"}
    assert load(spec, proof).scorer.path == "sklearn-matrix"


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "records in another order": (
        "sklearn_classifier",
        {"dataframe_records": [{"c": 5.0, "a": 0.1, "b": 1.0}]},
    ),
    "an extra column": (
        "sklearn_classifier",
        {"dataframe_split": {"columns": ["z", "a", "b", "c"], "data": [["no", 0.1, 1.0, 5.0]]}},
    ),
    "integers for floats": (
        "sklearn_regressor",
        {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1, 0, 1], [0, 1, 0]]}},
    ),
    "nulls": (
        "sklearn_regressor",
        {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[None, 1.5, None]]}},
    ),
    "text, empty text and missing text": (
        "sklearn_mixed_columns",
        {
            "dataframe_split": {
                "columns": ["age", "rank", "income", "weight", "city", "member"],
                "data": [
                    [31, 1, 1.5, 0.5, "Oslo", True],
                    [31, 1, None, 0.5, "", False],
                    [31, 1, None, 0.5, None, False],
                    [31, 1, 2.5, 0.5, "never seen", False],
                ],
            }
        },
    ),
    "an optional column missing": (
        "custom_optional_columns",
        {"dataframe_records": [{"a": 1.5}, {"a": 2.5}]},
    ),
    "nested values": (
        "custom_nested",
        {
            "dataframe_records": [
                {"vector": [0.5, 1.5], "names": ["a"], "place": {"x": 1.5, "tags": ["u"]}}
            ]
        },
    ),
    "named tensors": (
        "custom_tensors",
        {"inputs": {"image": [[[1, 2], [3, 4]]], "id": [7]}},
    ),
    "one tensor": ("onnx_tensor", {"inputs": [[0.5, 1.5, 2.5], [1, 2, 3]]}),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_call_of_the_scoring_protocol_gets_what_mlflow_answers(zoo: Zoo, name: str) -> None:
    model, body = BODIES[name]
    spec = spec_of(zoo[model])
    signature = Signature.compile(spec.signature, "m", 1)
    inputs, _ = invocations.decode(json.dumps(body).encode(), "application/json", signature)
    header, buffers = stacking.stack([inputs])
    got = ask(load(spec), json.loads(json.dumps(header)), b"".join(buffers))

    from mlflow.pyfunc.scoring_server import infer_and_parse_data

    pyfunc = mlflow.pyfunc.load_model(spec.path)
    data = infer_and_parse_data(body, pyfunc.metadata.get_input_schema())
    assert_same(got, pyfunc.predict(data))


def test_params_reach_the_model_and_defaults_hold_without_them(zoo: Zoo) -> None:
    spec = spec_of(zoo["custom_params"])
    loaded = load(spec)
    header, body = InputPlan(spec.signature).pack(NUMBERS)
    assert_same(ask(loaded, header, body), NUMBERS["a"].to_numpy() * 2.0)
    header["params"] = {"factor": 10.0}
    assert_same(ask(loaded, header, body), NUMBERS["a"].to_numpy() * 10.0)


def test_scikit_learn_still_refuses_nan_and_infinity(zoo: Zoo) -> None:
    spec = spec_of(zoo["sklearn_classifier"])
    loaded = load(spec)
    for value in (np.nan, np.inf):
        header, body = InputPlan(spec.signature).pack(NUMBERS * value)
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            ask(loaded, header, body)


def test_what_a_model_writes_to_its_input_stays_there(zoo: Zoo, tmp_path: Any) -> None:
    def spoil(frame: Any) -> Any:
        frame.iloc[:, 0] = 99.0
        frame["more"] = 1
        return frame.sum(axis=1)

    save_custom(tmp_path / "m", spoil)
    spec = spec_of(Entry(tmp_path / "m", [], "", False))
    loaded = load(spec)
    header, body = InputPlan(spec.signature).pack(NUMBERS)
    assert_same(ask(loaded, header, body), ask(loaded, header, body))


def test_a_model_that_cannot_predict_its_own_example_is_not_loaded(tmp_path: Any) -> None:
    def fail(frame: Any) -> Any:
        if len(frame) > 3:
            raise RuntimeError("too many")
        return frame["a"]

    save_custom(tmp_path / "m", fail, NUMBERS.head(2))
    good = spec_of(Entry(tmp_path / "m", [], "", False))
    assert load(good).scorer.path == "custom-frame"
    example = tmp_path / "m" / "input_example.json"
    content = json.loads(example.read_text())
    content["data"] *= 4
    content.pop("index", None)
    example.write_text(json.dumps(content))
    with pytest.raises(RuntimeError, match="too many"):
        load(good)


def test_without_a_saved_example_one_is_made_from_the_signature(tmp_path: Any) -> None:
    save_custom(tmp_path / "m", lambda frame: frame["a"] * 2, input_example=None)
    loaded = load(spec_of(Entry(tmp_path / "m", [], "", False)))
    assert loaded.scorer.path == "custom-frame"
    assert loaded.outputs == [{"name": "a", "datatype": "FP64", "shape": [-1]}]


def test_a_made_up_example_that_the_model_refuses_proves_nothing(tmp_path: Any) -> None:
    def picky(frame: Any) -> Any:
        if (frame["a"] < 5).any():
            raise ValueError("out of range")
        return frame["a"]

    save_custom(tmp_path / "m", picky, NUMBERS + 10, input_example=None)
    spec = spec_of(Entry(tmp_path / "m", [], "", False))
    loaded = load(spec)
    assert (loaded.scorer.path, loaded.batchable, loaded.outputs) == ("pyfunc", False, [])
    header, body = InputPlan(spec.signature).pack(NUMBERS + 10)
    assert_same(ask(loaded, header, body), NUMBERS["a"] + 10)


@pytest.mark.parametrize("said", [True, False])
def test_whether_rows_may_be_stacked_can_be_said_instead_of_found(zoo: Zoo, said: bool) -> None:
    for name in ("sklearn_classifier", "custom_list"):
        assert load(spec_of(zoo[name], batchable=said)).batchable is said


def test_an_onnx_graph_that_looks_across_rows_is_not_batched(tmp_path: Any) -> None:
    import mlflow.onnx
    import onnx
    from onnx import TensorProto, helper

    node = helper.make_node("Softmax", ["x"], ["y"], axis=0)
    shape = [None, 3]
    graph = helper.make_graph(
        [node],
        "across",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    data = NUMBERS.to_numpy(dtype="f4")
    mlflow.onnx.save_model(
        model,
        str(tmp_path / "m"),
        signature=mlflow.models.infer_signature(data),
        input_example=data,
        pip_requirements=[],
    )
    assert not load(spec_of(Entry(tmp_path / "m", [], "", False))).batchable


def test_ready_says_what_the_outputs_are(zoo: Zoo) -> None:
    assert load(spec_of(zoo["sklearn_probabilities"])).outputs == [
        {"name": "predictions", "datatype": "FP64", "shape": [-1, 2]}
    ]
    names = [one["name"] for one in load(spec_of(zoo["custom_frame"])).outputs]
    assert names == ["a", "b", "c", "total", "kind"]


def test_a_flavour_without_a_family_goes_through_pyfunc() -> None:
    assert "mlflow.transformers" not in scorers.FAMILIES
