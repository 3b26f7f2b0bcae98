"""verify tells every difference, republish fills Kafka, restore fills PostgreSQL; on the real parts."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from bus.app import Core
from bus.consistency.report import LogReport
from bus.consistency.restore import restore
from bus.consistency.verify import verify_log
from bus.domain.commands import Accept, Assign, Command, Note, OpenTicket, Request, Start
from bus.domain.terms import CommandId, KeyKind, TraceId
from bus.domain.values import Assignee, IncidentKey
from bus.kafka.clients import start_producer
from bus.local.stack import Urls
from bus.outbox.republish import republish
from bus.programs.mending import mend
from bus.wire.event_reader import EventReader
from schemas.topics import LOG, physical
from tests.bus_under_test import Bus, bus_on

AT = datetime(2026, 1, 18, 8, 0, tzinfo=UTC)
WANG = Assignee(role="engineer", person="王磊", contact="801", backup_person="赵敏", backup_contact="802")
TICKETS = 40


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    with bus_on(parts, tmp_path) as made:
        yield made


@pytest.fixture
async def core(bus: Bus) -> AsyncIterator[Core]:
    async with bus.core() as opened:
        yield opened
        await opened.relay.close()


def request(number: int, command: Command, minute: int) -> Request:
    at = AT + timedelta(minutes=minute)
    return Request(
        command_id=CommandId(uuid4()),
        command=command,
        source="crm",
        source_no=f"C-{number}",
        actor="tester",
        at=at,
        received_at=at,
        trace_id=TraceId(f"{number:032x}"),
        fingerprint="same",
    )


def opening(number: int) -> OpenTicket:
    key = IncidentKey(kind=KeyKind.ORDER, value=f"O-{number}")
    ref = f"KH-{number}"  # of the customer: found by its look-up, as a phone is
    return OpenTicket(incident_key=key, title="漏水", type="hardware_fault", source_no=f"C-{number}", customer_ref=ref)


def life(number: int) -> tuple[Command, ...]:
    return (opening(number), Assign(assignee=WANG), Accept(), Start())


async def fill(core: Core) -> list[Request]:
    """Let some tickets live a little; four events each, nothing published yet."""
    requests = [request(number, one, minute) for number in range(TICKETS) for minute, one in enumerate(life(number))]
    await core.dispatcher.dispatch(requests)
    return requests


async def publish_all(core: Core) -> None:
    while await core.relay.publish_once():
        pass


async def verified(core: Core) -> LogReport:
    return await verify_log(core.pool, core.settings, core.contract, core.codec)


async def execute(core: Core, text: str, *parameters: object) -> None:
    async with core.pool.connection() as connection:
        await connection.execute(text.encode(), parameters)


async def test_two_stores_what_waits_is_no_difference_and_what_is_published_is_equal(core: Core) -> None:
    await fill(core)
    before = await verified(core)
    assert (before.waiting, before.records, before.differences) == (4 * TICKETS, 0, 0)
    await publish_all(core)
    after = await verified(core)
    assert (after.stored, after.records, after.waiting, after.differences) == (4 * TICKETS, 4 * TICKETS, 0, 0)


async def test_two_stores_each_kind_of_difference_is_told(core: Core) -> None:
    await fill(core)
    await execute(
        core,
        "UPDATE outbox SET published_at = now(), kafka_offset = 0 WHERE topic = %s AND ticket_id LIKE '%%-000003'",
        LOG,
    )
    await publish_all(core)
    await execute(core, "UPDATE events SET value = value || '\\x00' WHERE ticket_id LIKE '%%-000005' AND version = 2")
    await execute(core, "DELETE FROM events WHERE ticket_id LIKE '%%-000007' AND version = 4")
    await execute(core, "DELETE FROM outbox WHERE ticket_id LIKE '%%-000009' AND version = 1 AND topic = %s", LOG)
    await execute(
        core,
        "UPDATE ticket_states SET state = jsonb_set(state, '{title}', '\"漏电\"') WHERE ticket_id LIKE '%%-000011'",
    )
    producer = await start_producer(core.settings)
    await producer.send_and_wait(physical(core.settings.namespace, LOG), b"garbage", partition=0)
    await producer.stop()
    report = await verified(core)
    kinds = {one.kind for one in report.listed}
    assert kinds >= {"missing_in_kafka", "different", "unknown_in_kafka", "gap", "never_queued", "unreadable_in_kafka"}
    assert [one.ticket_id[-6:] for one in report.listed if one.kind == "state"] == ["000011"]
    assert [one.ticket_id[-6:] for one in report.listed if one.kind == "unreadable_in_postgres"] == ["000005"]
    assert report.differences == len(report.listed)


async def test_two_stores_republish_fills_what_a_topic_lacks_and_nothing_else(core: Core) -> None:
    await fill(core)
    await execute(core, "UPDATE outbox SET published_at = now(), kafka_offset = 0 WHERE ticket_id LIKE '%%-00001%%'")
    await execute(core, "DELETE FROM outbox WHERE topic = 'ticket.assign'")
    await publish_all(core)
    assert (await verified(core)).differences > 0
    assert await republish(core.pool, core.settings, core.contract, LOG) == 4 * 10
    assert await republish(core.pool, core.settings, core.contract, "ticket.assign") == 2 * TICKETS
    assert await republish(core.pool, core.settings, core.contract, LOG) == 0
    assert {*(await _people(core)).values()} == {("", None), (WANG.person, None)}
    await publish_all(core)
    report = await verified(core)
    assert (report.differences, report.repeats) == (0, 0)
    assert await republish(core.pool, core.settings, core.contract, "ticket.assign") == 0


async def test_two_stores_republish_sends_nothing_again_whose_row_was_lost_and_whose_record_was_not(core: Core) -> None:
    await fill(core)
    await publish_all(core)
    await execute(core, "DELETE FROM outbox WHERE topic = 'ticket.assign'")
    assert await republish(core.pool, core.settings, core.contract, "ticket.assign") == 0
    async with core.pool.connection() as connection:
        rows = await connection.execute(
            "SELECT count(*), count(published_at), count(kafka_offset) FROM outbox WHERE topic = 'ticket.assign'"
        )
        assert await rows.fetchall() == [(2 * TICKETS,) * 3]


async def poison(core: Core) -> None:
    """Put what is no event onto the log."""
    producer = await start_producer(core.settings)
    try:
        await producer.send_and_wait(physical(core.settings.namespace, LOG), b"poison", partition=0)
    finally:
        await producer.stop()


async def test_two_stores_what_a_backup_takes_for_unpublished_is_not_published_again(
    core: Core,
) -> None:
    await fill(core)
    await publish_all(core)
    unpublish = "UPDATE outbox SET published_at = NULL, kafka_offset = NULL WHERE ticket_id LIKE '%%-00001%%'"
    await execute(core, unpublish)
    changed = "UPDATE events SET value = value || '\\x00' WHERE ticket_id LIKE '%%-000012' AND version = 4"
    await execute(core, changed)  # not the bytes that the log has: the relay sends these, and verify says so
    assert await restore(core.pool, core.settings, core.contract, EventReader(decode=core.codec.decode), core.keys) == 0
    waiting = "SELECT ticket_id FROM outbox WHERE topic = 'ticket.events' AND published_at IS NULL"
    async with core.pool.connection() as connection:
        assert [one[-6:] for (one,) in await (await connection.execute(waiting)).fetchall()] == ["000012"]
    await publish_all(core)
    assert (await verified(core)).repeats == 1


async def test_two_stores_mend_fills_both_and_says_what_only_a_person_decides(core: Core) -> None:
    await fill(core)
    await publish_all(core)
    await execute(core, "DELETE FROM events WHERE ticket_id LIKE '%%-000007'")
    await execute(core, "DELETE FROM ticket_states WHERE ticket_id LIKE '%%-000007'")
    await execute(core, "DELETE FROM commands WHERE ticket_id LIKE '%%-000007'")
    await execute(core, "DELETE FROM outbox WHERE ticket_id LIKE '%%-000007'")
    await execute(
        core, "UPDATE outbox SET published_at = NULL, kafka_offset = NULL WHERE topic <> %s AND ticket_id <> '-'", LOG
    )
    await execute(
        core,
        "INSERT INTO stage_offsets (handler, partition, topic, next_offset, topic_id)"
        " SELECT h, 0, %s, 999999, gen_random_uuid() FROM unnest(ARRAY['tickets', 'deliveries']) AS h",
        physical(core.settings.namespace, LOG),
    )
    mended = await mend(core)
    assert (mended.restored, mended.handlers_reset, mended.undecided) == (4, ["tickets"], ["deliveries"])
    assert (mended.report.stored, mended.report.differences, mended.report.repeats) == (4 * TICKETS, 0, 0)
    assert mended.published >= TICKETS
    again = await mend(core)
    assert (again.restored, again.queued, again.published, again.handlers_reset) == (0, {}, 0, [])


async def test_two_stores_restore_gives_a_lost_database_back(core: Core) -> None:
    requests = await fill(core)
    key = opening(0).incident_key
    earlier, near = (replace(opening(number), incident_key=key) for number in (997, 998))
    (older,) = await core.dispatcher.dispatch([request(997, earlier, -60)])
    await publish_all(core)
    await poison(core)
    states, people, customers = await _states(core), await _people(core), await _customers(core)
    await execute(
        core, "TRUNCATE events, ticket_states, ticket_names, earlier_tickets, commands, outbox, ticket_phones"
    )
    await execute(core, "ALTER SEQUENCE ticket_numbers RESTART")
    events = EventReader(decode=core.codec.decode)
    assert await restore(core.pool, core.settings, core.contract, events, core.keys) == 4 * TICKETS + 1
    assert await restore(core.pool, core.settings, core.contract, events, core.keys) == 0
    assert await _states(core) == states
    assert await _people(core) == people
    assert await _customers(core) == customers
    assert len(customers) == TICKETS + 1
    assert (await verified(core)).differences == 1  # the poison
    again = await core.dispatcher.dispatch(requests)
    assert {getattr(outcome, "repeated", None) for outcome in again} == {True}
    goes_on = await core.dispatcher.dispatch([request(3, Note(text="继续"), 30)])
    assert getattr(goes_on[0], "version", 0) == 5
    (joined,) = await core.dispatcher.dispatch([request(998, near, -55)])
    assert getattr(joined, "ticket_id", "") == getattr(older, "ticket_id", None)
    opened = await core.dispatcher.dispatch([request(999, opening(999), 40)])
    assert getattr(opened[0], "ticket_id", "") not in states


async def _people(core: Core) -> dict[tuple[str, str, int], tuple[str | None, str | None]]:
    """Tell what the headers of each event's record say, topic by topic."""
    async with core.pool.connection() as connection:
        rows = await connection.execute("SELECT topic, ticket_id, version, assignee, assignee_before FROM outbox")
        return {row[:3]: row[3:] for row in await rows.fetchall()}


async def _customers(core: Core) -> set[tuple[str, str]]:
    async with core.pool.connection() as connection:
        return {*await (await connection.execute("SELECT phone, ticket_id FROM ticket_phones")).fetchall()}


async def _states(core: Core) -> dict[str, object]:
    async with core.pool.connection() as connection:
        rows = await connection.execute("SELECT ticket_id, state FROM ticket_states")
        return dict(await rows.fetchall())
