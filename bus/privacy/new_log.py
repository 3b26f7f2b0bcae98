"""A new log for `privacy migrate`: what may still wait on the old one, the topics made anew, where handlers go on."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, LiteralString, NamedTuple

from bus.archive.reader import archived_files
from bus.domain.errors import MalformedInput
from bus.domain.text import Text
from bus.kafka.clients import admin
from bus.kafka.range_reader import RangeReader
from bus.kafka.topic_admin import apply_topics, delete_topics
from bus.postgres.connected_programs import STOP_S_MAX, wait_for_programs
from bus.postgres.pool import APPLICATION, Connection, Pool, connected, guard
from bus.postgres.store import columns
from bus.privacy.migrate import NotMigrated
from bus.settings import Settings
from bus.stage import offsets
from bus.wire.record import Record, identity
from bus.wire.undecodable import place_of
from schemas.topics import COMMANDS, DEADLETTER, INTAKE, LOG, Contract, physical

NAME: Final = f"{APPLICATION} privacy migrate"  # of its own connections
CHUNK: Final = 5_000
_TABLES: Final[Sequence[LiteralString]] = (
    "events", "ticket_states", "ticket_names", "earlier_tickets", "ticket_phones", "letters", "refused_inputs",
    "delivery_heads", "outbox", "tickets", "device_history", "sla_tickets", "sla_clocks",
    "ticket_outcomes", "ticket_closures",
)  # fmt: skip
_LOCK: LiteralString = "SELECT pg_try_advisory_lock(hashtext(%s))"
_UNLOCK: LiteralString = "SELECT pg_advisory_unlock(hashtext(%s))"
_WAITING: LiteralString = """
SELECT topic, count(*) FROM outbox WHERE published_at IS NULL GROUP BY topic ORDER BY topic"""
_ABSENT: LiteralString = """
SELECT w.ticket_id, w.version, w.place FROM unnest(%b::text[], %b::int[], %b::text[]) AS w (ticket_id, version, place)
WHERE NOT EXISTS (SELECT FROM events e WHERE (e.ticket_id, e.version) = (w.ticket_id, w.version)) AND NOT EXISTS (
    SELECT FROM letters l WHERE (l.origin, l.origin_ref) = ('log', w.place) AND l.state = 'discarded') LIMIT 1"""
_BEGUN: LiteralString = "SELECT queued_to, topics_made FROM privacy_migration"
_QUEUED: LiteralString = "UPDATE privacy_migration SET queued_to = %s"
_MADE: LiteralString = "UPDATE privacy_migration SET topics_made = true"
_ENDS: LiteralString = """
SELECT shard, max(kafka_offset) + 1 FROM outbox WHERE topic = %s AND id <= (SELECT queued_to FROM privacy_migration)
GROUP BY shard"""
_BEFORE: LiteralString = "SELECT count(*) FROM privacy_reads WHERE what = 'migrate'"
_END: LiteralString = """
WITH done AS (DELETE FROM privacy_migration RETURNING *)
INSERT INTO privacy_reads (read_at, read_by, phone_masked, tickets, letters, refused_inputs, what)
SELECT now(), begun_by, '', tickets, letters, refused_inputs, 'migrate' FROM done"""


class Begun(NamedTuple):
    """How far a migration is: the last outbox row queued for the new log, and whether its topics are made."""

    queued_to: int | None
    topics_made: bool


@asynccontextmanager
async def alone(pool: Pool) -> AsyncIterator[None]:
    """Hold the database as the one migration. Raises NotMigrated while another runs, or a program is connected."""
    async with guard(), pool.connection() as connection:
        await connection.set_autocommit(True)  # no transaction stays open for as long as it takes
        try:
            ((free,),) = await (await connection.execute(_LOCK, (NAME,))).fetchall()
            if not free:
                raise NotMigrated(str(Text("另一个 privacy migrate 正在运行", "another `privacy migrate` is running")))
            await check_alone(connection)
            yield
        finally:
            await connection.execute(_UNLOCK, (NAME,))
            await connection.set_autocommit(False)


async def check_alone(connection: Connection) -> None:
    """Wait until no program is connected; archived events cannot be sealed in place. Raises NotMigrated."""
    if months := sorted({one.month for one in await archived_files(connection)}):
        zh = f"这些月份已归档,请先取回: {', '.join(months)}"
        en = "months are archived; bring each back first by `ticketbus archive recall`"
        raise NotMigrated(str(Text(zh, en)))
    if named := await wait_for_programs(connection, NAME):
        zh = f"仍有程序连接数据库: {named}。请停止所有 gateway、worker 和命令,{STOP_S_MAX:.0f} 秒后重试"
        en = f"these are connected; stop every gateway, worker and command, wait {STOP_S_MAX:.0f} s, run it again"
        raise NotMigrated(str(Text(zh, en)))


async def begun(connection: Connection) -> Begun | None:
    """Read how far a migration is; None without one."""
    row = await (await connection.execute(_BEGUN)).fetchone()
    return Begun(*row) if row else None


async def check_ended(connection: Connection) -> None:
    """Refuse to serve from the first batch that is sealed until the new log is whole. Raises NotMigrated."""
    if await begun(connection) is not None:
        zh = "privacy migrate 未完成,请先重新运行"
        raise NotMigrated(str(Text(zh, "`ticketbus privacy migrate` did not come to its end; run it again first")))


async def check_nothing_waits(
    pool: Pool, settings: Settings, contract: Contract, reader: RangeReader, deliveries: str
) -> None:
    """Refuse while something on the old log has not taken effect. Raises NotMigrated, which names all of it.

    `deliveries` is the handler whose effects must not come again.
    """
    async with connected(pool) as connection:
        found = [f"outbox → {topic}: {count}" for topic, count in await _rows(connection, _WAITING)]
        rows = await offsets.positions(connection)
    places = {(row.topic, row.partition): row.next_offset for row in rows if row.handler == deliveries}
    for topic in (COMMANDS, INTAKE):
        name = physical(settings.namespace, topic)
        own = {row.partition: row.next_offset for row in rows if row.topic == name}
        places |= {(name, one): own.get(one, 0) for one in {*own, *range(contract.topics[topic].partitions)}}
    for topic in sorted({topic for topic, _ in places}):
        ends = await reader.ends(topic, [one for name, one in places if name == topic])
        found += [
            f"{topic}/{one}: {end - places[topic, one]}" for one, end in ends.items() if end != places[topic, one]
        ]
    if found:
        named = ", ".join(found)
        zh = f"还有未生效的记录: {named}。请停止写入方,运行 worker 直到全部处理完,再停止 worker"
        en = "these have not taken effect; stop who writes, let a worker run until they have, then stop it"
        raise NotMigrated(str(Text(zh, en)))


async def check_all_stored(pool: Pool, settings: Settings, contract: Contract, reader: RangeReader) -> None:
    """Read the old log once: every event on it must be in PostgreSQL, that fills the new one, but for those whose
    letter was discarded: they are nobody's.

    Raises NotMigrated.
    """
    topic = physical(settings.namespace, LOG)
    for partition, end in (await reader.ends(topic, range(contract.topics[LOG].partitions))).items():
        async for chunk in reader.read(topic, partition, 0, end, most=CHUNK):
            named = [one for record in chunk.records if (one := _identity(record))]
            async with connected(pool) as connection:
                for ticket_id, version, place in await _rows(connection, _ABSENT, columns(named, 3)):
                    zh = f"事件 {ticket_id}/{version}({place})不在 PostgreSQL 中,请先运行 log restore,或丢弃其死信"
                    en = "PostgreSQL lacks this event of the log; run `ticketbus log restore`, or discard its letter"
                    raise NotMigrated(str(Text(zh, en)))


def _identity(record: Record) -> tuple[str, int, str] | None:
    try:
        return *identity(record), place_of(record)
    except MalformedInput:
        return None  # foreign bytes: they are on file as a letter


async def queued(connection: Connection, last: int) -> None:
    """Note, in the transaction that queued all events, up to which row of the outbox."""
    await connection.execute(_QUEUED, (last,))


async def make_topics(settings: Settings, contract: Contract) -> None:
    """Delete the topics that hold personal texts, and make them anew. Raises KafkaUnavailable, TopicRefused."""
    names = [name for name, topic in contract.topics.items() if topic.event_names or name == DEADLETTER]
    async with admin(settings) as client:
        brokers = len((await client.describe_cluster())["brokers"])
    await delete_topics(settings, [physical(settings.namespace, name) for name in names])
    await apply_topics(settings, contract, replication=min(3, brokers))


async def made(connection: Connection) -> None:
    """Note that the topics are made anew; from then on they are published to."""
    await connection.execute(_MADE)


async def check_all_published(connection: Connection) -> None:
    """Refuse to go on while rows of the outbox wait. Raises NotMigrated."""
    if waiting := await _rows(connection, _WAITING):
        named = ", ".join(f"{topic}: {count}" for topic, count in waiting)
        raise NotMigrated(str(Text(f"尚未发布: {named},请重新运行", "not all is published yet; run it again")))


async def reset_handlers(connection: Connection, settings: Settings, deliveries: str) -> None:
    """Let handlers of the log begin at the new one's start, but `deliveries` after the last event that it had."""
    topic = physical(settings.namespace, LOG)
    ends = dict(await _rows(connection, _ENDS, (LOG,)))
    for handler in sorted({row.handler for row in await offsets.positions(connection) if row.topic == topic}):
        await offsets.reset(connection, handler, ends if handler == deliveries else None)


async def made_before(connection: Connection) -> int:
    """Give how many logs there were before the present one. Raises StoreUnavailable."""
    ((count,),) = await _rows(connection, _BEFORE)
    return int(count)


async def vacuum(pool: Pool) -> None:
    """Write the tables anew, so that their files and statistics hold no old bytes. Raises StoreUnavailable."""
    async with guard(), pool.connection() as connection:
        await connection.set_autocommit(True)
        try:
            for table in _TABLES:
                await connection.execute(b"VACUUM (FULL, ANALYZE) " + table.encode())
        finally:
            await connection.set_autocommit(False)


async def end(connection: Connection) -> None:
    """Put the migration on file and forget how far it was."""
    await connection.execute(_END)


async def _rows(connection: Connection, query: LiteralString, asked: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query, asked or None)).fetchall()
