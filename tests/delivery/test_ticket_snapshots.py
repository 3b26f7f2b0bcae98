"""A ticket as an event left it, whatever was asked before, and at the cost of what is new."""

import asyncio
from dataclasses import replace

import pytest

from bus.delivery.target import Call
from bus.delivery.ticket_snapshots import TicketSnapshots
from bus.domain.commands import Accept, Note
from bus.domain.errors import StoreUnavailable
from bus.domain.events import Recorded, TicketAssigned
from bus.domain.evolve import evolve
from bus.domain.ticket import Ticket
from bus.intake.memory_store import MemoryStore
from tests.domain.given import given
from tests.domain.people import ASSIGN, OPEN


async def test_ticket_snapshots_it_is_the_fold_up_to_the_event_in_whatever_order_it_is_asked() -> None:
    store, events = MemoryStore(), given(OPEN, ASSIGN, Accept(), Note(text="已联系客户")).log
    store.log[events[0].ticket_id] = list(events)
    folds, ticket = [], None
    for one in events:
        ticket = evolve(ticket, one)
        folds.append(ticket)
    tickets = TicketSnapshots(store, as_it_is)
    for version in (1, 2, 2, 3, 1, len(events), 3):
        assert await tickets.ticket_at(call(events[version - 1])) == folds[version - 1]


async def test_ticket_snapshots_a_mended_copy_changes_no_history() -> None:
    store, events = MemoryStore(), given(OPEN, ASSIGN).log
    store.log[events[0].ticket_id] = list(events)
    tickets = TicketSnapshots(store, as_it_is)
    opened = await tickets.ticket_at(call(events[0]))
    event = events[1].event
    assert isinstance(event, TicketAssigned)
    wrong = replace(events[1], event=replace(event, reason="改过"))
    assert await tickets.ticket_at(call(wrong, mended=True)) == evolve(opened, events[1])


async def test_ticket_snapshots_a_store_that_does_not_answer_holds_up_no_call_beyond_its_time() -> None:
    async def never(_: Ticket) -> Ticket:
        await asyncio.Event().wait()
        raise AssertionError

    store, events = MemoryStore(), given(OPEN).log
    store.log[events[0].ticket_id] = list(events)
    async with asyncio.timeout(20):
        with pytest.raises(StoreUnavailable, match="not read in time"):
            await TicketSnapshots(store, never).ticket_at(replace(call(events[0]), within_s=0.01))


async def as_it_is(ticket: Ticket) -> Ticket:
    return ticket


def call(event: Recorded, *, mended: bool = False) -> Call:
    return Call(event=event, key="k", attempt=1, within_s=1.0, traceparent="", mended=mended)
