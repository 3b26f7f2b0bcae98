"""The tree's hashes in tiles of 256, level by level (as C2SP tlog-tiles has them): appended to, and read by. Pure.

Tile level 0 holds leaves; an entry one level above is the root of a full tile below.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from bus.audit.merkle import HASH_BYTES, node_hash
from bus.domain.errors import BusError

_BITS: Final = 8
WIDTH: Final = 1 << _BITS
FULL: Final = WIDTH * HASH_BYTES


class HashesMissing(BusError):
    """A tile of the tree is gone, or too short."""


class TileKey(NamedTuple):
    """Which tile: its level, and its number there."""

    level: int
    number: int


class Tiles:
    """Tiles in memory; `changed` are those that hashes were appended to."""

    def __init__(self, stored: Mapping[TileKey, bytes] | None = None) -> None:
        self.held = dict(stored or {})
        self.changed = set[TileKey]()

    def append(self, size: int, hashes: Iterable[bytes]) -> int:
        """Append leaves' hashes to a tree of `size` leaves, whose last tile of each level is held; gives its size."""
        for one in hashes:
            self._add(0, size, one)
            size += 1
        return size

    def node(self, level: int, index: int) -> bytes:
        """Give the root of a complete subtree; the tile that `tile_of` names is held."""
        key, first, count = _place(level, index)
        raw = self.held.get(key, b"")
        if len(raw) < (first + count) * HASH_BYTES:
            raise HashesMissing(f"tile {key.level}/{key.number}")
        row = [raw[at : at + HASH_BYTES] for at in range(first * HASH_BYTES, (first + count) * HASH_BYTES, HASH_BYTES)]
        return folded(row)

    def _add(self, level: int, index: int, hashed: bytes) -> None:
        key = TileKey(level, index >> _BITS)
        raw = self.held[key] = self.held.get(key, b"") + hashed
        self.changed.add(key)
        if len(raw) == FULL:
            row = [raw[at : at + HASH_BYTES] for at in range(0, FULL, HASH_BYTES)]
            self._add(level + 1, index >> _BITS, folded(row))


def folded(row: list[bytes]) -> bytes:
    """Give the root over a power of two of hashes."""
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def tile_of(level: int, index: int) -> TileKey:
    """Name the tile that a complete subtree's root is read from."""
    return _place(level, index)[0]


def last_tiles(size: int) -> list[TileKey]:
    """List the tiles that the root of `size` leaves needs and that the next leaf is added to."""
    found, level = list[TileKey](), 0
    while size:
        found += [TileKey(level, number) for number in {size >> _BITS, (size - 1) >> _BITS}]
        level, size = level + 1, size >> _BITS
    return found


def _place(level: int, index: int) -> tuple[TileKey, int, int]:
    within = level % _BITS
    first = index << within
    return TileKey(level // _BITS, first >> _BITS), first & (WIDTH - 1), 1 << within
