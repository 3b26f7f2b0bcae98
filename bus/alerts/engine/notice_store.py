"""Notices in PostgreSQL: claimed for one message each, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, LiteralString

from psycopg.rows import dict_row

from bus.alerts.alert import Severity
from bus.alerts.alert_json import alert_of
from bus.alerts.engine.alert_state import Flip
from bus.alerts.engine.channel import ChannelMessage, Notice
from bus.alerts.engine.message_plan import plan
from bus.alerts.rule import AnyRule
from bus.postgres.pool import Connection

LEASE: Final = timedelta(seconds=60)  # of whoever dies while it sends
PASS_ON_AFTER: Final = 2  # failures: the second channel hears within a minute
GIVE_UP_AFTER: Final = timedelta(hours=1)
FIRST_WAIT_S: Final = 10.0
LONGEST_WAIT_S: Final = 300.0
WAITING_MAX: Final = 1_000

_LOCK: LiteralString = "SELECT pg_try_advisory_xact_lock(hashtext('ticketbus alerts to ' || %s))"
_SENT: LiteralString = """
SELECT count(*) FROM alert_messages WHERE channel = %s AND begun_at > clock_timestamp() - interval '1 minute'"""
_WAITING: LiteralString = """
SELECT n.number, n.alert AS alert_number, n.flip, n.severity, n.instead_of, a.alert, a.opened_at, a.closed_at, a.drill,
    (SELECT count(*) FROM alerts h WHERE h.hidden_by = a.rule || '|' || a.about AND h.closed_at IS NULL) AS hides
FROM alert_notices n JOIN alerts a ON a.number = n.alert
WHERE n.channel = %s AND n.sent_at IS NULL AND n.given_up_at IS NULL AND n.due_at <= clock_timestamp()
ORDER BY n.severity, n.number LIMIT %s"""
_BEGIN: LiteralString = """
WITH message AS (
    INSERT INTO alert_messages (channel, begun_at, notices)
    VALUES (%(channel)s, clock_timestamp(), cardinality(%(numbers)s::bigint[])) RETURNING number)
UPDATE alert_notices SET message = message.number, attempts = attempts + 1, due_at = clock_timestamp() + %(lease)s
FROM message WHERE alert_notices.number = ANY(%(numbers)s) RETURNING message"""
_SENT_NOW: LiteralString = """
WITH message AS (UPDATE alert_messages SET sent_at = clock_timestamp() WHERE number = %(message)s)
UPDATE alert_notices SET sent_at = clock_timestamp(), failure = '' WHERE message = %(message)s AND sent_at IS NULL"""
_FAILED: LiteralString = """
WITH message AS (UPDATE alert_messages SET failure = %(why)s WHERE number = %(message)s),
failed AS (
    UPDATE alert_notices SET failure = %(why)s,
        due_at = clock_timestamp()
            + make_interval(secs => greatest(%(asked)s, least(%(longest)s, %(first)s * 2 ^ (attempts - 1)))),
        given_up_at = CASE
            WHEN %(second)s::text IS NOT NULL AND instead_of = ''
                AND (attempts >= %(pass_on)s OR %(asked)s > %(first)s) THEN clock_timestamp()
            WHEN made_at < clock_timestamp() - %(give_up)s::interval THEN clock_timestamp() END
    WHERE message = %(message)s AND sent_at IS NULL RETURNING *)
INSERT INTO alert_notices (alert, channel, flip, severity, made_at, due_at, instead_of)
SELECT alert, %(second)s, flip, severity, made_at, clock_timestamp(), channel FROM failed
WHERE %(second)s::text IS NOT NULL AND given_up_at IS NOT NULL AND instead_of = ''"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A message that is to be sent now, and the number under which its outcome is stored."""

    number: int
    message: ChannelMessage


async def claim(connection: Connection, channel: str, per_minute: int, rules: Mapping[str, AnyRule]) -> list[Claimed]:
    """Claim what the channel may send now; nothing while another program is at it. One transaction."""
    ((mine,),) = await (await connection.execute(_LOCK, (channel,))).fetchall()
    if not mine:
        return []
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_WAITING, (channel, WAITING_MAX))).fetchall()
    if not rows:
        return []
    ((sent,),) = await (await connection.execute(_SENT, (channel,))).fetchall()
    waiting = [notice_of(row, rules) for row in rows]
    return [
        Claimed(number=await _begin(connection, channel, message), message=message)
        for message in plan(waiting, sent_last_minute=sent, per_minute=per_minute)
    ]


async def _begin(connection: Connection, channel: str, message: ChannelMessage) -> int:
    numbers = [one.number for one in message.notices]
    begun = {"channel": channel, "numbers": numbers, "lease": LEASE}
    row = await (await connection.execute(_BEGIN, begun)).fetchone()
    assert row is not None, "a message has a notice"
    return int(row[0])


async def sent(connection: Connection, number: int) -> None:
    """Note that a message was taken."""
    await connection.execute(_SENT_NOW, {"message": number})


async def failed(
    connection: Connection, number: int, why: str, *, second: str | None, retry_after_s: float | None
) -> None:
    """Note that it was not: it is tried again later; after two failures, or a wait asked for, `second` has it."""
    outcome = {"message": number, "why": why, "second": second, "asked": retry_after_s or 0.0}
    limits = {
        "first": FIRST_WAIT_S,
        "longest": LONGEST_WAIT_S,
        "pass_on": PASS_ON_AFTER,
        "give_up": GIVE_UP_AFTER,
    }
    await connection.execute(_FAILED, outcome | limits)


def notice_of(row: Mapping[str, Any], rules: Mapping[str, AnyRule]) -> Notice:
    """Read a notice with its alert."""
    alert = alert_of(row["alert"])
    rule = rules[alert.rule.value]
    values = {**row, "alert": alert, "flip": Flip(row["flip"]), "severity": Severity(row["severity"])}
    return Notice(**values, title=rule.title, page=rule.page)
