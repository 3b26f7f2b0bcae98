"""Retention: how long rows are kept that no ticket needs any more, and their deletion in small batches."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from psycopg.sql import SQL, Identifier

from bus.domain.errors import StoreUnavailable
from bus.postgres.advisory_locks import wait_for_lock
from bus.postgres.event_months import make_months
from bus.postgres.personal_keys import DESTROY
from bus.postgres.pool import Connection, Pool, connected
from bus.settings import SettingsInvalid
from schemas.topics import LOG

EVERY_S: Final = 3600.0
BATCH: Final = 5_000
COUNTED_MAX: Final = 10_000
PAUSE_S: Final = 0.05  # between batches: others get at the disk
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLifetime:
    """A table whose rows are deleted `days` after the time in the column `since`.

    `of`: the rows that are not kept for ever. `only`: which of them may go now.
    """

    days: int
    since: str
    of: str = "true"
    only: str = "true"
    what: str


TABLES: Final[Mapping[str, RowLifetime]] = {
    "pushes": RowLifetime(days=30, since="pushed_at", what="which event was sent to which subscriber"),
    "idempotency_keys": RowLifetime(days=7, since="done_at", what="what was answered to requests about dead letters"),
    # A replay of older events is held back by the stage's offsets alone.
    "deliveries": RowLifetime(days=90, since="settled_at", what="deliveries that are settled"),
    "outbox": RowLifetime(
        days=90,
        since="published_at",
        of=f"topic <> '{LOG}'",
        what=f"what was published, but on `{LOG}`: by that the log is compared",
    ),
    "expectations": RowLifetime(
        days=30,
        since="settled_at",
        of="settled_at IS NOT NULL",
        what="hops that were expected, once they came or were expected no more",
    ),
    "drift_lists": RowLifetime(days=400, since="made_at", what="the drift lists of working mornings"),
    "routing_turns": RowLifetime(days=7, since="next_at", what="when waiting tickets were to be routed again"),
    "refused_inputs": RowLifetime(days=90, since="last_at", what="refused input, by when it last came"),
    "imports": RowLifetime(days=90, since="began_at", what="runs of the import, with what they came to"),
    "commands": RowLifetime(days=400, since="received_at", what="command ids: a repeat after that has a second effect"),
    "letters": RowLifetime(
        days=365,
        since="died_at",
        only="""state <> 'open'
            AND NOT EXISTS (SELECT FROM letter_decisions d WHERE d.letter = t.id AND d.decided_at >= %(before)s)
            AND NOT EXISTS (SELECT FROM letters e WHERE e.edited_from = t.id)""",
        what="dead letters that were decided, with their decisions",
    ),
    "alerts": RowLifetime(
        days=90,
        since="closed_at",
        of="closed_at IS NOT NULL",
        what="closed alerts, with what was sent of them",
    ),
    "topic_mismatches": RowLifetime(days=30, since="last_at", what="undeclared topics that somebody used"),
    "app_sessions": RowLifetime(days=30, since="seen_at", what="persons whose app was connected"),
    "topic_readers": RowLifetime(days=400, since="last_at", what="who was seen reading which topic"),
    "subscriptions": RowLifetime(
        days=400, since="removed_at", of="removed_at IS NOT NULL", what="subscriptions that were removed"
    ),
    "subscription_rewinds": RowLifetime(days=400, since="rewound_at", what="offsets that were set back"),
    "rollouts": RowLifetime(
        days=400,
        since="ended_at",
        of="state IN ('aborted', 'rolled_back')",
        what="rollouts that were taken back, as they went",
    ),
    "alert_messages": RowLifetime(days=90, since="begun_at", what="messages to channels of alerts"),
    "alert_reports": RowLifetime(days=7, since="reported_at", what="what programs reported, as it was last reported"),
    "alerts_sent_directly": RowLifetime(
        days=1, since="stored_at", what="which channel has taken which alert while PostgreSQL was away"
    ),
    "alert_silences": RowLifetime(days=90, since="until", what="silences that are over"),
    "reconciliations": RowLifetime(days=90, since="ended_at", what="comparisons with sources' lists"),
    "missing_tickets": RowLifetime(
        days=400,
        since="settled_at",
        of="settled_at IS NOT NULL",
        what="tickets that were missing here and a source listed, once that was settled",
    ),
    "source_minutes": RowLifetime(days=29, since="minute", what="minutes in which a source sent something"),
    "sensor_alarms": RowLifetime(
        days=30, since="seen_at", what="how it stands with alarms of devices, by when the device was last heard"
    ),
    "topic_minutes": RowLifetime(days=29, since="minute", what="minutes in which something was written to a topic"),
    "certificates": RowLifetime(days=7, since="read_at", what="when certificates end, by who uses them"),
    "programs": RowLifetime(days=1, since="beat_at", what="programs that ran, by their last heartbeat"),
    "personal_reads": RowLifetime(days=1095, since="last_at", what="who read which ticket in clear, by day"),
    "notice_sends": RowLifetime(
        days=1, since="sent_at", what="when a message went to a person, for the limits of channels"
    ),
    "files": RowLifetime(
        days=7,
        since="uploaded_at",
        of="cardinality(tickets) = 0",
        only="ended_at IS NULL",
        what="uploaded files that no evidence names; those of a ticket end with its `personal_keys`",
    ),
    "personal_keys": RowLifetime(
        days=1095,
        since="made_at",
        only="""wrapped IS NOT NULL AND (about = 'input' OR EXISTS (
            SELECT FROM ticket_states s WHERE s.ticket_id = t.about AND s.state->>'state' = 'closed'
            AND (s.state->>'closed_at')::timestamptz < %(before)s))""",
        what="personal data: its keys are destroyed so long after they were made and the ticket was closed, and the "
        "files end that only such tickets name, also of a ticket without a key",
    ),
}
"""Events with their place on the log, states, names, open letters and reads of personal data are kept for ever.

Published records beside events go at once.
"""

_DELETE: Final = """
DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {table} t WHERE {since} < %(before)s AND {of} AND {only} LIMIT %(most)s FOR UPDATE SKIP LOCKED))"""
_DELETE_LETTERS: Final = """
WITH old AS (SELECT id FROM letters t WHERE {since} < %(before)s AND {only} LIMIT %(most)s FOR UPDATE SKIP LOCKED),
     decisions AS (DELETE FROM letter_decisions WHERE letter IN (SELECT id FROM old))
DELETE FROM letters WHERE id IN (SELECT id FROM old)"""
# And of tickets that never had a key what else ends with it: the files that their evidence names.
_DESTROY_KEYS: Final = DESTROY.replace(
    "{which}",
    """
    SELECT key_id, about FROM (
        SELECT key_id, about FROM personal_keys t WHERE {since} < %(before)s AND {only} LIMIT %(most)s FOR UPDATE
    ) AS due UNION ALL (
        SELECT NULL, s.ticket_id FROM files f JOIN ticket_states s ON s.ticket_id = ANY(f.tickets)
        WHERE f.uploaded_at < %(before)s AND s.state->>'state' = 'closed'
        AND (s.state->>'closed_at')::timestamptz < %(before)s
        AND NOT EXISTS (SELECT FROM personal_keys k WHERE k.about = s.ticket_id AND k.wrapped IS NOT NULL)
        LIMIT %(most)s)""",
)
_END_FILES: Final = """
UPDATE {table} SET ended_at = now() WHERE sha256 = ANY(ARRAY(
    SELECT sha256 FROM {table} t WHERE {since} < %(before)s AND {of} AND {only} LIMIT %(most)s
    FOR UPDATE SKIP LOCKED))"""  # a gateway deletes bytes and row
_HOW: Final[Mapping[str, str]] = {
    "letters": _DELETE_LETTERS,
    "personal_keys": _DESTROY_KEYS,
    "files": _END_FILES,
}
_STORAGE: Final = """
SELECT r.relname, sum(greatest(c.reltuples, 0))::bigint, sum(pg_total_relation_size(c.oid))::bigint
FROM pg_class c JOIN pg_class r ON r.oid = coalesce(pg_partition_root(c.oid), c.oid)
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace GROUP BY r.relname ORDER BY 3 DESC"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A table: rows (from COUNTED_MAX on an estimate), bytes with indexes, the oldest row and how long rows stay."""

    table: str
    rows: int
    bytes: int
    oldest: datetime | None
    days: int | None


def days_kept(settings: Mapping[str, int]) -> dict[str, int]:
    """Give how many days the rows of each table are kept, by the settings where they say so. Raises SettingsInvalid."""
    if unknown := sorted(settings.keys() - TABLES.keys()):
        names = ", ".join(TABLES)
        raise SettingsInvalid(f"TICKETBUS_KEEP_DAYS: {unknown[0]!r} is not kept by days; there are {names}")
    return {table: settings.get(table, kept.days) for table, kept in TABLES.items()}


async def delete_old_rows(pool: Pool, days: Mapping[str, int]) -> None:
    """Delete what is old, now and every hour, until cancelled; several workers take turns. Months come likewise."""
    while True:
        try:
            for table in TABLES:
                deleted = BATCH
                while deleted == BATCH:
                    deleted = await delete_batch(pool, table, days[table])
                    await asyncio.sleep(PAUSE_S)
            async with connected(pool) as connection:
                await wait_for_lock(connection, "retention")
                await make_months(connection, datetime.now(UTC))
        except StoreUnavailable as error:
            log.warning("old_not_forgotten", cause=str(error))
        await asyncio.sleep(EVERY_S)


async def delete_batch(pool: Pool, table: str, days: int) -> int:
    """Delete at most BATCH old rows of a table; gives how many. Rows that others hold are left for the next time."""
    kept = TABLES[table]
    query = _HOW.get(table, _DELETE)
    async with connected(pool) as connection:
        await wait_for_lock(connection, "retention")
        ((before,),) = await (await connection.execute("SELECT now() - make_interval(days => %s)", (days,))).fetchall()
        text = query.format(table=table, since=kept.since, of=kept.of, only=kept.only)
        return (await connection.execute(text.encode(), {"before": before, "most": BATCH})).rowcount


async def storage(pool: Pool, days: Mapping[str, int]) -> list[Stored]:
    """Say what is stored, the largest table first; the oldest rows of tables with retention are looked for."""
    async with connected(pool) as connection:
        rows = [
            (table, await _counted(connection, table) if estimate < COUNTED_MAX else estimate, size)
            for table, estimate, size in await (await connection.execute(_STORAGE)).fetchall()
        ]
        oldest = {
            table: (await _one(connection, f"SELECT min({kept.since}) FROM {table} WHERE {kept.of}"))[0]  # noqa: S608 - our own names
            for table, kept in TABLES.items()
        }
    return [
        Stored(table=table, rows=count, bytes=size, oldest=oldest.get(table), days=days.get(table))
        for table, count, size in rows
    ]


async def _counted(connection: Connection, table: str) -> int:
    """Count the rows of a small table: PostgreSQL has no estimate before it first looks at one."""
    query = SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT {}) AS counted").format(Identifier(table), COUNTED_MAX)
    row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return int(row[0])


async def _one(connection: Connection, query: str) -> tuple[Any, ...]:
    row = await (await connection.execute(query.encode())).fetchone()
    assert row is not None
    return row
