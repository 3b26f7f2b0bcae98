"""What a channel that forgets is sent again: of the alerts that go there, what is open and what closed lately."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, LiteralString

from psycopg.rows import dict_row

from bus.alerts.engine.channel import Notice
from bus.alerts.engine.notice_store import notice_of
from bus.alerts.rule import AnyRule
from bus.postgres.pool import Connection

EVERY: Final = timedelta(seconds=60)
AGAIN_AFTER: Final = timedelta(seconds=15)  # where it failed
CLOSED_FOR: Final = timedelta(minutes=15)
ALERTS_MAX: Final = 5_000

_TURN: LiteralString = """
INSERT INTO alert_channels AS c (channel, refreshed_at) VALUES (%(channel)s, clock_timestamp())
ON CONFLICT (channel) DO UPDATE SET refreshed_at = clock_timestamp()
WHERE c.refreshed_at <= clock_timestamp() - %(every)s::interval AND c.not_before <= clock_timestamp()
RETURNING channel"""
# Also what it was not sent while it was away.
_KNOWN: LiteralString = """
SELECT DISTINCT ON (a.severity, a.number) n.number, a.number AS alert_number, n.flip, a.severity, n.instead_of, a.alert,
    a.opened_at, a.closed_at, a.drill, 0 AS hides
FROM alert_notices n JOIN alerts a ON a.number = n.alert
WHERE n.channel = %(channel)s
    AND (a.closed_at IS NULL OR a.closed_at > clock_timestamp() - %(closed_for)s::interval)
ORDER BY a.severity, a.number, n.number DESC LIMIT %(most)s"""
_AGAIN_SOON: LiteralString = """
UPDATE alert_channels SET refreshed_at = clock_timestamp() - %s::interval + %s::interval WHERE channel = %s"""


async def due(connection: Connection, channel: str, rules: Mapping[str, AnyRule]) -> Sequence[Notice]:
    """Give what the channel is to be sent again now; nothing before a minute is over, whichever program sent it."""
    turn = await connection.execute(_TURN, {"channel": channel, "every": EVERY})
    if await turn.fetchone() is None:
        return []
    known = {"channel": channel, "closed_for": CLOSED_FOR, "most": ALERTS_MAX}
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_KNOWN, known)).fetchall()
    return [notice_of(row, rules) for row in rows]


async def again_soon(connection: Connection, channel: str) -> None:
    """Let the next time be soon."""
    await connection.execute(_AGAIN_SOON, (EVERY, AGAIN_AFTER, channel))
