"""Holds PostgreSQL against the audit tree, and the tree against its checkpoints and their witness on Kafka.

Beside live traffic; changes nothing. Rows and tree are read in one snapshot, the witness before and after it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, LiteralString, NamedTuple

from bus.archive.reader import archived_files, groups_of
from bus.audit import merkle
from bus.audit.checkpoint import Checkpoint, NoteInvalid, VerifyingKey, opened_checkpoint
from bus.audit.entry import COLUMNS, entry_of
from bus.audit.tiles import TileKey, Tiles
from bus.kafka.range_reader import RangeReader
from bus.postgres.pool import Connection
from bus.wire.record import Record

LISTED_MAX: Final = 1_000
CHUNK: Final = 5_000
NEWEST: Final = 100  # records of the witness that are read at once, from its end on
_ROWS: Final[LiteralString] = f"""
SELECT l.leaf, l.ticket_id, l.version, {COLUMNS}
FROM audit_leaves l LEFT JOIN events e USING (ticket_id, version) ORDER BY l.leaf"""  # noqa: S608 - of constants alone
_ADDED: Final[LiteralString] = """
SELECT e.ticket_id, e.version FROM events e
WHERE NOT EXISTS (SELECT FROM audit_leaves l WHERE (l.ticket_id, l.version) = (e.ticket_id, e.version))
AND NOT EXISTS (SELECT FROM audit_pending p WHERE (p.ticket_id, p.version) = (e.ticket_id, e.version)) ORDER BY 1, 2"""
_PLACES: Final[LiteralString] = """
SELECT leaf, ticket_id, version FROM audit_leaves WHERE leaf = ANY(%s) ORDER BY leaf"""
_LEAVES: Final[LiteralString] = """
SELECT leaf, ticket_id, version FROM audit_leaves WHERE ticket_id BETWEEN %s AND %s"""
_GONE: Final[LiteralString] = """
SELECT p.ticket_id, p.version FROM audit_pending p
WHERE NOT EXISTS (SELECT FROM events e WHERE (p.ticket_id, p.version) = (e.ticket_id, e.version)) ORDER BY 1, 2"""
_WAITING: Final[LiteralString] = "SELECT count(*) FROM audit_pending"
_UNPUBLISHED: Final[LiteralString] = "SELECT count(*) FROM outbox WHERE topic = %s AND published_at IS NULL"


class Tampering(NamedTuple):
    """One thing that is not as it was sealed; `where` is a ticket and version, a leaf, a tile or a checkpoint."""

    kind: str
    where: str


@dataclass(slots=True, kw_only=True)
class AuditReport:
    """What a check came to: how much it covers, and what is wrong, of which the first are listed.

    `other_trees`: checkpoints of the witness that are of another tree, as one that was begun anew leaves them.
    """

    leaves: int = 0
    waiting: int = 0
    checkpoints: int = 0
    witnessed: int = 0
    other_trees: int = 0
    problems: int = 0
    listed: list[Tampering] = field(default_factory=list)

    def add(self, kind: str, where: str) -> None:
        """Take in what is wrong."""
        self.problems += 1
        if len(self.listed) < LISTED_MAX:
            self.listed.append(Tampering(kind, where))


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """The checkpoints' topic on Kafka; `note_of` reads a record's note, None of what is none."""

    reader: RangeReader
    topic: str
    note_of: Callable[[Record], str | None]

    async def end(self) -> int:
        """Give the offset after the last record. Raises KafkaUnavailable."""
        return (await self.reader.ends(self.topic, [0]))[0]

    async def notes(self, end: int) -> list[tuple[int, str | None]]:
        """Read offsets and notes up to an offset. Raises KafkaUnavailable."""
        chunks = self.reader.read(self.topic, 0, 0, end, most=CHUNK)
        return [(record.offset, self.note_of(record)) async for chunk in chunks for record in chunk.records]

    async def last(self, key: VerifyingKey) -> Checkpoint | None:
        """Give the largest of the last checkpoints that bear the key's signature. Raises KafkaUnavailable."""
        begin, end = (await self.reader.starts(self.topic, [0]))[0], await self.end()
        while end > begin:
            start = max(begin, end - NEWEST)
            chunks = self.reader.read(self.topic, 0, start, end, most=NEWEST)
            notes = [self.note_of(record) async for chunk in chunks for record in chunk.records]
            if found := [one for note in notes if (one := _opened(note, key))]:
                return max(found, key=lambda one: one.size)
            end = start
        return None


def _opened(note: str | None, key: VerifyingKey) -> Checkpoint | None:
    try:
        return opened_checkpoint(note, key) if note is not None else None
    except NoteInvalid:
        return None  # of another tree, or nobody's: `audit check` names it


async def check_audit(
    snapshot: Callable[[], AbstractAsyncContextManager[Connection]],
    key: VerifyingKey,
    witness: Witness,
    outbox_topic: str,
    progress: Callable[[int], None] = lambda _count: None,
) -> AuditReport:
    """Check every event, archived ones too, leaf, tile and checkpoint.

    Raises StoreUnavailable, KafkaUnavailable, ArchiveUnreadable.
    """
    report = AuditReport()
    before = await witness.end()
    async with snapshot() as connection:
        tiles, stored = await _leaves(connection, report, progress)
        for query, kind in ((_ADDED, "added"), (_GONE, "dropped_before_sealing")):
            for ticket_id, version in await (await connection.execute(query)).fetchall():
                report.add(kind, f"{ticket_id}/{version}")
        notes = await (await connection.execute("SELECT size, note FROM audit_checkpoints ORDER BY size")).fetchall()
        ((report.waiting,),) = await (await connection.execute(_WAITING)).fetchall()
        ((unpublished,),) = await (await connection.execute(_UNPUBLISHED, (outbox_topic,))).fetchall()
    _check_tiles(report, tiles, stored)
    own = _check_checkpoints(report, key, notes, tiles)
    found, earlier = _witnessed(report, key, await witness.notes(await witness.end()), before, tiles)
    for size in sorted(earlier - own):
        report.add("checkpoint_missing", f"checkpoint {size}")
    report.checkpoints, report.witnessed = len(own), len(own & found)
    sent = sorted(own)[: len(own) - unpublished] if unpublished else sorted(own)
    for size in sent:
        if size not in found:
            report.add("not_witnessed", f"checkpoint {size}")
    return report


async def _leaves(
    connection: Connection, report: AuditReport, progress: Callable[[int], None]
) -> tuple[Tiles, Mapping[TileKey, bytes]]:
    """Compare each leaf's row with its hash; gives the tree over what the rows say now, and the stored tiles."""
    rows = await connection.execute("SELECT level, number, hashes FROM audit_tiles", binary=True)
    stored = {TileKey(level, number): bytes(hashes) for level, number, hashes in await rows.fetchall()}
    tiles, absent = Tiles(), bytearray()
    async with connection.cursor("audit_check", binary=True) as cursor:
        cursor.itersize = CHUNK
        await cursor.execute(_ROWS)
        async for leaf, ticket_id, version, *row in cursor:
            if leaf != report.leaves:
                report.add("leaf_missing", f"leaf {report.leaves}")
                break
            sealed = _hash_at(stored, leaf)
            absent.append(row[0] is None)
            if row[0] is not None and entry_of(tuple(row)).hashed != sealed:
                report.add("changed", f"{ticket_id}/{version} (leaf {leaf})")
            tiles.append(leaf, [sealed])
            report.leaves += 1
            if report.leaves % CHUNK == 0:
                progress(report.leaves)
    await _archived(connection, report, stored, absent)
    gone = (leaf for leaf, missing in enumerate(absent) if missing)
    while some := [*islice(gone, CHUNK)]:
        for leaf, ticket_id, version in await (await connection.execute(_PLACES, (some,))).fetchall():
            report.add("dropped", f"{ticket_id}/{version} (leaf {leaf})")
    return tiles, stored


async def _archived(
    connection: Connection, report: AuditReport, stored: Mapping[TileKey, bytes], absent: bytearray
) -> None:
    """Compare the events of archived files with their leaves, which are no more absent then."""
    for file in await archived_files(connection):
        async for group in groups_of(connection, file):
            asked = (group[0].ticket_id, group[-1].ticket_id)
            leaves = {(t, v): leaf for leaf, t, v in await (await connection.execute(_LEAVES, asked)).fetchall()}
            for one in group:
                where, leaf = f"{one.ticket_id}/{one.version}", leaves.get((one.ticket_id, one.version))
                if leaf is None or leaf >= len(absent):
                    if file.sealed:
                        report.add("added", f"{where} ({file.file})")
                    continue
                absent[leaf] = False
                if entry_of(one).hashed != _hash_at(stored, leaf):
                    report.add("changed", f"{where} (leaf {leaf}, {file.file})")


def _hash_at(stored: Mapping[TileKey, bytes], leaf: int) -> bytes:
    start = leaf % 256 * merkle.HASH_BYTES
    found = stored.get(TileKey(0, leaf // 256), b"")[start : start + merkle.HASH_BYTES]
    return found if len(found) == merkle.HASH_BYTES else bytes(merkle.HASH_BYTES)


def _check_tiles(report: AuditReport, tiles: Tiles, stored: Mapping[TileKey, bytes]) -> None:
    for where in sorted({*tiles.held, *stored}):
        if tiles.held.get(where) != stored.get(where):
            report.add("tile", f"level {where.level} number {where.number}")


def _check_checkpoints(
    report: AuditReport, key: VerifyingKey, rows: Sequence[tuple[int, str]], tiles: Tiles
) -> set[int]:
    """Check the stored checkpoints against the tree; gives their sizes."""
    sizes, good = set[int](), 0
    for size, note in rows:
        sizes.add(size)
        try:
            found = opened_checkpoint(note, key)
        except NoteInvalid as error:
            report.add("checkpoint_invalid", f"checkpoint {size}: {error}")
            continue
        good = _compare(report, "tree_differs_from_checkpoint", (found.size, found.root), good, tiles)
        if found.size != size:
            report.add("checkpoint_invalid", f"checkpoint {size}: its note says {found.size}")
    return sizes


def _witnessed(
    report: AuditReport, key: VerifyingKey, notes: Sequence[tuple[int, str | None]], before: int, tiles: Tiles
) -> tuple[set[int], set[int]]:
    """Check the witness's checkpoints against the tree; gives the sizes of all, and of those before the snapshot.

    One made after the snapshot is not compared.
    """
    sizes, earlier, good = set[int](), set[int](), 0
    for offset, note in notes:
        try:
            if note is None:
                raise NoteInvalid("no checkpoint")
            if note.split("\n", 1)[0] != key.name:
                report.other_trees += 1
                continue
            found = opened_checkpoint(note, key)
        except NoteInvalid as error:
            report.add("witness_invalid", f"offset {offset}: {error}")
            continue
        sizes.add(found.size)
        if offset < before:
            earlier.add(found.size)
        if found.size <= report.leaves or offset < before:
            good = _compare(report, "tree_differs_from_witness", (found.size, found.root), good, tiles)
    return sizes, earlier


def _compare(report: AuditReport, kind: str, sealed: tuple[int, bytes], good: int, tiles: Tiles) -> int:
    """Compare the tree with one checkpoint; gives the size up to which it is known to be the same."""
    size, root = sealed
    if size <= report.leaves and merkle.root(size, tiles.node) == root:
        return max(good, size)
    report.add(kind, f"checkpoint {size}: leaves from {good} to {size - 1} are not those that were sealed")
    return good


def kinds() -> Iterator[tuple[str, str, str]]:
    """Give each kind of tampering with what it means, in Chinese and English."""
    yield "changed", "事件与封存时不同", "an event is not as it was sealed"
    yield "dropped", "已封存的事件不见了", "a sealed event is gone"
    yield "added", "事件不是由总线写入的", "an event was added past the bus"
    yield "dropped_before_sealing", "事件在封存前不见了", "an event is gone before it was sealed"
    yield "leaf_missing", "叶子编号有缺口", "a leaf's row is gone; what follows was not compared"
    yield "tile", "存储的散列与叶子不符", "stored hashes are not those of the leaves"
    yield "checkpoint_invalid", "检查点的签名无效", "a stored checkpoint bears no valid signature"
    yield "checkpoint_missing", "PostgreSQL 中缺少该检查点", "Kafka has this checkpoint, PostgreSQL has it no more"
    yield "tree_differs_from_checkpoint", "树与已签名的检查点不符", "the tree is not the one that was signed"
    yield (
        "tree_differs_from_witness",
        "树与 Kafka 上的见证不符: 树被重建过",
        "the tree was rebuilt: Kafka has another root",
    )
    yield "witness_invalid", "见证主题上有无效记录", "a record of the witness bears no valid signature"
    yield "not_witnessed", "Kafka 上没有该检查点", "Kafka does not have this checkpoint"
