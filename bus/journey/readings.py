"""What is read of the bus itself to judge a ticket: programs, handlers, targets, apps, misnamed topics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

from bus.postgres.heartbeats import Beats, read_beats
from bus.postgres.pool import Connection, read_rows

# Published records of the ticket that a handler has not passed; a handler without a row has passed none. `ahead`: what
# is to be read of the partition before the first of them.
_UNREAD: LiteralString = """
SELECT h.handler, array_agg(o.version ORDER BY o.version) AS versions, min(o.published_at) AS since,
       min(o.kafka_offset - coalesce(s.next_offset, 0)) AS ahead, max(s.moved_at) AS moved_at, max(s.failure) AS failure
FROM unnest(%(handlers)s::text[]) AS h (handler)
CROSS JOIN outbox o
LEFT JOIN stage_offsets s ON s.handler = h.handler AND s.partition = o.shard AND s.topic = %(records)s
WHERE o.ticket_id = %(ticket)s AND o.topic = %(log)s AND o.published_at IS NOT NULL
    AND o.kafka_offset >= coalesce(s.next_offset, 0)
GROUP BY h.handler ORDER BY h.handler"""
# Rows of the ticket's shards that wait for Kafka, each shard with when the event before its first went out.
_UNPUBLISHED: LiteralString = """
SELECT o.shard, array_agg(DISTINCT o.version ORDER BY o.version) AS versions, min(e.recorded_at) AS since,
    (SELECT max(p.published_at) FROM (
        SELECT published_at FROM outbox p
        WHERE p.shard = o.shard AND p.id < min(o.id) AND p.id > min(o.id) - 10000 ORDER BY p.id DESC LIMIT 100) p
    ) AS moved_at
FROM outbox o JOIN events e USING (ticket_id, version)
WHERE o.ticket_id = %(ticket)s AND o.published_at IS NULL GROUP BY o.shard ORDER BY o.shard"""
# `before`: tickets of the target whose turn comes first, counted up to a limit. `floor`: the disk that stops its
# deliveries.
_TARGETS: LiteralString = """
SELECT t.target, t.paused, t.by_hand, t.paused_by, t.failures, t.not_before, t.asked_wait, t.undeclared_at, t.fetched,
    t.events, t.rate_per_s, t.attempts_max, f.host, f.path, f.used_share,
    (SELECT count(*) FROM (
        SELECT FROM delivery_heads h
        WHERE h.target = t.target AND NOT h.parked AND h.next_at < (
            SELECT mine.next_at FROM delivery_heads mine
            WHERE (mine.target, mine.ticket_id) = (t.target, %(ticket)s))
        ORDER BY h.next_at LIMIT %(before_max)s) h) AS before
FROM delivery_targets t LEFT JOIN LATERAL (
    SELECT d.host, d.path, d.used_bytes / nullif(d.total_bytes, 0) AS used_share
    FROM disk_floors f JOIN disks d USING (host, path) WHERE f.host = t.host ORDER BY d.path LIMIT 1) f ON true
WHERE t.canary_of = '' OR EXISTS (
    SELECT FROM deliveries d WHERE (d.target, d.ticket_id) = (t.target, %(ticket)s) OFFSET 0) ORDER BY t.target"""
# The handler's own, and others that are connected: an app may be signed in as somebody else.
_APPS: LiteralString = """
SELECT person, seen_at, left_at, answered_at FROM app_sessions
WHERE person = %(assignee)s OR seen_at > now() - %(silent)s::interval
ORDER BY person <> %(assignee)s, person LIMIT 500"""
_MISMATCHES: LiteralString = """
SELECT m.kind, m.who, m.topic, m.nearest, m.members, m.times, m.first_at, min(o.version) AS version
FROM topic_mismatches m JOIN outbox o ON o.topic = m.nearest
WHERE o.ticket_id = %(ticket)s AND o.published_at >= m.first_at AND m.kind IN ('subscription', 'stream')
    AND m.last_at > now() - interval '10 minutes'
GROUP BY m.kind, m.who, m.topic ORDER BY m.first_at, m.who, m.topic"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadRow:
    """Versions that a handler has not read, published since `since`, after `ahead` other records of its partition."""

    handler: str
    versions: Sequence[int]
    since: datetime
    ahead: int
    moved_at: datetime | None
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpublishedRow:
    """Versions that wait in a shard of the outbox; `moved_at`: when the last row before them went out."""

    shard: int
    versions: Sequence[int]
    since: datetime
    moved_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """What holds for a target as a whole.

    `fetched`: engineers' apps fetch from it. `events`: the types that it takes, None for all. `host`, `path`,
    `used_share` (0 … 1): of the disk at its floor, None without one. `before`: tickets there whose turn comes first,
    at most BEFORE_MAX.
    """

    target: str
    paused: str | None
    by_hand: bool
    paused_by: str
    failures: int
    not_before: datetime | None
    asked_wait: bool
    undeclared_at: datetime | None
    fetched: bool
    events: Sequence[str] | None
    rate_per_s: float | None
    attempts_max: int | None
    host: str | None
    path: str | None
    used_share: float | None
    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRow:
    """A person's app: when a gateway last had a session of it, when its last one ended, and when it last answered."""

    person: str
    seen_at: datetime
    left_at: datetime | None
    answered_at: datetime | None

    def connected(self, now: datetime) -> bool:
        """Say whether a gateway has a session of it."""
        return now - self.seen_at <= APP_SILENT_AFTER and (self.left_at is None or self.seen_at > self.left_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class MismatchRow:
    """Somebody who reads a topic that nobody writes, and so misses the ticket from `version` on."""

    kind: str
    who: str
    topic: str
    nearest: str
    members: Sequence[str]
    times: int
    first_at: datetime
    version: int


BEFORE_MAX = 10_000
APP_SILENT_AFTER = timedelta(seconds=30)  # three renewals of a gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """The state of the bus around one ticket, of one moment; `stages` gives each handler's stage."""

    stages: Mapping[str, str]
    beats: Beats = ()
    unpublished: Sequence[UnpublishedRow] = ()
    unread: Sequence[UnreadRow] = ()
    targets: Mapping[str, TargetRow]
    apps: Sequence[AppRow] = ()
    mismatches: Sequence[MismatchRow] = ()


async def read_readings(connection: Connection, stages: Mapping[str, str], asked: Mapping[str, Any]) -> Readings:
    """Read what a verdict on a ticket needs; `asked` has ticket, assignee, records and log."""
    asked = {**asked, "handlers": sorted(stages), "silent": APP_SILENT_AFTER, "before_max": BEFORE_MAX}
    return Readings(
        stages=stages,
        beats=await read_beats(connection),
        unpublished=await read_rows(connection, _UNPUBLISHED, UnpublishedRow, asked),
        unread=await read_rows(connection, _UNREAD, UnreadRow, asked),
        targets={one.target: one for one in await read_rows(connection, _TARGETS, TargetRow, asked)},
        apps=await read_rows(connection, _APPS, AppRow, asked),
        mismatches=await read_rows(connection, _MISMATCHES, MismatchRow, asked),
    )
