"""A Merkle tree after RFC 6962: hashes, roots, proofs, and their verification. Pure.

A tree is read through `node(level, index)`, which gives the root of the complete subtree over the leaves
[index << level, (index + 1) << level). Verification follows RFC 9162, 2.1.3.2 and 2.1.4.2.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY: Final = sha256().digest()
Node = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Hash what a leaf holds."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children."""
    return sha256(b"\x01" + left + right).digest()


def root(size: int, node: Node) -> bytes:
    """Give the root of the first `size` leaves: O(log n) nodes are asked for."""
    return _range_root(0, size, node) if size else EMPTY


def inclusion_proof(leaf: int, size: int, node: Node) -> list[bytes]:
    """Give the hashes that lead from a leaf to the root of the first `size` leaves, from below."""
    assert 0 <= leaf < size, f"leaf {leaf} of {size}"
    path, start, end = list[bytes](), 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if leaf < middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(first: int, size: int, node: Node) -> list[bytes]:
    """Give the hashes that show that the first `first` leaves of a tree of `size` are the earlier tree."""
    assert 0 < first <= size, f"{first} of {size}"
    path, start, end = list[bytes](), 0, size
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    if start:
        path.append(_range_root(start, end, node))
    return path[::-1]


def root_of_inclusion(leaf: int, size: int, hashed: bytes, proof: Sequence[bytes]) -> bytes | None:
    """Give the root that a proof leads to from a leaf's hash; None where it is no proof for such a place."""
    if not 0 <= leaf < size:
        return None
    index, last, found = leaf, size - 1, hashed
    for one in proof:
        if last == 0:
            return None
        if index & 1 or index == last:
            found = node_hash(one, found)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = node_hash(found, one)
        index, last = index >> 1, last >> 1
    return found if last == 0 else None


def is_consistent(first: int, first_root: bytes, size: int, size_root: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether a proof shows that the earlier tree is the beginning of the later one."""
    if not 0 < first <= size:
        return False
    if first == size:
        return not proof and first_root == size_root
    path = [first_root, *proof] if first & (first - 1) == 0 else [*proof]
    if not path:
        return False
    index, last = first - 1, size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    earlier = later = path[0]
    for one in path[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            earlier, later = node_hash(one, earlier), node_hash(one, later)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            later = node_hash(later, one)
        index, last = index >> 1, last >> 1
    return last == 0 and earlier == first_root and later == size_root


def _split(size: int) -> int:
    """Give the largest power of two below `size`, which is more than one."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_root(start: int, end: int, node: Node) -> bytes:
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(size)
    return node_hash(_range_root(start, middle, node), _range_root(middle, end, node))
