"""Both stores after one of them lost data: each is filled from the other, and handlers that stand wrong go on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from bus.app import Core
from bus.consistency.report import LogReport
from bus.consistency.restore import restore
from bus.consistency.verify import verify_log
from bus.consistency.verify_state import note_verification
from bus.kafka.range_reader import RangeReader, open_reader
from bus.outbox.republish import republish
from bus.postgres.pool import connected, in_transaction
from bus.stage import offsets
from bus.stage.offsets import DELIVERIES_HANDLER
from bus.wire.event_reader import EventReader
from schemas.topics import LOG, physical


@dataclass(frozen=True, slots=True, kw_only=True)
class MendedStores:
    """What was filled in where; `undecided` handlers stand still until a person says where they go on."""

    restored: int
    queued: dict[str, int]
    published: int
    handlers_reset: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    report: LogReport


async def mend(core: Core, tell: Callable[[int], None] = lambda _count: None) -> MendedStores:
    """Fill PostgreSQL from the log and Kafka from PostgreSQL, publish, verify. Run it while no program runs.

    A subscriber topic is filled where it is empty alone: what it lacks elsewhere its retention may have dropped. Safe
    to repeat, also after a crash. Raises StoreUnavailable, KafkaUnavailable, InvariantBroken.
    """
    events = EventReader(decode=core.codec.decode, know=core.schemas.know)
    restored = await restore(core.pool, core.settings, core.contract, events, core.keys, progress=tell)
    async with open_reader(core.settings) as reader:
        topics = [LOG, *await _empty_topics(core, reader)]
        handlers_reset, undecided = await _misplaced(core, reader)
    queued = {name: await republish(core.pool, core.settings, core.contract, name, tell) for name in topics}
    for handler in handlers_reset:
        async with connected(core.pool) as connection:
            await offsets.reset(connection, handler, None)
    published = await _publish(core)
    report = await verify_log(core.pool, core.settings, core.contract, core.codec, tell)
    await in_transaction(core.pool, note_verification, report.differences)
    return MendedStores(
        restored=restored,
        queued={name: count for name, count in queued.items() if count},
        published=published,
        handlers_reset=handlers_reset,
        undecided=undecided,
        report=report,
    )


async def _empty_topics(core: Core, reader: RangeReader) -> list[str]:
    names = [name for name, topic in core.contract.topics.items() if topic.event_names and name != LOG]
    ends = {
        name: await reader.ends(physical(core.settings.namespace, name), range(core.contract.topics[name].partitions))
        for name in names
    }
    return [name for name, one in ends.items() if not any(one.values())]


async def _misplaced(core: Core, reader: RangeReader) -> tuple[list[str], list[str]]:
    """Name the handlers whose offsets belong to a topic that is gone, apart those that only a person can place."""
    async with connected(core.pool) as connection:
        positions = sorted(await offsets.positions(connection), key=attrgetter("handler"))
    found = []
    for handler, group in groupby(positions, key=attrgetter("handler")):
        rows: Sequence[offsets.HandlerPosition] = list(group)
        topic_id = await reader.topic_id(rows[0].topic)
        ends = await reader.ends(rows[0].topic, [row.partition for row in rows]) if topic_id else {}
        if topic_id and any(offsets.misplaced(row, topic_id, ends[row.partition]) for row in rows):
            found.append(handler)
    return [one for one in found if one != DELIVERIES_HANDLER], [one for one in found if one == DELIVERIES_HANDLER]


async def _publish(core: Core) -> int:
    published = 0
    try:
        while count := await core.relay.publish_once():
            published += count
    finally:
        await core.relay.close()
    return published
