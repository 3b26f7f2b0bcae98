"""Puts `audit check` together: PostgreSQL, the tree, and the witness on Kafka."""

from collections.abc import Callable
from functools import partial

from bus.audit.check import AuditReport, Witness, check_audit
from bus.audit.checkpoint import VerifyingKey
from bus.domain.errors import MalformedInput
from bus.kafka.range_reader import RangeReader, open_reader
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
        witness = witness_of(reader, settings, codec)
        return await check_audit(lambda: snapshot(pool), key, witness, AUDIT, progress)


async def witness_notes(settings: Settings, codec: Codec) -> list[str]:
    """Read the notes that Kafka has. Raises KafkaUnavailable."""
    async with open_reader(settings) as reader:
        witness = witness_of(reader, settings, codec)
        return [note for _, note in await witness.notes(await witness.end()) if note is not None]


def witness_of(reader: RangeReader, settings: Settings, codec: Codec) -> Witness:
    """Make the witness of a tree: its topic on Kafka."""
    return Witness(reader=reader, topic=physical(settings.namespace, AUDIT), note_of=partial(_note, codec))


def _note(codec: Codec, record: Record) -> str | None:
    try:
        found = codec.decode_record(record.value or b"")
    except MalformedInput:
        return None
    return found.note if isinstance(found, CheckpointSealed) else None
