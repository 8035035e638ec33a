"""The Merkle tree of RFC 6962 and RFC 9162, appended to through its frontier.

A tree of `size` leaves is held as the roots of its complete subtrees (one for each bit of `size`).
Proofs ask a callback for complete nodes, so that they need neither the leaves nor the whole tree in
memory.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
TILE_LEVEL = 8
"""Nodes of this level and above are kept when complete: a proof then needs few reads."""

NodeSource = Callable[[int, int], bytes]
"""``(level, position) -> hash`` of a complete subtree of ``2**level`` leaves."""

_NODE = struct.Struct(">BQ32s")


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data), RFC 6962 section 2.1."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), RFC 6962 section 2.1."""
    return sha256(b"\1" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Node:
    """The hash of a complete subtree: `position` counts subtrees of this `level` from the left."""

    level: int
    position: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree as the roots of its complete subtrees; `peaks[level]` is None where `size` has no bit.

    Values never change, so a failed commit leaves the old tree as it was.
    """

    size: int = 0
    peaks: tuple[bytes | None, ...] = ()

    def extended(self, hashes: Sequence[bytes]) -> tuple[Frontier, list[Node]]:
        """The tree with these leaf hashes appended, and the nodes from TILE_LEVEL up it completed.

        Works a level at a time: about one hash a leaf.
        """
        peaks = list(self.peaks)
        completed: list[Node] = []
        level, first, row = 0, self.size, list(hashes)
        while row:
            if level == len(peaks):
                peaks.append(None)
            peak = peaks[level]
            if first & 1 and peak is not None:
                row.insert(0, peak)
                first -= 1
            peaks[level] = row[-1] if len(row) & 1 else None
            row = [
                sha256(b"\1" + left + right).digest()
                for left, right in zip(row[::2], row[1::2], strict=False)
            ]
            level += 1
            first >>= 1
            if level >= TILE_LEVEL:
                completed += [Node(level, first + i, value) for i, value in enumerate(row)]
        return Frontier(self.size + len(hashes), tuple(peaks)), completed

    def root(self) -> bytes:
        """The Merkle tree hash of all leaves."""
        root: bytes | None = None
        for peak in self.peaks:
            if peak is not None:
                root = peak if root is None else node_hash(peak, root)
        return EMPTY_ROOT if root is None else root

    def to_bytes(self) -> bytes:
        """The peaks from the lowest level up; `size` says which levels they are."""
        return b"".join(peak for peak in self.peaks if peak is not None)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Frontier:
        """Read what :meth:`to_bytes` wrote; raise ValueError when it does not fit `size`."""
        if len(data) != HASH_BYTES * size.bit_count():
            raise ValueError("the tree state does not fit the tree's size")
        peaks: list[bytes | None] = []
        at = 0
        for level in range(size.bit_length()):
            if size >> level & 1:
                peaks.append(data[at : at + HASH_BYTES])
                at += HASH_BYTES
            else:
                peaks.append(None)
        return cls(size, tuple(peaks))


def pack_nodes(nodes: Sequence[Node]) -> bytes:
    """Nodes as bytes, 41 each."""
    return b"".join(_NODE.pack(node.level, node.position, node.hash) for node in nodes)


def unpack_nodes(data: bytes) -> list[Node]:
    """Read what :func:`pack_nodes` wrote; raise ValueError when it is not that."""
    if len(data) % _NODE.size:
        raise ValueError("the kept nodes are cut")
    return [Node(*fields) for fields in _NODE.iter_unpack(data)]


def range_root(low: int, high: int, node: NodeSource) -> bytes:
    """The hash of leaves low..high-1, a range that the RFC's recursion splits off."""
    count = high - low
    level = count.bit_length() - 1
    if count == 1 << level and low % count == 0:
        return node(level, low >> level)
    split = low + _largest_power_below(count)
    return node_hash(range_root(low, split, node), range_root(split, high, node))


def inclusion_proof(index: int, size: int, node: NodeSource) -> list[bytes]:
    """The audit path of RFC 6962 section 2.1.1, from the leaf's sibling up."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    path = []
    low, high = 0, size
    while high - low > 1:
        split = low + _largest_power_below(high - low)
        if index < split:
            path.append(range_root(split, high, node))
            high = split
        else:
            path.append(range_root(low, split, node))
            low = split
    return path[::-1]


def consistency_proof(old: int, new: int, node: NodeSource) -> list[bytes]:
    """The proof of RFC 6962 section 2.1.2 that a tree of `new` leaves begins with one of `old`."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} cannot begin with one of {old}")
    if old in (0, new):
        return []
    path = []
    low, high, whole = 0, new, True
    while old != high:
        split = low + _largest_power_below(high - low)
        if old <= split:
            path.append(range_root(split, high, node))
            high = split
        else:
            path.append(range_root(low, split, node))
            low, whole = split, False
    if not whole:
        path.append(range_root(low, high, node))
    return path[::-1]


def includes(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows leaf hash `leaf` at `index` under `root`, RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size or any(len(step) != HASH_BYTES for step in proof):
        return False
    at, last, value = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            value = node_hash(step, value)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            value = node_hash(value, step)
        at >>= 1
        last >>= 1
    return last == 0 and value == root


def extends(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the new tree begins with the old, RFC 9162 section 2.1.4.2."""
    if not 0 <= old <= new or any(len(step) != HASH_BYTES for step in proof):
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    steps = list(proof)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at >>= 1
        last >>= 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            after = node_hash(after, step)
        at >>= 1
        last >>= 1
    return last == 0 and before == old_root and after == new_root


def _largest_power_below(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)
