"""Where each hop of a ticket's events is known: a query, its rows, and the hops that a row tells. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, LiteralString, TypeVar

from bus.observability.masking import mask_text
from bus.postgres.store import IN_PAGE

Hop = dict[str, Any]
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # a source is itself alone: a key of its rows
class HopSource(Generic[Row]):
    """One store of hops; a new one is a constant of this type in SOURCES.

    `query` may use the parameters ticket (its number), tickets and traces (lists), log and records (the contract's and
    the broker's name of the log) and most; its columns are the fields of `row`. `hops` gives the hops of a row, each
    with the version of its event. `follows` names for each hop the one that its lag is measured from.
    """

    query: LiteralString
    row: type[Row]
    hops: Callable[[Row], Iterable[tuple[int, Hop]]]
    follows: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """An event as it is stored; `received_at` is None where its command did not come over the intake.

    `map_version`: of the source's map that made the command, None where none did.
    """

    version: int
    source: str
    occurred_at: datetime
    received_at: datetime | None
    recorded_at: datetime
    value: bytes
    map_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """An event's row in the outbox; without `published_at` it waits for Kafka."""

    version: int
    topic: str
    shard: int
    kafka_offset: int | None
    published_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectedRow:
    """A handler's batch that held the event."""

    version: int
    handler: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedRow:
    """An event that a client of the stream was given."""

    version: int
    topic: str
    client: str
    pushed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """An event on its way to a target, as its row stands, with its target's pause.

    While it waits, `head` is the oldest version of the ticket that waits there: its own if it is the next one;
    `next_at`, `attempts`, `failure`, the last one as it was written down, and `failed`, how many were, are that one's;
    so is `postponed`, why its target does not have it before `next_at`.
    `letter` is the open dead letter there.
    """

    target: str
    version: int
    state: str
    attempts: int
    reference: str
    enqueued_at: datetime
    settled_at: datetime | None
    head: int | None
    next_at: datetime | None
    failure: Mapping[str, Any] | None
    paused: str | None
    undeclared_at: datetime | None
    letter: int | None
    failed: int | None = None
    postponed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterRow:
    """A dead letter without its bytes; `target`, `version` and `event` are those of a delivery."""

    id: int
    origin: str
    target: str
    ticket_id: str
    version: int
    event: str
    trace_id: str
    state: str
    reason: str
    kind: str
    detail: str
    message: str | None
    attempts: int
    died_at: datetime
    edited_from: int | None
    decisions: Sequence[Mapping[str, Any]]


def _stored(row: EventRow) -> Iterable[tuple[int, Hop]]:
    yield row.version, {"hop": "occurred", "where": row.source, "at": row.occurred_at}
    if row.received_at is not None:
        by_map = {} if row.map_version is None else {"map_version": row.map_version}
        yield row.version, {"hop": "received", "where": "intake", "at": row.received_at, **by_map}
    yield row.version, {"hop": "committed", "where": "postgres", "at": row.recorded_at}


def _published(row: PublishedRow) -> Iterable[tuple[int, Hop]]:
    offset = f"@{row.kafka_offset}" if row.kafka_offset is not None else ""
    hop = "published" if row.published_at else "waiting"
    yield row.version, {"hop": hop, "where": f"{row.topic}/{row.shard}{offset}", "at": row.published_at}


def _projected(row: ProjectedRow) -> Iterable[tuple[int, Hop]]:
    yield row.version, {"hop": "projected", "where": row.handler, "at": row.at}


def _pushed(row: PushedRow) -> Iterable[tuple[int, Hop]]:
    yield row.version, {"hop": "pushed", "where": f"{row.topic} → {row.client}", "at": row.pushed_at}


def _delivered(row: DeliveryRow) -> Iterable[tuple[int, Hop]]:
    yield row.version, {"hop": "enqueued", "where": row.target, "at": row.enqueued_at}
    end = {"where": row.target, "at": row.settled_at}
    if row.state == "done":
        yield row.version, {"hop": "delivered", **end, "reference": row.reference, "attempts": row.attempts}
    elif row.state == "discarded":
        yield row.version, {"hop": "discarded", **end, "why": mask_text(row.reference)}
    elif row.head != row.version:
        yield row.version, {"hop": "delivery_waiting", **end, "behind": row.head, "letter": row.letter}
    elif row.letter is None:
        held = row.undeclared_at or row.paused  # nobody knows when it is tried again
        waits = {"attempts": row.attempts, "next_at": None if held else row.next_at, "kind": None}
        yield row.version, {"hop": "delivery_waiting", **end, **waits, **_last(row.failure)}


def _last(failure: Mapping[str, Any] | None) -> Hop:
    """Tell how the last attempt failed, as far as it was written down; free text is masked as in logs."""
    shown = {name: failure[name] for name in ("kind", "status", "detail", "message") if failure and name in failure}
    return {name: mask_text(value) if isinstance(value, str) else value for name, value in shown.items()}


def _died(row: DeadLetterRow) -> Iterable[tuple[int, Hop]]:
    if row.target and row.state != "edited":  # its mended copy stands for it: it died once
        how = {"letter": row.id, "kind": row.kind, "attempts": row.attempts}
        yield row.version, {"hop": "dead", "where": row.target, "at": row.died_at, **how}


# A source is asked for so many events of a ticket after a version; what a verdict needs comes whatever its version.
EVENTS = HopSource(
    query="""
SELECT e.version, e.source, e.occurred_at, c.received_at, e.recorded_at, e.value, c.map_version
FROM events e LEFT JOIN commands c USING (command_id)"""
    + IN_PAGE
    + """
WHERE e.ticket_id = %(ticket)s ORDER BY e.version""",
    row=EventRow,
    hops=_stored,
    follows={"received": "occurred", "committed": "received"},
)
OUTBOX = HopSource(
    query="""
SELECT version, topic, shard, kafka_offset, published_at FROM outbox
WHERE ticket_id = %(ticket)s AND (version - %(after)s BETWEEN 1 AND %(events)s OR published_at IS NULL)
ORDER BY version, topic""",
    row=PublishedRow,
    hops=_published,
    follows={"published": "committed"},
)
# A push and a projection follow the publication, not each other.
READ_MODELS = HopSource(
    query="""
SELECT o.version, s.handler, b.at FROM outbox o
JOIN stage_offsets s ON s.partition = o.shard AND s.topic = %(records)s
CROSS JOIN LATERAL (
    SELECT next_offset, at FROM stage_batches
    WHERE handler = s.handler AND partition = s.partition AND first_offset <= o.kafka_offset
    ORDER BY first_offset DESC LIMIT 1) b
WHERE o.ticket_id = %(ticket)s AND o.topic = %(log)s AND o.kafka_offset < b.next_offset
  AND o.version - %(after)s BETWEEN 1 AND %(events)s
ORDER BY o.version, b.at""",
    row=ProjectedRow,
    hops=_projected,
    follows={"projected": "published"},
)
PUSHES = HopSource(
    query="""
SELECT version, topic, client, pushed_at FROM pushes
WHERE ticket_id = %(ticket)s AND version - %(after)s BETWEEN 1 AND %(events)s ORDER BY version, pushed_at""",
    row=PushedRow,
    hops=_pushed,
    follows={"pushed": "published"},
)
# What ends at a target follows what began there. Of each target that there are deliveries of, the ticket's by the key.
DELIVERIES = HopSource(
    query="""
WITH RECURSIVE names AS (
    SELECT min(target) AS target FROM deliveries
    UNION ALL SELECT (SELECT min(target) FROM deliveries WHERE target > n.target) FROM names n
    WHERE n.target IS NOT NULL)
SELECT d.target, d.version, d.state, greatest(d.attempts, h.attempts) AS attempts, d.reference, d.enqueued_at,
       d.settled_at, h.version AS head, h.next_at, h.failures->-1 AS failure,
       jsonb_array_length(h.failures) AS failed, h.postponed, t.paused, t.undeclared_at,
       (SELECT max(l.id) FROM letters l
        WHERE l.ticket_id = d.ticket_id AND l.target = d.target AND l.state = 'open') AS letter
FROM names n CROSS JOIN LATERAL (
    SELECT * FROM deliveries WHERE target = n.target AND ticket_id = %(ticket)s
        AND (version - %(after)s BETWEEN 1 AND %(events)s OR state = 'waiting') OFFSET 0) d
LEFT JOIN LATERAL (
    SELECT * FROM delivery_heads WHERE (target, ticket_id) = (d.target, d.ticket_id) OFFSET 0) h ON d.state = 'waiting'
LEFT JOIN delivery_targets t ON t.target = d.target
ORDER BY d.target, d.version""",
    row=DeliveryRow,
    hops=_delivered,
    follows={"enqueued": "published", "delivered": "enqueued", "discarded": "enqueued"},
)
# Of the ticket, or of its trace and of no ticket. What matters most is among so many: open ones first.
DEAD_LETTERS = HopSource(
    query="""
SELECT * FROM (
    SELECT l.id, l.origin, l.target, l.ticket_id, l.version, l.event, l.trace_id, l.state, l.reason, l.kind, l.detail,
           l.failures->-1->>'message' AS message, l.attempts, l.died_at, l.edited_from,
           coalesce((SELECT jsonb_agg(jsonb_build_object('decision', d.decision, 'by', d.decided_by,
                     'why', d.decided_why, 'at', d.decided_at, 'redrive', d.redrive) ORDER BY d.id)
                     FROM letter_decisions d WHERE d.letter = l.id), '[]') AS decisions
    FROM letters l
    WHERE l.ticket_id = ANY(%(tickets)s) OR l.trace_id = ANY(%(traces)s)
        AND NOT EXISTS (SELECT FROM ticket_states s WHERE s.ticket_id = l.ticket_id)
    ORDER BY l.state <> 'open', l.target = '', l.id DESC LIMIT %(most)s) AS most
ORDER BY id""",
    row=DeadLetterRow,
    hops=_died,
    follows={"dead": "enqueued"},
)
SOURCES: tuple[HopSource[Any], ...] = (EVENTS, OUTBOX, READ_MODELS, PUSHES, DELIVERIES, DEAD_LETTERS)
