"""What hops that never come cost: the timer's rounds over 50,000 tickets on which nobody acted for a day."""

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

from bench.bus import Bus
from bench.figure import Figure
from bus.journey.expectation_timer import ExpectationTimer
from bus.journey.expectations_config import Expectation, ExpectedHop
from bus.postgres.pool import connected
from schemas.topics import LOG, physical

_TICKETS: Final = 50_000
_ROUNDS: Final = 120  # seconds of the bus
_FILL: Final = """
INSERT INTO expectations (ticket_id, version, expectation, hop, place, voided_by, due_at)
SELECT 'T' || n, 1, 'job_taken', 'acted_on', 'assignment.accepted', '{}', %s FROM generate_series(1, %s) n"""
_JOB_TAKEN: Final = Expectation(
    after=("TicketAssigned",), hop=ExpectedHop.ACTED_ON, at=("AssignmentAccepted",), within=timedelta(minutes=30)
)
_LOOKED: Final = "SELECT count(*) FROM expectations WHERE looked_at = %s"


async def run(bus: Bus) -> list[Figure]:
    """Let the timer miss all of them, age a day, and measure its rounds of a second from then on."""
    began_at = datetime.now(UTC)
    async with bus.core() as core:
        async with connected(core.pool) as connection:
            await connection.execute(_FILL.encode(), (began_at - timedelta(days=1), _TICKETS))
        known = {"job_taken": _JOB_TAKEN}
        timer = ExpectationTimer(pool=core.pool, records=physical(core.settings.namespace, LOG), known=known)
        while await timer.settle(began_at):
            pass
        await timer.settle(began_at)
        async with connected(core.pool) as connection:
            await connection.execute("ANALYZE expectations")
        looked, busy_s = 0, 0.0
        for second in range(1, _ROUNDS + 1):
            now = began_at + timedelta(seconds=second)
            began = monotonic()
            await timer.settle(now)
            busy_s += monotonic() - began
            async with connected(core.pool) as connection:
                row = await (await connection.execute(_LOOKED.encode(), (now,))).fetchone()
            looked += row[0] if row else 0
    return [
        Figure(
            name="tickets on which nobody acted for a day, looked at anew",
            value=looked / _ROUNDS,
            unit="rows/s",
            note=f"of {_TICKETS:,} missed; {busy_s / _ROUNDS * 1000:.1f} ms a round",
        )
    ]
