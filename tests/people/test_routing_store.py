"""Routing on PostgreSQL: fifty at once overfill nobody, history counts, the timer routes, by hand wins (R5, R15)."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bus.alerts.log_sink import log_alert
from bus.alerts.rules.unroutable import UNROUTABLE
from bus.domain.batch import Accepted, Outcome
from bus.domain.commands import Assign, Return, Start
from bus.domain.decided import Decided
from bus.domain.events import TicketAssigned, TicketReturned
from bus.domain.inside_commands import RouteTicket, WithdrawOffer
from bus.domain.people import Person, Skill
from bus.domain.routed import TicketRouted, Unfit
from bus.domain.routing_rules import RoutingMode, RoutingRules
from bus.domain.terms import BUS, State, Substate, TicketId
from bus.domain.ticket import Ticket
from bus.domain.values import Assignee
from bus.intake.dispatch import Dispatcher, utc_now
from bus.people.directory import Directory
from bus.postgres.pool import Pool, connected
from bus.postgres.staff import staff_for
from bus.postgres.store import PostgresStore
from bus.process.routing_process import ROUTING
from bus.process.timer import ProcessTimer
from bus.wire.event_reader import EventReader
from projections.read_models import TICKET_MODELS
from projections.store import ProjectionHandler
from tests.consistency.test_two_stores import request
from tests.databases import KEYS
from tests.domain.people import CLOSED, OPEN, REOPEN, RESOLVE, ROUTING_RULES, RULES
from tests.people.staff import LI, WANG, ZHAO
from tests.projections.told import records
from tests.schemas.codecs import CODEC
from tests.store.conftest import database, pool, postgres_store

__all__ = ["database", "pool", "postgres_store"]
MINUTE = timedelta(minutes=1)


class Routed:
    """A dispatcher that assigns, a directory, and tickets that count up."""

    def __init__(self, pool: Pool, store: PostgresStore) -> None:
        self.pool, self.store, self.number = pool, store, 0
        self.dispatcher = Dispatcher(store=store, rules=ROUTING_RULES)
        self.directory = Directory(pool=pool, keys=KEYS, encode=CODEC.encode_record, rules=RULES)

    async def staff(self, *people: Person) -> None:
        """Put people into the directory."""
        await self.directory.apply(people, Decided(by="张工", at=utc_now()))

    async def ask(self, command: Any, **own: Any) -> Outcome:
        """Ask one thing now."""
        self.number += 1
        now = utc_now()
        wanted = replace(request(self.number, command, 0), **{"at": now, "received_at": now, **own})
        return (await self.dispatcher.dispatch([wanted]))[0]

    async def opened(self, **own: Any) -> TicketId:
        """Open a ticket of its own."""
        key = replace(OPEN.incident_key, value=own.pop("serial", f"SN-{self.number}"))
        outcome = await self.ask(replace(OPEN, incident_key=key, source_no=f"C-{self.number}", **own))
        assert isinstance(outcome, Accepted)
        return outcome.ticket_id

    async def ticket(self, ticket_id: TicketId) -> Ticket:
        """Read a ticket as committed."""
        found = await self.store.ticket(ticket_id)
        assert found is not None
        return found

    async def table(self, ticket_id: TicketId) -> TicketRouted:
        """Read the last table of a ticket."""
        events = [one.event for one in await self.store.events(ticket_id)]
        return [one for one in events if isinstance(one, TicketRouted)][-1]

    @property
    def timer(self) -> ProcessTimer:
        """Make a timer; one is as good as another."""
        return ProcessTimer(manager=ROUTING, pool=self.pool, dispatch=self.dispatcher.dispatch, report=log_alert)


@pytest.fixture
async def bus(pool: Pool, postgres_store: PostgresStore) -> Routed:
    """Begin with an empty database."""
    tables = "people, outbox, ticket_states, ticket_names, commands, events, routing_turns, tickets, device_history"
    async with connected(pool) as connection:
        await connection.execute(f"TRUNCATE {tables} CASCADE".encode())
    return Routed(pool, postgres_store)


def by_bus(ticket_id: TicketId) -> Any:
    """Ask as the timer does."""
    return {"ticket_id": ticket_id, "actor": BUS, "source": "bus"}


async def test_routing_store_fifty_at_once_overfill_nobody_and_the_rest_has_its_reason(bus: Routed) -> None:
    await bus.staff(replace(LI, capacity=11), replace(WANG, capacity=13), replace(ZHAO, capacity=7))
    tickets = [await bus.opened() for _ in range(50)]
    outcomes: Sequence[Outcome] = await asyncio.gather(*(bus.ask(RouteTicket(), **by_bus(one)) for one in tickets))
    assert all(isinstance(one, Accepted) for one in outcomes)
    held = Counter([(await bus.ticket(one)).assignee.person for one in tickets])
    assert held == {"李工": 11, "王师傅": 13, "赵工": 7, "": 19}
    waiting = [one for one in tickets if (await bus.ticket(one)).state is State.PENDING]
    assert {(await bus.ticket(one)).routing.unroutable for one in waiting} == {"full"}
    async with connected(bus.pool) as connection:
        (alert,) = UNROUTABLE.evaluate(await UNROUTABLE.read(connection), utc_now())
    assert (alert.about, alert.facts["tickets"], "已满" in alert.zh) == ("hardware_fault 华东", 19, True)
    again = await bus.ask(RouteTicket(), **by_bus(waiting[0]))
    assert isinstance(again, Accepted)
    assert again.answer == "unchanged", "the same reasons are no event again"


async def test_routing_store_the_timer_assigns_retries_and_leaves_what_somebody_has(bus: Routed) -> None:
    await bus.staff(replace(LI, capacity=1), WANG, replace(ZHAO, regions=("华南",)))
    now = utc_now()
    by_hand, first = [await bus.opened() for _ in range(2)]
    elsewhere = await bus.opened(region="西南", skills=("compresor",))
    hand = Assignee(role="engineer", person="孙工", contact="801", backup_person="李工", backup_contact="802")
    await bus.ask(Assign(assignee=hand), ticket_id=by_hand)
    claimed = await asyncio.gather(*(bus.timer.fire(now) for _ in range(4)))
    assert sum(claimed) == 2
    assert (await bus.ticket(by_hand)).assignee.person == "孙工"
    assert [type(one.event) for one in await bus.store.events(first)][1:] == [TicketRouted, TicketAssigned]
    assert (await bus.ticket(elsewhere)).routing.unroutable == "region"
    async with connected(bus.pool) as connection:
        (alert,) = UNROUTABLE.evaluate(await UNROUTABLE.read(connection), now)
    assert alert.zh.endswith(";名录中无人有区域“西南”,是否指“华南”;名录中无人有技能“compresor”,是否指“compressor”")
    assert await bus.timer.fire(now + MINUTE / 2) == 0, "who suits nobody is tried again after a minute"
    assert await bus.timer.fire(now + MINUTE) == 1, "for the same reasons: no event"
    await bus.staff(replace(ZHAO, regions=("西南",), backup="王师傅", skills=(Skill(name="compresor", level=1),)))
    assert await bus.timer.fire(now + 2 * MINUTE) == 1
    assert (await bus.ticket(elsewhere)).assignee.person == "赵工"
    assert (await bus.ticket(elsewhere)).assigner == BUS
    assert await bus.timer.fire(now + 2.1 * MINUTE) == 0
    await bus.ask(Return(reason="缺配件"), ticket_id=elsewhere)
    assert await bus.timer.fire(now + 2.2 * MINUTE) == 1, "who comes back waits for no minute to pass"
    assert (await bus.ticket(elsewhere)).routing.unroutable == "region,sent_back"
    assert await bus.timer.fire(now + 2.3 * MINUTE) == 0


async def test_routing_store_a_ticket_that_is_taken_up_again_is_not_who_left_r6(bus: Routed) -> None:
    await bus.staff(LI, WANG)
    reopened, stays = await bus.opened(), await bus.opened()
    for ticket_id, person in ((reopened, "李工"), (stays, "孙工")):
        named = Assignee(role="engineer", person=person, contact="801", backup_person="王师傅", backup_contact="802")
        for one in (Assign(assignee=named), Start(substate=Substate.ON_SITE), RESOLVE):
            assert isinstance(await bus.ask(one, ticket_id=ticket_id), Accepted)
    await bus.directory.leave("李工", Decided(by="张工", at=utc_now()))
    for ticket_id in (reopened, stays):
        assert isinstance(await bus.ask(REOPEN, ticket_id=ticket_id, actor="王芳"), Accepted)
    ticket = await bus.ticket(reopened)
    assert (ticket.state, ticket.assignee.person, ticket.last_action) == (State.PENDING, "", "ticket.reopened")
    last = (await bus.store.events(reopened))[-1]
    assert isinstance(last.event, TicketReturned)
    assert (last.actor, last.event.previous_person, last.event.reason) == (BUS, "李工", "李工 已离岗 / has left")
    assert (await bus.ticket(stays)).assignee.person == "孙工", "whoever was never in the directory has not left it"


async def test_routing_store_who_had_the_device_and_solved_at_the_first_go_comes_first(bus: Routed) -> None:
    offering, assigning = replace(ROUTING_RULES, routing=RoutingRules(mode=RoutingMode.OFFER)), bus.dispatcher
    bus.dispatcher = Dispatcher(store=bus.store, rules=offering)
    await bus.staff(replace(LI, regions=("西南",)), WANG)
    missed, later = await bus.opened(serial="SN-OLD"), utc_now() + 60 * MINUTE
    await bus.ask(RouteTicket(), **by_bus(missed))
    await bus.ask(WithdrawOffer(), at=later, received_at=later, **by_bus(missed))
    assert (await bus.ticket(missed)).missed_claims == 1, "and that is no handler of it (R27)"
    bus.dispatcher = assigning
    await bus.staff(LI, WANG, ZHAO)
    for number in range(5):
        ticket_id = await bus.opened(serial="SN-OLD") if number else missed
        for command in CLOSED[1:]:
            one = Assign(assignee=replace(command.assignee, person="赵工")) if isinstance(command, Assign) else command
            assert isinstance(await bus.ask(one, ticket_id=ticket_id), Accepted), one
    new = await bus.opened(serial="sn-old")
    logs = [one for ticket_id in await _ids(bus) for one in await bus.store.events(ticket_id)]
    async with connected(bus.pool) as connection:
        for model in TICKET_MODELS.values():
            handler = ProjectionHandler(model, EventReader(decode=CODEC.decode))
            await handler.handle(connection, records(logs, topic="t", partitions=1))
    await bus.ask(RouteTicket(), **by_bus(new))
    table = await bus.table(new)
    assert [(one.person, one.device, one.first_fix, one.unfit) for one in table.ranking] == [
        ("赵工", 100, 100, None), ("李工", 0, 50, None), ("王师傅", 0, 50, None),
    ]  # fmt: skip
    async with connected(bus.pool) as connection:
        left = await bus.directory.leave("赵工", Decided(by="张工", at=utc_now()))
        assert left is not None
        staff = await staff_for(connection, KEYS, [(await bus.ticket(new), utc_now())], RULES.calendars)
    assert "赵工" not in staff.people, "who left is nobody's candidate"
    assert staff.loads["李工"].assigned_at is None


async def test_routing_store_suggests_and_assigns_nobody(bus: Routed) -> None:
    await bus.staff(LI, replace(WANG, types=("installation",)))
    rules = replace(RULES, routing=RoutingRules(types={"hardware_fault": RoutingMode.SUGGEST}))
    bus.dispatcher = Dispatcher(store=bus.store, rules=rules)
    ticket_id, other = await bus.opened(), await bus.opened(type="installation")
    now = utc_now()
    assert await bus.timer.fire(now) == 2
    ticket = await bus.ticket(ticket_id)
    assert (ticket.state, ticket.routing.suggested) == (State.PENDING, "李工")
    assert [(one.person, one.unfit) for one in (await bus.table(ticket_id)).ranking] == [
        ("李工", None), ("王师傅", Unfit.TYPE),
    ]  # fmt: skip
    assert (await bus.ticket(other)).version == 1
    assert await bus.timer.fire(now + MINUTE) == 2
    assert (await bus.ticket(ticket_id)).version == ticket.version, "a suggestion stands"


async def _ids(bus: Routed) -> list[TicketId]:
    async with connected(bus.pool) as connection:
        rows = await (await connection.execute("SELECT ticket_id FROM ticket_states ORDER BY 1")).fetchall()
    return [TicketId(ticket_id) for (ticket_id,) in rows]
