"""Fills Kafka from PostgreSQL: events missing on a topic go back into the outbox, and the relay publishes them."""

from collections.abc import Callable
from datetime import timedelta

from bus.domain.errors import BusError
from bus.domain.events import TicketAssigned, TicketReturned
from bus.domain.text import Text
from bus.kafka.range_reader import RangeReader, open_reader
from bus.postgres.pool import Connection, Pool, connected
from bus.postgres.store import columns
from bus.postgres.work_orders import Read
from bus.settings import Settings
from bus.wire.partitioner import partition_of
from bus.wire.record import identity
from schemas.catalogue import BY_CLASS, CE_TYPES, NAME_BY_CE_TYPE
from schemas.topics import LOG, Contract, Topic, physical

_NEVER = """
SELECT ticket_id, version FROM events e
WHERE ce_type = ANY(%s) AND (%s OR NOT historic) AND starts_with(ticket_id, 'V') = ANY(%s)
AND (%s::interval IS NULL OR recorded_at > now() - %s::interval)
AND NOT EXISTS (
    SELECT FROM outbox o WHERE o.ticket_id = e.ticket_id AND o.version = e.version AND o.topic = %s)
ORDER BY ticket_id, version"""
# A clock may have run backwards: within a ticket the versions say what came first.
_ALL = """
SELECT ticket_id, version, ce_type, historic, now() - recorded_at FROM events
ORDER BY max(recorded_at) OVER (PARTITION BY ticket_id ORDER BY version), ticket_id, version"""
_HAND_OVERS = """
CREATE TEMPORARY TABLE hand_overs (ticket_id text, version int, previous text, PRIMARY KEY (ticket_id, version))
ON COMMIT DROP"""
_HANDED_OVER = "SELECT ticket_id, version, value FROM events WHERE ce_type = ANY(%s)"
_ADD_HAND_OVERS = "INSERT INTO hand_overs SELECT * FROM unnest(%b::text[], %b::int[], %b::text[])"
# As `whereabouts`: a ticket is with whom the next hand-over takes it from, at last with whom its state says.
_QUEUE_ANEW = """
INSERT INTO outbox (shard, topic, ticket_id, version, assignee, assignee_before)
SELECT w.shard, w.topic, w.ticket_id, w.version, p.assignee, nullif(nullif(o.previous, ''), p.assignee)
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::int[]) WITH ORDINALITY
    AS w (shard, topic, ticket_id, version, n)
LEFT JOIN hand_overs o USING (ticket_id, version)
LEFT JOIN LATERAL (SELECT coalesce(
    (SELECT h.previous FROM hand_overs h WHERE h.ticket_id = w.ticket_id AND h.version > w.version
     ORDER BY h.version LIMIT 1),
    (SELECT s.state->'assignee'->>'person' FROM ticket_states s WHERE s.ticket_id = w.ticket_id)) AS assignee) p ON true
ORDER BY w.n"""
_QUEUE = """
INSERT INTO outbox (shard, topic, ticket_id, version, assignee, assignee_before)
SELECT w.shard, w.topic, w.ticket_id, w.version, o.assignee, o.assignee_before
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::int[]) WITH ORDINALITY
    AS w (shard, topic, ticket_id, version, n)
LEFT JOIN LATERAL (
    SELECT assignee, assignee_before FROM outbox l
    WHERE (l.ticket_id, l.version, l.topic) = (w.ticket_id, w.version, 'ticket.events') LIMIT 1) o ON true
ORDER BY w.n"""
_VIRTUAL = {"none": [False], "also": [False, True], "only": [True]}
CHUNK = 5_000  # rows or records held at once
_PUBLISHED = """
SELECT ticket_id, version, id FROM outbox WHERE topic = %s AND shard = %s AND published_at IS NOT NULL"""
# A record that Kafka holds and no row tells of: its row was lost, the record was not.
_NOTED = """
INSERT INTO outbox (shard, topic, ticket_id, version, published_at, kafka_offset)
SELECT w.shard, w.topic, w.ticket_id, w.version, to_timestamp(w.ms / 1000.0), w.kafka_offset
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::int[], %b::bigint[], %b::bigint[])
    AS w (shard, topic, ticket_id, version, ms, kafka_offset)
JOIN events e USING (ticket_id, version)
WHERE NOT EXISTS (SELECT FROM outbox o WHERE (o.ticket_id, o.version, o.topic) = (w.ticket_id, w.version, w.topic))"""
_AGAIN = """
UPDATE outbox o SET published_at = NULL, kafka_offset = NULL WHERE id = ANY(%s)
AND EXISTS (SELECT FROM events e WHERE (e.ticket_id, e.version) = (o.ticket_id, o.version))"""


class EventsArchived(BusError):
    """A topic lacks events that are archived: the relay publishes what PostgreSQL has."""


async def republish(
    pool: Pool, settings: Settings, contract: Contract, name: str, progress: Callable[[int], None] = lambda _count: None
) -> int:
    """Queue every event that `name` should hold and does not; gives how many. The relay of a worker publishes them.

    Idempotent: events that are there, or wait already, are left alone. Raises StoreUnavailable, KafkaUnavailable, and
    EventsArchived once all else is queued.
    """
    topic, queued, read, archived = contract.topics[name], 0, 0, 0
    async with open_reader(settings) as reader:
        for partition in range(topic.partitions):
            where = (physical(settings.namespace, name), partition)
            async with connected(pool) as connection:
                rows = await (await connection.execute(_PUBLISHED, (name, partition))).fetchall()
            missing = {(ticket_id, version): row_id for ticket_id, version, row_id in rows}
            lost = await _strike_out(missing, reader, where)
            read += len(rows) - len(missing) + len(lost)
            progress(read)
            async with connected(pool) as connection:
                again = (await connection.execute(_AGAIN, ([*missing.values()],))).rowcount
                noted = [(partition, name, *key, *place) for key, place in lost.items()]
                await connection.execute(_NOTED, columns(noted, 6))
            queued, archived = queued + again, archived + len(missing) - again
    queued += await _queue_new(pool, topic, name, contract.topics[LOG].partitions)
    if archived:
        zh = f"{name} 缺少的 {archived} 个事件在 PostgreSQL 中没有:先用 archive recall 取回已归档的月份,再运行一次"
        en = f"of {name} {archived} events are missing that PostgreSQL has not, {queued} others are queued"
        mend = "bring archived months back by `ticketbus archive recall`, and run it again"
        raise EventsArchived(str(Text(zh, f"{en}: {mend}")))
    return queued


async def _strike_out(
    missing: dict[tuple[str, int], int], reader: RangeReader, where: tuple[str, int]
) -> dict[tuple[str, int], tuple[int, int]]:
    """Strike out what one partition of the topic holds; give time and offset of records without a row.

    All that was published before is below the partition's end by now.
    """
    known, lost = frozenset(missing), dict[tuple[str, int], tuple[int, int]]()
    end = (await reader.ends(where[0], [where[1]]))[where[1]]
    async for chunk in reader.read(*where, 0, end, most=CHUNK):
        for record in chunk.records:
            key = identity(record)
            missing.pop(key, None)
            if key not in known:
                lost[key] = (record.timestamp_ms, record.offset)
    return lost


async def _queue_new(pool: Pool, topic: Topic, name: str, shards: int) -> int:
    """Queue what was never queued for the topic and is not older than it keeps, in the order of each ticket."""
    wanted = [CE_TYPES[name] for name in topic.event_names]
    queued = 0
    async with connected(pool) as connection, connection.cursor("never_queued") as events:
        await events.execute(
            _NEVER, (wanted, topic.historic, _VIRTUAL[topic.synthetic], topic.retention, topic.retention, name)
        )
        while found := await events.fetchmany(CHUNK):
            rows = [(partition_of(ticket_id, shards), name, ticket_id, version) for ticket_id, version in found]
            await connection.execute(_QUEUE, columns(rows, 4))
            queued += len(rows)
    return queued


async def queue_all_anew(connection: Connection, contract: Contract, read: Read) -> int:
    """Queue every event for every topic that the contract names for it, in the order of time; gives the last row's id.

    A topic that keeps records for a time gets no older ones. What was in the outbox is gone, published or not. With
    whom each ticket was is `read` from its hand-overs, so that records say it that did not before.
    """
    await _note_hand_overs(connection, read)
    kept = {name: topic.retention or timedelta.max for name, topic in contract.topics.items()}
    await connection.execute("TRUNCATE outbox")
    async with connection.cursor("all_events") as events:
        await events.execute(_ALL)
        while found := await events.fetchmany(CHUNK):
            rows = [
                (partition_of(ticket_id, contract.topics[LOG].partitions), topic, ticket_id, version)
                for ticket_id, version, ce_type, historic, age in found
                for topic in contract.routes(ticket_id, historic=historic).get(NAME_BY_CE_TYPE.get(ce_type, ""), (LOG,))
                if age < kept[topic]
            ]
            await connection.execute(_QUEUE_ANEW, columns(rows, 4))
    ((last,),) = await (await connection.execute("SELECT coalesce(max(id), 0) FROM outbox")).fetchall()
    return int(last)


async def _note_hand_overs(connection: Connection, read: Read) -> None:
    """Note, for as long as the transaction lasts, from whom each hand-over took its ticket."""
    await connection.execute(_HAND_OVERS)
    async with connection.cursor("hand_overs") as events:
        await events.execute(_HANDED_OVER, ([BY_CLASS[one].ce_type for one in (TicketAssigned, TicketReturned)],))
        while found := await events.fetchmany(CHUNK):
            given = [one.event for one in await read([value for *_, value in found])]
            rows = [
                (*row[:2], event.previous_person)
                for row, event in zip(found, given, strict=True)
                if isinstance(event, TicketAssigned | TicketReturned)
            ]
            await connection.execute(_ADD_HAND_OVERS, columns(rows, 3))
    await connection.execute("ANALYZE hand_overs")
