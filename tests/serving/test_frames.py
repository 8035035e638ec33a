"""Frames between the gateway and a worker."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.serving import frames
from mlops_jupyter.serving.frames import Frame, FrameError, Reader, encode


def whole(*args: Any) -> bytes:
    return b"".join(encode(*args))


def read(data: bytes, size: int | None = None) -> list[Frame]:
    reader = Reader()
    size = size or max(1, len(data))
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return [frame for piece in pieces for frame in reader.feed(piece)]


def test_a_frame_comes_back_as_it_was_sent() -> None:
    header = {"rows": 2, "columns": ["a", "ü"], "params": None}
    (frame,) = read(whole(7, frames.PREDICT, header, [b"one", b"", b"two"]))
    assert (frame.id, frame.kind, frame.header) == (7, frames.PREDICT, header)
    assert bytes(frame.body) == b"onetwo"


def test_the_wire_format_is_that_of_the_architecture_page() -> None:
    data = whole(0x0102, frames.RESULT, {}, [b"body"])
    assert int.from_bytes(data[:4], "little") == len(data) - 4
    assert int.from_bytes(data[4:12], "little") == 0x0102
    assert data[12] == 2
    header_length = int.from_bytes(data[13:17], "little")
    assert data[17 : 17 + header_length].strip() == b"{}"
    assert data[17 + header_length :] == b"body"


def test_ids_use_all_64_bits() -> None:
    (frame,) = read(whole(2**64 - 1, frames.READY, {}, []))
    assert frame.id == 2**64 - 1


@pytest.mark.parametrize("name", ["a", "ab", "abcdefg", "abcdefghijk"])
def test_the_body_starts_at_a_multiple_of_8_bytes(name: str) -> None:
    data = whole(1, frames.PREDICT, {"columns": [name]}, [b"12345678"])
    assert data.index(b"12345678") % 8 == 0


@given(
    st.lists(st.tuples(st.integers(0, 2**64 - 1), st.lists(st.binary(max_size=300), max_size=3))),
    st.integers(1, 50),
)
def test_pieces_of_any_size_give_the_same_frames(
    sent: list[tuple[int, list[bytes]]], size: int
) -> None:
    data = b"".join(whole(number, frames.RESULT, {"n": number % 7}, body) for number, body in sent)
    got = read(data, size)
    assert [(frame.id, bytes(frame.body)) for frame in got] == [
        (number, b"".join(body)) for number, body in sent
    ]


def test_numpy_may_write_to_the_body_of_a_large_frame() -> None:
    numpy = pytest.importorskip("numpy")
    reader = Reader()
    data = whole(1, frames.PREDICT, {}, [bytes(1 << 20)])
    frames_read = [*reader.feed(data[:1000]), *reader.feed(data[1000:])]
    array = numpy.frombuffer(frames_read[0].body, dtype="f8")
    assert array.flags.writeable
    assert array.flags.aligned


def test_a_hundred_megabytes_are_read_in_linear_time() -> None:
    def seconds(megabytes: int) -> float:
        pieces = encode(1, frames.RESULT, {}, [bytes(megabytes << 20)])[:1]
        pieces += [bytes(1 << 17)] * (megabytes * 8)
        reader = Reader()
        started = time.process_time()
        (frame,) = [frame for piece in pieces for frame in reader.feed(piece)]
        assert len(frame.body) == megabytes << 20
        return time.process_time() - started

    assert seconds(100) < 60 * max(seconds(10), 0.01)


def test_large_buffers_are_not_copied_when_a_frame_is_encoded() -> None:
    buffer = bytes(1 << 20)
    assert encode(1, frames.PREDICT, {}, [buffer])[1] is buffer


def test_small_frames_are_written_in_one_piece() -> None:
    assert len(frames.join_small(encode(1, frames.RESULT, {}, [b"a", b"b"]))) == 1
    assert len(frames.join_small(encode(1, frames.RESULT, {}, [bytes(1 << 20)]))) == 2


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00\x00\x00" + bytes(40),
        b"\xff\xff\xff\xff" + bytes(40),
        (13).to_bytes(4, "little") + bytes(9) + (900).to_bytes(4, "little"),
        (14).to_bytes(4, "little") + bytes(9) + (1).to_bytes(4, "little") + b"{",
        (15).to_bytes(4, "little") + bytes(9) + (2).to_bytes(4, "little") + b"[]",
    ],
    ids=["too short", "over the limit", "header past the end", "no JSON", "no object"],
)
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        read(data)


def test_a_claimed_length_costs_no_memory_before_the_bytes_arrive() -> None:
    reader = Reader(max_frame=frames.MAX_FRAME)
    assert list(reader.feed((2**32 - 1).to_bytes(4, "little") + b"x")) == []
    assert len(reader._part) == 5


def test_what_does_not_fit_in_a_frame_is_refused_when_it_is_written() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return 2**32

    with pytest.raises(FrameError):
        encode(1, frames.RESULT, {}, [Huge()])


@pytest.mark.parametrize("reader_has, writer_has", [(True, False), (False, True), (False, False)])
def test_an_environment_without_orjson_speaks_the_same(
    reader_has: bool, writer_has: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    import orjson

    header = {"columns": ["ü", 3], "rows": 1, "extra": {"big": 2**60}}
    monkeypatch.setattr(frames, "orjson", orjson if writer_has else None)
    data = whole(1, frames.PREDICT, header, [b"x"])
    monkeypatch.setattr(frames, "_load", orjson.loads if reader_has else json.loads)
    assert read(data)[0].header == header


def test_integers_past_64_bits_are_carried() -> None:
    text = whole(1, frames.PREDICT, {"params": {"n": 2**70}}, [])
    assert str(2**70).encode() in text
