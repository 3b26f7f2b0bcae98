"""What a round of the timers costs with 1,000 and with 100,000 open promises, beside the bare query of its claim."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from time import monotonic
from typing import Final
from uuid import uuid4

from bench.bus import Bus
from bench.figure import Figure
from bus.app import Core
from bus.domain.batch import Accepted
from bus.domain.commands import OpenTicket, Request
from bus.domain.sla_clock import SlaLimit
from bus.domain.terms import CommandId, KeyKind, TicketId, TraceId
from bus.domain.ticket import Ticket
from bus.domain.transitions import STEP_DEADLINES
from bus.domain.values import IncidentKey, StepDeadline
from bus.intake.dispatch import Dispatcher, utc_now
from bus.postgres.pool import Pool, connected
from bus.process.process_manager import ProcessManager
from bus.process.sla_process import SLA
from bus.process.step_process import STEPS
from bus.process.timer import LEASE, ProcessTimer
from bus.wire.codec import ticket_json
from projections.read_model import Written
from projections.sla_clocks import write

_DUE: Final = 200  # in a round
_ROUNDS: Final = 5
_SIZES: Final = (1_000, 100_000)
_OPEN: Final = OpenTicket(
    incident_key=IncidentKey(kind=KeyKind.SERIAL, value="SN-BENCH"), title="冰箱不制冷", type="hardware_fault"
)
_PROMISED: Final = SlaLimit(
    response=timedelta(minutes=15),
    resolution=timedelta(hours=24),
    steps=tuple(StepDeadline(step=one, within_s=int(time.total_seconds())) for one, time in STEP_DEADLINES.items()),
)
# One ticket becomes many, with the rows that its clocks have: their numbers go on from `first`.
_COPY_STATES: Final = """
INSERT INTO ticket_states (ticket_id, version, trace_id, state)
SELECT 'T20261130-' || lpad(n::text, 6, '0'), 1, md5(n::text),
    %(state)s::jsonb || jsonb_build_object('ticket_id', 'T20261130-' || lpad(n::text, 6, '0'), 'trace_id', md5(n::text))
FROM generate_series(%(first)s::int, %(last)s) n"""
_COPY_FOLDED: Final = """
INSERT INTO sla_tickets (ticket_id, version, folded, step_due_at)
SELECT ticket_id, version, state, %(step_due_at)s FROM ticket_states
WHERE ticket_id BETWEEN 'T20261130-' || lpad(%(first)s::text, 6, '0')
    AND 'T20261130-' || lpad(%(last)s::text, 6, '0')"""
_COPY_CLOCKS: Final = """
INSERT INTO sla_clocks (ticket_id, clock, trace_id, limit_s, state, due_at, warn_at, next_alarm_at)
SELECT 'T20261130-' || lpad(n::text, 6, '0'), %(clock)s, md5(n::text), %(limit_s)s, %(state)s, %(due_at)s, %(warn_at)s,
    %(next_alarm_at)s FROM generate_series(%(first)s::int, %(last)s) n"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Seconds of a round with promises due, of one with none, and of the bare query."""

    due_s: float
    idle_s: float
    bare_s: float


async def run(bus: Bus) -> list[Figure]:
    """Measure both timers at each size."""
    async with bus.core() as core:
        rules = replace(core.dispatcher.rules, sla={**core.dispatcher.rules.sla, _OPEN.type: _PROMISED})
        dispatcher = replace(core.dispatcher, rules=rules)
        now = utc_now()
        far, late = [await _opened(core, dispatcher, now - age) for age in (timedelta(0), timedelta(minutes=20))]
        found, first = dict[str, list[Round]](), 100_000
        for size in _SIZES:
            await _copied(core.pool, far, first, size)
            first += size
            for manager in (SLA, STEPS):
                rounds = list[Round]()
                for _ in range(_ROUNDS):
                    await _copied(core.pool, late, first, _DUE)
                    first += _DUE
                    rounds.append(await _round(core, dispatcher, manager))
                found.setdefault(manager.name, []).append(
                    Round(**{name: median(getattr(one, name) for one in rounds) for name in Round.__slots__})
                )
        return [_figure(name, rounds) for name, rounds in found.items()]


async def _opened(core: Core, dispatcher: Dispatcher, at: datetime) -> Ticket:
    command_id = CommandId(uuid4())
    opening = replace(_OPEN, incident_key=replace(_OPEN.incident_key, value=str(command_id)))
    wanted = Request(
        command_id=command_id, command=opening, source="bench", actor="bench", at=at, received_at=at,
        trace_id=TraceId(command_id.hex), fingerprint="",
    )  # fmt: skip
    (outcome,) = await dispatcher.dispatch([wanted])
    assert isinstance(outcome, Accepted)
    ticket = await core.store.ticket(TicketId(outcome.ticket_id))
    assert ticket
    return ticket


async def _copied(pool: Pool, ticket: Ticket, first: int, count: int) -> None:
    rows = write(None, ticket)
    (folded,) = rows["sla_tickets"]
    numbers = {"first": first, "last": first + count - 1}
    clocks: Sequence[Written] = rows["sla_clocks"]
    async with connected(pool) as connection:
        await connection.execute(_COPY_STATES, {**numbers, "state": ticket_json(ticket).decode()})
        await connection.execute(_COPY_FOLDED, {**numbers, "step_due_at": folded["step_due_at"]})
        for one in clocks:
            await connection.execute(_COPY_CLOCKS, {**one, **numbers})
    async with connected(pool) as connection:
        await connection.execute("ANALYZE sla_tickets, sla_clocks, ticket_states")


async def _round(core: Core, dispatcher: Dispatcher, manager: ProcessManager) -> Round:
    timer = ProcessTimer(manager=manager, pool=core.pool, dispatch=dispatcher.dispatch, report=core.alerts)
    now = utc_now()
    asked = {"now": now, "lease_until": now + LEASE, "most": 500}
    async with connected(core.pool) as connection, connection.transaction(force_rollback=True):
        began = monotonic()
        found = await (await connection.execute(manager.claim, asked)).fetchall()
        bare_s = monotonic() - began
    assert len(found) >= _DUE, len(found)
    began = monotonic()
    assert await timer.fire(now) == len(found)
    due_s = monotonic() - began
    async with connected(core.pool) as connection:  # as the read model does, once the log has told
        await connection.execute("UPDATE sla_clocks SET next_alarm_at = NULL WHERE next_alarm_at <= %s", (now,))
        await connection.execute("UPDATE sla_tickets SET step_due_at = NULL WHERE step_due_at <= %s", (now,))
    began = monotonic()
    assert await timer.fire(now) == 0
    return Round(due_s=due_s, idle_s=monotonic() - began, bare_s=bare_s)


def _figure(name: str, rounds: Sequence[Round]) -> Figure:
    small, large = rounds
    return Figure(
        name=f"a deadline that passed, timer of {name}, {_SIZES[1]:,} open promises",
        value=large.due_s / _DUE * 1e6,
        unit="µs",
        against=f"with {_SIZES[0]:,}: {small.due_s / _DUE * 1e6:,.0f} µs",
        ratio=large.due_s / small.due_s,
        goal="≤ 2×",
        note=f"{_DUE} at once; the bare query {large.bare_s / _DUE * 1e6:.0f} µs each (with {_SIZES[0]:,}: "
        f"{small.bare_s / _DUE * 1e6:.0f}), a round with none due {large.idle_s * 1000:.1f} ms",
    )
