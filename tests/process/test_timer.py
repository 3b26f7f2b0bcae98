"""The SLA timer on a real database: once, never early, whoever rings."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from bus.alerts.alert import Alert
from bus.alerts.log_sink import log_alert
from bus.domain.batch import Accepted, Outcome
from bus.domain.commands import Accept, Command, Note, Request, Start
from bus.domain.errors import InvariantBroken, StoreUnavailable
from bus.domain.events import Event, NoteAdded, TicketEscalated
from bus.domain.inside_commands import BreachSla, WarnSla
from bus.domain.promise_events import NextStepOverdue, SlaBreached, SlaWarned
from bus.domain.rules import Rules
from bus.domain.terms import ClockName, TicketId, TicketStep
from bus.domain.ticket import Ticket
from bus.intake.dispatch import Dispatcher
from bus.intake.memory_store import MemoryStore
from bus.postgres.pool import connected
from bus.process.process_manager import Due, ProcessManager, WantedCommand
from bus.process.sla_process import SLA
from bus.process.step_process import STEPS
from bus.process.timer import FAILED_FOR_S, LEASE, ProcessTimer
from bus.wire.event_reader import EventReader
from projections.sla_clocks import SLA_CLOCKS
from projections.store import ProjectionHandler
from tests.domain.given import request
from tests.domain.people import ASSIGN, HOUR, MINUTE, OPEN, PAUSE, RESUME, RULES, START, with_steps
from tests.projections.told import CODEC, records
from tests.stage.rig import Rig

SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Promises:
    """A store to decide against, and the clocks kept from what it says."""

    rig: Rig
    rules: Rules = RULES
    store: MemoryStore = field(default_factory=MemoryStore)
    asked: list[Request] = field(default_factory=list)
    ticket_id: TicketId | None = None
    told: int = 0
    found: list[Alert] = field(default_factory=list)

    @property
    def timer(self) -> ProcessTimer:
        """Make a timer; one is as good as another."""
        return ProcessTimer(manager=SLA, pool=self.rig.pool, dispatch=self.dispatch, report=self.found.append)

    async def dispatch(self, requests: Sequence[Request]) -> list[Outcome]:
        """Decide, and remember what was asked."""
        self.asked += requests
        return await Dispatcher(store=self.store, rules=self.rules).dispatch(requests)

    async def want(self, command: Command, at: datetime = START, **own: object) -> None:
        """Let a command happen."""
        number = 1000 + sum(map(len, self.store.log.values()))
        wanted = request(command, number, at=at, ticket_id=self.ticket_id, **own)
        (outcome,) = await Dispatcher(store=self.store, rules=self.rules).dispatch([wanted])
        assert isinstance(outcome, Accepted)
        self.ticket_id = outcome.ticket_id

    async def project(self) -> None:
        """Tell the clocks all that happened."""
        events = [recorded for log in self.store.log.values() for recorded in log]
        async with connected(self.rig.pool) as connection:
            handler = ProjectionHandler(SLA_CLOCKS, EventReader(decode=CODEC.decode))
            await handler.handle(connection, records(events, topic="t", partitions=1))

    @property
    def happened(self) -> list[type[Event]]:
        """List the promises' own events."""
        own = (SlaWarned, SlaBreached, TicketEscalated)
        return [type(r.event) for log in self.store.log.values() for r in log if isinstance(r.event, own)]


@pytest.fixture
async def promises(rig: Rig) -> Promises:
    """Give a promises with one assigned ticket."""
    promises = Promises(rig)
    await promises.want(OPEN)
    await promises.want(ASSIGN)
    await promises.project()
    return promises


async def test_timer_it_warns_at_80_percent_and_breaks_at_the_end_and_never_early(promises: Promises) -> None:
    assert await promises.timer.fire(START + 12 * MINUTE - SECOND) == 0
    assert await promises.timer.fire(START + 12 * MINUTE) == 1
    assert promises.happened == [SlaWarned]
    await promises.project()
    assert await promises.timer.fire(START + 15 * MINUTE - SECOND) == 0
    assert await promises.timer.fire(START + 15 * MINUTE + SECOND) == 1
    assert promises.happened == [SlaWarned, SlaBreached, TicketEscalated]
    await promises.project()
    assert await promises.timer.fire(START + 60 * MINUTE) == 0
    kinds = [(type(one.command), one.command.clock) for one in promises.asked]  # type: ignore[union-attr]  # only the timer asks
    assert kinds == [(WarnSla, ClockName.FIRST_RESPONSE), (BreachSla, ClockName.FIRST_RESPONSE)]


async def test_timer_what_fell_due_while_nobody_rang_is_broken_without_a_warning(promises: Promises) -> None:
    assert await promises.timer.fire(START + 20 * MINUTE) == 1
    assert promises.happened == [SlaBreached, TicketEscalated]
    breached = promises.store.log[promises.ticket_id or TicketId("")][-2].event
    assert isinstance(breached, SlaBreached)
    assert breached.due_at == START + 15 * MINUTE


async def test_timer_many_timers_and_a_slow_projection_ring_once(promises: Promises) -> None:
    now = START + 13 * MINUTE
    claimed = await asyncio.gather(*(promises.timer.fire(now) for _ in range(4)))
    assert sum(claimed) == 1
    assert await promises.timer.fire(now + LEASE) == 1  # the log has not told yet: asked again, with the same id
    assert promises.happened == [SlaWarned]
    assert len({one.command_id for one in promises.asked}) == 1
    assert all(isinstance(one.command_id, UUID) for one in promises.asked)


async def test_timer_who_claimed_by_a_clock_that_ran_ahead_and_died_holds_nobody_up(promises: Promises) -> None:
    async def died(_requests: Sequence[Request]) -> list[Outcome]:
        raise StoreUnavailable("killed")

    timer = replace(promises.timer, dispatch=died)
    with pytest.raises(StoreUnavailable):
        await timer.fire(START + timedelta(hours=2))
    assert await promises.timer.fire(START + 16 * MINUTE) == 1
    assert promises.happened == [SlaBreached, TicketEscalated]


async def test_timer_a_clock_that_the_log_stopped_meanwhile_does_not_ring(promises: Promises) -> None:
    await promises.want(Accept(), START + 5 * MINUTE)  # accepted, and the read model does not know yet
    assert await promises.timer.fire(START + 16 * MINUTE) == 1
    assert promises.happened == []
    await promises.project()
    assert await promises.timer.fire(START + 60 * MINUTE) == 0


async def test_timer_nothing_rings_for_the_imported_past(rig: Rig) -> None:
    promises = Promises(rig)
    await promises.want(OPEN, historic=True)
    await promises.project()
    assert await promises.timer.fire(START + timedelta(days=400)) == 0


async def test_timer_a_step_that_is_late_is_said_once_and_the_next_one_has_its_own_time_r13(rig: Rig) -> None:
    promises = Promises(rig, rules=with_steps(RULES))
    steps = replace(promises.timer, manager=STEPS)
    await promises.want(OPEN)
    await promises.project()
    assert await steps.fire(START + 5 * MINUTE - SECOND) == 0
    assert [await steps.fire(START + 5 * MINUTE + late * LEASE) for late in range(2)] == [1, 1]  # the log tells late
    await promises.project()
    assert await steps.fire(START + HOUR) == 0
    await promises.want(ASSIGN, START + 6 * MINUTE)
    await promises.project()
    assert await steps.fire(START + 21 * MINUTE) == 1
    (log,) = promises.store.log.values()
    late = [one.event for one in log if isinstance(one.event, NextStepOverdue)]
    assert [(one.step, one.due_at) for one in late] == [
        (TicketStep.ASSIGN, START + 5 * MINUTE),
        (TicketStep.ACCEPT, START + 21 * MINUTE),
    ]


async def test_timer_it_rings_by_itself_and_stops_when_asked(promises: Promises) -> None:
    stopping = asyncio.Event()
    running = asyncio.create_task(promises.timer.run(stopping, lambda: START + 12 * MINUTE))
    async with asyncio.timeout(60):
        while not promises.asked:
            await asyncio.sleep(0.01)
        stopping.set()
        await running
    assert promises.happened == [SlaWarned]


async def test_timer_another_process_runs_by_the_same_timer(promises: Promises) -> None:
    async with connected(promises.rig.pool) as connection:
        await connection.execute("CREATE TABLE calls (ticket_id text, at timestamptz, lease_until timestamptz)")
        await connection.execute("INSERT INTO calls VALUES (%s, %s)", (promises.ticket_id, START + MINUTE))
    claim = """
    UPDATE calls c SET lease_until = %(lease_until)s FROM sla_tickets t WHERE t.ticket_id = c.ticket_id
        AND c.at <= %(now)s AND (lease_until IS NULL OR lease_until <= %(now)s) AND %(most)s > 0
    RETURNING t.folded::text, 'call'"""

    def call(due: Due, ticket: Ticket) -> Sequence[WantedCommand]:
        text = f"{due.name} {ticket.title}"
        return (WantedCommand(command=Note(text=text), name=due.name, at=START + MINUTE),)

    process = ProcessManager(name="calls", deadlines=lambda _: {}, react=call, claim=claim)
    timer = ProcessTimer(manager=process, pool=promises.rig.pool, dispatch=promises.dispatch, report=log_alert)
    assert await timer.fire(START) == 0
    assert [await timer.fire(START + MINUTE + late * LEASE) for late in range(2)] == [1, 1]
    notes = [one.event for log in promises.store.log.values() for one in log if isinstance(one.event, NoteAdded)]
    assert len(notes) == 1, "asked twice, with one id"
    assert notes[0].text.startswith("call ")


async def test_timer_a_deadline_that_fails_is_said_once_and_holds_no_other_up(
    promises: Promises,
) -> None:
    first = promises.ticket_id
    promises.ticket_id = None
    await promises.want(replace(OPEN, source_no="C-2", incident_key=replace(OPEN.incident_key, value="SN-2")))
    await promises.want(ASSIGN)
    await promises.project()

    async def broken(requests: Sequence[Request]) -> list[Outcome]:
        if any(one.ticket_id == first for one in requests):
            raise InvariantBroken("its version is taken")
        return await promises.dispatch(requests)

    clock = 0.0
    timer = replace(promises.timer, dispatch=broken, clock=lambda: clock)
    assert timer.trouble() is None
    for late in (16 * MINUTE, 16 * MINUTE + 2 * LEASE):
        await timer.fire(START + late)
    assert promises.happened == [SlaBreached, TicketEscalated]
    (alert,) = promises.found
    assert (alert.rule, alert.ticket_id) == ("task_failed", first)
    assert timer.trouble() == f"deadlines of {first} cannot be carried out"
    clock = FAILED_FOR_S + 1
    assert timer.trouble() is None, "somebody has mended it, or another worker tries it"


async def test_timer_a_breach_that_was_withdrawn_is_told_again_when_the_promise_is_broken_after_all(
    promises: Promises,
) -> None:
    await promises.want(Start())
    await promises.project()
    assert await promises.timer.fire(START + 25 * HOUR) == 1
    await promises.want(PAUSE, START + 20 * HOUR)
    await promises.project()
    assert await promises.timer.fire(START + 60 * HOUR) == 0
    await promises.want(RESUME, START + 20 * HOUR)
    await promises.project()
    assert await promises.timer.fire(START + 61 * HOUR) == 1
    assert promises.happened == [SlaBreached, TicketEscalated] * 2
    await promises.project()
    assert await promises.timer.fire(START + 62 * HOUR) == 0
