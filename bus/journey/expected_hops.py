"""Whether an expected hop was there, from the hops' own tables; and what a ticket still misses."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from bus.archive.reader import over_archived
from bus.postgres.pool import Connection, read_rows

# The deliveries that stand for what a row `x` expects at a target: its own, that of a new version which a rollout gave
# the event to, and those of the targets that it was moved to. OFFSET 0: each is looked up by the whole key.
_DELIVERIES: LiteralString = """
WITH RECURSIVE way (target) AS (
    SELECT x.place
    UNION SELECT n.target FROM way, LATERAL (
        SELECT r.canary AS target FROM rollouts r WHERE r.target = way.target
        UNION ALL (
            SELECT m.moved_to FROM deliveries m
            WHERE (m.target, m.ticket_id, m.version) = (way.target, x.ticket_id, x.version) AND m.moved_to <> ''
            OFFSET 0)) n
)
SELECT d.* FROM way CROSS JOIN LATERAL (
    SELECT target, state, settled_at, moved_to FROM deliveries
    WHERE (target, ticket_id, version) = (way.target, x.ticket_id, x.version) OFFSET 0) d"""
# When the hop that a row `x` expects was there, if it was.
ARRIVED: LiteralString = """
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
    SELECT min(d.settled_at) FILTER (WHERE d.state = 'done') FROM ({deliveries}) d)
END""".replace("{deliveries}", _DELIVERIES)
# A later event took the reason away, or a person gave the delivery up.
VOID: LiteralString = """
(EXISTS (
    SELECT FROM events e WHERE e.ticket_id = x.ticket_id AND e.version > x.version
        AND regexp_replace(e.ce_type, '[.]v[0-9]+$', '') = ANY(x.voided_by))
 OR x.hop = 'delivered' AND (
    SELECT coalesce(bool_or(d.state = 'discarded' AND d.moved_to = '') AND NOT bool_or(d.state = 'waiting'), false)
    FROM ({deliveries}) d))""".replace("{deliveries}", _DELIVERIES)
_OF_TICKET: LiteralString = (
    """
SELECT j.expectation, j.version, j.hop, j.place, j.targets, j.due_at, j.arrived_at,
    CASE WHEN j.state IN ('missed', 'late') OR j.arrived_at > j.due_at THEN
        CASE WHEN j.arrived_at IS NULL THEN 'missed' ELSE 'late' END
    WHEN j.due_at <= %(now)s THEN 'missed' ELSE 'pending' END AS state
FROM (
    SELECT x.expectation, x.version, x.hop, x.place, x.due_at, x.state,
        coalesce(x.arrived_at, {arrived}) AS arrived_at,
        CASE WHEN x.hop = 'delivered' THEN ARRAY(SELECT d.target FROM ({deliveries}) d) ELSE '{}' END AS targets
    FROM expectations x
    WHERE x.ticket_id = %(ticket)s AND x.state <> 'void' AND (x.state = 'late' OR NOT {void})) j
WHERE j.arrived_at IS NULL OR j.arrived_at > j.due_at
ORDER BY j.version, j.due_at, j.expectation LIMIT %(most)s""".replace("{arrived}", ARRIVED)
    .replace("{void}", VOID)
    .replace("{deliveries}", _DELIVERIES)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRow:
    """A hop of a ticket that is expected and not there, or that was late; deliveries to `targets` stand for it."""

    expectation: str
    version: int
    hop: str
    place: str
    targets: Sequence[str]
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
    """Read what is missing of a ticket, is still expected, or was late.

    `asked` has ticket, records, log, most, and what is archived of it.
    """
    query = over_archived(_OF_TICKET, asked)
    return await read_rows(connection, query, ExpectedRow, {**asked, "now": now})
