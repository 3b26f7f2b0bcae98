"""The Merkle tree against the reference vectors of certificate-transparency, and against the RFC's definition."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bus.audit import merkle
from bus.audit.tiles import TileKey, Tiles, last_tiles, tile_of

VECTORS = json.loads((Path(__file__).parent / "merkle_vectors.json").read_text())
ENTRIES = [bytes.fromhex(one) for one in VECTORS["entries"]]


def tree(entries: list[bytes]) -> Tiles:
    made = Tiles()
    made.append(0, map(merkle.leaf_hash, entries))
    return made


def naive(entries: list[bytes]) -> bytes:
    """Hash as RFC 6962, 2.1 defines it."""
    if len(entries) < 2:
        return merkle.leaf_hash(entries[0]) if entries else merkle.EMPTY
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return merkle.node_hash(naive(entries[:k]), naive(entries[k:]))


def test_merkle_roots_are_those_of_the_reference() -> None:
    assert merkle.EMPTY.hex() == VECTORS["empty_root"]
    made = tree(ENTRIES)
    assert [merkle.root(size, made.node).hex() for size in range(1, 9)] == VECTORS["roots"]


def test_merkle_proofs_are_those_of_the_reference() -> None:
    made = tree(ENTRIES)
    for leaf, size, path in VECTORS["inclusion"]:
        assert [one.hex() for one in merkle.inclusion_proof(leaf, size, made.node)] == path
    for first, size, path in VECTORS["consistency"]:
        assert [one.hex() for one in merkle.consistency_proof(first, size, made.node)] == path


@given(st.integers(1, 700), st.data())
def test_merkle_proofs_verify_and_changed_ones_do_not(size: int, data: st.DataObject) -> None:
    entries = [number.to_bytes(2, "big") for number in range(size)]
    made = tree(entries)
    root = merkle.root(size, made.node)
    assert root == naive(entries)
    leaf, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    hashed, path = merkle.leaf_hash(entries[leaf]), merkle.inclusion_proof(leaf, size, made.node)
    assert merkle.root_of_inclusion(leaf, size, hashed, path) == root
    assert merkle.root_of_inclusion(leaf, size, merkle.leaf_hash(b"other"), path) != root
    assert merkle.root_of_inclusion(leaf, size, hashed, [*path, root]) != root
    if path:
        assert merkle.root_of_inclusion(leaf, size, hashed, path[:-1]) != root
        assert merkle.root_of_inclusion(leaf ^ 1, size, hashed, path) != root
    shown, earlier = merkle.consistency_proof(first, size, made.node), naive(entries[:first])
    assert merkle.is_consistent(first, earlier, size, root, shown)
    assert not merkle.is_consistent(first, merkle.EMPTY, size, root, shown)
    assert not merkle.is_consistent(first, earlier, size, merkle.EMPTY, shown)
    if first < size:
        assert not merkle.is_consistent(first, earlier, size, root, shown[:-1])


@given(st.lists(st.integers(1, 300), min_size=1, max_size=4))
def test_merkle_a_tree_goes_on_from_its_last_tiles_alone(batches: list[int]) -> None:
    held, size = dict[TileKey, bytes](), 0
    whole = tree([number.to_bytes(2, "big") for number in range(sum(batches))])
    for count in batches:
        kept = Tiles({key: held[key] for key in last_tiles(size) if key in held})
        hashes = [merkle.leaf_hash(number.to_bytes(2, "big")) for number in range(size, size + count)]
        size = kept.append(size, hashes)
        held |= {key: kept.held[key] for key in kept.changed}
        assert merkle.root(size, kept.node) == merkle.root(size, whole.node)
    assert held == whole.held


def test_merkle_a_node_names_the_tile_that_it_is_read_from() -> None:
    assert tile_of(0, 255) == (0, 0)
    assert tile_of(0, 256) == (0, 1)
    assert tile_of(7, 1) == (0, 0)
    assert tile_of(8, 0) == (1, 0)
