"""Subscriptions, and who has been seen reading, in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, LiteralString

from psycopg.errors import UniqueViolation
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from bus.consistency.subscriptions import ListedSubscription, Subscription, subscription_read
from bus.consistency.topic_readers import ReaderKind, TopicReader
from bus.domain.errors import CommandRefused
from bus.postgres.pool import Connection

_COLUMNS: Final[LiteralString] = (
    "client, version, owner, contact, topics, types, regions, assignees, groups, fields, rate"
)
_ADD: Final[LiteralString] = f"""
INSERT INTO subscriptions ({_COLUMNS}, added_by, added_why)
VALUES (%(client)s, %(version)s, %(owner)s, %(contact)s, %(topics)s, %(types)s, %(regions)s, %(assignees)s, %(groups)s,
    %(fields)s, %(rate)s, %(by)s, %(why)s)
RETURNING number"""  # noqa: S608 - our own columns
_REMOVE: Final[LiteralString] = """
UPDATE subscriptions SET removed_at = now(), removed_by = %s, removed_why = %s
WHERE client = %s AND version = %s AND removed_at IS NULL"""
_LIST: Final[LiteralString] = f"""
SELECT number, {_COLUMNS}, added_at, added_by, added_why, removed_at, removed_by, removed_why FROM subscriptions
WHERE (client = %(client)s OR %(client)s = '') AND (removed_at IS NULL OR %(removed)s)
ORDER BY client, number"""  # noqa: S608 - our own columns
_ADD_REWIND: Final[LiteralString] = """
INSERT INTO subscription_rewinds (client, consumer_group, to_time, partitions, rewound_by, why)
VALUES (%(client)s, %(group)s, %(to)s, %(partitions)s, %(by)s, %(why)s)"""
_REWINDS: Final[LiteralString] = """
SELECT consumer_group, to_time, rewound_at, rewound_by, why FROM subscription_rewinds
WHERE client = %s ORDER BY number DESC LIMIT %s"""
REWINDS_SHOWN: Final = 10
_SEE: Final[LiteralString] = """
INSERT INTO topic_readers AS t (kind, who, topic, members) VALUES (%s, %s, %s, %s)
ON CONFLICT (kind, who, topic) DO UPDATE SET members = excluded.members, last_at = now()"""
_SEEN: Final[LiteralString] = """
SELECT kind, who, topic, members, first_at, last_at FROM topic_readers ORDER BY kind, who, topic"""


async def add_subscription(connection: Connection, one: Subscription, *, by: str, why: str) -> int:
    """Add a subscription; gives its number. Raises CommandRefused where the client has one of that version."""
    row = {name: [*value] if isinstance(value, tuple) else value for name, value in asdict(one).items()}
    try:
        cursor = await connection.execute(_ADD, {**row, "by": by, "why": why})
    except UniqueViolation:
        zh = f"“{one.client}”已有版本 {one.version} 的订阅:请先移除它,或换一个 version"
        en = f"{one.client!r} has a subscription of version {one.version}: remove it first, or give another version"
        raise CommandRefused("already", "version", zh, en) from None
    added = await cursor.fetchone()
    assert added is not None, "it was inserted"
    return int(added[0])


async def remove_subscription(connection: Connection, client: str, version: str, *, by: str, why: str) -> bool:
    """Mark a subscription as removed, by whom and why; False: there is none. The row stays."""
    return (await connection.execute(_REMOVE, (by, why, client, version))).rowcount > 0


async def list_subscriptions(
    connection: Connection, client: str = "", *, removed: bool = False
) -> list[ListedSubscription]:
    """List the subscriptions of one client or of all, the oldest of a client first; removed ones where asked."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_LIST, {"client": client, "removed": removed})).fetchall()
    return [_listed(row) for row in rows]


def _listed(row: dict[str, Any]) -> ListedSubscription:
    about = ("number", "added_at", "added_by", "added_why", "removed_at", "removed_by", "removed_why")
    return ListedSubscription(subscription=subscription_read(row), **{name: row[name] for name in about})


async def add_rewind(
    connection: Connection, row: Mapping[str, object], moved: Sequence[tuple[str, int, int | None, int]]
) -> None:
    """Write that a group was set back: client, group, to, by and why; `moved`: topic, partition, before, after."""
    await connection.execute(_ADD_REWIND, {**row, "partitions": Jsonb([*moved])})


async def list_rewinds(connection: Connection, client: str) -> list[dict[str, Any]]:
    """List the last times that a client's groups were set back, the newest first."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(_REWINDS, (client, REWINDS_SHOWN))).fetchall()


async def subscriptions(connection: Connection) -> list[Subscription]:
    """Give the subscriptions that are not removed."""
    return [one.subscription for one in await list_subscriptions(connection)]


async def see_readers(connection: Connection, readers: Sequence[TopicReader]) -> None:
    """Write who reads now, rows in one order."""
    rows = sorted((one.kind.value, one.who, one.topic, [*one.members]) for one in readers)
    async with connection.cursor() as cursor:
        await cursor.executemany(_SEE, rows)


async def seen_readers(connection: Connection) -> list[TopicReader]:
    """Give all who have been seen reading."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_SEEN)).fetchall()
    return [TopicReader(**{**row, "kind": ReaderKind(row["kind"]), "members": tuple(row["members"])}) for row in rows]
