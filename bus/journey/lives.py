"""The lives of tickets, as time is charged by: their events with the hops of each, from PostgreSQL."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.archive.reader import ArchivedRows, archived_rows
from bus.domain.events import Recorded
from bus.journey.charge import BEGINNING, NO_TIME, ChargedTo, LifeEvent, charge
from bus.postgres.pool import Connection, read_rows
from bus.schema_registry import SchemaLearner
from schemas.topics import LOG

_LIVES: Final[LiteralString] = """
SELECT e.ticket_id, e.value, c.received_at, o.published_at, coalesce(o.unpublished, false) AS unpublished,
    d.delivered_at, coalesce(d.undelivered, false) AS undelivered
FROM events e LEFT JOIN commands c USING (command_id)
LEFT JOIN LATERAL (
    SELECT min(published_at) AS published_at, bool_and(published_at IS NULL) AS unpublished FROM outbox
    WHERE ticket_id = e.ticket_id AND version = e.version AND topic = %(log)s) o ON true
LEFT JOIN LATERAL (
    SELECT max(d.settled_at) AS delivered_at, bool_or(d.settled_at IS NULL) AS undelivered
    FROM deliveries d JOIN delivery_targets t USING (target)
    WHERE d.ticket_id = e.ticket_id AND d.version = e.version AND NOT t.fetched) d ON true
WHERE e.ticket_id = ANY(%(tickets)s) ORDER BY e.ticket_id, e.version"""
_OPEN_WITHIN: Final[LiteralString] = """
SELECT ticket_id FROM ticket_states
WHERE (state->>'opened_at')::timestamptz < %(until)s AND NOT (state->>'historic')::boolean AND ticket_id < 'V'
    AND coalesce((state->>'closed_at')::timestamptz, 'infinity') > %(since)s ORDER BY ticket_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeRow:
    """An event as it is stored, with when it came in, was published and delivered."""

    ticket_id: str
    value: bytes
    received_at: datetime | None
    published_at: datetime | None
    unpublished: bool
    delivered_at: datetime | None
    undelivered: bool

    def with_event(self, recorded: Recorded) -> LifeEvent:
        """Give it with its event."""
        return LifeEvent(
            recorded=recorded,
            received_at=self.received_at,
            published_at=self.published_at,
            unpublished=self.unpublished,
            delivered_at=self.delivered_at,
            undelivered=self.undelivered,
        )


async def read_lives(
    connection: Connection, tickets: Sequence[str], archived: ArchivedRows | None = None
) -> list[LifeRow]:
    """Read the events of tickets, by ticket and version; `archived`: those of them that were read already.

    Raises ArchiveUnreadable.
    """
    seen = archived or await archived_rows(connection, tickets)
    asked = {"tickets": [*tickets], "log": LOG, **seen.asked}
    return await read_rows(connection, seen.over(_LIVES), LifeRow, asked)


async def open_within(connection: Connection, since: datetime, until: datetime) -> list[str]:
    """Name the tickets that were open at some moment of a time; not those of an imported past, nor virtual ones."""
    asked = {"since": since, "until": until}
    return [ticket for (ticket,) in await (await connection.execute(_OPEN_WITHIN, asked)).fetchall()]


async def charged(
    schemas: SchemaLearner, rows: Sequence[LifeRow], until: datetime, since: datetime = BEGINNING
) -> dict[str, float]:
    """Charge the lives of tickets within a time: seconds by party, and their sum. Raises as `SchemaLearner.events`."""
    events = await schemas.events([row.value for row in rows])
    lives = defaultdict[str, list[LifeEvent]](list)
    for row, event in zip(rows, events, strict=True):
        lives[row.ticket_id].append(row.with_event(event))
    sums = dict.fromkeys(ChargedTo, NO_TIME)
    for life in lives.values():
        for party, time in charge(life, until, since).items():
            sums[party] += time
    return charge_json(sums)


async def read_life(connection: Connection, schemas: SchemaLearner, ticket_id: str) -> list[LifeEvent]:
    """Read the life of one ticket, in order of version. Raises ArchiveUnreadable, and as `SchemaLearner.events`."""
    rows = await read_lives(connection, [ticket_id])
    events = await schemas.events([row.value for row in rows])
    return [row.with_event(event) for row, event in zip(rows, events, strict=True)]


def charge_json(charged: Mapping[ChargedTo, timedelta]) -> dict[str, float]:
    """Give seconds by party, and their sum."""
    seconds = {party.value: one.total_seconds() for party, one in charged.items()}
    return {**seconds, "total": sum(charged.values(), NO_TIME).total_seconds()}
