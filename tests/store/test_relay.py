"""The relay on real Kafka: in order per ticket, each row once, and after a crash the same again, bit for bit."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from bus.alerts.log_sink import log_alert
from bus.domain.batch import Accepted
from bus.domain.commands import Command, Note
from bus.domain.errors import KafkaUnavailable
from bus.domain.terms import TicketId
from bus.domain.values import CallerTrace
from bus.intake.dispatch import Dispatcher
from bus.kafka.clients import admin
from bus.kafka.topic_admin import apply_topics
from bus.local.stack import Urls
from bus.outbox import relay as relay_module
from bus.outbox.relay import Relay
from bus.postgres.pool import Pool, connected
from bus.postgres.store import PostgresStore
from bus.settings import Settings
from bus.wire.headers import event_headers
from bus.wire.partitioner import partition_of
from schemas.topics import load_contract
from tests.domain.people import ASSIGN, RULES, START
from tests.proxy import unreachable
from tests.store.contract_suite import fresh, opening
from tests.store.kafka_log import records
from tests.store.relay_watch import PATIENCE_S, of_tickets, read, until, versions, waiting

CONTRACT = load_contract()
MIB = 1024 * 1024
ALL: dict[str, Any] = {"only": None, "without": [], "locks": relay_module._SHARD_LOCKS}


@pytest.fixture(scope="module")
async def settings(parts: Urls, database: str) -> AsyncIterator[Settings]:
    """Make topics in a namespace of the module's own."""
    own = {"database_url": database, "kafka_bootstrap": parts.kafka_bootstrap, "namespace": f"r{uuid4().hex[:8]}"}
    settings = Settings.model_validate(own)
    made = await apply_topics(settings, CONTRACT, replication=1)
    yield settings
    async with admin(settings) as client:
        await client.delete_topics(made)


@pytest.fixture
async def relay(pool: Pool, settings: Settings) -> AsyncIterator[Relay]:
    """Give a relay with nothing left to publish from tests before."""
    async with relaying(pool, settings) as relay:
        await drained(relay)
        yield relay


@pytest.fixture
def dispatcher(postgres_store: PostgresStore, relay: Relay) -> Dispatcher:
    """Give a dispatcher that wakes the relay."""
    return Dispatcher(store=postgres_store, rules=RULES, now=lambda: START, committed=relay.wake)


@asynccontextmanager
async def relaying(pool: Pool, settings: Settings) -> AsyncIterator[Relay]:
    """Make a relay whose producer is gone afterwards."""
    relay = Relay(pool=pool, settings=settings, contract=CONTRACT, report=log_alert)
    try:
        yield relay
    finally:
        await relay.close()


async def drained(*relays: Relay) -> list[int]:
    """Let relays publish at once until nothing waits; give how much each did."""

    async def drain(relay: Relay) -> int:
        published = 0
        while await waiting(relay.pool):
            published += await relay.publish_once()
        return published

    async with asyncio.timeout(PATIENCE_S):
        return list(await asyncio.gather(*map(drain, relays)))


async def worked_on(dispatcher: Dispatcher, tickets: int, notes: int) -> list[TicketId]:
    """Open tickets and write notes on each, all tickets at once."""
    opened = await dispatcher.dispatch([fresh(opening()) for _ in range(tickets)])
    ids = [one.ticket_id for one in opened if isinstance(one, Accepted)]
    steps: list[Command] = [ASSIGN, *[Note(text=str(number)) for number in range(notes)]]
    for step in steps:
        await asyncio.gather(*(dispatcher.dispatch([fresh(step, ticket_id=one)]) for one in ids))
    return ids


async def test_relay_every_ticket_s_events_stand_in_order_in_one_partition_as_they_stand_in_the_log(
    relay: Relay, dispatcher: Dispatcher, settings: Settings, pool: Pool
) -> None:
    ids = await worked_on(dispatcher, tickets=12, notes=4)
    await drained(relay)
    found = of_tickets(await records(settings), ids)
    for ticket_id in ids:
        rows = await read(pool, "SELECT value FROM events WHERE ticket_id = %s ORDER BY version", ticket_id)
        assert [record.value for record in found[ticket_id]] == [value for (value,) in rows]
        assert versions(found[ticket_id]) == [1, 2, 3, 4, 5, 6]
        assert {record.partition for record in found[ticket_id]} == {partition_of(ticket_id, 6)}


async def test_relay_headers_are_those_that_subscribers_were_promised(
    relay: Relay, dispatcher: Dispatcher, settings: Settings, postgres_store: PostgresStore
) -> None:
    (ticket_id,) = await worked_on(dispatcher, tickets=1, notes=0)
    await drained(relay)
    (first, _) = of_tickets(await records(settings), [ticket_id])[ticket_id]
    opened = (await postgres_store.events(ticket_id))[0]
    assert [name for name, _ in first.headers] == [
        *("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time"),
        *("ce_dataschema", "content-type", "traceparent", "ticket-version", "ticket-region", "ticket-assignee"),
    ]
    told = {name: value.decode() for name, value in first.headers}
    assert (told["ce_specversion"], told["content-type"]) == ("1.0", "application/avro")
    assert (told["ce_id"], told["ce_subject"]) == (str(opened.event_id), ticket_id)
    assert (told["ce_source"], told["ce_type"]) == ("/sources/crm", "ticket.opened.v1")
    assert told["ce_dataschema"] == "urn:ticketbus:schema:ticketbus.ticket.TicketOpened"
    assert datetime.fromisoformat(told["ce_time"]) == opened.occurred_at
    assert re.fullmatch(rf"00-{opened.trace_id}-[0-9a-f]{{16}}-01", told["traceparent"])
    assert first.timestamp == int(START.timestamp() * 1000)


async def test_relay_every_event_of_a_ticket_has_what_came_beside_its_trace(
    relay: Relay, dispatcher: Dispatcher, settings: Settings
) -> None:
    trace = CallerTrace(sampled=False, tracestate="rojo=1,congo=2")
    (opened,) = await dispatcher.dispatch([fresh(opening(), caller_trace=trace)])
    assert isinstance(opened, Accepted)
    await dispatcher.dispatch([fresh(ASSIGN, ticket_id=opened.ticket_id)])
    await drained(relay)
    for record in of_tickets(await records(settings), [opened.ticket_id])[opened.ticket_id]:
        headers = dict(record.headers)
        assert headers["traceparent"].decode().startswith(f"00-{opened.trace_id}-")
        assert (headers["traceparent"][-3:], headers["tracestate"]) == (b"-00", b"rojo=1,congo=2")


def headers_of(ce_type: str, at: datetime) -> list[tuple[str, bytes]]:
    return event_headers(
        event_id=UUID(int=7), source="crm", ce_type=ce_type, ticket_id="T20261122-000001", occurred_at=at,
        trace_id="1" * 32, version=1,
    )  # fmt: skip


def test_relay_headers_are_the_same_bytes_wherever_the_database_s_session_stands() -> None:
    at = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
    there = at.astimezone(timezone(timedelta(hours=8)))
    assert headers_of("note.added.v1", at) == headers_of("note.added.v1", there)


def test_relay_headers_of_a_newer_release_s_event_name_no_schema_that_nobody_here_knows() -> None:
    known, newer = headers_of("note.added.v1", START), headers_of("mood.swung.v1", START)
    assert {name for name, _ in known} - {name for name, _ in newer} == {"ce_dataschema"}


async def test_relay_a_subscriber_topic_holds_the_very_same_bytes(
    relay: Relay, dispatcher: Dispatcher, settings: Settings
) -> None:
    (ticket_id,) = await worked_on(dispatcher, tickets=1, notes=1)
    await drained(relay)
    log = of_tickets(await records(settings), [ticket_id])[ticket_id]
    assigned = of_tickets(await records(settings, "ticket.assign"), [ticket_id])[ticket_id]
    status = of_tickets(await records(settings, "ticket.status"), [ticket_id])[ticket_id]
    assert [(one.value, one.headers) for one in assigned] == [(log[1].value, log[1].headers)]
    assert [(one.value, one.headers) for one in status] == [(one.value, one.headers) for one in log[:2]]


async def test_relay_rows_are_marked_with_where_they_stand(
    relay: Relay, dispatcher: Dispatcher, settings: Settings, pool: Pool
) -> None:
    (ticket_id,) = await worked_on(dispatcher, tickets=1, notes=2)
    await drained(relay)
    found = of_tickets(await records(settings), [ticket_id])[ticket_id]
    query = "SELECT kafka_offset FROM outbox WHERE ticket_id = %s AND topic = 'ticket.events' ORDER BY version"
    assert [(record.offset,) for record in found] == await read(pool, query, ticket_id)


async def test_relay_two_relays_at_once_publish_each_row_once_and_in_order(
    relay: Relay, dispatcher: Dispatcher, settings: Settings, pool: Pool
) -> None:
    ids = await worked_on(dispatcher, tickets=30, notes=6)
    rows = await waiting(pool)
    async with relaying(pool, settings) as other:
        shares = await drained(relay, other)
    assert sum(shares) == rows
    found = of_tickets(await records(settings), ids)
    assert {ticket_id: versions(found[ticket_id]) for ticket_id in ids} == {one: [*range(1, 9)] for one in ids}


async def test_relay_a_crash_between_acknowledgement_and_mark_repeats_bit_for_bit(
    relay: Relay, dispatcher: Dispatcher, settings: Settings, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await worked_on(dispatcher, tickets=1, notes=3)
    rows = await waiting(pool)

    async def crash(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as planted:
        planted.setattr(relay_module, "_mark", crash)
        with pytest.raises(ZeroDivisionError):
            await relay.publish_once()
    assert await waiting(pool) == rows
    await drained(relay)
    found = of_tickets(await records(settings), ids)[ids[0]]
    same = [(one.key, one.value, one.headers, one.timestamp, one.partition) for one in found]
    assert versions(found) == [1, 2, 3, 4, 5] * 2
    assert same[:5] == same[5:]


async def test_relay_only_shards_that_wait_are_locked_and_the_longest_waiting_first(
    relay: Relay, dispatcher: Dispatcher, pool: Pool
) -> None:
    del relay  # it has published what other tests left
    await worked_on(dispatcher, tickets=1, notes=0)
    first = await read(pool, "SELECT DISTINCT shard FROM outbox WHERE published_at IS NULL")
    await worked_on(dispatcher, tickets=30, notes=0)
    for most in (1, 3):
        async with connected(pool) as connection:
            found = await connection.execute(relay_module._LOCK_SHARDS, {**ALL, "most": most})
            locked = [shard for (shard,) in await found.fetchall()]
            query = "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() ORDER BY objid"
            held = [shard for (shard,) in await (await connection.execute(query)).fetchall()]
        assert locked[:1] == [shard for (shard,) in first]
        assert (sorted(locked), len(held)) == (held, most)
    await read(pool, "UPDATE outbox SET published_at = now() WHERE shard <> %s RETURNING 1", first[0][0])
    async with connected(pool) as connection:
        await connection.execute(relay_module._LOCK_SHARDS, {**ALL, "most": 3})
        query = "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        assert await (await connection.execute(query)).fetchall() == first


async def test_relay_a_pass_takes_no_more_bytes_than_it_may_and_the_rest_follows(
    relay: Relay, dispatcher: Dispatcher, settings: Settings, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ticket_id,) = await worked_on(dispatcher, tickets=1, notes=6)
    monkeypatch.setattr(relay_module, "SHARD_BYTES_MAX", 1)
    rows = await waiting(pool)
    assert [await relay.publish_once() for _ in range(rows)] == [1] * rows
    assert await relay.publish_once() == 0
    assert versions(of_tickets(await records(settings), [ticket_id])[ticket_id]) == [*range(1, 9)]


async def test_relay_what_is_committed_is_published_without_waiting_to_be_asked(
    relay: Relay, dispatcher: Dispatcher, pool: Pool
) -> None:
    running = asyncio.create_task(relay.run())
    try:
        await worked_on(dispatcher, tickets=2, notes=1)

        async def all_out() -> bool:
            return await waiting(pool) == 0

        await until(all_out)
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert running.cancelled()


async def test_relay_while_kafka_is_away_rows_wait_and_go_out_when_it_is_back(
    dispatcher: Dispatcher, pool: Pool, settings: Settings
) -> None:
    ids = await worked_on(dispatcher, tickets=2, notes=1)
    rows = await waiting(pool)
    host, _, port = (settings.kafka_bootstrap or "").rpartition(":")
    async with unreachable(host, int(port)) as proxy:
        address = f"127.0.0.1:{proxy.port}"
        shut_out = settings.model_copy(update={"kafka_bootstrap": address})
        async with relaying(pool, shut_out) as other:
            with pytest.raises(KafkaUnavailable):
                await other.publish_once()
            assert await waiting(pool) == rows
            with capture_logs() as logs:
                running = asyncio.create_task(other.run())
                await until(lambda: [one for one in logs if one["event"] == "relay_waits"])
            await proxy.mend()

            async def all_out() -> bool:
                return await waiting(pool) == 0

            await until(all_out)
            running.cancel()
            await asyncio.wait([running])
    found = of_tickets(await records(settings), ids)
    assert {one: versions(found[one]) for one in ids} == {one: [1, 2, 3] for one in ids}
