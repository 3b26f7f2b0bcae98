"""Keys of personal texts: whose they are, what an erasure takes, and what stays (R50)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bus.app import Core, NotConfigured, open_core
from bus.domain.batch import Accepted
from bus.domain.errors import InvariantBroken
from bus.domain.terms import KeyKind, TicketId
from bus.domain.values import Customer, IncidentKey
from bus.local.stack import Urls
from bus.postgres.personal_keys import Reader
from bus.postgres.pool import connected, in_transaction
from bus.postgres.retention import delete_batch
from bus.privacy.erase import Erasure, NotErased, erase
from bus.wire.sealing import ERASED
from deadletter import store as letters
from deadletter.dead_letter import Decision, LetterKept
from tests.bus_under_test import Bus, bus_on
from tests.consistency.test_two_stores import opening, request
from tests.domain.people import CLOSED
from tests.privacy.test_privacy_cli import refused

PHONE = "13800004713"
NOW = datetime.now(UTC)
LONG_CLOSED = """
UPDATE ticket_states SET state = jsonb_set(state, '{closed_at}', '"2020-01-01T00:00:00Z"') WHERE ticket_id = %s"""
OF_INPUTS = "SELECT count(*) FROM personal_keys WHERE about = 'input' AND wrapped IS NOT NULL"


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    with bus_on(parts, tmp_path_factory.mktemp("keys"), database_kept=False) as made:
        yield made


@pytest.fixture
async def core(bus: Bus) -> AsyncIterator[Core]:
    async with bus.core() as opened:
        yield opened


async def opened(core: Core, number: int, phone: str = PHONE) -> TicketId:
    """Open a ticket of a customer; gives its number."""
    command = replace(opening(number), customer=Customer(name="李女士", phone=phone))
    (outcome,) = await core.dispatcher.dispatch([request(number, command, 0)])
    assert isinstance(outcome, Accepted)
    return outcome.ticket_id


async def phone_of(core: Core, ticket_id: TicketId) -> str:
    """Read a ticket's phone as whoever may see it."""
    ticket = await core.store.ticket(ticket_id)
    assert ticket is not None
    return (await core.clear.of_ticket(ticket)).customer.phone


async def test_keys_of_another_master_key_are_refused_at_the_start(bus: Bus) -> None:
    async with bus.core() as core, connected(core.pool) as connection:
        await core.keys.check(connection, begin=True)
        await core.keys.check(connection, begin=True)
    for wrong, error in (("x" * 43, InvariantBroken), ("short", NotConfigured)):
        settings = type(bus.settings).model_validate({**bus.settings.model_dump(), "master_key": wrong})
        with pytest.raises(error, match="TICKETBUS_MASTER_KEY"):
            async with open_core(settings):
                pass


async def test_keys_that_were_made_after_an_erasure_stay_when_it_is_told_again(core: Core) -> None:
    ticket_id = await opened(core, 1)
    async with connected(core.pool) as connection:
        await core.keys.destroy_made_before(connection, {ticket_id: NOW - timedelta(days=1)})
    assert await phone_of(core, ticket_id) == PHONE
    async with connected(core.pool) as connection:
        await core.keys.destroy_made_before(connection, {ticket_id: datetime.now(UTC) + timedelta(days=1)})
    assert await phone_of(core, ticket_id) == ERASED


async def test_keys_that_are_asked_for_at_once_are_one_query_and_as_they_are_when_asked(core: Core) -> None:
    tickets = [await opened(core, 500 + number) for number in range(8)]
    sealed = [ticket for ticket_id in tickets if (ticket := await core.store.ticket(ticket_id))]
    queries = core.pool.get_stats()["requests_num"]
    shown = await asyncio.gather(*map(core.clear.of_ticket, sealed))
    assert [one.customer.phone for one in shown] == [PHONE] * 8
    assert core.pool.get_stats()["requests_num"] == queries + 1
    async with connected(core.pool) as connection:
        await core.keys.destroy(connection, tickets[:1])
    shown = await asyncio.gather(*map(core.clear.of_ticket, sealed))
    assert [one.customer.phone for one in shown] == [ERASED, *[PHONE] * 7]


async def test_keys_of_a_ticket_without_sealed_texts_take_no_connection(core: Core) -> None:
    ticket = await core.store.ticket(await opened(core, 510))
    assert ticket is not None
    clear = await core.clear.of_ticket(ticket)
    queries = core.pool.get_stats()["requests_num"]
    assert await core.clear.of_ticket(clear) == clear
    assert core.pool.get_stats()["requests_num"] == queries


async def test_keys_whoever_gives_up_waiting_for_them_takes_them_from_nobody(core: Core) -> None:
    ticket = await core.store.ticket(await opened(core, 511))
    assert ticket is not None
    first, second = (asyncio.create_task(core.clear.of_ticket(ticket)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).customer.phone == PHONE
    assert first.cancelled()


async def test_keys_that_are_destroyed_leave_no_phone_among_earlier_tickets(core: Core) -> None:
    key = IncidentKey(kind=KeyKind.PHONE, value=PHONE)
    tickets = list[TicketId]()
    for minute in (120, 0):
        (outcome,) = await core.dispatcher.dispatch(
            [request(2, replace(opening(2 + minute), incident_key=key), minute)]
        )
        assert isinstance(outcome, Accepted)
        tickets.append(outcome.ticket_id)
    held = "SELECT ticket_id FROM earlier_tickets WHERE ticket_id = ANY(%s)"
    async with connected(core.pool) as connection:
        assert await (await connection.execute(held, (tickets,))).fetchall() == [(tickets[1],)]
        await core.keys.destroy(connection, tickets)
        assert await (await connection.execute(held, (tickets,))).fetchall() == []


async def test_keys_of_a_letter_that_was_erased_are_gone_and_it_is_not_sent_again(core: Core) -> None:
    await core.refused.keep([replace(refused(1, PHONE.encode()), heard=False, origin="commands")])
    decision = Decision(by="张工", why="再试", at=NOW)
    async with connected(core.pool) as connection:
        ((number, body),) = await (await connection.execute("SELECT id, value FROM letters")).fetchall()
        assert await core.keys.opened_inputs(connection, [body]) == [PHONE.encode()]
        await core.keys.destroy_inputs(connection, [body])
    with pytest.raises(LetterKept, match="erased"):
        await in_transaction(core.pool, letters.retry, [number], decision, core.codec.encode_record, core.keys)


async def test_keys_an_erasure_that_ends_half_way_is_found_again_and_its_inputs_with_it(core: Core) -> None:
    phone = "13800004714"
    ticket_id = await opened(core, 3, phone)
    for minute, command in enumerate(CLOSED[1:], start=1):
        await core.dispatcher.dispatch([request(3, command, minute)])
    await core.refused.keep([refused(3, phone.encode(), ticket_id)])

    async def killed(_requests: object) -> list[Accepted]:
        raise KeyboardInterrupt

    erasure = Erasure(by="张工", why="客户要求", at=NOW)
    with pytest.raises(NotErased):
        await erase(core.pool, core.clear, killed, phone, replace(erasure, why=f"{phone} 要求"))
    with pytest.raises(KeyboardInterrupt):
        await erase(core.pool, core.clear, killed, phone, erasure)
    held = await erase(core.pool, core.clear, core.dispatcher.dispatch, phone, erasure)
    assert held.tickets == [ticket_id]
    assert await phone_of(core, ticket_id) == ERASED
    async with connected(core.pool) as connection:
        query = "SELECT body FROM refused_inputs WHERE ticket_id = %s"
        bodies = [body for (body,) in await (await connection.execute(query, (ticket_id,))).fetchall()]
        assert await core.keys.opened_inputs(connection, bodies) == [ERASED.encode()]


async def test_keys_a_reader_is_on_record_once_a_day_and_ticket(core: Core) -> None:
    ticket_id = await opened(core, 5)
    ticket = await core.store.ticket(ticket_id)
    for _ in range(3):
        (shown,) = await core.keys.shown(core.pool, [(ticket_id, ticket)], Reader(client="c", person="王磊", at=NOW))
        assert shown is not None
        assert shown.customer.phone == PHONE
    async with connected(core.pool) as connection:
        query = "SELECT client, person, times FROM personal_reads WHERE what = %s"
        assert await (await connection.execute(query, (ticket_id,))).fetchall() == [("c", "王磊", 3)]


async def test_keys_end_three_years_after_the_ticket_was_closed_and_not_before(core: Core) -> None:
    closed, still_open = await opened(core, 6), await opened(core, 7)
    for minute, command in enumerate(CLOSED[1:], start=1):
        await core.dispatcher.dispatch([request(6, command, minute)])
    async with connected(core.pool) as connection:
        await connection.execute(
            "UPDATE personal_keys SET made_at = now() - interval '4 years' WHERE about <> 'master'"
        )
        await connection.execute(LONG_CLOSED, (closed,))
    while await delete_batch(core.pool, "personal_keys", 1095):
        pass
    assert [await phone_of(core, one) for one in (closed, still_open)] == [ERASED, PHONE]
    async with connected(core.pool) as connection:
        assert await (await connection.execute(OF_INPUTS)).fetchall() == [(0,)]
