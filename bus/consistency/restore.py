"""Fills PostgreSQL from Kafka: events, folded states, keys and command ids, as far as the log holds them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bus.consistency.verify import CHUNK
from bus.domain.batch import UNKNOWN_FINGERPRINT, BatchDecision, CommandResult, ProcessedCommand
from bus.domain.closing_events import ClosureCodeRefused
from bus.domain.events import PersonalDataErased, Recorded, ReportJoined, TicketOpened
from bus.domain.evolve import evolve
from bus.domain.terms import TicketId, is_synthetic
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import KeyHolder, TicketKey, customer_refs_of, key_name, phones_of, source_name
from bus.domain.whereabouts import whereabouts
from bus.kafka.range_reader import open_reader
from bus.postgres.named_files import link_files
from bus.postgres.personal_keys import Keys, PersonalKeys, opened
from bus.postgres.pool import Connection, Pool, connected
from bus.postgres.store import add_events, columns, put_folds
from bus.settings import Settings
from bus.wire.codec import ticket_from_json
from bus.wire.event_reader import EventReader
from bus.wire.record import Record
from bus.wire.sealing import is_clear
from schemas.topics import LOG, Contract, physical

_STATES = "SELECT state FROM ticket_states WHERE ticket_id = ANY(%s) ORDER BY ticket_id FOR UPDATE"
_NAMES = """
INSERT INTO ticket_names AS n (kind, value, ticket_id, opened_at)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[])
ON CONFLICT (kind, value) DO UPDATE SET ticket_id = excluded.ticket_id, opened_at = excluded.opened_at
WHERE n.opened_at IS NULL OR n.opened_at <= excluded.opened_at"""
_ANSWERS = {
    TicketOpened: CommandResult.OPENED,
    ReportJoined: CommandResult.JOINED,
    ClosureCodeRefused: CommandResult.REFUSED,
}
_FORGET = "DELETE FROM commands WHERE command_id = ANY(%s)"  # begun in an earlier chunk
_PUBLISHED = """
INSERT INTO outbox (shard, topic, ticket_id, version, published_at, kafka_offset, assignee, assignee_before)
SELECT w.shard, w.topic, w.ticket_id, w.version, to_timestamp(w.ms / 1000.0), w.kafka_offset, w.assignee, w.before
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::int[], %b::bigint[], %b::bigint[], %b::text[], %b::text[])
    AS w (shard, topic, ticket_id, version, ms, kafka_offset, assignee, before)"""
# Published after the backup that this database comes from: once more would be a repeat.
_THERE = """
UPDATE outbox o SET published_at = to_timestamp(w.ms / 1000.0), kafka_offset = w.kafka_offset
FROM unnest(%b::text[], %b::int[], %b::bigint[], %b::bigint[], %b::bytea[])
    AS w (ticket_id, version, ms, kafka_offset, value)
JOIN events e USING (ticket_id, version)
WHERE (o.ticket_id, o.version, o.topic) = (w.ticket_id, w.version, %b)
    AND o.published_at IS NULL AND e.value = w.value"""
_NUMBERS = """
SELECT setval('ticket_numbers', greatest((SELECT last_value FROM ticket_numbers),
    (SELECT coalesce(max(split_part(ticket_id, '-', 2)::bigint), 1) FROM ticket_states)))"""


class _Read(NamedTuple):
    recorded: Recorded
    record: Record


class _Report(NamedTuple):
    source: str
    event: TicketOpened | ReportJoined
    ticket: Ticket


async def restore(
    pool: Pool,
    settings: Settings,
    contract: Contract,
    events: EventReader,
    keys: PersonalKeys,
    *,
    progress: Callable[[int], None] = lambda _count: None,
) -> int:
    """Add every event of `ticket.events` that PostgreSQL lacks; gives how many. Safe to run again after a crash.

    What PostgreSQL has and takes for unpublished, as a backup does, is noted as published where the log has its bytes.
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
                    restored += await _restore_chunk(connection, contract, keys, read)
                progress(restored)
    async with connected(pool) as connection:
        await connection.execute(_NUMBERS)
    return restored


async def _restore_chunk(connection: Connection, contract: Contract, keys: PersonalKeys, read: Sequence[_Read]) -> int:
    ids = sorted({one.recorded.ticket_id for one in read})
    rows = await (await connection.execute(_STATES, (ids,))).fetchall()
    tickets: dict[TicketId, Ticket] = {
        ticket.ticket_id: ticket for (state,) in rows for ticket in (ticket_from_json(state),)
    }
    new: list[_Read] = []
    known: list[_Read] = []
    for one in read:
        ticket = tickets.get(one.recorded.ticket_id)
        if ticket is not None and one.recorded.version <= ticket.version:
            known.append(one)  # or a repeat of the relay's
            continue
        tickets[one.recorded.ticket_id] = evolve(ticket, one.recorded)
        new.append(one)
    await connection.execute(_THERE, [*columns(_places(known), 5), LOG])
    if not new:
        return 0
    changed = {one.recorded.ticket_id: tickets[one.recorded.ticket_id] for one in new}
    settled = BatchDecision(tickets=changed, done=_done(one.recorded for one in new))
    events = (one.recorded for one in new)
    erased = {one.ticket_id: one.recorded_at for one in events if isinstance(one.event, PersonalDataErased)}
    await link_files(connection, [one.recorded for one in new])
    await keys.destroy_made_before(connection, erased)  # a backup from before the erasure has them again
    found = await keys.load(connection, [one.record.value or b"" for one in new])
    reports = list(_reports(new, tickets, found))
    borne = list(_borne(reports))
    names, settled.phones = _newest(borne), _phones(reports)
    # The newest of a key too: harmless.
    settled.earlier = {(name, known) for name, known in borne if not name.kind.startswith("source:")}
    rows = [(*stored, *known) for stored, known in zip(keys.stored(names), names.values(), strict=True)]
    await add_events(connection, [(one.recorded, one.record.value or b"") for one in new])
    await connection.execute(_NAMES, columns(sorted(rows), 4))
    await connection.execute(_FORGET, ([done.command_id for done in settled.done],))
    await put_folds(connection, settled, keys)
    await connection.execute(_PUBLISHED, columns(_outbox(contract, new, tickets), 8))
    return len(new)


def _places(read: Iterable[_Read]) -> list[tuple[str, int, int, int, bytes]]:
    return [
        (
            one.recorded.ticket_id,
            one.recorded.version,
            one.record.timestamp_ms,
            one.record.offset,
            one.record.value or b"",
        )
        for one in read
    ]


def _outbox(
    contract: Contract, read: Sequence[_Read], tickets: Mapping[TicketId, Ticket]
) -> list[tuple[int | str | None, ...]]:
    return [
        (one.record.partition, topic, one.recorded.ticket_id, one.recorded.version, one.record.timestamp_ms,
         one.record.offset if topic == LOG else None, where.assignee, where.assignee_before)
        for one, where in zip(read, whereabouts([one.recorded for one in read], tickets), strict=True)
        for topic in contract.destinations(one.recorded)
    ]  # fmt: skip


def _done(events: Iterable[Recorded]) -> list[ProcessedCommand]:
    """Remember each command by its last event here; its body is not in the log."""
    found: dict[object, ProcessedCommand] = {}
    for event in events:
        answer = _ANSWERS.get(type(event.event), CommandResult.CHANGED)
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


def _borne(reports: Iterable[_Report]) -> Iterator[tuple[TicketKey, KeyHolder]]:
    """Give the names that reports tell; a phone whose key is gone is no name any more."""
    for source, event, ticket in reports:
        known = KeyHolder(ticket.ticket_id, ticket.opened_at)
        borne = [source_name(source, event.source_no)] if event.source_no else []
        real = not is_synthetic(ticket.ticket_id)
        if real and isinstance(event, TicketOpened) and is_clear(event.incident_key.value):
            borne.append(key_name(event))
        yield from ((name, known) for name in borne)


def _newest(borne: Iterable[tuple[TicketKey, KeyHolder]]) -> dict[TicketKey, KeyHolder]:
    names: dict[TicketKey, KeyHolder] = {}
    for name, known in borne:
        if name not in names or names[name].opened_at <= known.opened_at:
            names[name] = known
    return names


def _phones(reports: Iterable[_Report]) -> set[tuple[str, TicketId]]:
    real = [one for one in reports if not is_synthetic(one.ticket.ticket_id)]
    found = {(phone, one.ticket.ticket_id) for one in real for phone in phones_of(one.event) if is_clear(phone)}
    for one in real:
        if isinstance(one.event, TicketOpened) and is_clear(one.event.customer_ref):
            found |= {(ref, one.ticket.ticket_id) for ref in customer_refs_of(one.event, one.ticket.source)}
    return found


def _reports(read: Iterable[_Read], tickets: dict[TicketId, Ticket], keys: Keys) -> Iterator[_Report]:
    """Give the reports among events, in clear as far as their keys are there."""
    for one in read:
        if isinstance(one.recorded.event, TicketOpened | ReportJoined):
            ticket = tickets[one.recorded.ticket_id]
            yield _Report(one.recorded.source, opened(keys, ticket.ticket_id, one.recorded.event), ticket)
