"""Fills PostgreSQL from Kafka: events, folded states, keys and command ids, as far as the log holds them."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from bus.consistency.verify import CHUNK
from bus.domain.batch_decider import UNKNOWN_FINGERPRINT, BatchDecision, CommandResult, ProcessedCommand
from bus.domain.events import Recorded, ReportJoined, TicketOpened
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket, evolve
from bus.domain.ticket_keys import KeyHolder, TicketKey, customer_name, key_name, source_name
from bus.kafka.range_reader import open_reader
from bus.postgres.pool import Connection, Pool, connected
from bus.postgres.store import add_events, columns, put_folds
from bus.settings import Settings
from bus.wire.codec import ticket_from_json
from bus.wire.event_reader import EventReader
from bus.wire.record import Record
from schemas.topics import LOG, Contract, physical

_STATES = "SELECT state FROM ticket_states WHERE ticket_id = ANY(%s) ORDER BY ticket_id FOR UPDATE"
_NAMES = """
INSERT INTO ticket_names AS n (kind, value, ticket_id, opened_at)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[])
ON CONFLICT (kind, value) DO UPDATE SET ticket_id = excluded.ticket_id, opened_at = excluded.opened_at
WHERE n.opened_at IS NULL OR n.opened_at <= excluded.opened_at"""
_FORGET = "DELETE FROM commands WHERE command_id = ANY(%s)"  # begun in an earlier chunk
_PUBLISHED = """
INSERT INTO outbox (shard, topic, ticket_id, version, published_at, kafka_offset)
SELECT w.shard, w.topic, w.ticket_id, w.version, to_timestamp(w.ms / 1000.0), w.kafka_offset
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::int[], %b::bigint[], %b::bigint[])
    AS w (shard, topic, ticket_id, version, ms, kafka_offset)"""
_NUMBERS = """
SELECT setval('ticket_numbers', greatest((SELECT last_value FROM ticket_numbers),
    (SELECT coalesce(max(split_part(ticket_id, '-', 2)::bigint), 1) FROM ticket_states)))"""


class _Read(NamedTuple):
    recorded: Recorded
    record: Record


async def restore(
    pool: Pool,
    settings: Settings,
    contract: Contract,
    events: EventReader,
    progress: Callable[[int], None] = lambda _count: None,
) -> int:
    """Add every event of `ticket.events` that PostgreSQL lacks; gives how many. Safe to run again after a crash.

    Subscriber topics are taken to hold what they held; `log republish --topic` fills those that do not.
    What is no event is passed over. Raises InvariantBroken for a gap; then what came before is kept.
    """
    restored = 0
    topic = physical(settings.namespace, LOG)
    async with open_reader(settings) as reader:
        ends = await reader.ends(topic, range(contract.topics[LOG].partitions))
        for partition, end in ends.items():
            async for chunk in reader.read(topic, partition, 0, end, most=CHUNK):
                read = [
                    _Read(recorded, record)
                    for record, recorded in await events.storable(await events.read(chunk.records))
                ]
                async with connected(pool) as connection:
                    restored += await _restore_chunk(connection, contract, read)
                progress(restored)
    async with connected(pool) as connection:
        await connection.execute(_NUMBERS)
    return restored


async def _restore_chunk(connection: Connection, contract: Contract, read: Sequence[_Read]) -> int:
    ids = sorted({one.recorded.ticket_id for one in read})
    rows = await (await connection.execute(_STATES, (ids,))).fetchall()
    tickets: dict[TicketId, Ticket] = {
        ticket.ticket_id: ticket for (state,) in rows for ticket in (ticket_from_json(state),)
    }
    new: list[_Read] = []
    for one in read:
        ticket = tickets.get(one.recorded.ticket_id)
        if ticket is not None and one.recorded.version <= ticket.version:
            continue  # known, or a repeat of the relay's
        tickets[one.recorded.ticket_id] = evolve(ticket, one.recorded)
        new.append(one)
    if not new:
        return 0
    changed = {one.recorded.ticket_id: tickets[one.recorded.ticket_id] for one in new}
    settled = BatchDecision(tickets=changed, done=_done(one.recorded for one in new))
    names = [(*name, *known) for name, known in sorted(_names(new, tickets).items())]
    await add_events(connection, [(one.recorded, one.record.value or b"") for one in new])
    await connection.execute(_NAMES, columns(names, 4))
    await connection.execute(_FORGET, ([done.command_id for done in settled.done],))
    await put_folds(connection, settled)
    await connection.execute(_PUBLISHED, columns(_outbox(contract, new), 6))
    return len(new)


def _outbox(contract: Contract, read: Iterable[_Read]) -> list[tuple[int, str, str, int, int, int | None]]:
    return [
        (one.record.partition, topic, one.recorded.ticket_id, one.recorded.version, one.record.timestamp_ms,
         one.record.offset if topic == LOG else None)
        for one in read
        for topic in contract.destinations(one.recorded)
    ]  # fmt: skip


def _done(events: Iterable[Recorded]) -> list[ProcessedCommand]:
    """Remember each command by its last event here; its body is not in the log."""
    found: dict[object, ProcessedCommand] = {}
    for event in events:
        answer = {TicketOpened: CommandResult.OPENED, ReportJoined: CommandResult.JOINED}.get(
            type(event.event), CommandResult.CHANGED
        )
        found[event.command_id] = ProcessedCommand(
            command_id=event.command_id,
            ticket_id=event.ticket_id,
            trace_id=event.trace_id,
            fingerprint=UNKNOWN_FINGERPRINT,
            answer=answer,
            version=event.version,
            received_at=event.recorded_at,
        )
    return list(found.values())


def _names(read: Iterable[_Read], tickets: dict[TicketId, Ticket]) -> dict[TicketKey, KeyHolder]:
    names: dict[TicketKey, KeyHolder] = {}
    for one in read:
        event, ticket = one.recorded.event, tickets[one.recorded.ticket_id]
        known = KeyHolder(ticket.ticket_id, ticket.opened_at)
        if not isinstance(event, TicketOpened | ReportJoined):
            continue
        borne = [source_name(one.recorded.source, event.source_no)] if event.source_no else []
        borne += [key_name(event)] if isinstance(event, TicketOpened) else []
        borne += filter(None, [customer_name(event)])
        for name in borne:
            if name not in names or names[name].opened_at <= known.opened_at:
                names[name] = known
    return names
