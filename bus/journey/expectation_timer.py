"""The timer of expectations: judges what is due, once, and what was missed until it comes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final, LiteralString

import structlog

from bus.aio import wait
from bus.domain.errors import Transient
from bus.journey.expectations_config import Expectations
from bus.journey.expected_hops import ARRIVED, VOID
from bus.journey.learned_limits import READ_EVERY_S, learn
from bus.postgres.pool import Pool, connected, read_rows
from schemas.topics import LOG

CLAIM: Final = 500
EVERY_S: Final = 1.0
PAUSE: Final = timedelta(seconds=10)
PAUSE_MAX_OF_BUS: Final = timedelta(minutes=5)
PAUSE_MAX: Final = timedelta(hours=6)
_PAUSES: Final = {"pause": PAUSE, "pause_max_of_bus": PAUSE_MAX_OF_BUS, "pause_max": PAUSE_MAX}
# Judged in the transaction of the claim: a worker that dies in it has judged nothing, and no other has the row
# meanwhile. By PostgreSQL's clock, not by a worker's. A missed one is looked at again when an event of its ticket is
# read, else after a pause that grows with its age: what only an event can bring may wait the longest. At once where a
# clock that ran ahead looked at it.
_SETTLE: LiteralString = """
WITH due AS (
    SELECT * FROM expectations WHERE state = 'pending' AND due_at <= coalesce(%(now)s, now())
    ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
), again AS (
    SELECT * FROM expectations WHERE state = 'missed'
        AND (look_at <= coalesce(%(now)s, now()) OR looked_at > coalesce(%(now)s, now()))
    ORDER BY look_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
), judged AS (
    SELECT x.*, {arrived} AS came_at,
        {void} OR x.state = 'missed' AND NOT x.expectation = ANY(%(known)s) AS is_void
    FROM (TABLE due UNION ALL TABLE again) x
), named AS (
    SELECT *, CASE WHEN came_at <= due_at THEN 'met' WHEN came_at IS NOT NULL THEN 'late' WHEN is_void THEN 'void'
              ELSE 'missed' END AS now_is FROM judged
)
UPDATE expectations e SET state = n.now_is, arrived_at = n.came_at, looked_at = coalesce(%(now)s, now()),
    look_at = coalesce(%(now)s, now()) + greatest(%(pause)s, least((coalesce(%(now)s, now()) - n.due_at) / 10,
        CASE WHEN n.hop = 'acted_on' THEN %(pause_max)s ELSE %(pause_max_of_bus)s END)),
    settled_at = CASE WHEN n.now_is <> 'missed' THEN coalesce(%(now)s, now()) END
FROM named n WHERE (e.ticket_id, e.version, e.expectation) = (n.ticket_id, n.version, n.expectation)
RETURNING e.ticket_id, e.version, e.expectation, e.place, n.state AS before, e.state, e.due_at, e.arrived_at""".replace(
    "{arrived}", ARRIVED
).replace("{void}", VOID)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledExpectation:
    """An expectation that the timer looked at: as it was `before`, and as it is."""

    ticket_id: str
    version: int
    expectation: str
    place: str
    before: str
    state: str
    due_at: datetime
    arrived_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationTimer:
    """Judges what is due, once, and what was missed, until it comes; any number of timers may run at once.

    `records`: the broker's name of the log. `known`: those of the file; what was missed of others is void.
    """

    pool: Pool
    records: str
    known: Expectations

    async def settle(self, now: datetime | None = None) -> Sequence[SettledExpectation]:
        """Judge what is due by PostgreSQL's clock, or by `now`; gives what changed. Raises StoreUnavailable."""
        asked = {"now": now, "most": CLAIM, "records": self.records, "log": LOG, "known": [*self.known], **_PAUSES}
        async with connected(self.pool) as connection:
            looked_at = await read_rows(connection, _SETTLE, SettledExpectation, asked)
        changed = [one for one in looked_at if one.state != one.before]
        for one in changed:
            where = {"expectation": one.expectation, "place": one.place, "version": one.version}
            if one.state == "missed":
                log.warning("hop_missing", ticket_id=one.ticket_id, due_at=one.due_at.isoformat(), **where)
            elif one.state == "late" and one.arrived_at:
                late_s = round((one.arrived_at - one.due_at).total_seconds(), 3)
                log.info("hop_late", ticket_id=one.ticket_id, late_s=late_s, **where)
        return changed

    async def run(self, stopping: asyncio.Event) -> None:
        """Judge every second until `stopping` is set, and learn; waits while PostgreSQL is away."""
        learned_at = float("-inf")
        while not stopping.is_set():
            changed: Sequence[SettledExpectation] = ()
            try:
                changed = await self.settle()
                if monotonic() - learned_at >= READ_EVERY_S:
                    async with connected(self.pool) as connection:
                        await learn(connection, self.known)
                    learned_at = monotonic()
            except Transient as error:
                log.warning("expectations_wait", error=str(error))
            if len(changed) < CLAIM:
                await wait(stopping, EVERY_S)
