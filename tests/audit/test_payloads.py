from __future__ import annotations

from hashlib import sha256

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.audit import Payload
from mlops_jupyter.audit.payloads import (
    MAX_PAYLOAD_BYTES,
    ROW_BYTES,
    PayloadBatch,
    PayloadRow,
    Recent,
    commitment,
    pack,
    parse_ref,
    unpack,
)
from mlops_jupyter.types.errors import TooLarge

COMPRESSOR = zstandard.ZstdCompressor(level=1)


def stored(batch: PayloadBatch) -> dict[int, PayloadRow]:
    return {
        number: PayloadRow.read(scope, codec, salts, ends, data)
        for number, scope, _, codec, salts, ends, data in batch.rows(COMPRESSOR)
    }


PAYLOADS = st.lists(
    st.tuples(
        st.sampled_from(["churn", "fraud", ""]),
        st.binary(max_size=50) | st.binary(min_size=1, max_size=3).map(lambda b: b * 999),
        st.booleans(),
    ),
    max_size=40,
)


@given(PAYLOADS)
def test_every_payload_is_found_under_its_reference_and_fits_its_commitment(
    given_: list[tuple[str, bytes, bool]],
) -> None:
    batch = PayloadBatch(7, Recent(), len(given_))
    said = [batch.add(scope, Payload(data, "t", keep)) for scope, data, keep in given_]
    rows = stored(batch)
    assert sorted(rows) == list(range(7, batch.next_id))
    for (scope, data, keep), what in zip(given_, said, strict=True):
        assert ("ref" in what) is keep
        number, slot = parse_ref(what.get("ref") or what["salt"])
        salt, found = rows[number].slot(slot)
        assert rows[number].scope == scope
        assert found == (data if keep else b"")
        assert what["bytes"] == len(data)
        assert what["commit"] == commitment(salt, data)


def test_equal_bytes_of_one_scope_are_stored_once_and_of_two_scopes_twice() -> None:
    batch = PayloadBatch(0, Recent(), 3)
    first = batch.add("churn", Payload(b"same", "t"))
    assert batch.add("churn", Payload(b"same", "t")) == first
    other = batch.add("fraud", Payload(b"same", "t"))
    assert other["ref"] != first["ref"]
    assert other["commit"] != first["commit"]


def test_bytes_stored_by_an_earlier_batch_are_stored_once() -> None:
    recent = Recent()
    batch = PayloadBatch(0, recent, 1)
    first = batch.add("churn", Payload(b"same", "t"))
    recent.add(batch.stored)
    later = PayloadBatch(1, recent, 2)
    assert later.add("churn", Payload(b"same", "other type")) == {**first, "type": "other type"}
    assert later.rows(COMPRESSOR) == []


def test_a_payload_whose_fast_hash_collides_is_stored_for_itself() -> None:
    recent = Recent()
    key = ("churn", 3, hash(b"abc"))
    recent.add({key: ("0/0", b"salt", commitment(b"salt", b"xyz"))})
    batch = PayloadBatch(5, recent, 1)
    assert batch.add("churn", Payload(b"abc", "t"))["ref"] == "5/0"


def test_the_memory_of_stored_payloads_is_bounded() -> None:
    recent = Recent(limit=10)
    for i in range(100):
        recent.add({("churn", i, i): (f"{i}/0", b"", "")})
    known = [i for i in range(100) if recent.find(("churn", i, i))]
    assert 99 in known
    assert len(known) <= 22


def test_the_commitment_does_not_tell_equal_bytes_apart_by_guessing() -> None:
    batches = [PayloadBatch(0, Recent(), 1) for _ in range(2)]
    commits = {batch.add("churn", Payload(b"yes", "t"))["commit"] for batch in batches}
    assert len(commits) == 2
    assert sha256(b"yes").hexdigest() not in commits


def test_what_is_not_kept_is_not_in_the_row() -> None:
    batch = PayloadBatch(0, Recent(), 1)
    batch.add("churn", Payload(b"secret input", "t", keep=False))
    assert all(b"secret" not in bytes(row[-1]) for row in batch.rows(COMPRESSOR))


def test_large_payloads_get_rows_of_their_own() -> None:
    batch = PayloadBatch(0, Recent(), 4)
    big = [bytes([i]) * (ROW_BYTES - 10) for i in range(3)]
    refs = [batch.add("churn", Payload(data, "t"))["ref"] for data in big]
    assert refs == ["0/0", "1/0", "2/0"]
    assert batch.add("churn", Payload(b"tiny", "t"))["ref"] == "2/1"
    rows = stored(batch)
    assert [rows[i].slot(0)[1] for i in range(3)] == big


def test_a_payload_past_the_limit_is_refused() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return MAX_PAYLOAD_BYTES + 1

    with pytest.raises(TooLarge) as caught:
        PayloadBatch(0, Recent(), 1).add("churn", Payload(Huge(), "t"))
    assert caught.value.status == 413


@given(st.binary(max_size=5000) | st.binary(min_size=1, max_size=4).map(lambda b: b * 2000))
def test_packing_is_undone_by_unpacking_and_never_longer(data: bytes) -> None:
    codec, packed = pack(data, COMPRESSOR)
    assert unpack(codec, packed) == data
    assert len(packed) <= len(data)


@given(st.binary(max_size=200))
def test_damaged_rows_are_refused_and_do_not_crash(noise: bytes) -> None:
    batch = PayloadBatch(0, Recent(), 2)
    batch.add("churn", Payload(b"a" * 2000, "t"))
    batch.add("churn", Payload(b"b", "t"))
    ((_, scope, _, codec, salts, ends, data),) = batch.rows(COMPRESSOR)
    for columns in (
        (scope, codec, salts, ends, noise),
        (scope, codec, salts, noise, data),
        (scope, codec, noise, ends, data),
        (scope, 9, salts, ends, data),
        (scope, codec, salts, ends[4:] + ends[:4], data),
    ):
        if columns != (scope, codec, salts, ends, data):
            with pytest.raises(ValueError):
                PayloadRow.read(*columns)


@pytest.mark.parametrize("ref", ["", "1", "/", "1/", "/1", "-1/0", "1/x", "1/2/3", "9" * 40 + "/0"])
def test_a_malformed_reference_is_refused(ref: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        parse_ref(ref)


def test_a_slot_that_does_not_exist_is_refused() -> None:
    row = PayloadRow("churn", bytes(16), (1,), b"a")
    for slot in (-1, 1):
        with pytest.raises(ValueError, match="no such payload"):
            row.slot(slot)
