"""The timer of closures on PostgreSQL: each reminder and the expiry once, whoever dies, whatever clocks do (R20)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

import pytest

from bus.alerts.log_sink import log_alert
from bus.domain.batch import Accepted, Outcome
from bus.domain.closing_events import ClosureConfirmed, ClosureExpired, ClosureReminded, ClosureRequested
from bus.domain.commands import Command, Request
from bus.domain.errors import StoreUnavailable
from bus.domain.events import Event
from bus.domain.terms import State, TicketId
from bus.intake.dispatch import Dispatcher
from bus.postgres.pool import Pool, connected
from bus.postgres.store import PostgresStore
from bus.process.closure_process import CLOSURE
from bus.process.timer import ProcessTimer
from tests.domain.given import request
from tests.domain.people import ASKED_TO_CLOSE, CONFIRM, HOUR, RULES, START
from tests.store.conftest import database, pool, postgres_store

__all__ = ["database", "pool", "postgres_store"]
SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Asked:
    """A ticket whose customer is asked to confirm, and the timers that look after it."""

    pool: Pool
    store: PostgresStore
    ticket_id: TicketId | None = None
    asked: list[Request] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def want(self, command: Command, at: datetime = START, **own: object) -> None:
        """Let a command happen."""
        wanted = request(command, next(self.numbers), at=at, ticket_id=self.ticket_id, **own)
        (outcome,) = await Dispatcher(store=self.store, rules=RULES).dispatch([wanted])
        assert isinstance(outcome, Accepted), outcome
        self.ticket_id = outcome.ticket_id

    async def dispatch(self, requests: Sequence[Request]) -> list[Outcome]:
        """Decide, and remember what was asked."""
        self.asked += requests
        return await Dispatcher(store=self.store, rules=RULES).dispatch(requests)

    @property
    def timer(self) -> ProcessTimer:
        """Make a timer; one is as good as another."""
        return ProcessTimer(manager=CLOSURE, pool=self.pool, dispatch=self.dispatch, report=log_alert)

    async def happened(self) -> list[type[Event]]:
        """List what became of the closure."""
        own = (ClosureRequested, ClosureReminded, ClosureExpired, ClosureConfirmed)
        events = await self.store.events(self.ticket_id or TicketId(""))
        return [type(one.event) for one in events if isinstance(one.event, own)]


@pytest.fixture
async def closing(pool: Pool, postgres_store: PostgresStore) -> Asked:
    """Begin with one ticket, whose customer is asked at START."""
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE outbox, ticket_states, ticket_names, commands, events CASCADE")
    closing = Asked(pool, postgres_store)
    for command in ASKED_TO_CLOSE:
        await closing.want(command)
    return closing


async def test_closure_process_each_once_whoever_is_killed_and_never_a_confirmation_r20(closing: Asked) -> None:
    assert await closing.timer.fire(START + 24 * HOUR - SECOND) == 0

    async def died_before(_requests: Sequence[Request]) -> list[Outcome]:
        raise StoreUnavailable("killed")

    async def died_after(requests: Sequence[Request]) -> list[Outcome]:
        await closing.dispatch(requests)
        raise StoreUnavailable("killed, but it is committed")

    for at, ends in ((24, died_before), (24, died_after), (48, died_after), (168, died_before), (168, died_after)):
        now = START + at * HOUR + SECOND
        with pytest.raises(StoreUnavailable):
            await replace(closing.timer, dispatch=ends).fire(now)
        if ends is died_after:
            assert await asyncio.gather(*(closing.timer.fire(now + 60 * SECOND) for _ in range(3))) == [0, 0, 0]
    assert await closing.happened() == [ClosureRequested, ClosureReminded, ClosureReminded, ClosureExpired]
    assert await closing.timer.fire(START + 2000 * HOUR) == 0
    ticket = await closing.store.ticket(closing.ticket_id or TicketId(""))
    assert ticket
    assert (ticket.state, ticket.closure_requested, ticket.closed_at) == (State.RESOLVED, False, None)


async def test_closure_process_many_timers_at_once_and_a_clock_that_jumps_remind_once_r20(closing: Asked) -> None:
    now = START + 25 * HOUR
    await asyncio.gather(*(closing.timer.fire(now) for _ in range(4)))
    assert await closing.happened() == [ClosureRequested, ClosureReminded]
    assert len({one.command_id for one in closing.asked}) == 1
    assert await closing.timer.fire(now - 2 * HOUR) == 0, "the clock went back"
    assert await closing.timer.fire(START + 50 * HOUR) == 1
    await closing.want(CONFIRM, START + 51 * HOUR)
    assert await closing.timer.fire(START + 999 * HOUR) == 0
    assert await closing.happened() == [ClosureRequested, ClosureReminded, ClosureReminded, ClosureConfirmed]


async def test_closure_process_looks_at_what_is_due_alone_r20(closing: Asked) -> None:
    async with connected(closing.pool) as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        asked = {"now": START + 24 * HOUR, "most": 500}
        plan = await (await connection.execute(f"EXPLAIN {CLOSURE.claim}".encode(), asked)).fetchall()
    assert "ticket_states_closure" in str(plan)
