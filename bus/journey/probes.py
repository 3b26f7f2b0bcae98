"""Probes 探测 in PostgreSQL: the last of each route, whether it came home, and where it waits."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.domain.text import Text
from bus.domain.time_text import time_text
from bus.postgres.pool import Connection, read_rows
from schemas.topics import LOG

OWN: Final = ""  # the bus's own way; other routes are targets
RETRY: Final = timedelta(seconds=20)  # after a target's probe failed

# Any number of workers ask; the row is the lock, and who moves it sends. A row is there before its first probe, which
# is due after one interval.
_DECLARE: Final[LiteralString] = """
INSERT INTO probes AS p (route, every, within) VALUES (%(route)s, %(every)s, %(within)s)
ON CONFLICT (route) DO UPDATE SET every = excluded.every, within = excluded.within
WHERE (p.every, p.within) <> (excluded.every, excluded.within)"""
_TAKE: Final[LiteralString] = """
UPDATE probes SET sent_at = now(), missing_since = coalesce(missing_since, now()), version = NULL,
    waits_at = CASE WHEN route = '' THEN 'PostgreSQL' ELSE waits_at END
WHERE route = %(route)s AND sent_at <= now() - CASE
    WHEN missing_since IS NULL OR route = '' THEN %(every)s ELSE least(%(every)s, %(retry)s) END
RETURNING sent_at"""
_NOTED: Final[LiteralString] = """
UPDATE probes SET ticket_id = %s, version = %s, waits_at = 'relay' WHERE route = '' AND sent_at = %s"""
_HOME: Final[LiteralString] = """
UPDATE probes SET home_at = now(), missing_since = NULL, waits_at = '' WHERE route = %s AND sent_at = %s"""
_WAITS: Final[LiteralString] = "UPDATE probes SET waits_at = %s WHERE route = %s AND sent_at = %s AND waits_at <> %s"
_WAY: Final[LiteralString] = """
SELECT p.sent_at,
    ARRAY(SELECT o.topic FROM outbox o WHERE (o.ticket_id, o.version) = (p.ticket_id, p.version)
        AND o.published_at IS NULL ORDER BY o.topic),
    ARRAY(SELECT h FROM unnest(%(handlers)s::text[]) h WHERE NOT EXISTS (
        SELECT FROM outbox o JOIN stage_offsets s ON s.handler = h AND s.partition = o.shard AND s.topic = %(records)s
            AND s.next_offset > o.kafka_offset
        WHERE (o.ticket_id, o.version, o.topic) = (p.ticket_id, p.version, %(log)s)))
FROM probes p WHERE p.route = '' AND p.version IS NOT NULL AND p.missing_since IS NOT NULL"""
_READ: Final[LiteralString] = """
SELECT route, ticket_id, sent_at, home_at, missing_since, waits_at, every, within FROM probes p
WHERE route = '' OR EXISTS (SELECT FROM delivery_targets t WHERE t.target = p.route AND t.undeclared_at IS NULL)
ORDER BY route"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The last probe of a route. `missing_since`: when the first was sent that none has followed home; None: home."""

    route: str
    ticket_id: str
    sent_at: datetime
    home_at: datetime | None
    missing_since: datetime | None
    waits_at: str
    every: timedelta
    within: timedelta


def wrong_with(one: Probe, now: datetime) -> Text | None:
    """Say what is wrong with a probe; None while it is home, or on its way in time. Pure."""
    if one.missing_since and now - one.missing_since > one.within:
        since, where = time_text(one.missing_since), one.waits_at or "?"
        return Text(f"自 {since.zh} 起未返回,停在 {where}", f"not home since {since.en}, waits at {where}")
    if not one.missing_since and now - one.sent_at > one.every + one.within:
        since = time_text(one.sent_at)
        return Text(f"自 {since.zh} 起没有再发出", f"none was sent since {since.en}")
    return None


async def read_probes(connection: Connection) -> Sequence[Probe]:
    """Read the probe of each route: the bus's own way first, then the declared targets."""
    return await read_rows(connection, _READ, Probe)


async def take_turn(connection: Connection, route: str, every: timedelta, within: timedelta) -> datetime | None:
    """Take it upon oneself to send a route's probe if it is due; gives when it counts as sent, by PostgreSQL."""
    asked = {"route": route, "every": every, "within": within, "retry": RETRY}
    await connection.execute(_DECLARE, asked)
    row = await (await connection.execute(_TAKE, asked)).fetchone()
    return row[0] if row else None


async def note_sent(connection: Connection, sent_at: datetime, ticket_id: str, version: int) -> None:
    """Note which event the bus's own probe is."""
    await connection.execute(_NOTED, (ticket_id, version, sent_at))


async def note_home(connection: Connection, route: str, sent_at: datetime) -> None:
    """Note that a probe came home; one that was followed by another says nothing."""
    await connection.execute(_HOME, (route, sent_at))


async def note_waits(connection: Connection, route: str, sent_at: datetime, where: str) -> None:
    """Note where a probe is, or why it failed."""
    await connection.execute(_WAITS, (where, route, sent_at, where))


async def follow(connection: Connection, records: str, handlers: Collection[str]) -> None:
    """Look whether the bus's own probe is home: on its topics, and processed by every handler of the log.

    `records`: the broker's name of the log.
    """
    asked = {"handlers": [*handlers], "records": records, "log": LOG}
    row = await (await connection.execute(_WAY, asked)).fetchone()
    if row is None:
        return
    sent_at, topics, behind = row
    if waits_at := ", ".join(topics or behind):
        await note_waits(connection, OWN, sent_at, waits_at)
    else:
        await note_home(connection, OWN, sent_at)


async def forget(connection: Connection, routes: Collection[str]) -> None:
    """Forget routes that are probed no more."""
    await connection.execute("DELETE FROM probes WHERE route = ANY(%s)", ([*routes],))
