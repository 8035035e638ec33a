from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.audit.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    extends,
    includes,
    inclusion_proof,
    leaf_hash,
    node_hash,
    pack_nodes,
    range_root,
    unpack_nodes,
)

# the leaves and roots of the reference implementation of RFC 6962 (Certificate Transparency)
REFERENCE_LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    bytes.fromhex("2021"),
    bytes.fromhex("3031"),
    bytes.fromhex("40414243"),
    bytes.fromhex("5051525354555657"),
    bytes.fromhex("606162636465666768696a6b6c6d6e6f"),
]
REFERENCE_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def slow_root(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return sha256(b"\1" + slow_root(hashes[:split]) + slow_root(hashes[split:])).digest()


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(b"leaf %d" % i) for i in range(count)]


class Nodes:
    """Complete subtrees straight from the leaf hashes."""

    def __init__(self, hashes: list[bytes]) -> None:
        self.hashes = hashes

    def __call__(self, level: int, position: int) -> bytes:
        part = self.hashes[position << level : (position + 1) << level]
        assert len(part) == 1 << level, "a proof asked for a subtree that is not complete"
        return slow_root(part)


HASHES = leaves(70)
ROOTS = [slow_root(HASHES[:size]) for size in range(71)]


def test_the_roots_are_those_of_the_reference_implementation() -> None:
    tree = Frontier()
    assert tree.root() == EMPTY_ROOT
    for leaf, root in zip(REFERENCE_LEAVES, REFERENCE_ROOTS, strict=True):
        tree, _ = tree.extended([leaf_hash(leaf)])
        assert tree.root().hex() == root


@given(st.lists(st.integers(0, 40), max_size=12))
def test_a_tree_has_the_same_root_however_its_leaves_are_batched(sizes: list[int]) -> None:
    hashes = leaves(sum(sizes))
    tree = Frontier()
    for size in sizes:
        tree, _ = tree.extended(hashes[tree.size : tree.size + size])
    assert tree.root() == slow_root(hashes)
    assert Frontier.from_bytes(tree.size, tree.to_bytes()) == tree or tree.size == 0


def test_extending_a_tree_leaves_the_old_one_as_it_was() -> None:
    old, _ = Frontier().extended(HASHES[:5])
    old.extended(HASHES[5:])
    assert old.root() == ROOTS[5]


@given(st.lists(st.integers(1, 700), min_size=1, max_size=8))
def test_each_complete_tile_is_reported_once_with_its_hash(sizes: list[int]) -> None:
    hashes = [i.to_bytes(32) for i in range(sum(sizes))]
    tree, found = Frontier(), []
    for size in sizes:
        tree, nodes = tree.extended(hashes[tree.size : tree.size + size])
        found += unpack_nodes(pack_nodes(nodes))
    wanted = [
        (level, position) for level in range(8, 14) for position in range(len(hashes) >> level)
    ]
    assert sorted((n.level, n.position) for n in found) == wanted
    for node in found:
        part = hashes[node.position << node.level : (node.position + 1) << node.level]
        assert node.hash == Frontier().extended(part)[0].root()


def test_every_inclusion_proof_is_accepted_for_its_leaf_and_no_other() -> None:
    for size in range(1, 71):
        for index in range(size):
            proof = inclusion_proof(index, size, Nodes(HASHES))
            assert includes(index, size, HASHES[index], proof, ROOTS[size])
            assert not includes(index, size, HASHES[index - 1], proof, ROOTS[size]) or size == 1
            assert not includes(index, size, HASHES[index], proof, ROOTS[size - 1])
            assert not includes(index + 1, size, HASHES[index], proof, ROOTS[size])


def test_every_consistency_proof_is_accepted_for_its_trees_and_no_others() -> None:
    for new in range(71):
        for old in range(new + 1):
            proof = consistency_proof(old, new, Nodes(HASHES))
            assert extends(old, new, ROOTS[old], ROOTS[new], proof)
            if 0 < old < new:
                assert not extends(old, new, ROOTS[old - 1], ROOTS[new], proof)
                assert not extends(old, new, ROOTS[old], ROOTS[new - 1], proof)


@given(st.data())
def test_a_changed_inclusion_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 70))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, Nodes(HASHES))
    bad = data.draw(changed(proof))
    assert not includes(index, size, HASHES[index], bad, ROOTS[size])


@given(st.data())
def test_a_changed_consistency_proof_is_refused(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 70))
    old = data.draw(st.integers(1, new - 1))
    proof = consistency_proof(old, new, Nodes(HASHES))
    bad = data.draw(changed(proof))
    assert not extends(old, new, ROOTS[old], ROOTS[new], bad)


@st.composite
def changed(draw: st.DrawFn, proof: list[bytes]) -> list[bytes]:
    """The proof with a bit flipped, a step lost, added, cut or moved."""
    at = draw(st.integers(0, len(proof) - 1))
    how = draw(st.sampled_from(["flip", "lose", "add", "cut", "empty"]))
    if how == "flip":
        bit = draw(st.integers(0, 255))
        step = (int.from_bytes(proof[at]) ^ 1 << bit).to_bytes(32)
        return [*proof[:at], step, *proof[at + 1 :]]
    if how == "lose":
        return proof[:at] + proof[at + 1 :]
    if how == "add":
        return [*proof[:at], draw(st.binary(min_size=32, max_size=32)), *proof[at:]]
    if how == "cut":
        return [*proof[:at], proof[at][:31], *proof[at + 1 :]]
    return []


def test_a_node_cannot_be_passed_off_as_a_leaf() -> None:
    left, right = HASHES[0], HASHES[1]
    root = node_hash(left, right)
    assert not includes(0, 1, leaf_hash(b"\1" + left + right), [], root)
    assert includes(0, 2, left, [right], root)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (5, 5), (-1, 3), (2**63, 2**62)])
def test_an_index_outside_the_tree_is_refused(index: int, size: int) -> None:
    assert not includes(index, size, HASHES[0], [], HASHES[0])
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(index, size, Nodes(HASHES))


def test_trees_of_size_nought_and_one_are_proved_by_nothing() -> None:
    assert includes(0, 1, HASHES[0], [], ROOTS[1])
    assert not includes(0, 1, HASHES[0], [HASHES[1]], ROOTS[1])
    assert extends(0, 5, EMPTY_ROOT, ROOTS[5], [])
    assert not extends(0, 5, ROOTS[1], ROOTS[5], [])
    assert not extends(0, 5, EMPTY_ROOT, ROOTS[5], [HASHES[0]])
    assert not extends(5, 4, ROOTS[5], ROOTS[4], [])
    assert not extends(3, 5, ROOTS[3], ROOTS[5], [])
    assert not extends(4, 5, ROOTS[4], ROOTS[5], [])


def test_a_tree_that_does_not_start_with_another_has_no_proof() -> None:
    with pytest.raises(ValueError, match="cannot begin"):
        consistency_proof(6, 5, Nodes(HASHES))


def test_a_stored_tree_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Frontier.from_bytes(3, bytes(32))
    with pytest.raises(ValueError, match="cut"):
        unpack_nodes(bytes(40))


def test_the_root_of_any_prefix_can_be_had_from_complete_nodes() -> None:
    for size in range(1, 71):
        assert range_root(0, size, Nodes(HASHES)) == ROOTS[size]
