"""Offers on PostgreSQL: each ends once, whichever timers look, die or run ahead, and goes on to the next (R5, R9)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bus.alerts.log_sink import log_alert
from bus.domain.batch import Accepted, Outcome, Refused
from bus.domain.collaborator_commands import AddCollaborator
from bus.domain.commands import Accept, Request
from bus.domain.events import Recorded, TicketAssigned, TicketReturned
from bus.domain.routed import TicketRouted
from bus.domain.routing_rules import RoutingMode, RoutingRules
from bus.domain.terms import State
from bus.intake.dispatch import Dispatcher, utc_now
from bus.postgres.pool import connected
from bus.postgres.routing_events import FairnessReader
from bus.process.offer_process import OFFERS
from bus.process.process_manager import ProcessManager
from bus.process.routing_process import ROUTING
from bus.process.timer import ProcessTimer
from tests.domain.people import HOUR, RULES
from tests.people.staff import LI, WANG, ZHAO
from tests.people.test_routing_store import Routed, bus
from tests.schemas.codecs import CODEC
from tests.store.conftest import database, pool, postgres_store

__all__ = ["bus", "database", "pool", "postgres_store"]
WITHIN = timedelta(minutes=10)
OFFERING = replace(RULES, routing=RoutingRules(mode=RoutingMode.OFFER, claim_within=WITHIN))
SECOND = timedelta(seconds=1)


class Killed(BaseException):
    """What ends a worker where it stands."""


def timer(bus: Routed, manager: ProcessManager, dispatch: Any = None) -> ProcessTimer:
    """Make a timer, as each worker has one."""
    return ProcessTimer(manager=manager, pool=bus.pool, dispatch=dispatch or bus.dispatcher.dispatch, report=log_alert)


async def test_offer_store_each_end_comes_once_and_the_ticket_goes_on_until_somebody_claims_it(bus: Routed) -> None:
    bus.dispatcher = Dispatcher(store=bus.store, rules=OFFERING)
    await bus.staff(LI, WANG, ZHAO)
    first, claimed = await bus.opened(), await bus.opened()
    now = utc_now()
    assert await timer(bus, ROUTING).fire(now) == 2
    had = (await bus.ticket(first)).assignee.person
    assert isinstance(await bus.ask(Accept(), ticket_id=claimed), Accepted)
    assert await timer(bus, OFFERS).fire(now + WITHIN - SECOND) == 0, "never early"
    assert await timer(bus, OFFERS).fire(now - 2 * HOUR) == 0, "nor by a clock that is behind"

    async def dies(requests: Sequence[Request]) -> Sequence[Outcome]:
        raise Killed(requests)

    late = now + WITHIN + SECOND
    with pytest.raises(Killed):
        await timer(bus, OFFERS, dies).fire(late)
    assert (await bus.ticket(first)).state is State.ASSIGNED
    # The one that died, three others at once, and one whose clock is two hours ahead.
    ends = [timer(bus, OFFERS).fire(at) for at in (late, late, late, late + 2 * HOUR)]
    assert sum(await asyncio.gather(*ends)) >= 1
    assert (await bus.ticket(first)).state is State.PENDING
    await asyncio.gather(*(timer(bus, ROUTING).fire(at) for at in (late, late)))
    events = [one.event for one in await bus.store.events(first)]
    assert [type(one) for one in events][1:] == [
        TicketRouted, TicketAssigned, TicketReturned, TicketRouted, TicketAssigned,
    ]  # fmt: skip
    ticket = await bus.ticket(first)
    assert ticket.assignee.person not in ("", had)
    assert (ticket.state, ticket.missed_claims, ticket.routing.missed_by) == (State.ASSIGNED, 1, (had,))
    assert (await bus.ticket(claimed)).state is State.ASSIGNED
    assert isinstance(await bus.ask(Accept(), ticket_id=first), Accepted)
    assert await timer(bus, OFFERS).fire(late + 9 * HOUR) == 0, "what is claimed has no end"
    assert (await bus.ticket(first)).missed_claims == 0

    wanted = AddCollaborator(person="赵公", part="制冷回路")
    refused = await bus.ask(wanted, ticket_id=first)
    assert isinstance(refused, Refused)
    assert refused.error.context["nearest"] == "赵工"
    helper = had  # who missed the offer has a part after all
    assert isinstance(await bus.ask(replace(wanted, person=helper), ticket_id=first), Accepted)
    assert [one.person for one in (await bus.ticket(first)).collaborators] == [helper]

    at_once, sizes = [0, 0], list[int]()

    async def read(values: Sequence[bytes]) -> Sequence[Recorded]:
        at_once[0] += 1
        at_once[1] = max(at_once)
        sizes.append(len(values))
        async with connected(bus.pool) as connection:  # a while in which the other request could come in between
            await connection.execute("SELECT 1")
        at_once[0] -= 1
        return [CODEC.decode(one) for one in values]

    by_page = FairnessReader(pool=bus.pool, read=read, page=4)
    found, same = await asyncio.gather(*(by_page.shares(now - HOUR) for _ in range(2)))
    assert (found, at_once[1], sizes) == (same, 1, [4, 2, 4, 2]), "page by page, one request at a time"
    assert sum(one.assigned for one in found) == 3, "two tickets, one of them given on"
    assert sum(one.fitting for one in found) == 3 + 3 + 2
    assert await by_page.shares(now + HOUR) == []


async def test_offer_store_an_offer_that_stands_when_routing_is_switched_off_is_taken_back(bus: Routed) -> None:
    bus.dispatcher = Dispatcher(store=bus.store, rules=OFFERING)
    await bus.staff(LI, WANG)
    ticket_id, now = await bus.opened(), utc_now()
    assert await timer(bus, ROUTING).fire(now) == 1
    assert (await bus.ticket(ticket_id)).state is State.ASSIGNED
    bus.dispatcher = Dispatcher(store=bus.store, rules=RULES)
    assert await timer(bus, OFFERS).fire(now + WITHIN + SECOND) == 1
    ticket = await bus.ticket(ticket_id)
    assert (ticket.state, ticket.assignee.person, ticket.missed_claims) == (State.PENDING, "", 1)
