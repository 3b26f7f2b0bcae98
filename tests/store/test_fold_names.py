"""Names that an earlier version spelled otherwise are names of this one; open tickets that meet are listed."""

from dataclasses import replace

import pytest

from bus.domain import ticket_keys
from bus.domain.batch import Accepted, CommandResult
from bus.domain.terms import KeyKind, TicketId
from bus.domain.ticket_keys import KeyHolder
from bus.domain.values import Customer, IncidentKey
from bus.intake.dispatch import Dispatcher
from bus.journey.journey import JourneyParts, journey
from bus.postgres.fold_names import RULE, Meeting, fold_names, meetings
from bus.postgres.pool import Pool, connected
from bus.postgres.store import PostgresStore
from tests.databases import KEYS, clear_on
from tests.domain.people import MINUTE, RULES, START
from tests.store.contract_suite import fresh, opening

WINDOW = RULES.dedupe_window
FULL_WIDTH = "\uff33\uff2e\uff0d\uff21\uff11"


def _old_number(text: str) -> str:
    return "".join(text.split()).upper()


def _old_phone(text: str) -> str:
    digits = "".join(str(int(one)) for one in text if one.isdecimal())
    for prefix in ("0086", "86"):
        if digits.startswith(prefix) and len(digits) == len(prefix) + 11:
            return digits.removeprefix(prefix)
    return digits or _old_number(text)


@pytest.fixture
async def dispatcher(pool: Pool, postgres_store: PostgresStore) -> Dispatcher:
    """Dispatch into a database without tickets and with names of no rule yet, by the store as it is."""
    async with connected(pool) as connection:
        await connection.execute(
            b"TRUNCATE events, ticket_states, ticket_names, earlier_tickets, ticket_phones, commands, outbox,"
            b" names_spelled"
        )
    return Dispatcher(store=postgres_store, rules=RULES, now=lambda: START)


async def report(dispatcher: Dispatcher, kind: KeyKind, value: str) -> tuple[TicketId, CommandResult]:
    opened = replace(opening(), incident_key=IncidentKey(kind=kind, value=value), customer=Customer())
    (outcome,) = await dispatcher.dispatch([fresh(opened)])
    assert isinstance(outcome, Accepted)
    return outcome.ticket_id, outcome.answer


async def test_fold_names_names_of_an_earlier_version_take_reports_in_and_twins_are_listed(
    dispatcher: Dispatcher, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(ticket_keys, "plain_number", _old_number)
        before.setattr(ticket_keys, "plain_phone", _old_phone)
        wide, _ = await report(dispatcher, KeyKind.SERIAL, FULL_WIDTH)
        half, _ = await report(dispatcher, KeyKind.SERIAL, "SN-A1")
        order, _ = await report(dispatcher, KeyKind.ORDER, "O\u20147")
        desk, _ = await report(dispatcher, KeyKind.PHONE, "010-62176966")
        abroad, _ = await report(dispatcher, KeyKind.PHONE, "+86 10 62176966")
        assert len({wide, half, order, desk, abroad}) == 5
    monkeypatch.setattr("bus.postgres.fold_names.ROWS", 1)  # each step is a transaction
    for _ in range(2):  # repeating it changes nothing
        found = await fold_names(pool, KEYS, WINDOW)
        assert found == [Meeting("phone", (desk, abroad)), Meeting("serial", (wide, half))]
        assert desk in found[0].text.zh
    assert await report(dispatcher, KeyKind.ORDER, "o-7") == (order, CommandResult.JOINED)
    later = ((KeyKind.SERIAL, "sn-a1", {wide, half}), (KeyKind.PHONE, "0086-10-62176966", {desk, abroad}))
    for kind, value, twins in later:
        ticket_id, answer = await report(dispatcher, kind, value)
        assert answer is CommandResult.JOINED
        assert ticket_id in twins
    assert await serials(pool) == ["SN-A1"]


async def test_fold_names_is_done_once_a_rule_and_lists_what_is_open_still(
    dispatcher: Dispatcher, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(ticket_keys, "plain_phone", _old_phone)
        values = ("17951 010-62176966", "+86 10 62176966", "\u2068010-62176966\u2069 \uff08\u5bb6\uff09")
        twins = [(await report(dispatcher, KeyKind.PHONE, value))[0] for value in values]
    first = await fold_names(pool, KEYS, WINDOW)
    assert {(one.kind, *sorted(one.tickets)) for one in first} == {("phone", *sorted(twins))}
    assert (await report(dispatcher, KeyKind.PHONE, "010-62176966"))[1] is CommandResult.JOINED
    async with connected(pool) as connection:
        await connection.execute("INSERT INTO ticket_names VALUES ('serial', %s, %s, now())", (FULL_WIDTH, twins[0]))
        close = """UPDATE ticket_states SET state = jsonb_set(state, '{state}', '"closed"') WHERE ticket_id = %s"""
        await connection.execute(close, (twins[0],))
    (left,) = await fold_names(pool, KEYS, WINDOW)
    assert set(left.tickets) == set(twins[1:])
    assert FULL_WIDTH in await serials(pool)  # what is done is not done again
    monkeypatch.setattr("bus.postgres.fold_names.RULE", RULE + 1)
    await fold_names(pool, KEYS, WINDOW)
    assert await serials(pool) == ["SN-A1"]


async def test_fold_names_open_tickets_of_one_key_are_each_compared(dispatcher: Dispatcher, pool: Pool) -> None:
    opened = {}
    for at in (START - 60 * MINUTE, START):
        (outcome,) = await dispatcher.dispatch([fresh(opening("SN-EARLIER", opened_at=at))])
        opened[at] = outcome.ticket_id if isinstance(outcome, Accepted) else None
    async with connected(pool) as connection:
        await connection.execute(b"TRUNCATE earlier_tickets")  # as a version without the table leaves it
    await fold_names(pool, KEYS, WINDOW)
    for at, ticket_id in opened.items():
        (joined,) = await dispatcher.dispatch([fresh(opening("SN-EARLIER", opened_at=at + MINUTE))])
        assert isinstance(joined, Accepted)
        assert (joined.answer, joined.ticket_id) == (CommandResult.JOINED, ticket_id)


async def serials(pool: Pool) -> list[str]:
    async with connected(pool) as connection:
        rows = await connection.execute(b"SELECT value FROM ticket_names WHERE kind = 'serial'")
        return [value for (value,) in await rows.fetchall()]


async def test_fold_names_a_phone_stored_by_an_earlier_version_finds_its_ticket(
    dispatcher: Dispatcher, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(ticket_keys, "plain_phone", _old_phone)
        tickets = {
            (await report(dispatcher, KeyKind.PHONE, value))[0]: value
            for value in ("+86 571 8888 6666", "00852-2123-4567", "86-400-123-4567")
        }
    for ticket_id, typed in zip(tickets, ("0571-88886666", "+852 2123 4567", "400-1234567"), strict=True):
        found = await journey(pool, clear_on(pool), JourneyParts(records="x", stages={}), typed)
        assert found is not None
        assert found["ticket_id"] == ticket_id


async def test_fold_names_names_in_clear_are_sealed_in_todays_spelling(dispatcher: Dispatcher, pool: Pool) -> None:
    ticket_id, _ = await report(dispatcher, KeyKind.SERIAL, "SN-1")
    rows = b"INSERT INTO ticket_names VALUES ('phone', '01062176966', %s, now()), ('phone', '861062176966', %s, now())"
    phones = b"INSERT INTO ticket_phones VALUES ('01062176966', %s), ('861062176966', %s)"
    async with connected(pool) as connection:
        for statement in (rows, phones):
            await connection.execute(statement, (ticket_id, ticket_id))
        await KEYS.seal_names(connection)
        names = await (await connection.execute(b"SELECT value FROM ticket_names WHERE kind = 'phone'")).fetchall()
        found = await (await connection.execute(b"SELECT phone FROM ticket_phones")).fetchall()
    assert names == found[:1] == [(KEYS.lookup("1062176966"),)]


def test_fold_names_tickets_meet_within_the_window_of_the_one_before() -> None:
    holders = [KeyHolder(TicketId(f"T{i}"), START + MINUTE * at) for i, at in enumerate((40, 0, 10, 24, 90))]
    assert list(meetings("serial", holders, WINDOW)) == [
        Meeting("serial", (TicketId("T1"), TicketId("T2"), TicketId("T3")))
    ]
    assert list(meetings("serial", holders[:1], WINDOW)) == []
