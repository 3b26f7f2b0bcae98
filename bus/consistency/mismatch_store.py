"""The undeclared topics that somebody uses, in PostgreSQL: written by rounds and gateways, read by the rule."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from psycopg.rows import dict_row

from bus.consistency.subscription_store import subscriptions
from bus.consistency.subscriptions import Subscription, subscription_of
from bus.consistency.topic_mismatch import MismatchKind, TopicMismatch
from bus.postgres.pool import Connection

ROUND_EVERY: Final = timedelta(seconds=10)
OPEN_FOR: Final = {  # how long one is open after it was last seen
    MismatchKind.SUBSCRIPTION: timedelta(seconds=60),
    MismatchKind.TOPIC: timedelta(seconds=60),
    MismatchKind.STREAM: timedelta(minutes=10),  # a client that is refused tries again
}
PER_USER_MAX: Final = 20  # topics of one client that are remembered: it may ask for anything
_TURN: Final = b"""
UPDATE topic_checks SET begun_at = clock_timestamp() WHERE begun_at < clock_timestamp() - %s::interval RETURNING 1"""
_NOTE: Final = b"""
INSERT INTO topic_mismatches AS t (kind, who, topic, nearest, members, times, records)
VALUES (%(kind)s, %(who)s, %(topic)s, %(nearest)s, %(members)s, %(times)s, %(records)s)
ON CONFLICT (kind, who, topic) DO UPDATE SET
    nearest = excluded.nearest, members = excluded.members, times = t.times + excluded.times,
    records = excluded.records, last_at = now()"""
_FORGET: Final = b"""
DELETE FROM topic_mismatches WHERE kind = %(kind)s AND who = %(who)s AND topic IN (
    SELECT topic FROM topic_mismatches WHERE kind = %(kind)s AND who = %(who)s
    ORDER BY last_at DESC, topic OFFSET %(most)s)"""
_READ: Final = b"""
SELECT kind, who, topic, nearest, members, times, records, last_at FROM topic_mismatches
WHERE last_at > now() - %s::interval ORDER BY kind, who, topic"""


async def take_turn(connection: Connection) -> bool:
    """Say whether a round is due and this program's to hold; the others then wait for the next."""
    return await (await connection.execute(_TURN, (ROUND_EVERY,))).fetchone() is not None


async def note_mismatches(connection: Connection, found: Sequence[TopicMismatch]) -> None:
    """Write what was seen now, rows in one order; of one client the last topics alone."""
    rows = [
        {
            "kind": one.kind.value,
            "who": one.who,
            "topic": one.topic,
            "nearest": one.nearest,
            "members": [*one.members],
            "times": one.times,
            "records": one.records,
        }
        for one in sorted(found, key=lambda each: (each.kind, each.who, each.topic))
    ]
    clients = sorted({one.who for one in found if one.kind is MismatchKind.STREAM})
    async with connection.cursor() as cursor:
        await cursor.executemany(_NOTE, rows)
        await cursor.executemany(
            _FORGET, [{"kind": MismatchKind.STREAM.value, "who": who, "most": PER_USER_MAX} for who in clients]
        )


async def read_mismatches(connection: Connection) -> Sequence[TopicMismatch]:
    """Read those that may still be open, with the owner of each user's subscription."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_READ, (max(OPEN_FOR.values()),))).fetchall()
    return with_owners(
        [TopicMismatch(**{**row, "kind": MismatchKind(row["kind"]), "members": tuple(row["members"])}) for row in rows],
        await subscriptions(connection) if rows else (),
    )


def open_now(found: Sequence[TopicMismatch], now: datetime) -> list[TopicMismatch]:
    """Leave out those that were last seen too long ago. Pure."""
    return [one for one in found if one.last_at and now - one.last_at <= OPEN_FOR[one.kind]]


def with_owners(found: Sequence[TopicMismatch], known: Sequence[Subscription]) -> list[TopicMismatch]:
    """Name the owner and the contact of each user that has a subscription. Pure."""
    owned = [(one, subscription_of(known, one.who) if one.who else None) for one in found]
    return [replace(one, owner=row.owner, contact=row.contact) if row else one for one, row in owned]
