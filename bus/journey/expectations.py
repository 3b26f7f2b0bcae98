"""Expectations of events: opened with what is delivered, and settled by a timer from what the hops' own tables hold."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import structlog

from bus.aio import wait
from bus.domain.errors import Transient
from bus.domain.events import Recorded
from bus.domain.naming import dotted
from bus.journey.expectations_config import Expectations, ExpectedHop
from bus.journey.readings import read_rows
from bus.postgres.pool import Connection, Pool, connected
from schemas.catalogue import EVENT_TYPES
from schemas.topics import LOG

CLAIM: Final = 500
EVERY_S: Final = 1.0
_TYPES: Final = {one.cls.__name__: dotted(one.cls) for one in EVENT_TYPES}
_OPEN: LiteralString = """
INSERT INTO expectations (ticket_id, version, expectation, hop, place, voided_by, due_at)
SELECT ticket_id, version, expectation, hop, place, string_to_array(voided_by, ','), due_at
FROM unnest(%b::text[], %b::int[], %b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[])
    AS w (ticket_id, version, expectation, hop, place, voided_by, due_at)
ON CONFLICT DO NOTHING"""
# When the hop that a row `x` expects was there, if it was.
_ARRIVED: LiteralString = """
CASE x.hop
WHEN 'published' THEN (
    SELECT min(o.published_at) FROM outbox o
    WHERE o.ticket_id = x.ticket_id AND o.version = x.version AND o.topic = x.place)
WHEN 'projected' THEN (
    SELECT min(coalesce(b.at, s.moved_at)) FROM outbox o
    JOIN stage_offsets s ON s.handler = x.place AND s.partition = o.shard AND s.topic = %(records)s
        AND s.next_offset > o.kafka_offset
    LEFT JOIN LATERAL (
        SELECT at FROM stage_batches
        WHERE handler = s.handler AND partition = s.partition AND first_offset <= o.kafka_offset
        ORDER BY first_offset DESC LIMIT 1) b ON true
    WHERE o.ticket_id = x.ticket_id AND o.version = x.version AND o.topic = %(log)s)
WHEN 'acted_on' THEN (
    SELECT min(e.recorded_at) FROM events e
    WHERE e.ticket_id = x.ticket_id AND e.version > x.version
        AND regexp_replace(e.ce_type, '[.]v[0-9]+$', '') = ANY(string_to_array(x.place, ', ')))
ELSE (
    SELECT d.settled_at FROM deliveries d
    WHERE d.target = x.place AND d.ticket_id = x.ticket_id AND d.version = x.version AND d.state = 'done')
END"""
# A later event took the reason away, or a person gave the delivery up.
_VOID: LiteralString = """
(EXISTS (
    SELECT FROM events e WHERE e.ticket_id = x.ticket_id AND e.version > x.version
        AND regexp_replace(e.ce_type, '[.]v[0-9]+$', '') = ANY(x.voided_by))
 OR x.hop IN ('delivered', 'acknowledged') AND EXISTS (
    SELECT FROM deliveries d WHERE d.target = x.place AND d.ticket_id = x.ticket_id AND d.version = x.version
        AND d.state = 'discarded'))"""
# Judged in the transaction of the claim: a worker that dies in it has judged nothing, and no other has the row
# meanwhile. By PostgreSQL's clock, not by a worker's. A missed one is looked
# at anew after ten seconds, and at once where a clock that ran ahead looked at it.
_SETTLE: LiteralString = """
WITH due AS (
    SELECT * FROM expectations WHERE state = 'pending' AND due_at <= coalesce(%(now)s, now())
    ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
), again AS (
    SELECT * FROM expectations WHERE state = 'missed'
        AND (looked_at <= coalesce(%(now)s, now()) - interval '10 seconds' OR looked_at > coalesce(%(now)s, now()))
    ORDER BY looked_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
), judged AS (
    SELECT x.*, {arrived} AS came_at,
        {void} OR x.state = 'missed' AND NOT x.expectation = ANY(%(known)s) AS is_void
    FROM (TABLE due UNION ALL TABLE again) x
), named AS (
    SELECT *, CASE WHEN came_at <= due_at THEN 'met' WHEN came_at IS NOT NULL THEN 'late' WHEN is_void THEN 'void'
              ELSE 'missed' END AS now_is FROM judged
)
UPDATE expectations e SET state = n.now_is, arrived_at = n.came_at, looked_at = coalesce(%(now)s, now()),
    settled_at = CASE WHEN n.now_is <> 'missed' THEN coalesce(%(now)s, now()) END
FROM named n WHERE (e.ticket_id, e.version, e.expectation) = (n.ticket_id, n.version, n.expectation)
RETURNING e.ticket_id, e.version, e.expectation, e.place, n.state AS before, e.state, e.due_at, e.arrived_at""".replace(
    "{arrived}", _ARRIVED
).replace("{void}", _VOID)
_OF_TICKET: LiteralString = """
SELECT j.expectation, j.version, j.hop, j.place, j.due_at, j.arrived_at,
    CASE WHEN j.state IN ('missed', 'late') OR j.arrived_at > j.due_at THEN
        CASE WHEN j.arrived_at IS NULL THEN 'missed' ELSE 'late' END
    WHEN j.due_at <= %(now)s THEN 'missed' ELSE 'pending' END AS state
FROM (
    SELECT x.expectation, x.version, x.hop, x.place, x.due_at, x.state,
        coalesce(x.arrived_at, {arrived}) AS arrived_at
    FROM expectations x
    WHERE x.ticket_id = %(ticket)s AND x.state <> 'void' AND (x.state = 'late' OR NOT {void})) j
WHERE j.arrived_at IS NULL OR j.arrived_at > j.due_at
ORDER BY j.version, j.due_at, j.expectation LIMIT %(most)s""".replace("{arrived}", _ARRIVED).replace("{void}", _VOID)
log = structlog.get_logger()


def expected_of(expectations: Expectations, events: Sequence[Recorded]) -> list[tuple[Any, ...]]:
    """Give the rows that events open; imported history expects nothing. Pure."""
    return [
        (
            event.ticket_id,
            event.version,
            name,
            one.hop.value,
            ", ".join(_TYPES[each] for each in one.at) if one.hop is ExpectedHop.ACTED_ON else one.at[0],
            ",".join(_TYPES[each] for each in one.unless),
            event.recorded_at + one.within,
        )
        for event in events
        if not event.historic
        for name, one in expectations.items()
        if type(event.event).__name__ in one.after
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationOpener:
    """Opens what is expected of events, in the transaction that moves the stage's offsets."""

    expectations: Expectations

    async def open(self, connection: Connection, events: Sequence[Recorded]) -> None:
        """Open the rows of events; one that is there stays as it is."""
        if rows := expected_of(self.expectations, events):
            await connection.execute(_OPEN, [list(column) for column in zip(*rows, strict=True)])


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

    `records`: the broker's name of the log. `known`: the names of the file; what was missed of others is void.
    """

    pool: Pool
    records: str
    known: Sequence[str]

    async def settle(self, now: datetime | None = None) -> Sequence[SettledExpectation]:
        """Judge what is due by PostgreSQL's clock, or by `now`; gives what changed. Raises StoreUnavailable."""
        asked = {"now": now, "most": CLAIM, "records": self.records, "log": LOG, "known": list(self.known)}
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
        """Judge every second until `stopping` is set; waits while PostgreSQL is away."""
        while not stopping.is_set():
            changed: Sequence[SettledExpectation] = ()
            try:
                changed = await self.settle()
            except Transient as error:
                log.warning("expectations_wait", error=str(error))
            if len(changed) < CLAIM:
                await wait(stopping, EVERY_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRow:
    """A hop of a ticket that is expected and not there, or that was late."""

    expectation: str
    version: int
    hop: str
    place: str
    due_at: datetime
    arrived_at: datetime | None
    state: str

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        late = self.arrived_at and round((self.arrived_at - self.due_at).total_seconds() * 1000, 1)
        return {
            "expectation": self.expectation,
            "version": self.version,
            "hop": self.hop,
            "where": self.place,
            "state": self.state,
            "due_at": self.due_at,
            "at": self.arrived_at,
            "late_ms": late,
        }


async def read_expected(connection: Connection, asked: dict[str, Any], now: datetime) -> Sequence[ExpectedRow]:
    """Read what is missing of a ticket, is still expected, or was late; `asked` has ticket, records, log and most."""
    return await read_rows(connection, _OF_TICKET, ExpectedRow, {**asked, "now": now})
