"""The sealer: numbers events that are no leaf yet, adds them to the tree, and signs a checkpoint when one is due."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.audit import merkle
from bus.audit.checkpoint import Checkpoint, SigningKey
from bus.audit.entry import COLUMNS, entry_of
from bus.audit.store import (
    SealedCheckpoint,
    growing_tiles,
    last_checkpoint,
    put_checkpoint,
    put_leaves,
    tree_size,
)
from bus.postgres.pool import Connection

BATCH: Final = 5_000
CHECKPOINT_LEAVES: Final = 1_000
CHECKPOINT_EVERY: Final = timedelta(minutes=1)
_LOCK: Final[LiteralString] = "SELECT pg_try_advisory_xact_lock(hashtext('ticketbus audit'))"
# What is a leaf already, as after `log restore`, is not sealed twice. An event that is gone waits, for `audit check`.
_TAKE: Final[LiteralString] = f"""
WITH taken AS (
    DELETE FROM audit_pending WHERE ctid = ANY(ARRAY(
        SELECT p.ctid FROM audit_pending p JOIN events e USING (ticket_id, version) LIMIT %s))
    RETURNING ticket_id, version)
SELECT {COLUMNS} FROM (SELECT DISTINCT ticket_id, version FROM taken) t JOIN events e USING (ticket_id, version)
WHERE NOT EXISTS (SELECT FROM audit_leaves l WHERE (l.ticket_id, l.version) = (e.ticket_id, e.version))
ORDER BY e.recorded_at, e.ticket_id, e.version"""  # noqa: S608 - of constants alone


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedBatch:
    """What one transaction came to: how many leaves were added, and the checkpoint that was due, if one was."""

    leaves: int
    checkpoint: SealedCheckpoint | None


async def seal_batch(connection: Connection, key: SigningKey, now: datetime) -> SealedBatch:
    """Seal up to BATCH events in this transaction; nothing while another seals."""
    ((free,),) = await (await connection.execute(_LOCK)).fetchall()
    if not free:
        return SealedBatch(leaves=0, checkpoint=None)
    entries = [entry_of(row) for row in await (await connection.execute(_TAKE, (BATCH,), binary=True)).fetchall()]
    size = await tree_size(connection)
    tiles = await growing_tiles(connection, size)
    last = await last_checkpoint(connection)
    total = tiles.append(size, [one.hashed for one in entries])
    if entries:
        await put_leaves(connection, size, [(one.ticket_id, one.version) for one in entries], tiles)
    if not _is_due(last, total, now):
        return SealedBatch(leaves=len(entries), checkpoint=None)
    found = Checkpoint(origin=key.name, size=total, root=merkle.root(total, tiles.node))
    sealed = SealedCheckpoint(size=total, note=key.sign(found.text), sealed_at=now)
    await put_checkpoint(connection, sealed)
    return SealedBatch(leaves=len(entries), checkpoint=sealed)


def _is_due(last: SealedCheckpoint | None, size: int, now: datetime) -> bool:
    if size == (last.size if last else 0):
        return False
    return last is None or size - last.size >= CHECKPOINT_LEAVES or now - last.sealed_at >= CHECKPOINT_EVERY
