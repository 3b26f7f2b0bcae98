"""The SLA timer on a real database: once, never early, whoever rings."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from bus.domain.batch_decider import Accepted, Outcome
from bus.domain.commands import Accept, BreachSla, Command, Request, WarnSla
from bus.domain.errors import StoreUnavailable
from bus.domain.events import Event, SlaBreached, SlaWarned, TicketEscalated
from bus.domain.terms import ClockName, TicketId
from bus.intake.dispatch import Dispatcher
from bus.intake.memory_store import MemoryStore
from bus.postgres.pool import connected
from bus.wire.event_reader import EventReader
from projections.sla_clocks import SLA_CLOCKS
from projections.sla_timer import LEASE, SlaTimer
from projections.store import ProjectionHandler
from tests.domain.given import request
from tests.domain.people import ASSIGN, MINUTE, OPEN, RULES, START
from tests.projections.told import CODEC, records
from tests.stage.rig import Rig

SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Desk:
    """A store to decide against, and the clocks kept from what it says."""

    rig: Rig
    store: MemoryStore = field(default_factory=MemoryStore)
    asked: list[Request] = field(default_factory=list)
    ticket_id: TicketId | None = None
    told: int = 0

    @property
    def timer(self) -> SlaTimer:
        """Make a timer; one is as good as another."""
        return SlaTimer(pool=self.rig.pool, dispatch=self.dispatch)

    async def dispatch(self, requests: Sequence[Request]) -> list[Outcome]:
        """Decide, and remember what was asked."""
        self.asked += requests
        return await Dispatcher(store=self.store, rules=RULES).dispatch(requests)

    async def want(self, command: Command, at: datetime = START, **own: object) -> None:
        """Let a command happen."""
        number = 1000 + sum(map(len, self.store.log.values()))
        wanted = request(command, number, at=at, ticket_id=self.ticket_id, **own)
        (outcome,) = await Dispatcher(store=self.store, rules=RULES).dispatch([wanted])
        assert isinstance(outcome, Accepted)
        self.ticket_id = outcome.ticket_id

    async def project(self) -> None:
        """Tell the clocks all that happened."""
        events = [recorded for log in self.store.log.values() for recorded in log]
        async with connected(self.rig.pool) as connection:
            handler = ProjectionHandler(SLA_CLOCKS, EventReader(decode=CODEC.decode))
            await handler.handle(connection, records(events, topic="t", partitions=1))

    @property
    def said(self) -> list[type[Event]]:
        """List the promises' own events."""
        own = (SlaWarned, SlaBreached, TicketEscalated)
        return [type(r.event) for log in self.store.log.values() for r in log if isinstance(r.event, own)]


@pytest.fixture
async def desk(rig: Rig) -> Desk:
    """Give a desk with one assigned ticket."""
    desk = Desk(rig)
    await desk.want(OPEN)
    await desk.want(ASSIGN)
    await desk.project()
    return desk


async def test_sla_timer_it_warns_at_80_percent_and_breaks_at_the_end_and_never_early(desk: Desk) -> None:
    assert await desk.timer.ring(START + 12 * MINUTE - SECOND) == 0
    assert await desk.timer.ring(START + 12 * MINUTE) == 1
    assert desk.said == [SlaWarned]
    await desk.project()
    assert await desk.timer.ring(START + 15 * MINUTE - SECOND) == 0
    assert await desk.timer.ring(START + 15 * MINUTE + SECOND) == 1
    assert desk.said == [SlaWarned, SlaBreached, TicketEscalated]
    await desk.project()
    assert await desk.timer.ring(START + 60 * MINUTE) == 0
    kinds = [(type(one.command), one.command.clock) for one in desk.asked]  # type: ignore[union-attr]  # only the timer asks
    assert kinds == [(WarnSla, ClockName.FIRST_RESPONSE), (BreachSla, ClockName.FIRST_RESPONSE)]


async def test_sla_timer_what_fell_due_while_nobody_rang_is_broken_without_a_warning(desk: Desk) -> None:
    assert await desk.timer.ring(START + 20 * MINUTE) == 1
    assert desk.said == [SlaBreached, TicketEscalated]
    breached = desk.store.log[desk.ticket_id or TicketId("")][-2].event
    assert isinstance(breached, SlaBreached)
    assert breached.due_at == START + 15 * MINUTE


async def test_sla_timer_many_timers_and_a_slow_projection_ring_once(desk: Desk) -> None:
    now = START + 13 * MINUTE
    claimed = await asyncio.gather(*(desk.timer.ring(now) for _ in range(4)))
    assert sum(claimed) == 1
    assert await desk.timer.ring(now + LEASE) == 1  # the log has not told yet: asked again, with the same id
    assert desk.said == [SlaWarned]
    assert len({one.command_id for one in desk.asked}) == 1
    assert all(isinstance(one.command_id, UUID) for one in desk.asked)


async def test_sla_timer_who_claimed_by_a_clock_that_ran_ahead_and_died_holds_nobody_up(desk: Desk) -> None:
    async def died(_requests: Sequence[Request]) -> list[Outcome]:
        raise StoreUnavailable("killed")

    with pytest.raises(StoreUnavailable):
        await SlaTimer(pool=desk.rig.pool, dispatch=died).ring(START + timedelta(hours=2))
    assert await desk.timer.ring(START + 16 * MINUTE) == 1
    assert desk.said == [SlaBreached, TicketEscalated]


async def test_sla_timer_a_clock_that_the_log_stopped_meanwhile_does_not_ring(desk: Desk) -> None:
    await desk.want(Accept(), START + 5 * MINUTE)  # accepted, and the read model does not know yet
    assert await desk.timer.ring(START + 16 * MINUTE) == 1
    assert desk.said == []
    await desk.project()
    assert await desk.timer.ring(START + 60 * MINUTE) == 0


async def test_sla_timer_nothing_rings_for_the_imported_past(rig: Rig) -> None:
    desk = Desk(rig)
    await desk.want(OPEN, historic=True)
    await desk.project()
    assert await desk.timer.ring(START + timedelta(days=400)) == 0


async def test_sla_timer_it_rings_by_itself_and_stops_when_asked(desk: Desk) -> None:
    stopping = asyncio.Event()
    running = asyncio.create_task(desk.timer.run(stopping, lambda: START + 12 * MINUTE))
    async with asyncio.timeout(60):
        while not desk.asked:
            await asyncio.sleep(0.01)
        stopping.set()
        await running
    assert desk.said == [SlaWarned]
