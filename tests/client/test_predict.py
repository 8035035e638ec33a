"""What a caller hands over is what the model sees, and what it returns is what he gets."""

import datetime
import decimal
import json
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.client import predict as module
from mlops_jupyter.types import InvalidInput, InvalidRequest, MlopsError, ModelError, Overloaded

from .modelserver import ModelServer, columns, tensors
from .scripted import Answer

XY = columns(x="double", y="double")


@pytest.fixture
def ask(scripted):
    """``ask(signature, model, data, **options) -> (result, server)``."""
    running = {}

    def call(signature, model, data, *, body_limit=2**30, **options):
        server = ModelServer(signature, model, body_limit)
        if not running:
            running["hub"] = scripted(server)
        running["hub"][0].script = server
        return running["hub"][1].predict("m", data, **options), server

    return call


def first_row(data):
    return data.to_numpy()[:, 0] if hasattr(data, "to_numpy") else np.asarray(data)[:, 0]


# -- what the model sees --------------------------------------------------------------------------

FRAME = pd.DataFrame({"x": [1.0, float("nan"), -np.inf], "y": [0.1, 2.0, 3e300]})


@pytest.mark.parametrize(
    "data",
    [
        FRAME,
        FRAME[["y", "x"]],
        FRAME.assign(extra="ignored"),
        FRAME.astype(object).astype(float),
        FRAME.set_index(pd.Index([7, 8, 9])),
        FRAME.to_numpy(),
        np.asfortranarray(FRAME.to_numpy()),
        FRAME.to_numpy().astype(">f8"),
        {"x": FRAME["x"].to_numpy(), "y": FRAME["y"]},
        {"y": FRAME["y"], "x": FRAME["x"].to_numpy()},
    ],
    ids=range(10),
)
def test_floats_arrive_exactly_in_the_models_order(ask, data):
    _, server = ask(XY, first_row, data)
    pd.testing.assert_frame_equal(server.seen[0], FRAME)


@pytest.mark.parametrize(
    "data",
    [
        [[1, 2.5], [3, None]],
        ((1, 2.5), (3, None)),
        [{"x": 1, "y": 2.5}, {"x": 3, "y": None}],
        [{"y": 2.5, "x": 1}, {"x": 3}],
        {"x": [1, 3], "y": [2.5, None]},
        {"x": range(1, 5, 2), "y": (2.5, float("nan"))},
        pd.DataFrame({"x": [1, 3], "y": [2.5, None]}),
        pd.DataFrame({"x": pd.array([1, 3], dtype="Int64"), "y": pd.array([2.5, None], "Float64")}),
        pd.DataFrame({"x": [1, 3], "y": [2.5, None]}, dtype=object),
        np.array([[1, 2.5], [3, None]], dtype=object),
        np.array([[1, 2.5], [3, np.nan]], dtype="float32"),
    ],
    ids=range(11),
)
def test_whole_numbers_and_missing_ones_arrive_as_the_model_wants_them(ask, data):
    _, server = ask(XY, first_row, data)
    expected = pd.DataFrame({"x": [1.0, 3.0], "y": [2.5, np.nan]})
    pd.testing.assert_frame_equal(server.seen[0], expected)


@pytest.mark.parametrize("data", [{"x": 1.5, "y": 2}, [[1.5, 2]], [{"x": 1.5, "y": 2}]])
def test_a_single_row_needs_no_lists(ask, data):
    _, server = ask(XY, first_row, data)
    assert server.seen[0].to_dict("list") == {"x": [1.5], "y": [2.0]}


@pytest.mark.parametrize(
    "data",
    [2.5, [2.5], np.float64(2.5), np.array([2.5]), pd.Series([2.5]), pd.Series([2.5], name="x")],
)
def test_a_single_column_needs_no_name(ask, data):
    _, server = ask(columns(x="double"), first_row, data)
    assert server.seen[0].to_dict("list") == {"x": [2.5]}


def test_every_type_of_column_arrives(ask):
    signature = columns(
        b="boolean", i="integer", n="long", f="float", s="string", t="datetime", r="binary"
    )
    frame = pd.DataFrame(
        {
            "b": [True, False],
            "i": np.array([1, -2], dtype="int32"),
            "n": [2**53 + 1, -(2**60)],
            "f": np.array([0.5, np.nan], dtype="float32"),
            "s": ["ä\x00😀", None],
            "t": pd.to_datetime(["2026-11-23T12:00:00.123456789", None], format="ISO8601"),
            "r": [b"\x00\xff", b""],
        }
    )
    _, server = ask(signature, lambda data: data["i"], frame)
    seen = server.seen[0]
    for name in ("b", "i", "n", "f"):
        assert seen[name].tolist() == frame[name].tolist() or name == "f"
        assert seen[name].dtype == frame[name].dtype
    assert seen["f"].isna().tolist() == [False, True]
    assert seen["s"].tolist()[0] == "ä\x00😀"
    assert seen["s"].isna().tolist() == [False, True]
    assert seen["t"].tolist()[0] == pd.Timestamp("2026-11-23T12:00:00.123456789")
    assert seen["t"].isna().tolist() == [False, True]
    assert seen["r"].tolist() == [b"\x00\xff", b""]


@pytest.mark.parametrize(
    "moments",
    [
        ["2026-01-31T12:00:00", "2026-02-01"],
        [datetime.datetime(2026, 1, 31, 12), datetime.date(2026, 2, 1)],
        [pd.Timestamp("2026-01-31 12:00"), np.datetime64("2026-02-01")],
        np.array(["2026-01-31T12:00", "2026-02-01"], dtype="datetime64[s]"),
        pd.Series(pd.to_datetime(["2026-01-31T12:00", "2026-02-01T00:00"])).astype(
            "datetime64[us]"
        ),
        pd.Series(pd.to_datetime(["2026-01-31T13:00+01:00", "2026-02-01T01:00+01:00"])),
    ],
    ids=range(6),
)
def test_times_arrive_in_every_form(ask, moments):
    _, server = ask(columns(t="datetime"), len, {"t": moments})
    assert server.seen[0]["t"].tolist() == [
        pd.Timestamp("2026-01-31 12:00"),
        pd.Timestamp("2026-02-01"),
    ]


@pytest.mark.parametrize(
    "texts",
    [
        pd.Series(["a", None, "b"]),
        pd.Series(["a", None, "b"], dtype=object),
        pd.Series(["a", None, "b"], dtype="string"),
        pd.Series(["a", np.nan, "b"], dtype="category"),
        pd.Series(["a", pd.NA, "b"], dtype=object),
        ["a", None, "b"],
        np.array(["a", None, "b"], dtype=object),
    ],
    ids=range(7),
)
def test_text_arrives_from_every_kind_of_column(ask, texts):
    _, server = ask(columns(s="string", n="double?"), len, {"s": texts})
    seen = server.seen[0]["s"]
    assert seen.isna().tolist() == [False, True, False]
    assert [seen[0], seen[2]] == ["a", "b"]


def test_numbers_in_categories_arrive_as_numbers(ask):
    data = pd.DataFrame({"x": pd.Categorical([2.5, 1.5, None]), "y": pd.Categorical([1, 2, 1])})
    _, server = ask(XY, first_row, data)
    assert server.seen[0]["x"].tolist()[:2] == [2.5, 1.5]
    assert server.seen[0]["y"].tolist() == [1.0, 2.0, 1.0]


def test_nested_values_arrive(ask):
    array = {"type": "array", "items": {"type": "double"}, "name": "a", "required": True}
    signature = {"inputs": json.dumps([array]), "outputs": None, "params": None}
    for data in (
        pd.DataFrame({"a": [[1.0, 2.5], [3.0]]}),
        {"a": [np.array([1.0, 2.5]), np.array([3.0])]},
        [{"a": [1.0, 2.5]}, {"a": [3.0]}],
    ):
        _, server = ask(signature, len, data)
        assert [list(row) for row in server.seen[0]["a"]] == [[1.0, 2.5], [3.0]]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
def test_tensors_arrive_in_their_shape(ask, dtype):
    array = (np.arange(24) % 2).reshape(2, 3, 4).astype(dtype)
    for data in (array, array.tolist()):
        _, server = ask(tensors((None, dtype, [-1, 3, 4])), lambda data: data[:, 0, 0], data)
        np.testing.assert_array_equal(server.seen[0], array)
        assert server.seen[0].dtype == array.dtype


def test_named_tensors_arrive_by_name(ask):
    signature = tensors(("a", "float32", [-1, 2]), ("b", "int64", [-1, 1]))
    data = {"b": np.array([[1], [2]]), "a": np.array([[1, 2], [3, 4]], dtype="float32")}
    for given_data in (data, {name: value.tolist() for name, value in data.items()}):
        _, server = ask(signature, lambda data: data["a"], given_data)
        for name, value in data.items():
            np.testing.assert_array_equal(server.seen[0][name], value)


def test_a_frame_for_an_unnamed_tensor_is_its_matrix(ask):
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    _, server = ask(tensors((None, "float64", [-1, 2])), first_row, frame)
    np.testing.assert_array_equal(server.seen[0], frame.to_numpy())


def test_a_frame_for_columns_without_names_is_taken_in_order(ask):
    signature = {"inputs": '[{"type": "double"}, {"type": "double"}]', "outputs": None}
    _, server = ask(signature, first_row, pd.DataFrame({"p": [1.0], "q": [2.0]}))
    np.testing.assert_array_equal(server.seen[0].to_numpy(), [[1.0, 2.0]])


def test_params_reach_the_model(ask):
    signature = columns(x="double")
    signature["params"] = '[{"name": "k", "type": "long", "default": 1, "shape": null}]'
    got, _ = ask(
        signature, lambda data, params: first_row(data) * params["k"], 2.0, params={"k": 3}
    )
    assert got.tolist() == [6.0]


class Foreign:
    """What polars and pyarrow have."""

    def to_pandas(self):
        return FRAME


class Tensor:
    """What torch has."""

    shape = (2, 2)

    def __array__(self, dtype=None, copy=None):
        return np.eye(2)


def test_frames_and_tensors_of_other_libraries_are_understood(ask):
    assert len(ask(XY, first_row, Foreign())[0]) == 3
    assert ask(XY, first_row, Tensor())[0].tolist() == [1.0, 0.0]


# -- what the caller gets -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "result",
    [
        np.array([1.5, np.nan, np.inf]),
        np.arange(6, dtype="int32").reshape(3, 2),
        np.array(["a", "ü", ""], dtype=object),
        np.array([True, False, True]),
        np.array(["2026-01-01", "NaT", "2026-01-03"], dtype="datetime64[ns]"),
        [1, 2, 3],
        ["a", "b", "c"],
        [[1, 2], [3]],
        7.5,
        "text",
        {"label": np.array([1, 2, 3]), "p": np.array([[0.1], [0.2], [0.3]])},
        {"answer": 42},
        [np.zeros((3, 2)), np.ones((3, 2))],
    ],
    ids=range(13),
)
def test_what_the_model_returns_comes_back(ask, result):
    got, _ = ask(columns(x="double"), lambda data: result, [1.0, 2.0, 3.0])
    assert type(got) is type(result)
    np.testing.assert_equal(got, result)


INDEX = pd.Index(["p", "q", "r"], name="who")


def test_a_series_keeps_its_name_and_gets_the_callers_index(ask):
    got, _ = ask(
        XY, lambda data: (data["x"] * 2).rename("twice"), FRAME.set_axis(INDEX, axis="index")
    )
    expected = pd.Series([2.0, np.nan, -np.inf], index=INDEX, name="twice")
    pd.testing.assert_series_equal(got, expected)


def test_a_frame_keeps_its_columns_and_gets_the_callers_index(ask):
    def model(data):
        return pd.DataFrame({"label": ["a", None, "b"], "score": data["x"], 3: [1, 2, 3]})

    got, _ = ask(XY, model, FRAME.set_axis(INDEX, axis="index"))
    pd.testing.assert_frame_equal(got, model(FRAME).set_axis(INDEX, axis="index"))


def test_an_index_of_the_models_own_stays(ask):
    own = pd.Series([1.0, 2.0, 3.0], index=[10, 20, 30])
    got, _ = ask(XY, lambda data: own, FRAME.set_axis(INDEX, axis="index"))
    pd.testing.assert_series_equal(got, own)


def test_another_number_of_rows_keeps_the_models_index(ask):
    got, _ = ask(XY, lambda data: pd.Series([1.0]), FRAME.set_axis(INDEX, axis="index"))
    pd.testing.assert_series_equal(got, pd.Series([1.0]))


def test_an_array_has_no_index_to_get(ask):
    got, _ = ask(XY, first_row, FRAME.set_axis(INDEX, axis="index"))
    assert type(got) is np.ndarray


# -- any size -------------------------------------------------------------------------------------


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(module, "PART_ROWS", 10)


BIG = pd.DataFrame({"x": np.arange(95.0), "y": np.arange(95.0) * -1}, index=np.arange(95)[::-1])


@pytest.mark.parametrize(
    "model",
    [
        first_row,
        lambda data: data["x"].rename("r"),
        lambda data: data.assign(z="t"),
        lambda data: list(data["x"]),
        lambda data: tuple(data["x"]),
        lambda data: {"a": first_row(data), "b": data[["y"]].to_numpy()},
        lambda data: [data.to_numpy(), first_row(data)],
        lambda data: [f"{value:g}" for value in data["x"]],
    ],
    ids=["array", "series", "frame", "list", "tuple", "dict", "arrays", "texts"],
)
def test_many_parts_give_what_one_would(ask, small_parts, monkeypatch, model):
    parts, server = ask(XY, model, BIG)
    assert [len(seen) for seen in sorted(server.seen, key=lambda seen: seen["x"].iloc[0])] == (
        [10] * 9 + [5]
    )
    monkeypatch.setattr(module, "PART_ROWS", 1000)
    whole, _ = ask(XY, model, BIG)
    assert type(parts) is type(whole)
    if isinstance(whole, pd.DataFrame):
        pd.testing.assert_frame_equal(parts, whole)
        pd.testing.assert_index_equal(parts.index, BIG.index)
    elif isinstance(whole, pd.Series):
        pd.testing.assert_series_equal(parts, whole)
        pd.testing.assert_index_equal(parts.index, BIG.index)
    else:
        np.testing.assert_equal(parts, whole)


def test_each_part_is_told_in_order(ask, small_parts):
    told = []
    ask(columns(x="double"), first_row, {"x": [0.0] * 25},
        on_part=lambda done, total: told.append((done, total)))  # fmt: skip
    assert told == [(10, 25), (20, 25), (25, 25)]


def test_a_few_parts_are_on_the_way_at_a_time(ask, small_parts):
    gate = threading.Barrier(module.IN_FLIGHT)

    def model(data):
        if data["x"].iloc[0] < 40:
            gate.wait(20)
        return first_row(data)

    got, server = ask(XY, model, BIG)
    np.testing.assert_array_equal(got, BIG["x"])
    assert server.most_busy == module.IN_FLIGHT


def test_wide_rows_go_in_smaller_parts(ask):
    width = 2000
    signature = tensors((None, "float64", [-1, width]))
    data = np.arange(1000.0 * width).reshape(1000, width)
    got, server = ask(signature, lambda data: data[:, 1], data)
    np.testing.assert_array_equal(got, data[:, 1])
    assert max(server.sizes) < module.PART_BYTES + 10_000


def test_too_much_for_the_hub_goes_in_halves(ask):
    texts = {"s": [str(i) * 50 for i in range(200)]}
    got, server = ask(columns(s="string"), lambda data: list(data["s"]), texts, body_limit=4000)
    assert got == texts["s"]
    assert max(len(seen) for seen in server.seen) < 200


def test_one_row_too_large_is_an_error(ask):
    with pytest.raises(MlopsError) as caught:
        ask(columns(s="string"), len, {"s": ["x" * 5000]}, body_limit=4000)
    assert caught.value.status == 413


def test_hundreds_of_thousands_of_rows_come_back_in_order(ask):
    data = np.random.default_rng(0).normal(size=(300_000, 2))
    got, _ = ask(XY, first_row, data)
    np.testing.assert_array_equal(got, data[:, 0])


def test_a_failing_part_names_its_rows_and_the_rest_is_not_sent(ask, small_parts):
    def model(data):
        if data["x"].iloc[0] == 20:
            raise ModelError("The model raised ValueError.")
        return first_row(data)

    with pytest.raises(ModelError) as caught:
        ask(XY, model, pd.concat([BIG] * 20))
    assert "rows 20 to 29 of 1900" in caught.value.reason


def test_an_answer_that_is_not_by_rows_cannot_be_joined(ask, small_parts):
    for model in (lambda data: 7, lambda data: {"mean": 1.0}):
        with pytest.raises(ModelError) as caught:
            ask(XY, model, BIG)
        assert caught.value.code == "not_by_rows"


def test_a_full_queue_is_waited_for_when_there_are_many_parts(ask, small_parts, monkeypatch):
    refused = []

    class Busy(Overloaded):
        retry_after = 0

    def model(data):
        if len(refused) < 5:
            refused.append(1)
            raise Busy("The queue is full.")
        return first_row(data)

    got, _ = ask(XY, model, BIG)
    np.testing.assert_array_equal(got, BIG["x"])
    assert len(refused) == 5


def test_a_full_queue_is_told_at_once_when_there_is_one_part(ask):
    def model(data):
        raise Overloaded("The queue is full.")

    with pytest.raises(Overloaded):
        ask(XY, model, FRAME)


# -- what cannot be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [[], {}, {"x": [], "y": []}, pd.DataFrame({"x": [], "y": []}), np.empty((0, 2)), FRAME[:0], ()],
    ids=range(7),
)
def test_no_rows_are_refused(ask, data):
    with pytest.raises(InvalidRequest) as caught:
        ask(XY, first_row, data)
    assert caught.value.code == "empty_batch"


@pytest.mark.parametrize(
    "data",
    [
        object(),
        None,
        {1, 2},
        lambda: 1,
        {"x": [1.0], "y": 2.0},
        [[1.0, 2.0], [3.0]],
        np.array([[1 + 2j, 0]]),
        pd.DataFrame({"x": pd.to_timedelta([1, 2]), "y": [1.0, 2.0]}),
        [{"x": 1.0, "y": object()}],
        [{"x": 1.0, "y": float("inf")}],
        [{"x": 1.0, "y": decimal.Decimal("1.5")}],
    ],
    ids=range(11),
)
def test_what_cannot_be_sent_is_told_before_it_is_sent(ask, data):
    with pytest.raises(InvalidRequest) as caught:
        ask(XY, first_row, data)
    assert caught.value.code == "cannot_be_sent"
    assert caught.value.fix


def test_a_date_that_nanoseconds_cannot_hold_is_refused(ask):
    data = {"t": np.array(["1500-01-01", "2026-01-01"], dtype="datetime64[s]")}
    with pytest.raises(InvalidRequest, match="outside 1677"):
        ask(columns(t="datetime"), len, data)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (pd.DataFrame({"x": [1.0], "z": [1.0]}), "y"),
        (pd.DataFrame({"x": [1.0], "y": ["text"]}), "y"),
        (pd.DataFrame({"x": [1.0], "y": [None]}, dtype=object).assign(y=True), "y"),
        ([{"x": 1.0, "y": "text"}], "y"),
        ([{"x": 1.0, "y": 2**53 + 1}], "y"),
        (pd.DataFrame({"x": [1.0], "y": [2**53 + 1]}), "y"),
        (np.zeros((1, 3)), "2"),
    ],
    ids=range(7),
)
def test_what_does_not_fit_the_signature_is_refused_by_the_hub(ask, data, named):
    with pytest.raises(InvalidInput) as caught:
        ask(XY, first_row, data)
    assert named in str(caught.value)


@pytest.mark.parametrize("params", [{"k": object()}, {"k": float("nan")}])
def test_params_that_are_no_json_are_refused(ask, params):
    with pytest.raises(InvalidRequest) as caught:
        ask(XY, first_row, FRAME, params=params)
    assert caught.value.code == "cannot_be_sent"


@pytest.mark.parametrize("name", ["../x", "a/b", "", "m#", "\x00", "x" * 10_000])
def test_a_name_that_is_none_is_not_sent(scripted, name):
    server, hub = scripted(lambda asked: {})
    with pytest.raises(InvalidRequest):
        hub.predict(name, FRAME)
    assert server.asked == []


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"outputs": [{}]}', b'{"outputs": 7}', b"\xff" * 10]
)
def test_an_answer_that_is_none_is_a_clear_error(scripted, body):
    metadata = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}]}
    _, hub = scripted(lambda asked: metadata if asked.method == "GET" else Answer(200, body))
    with pytest.raises(MlopsError) as caught:
        hub.predict("m", [1.0])
    assert caught.value.code == "answer_not_understood"


values = st.floats(allow_nan=True, allow_infinity=True, width=64)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)
@given(
    rows=st.lists(st.tuples(values, st.text(st.characters(codec="utf-8")) | st.none()), min_size=1)
)
def test_any_row_arrives_as_it_is(ask, rows):
    frame = pd.DataFrame(
        {"x": [x for x, _ in rows], "s": pd.Series([s for _, s in rows], dtype=object)}
    )
    got, server = ask(columns(x="double", s="string"), lambda data: data["x"], frame)
    np.testing.assert_array_equal(got.to_numpy(), frame["x"].to_numpy())
    seen = [None if pd.isna(text) else text for text in server.seen[0]["s"]]
    assert seen == [text for _, text in rows]


def test_numpy_and_pandas_are_not_imported_for_plain_data():
    code = (
        "import sys\n"
        "from mlops_jupyter.client.inputs import Declared, read_data\n"
        "batch = read_data([[1.0, 'a']], [Declared('x', 'FP64', False), "
        "Declared('s', 'BYTES', False, 'str')])\n"
        "[column.encode(0, 1) for column in batch.columns]\n"
        "assert not {'numpy', 'pandas', 'httpx'} & set(sys.modules), sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_client_is_cheap():
    code = (
        "import sys, mlops_jupyter.client\n"
        "heavy = {'numpy', 'pandas', 'httpx', 'mlflow', 'sqlalchemy', 'psutil', 'IPython'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
