"""The audit tree in PostgreSQL: its leaves, tiles and checkpoints."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString, TypeVar

from bus.audit.entry import Entry
from bus.audit.merkle import EMPTY, Node
from bus.audit.tiles import TileKey, Tiles, last_tiles, tile_of
from bus.domain.text import Text
from bus.postgres.pool import Connection
from bus.postgres.store import columns

_SIZE: Final[LiteralString] = "SELECT coalesce(max(leaf) + 1, 0) FROM audit_leaves"
_TILES: Final[LiteralString] = """
SELECT t.level, t.number, t.hashes FROM audit_tiles t
JOIN unnest(%b::smallint[], %b::bigint[]) AS w (level, number) USING (level, number)"""
_PUT_TILES: Final[LiteralString] = """
INSERT INTO audit_tiles (level, number, hashes) SELECT * FROM unnest(%b::smallint[], %b::bigint[], %b::bytea[])
ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes"""
_PUT_LEAVES: Final[LiteralString] = """
INSERT INTO audit_leaves (leaf, ticket_id, version, recorded_at)
SELECT * FROM unnest(%b::bigint[], %b::text[], %b::int[], %b::timestamptz[])"""
_LAST: Final[LiteralString] = """
SELECT size, note, sealed_at FROM audit_checkpoints WHERE sealed_at <= coalesce(%s::timestamptz, 'infinity')
ORDER BY size DESC LIMIT 1"""
_PUT: Final[LiteralString] = "INSERT INTO audit_checkpoints (size, note, sealed_at) VALUES (%s, %s, %s)"
_ACCEPT: Final[LiteralString] = "DELETE FROM audit_refusal"
_REFUSE: Final[LiteralString] = """
INSERT INTO audit_refusal (refused_at, why_zh, why_en) VALUES (%s, %s, %s)
ON CONFLICT (one) DO UPDATE SET why_zh = excluded.why_zh, why_en = excluded.why_en"""
_REFUSAL: Final[LiteralString] = "SELECT refused_at, why_zh, why_en FROM audit_refusal"
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedCheckpoint:
    """A checkpoint as it was signed."""

    size: int
    note: str
    sealed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingRefused:
    """Why no checkpoint is signed, and since when."""

    since: datetime
    why: Text


async def tree_size(connection: Connection) -> int:
    """Count the leaves."""
    ((size,),) = await (await connection.execute(_SIZE)).fetchall()
    return int(size)


async def growing_tiles(connection: Connection, size: int) -> Tiles:
    """Read the tiles that the next leaf is added to."""
    return await _tiles(connection, last_tiles(size))


async def put_leaves(connection: Connection, size: int, events: Sequence[Entry], tiles: Tiles) -> None:
    """Store new leaves, numbered from `size`, and the tiles that they changed."""
    rows = [(size + place, one.ticket_id, one.version, one.recorded_at) for place, one in enumerate(events)]
    await connection.execute(_PUT_LEAVES, columns(rows, 4))
    changed = [(*key, tiles.held[key]) for key in sorted(tiles.changed)]
    await connection.execute(_PUT_TILES, columns(changed, 3))


async def last_checkpoint(connection: Connection, before: datetime | None = None) -> SealedCheckpoint | None:
    """Read the newest checkpoint, or the newest of then."""
    row = await (await connection.execute(_LAST, (before,))).fetchone()
    return SealedCheckpoint(size=row[0], note=row[1], sealed_at=row[2]) if row else None


async def put_checkpoint(connection: Connection, checkpoint: SealedCheckpoint) -> None:
    """Store a checkpoint: nothing is refused any more."""
    await connection.execute(_PUT, (checkpoint.size, checkpoint.note, checkpoint.sealed_at))
    await connection.execute(_ACCEPT)


async def put_refusal(connection: Connection, why: Text, now: datetime) -> None:
    """Store why no checkpoint is signed; since when is kept of the first time."""
    await connection.execute(_REFUSE, (now, why.zh, why.en))


async def read_refusal(connection: Connection) -> SealingRefused | None:
    """Read why no checkpoint is signed; None where nothing is wrong."""
    row = await (await connection.execute(_REFUSAL)).fetchone()
    return SealingRefused(since=row[0], why=Text(row[1], row[2])) if row else None


async def read_tree(connection: Connection, work: Callable[[Node], Found]) -> Found:
    """Do pure work on the tree: which nodes it needs is found by a first run, then their tiles are read at once."""
    asked = dict[TileKey, None]()

    def note(level: int, index: int) -> bytes:
        asked[tile_of(level, index)] = None
        return EMPTY

    work(note)
    return work((await _tiles(connection, asked)).node)


async def _tiles(connection: Connection, keys: Iterable[TileKey]) -> Tiles:
    rows = await connection.execute(_TILES, columns(sorted(set(keys)), 2), binary=True)
    return Tiles({TileKey(level, number): hashes for level, number, hashes in await rows.fetchall()})
