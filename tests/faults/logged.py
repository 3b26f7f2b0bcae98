"""What stands on the ticket topics."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from bus.app import Core
from bus.domain.errors import MalformedInput
from bus.kafka.range_reader import RangeReader
from bus.wire.headers import header
from bus.wire.record import Record, identity
from schemas.topics import physical

CHUNK = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A record on Kafka; one that names no event has version 0."""

    topic: str
    partition: int
    offset: int
    ticket_id: str
    version: int
    event_id: str
    digest: str


def digest(value: bytes | None) -> str:
    """Tell one record's bytes from another's."""
    return sha256(value or b"").hexdigest()[:16]


async def ends_of(core: Core, reader: RangeReader) -> Mapping[str, Mapping[int, int]]:
    """Read where each partition of the ticket topics ends."""
    topics = {physical(core.settings.namespace, name): one for name, one in core.contract.topics.items()}
    return {where: await reader.ends(where, range(one.partitions)) for where, one in topics.items() if one.event_names}


async def logged_until(reader: RangeReader, ends: Mapping[str, Mapping[int, int]]) -> list[Logged]:
    """Read the ticket topics up to there."""
    found: list[Logged] = []
    for where, partitions in ends.items():
        for partition, end in partitions.items():
            async for chunk in reader.read(where, partition, 0, end, most=CHUNK):
                found += [_record(one) for one in chunk.records]
    return found


def _record(one: Record) -> Logged:
    try:
        ticket_id, version = identity(one)
    except MalformedInput:
        ticket_id, version = "", 0
    return Logged(
        topic=one.topic,
        partition=one.partition,
        offset=one.offset,
        ticket_id=ticket_id,
        version=version,
        event_id=header(one.headers, "ce_id") or "",
        digest=digest(one.value),
    )
