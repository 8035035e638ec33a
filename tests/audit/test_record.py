from __future__ import annotations

import enum
import json
import time
import uuid
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.audit import InvalidRecord
from mlops_jupyter.audit.record import (
    MAX_RECORD_BYTES,
    Uuid7,
    encode,
    encode_all,
    is_plain,
)

KEYS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def jcs(value: Any) -> bytes:
    """RFC 8785 for values without floats, by the standard library alone."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # json writes DEL and the C1 controls as they are, which is what ES6 does
    return text.encode()


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_a_record_is_written_in_the_canonical_form_of_rfc_8785(record: dict[str, Any]) -> None:
    assert encode(record) == jcs(record)
    assert orjson.loads(encode(record)) == record


@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=5), max_size=6))
def test_a_batch_is_encoded_as_its_records_one_by_one(records: list[dict[str, Any]]) -> None:
    assert encode_all(records, is_plain(records)) == [encode(record) for record in records]


@pytest.mark.parametrize(
    "bad",
    [
        {"a": 1.5},
        {"a": {"b": {"c": float("nan")}}},
        {"a": 2**53},
        {"a": -(2**53)},
        {"a": 10**5000},
        {"a": b"bytes"},
        {"a": {1: 2}},
        {"ä": 1},
        {"a": {"ключ": 1}},
        {"a": object()},
        {"a": [1, [2.0]]},
        {"a": uuid.UUID(int=0)},
    ],
)
def test_what_has_no_canonical_form_is_refused_with_its_place(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord) as caught:
        encode_all([{"fine": 1}, bad], is_plain([bad]))
    assert caught.value.position == 1
    assert caught.value.status == 400


def test_the_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(InvalidRecord) as caught:
        encode({"patient": {"weight": 71.25}})
    assert "71.25" not in str(caught.value)
    assert "record.patient.weight" in str(caught.value)


def test_a_record_nested_too_deep_is_refused() -> None:
    record: dict[str, Any] = {}
    for _ in range(100_000):
        record = {"a": record}
    with pytest.raises(InvalidRecord, match="nested too deep"):
        encode(record)


def test_a_record_that_does_not_fit_16_bits_of_length_is_refused() -> None:
    room = MAX_RECORD_BYTES - len(b'{"a":""}')
    assert len(encode({"a": "x" * room})) == MAX_RECORD_BYTES
    with pytest.raises(InvalidRecord, match="too long"):
        encode({"a": "x" * (room + 1)})


def test_lone_surrogates_of_file_names_are_escaped_and_not_lost() -> None:
    assert orjson.loads(encode({"notebook": "caf\udce9.ipynb"})) == {"notebook": "caf\\udce9.ipynb"}


def test_members_of_string_and_number_enumerations_are_written_as_their_values() -> None:
    class Mode(enum.StrEnum):
        STRICT = "strict"

    class Size(enum.IntEnum):
        ONE = 1

    assert encode({"mode": Mode.STRICT, "size": Size.ONE}) == b'{"mode":"strict","size":1}'


def test_control_characters_line_separators_and_bidi_marks_stay_inside_their_string() -> None:
    record = {"request_id": 'a\r\nb\x00\x1b[31m\u2028\u202e"}'}
    data = encode(record)
    assert b"\n" not in data
    assert b"\x1b" not in data
    assert orjson.loads(data) == record


def test_names_are_uuids_of_version_seven_of_now() -> None:
    before = time.time_ns() // 1_000_000
    names = Uuid7().take(100)
    after = time.time_ns() // 1_000_000
    for name in names:
        parsed = uuid.UUID(name)
        assert (str(parsed), parsed.version, parsed.variant) == (name, 7, uuid.RFC_4122)
        assert before <= parsed.int >> 80 <= after


def test_names_rise_even_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Uuid7()
    found = names.take(1000)
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 3600 * 10**9)
    found += names.take(1000)
    monkeypatch.setattr(time, "time_ns", lambda: now + 10**9)
    found += names.take(1000)
    assert found == sorted(set(found))


def test_names_rise_over_a_restart_with_the_clock_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    last = Uuid7().take(5)[-1]
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 3600 * 10**9)
    names = Uuid7()
    names.stay_after(last)
    assert names.take(1)[0] > last


@pytest.mark.parametrize(
    "name", ["", "none", "x" * 36, "f" * 32, "36d2f6f4-2e3b-419c-8723-730bcfa46acb"]
)
def test_a_last_name_that_is_no_uuid7_is_passed_over(name: str) -> None:
    names = Uuid7()
    names.stay_after(name)
    assert uuid.UUID(names.take(1)[0]).version == 7
