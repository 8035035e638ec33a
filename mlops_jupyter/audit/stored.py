"""The tree as it lies in the database: complete nodes and leaves, found by few reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlalchemy as sa

from mlops_jupyter.audit import schema
from mlops_jupyter.audit.batch import split_leaves
from mlops_jupyter.audit.tree import (
    HASH_BYTES,
    TILE_LEVEL,
    Frontier,
    Node,
    range_root,
    unpack_nodes,
)

_bundle = schema.bundle.c
_TILE = 1 << TILE_LEVEL


def tree_size(connection: sa.Connection) -> int:
    """How many records are committed."""
    end = connection.execute(
        sa.select(_bundle.first + _bundle["count"]).order_by(_bundle.first.desc()).limit(1)
    ).scalar()
    return 0 if end is None else int(end)


def read_leaf(connection: sa.Connection, index: int) -> bytes:
    """The exact bytes of a record; LookupError when there is none, ValueError when damaged."""
    low, leaves = _covering(connection, index)
    return leaves[index - low]


def _covering(connection: sa.Connection, index: int) -> tuple[int, list[bytes]]:
    row = connection.execute(
        sa.select(_bundle.first, _bundle["count"], _bundle.codec, _bundle.data)
        .where(_bundle.first <= index)
        .order_by(_bundle.first.desc())
        .limit(1)
    ).first()
    if row is None:
        raise LookupError(f"there is no record {index}")
    first: int
    first, count, codec, data = row
    if index >= first + count:
        raise LookupError(f"there is no record {index}")
    leaves: list[bytes] = split_leaves(codec, data)
    if len(leaves) != count:
        raise ValueError("the bundle does not hold the number of records it says")
    return first, leaves


def read_leaves(connection: sa.Connection, indexes: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """``(index, exact bytes)`` of records; neighbours in one bundle are read at once."""
    low = 0
    leaves: list[bytes] = []
    for index in indexes:
        if not low <= index < low + len(leaves):
            low, leaves = _covering(connection, index)
        yield index, leaves[index - low]


def each_leaf(connection: sa.Connection, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """``(index, exact bytes)`` of records start..stop-1, in order."""
    at = start
    while at < stop:
        low, leaves = _covering(connection, at)
        yield from enumerate(leaves[at - low : stop - low], at)
        at = low + len(leaves)


class StoredNodes:
    """A :data:`~mlops_jupyter.audit.tree.NodeSource` over the bundles of one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._tiles: dict[int, dict[int, bytes]] = {}

    def __call__(self, level: int, position: int) -> bytes:
        """The hash of a complete subtree; LookupError when the ledger does not reach it."""
        if level >= TILE_LEVEL:
            return self._kept(level, position)
        if level == 0:
            return self._leaf(position)
        hashes = [self._leaf(i) for i in range(position << level, (position + 1) << level)]
        return Frontier().extended(hashes)[0].root()

    def _leaf(self, index: int) -> bytes:
        tile = index >> TILE_LEVEL
        if tile not in self._tiles:
            self._tiles[tile] = self._read_tile(tile)
        try:
            return self._tiles[tile][index]
        except KeyError:
            raise LookupError(f"there is no record {index}") from None

    def _read_tile(self, tile: int) -> dict[int, bytes]:
        low, high = tile << TILE_LEVEL, (tile + 1) << TILE_LEVEL
        before = sa.select(sa.func.max(_bundle.first)).where(_bundle.first <= low).scalar_subquery()
        rows = self._connection.execute(
            sa.select(_bundle.first, _bundle["count"], _bundle.hashes).where(
                _bundle.first >= sa.func.coalesce(before, low), _bundle.first < high
            )
        )
        found: dict[int, bytes] = {}
        for first, count, hashes in rows:
            for index in range(max(first, low), min(first + count, high)):
                at = (index - first) * HASH_BYTES
                found[index] = hashes[at : at + HASH_BYTES]
        return found

    def _kept(self, level: int, position: int) -> bytes:
        last_leaf = ((position + 1) << level) - 1
        row = self._connection.execute(
            sa.select(_bundle.nodes)
            .where(_bundle.first <= last_leaf)
            .order_by(_bundle.first.desc())
            .limit(1)
        ).first()
        wanted: list[Node] = []
        if row is not None:
            nodes = unpack_nodes(row.nodes)
            wanted = [n for n in nodes if n.level == level and n.position == position]
        if not wanted:
            raise LookupError(f"the ledger does not hold node {level}/{position}")
        return wanted[0].hash


def root_at(connection: sa.Connection, size: int) -> bytes:
    """The root that the tree had when it held `size` leaves; LookupError when it holds fewer."""
    if size == 0:
        return Frontier().root()
    return range_root(0, size, StoredNodes(connection))
