"""Keeps the audit tree: events into leaves, checkpoints to Kafka (R25)."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from bus.audit.checkpoint import SigningKey, signing_key
from bus.audit.sealer import BATCH, SealedBatch, seal_batch
from bus.domain.errors import StoreUnavailable
from bus.outbox.record import OutboxRecord, queue
from bus.postgres.pool import Pool, connected
from bus.settings import Settings, secret_of
from schemas.messages import CheckpointSealed
from schemas.topics import AUDIT

EVERY_S: Final = 2.0
Encode = Callable[[CheckpointSealed], bytes]
log = structlog.get_logger()


def audit_key(settings: Settings) -> SigningKey | None:
    """Give the key that signs the tree; None where there is none. Raises NoteInvalid, SettingsInvalid."""
    pem = secret_of(settings, "audit_key")
    return signing_key(settings.audit_origin, pem) if pem else None


async def keep_sealed(pool: Pool, key: SigningKey, encode: Encode, now: Callable[[], datetime]) -> None:
    """Seal what is new every two seconds, batch after batch, until cancelled."""
    while True:
        try:
            while (await seal_once(pool, key, encode, now())).leaves == BATCH:
                pass
        except StoreUnavailable as error:
            log.warning("audit_not_sealed", cause=str(error))
        await asyncio.sleep(EVERY_S)


async def seal_once(pool: Pool, key: SigningKey, encode: Encode, now: datetime) -> SealedBatch:
    """Seal a batch; a checkpoint leaves by the outbox in the same transaction. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        sealed = await seal_batch(connection, key, now)
        if one := sealed.checkpoint:
            record = CheckpointSealed(size=one.size, note=one.note, sealed_at=one.sealed_at)
            value = encode(record)
            await queue(connection, [OutboxRecord(topic=AUDIT, key=key.name, value=value, timestamp=one.sealed_at)])
    return sealed
