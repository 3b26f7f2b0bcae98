"""What every store owes the dispatcher, as tests: subclass `StoreContract` as `Test…` and give a `store` fixture."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import filterfalse
from typing import Any
from uuid import uuid4

import pytest

from bus.domain.batch import Accepted, BatchDecision, CommandResult, LoadedState, Outcome, ReadSet, Refused, wanted
from bus.domain.batch_decider import settle
from bus.domain.commands import Command, Note, OpenTicket, Request
from bus.domain.errors import BusError, InvariantBroken
from bus.domain.events import Recorded
from bus.domain.scope import Scope
from bus.domain.terms import CommandId, KeyKind, TicketId, TraceId
from bus.domain.text import is_blank
from bus.domain.ticket_keys import TicketKey, key_name, source_name, trace_key
from bus.domain.values import Customer, IncidentKey
from bus.intake.dispatch import Dispatcher, new_event_id
from bus.intake.store_port import Store
from tests.domain.any_value import AWKWARD
from tests.domain.given import request
from tests.domain.invariants import folded
from tests.domain.people import ASSIGN, OPEN, RESOLVE, RULES, START

PATIENCE_S = 120.0


def fresh(command: Command, **own: object) -> Request:
    """Wrap a command under an id of its own."""
    return request(command, uuid4().int, **own)


def opening(key: str = "", **own: Any) -> OpenTicket:
    """Report an incident that no other test knows of."""
    incident = IncidentKey(kind=KeyKind.SERIAL, value=key or uuid4().hex)
    return replace(OPEN, incident_key=incident, **{"source_no": uuid4().hex, **own})


class StoreContract:
    """The duties of `bus.intake.store_port.Store`."""

    @pytest.fixture
    def dispatcher(self, store: Store) -> Dispatcher:
        """Give a dispatcher on the store."""
        return Dispatcher(store=store, rules=RULES, now=lambda: START)

    async def opened(self, dispatcher: Dispatcher, command: OpenTicket | None = None) -> TicketId:
        """Open a ticket."""
        (outcome,) = await dispatcher.dispatch([fresh(command or opening())])
        assert isinstance(outcome, Accepted)
        assert outcome.answer is CommandResult.OPENED
        return outcome.ticket_id

    async def names(self, store: Store, *names: TicketKey) -> set[TicketKey]:
        """Ask which names are known."""
        asked = ReadSet(opening_names=(), names=tuple(sorted(names)), ticket_ids=(), command_ids=(), openings=())
        async with store.transaction() as tx:
            return {*(await tx.load(asked)).names}

    async def test_a_trace_that_is_another_ticket_s_is_not_taken_over(
        self, store: Store, dispatcher: Dispatcher
    ) -> None:
        trace = TraceId(uuid4().hex)
        first, second, later = (fresh(opening(), trace_id=trace) for _ in range(3))
        told = [*await dispatcher.dispatch([first, second]), *await dispatcher.dispatch([later])]
        traces = [getattr(one, "trace_id", None) for one in told]
        assert traces == [trace, second.command_id.hex, later.command_id.hex]
        for one in told:
            assert isinstance(one, Accepted)
            [event] = await store.events(one.ticket_id)
            assert event.trace_id == one.trace_id

    async def test_openings_at_once_with_one_trace_have_traces_of_their_own(
        self, store: Store, dispatcher: Dispatcher
    ) -> None:
        trace = TraceId(uuid4().hex)
        nobody = Customer()  # else its phone is what the openings wait for
        openings = [[fresh(opening(customer=nobody), trace_id=trace)] for _ in range(8)]
        traces = [one.trace_id for one in await at_once(dispatcher, openings)]
        assert (len({*traces}), traces.count(trace), await self.names(store, trace_key(trace))) == (8, 1, set())

    async def test_a_scope_holds_on_the_loaded_ticket(self, store: Store, dispatcher: Dispatcher) -> None:
        command = opening()
        ticket_id = await self.opened(dispatcher, command)
        own, other = Scope(source="crm"), Scope(source="erp")

        async def noted(scope: Scope, **named: Any) -> Outcome:
            (outcome,) = await dispatcher.dispatch([fresh(Note(text="x"), scope=scope, **named)])
            return outcome

        assert isinstance(await noted(own, ticket_id=ticket_id), Accepted)
        refused = await noted(other, ticket_id=ticket_id)
        assert isinstance(refused, Refused)
        assert refused.error.code == "not_yours"
        assert not await store.reported(ticket_id, "erp")
        report = replace(command, source_no="E-1")
        (joined,) = await dispatcher.dispatch([fresh(report, source="erp", scope=other)])
        assert isinstance(joined, Accepted)
        assert joined.ticket_id == ticket_id
        assert isinstance(await noted(other, ticket_id=ticket_id), Accepted)
        assert isinstance(await noted(other, source="erp", source_no="E-1"), Accepted)
        assert await store.reported(ticket_id, "erp")
        assert await store.reported(ticket_id, "crm")

    async def test_events_come_in_pages_by_number_and_by_bytes(self, store: Store, dispatcher: Dispatcher) -> None:
        ticket_id = await self.opened(dispatcher)
        notes = [fresh(Note(text=f"{n} " + "长" * 2_000), ticket_id=ticket_id) for n in range(6)]
        await dispatcher.dispatch(notes)
        whole, pages, after = await store.events(ticket_id), list[int](), 0
        found = list[Recorded]()
        while True:
            page = await store.events_page(ticket_id, after=after, most=3)
            assert page is not None
            assert page.trace_id == whole[0].trace_id
            found += page.events
            pages.append(len(page.events))
            if page.following is None:
                break
            after = page.following
        assert (found, pages) == (list(whole), [3, 3, 1])
        assert list(await store.events(ticket_id, after=2, until=4)) == list(whole[2:4])
        small = await store.events_page(ticket_id, after=1, most=6, bytes_max=1)
        assert small is not None
        assert ([one.version for one in small.events], small.following) == ([2], 2)
        beyond = await store.events_page(ticket_id, after=99, most=6)
        assert beyond is not None
        assert (len(beyond.events), beyond.following) == (0, None)
        assert await store.events_page(TicketId("T20000101-000001"), after=0, most=1) is None

    async def consistent(self, store: Store, ticket_id: TicketId) -> int:
        """Check that a ticket's state is the fold of its events; give how many there are."""
        events = await store.events(ticket_id)
        assert folded(events) == await store.ticket(ticket_id)
        return len(events)

    async def test_what_was_appended_is_read_back(self, store: Store, dispatcher: Dispatcher) -> None:
        ticket_id = await self.opened(dispatcher)
        outcomes = await dispatcher.dispatch([fresh(one, ticket_id=ticket_id) for one in (ASSIGN, Note(text="早上来"))])
        assert [one.version for one in outcomes if isinstance(one, Accepted)] == [2, 3]
        assert await self.consistent(store, ticket_id) == 3

    async def test_nothing_is_known_of_a_ticket_that_is_not_there(self, store: Store) -> None:
        assert await store.ticket(TicketId("T20000101-000001")) is None
        assert list(await store.events(TicketId("T20000101-000001"))) == []

    async def test_awkward_texts_are_kept_as_they_are(self, store: Store, dispatcher: Dispatcher) -> None:
        for text in filterfalse(is_blank, AWKWARD):
            ticket_id = await self.opened(dispatcher, opening(title=text, description=text, region=text))
            ticket = await store.ticket(ticket_id)
            assert ticket
            assert (ticket.title, ticket.region) == (text, text)
            await self.consistent(store, ticket_id)

    async def test_a_refusal_refuses_its_own_command_alone(self, store: Store, dispatcher: Dispatcher) -> None:
        ticket_id = await self.opened(dispatcher)
        batch = [fresh(one, ticket_id=ticket_id) for one in (RESOLVE, ASSIGN, replace(RESOLVE, photos=()))]
        outcomes = await dispatcher.dispatch(batch)
        assert [type(one) for one in outcomes] == [Refused, Accepted, Refused]
        assert await self.consistent(store, ticket_id) == 2

    async def test_a_transaction_that_fails_leaves_nothing_behind(self, store: Store, dispatcher: Dispatcher) -> None:
        command = opening()
        one = fresh(command)
        settled = BatchDecision()

        async def append_and_fail() -> None:
            nonlocal settled
            async with store.transaction() as tx:
                loaded = await tx.load(wanted([one], RULES))
                settled = settle([one], loaded, rules=RULES, recorded_at=START, new_event_id=new_event_id)
                await tx.append(settled)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await append_and_fail()
        (recorded,) = settled.events
        assert await store.ticket(recorded.ticket_id) is None
        assert not await store.events(recorded.ticket_id)
        assert await self.names(store, key_name(command)) == set()
        (outcome,) = await dispatcher.dispatch([one])
        assert isinstance(outcome, Accepted)
        assert (outcome.answer, outcome.repeated) == (CommandResult.OPENED, False)

    async def test_fifty_reports_at_once_have_one_master(self, store: Store, dispatcher: Dispatcher) -> None:
        key = uuid4().hex
        reports = [opening(key) for _ in range(50)]
        requests = [fresh(report) for report in reports]
        outcomes = await at_once(dispatcher, [[one] for one in requests])
        assert Counter(outcome.answer for outcome in outcomes) == {CommandResult.OPENED: 1, CommandResult.JOINED: 49}
        (ticket_id,) = {outcome.ticket_id for outcome in outcomes}
        assert await self.consistent(store, ticket_id) == 50
        assert sorted(outcome.version for outcome in outcomes) == list(range(1, 51))
        sources = [source_name(one.source, report.source_no) for one, report in zip(requests, reports, strict=True)]
        assert await self.names(store, *sources) == {*sources}

    async def test_openings_at_once_have_numbers_of_their_own(self, dispatcher: Dispatcher) -> None:
        outcomes = await at_once(dispatcher, [[fresh(opening())] for _ in range(30)])
        assert len({outcome.ticket_id for outcome in outcomes}) == 30

    async def test_commands_at_once_on_one_ticket_follow_each_other(self, store: Store, dispatcher: Dispatcher) -> None:
        ticket_id = await self.opened(dispatcher)
        notes = [[fresh(Note(text=str(n)), ticket_id=ticket_id)] for n in range(40)]
        outcomes = await at_once(dispatcher, notes)
        assert sorted(outcome.version for outcome in outcomes) == list(range(2, 42))
        assert await self.consistent(store, ticket_id) == 41

    async def test_one_command_sent_many_times_at_once_has_one_effect(
        self, store: Store, dispatcher: Dispatcher
    ) -> None:
        command = fresh(opening())
        outcomes = await at_once(dispatcher, [[command, command] for _ in range(10)])
        assert Counter(outcome.repeated for outcome in outcomes) == {False: 1, True: 19}
        assert len({(outcome.ticket_id, outcome.answer, outcome.version) for outcome in outcomes}) == 1
        assert await self.consistent(store, outcomes[0].ticket_id) == 1

    async def test_one_id_for_two_incidents_at_once_opens_one_and_refuses_the_other(
        self, dispatcher: Dispatcher
    ) -> None:
        for _ in range(10):
            command_id = CommandId(uuid4())
            pair = [[fresh(opening(), command_id=command_id)] for _ in range(2)]
            outcomes = [outcome for (outcome,) in await gathered(dispatcher, pair)]
            assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Accepted", "Refused"]

    async def test_a_version_that_is_taken_breaks_an_invariant(self, store: Store, dispatcher: Dispatcher) -> None:
        ticket_id = await self.opened(dispatcher)
        (recorded,) = await store.events(ticket_id)
        again = replace(recorded, event_id=new_event_id(), command_id=CommandId(uuid4()))
        with pytest.raises(InvariantBroken):
            async with store.transaction() as tx:
                await tx.append(BatchDecision(events=[again]))
        assert list(await store.events(ticket_id)) == [recorded]

    async def test_a_command_applied_twice_breaks_an_invariant(self, store: Store, dispatcher: Dispatcher) -> None:
        first, second = fresh(opening()), fresh(opening())
        await dispatcher.dispatch([first])
        same = replace(second, command_id=first.command_id)
        unaware = LoadedState(tickets={}, names={}, done={}, numbers=[999_999])
        settled = settle([same], unaware, rules=RULES, recorded_at=START, new_event_id=new_event_id)
        with pytest.raises(BusError):
            async with store.transaction() as tx:
                await tx.append(settled)
        assert not await store.events(settled.events[0].ticket_id)

    async def test_batches_over_the_same_tickets_in_any_order_never_wait_for_each_other_in_a_ring(
        self, store: Store, dispatcher: Dispatcher
    ) -> None:
        ids = [await self.opened(dispatcher) for _ in range(6)]
        rounds = 15
        for _ in range(rounds):
            batches = [[fresh(Note(text="."), ticket_id=one) for one in order] for order in (ids, ids[::-1]) * 2]
            await at_once(dispatcher, batches)
        assert {await self.consistent(store, one) for one in ids} == {1 + 4 * rounds}

    async def test_openings_of_the_same_keys_in_any_order_never_wait_in_a_ring(self, dispatcher: Dispatcher) -> None:
        for _ in range(15):
            keys = [uuid4().hex for _ in range(6)]
            outcomes = await at_once(
                dispatcher, [[fresh(opening(key)) for key in order] for order in (keys, keys[::-1]) * 2]
            )
            assert Counter(one.answer for one in outcomes) == {CommandResult.OPENED: 6, CommandResult.JOINED: 18}

    async def test_an_opening_that_is_refused_leaves_no_name(self, store: Store, dispatcher: Dispatcher) -> None:
        command = opening(title="")
        (outcome,) = await dispatcher.dispatch([fresh(command)])
        assert isinstance(outcome, Refused)
        assert await self.names(store, key_name(command), source_name("crm", command.source_no)) == set()
        await self.opened(dispatcher, replace(command, title="冰箱不制冷"))

    async def test_who_waited_for_a_name_that_was_not_taken_may_take_it(self, dispatcher: Dispatcher) -> None:
        for _ in range(10):
            key = uuid4().hex
            refused = [[fresh(opening(key, title=""))] for _ in range(4)]
            outcomes = await gathered(dispatcher, [*refused, [fresh(opening(key))], *refused])
            assert Counter(type(one).__name__ for (one,) in outcomes) == {"Accepted": 1, "Refused": 8}


async def gathered(dispatcher: Dispatcher, batches: Sequence[Sequence[Request]]) -> list[list[Outcome]]:
    """Dispatch batches at once; a ring of waits would end in TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.gather(*(dispatcher.dispatch(batch) for batch in batches))


async def at_once(dispatcher: Dispatcher, batches: Sequence[Sequence[Request]]) -> list[Accepted]:
    """Dispatch batches at once, all of which are accepted."""
    outcomes = [outcome for batch in await gathered(dispatcher, batches) for outcome in batch]
    accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    assert len(accepted) == len(outcomes)
    return accepted
