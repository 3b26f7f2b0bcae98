"""Puts `audit check` together: PostgreSQL, the tree, and the witness on Kafka."""

from collections.abc import Callable
from functools import partial

from bus.audit.check import AuditReport, Witness, check_audit
from bus.audit.checkpoint import VerifyingKey
from bus.domain.errors import MalformedInput
from bus.kafka.range_reader import open_reader
from bus.postgres.pool import Pool, snapshot
from bus.settings import Settings
from bus.wire.codec import Codec
from bus.wire.record import Record
from schemas.messages import CheckpointSealed
from schemas.topics import AUDIT, physical


async def checked(
    pool: Pool,
    settings: Settings,
    codec: Codec,
    key: VerifyingKey,
    progress: Callable[[int], None] = lambda _count: None,
) -> AuditReport:
    """Check all that was sealed. Raises StoreUnavailable, KafkaUnavailable."""
    async with open_reader(settings) as reader:
        topic = physical(settings.namespace, AUDIT)
        witness = Witness(reader=reader, topic=topic, note_of=partial(_note, codec))
        return await check_audit(lambda: snapshot(pool), key, witness, AUDIT, progress)


async def witness_notes(settings: Settings, codec: Codec) -> list[str]:
    """Read the notes that Kafka has. Raises KafkaUnavailable."""
    async with open_reader(settings) as reader:
        topic = physical(settings.namespace, AUDIT)
        witness = Witness(reader=reader, topic=topic, note_of=partial(_note, codec))
        return [note for _, note in await witness.notes(await witness.end()) if note is not None]


def _note(codec: Codec, record: Record) -> str | None:
    try:
        found = codec.decode_record(record.value or b"")
    except MalformedInput:
        return None
    return found.note if isinstance(found, CheckpointSealed) else None
