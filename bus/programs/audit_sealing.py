"""Keeps the audit tree: events into leaves, checkpoints to Kafka (R25)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from bus.app import Core
from bus.audit.checkpoint import Checkpoint, SigningKey, signing_key
from bus.audit.sealer import BATCH, SealedBatch, TreeForked, checkpoint_due, seal_batch
from bus.audit.store import put_refusal
from bus.domain.errors import KafkaUnavailable, StoreUnavailable
from bus.kafka.range_reader import open_reader
from bus.outbox.record import OutboxRecord, queue
from bus.postgres.pool import Pool, connected
from bus.programs.audit_checking import witness_of
from bus.settings import Settings, secret_of, text_of
from schemas.messages import CheckpointSealed
from schemas.topics import AUDIT

EVERY_S: Final = 2.0
REFUSED_EVERY_S: Final = 30.0
Encode = Callable[[CheckpointSealed], bytes]
AskWitness = Callable[[], Awaitable[Checkpoint | None]]
log = structlog.get_logger()


def audit_key(settings: Settings) -> SigningKey | None:
    """Give the key that signs the tree, with those before it; None without. Raises NoteInvalid, SettingsInvalid."""
    pem = secret_of(settings, "audit_key")
    return signing_key(settings.audit_origin, pem, text_of(settings, "audit_earlier_keys_file")) if pem else None


async def keep_sealed(core: Core, key: SigningKey, now: Callable[[], datetime]) -> None:
    """Seal what is new every two seconds, batch after batch, until cancelled; a forked tree is looked at again."""
    async with open_reader(core.settings) as reader:
        witnessed = partial(witness_of(reader, core.settings, core.codec).last, key.public)
        while True:
            pause_s = EVERY_S
            try:
                while (await seal_once(core.pool, key, core.codec.encode_record, now(), witnessed)).leaves == BATCH:
                    pass
            except StoreUnavailable as error:
                log.warning("audit_not_sealed", cause=str(error))
            except TreeForked as forked:
                log.error("audit_refused", cause=str(forked))
                pause_s = REFUSED_EVERY_S
            await asyncio.sleep(pause_s)


async def seal_once(pool: Pool, key: SigningKey, encode: Encode, now: datetime, witnessed: AskWitness) -> SealedBatch:
    """Seal a batch; a checkpoint leaves by the outbox in the same transaction. While Kafka is away none is signed.

    A checkpoint is signed over a tree alone that extends what the witness has: else nothing is sealed, and why is
    noted for the alert. Raises TreeForked, StoreUnavailable.
    """
    async with connected(pool) as connection:
        sign = await checkpoint_due(connection, now)
    try:
        before = await witnessed() if sign else None
    except KafkaUnavailable as error:
        log.warning("audit_without_witness", cause=str(error))
        sign, before = False, None
    try:
        async with connected(pool) as connection:
            sealed = await seal_batch(connection, key, now, witnessed=before, sign=sign)
            if one := sealed.checkpoint:
                record = CheckpointSealed(size=one.size, note=one.note, sealed_at=one.sealed_at)
                value = encode(record)
                await queue(connection, [OutboxRecord(topic=AUDIT, key=key.name, value=value, timestamp=one.sealed_at)])
    except TreeForked as forked:
        async with connected(pool) as connection:
            await put_refusal(connection, forked.text, now)
        raise
    return sealed
