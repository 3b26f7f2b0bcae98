"""`privacy migrate`: what was stored in clear is sealed and the log made anew, however often it is cut short (R50)."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bus.app import Core, open_core
from bus.consistency.verify import verify_log
from bus.domain.events import Recorded
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket
from bus.kafka.clients import start_producer
from bus.kafka.range_reader import open_reader
from bus.local.stack import Urls
from bus.postgres.pool import connected
from bus.privacy import migrate as sealing
from bus.privacy import new_log
from bus.privacy.bodies import clear_bodies
from bus.privacy.erase import Erasure, erase
from bus.privacy.migrate import NotMigrated
from bus.programs import privacy_migration
from bus.programs.lifecycle import serve_until_stopped
from bus.programs.privacy_migration import migrate
from bus.wire.sealing import ERASED
from deadletter.store import post
from projections.read_models import TICKET_MODELS, handler_of
from projections.verify import verify
from schemas.topics import COMMANDS, LOG, physical
from tests.bus_under_test import Bus, bus_on
from tests.deadletter.letters import dead
from tests.privacy.old_data import DELIVERIES, LIVES, TEXTS, brought_back, follow, live, older, publish, put_letters

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ERASED_PHONE = "13700000007"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
_BODIES = """
SELECT value FROM letters UNION ALL SELECT body FROM refused_inputs WHERE ticket_id IS NULL
UNION ALL SELECT edited FROM delivery_heads"""
EVENT_ID, PEOPLE = re.compile(rb"'ce_id', b'([^']+)'"), re.compile(rb"'(ticket-assignee\S*)', b'([^']*)'")
_LIVE_KEYS = "SELECT 1 FROM personal_keys WHERE about = ANY(%s) AND wrapped IS NOT NULL"
_OFFSETS = "SELECT partition, next_offset FROM stage_offsets WHERE handler = %s ORDER BY partition"
_LAST = "SELECT shard, max(kafka_offset) + 1 FROM outbox WHERE topic = 'ticket.events' GROUP BY 1 ORDER BY 1"


class Cut(Exception):
    """The program ends here."""


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus without programs."""
    with bus_on(parts, tmp_path, database_kept=False) as made:
        yield made


@pytest.fixture
async def core(bus: Bus) -> AsyncIterator[Core]:
    """Open the core as the command does."""
    async with open_core(bus.settings, connections=4, name=new_log.NAME) as opened:
        yield opened
        await opened.relay.close()


async def ask(core: Core, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
    async with connected(core.pool) as connection:
        return await (await connection.execute(text.encode(), parameters or None)).fetchall()


async def fill(core: Core) -> tuple[list[TicketId], TicketId, TicketId]:
    """Fill a bus as it was before sealing; gives its tickets, of them one sealed and erased since, and one more that
    was brought back in clear after it was erased.
    """
    async with older(core) as old:
        tickets = await live(old)
        await put_letters(old, tickets)
        back = await brought_back(old)
    (erased,) = await live(core, LIVES[-1:], first=10, phone=ERASED_PHONE)
    await erase(core.pool, core.clear, core.dispatcher.dispatch, ERASED_PHONE, Erasure(by="张工", why="x", at=NOW))
    await publish(core)
    await follow(core)
    return [*tickets, erased], erased, back


async def rows_of(core: Core) -> dict[str, list[str]]:
    """Give all rows of all tables as text, bytes in hex."""
    tables = [table for (table,) in await ask(core, _TABLES)]
    return {table: sorted(str(row) for row in await ask(core, f"SELECT t::text FROM {table} t")) for table in tables}  # noqa: S608 - names of our tables


async def records_of(core: Core) -> dict[str, list[bytes]]:
    """Give headers and value of all records of all topics."""
    found = dict[str, list[bytes]]()
    async with open_reader(core.settings) as reader:
        for name, topic in core.contract.topics.items():
            where = physical(core.settings.namespace, name)
            ranges = {one: (0, end) for one, end in (await reader.ends(where, range(topic.partitions))).items()}
            polls = [poll async for poll in reader.read_together(where, ranges, most=1000)]
            records = [record for chunks in polls for chunk in chunks for record in chunk.records]
            records.sort(key=lambda one: (one.partition, one.offset))
            found[name] = [repr(one.headers).encode() + (one.value or b"") for one in records]
    return found


def people_of(records: Sequence[bytes]) -> dict[bytes, dict[bytes, bytes]]:
    """Say by event what its headers say of people."""
    return {match[1]: dict(PEOPLE.findall(one)) for one in records if (match := EVENT_ID.search(one))}


async def all_of(core: Core) -> tuple[dict[str, list[str]], dict[str, list[bytes]]]:
    """Give all that both stores hold."""
    return await rows_of(core), await records_of(core)


def in_clear_in(tables: Mapping[str, Sequence[str]], topics: Mapping[str, Sequence[bytes]]) -> set[str]:
    """Name the tables and topics in which a text of the customer stands in clear."""
    rows = {name: "\n".join(some) for name, some in tables.items()}
    bodies = {name: b"\n".join(some) for name, some in topics.items()}
    return {name for name, row in rows.items() for text in TEXTS if text in row or text.encode().hex() in row} | {
        name for name, body in bodies.items() for text in TEXTS if text.encode() in body
    }


async def in_clear(core: Core, tickets: Sequence[TicketId]) -> list[Any]:
    """Read all that people are shown."""
    events: list[Sequence[Recorded]] = []
    states: list[Ticket] = []
    for one in tickets:
        values = await ask(core, "SELECT value FROM events WHERE ticket_id = %s ORDER BY version", one)
        events.append(await core.clear.events([value for (value,) in values]))
        state = await core.store.ticket(one)
        assert state is not None
        states.append(await core.clear.of_ticket(state))
    bodies = [body for (body,) in await ask(core, _BODIES)]
    return [events, states, await clear_bodies(core.pool, core.clear, bodies)]


async def assert_sound(core: Core) -> None:
    """Hold both stores against each other, and the read models against the log."""
    report = await verify_log(core.pool, core.settings, core.contract, core.codec)
    assert (report.listed, report.waiting, report.repeats) == ([], 0, 0)
    assert report.stored == report.records > 0
    url = core.settings.database_url or ""
    async with open_reader(core.settings) as reader:
        for model in TICKET_MODELS.values():
            found = await verify(handler_of(model, core.codec), url=url, reader=reader)
            assert all(one.equal and one.rows for one in found)


async def test_migrate_cut_short_again_and_again_seals_all_and_makes_the_log_anew(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets, erased, back = await fill(core)
    old = await all_of(core)
    assert in_clear_in(*old) >= {
        "events", "ticket_states", "ticket_names", "ticket_phones", "letters", "refused_inputs", "delivery_heads",
        "tickets", "sla_tickets", "ticket.events", "ticket.status", "ticket.commands", "ticket.deadletter",
    }  # fmt: skip
    before = await in_clear(core, tickets)
    lines = list[str]()

    seal, batches = sealing._seal_tickets, iter("1")

    def cut(*_: Any, **__: Any) -> Any:
        raise Cut

    def first_alone(*asked: Any) -> Any:
        return seal(*asked) if next(batches, "") else cut()

    # After a batch of tickets; before topics are deleted and after; before all is published and after.
    monkeypatch.setattr(sealing, "TICKETS", 2)
    monkeypatch.setattr(sealing, "_seal_tickets", first_alone)
    with pytest.raises(Cut):
        await migrate(core, "张工", lines.append)
    monkeypatch.undo()
    for module, name in (
        (privacy_migration, "_make_topics"),
        (new_log, "apply_topics"),
        (privacy_migration, "_publish"),
        (privacy_migration, "_follow"),
    ):
        monkeypatch.setattr(module, name, cut)
        with pytest.raises(Cut):
            await migrate(core, "张工", lines.append)
        monkeypatch.undo()
    with pytest.raises(NotMigrated):
        await serve_until_stopped(core.settings, 1, cut)
    assert await migrate(core, "李工", lines.append)
    tables, topics = await all_of(core)
    assert in_clear_in(tables, topics) == set()
    assert {k: len(v) for k, v in topics.items()} == {**{k: len(v) for k, v in old[1].items()}, COMMANDS: 0}
    people = people_of(topics["ticket.events"])
    assert people == people_of(old[1]["ticket.events"])
    [handed_over] = [one for one in people.values() if b"ticket-assignee-before" in one]
    assert len({*handed_over.values()}) == 2
    assert await in_clear(core, tickets) == before
    assert before[1][-1].customer.name == ERASED
    (events,), (state,), _ = await in_clear(core, [back])
    assert {events[0].event.customer.phone, events[0].event.description, state.customer.name} == {ERASED}
    bodies = await ask(core, "SELECT body FROM refused_inputs WHERE ticket_id = %s", back)
    assert await clear_bodies(core.pool, core.clear, [body for (body,) in bodies]) == [{"text": ERASED}]
    assert await ask(core, _LIVE_KEYS, [erased, back]) == []
    await assert_sound(core)
    assert [one for one in await ask(core, _OFFSETS, DELIVERIES) if one[1]] == await ask(core, _LAST)
    [(by, what, number)] = await ask(core, "SELECT read_by, what, tickets FROM privacy_reads WHERE what = 'migrate'")
    assert (by, what, number) == ("张工", "migrate", len(LIVES) + 1)
    assert not await migrate(core, "王工", lines.append)
    assert await all_of(core) == (tables, topics)


async def put_stray(core: Core) -> str:
    """Put what looks like an event and is in no database onto the log; gives its place."""
    producer, topic = await start_producer(core.settings), physical(core.settings.namespace, LOG)
    try:
        sent = await producer.send_and_wait(
            topic, b"?", key=b"T-STRAY", headers=[("ticket-version", b"1")], partition=0
        )
    finally:
        await producer.stop()
    return f"{topic}/0@{sent.offset}"


async def test_migrate_refuses_while_programs_are_there_or_something_has_not_taken_effect(
    bus: Bus, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_log, "STOP_S_MAX", 0.0)
    async with older(core) as old:
        tickets = await live(old)
        await put_letters(old, tickets)

    async def refused() -> str:
        rows = await rows_of(core)
        with pytest.raises(NotMigrated) as error:
            await migrate(core, "张工", lambda _line: None)
        assert await rows_of(core) == rows
        return str(error.value)

    async with bus.core() as other:
        await ask(other, "SELECT 1")
        assert "ticketbus (" in await refused()
    why = await refused()
    assert "outbox → ticket.events: " in why
    assert f"{physical(core.settings.namespace, COMMANDS)}/0: 1" in why
    await publish(core)
    await follow(core)
    await ask(core, "UPDATE stage_offsets SET next_offset = 0 WHERE handler = %s RETURNING 1", DELIVERIES)
    assert "ticket.events/" in await refused()
    place = await put_stray(core)
    await follow(core)
    assert f"T-STRAY/1({place})" in await refused()
    async with connected(core.pool) as connection:
        await post(connection, [dead(origin="log", origin_ref=place)], core.codec.encode_record)
    await ask(core, "UPDATE letters SET state = 'discarded' WHERE origin = 'log' RETURNING 1")
    async with open_reader(core.settings) as reader:
        await new_log.check_all_stored(core.pool, core.settings, core.contract, reader)
