"""The sealer: numbers events that are no leaf yet, adds them to the tree, and signs a checkpoint when one is due."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.audit import merkle
from bus.audit.checkpoint import Checkpoint, NoteInvalid, SigningKey, opened_checkpoint
from bus.audit.entry import COLUMNS, entry_of
from bus.audit.merkle import Node
from bus.audit.store import (
    SealedCheckpoint,
    growing_tiles,
    last_checkpoint,
    put_checkpoint,
    put_leaves,
    read_tree,
    tree_size,
)
from bus.audit.tiles import HashesMissing
from bus.domain.errors import BusError
from bus.domain.text import Text
from bus.postgres.advisory_locks import try_lock
from bus.postgres.pool import Connection

BATCH: Final = 5_000
CHECKPOINT_LEAVES: Final = 1_000
CHECKPOINT_EVERY: Final = timedelta(minutes=1)
_WAITING: Final[LiteralString] = "SELECT count(*) FROM (SELECT FROM audit_pending LIMIT %s) p"
# What is a leaf already, as after `log restore`, is not sealed twice. An event that is gone waits, for `audit check`.
_TAKE: Final[LiteralString] = f"""
WITH taken AS (
    DELETE FROM audit_pending WHERE ctid = ANY(ARRAY(
        SELECT p.ctid FROM audit_pending p JOIN events e USING (ticket_id, version) LIMIT %s))
    RETURNING ticket_id, version)
SELECT {COLUMNS} FROM (SELECT DISTINCT ticket_id, version FROM taken) t JOIN events e USING (ticket_id, version)
WHERE NOT EXISTS (SELECT FROM audit_leaves l WHERE (l.ticket_id, l.version) = (e.ticket_id, e.version))
ORDER BY e.recorded_at, e.ticket_id, e.version"""  # noqa: S608 - of constants alone


class TreeForked(BusError):
    """The tree does not extend a checkpoint that was signed before: no other is signed."""

    def __init__(self, text: Text) -> None:
        super().__init__(str(text))
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedBatch:
    """What one transaction came to: how many leaves were added, and the checkpoint that was due, if one was."""

    leaves: int
    checkpoint: SealedCheckpoint | None


async def checkpoint_due(connection: Connection, now: datetime) -> bool:
    """Say whether the next batch ends with a checkpoint."""
    ((waiting,),) = await (await connection.execute(_WAITING, (BATCH,))).fetchall()
    return _is_due(await last_checkpoint(connection), await tree_size(connection) + waiting, now)


async def seal_batch(
    connection: Connection, key: SigningKey, now: datetime, *, witnessed: Checkpoint | None, sign: bool
) -> SealedBatch:
    """Seal up to BATCH events in this transaction, with a checkpoint if it is due; nothing while another seals.

    `witnessed`: the last checkpoint that Kafka has. Raises TreeForked: then nothing of the batch is to be kept.
    """
    if not await try_lock(connection, "audit"):
        return SealedBatch(leaves=0, checkpoint=None)
    entries = [entry_of(row) for row in await (await connection.execute(_TAKE, (BATCH,), binary=True)).fetchall()]
    size = await tree_size(connection)
    if entries:
        tiles = await growing_tiles(connection, size)
        tiles.append(size, [one.hashed for one in entries])
        await put_leaves(connection, size, entries, tiles)
    last, total = await last_checkpoint(connection), size + len(entries)
    if not sign or not _is_due(last, total, now):
        return SealedBatch(leaves=len(entries), checkpoint=None)
    root = await _extending_root(connection, key, total, last, witnessed)
    found = Checkpoint(origin=key.name, size=total, root=root)
    sealed = SealedCheckpoint(size=total, note=key.sign(found.text), sealed_at=now)
    await put_checkpoint(connection, sealed)
    return SealedBatch(leaves=len(entries), checkpoint=sealed)


async def _extending_root(
    connection: Connection,
    key: SigningKey,
    size: int,
    last: SealedCheckpoint | None,
    witnessed: Checkpoint | None,
) -> bytes:
    """Give the tree's root, proven to extend the last checkpoint here and on Kafka. Raises TreeForked."""
    earlier = [witnessed] if witnessed else []
    try:
        earlier += [opened_checkpoint(last.note, key.public)] if last else []
    except NoteInvalid as error:
        raise _forked(Text("最后一个检查点的签名无效", f"the last checkpoint in PostgreSQL: {error}")) from error
    if longer := next((one for one in earlier if one.size > size), None):
        zh = f"树只有 {size} 个叶子,已签名的检查点有 {longer.size} 个"
        raise _forked(Text(zh, f"the tree has {size} leaves, a checkpoint that was signed has {longer.size}"))

    def work(node: Node) -> tuple[bytes, list[list[bytes]]]:
        return merkle.root(size, node), [merkle.consistency_proof(one.size, size, node) for one in earlier]

    try:
        root, proofs = await read_tree(connection, work)
    except HashesMissing as error:
        raise _forked(Text(f"树的散列缺失: {error}", f"hashes of the tree are missing: {error}")) from error
    for one, proof in zip(earlier, proofs, strict=True):
        if not merkle.is_consistent(one.size, one.root, size, root, proof):
            zh = f"树与已签名的检查点 {one.size} 不一致"
            raise _forked(Text(zh, f"the tree does not extend the checkpoint {one.size} that was signed"))
    return root


def _forked(why: Text) -> TreeForked:
    return TreeForked(Text(f"不签名:{why.zh}", f"no checkpoint is signed: {why.en}"))


def _is_due(last: SealedCheckpoint | None, size: int, now: datetime) -> bool:
    if size == (last.size if last else 0):
        return False
    return last is None or size - last.size >= CHECKPOINT_LEAVES or now - last.sealed_at >= CHECKPOINT_EVERY
