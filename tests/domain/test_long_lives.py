"""Long lives of tickets: walks of mostly legal commands through every state, many times round, keep the invariants."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import get_args

import pytest

from bus.domain.batch import Accepted, Outcome
from bus.domain.closing_commands import ConfirmClosure, RequestClosure, Resolve
from bus.domain.commands import INSIDE, Assign, Command, OpenTicket, Pause, Start
from bus.domain.events import Event, ReportJoined
from bus.domain.inside_commands import BreachSla, EndAllowance, ExpireNextStep, WarnSla
from bus.domain.promise_events import SlaBreachWithdrawn
from bus.domain.terms import ClockName, State, Substate, TicketId, TicketStep, WaitingFor
from bus.domain.transitions import TRANSITIONS, legal_in
from bus.intake.memory_store import MemoryStore
from tests.domain.any_history import WAITS_S
from tests.domain.given import request
from tests.domain.invariants import everything_holds, numbering_dispatcher, promises_are_kept_or_told, whole_log
from tests.domain.people import (
    HOUR,
    MINUTE,
    OFFICE_RULES,
    OPEN,
    ROUTING_RULES,
    RULES,
    SAMPLES,
    START,
    WANG,
    ZHAO,
    with_allowances,
    with_steps,
)
from tests.domain.test_replan import LONGER
from tests.people import staff

STEPS = 200
LIVES = 40
ORDERS = {key: replace(one, types=()) for key, one in RULES.work_orders.items()}  # whatever the ticket is by now
# In many short waits a promise is spent in pieces, with pauses between them, before it falls due.
SOON = replace(
    ROUTING_RULES.closure, remind_after=(MINUTE, 2 * MINUTE), expires_after=HOUR, key=b"k"
)  # a request is followed up
ONWARD = (Assign, Start, Resolve, RequestClosure)
SHORT_S = [0, 60, 600, 1_800, 3_600, 5_400]


async def lived(store: MemoryStore, chance: Random) -> list[Outcome]:
    """Let two tickets live for a while."""
    files = chance.choice([(ROUTING_RULES, ROUTING_RULES), (OFFICE_RULES, LONGER)])
    orders = chance.choice([ORDERS, {}])
    promised, other = (
        replace(with_steps(with_allowances(one)), routing=ROUTING_RULES.routing, work_orders=orders, closure=SOON)
        for one in files
    )
    dispatcher = numbering_dispatcher(store, promised)
    store.people = {one.person: one for one in (staff.LI, staff.WANG)}
    openings = [replace(OPEN, source_no=n, incident_key=replace(OPEN.incident_key, value=n)) for n in ("C-1", "C-2")]
    outcomes = await dispatcher.dispatch([request(one, n) for n, one in enumerate(openings, start=1)])
    ids = [one.ticket_id for one in outcomes if isinstance(one, Accepted)]
    now = START
    waits_s = chance.choice([WAITS_S, SHORT_S])
    for number in range(3, STEPS):
        now += timedelta(seconds=chance.choice(waits_s))
        ticket_id = chance.choice(ids)
        ticket = await store.ticket(ticket_id)
        assert ticket
        command = any_next(chance, ticket.state)
        loaded = replace(dispatcher, rules=chance.choice([promised, other]))  # the files of this moment
        outcomes += await loaded.dispatch([request(command, number, at=now, ticket_id=TicketId(ticket_id))])
    return outcomes


def any_next(chance: Random, state: State) -> Command:
    """Give a command, mostly one that is legal in the state."""
    legal = [*legal_in(state), *(one for one in INSIDE if (state, one) in TRANSITIONS)]
    if chance.random() < 0.2:  # most commands lead nowhere: without these few tickets are ever closed
        legal = [one for one in ONWARD if one in legal] or legal
    kind = chance.choice(legal if chance.random() < 0.9 else [one for one in SAMPLES if one is not OpenTicket])
    match SAMPLES[kind]:
        case Assign() as assign:
            return replace(assign, assignee=chance.choice([WANG, ZHAO]))
        case Start() as start:
            return replace(start, substate=chance.choice(list(Substate)))
        case Pause() as pause:
            return replace(pause, waiting_for=chance.choice(list(WaitingFor)))
        case ConfirmClosure() as confirm:
            return replace(confirm, code=chance.choice(["", "000000", "000000"]))
        case WarnSla() | BreachSla() as alarm:
            return replace(alarm, clock=chance.choice(list(ClockName)))
        case EndAllowance() as end:
            return replace(end, waiting_for=chance.choice(list(WaitingFor)))
        case ExpireNextStep() as expire:
            return replace(expire, step=chance.choice(list(TicketStep)))
        case command:
            return command


@pytest.mark.parametrize("seed", range(LIVES))
def test_long_life_keeps_the_invariants_and_the_promises(seed: int) -> None:
    store = MemoryStore()
    outcomes = asyncio.run(lived(store, Random(seed)))  # noqa: S311 - a walk to be repeated, no secret
    everything_holds(store, outcomes)
    for events in store.log.values():
        promises_are_kept_or_told(events)


def test_long_lives_the_walks_meet_every_event() -> None:
    met: set[type] = set()
    for seed in range(30):
        store = MemoryStore()
        asyncio.run(lived(store, Random(seed)))  # noqa: S311 - as above
        met |= {type(recorded.event) for recorded in whole_log(store)}
    assert {event for event in get_args(Event) if event not in met} <= {
        ReportJoined,
        SlaBreachWithdrawn,
    }  # nothing is told late
