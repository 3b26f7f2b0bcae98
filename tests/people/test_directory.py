"""The directory of people on PostgreSQL: rows, records, sealed contacts; leaving hands tickets on (R5, R6, R50)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bus.domain.commands import Accept, Assign, Request
from bus.domain.decided import Decided
from bus.domain.errors import CommandRefused
from bus.domain.people import PersonChange, Skill
from bus.domain.terms import State, TicketId
from bus.intake.dispatch import Dispatcher
from bus.people.directory import Directory
from bus.people.handing_on import HandedOn, hand_on
from bus.postgres.people_rows import PersonRow
from bus.postgres.personal_keys import Reader
from bus.postgres.pool import Pool, connected
from bus.postgres.store import PostgresStore
from bus.wire.sealing import ERASED
from schemas.messages import PersonChanged
from schemas.topics import DECISIONS
from tests.consistency.test_two_stores import request
from tests.databases import KEYS
from tests.domain.people import ASSIGN, OPEN, RULES
from tests.people.staff import LI, WANG, ZHAO
from tests.schemas.codecs import CODEC
from tests.store.conftest import database, pool, postgres_store

__all__ = ["database", "pool", "postgres_store"]
NOW = datetime(2026, 1, 18, 3, tzinfo=UTC)
BY = Decided(by="张工", why="排班", at=NOW)
READER = Reader(client="test", person="张工", at=NOW)


@pytest.fixture
async def directory(pool: Pool) -> Directory:
    """Give an empty one."""
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE people, outbox, personal_reads")
    return Directory(pool=pool, keys=KEYS, encode=CODEC.encode_record, rules=RULES)


async def records(pool: Pool) -> Sequence[tuple[str, PersonChanged]]:
    """Read what waits for bus.decisions."""
    async with connected(pool) as connection:
        query = b"SELECT key, value FROM outbox WHERE topic = %s ORDER BY id"
        rows = await (await connection.execute(query, (DECISIONS,))).fetchall()
    return [(key, CODEC.decode_record(value)) for key, value in rows]


async def shown(directory: Directory, person: str) -> PersonRow:
    """Read somebody in clear."""
    (row,) = await directory.in_clear(await directory.listed(person), READER)
    return row


async def test_directory_a_change_is_a_row_and_a_record_and_repeating_it_is_none(directory: Directory) -> None:
    added = await directory.apply([LI, WANG], BY)
    assert added == {"李工": PersonChange.ADDED, "王师傅": PersonChange.ADDED}
    assert await directory.apply([LI, WANG], BY) == {}
    better = replace(LI, skills=(Skill(name="compressor", level=5),))
    assert await directory.apply([better, WANG], BY) == {"李工": PersonChange.CHANGED}
    with pytest.raises(CommandRefused, match="no_person"):
        await directory.apply([ZHAO, replace(LI, person="售后部")], BY)
    assert [one.profile.person for one in await directory.listed()] == ["李工", "王师傅"]
    assert (await shown(directory, "李工")).profile == better
    found = await records(directory.pool)
    assert [(key, one.change, one.person.skills[0].level, one.changed_by, one.why) for key, one in found] == [
        ("person:李工", "added", 3, "张工", "排班"),
        ("person:王师傅", "added", 3, "张工", "排班"),
        ("person:李工", "changed", 5, "张工", "排班"),
    ]


async def test_directory_contact_and_photo_are_sealed_everywhere_and_erased_with_their_key(
    directory: Directory,
) -> None:
    await directory.apply([LI, WANG], BY)
    async with connected(directory.pool) as connection:
        stored = await (await connection.execute("SELECT profile::text FROM people")).fetchall()
        values = await (await connection.execute("SELECT value FROM outbox")).fetchall()
    for clear in (LI.contact, WANG.contact, WANG.photo):
        assert all(clear not in text for (text,) in stored)
        assert all(clear.encode() not in value for (value,) in values)
    assert (await shown(directory, "王师傅")).profile == WANG
    assert await directory.erase("王师傅", BY) is None, "who is there is not erased"
    left = await directory.leave("王师傅", BY)
    assert left is not None
    assert await directory.leave("王师傅", replace(BY, by="another")) == (await directory.listed("王师傅"))[0]
    for _ in range(2):
        assert await directory.erase("王师傅", BY) is not None
    row = await shown(directory, "王师傅")
    assert (row.profile.contact, row.profile.photo, row.erased_at) == (ERASED, ERASED, NOW)
    assert (await shown(directory, "李工")).profile.contact == LI.contact
    assert [one.change for _, one in await records(directory.pool)] == ["added", "added", "left", "erased"]
    async with connected(directory.pool) as connection:
        sealed = [one.person for _, one in await records(directory.pool) if one.person.person == "王师傅"]
        opened = await KEYS.opened_records(connection, [("person:王师傅", one) for one in sealed])
        reads = await (await connection.execute("SELECT DISTINCT what FROM personal_reads ORDER BY 1")).fetchall()
    assert {one.contact for one in opened} == {ERASED}
    assert reads == [("person:李工",), ("person:王师傅",)]
    assert await directory.apply([WANG], BY) == {"王师傅": PersonChange.ADDED}, "who left may come back"
    assert (await shown(directory, "王师傅")).profile == WANG


async def test_directory_leaving_hands_open_tickets_to_the_backup_or_back_to_the_queue(
    directory: Directory, postgres_store: PostgresStore
) -> None:
    dispatcher = Dispatcher(store=postgres_store, rules=RULES)
    await directory.apply([LI, WANG, ZHAO], BY)
    tickets = [await opened(dispatcher, number) for number in (1, 2, 3)]
    wang = replace(ASSIGN.assignee, person="王师傅")
    for number, ticket in enumerate(tickets, start=10):
        await one(dispatcher, replace(request(number, Assign(assignee=wang), 1), ticket_id=ticket))
    await one(dispatcher, replace(request(20, Accept(), 1), ticket_id=tickets[0]))
    assert [row.open_tickets for row in await directory.listed()] == [0, 3, 0]
    decided = replace(BY, at=dispatcher.now())
    left = await directory.leave("王师傅", decided)
    assert left is not None
    # 李工 has no backup but who left: nobody may be named as responsible, and the tickets wait in the queue.
    assert await hand_on(directory, dispatcher.dispatch, left, decided) == HandedOn(to="", tickets=3)
    states = [await postgres_store.ticket(ticket) for ticket in tickets]
    assert [(state.state, state.assignee.person) for state in states if state] == [(State.PENDING, "")] * 3
    for number, ticket in enumerate(tickets, start=30):
        zhao = replace(wang, person="赵工")
        await one(dispatcher, replace(request(number, Assign(assignee=zhao), 2), ticket_id=ticket))
    await directory.apply([replace(ZHAO, backup="李工"), LI, WANG], decided)
    gone = await directory.leave("赵工", decided)
    assert gone is not None
    assert await hand_on(directory, dispatcher.dispatch, gone, decided) == HandedOn(to="李工", tickets=3)
    assert await hand_on(directory, dispatcher.dispatch, gone, decided) == HandedOn(to="李工", tickets=0)
    last = await postgres_store.ticket(tickets[2])
    assert last is not None
    assert (last.assignee.person, last.assignee.contact, last.assignee.backup_person, last.assignee.backup_contact) == (
        "李工", LI.contact, "王师傅", WANG.contact,
    )  # fmt: skip
    assert [row.open_tickets for row in await directory.listed()] == [3, 0, 0]


async def opened(dispatcher: Dispatcher, number: int) -> TicketId:
    """Open a ticket of its own."""
    key = replace(OPEN.incident_key, value=f"SN-{number}")
    return await one(dispatcher, request(number, replace(OPEN, incident_key=key, source_no=f"C-{number}"), 0))


async def one(dispatcher: Dispatcher, asked: Request) -> TicketId:
    """Have a command accepted; gives its ticket."""
    (outcome,) = await dispatcher.dispatch([asked])
    assert not hasattr(outcome, "error"), outcome
    return TicketId(outcome.ticket_id)
