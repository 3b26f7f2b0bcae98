"""Notices in PostgreSQL: claimed for one message each, and what became of it."""

from collections.abc import Collection, Mapping
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
from bus.domain.text import Text
from bus.postgres.advisory_locks import try_lock
from bus.postgres.pool import Connection

LEASE: Final = timedelta(seconds=60)  # of whoever dies while it sends one message
PASS_ON_AFTER: Final = 2  # failures: the second channel hears within a minute
GIVE_UP_AFTER: Final = timedelta(hours=1)
FIRST_WAIT_S: Final = 10.0
LONGEST_WAIT_S: Final = 300.0
HOLD_S_MAX: Final = 900.0  # whatever wait a channel asks for; DingTalk's lock lasts ten minutes
WAITING_MAX: Final = 1_000
UNNAMED: Final = Text("告警文件中已没有此渠道", "the alerts file names this channel no more")

_SENT: LiteralString = """
SELECT count(*) FROM alert_messages WHERE channel = %s AND begun_at > clock_timestamp() - interval '1 minute'"""
_WAITING: LiteralString = """
SELECT n.number, n.alert AS alert_number, n.flip, n.severity, n.instead_of, a.alert, a.opened_at, a.closed_at, a.drill,
    (SELECT count(*) FROM alerts h
        WHERE h.hidden_by = a.rule || '|' || a.about AND h.hidden_by <> '' AND h.closed_at IS NULL) AS hides
FROM alert_notices n JOIN alerts a ON a.number = n.alert
WHERE n.channel = %s AND n.sent_at IS NULL AND n.given_up_at IS NULL AND n.due_at <= clock_timestamp()
    AND NOT (n.flip = 'closed' AND EXISTS ( -- that an alert is over is not heard of before it itself
        SELECT FROM alert_notices e WHERE e.alert = n.alert AND e.channel = n.channel AND e.number < n.number
            AND e.sent_at IS NULL AND e.given_up_at IS NULL AND e.due_at > clock_timestamp()))
ORDER BY n.severity, n.number LIMIT %s"""
_BEGIN: LiteralString = """
WITH message AS (
    INSERT INTO alert_messages (channel, begun_at, notices)
    VALUES (%(channel)s, clock_timestamp(), cardinality(%(numbers)s::bigint[])) RETURNING number)
UPDATE alert_notices SET message = message.number, attempts = attempts + 1, due_at = clock_timestamp() + %(lease)s
FROM message WHERE alert_notices.number = ANY(%(numbers)s) RETURNING message"""
_SENT_NOW: LiteralString = """
WITH message AS (UPDATE alert_messages SET sent_at = clock_timestamp() WHERE number = %(message)s)
UPDATE alert_notices n SET sent_at = clock_timestamp(),
    failure = CASE WHEN n.number = taken.number THEN '' ELSE n.failure END
FROM alert_notices taken
WHERE taken.message = %(message)s AND taken.sent_at IS NULL AND n.sent_at IS NULL AND (n.number = taken.number
    OR n.number < taken.number AND n.alert = taken.alert AND n.channel = taken.channel AND n.given_up_at IS NULL)"""
_INSTEAD: LiteralString = """
INSERT INTO alert_notices (alert, channel, flip, severity, made_at, due_at, instead_of)
SELECT alert, %(second)s, flip, severity, made_at, clock_timestamp(), channel FROM failed
WHERE %(second)s::text IS NOT NULL AND given_up_at IS NOT NULL AND instead_of = ''"""
_FAILED: LiteralString = f"""
WITH message AS (UPDATE alert_messages SET failure = %(why)s WHERE number = %(message)s),
failed AS (
    UPDATE alert_notices SET failure = %(why)s,
        due_at = clock_timestamp() + make_interval(secs => least(%(longest)s, %(first)s * 2 ^ (attempts - 1))),
        given_up_at = CASE
            WHEN %(second)s::text IS NOT NULL AND instead_of = ''
                AND (attempts >= %(pass_on)s OR %(held)s > %(first)s) THEN clock_timestamp()
            WHEN made_at < clock_timestamp() - %(give_up)s::interval THEN clock_timestamp() END
    WHERE message = %(message)s AND sent_at IS NULL RETURNING *)
{_INSTEAD}"""  # noqa: S608 - our own words
_HOLD: LiteralString = """
INSERT INTO alert_channels (channel, not_before, why)
VALUES (%(channel)s, clock_timestamp() + make_interval(secs => %(held)s), %(why)s)
ON CONFLICT (channel) DO UPDATE SET why = excluded.why,
    not_before = greatest(alert_channels.not_before, excluded.not_before)"""
_HELD: LiteralString = """
SELECT why, not_before > clock_timestamp() + make_interval(secs => %(first)s) AS longer FROM alert_channels
WHERE channel = %(channel)s AND not_before > clock_timestamp()"""
_PASS_ON: LiteralString = f"""
WITH failed AS (
    UPDATE alert_notices SET failure = %(why)s, given_up_at = clock_timestamp()
    WHERE channel = %(channel)s AND instead_of = '' AND sent_at IS NULL AND given_up_at IS NULL
        AND due_at <= clock_timestamp()
    RETURNING *)
{_INSTEAD}"""  # noqa: S608 - our own words
_CLOSE_UNNAMED: LiteralString = """
UPDATE alert_notices SET given_up_at = clock_timestamp(), failure = %s
WHERE channel <> ALL(%s) AND sent_at IS NULL AND given_up_at IS NULL AND made_at < clock_timestamp() - %s::interval"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A message that is to be sent now, and the number under which its outcome is stored."""

    number: int
    message: ChannelMessage


async def claim(
    connection: Connection, channel: str, rules: Mapping[str, AnyRule], *, per_minute: int, second: str | None
) -> Claimed | None:
    """Claim the next message that the channel may be sent now; none while another program claims. One transaction.

    While it takes none for longer, `second` has what waits.
    """
    if not await try_lock(connection, f"alerts to {channel}") or await _held(connection, channel, second):
        return None
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_WAITING, (channel, WAITING_MAX))).fetchall()
    if not rows:
        return None
    ((sent,),) = await (await connection.execute(_SENT, (channel,))).fetchall()
    messages = plan([notice_of(row, rules) for row in rows], sent_last_minute=sent, per_minute=per_minute)
    if not messages:
        return None
    return Claimed(number=await _begin(connection, channel, messages[0]), message=messages[0])


async def _held(connection: Connection, channel: str, second: str | None) -> bool:
    """Say whether the channel has asked for a wait that is not over."""
    held = {"channel": channel, "first": FIRST_WAIT_S}
    row = await (await connection.execute(_HELD, held)).fetchone()
    if row is None:
        return False
    why, longer = row
    if second and longer:
        await connection.execute(_PASS_ON, {"channel": channel, "second": second, "why": why})
    return True


async def _begin(connection: Connection, channel: str, message: ChannelMessage) -> int:
    numbers = [one.number for one in message.notices]
    begun = {"channel": channel, "numbers": numbers, "lease": LEASE}
    row = await (await connection.execute(_BEGIN, begun)).fetchone()
    assert row is not None, "a message has a notice"
    return int(row[0])


async def sent(connection: Connection, number: int) -> None:
    """Note that a message was taken: what of its alerts still waited for the channel would be older news."""
    await connection.execute(_SENT_NOW, {"message": number})


async def failed(
    connection: Connection, claimed: Claimed, why: str, *, channel: str, second: str | None, retry_after_s: float | None
) -> None:
    """Note that it was not: it is tried again later; after two failures, or a wait asked for, `second` has it.

    A wait holds for the whole channel, whichever program sends.
    """
    held = min(retry_after_s or 0.0, HOLD_S_MAX)
    outcome = {"message": claimed.number, "channel": channel, "why": why, "second": second, "held": held}
    limits = {
        "first": FIRST_WAIT_S,
        "longest": LONGEST_WAIT_S,
        "pass_on": PASS_ON_AFTER,
        "give_up": GIVE_UP_AFTER,
    }
    if held:
        await connection.execute(_HOLD, outcome)
    await connection.execute(_FAILED, outcome | limits)


async def close_unnamed(connection: Connection, channels: Collection[str]) -> int:
    """Close what nobody has sent in an hour, since no program's alerts file names its channel; gives how many."""
    return (await connection.execute(_CLOSE_UNNAMED, (str(UNNAMED), [*channels], GIVE_UP_AFTER))).rowcount


def notice_of(row: Mapping[str, Any], rules: Mapping[str, AnyRule]) -> Notice:
    """Read a notice with its alert."""
    alert = alert_of(row["alert"])
    rule = rules[alert.rule.value]
    values = {**row, "alert": alert, "flip": Flip(row["flip"]), "severity": Severity(row["severity"])}
    return Notice(**values, title=rule.title, page=rule.page)
