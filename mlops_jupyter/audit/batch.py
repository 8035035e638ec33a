"""A batch of entries on its way into rows: everything about it but the writing."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import zstandard

from mlops_jupyter.audit.payloads import Payload, PayloadBatch, Recent, pack, unpack
from mlops_jupyter.audit.record import Uuid7, encode_all, is_plain

RECORD_VERSION = 1


@dataclass(slots=True)
class Entry:
    """One event: a plain dict (docs/audit.md has its fields) and the payloads that belong to it.

    ``record["endpoint"]`` is the scope of the payloads.
    """

    record: dict[str, Any]
    input: Payload | None = None
    output: Payload | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Encoded entries: `leaves` are the exact bytes that the tree covers."""

    ids: list[str]
    leaves: list[bytes]
    hashes: list[bytes]
    payloads: PayloadBatch


def encode_batch(
    entries: Sequence[Entry], origin: str, names: Uuid7, recent: Recent, next_payload: int
) -> Batch:
    """Give entries their names, times and commitments, and encode them; write nothing.

    Raises InvalidRecord, whose `position` names the entry, and TooLarge.
    """
    payloads = PayloadBatch(next_payload, recent, 2 * len(entries))
    add = payloads.add
    wall = time.time_ns() // 1000
    mono = time.monotonic_ns() // 1000
    fresh = iter(names.take(sum("id" not in entry.record for entry in entries)))
    records = []
    for entry in entries:
        given = entry.record
        record = {"t_wall_us": wall, "t_mono_us": mono, **given}
        record["v"] = RECORD_VERSION
        record["log"] = origin
        if "id" not in given:
            record["id"] = next(fresh)
        scope = given.get("endpoint") or ""
        if entry.input is not None:
            record["input"] = add(scope, entry.input)
        if entry.output is not None:
            record["output"] = add(scope, entry.output)
        records.append(record)
    leaves = encode_all(records, is_plain([entry.record for entry in entries]))
    hashes = [sha256(b"\0" + leaf).digest() for leaf in leaves]
    return Batch([record["id"] for record in records], leaves, hashes, payloads)


def join_leaves(leaves: Sequence[bytes], compressor: zstandard.ZstdCompressor) -> tuple[int, bytes]:
    """``(codec, bytes)`` of an entry bundle of C2SP tlog-tiles: 16-bit length, bytes, and so on."""
    lengths = struct.pack(f">{len(leaves)}H", *map(len, leaves))
    parts: list[bytes] = [b""] * (2 * len(leaves))
    parts[::2] = [lengths[at : at + 2] for at in range(0, len(lengths), 2)]
    parts[1::2] = leaves
    return pack(b"".join(parts), compressor)


def split_leaves(codec: int, data: bytes) -> list[bytes]:
    """The exact leaf bytes of a bundle; raise ValueError when it is damaged."""
    data = unpack(codec, data)
    leaves = []
    at, end = 0, len(data)
    while at + 2 <= end:
        start = at + 2
        at = start + (data[at] << 8 | data[at + 1])
        leaves.append(data[start:at])
    if at != end:
        raise ValueError("the records of the bundle are cut")
    return leaves
